// Where statements are: editor, tabs, running them without leaving the page.
import { submit } from "./api.js";
import { button } from "./dom.js";
import { Editor } from "./editor.js";
import { Result } from "./query.js";
import { Saving } from "./save.js";
import { Tabs } from "./tabs.js";

/** @import { Part } from "./editor.js" */
/** @import { EditorState } from "@codemirror/state" */
/** @import { Tab } from "./tabs.js" */

/** How long a submission waits, so that a quick answer is there at once. */
const QUICK_MS = 300;

const form = /** @type {HTMLFormElement} */ (document.querySelector("form[data-editor]"));
const area = /** @type {HTMLTextAreaElement} */ (form.querySelector("textarea"));

/** @type {WeakMap<Tab, EditorState>} What each tab's editor can undo. */
const states = new WeakMap();
/** @type {Map<string, Part>} What ran, and where it stood, so that errors find their place. */
const parts = new Map();
/** @type {Tab | null} */
let shown = null;

const result = new Result({
  over: (query) => editor.mark(parts.get(query.id) ?? { sql: query.sql, from: 0 }, query.error),
  order,
});
// The server wrote the error beside the form, too: the result has it.
const written = area.value;
const saving = new Saving(form, { tab: () => tabs.current, keep: () => tabs.keep() });
const opened = saving.written;
const tabs = new Tabs(area, show);
const editor = new Editor(area, {
  run,
  open: () => tabs.open({ text: "", query: null }),
  change: (text) => tabs.change({ text }),
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { submitter } = event;
  if (submitter?.getAttribute("formaction") === "/saved") saving.save(submitter.getAttribute("name") === "as");
  else run();
});
form.querySelector(".row .primary")?.after(
  button("Format", () => editor.format(), { title: "Alt+Shift+F" }),
);
addEventListener("popstate", goBack);
begin();

/** Shows what the path and the server say. */
function begin() {
  const id = queryOf(location.pathname);
  const isKnown = id !== null && tabs.find((tab) => tab.query === id);
  if (!isKnown && written.trim() !== "") {
    const text = written;
    // Who reloads keeps what was changed since; who opens a saved statement gets it as it is.
    const isSame = (/** @type {Tab} */ tab) => tab.text === text || (isReload() && opened !== null && tab.saved?.id === opened.id);
    if (!tabs.find(isSame)) tabs.open({ text, query: id, saved: opened });
    tabs.change({ query: id, ...(opened && { saved: opened }) });
    saving.show(tabs.current);
  } else if (!isKnown) tabs.select(tabs.at);
  if (id !== null) result.enhance();
}

function isReload() {
  const [navigation] = performance.getEntriesByType("navigation");
  return navigation instanceof PerformanceNavigationTiming && navigation.type === "reload";
}

/** The query that a path is of. @param {string} path */
function queryOf(path) {
  return /^\/queries\/([^/]+)$/.exec(path)?.[1] ?? null;
}

/** Shows a tab: its text, and the result of its query. @param {Tab} tab */
function show(tab) {
  if (shown && shown !== tab) states.set(shown, editor.view.state);
  if (shown !== tab) editor.show(states.get(tab) ?? editor.stateOf(tab.text));
  const isFirst = shown === null;
  const isOther = shown !== tab;
  shown = tab;
  saving.show(tab);
  if (isFirst || !isOther) return;
  const path = tab.query ? `/queries/${tab.query}` : tab.saved ? `/saved/${tab.saved.id}` : "/sql";
  if (location.pathname !== path) history.pushState(null, "", path);
  if (tab.query) result.show(tab.query);
  else result.clear();
  editor.view.focus();
}

/** Runs what is selected, or the statement at the cursor. */
async function run() {
  const part = editor.part();
  if (part.sql.trim() === "") {
    editor.view.focus();
    return;
  }
  editor.mark(part, null);
  result.begin();
  const tab = tabs.current;
  try {
    const query = await submit(part.sql, QUICK_MS);
    parts.set(query.id, part);
    tab.query = query.id;
    tabs.keep();
    if (tabs.current !== tab) return;
    history.pushState(null, "", `/queries/${query.id}`);
    await result.show(query.id);
  } catch (error) {
    if (tabs.current === tab) result.fail(error);
  }
}

/** Shows what the path says, after a step back or forward. */
function goBack() {
  const id = queryOf(location.pathname);
  if (id === null) result.clear();
  else if (id !== result.section?.dataset.query) {
    const before = shown;
    // A tab that was found, and was not shown, shows its result by itself.
    if (!tabs.find((tab) => tab.query === id)) tabs.change({ query: id });
    if (shown === before) result.show(id, location.search);
  }
}

/** Runs the shown statement in another order, in a tab of its own. @param {string} column @param {boolean} isDown */
function order(column, isDown) {
  const id = queryOf(location.pathname);
  const text = (parts.get(id ?? "")?.sql ?? area.value).trim().replace(/;\s*$/, "");
  const name = `"${column.replaceAll('"', '""')}"`;
  tabs.open({ text: `select * from (\n${text}\n) order by ${name}${isDown ? " desc" : ""}`, query: null });
  run();
}
