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
  const [old, wanted] = [[...shown.childNodes], [...next.childNodes]];
  wanted.forEach((child, at) => {
    const known = old[at];
    if (!known) shown.append(document.importNode(child, true));
    else if (known instanceof Element && child instanceof Element && known.tagName === child.tagName && known.id === child.id) become(known, child);
    else if (known.nodeType === Node.TEXT_NODE && child.nodeType === Node.TEXT_NODE) {
      if (known.nodeValue !== child.nodeValue) known.nodeValue = child.nodeValue;
    } else known.replaceWith(document.importNode(child, true));
  });
  for (const extra of old.slice(wanted.length)) extra.remove();
}
