// Several statements, each in a tab. They lie in the storage of this browser tab, which ends
// with it, and nowhere else: a statement may hold a personal value.
import { button, element } from "./dom.js";

const KEY = "statements";

/**
 * @typedef {{ text: string, query: string | null, saved?: { id: string, name: string } | null }} Tab
 *   A statement, the query that showed last in its tab, and what it is saved as.
 */

export class Tabs {
  /**
   * @param {HTMLElement} before
   * @param {(tab: Tab) => void} show
   */
  constructor(before, show) {
    this.show = show;
    const kept = read();
    /** @type {Tab[]} */
    this.list = kept.list;
    this.at = kept.at;
    this.bar = element("div", { className: "tabs", role: "group", "aria-label": "Statements" });
    before.before(this.bar);
  }

  /** @returns {Tab} */
  get current() {
    return this.list[this.at];
  }

  /** Notes a change of the current tab. @param {Partial<Tab>} change */
  change(change) {
    const name = nameOf(this.current, this.at);
    Object.assign(this.current, change);
    this.keep();
    if (name !== nameOf(this.current, this.at)) this.draw();
  }

  /** Opens a tab, in the place of an empty one. @param {Tab} tab */
  open(tab) {
    const empty = this.list.findIndex(({ text }) => text.trim() === "");
    if (empty < 0) this.at = this.list.push(tab) - 1;
    else this.list[(this.at = empty)] = tab;
    this.select(this.at);
  }

  /**
   * Goes to the tab that fits, if there is one.
   *
   * @param {(tab: Tab) => boolean} fits
   */
  find(fits) {
    const at = fits(this.current) ? this.at : this.list.findIndex(fits);
    if (at >= 0) this.select(at);
    return at >= 0;
  }

  /** @param {number} at */
  select(at) {
    this.at = at;
    this.keep();
    this.draw();
    this.show(this.current);
  }

  /** @param {number} at */
  close(at) {
    this.list.splice(at, 1);
    if (this.list.length === 0) this.list.push({ text: "", query: null });
    this.select(Math.min(at < this.at ? this.at - 1 : this.at, this.list.length - 1));
  }

  draw() {
    const drawn = this.list.map((tab, at) => {
      const name = nameOf(tab, at);
      const isCurrent = at === this.at;
      const choose = button(name, () => this.select(at), isCurrent ? { "aria-current": "true" } : {});
      const close = button("×", () => this.close(at), { className: "quiet", "aria-label": `Close ${name}` });
      return element("span", { className: "tab" }, choose, ...(this.list.length > 1 ? [close] : []));
    });
    const add = button("+", () => this.open({ text: "", query: null }), { className: "quiet", "aria-label": "New statement" });
    this.bar.replaceChildren(...drawn, add);
  }

  keep() {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ user: user(), list: this.list, at: this.at }));
    } catch {
      // It is full, or forbidden: the tabs live as long as the page.
    }
  }
}

/** Who is signed in: tabs of somebody else are not shown. */
function user() {
  return document.querySelector(".who span")?.textContent ?? "";
}

/** @param {Tab} tab @param {number} at */
function nameOf(tab, at) {
  const line = tab.text.replace(/--[^\n]*/g, " ").replace(/\s+/g, " ").trim();
  const table = /\bfrom\s+([\w.]+)/i.exec(line)?.[1];
  return `${at + 1} ${table ?? (line.slice(0, 16) || "empty")}`;
}

/** @returns {{ list: Tab[], at: number }} */
function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "");
    const isTab = (/** @type {Tab} */ tab) => typeof tab.text === "string";
    if (kept.user === user() && kept.list.length > 0 && kept.list.every(isTab)) {
      return { list: kept.list, at: Math.min(Math.max(kept.at, 0), kept.list.length - 1) };
    }
  } catch {
    // Nothing is kept, or nothing that we understand.
  }
  return { list: [{ text: "", query: null }], at: 0 };
}
