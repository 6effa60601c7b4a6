// A query in the page: followed while it runs, its rows, its chart, what is wrong with it.
import { Refused, cancel, page, state } from "./api.js";
import { drawByForm } from "./chart.js";
import { bytes, element, grouped } from "./dom.js";
import { Grid } from "./grid.js";

/** @import { Fault, Query } from "./api.js" */

/** How often the figures of a running query are asked for. */
const FOLLOW_MS = 500;

/**
 * @typedef {{ over: (query: Query) => void, order: (column: string, isDown: boolean) => void }} Told
 */

/** What a query took so far, as the server words it. @param {Query} query */
function soFar({ state, ms, rows_read: read, memory_bytes: held, peak_memory_bytes: peak }) {
  const time = `${(ms / 1000).toFixed(1)} s`;
  return state === "waiting" ? time : `${time} so far, ${grouped(read)} rows read, ${bytes(held)} of memory, ${bytes(peak)} at most`;
}

/** The section of the page with a query's result; one at a time. */
export class Result {
  /** @param {Told} told */
  constructor(told) {
    this.told = told;
    this.stopped = new AbortController();
    /** @type {HTMLElement | null} */
    this.section = document.querySelector("#result");
  }

  /** Shows nothing. */
  clear() {
    this.stopped.abort();
    this.section?.remove();
    this.section = null;
  }

  /** Says that a statement was handed in. */
  begin() {
    this.restart();
    this.put(
      element(
        "section",
        { id: "result", "aria-label": "Result" },
        element("div", { className: "row state", role: "status" }, element("span", { className: "busy" }, "▸ running"), element("progress", { "aria-label": "running" })),
      ),
    );
  }

  /** Says why a statement could not be handed in. @param {unknown} error */
  fail(error) {
    this.restart();
    const fault = error instanceof Refused ? error.fault : /** @type {Fault} */ ({ message: String(error) });
    const said = element("div", { className: "fault", role: "alert" }, element("p", {}, fault.message));
    if (fault.hint) said.append(element("p", {}, `hint: ${fault.hint}`));
    if (fault.kind === "sign-in") {
      const next = encodeURIComponent(location.pathname + location.search);
      said.append(element("p", {}, element("a", { href: `/sign-in?next=${next}` }, "Sign in")));
    }
    this.put(element("section", { id: "result", "aria-label": "Result" }, said));
  }

  /** Shows a query as the server writes it. @param {string} id @param {string} [search] */
  async show(id, search = "") {
    const stopped = this.restart();
    try {
      const found = await page(`/queries/${id}${search}`);
      if (stopped.aborted) return;
      const section = found.querySelector("#result");
      if (section instanceof HTMLElement) this.put(document.importNode(section, true));
      await this.enhance();
    } catch (error) {
      if (!stopped.aborted) this.fail(error);
    }
  }

  /** Adds to what the server wrote. */
  async enhance() {
    const { section } = this;
    const id = section?.dataset.query;
    if (!section || !id) return;
    const stopped = this.restart();
    if (section.dataset.state === "waiting" || section.dataset.state === "running") {
      await this.follow(section, id, stopped);
      return;
    }
    const box = section.querySelector("[data-grid]");
    const query = await state(id, 0, stopped).catch(() => null);
    if (!query || stopped.aborted) return;
    if (box instanceof HTMLElement) {
      section.querySelectorAll(".pages").forEach((links) => links.remove());
      const offset = Number(new URLSearchParams(location.search).get("offset")) || 0;
      new Grid(box, query, { offset, order: this.told.order });
    }
    const form = section.querySelector("form[data-chart]");
    if (form instanceof HTMLFormElement) drawByForm(form, id, query.rows);
    this.told.over(query);
  }

  /**
   * Shows figures of a running query until it is over.
   *
   * @param {HTMLElement} section
   * @param {string} id
   * @param {AbortSignal} stopped
   */
  async follow(section, id, stopped) {
    section.querySelector("form[action$='/cancel']")?.addEventListener("submit", (event) => {
      event.preventDefault();
      cancel(id).catch((error) => this.fail(error));
    });
    const [rows, took] = ["rows", "took"].map((name) => section.querySelector(`[data-figure=${name}]`));
    try {
      for (;;) {
        const query = await state(id, FOLLOW_MS, stopped);
        if (query.state !== "waiting" && query.state !== "running") break;
        if (rows) rows.textContent = `${grouped(query.rows)} ${query.rows === 1 ? "row" : "rows"}`;
        if (took) took.textContent = soFar(query);
      }
    } catch (error) {
      if (!stopped.aborted) this.fail(error);
      return;
    }
    await this.show(id, location.search);
  }

  /** Stops what followed an earlier query. */
  restart() {
    this.stopped.abort();
    this.stopped = new AbortController();
    return this.stopped.signal;
  }

  /** @param {HTMLElement} section */
  put(section) {
    const hadFocus = this.section?.contains(document.activeElement);
    if (this.section) this.section.replaceWith(section);
    else document.querySelector("[data-editor]")?.after(section);
    this.section = section;
    // The button that was pressed is gone.
    if (hadFocus) {
      section.tabIndex = -1;
      section.focus({ preventScroll: true });
    }
  }
}
