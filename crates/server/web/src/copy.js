// Buttons that copy a text, and what they say afterwards.
import { button } from "./dom.js";

/** How long a button says that it copied. */
const SAID_MS = 2000;

/**
 * Copies a text and says so on the button for a while.
 *
 * @param {HTMLButtonElement} pressed
 * @param {string} text
 * @param {string} [said]
 */
export async function copy(pressed, text, said = "Copied") {
  const name = (pressed.dataset.name ??= pressed.textContent ?? "");
  try {
    await navigator.clipboard.writeText(text);
    pressed.textContent = said;
  } catch {
    pressed.textContent = "The browser does not allow it";
  }
  setTimeout(() => {
    pressed.textContent = name;
  }, SAID_MS);
}

/**
 * Gives each text marked with `data-copy` a button.
 *
 * @param {ParentNode} within
 */
export function addCopyButtons(within) {
  // Browsers have no clipboard on pages that came without TLS from another machine.
  if (!navigator.clipboard) return;
  for (const text of within.querySelectorAll("[data-copy]")) {
    const pressed = button("Copy", () => copy(pressed, text.textContent ?? ""), { className: "copy", "aria-live": "polite" });
    text.before(pressed);
  }
}
