// Follows what goes on: asks for the page again and changes what is not the same any more,
// so that focus, selection and scroll stay where they are.
import { page } from "./api.js";

/** How often the page is asked for. */
const INTERVAL_MS = 500;

/** The longest pause while the server does not answer. */
const INTERVAL_MAX_MS = 8_000;

/** Follows the page until it says that nothing goes on any more. */
export async function followPage() {
  const main = document.querySelector("main");
  let wait = INTERVAL_MS;
  while (main?.dataset.live) {
    await new Promise((resume) => setTimeout(resume, wait));
    if (document.hidden) continue;
    try {
      const found = await page(location.pathname + location.search);
      const next = found.querySelector("main");
      if (!next) return;
      // The page of what ended has an address of its own.
      const own = found.documentElement.dataset.address;
      if (own && own !== location.pathname + location.search) history.replaceState(null, "", own);
      document.title = found.title;
      become(main, next);
      wait = INTERVAL_MS;
    } catch {
      wait = Math.min(wait * 2, INTERVAL_MAX_MS);
    }
  }
}

/**
 * Makes an element as another one is, without replacing what is the same.
 *
 * @param {Element} shown
 * @param {Element} next
 */
function become(shown, next) {
  for (const { name } of [...shown.attributes]) if (!next.hasAttribute(name)) shown.removeAttribute(name);
  for (const { name, value } of next.attributes) if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  /** @type {ChildNode[]} */
  let rest = [...shown.childNodes];
  for (const child of [...next.childNodes]) {
    const at = rest.findIndex((known) => isSame(known, child));
    if (at < 0) {
      shown.insertBefore(document.importNode(child, true), rest[0] ?? null);
      continue;
    }
    for (const gone of rest.splice(0, at)) gone.remove();
    const known = /** @type {ChildNode} */ (rest.shift());
    if (known instanceof Element && child instanceof Element) become(known, child);
    else if (known.nodeValue !== child.nodeValue) known.nodeValue = child.nodeValue;
  }
  for (const extra of rest) extra.remove();
}

/** Whether one is what became of the other. @param {Node} known @param {Node} child */
function isSame(known, child) {
  if (!(known instanceof Element && child instanceof Element)) return known.nodeType === child.nodeType;
  return known.tagName === child.tagName && known.id === child.id && known.getAttribute("class") === child.getAttribute("class");
}
