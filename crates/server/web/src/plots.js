// The plots of a table, in its own page: they read the whole table, so they are asked for when
// somebody comes near them.

/** How far away that is, in pixels. */
const NEAR = "240px";

/**
 * Puts the plots of each place marked with `data-plots` there.
 *
 * @param {ParentNode} within
 */
export function loadPlots(within) {
  for (const place of /** @type {NodeListOf<HTMLElement>} */ (within.querySelectorAll("[data-plots]"))) {
    const seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen.disconnect();
        load(place);
      },
      { rootMargin: NEAR },
    );
    seen.observe(place);
  }
}

/** Without an answer the link stays, which says itself what is wrong. @param {HTMLElement} place */
async function load(place) {
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(place.dataset.plots ?? "");
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const content = page.querySelector("[data-plots-content]");
    if (content) place.append(document.adoptNode(content));
  } catch {
    // As without a script.
  } finally {
    place.removeAttribute("aria-busy");
  }
}
