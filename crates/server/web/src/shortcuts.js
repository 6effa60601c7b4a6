// Keyboard shortcuts: `?` shows them, `g` and a letter opens a view.
import { element } from "./dom.js";

/** How long `g` waits for its letter. */
const SEQUENCE_MS = 1200;

/** The letter of each view. */
const VIEWS = new Map([
  ["o", "/"],
  ["p", "/pipeline"],
  ["t", "/tables"],
  ["s", "/sql"],
  ["r", "/runs"],
  ["v", "/privacy"],
  ["q", "/quarantine"],
]);

/** @type {[string, string][]} */
const EVERYWHERE = [["?", "these shortcuts"]];

/** @type {[string, string][]} */
const EDITOR = [
  ["Ctrl Enter", "run the statement, or what is selected of it"],
  ["Ctrl S", "save the statement under its name"],
  ["Ctrl Space", "complete tables, columns and functions"],
  ["Alt Shift F", "format"],
  ["Alt Shift N", "a new tab"],
  ["Ctrl /", "comment lines out, or in again"],
  ["Ctrl F", "find"],
  ["F8", "go to the error"],
  ["e", "go to the editor; Escape and Tab leave it"],
];

/** Listens for shortcuts on the whole page. */
export function listenForShortcuts() {
  let waitsSince = -Infinity;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event)) return;
    const isSecond = event.timeStamp - waitsSince < SEQUENCE_MS;
    waitsSince = -Infinity;
    const path = isSecond ? VIEWS.get(event.key) : undefined;
    if (path) document.querySelector(`nav a[href="${path}"]`)?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    else if (event.key === "g") waitsSince = event.timeStamp;
    else if (event.key === "?") show();
    else if (event.key === "e" && document.querySelector("[data-editor]")) {
      document.dispatchEvent(new CustomEvent("edit"));
    } else return;
    event.preventDefault();
  });
}

/**
 * Whether a key was meant for a field.
 *
 * @param {KeyboardEvent} event
 */
function isTyping(event) {
  const [target] = event.composedPath();
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, select, textarea"));
}

function show() {
  const open = document.querySelector("dialog.shortcuts");
  if (open) return;
  const views = [...VIEWS].flatMap(([letter, path]) => {
    const link = document.querySelector(`nav a[href="${path}"]`);
    return link ? [/** @type {[string, string]} */ ([`g ${letter}`, link.textContent ?? path])] : [];
  });
  const dialog = element(
    "dialog",
    { className: "shortcuts", "aria-labelledby": "shortcuts" },
    element("h2", { id: "shortcuts" }, "Keyboard shortcuts"),
    list([...EVERYWHERE, ...views]),
  );
  if (document.querySelector("[data-editor]")) dialog.append(element("h3", {}, "In the editor"), list(EDITOR));
  dialog.append(element("form", { method: "dialog" }, element("button", { type: "submit" }, "Close")));
  // A click beside the dialog is one on its backdrop.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {[string, string][]} shortcuts */
function list(shortcuts) {
  const rows = shortcuts.map(([keys, what]) => {
    const shown = isMac() ? keys.replace("Ctrl", "⌘").replace("Alt", "⌥") : keys;
    const parts = shown.split(" ").flatMap((key) => [element("kbd", {}, key), " "]);
    return element("div", {}, element("dt", {}, ...parts), element("dd", {}, what));
  });
  return element("dl", {}, ...rows);
}

function isMac() {
  return navigator.platform.startsWith("Mac");
}
