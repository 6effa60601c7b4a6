// The rows of a result: only those in sight are in the page, so that a million scroll as
// smoothly as ten.
import { copy } from "./copy.js";
import { button, element, grouped } from "./dom.js";
import { isNumeric } from "./kinds.js";
import { Pages, WHOLE_ROWS } from "./pages.js";

/** @import { Cell, Query } from "./api.js" */

/** Pixels of a row. */
const ROW = 24;

/** Pixels that browsers can scroll through; beyond, a pixel stands for more than its share. */
const HEIGHT_MAX = 16_000_000;

/** Rows that are drawn above and below those in sight. */
const AROUND = 8;

/** Pixels of the widest column. */
const WIDTH_MAX = 400;

export class Grid {
  /**
   * Takes the place of the rows that the server wrote.
   *
   * @param {HTMLElement} box With a table in it.
   * @param {Pick<Query, "id" | "rows" | "columns">} query
   * @param {{ offset: number, order: (column: string, isDown: boolean) => void }} how The row that
   *   is shown first, and what orders a result that is too long to be sorted here.
   */
  constructor(box, { id, rows: total, columns }, how) {
    this.box = box;
    this.total = total;
    this.how = how;
    this.pages = new Pages(id, total, () => this.draw(), () => this.say("Some rows did not arrive: scroll again to ask for them again."));
    this.heads = [...box.querySelectorAll("th")];
    this.names = columns.map(({ name }) => name);
    this.isNumber = columns.map(({ type }) => isNumeric(type));
    /** @type {{ column: number, isDown: boolean } | null} */
    this.order = null;
    this.note = element("span", { className: "note", role: "status" });
    this.tools = element("div", { className: "row grid-tools" }, this.copyButton(), this.note);
    this.begin();
    box.scrollTop = this.pixelOf(how.offset);
    this.draw();
  }

  /** Keeps the columns' widths, puts the body in. */
  begin() {
    const widths = this.heads.map((head) => Math.min(Math.max(Math.ceil(head.getBoundingClientRect().width) + 16, 64), WIDTH_MAX));
    const table = element("table", { "aria-rowcount": this.total + 1 });
    const columns = widths.map((width) => {
      const column = element("col");
      column.style.width = `${width}px`;
      return column;
    });
    const heads = this.heads.map((head, at) => {
      const made = element("th", { className: head.className, scope: "col" });
      const sort = button(this.names[at], () => this.sort(at), { className: "sort", title: "sort" });
      made.append(sort, ...[...head.querySelectorAll(".type")].map((type) => type.cloneNode(true)));
      return made;
    });
    this.heads = heads;
    this.above = spacer();
    this.below = spacer();
    this.body = element("tbody", {}, this.above, this.below);
    table.append(
      element("caption", { className: "visually-hidden" }, `Rows of the result, ${grouped(this.total)} in all`),
      element("colgroup", {}, ...columns),
      element("thead", {}, element("tr", { "aria-rowindex": 1 }, ...heads)),
      this.body,
    );
    table.style.width = `${widths.reduce((sum, width) => sum + width, 0)}px`;
    this.box.classList.add("virtual");
    this.box.replaceChildren(table);
    this.box.before(this.tools);
    let isAsked = false;
    const later = () => {
      if (isAsked) return;
      isAsked = true;
      requestAnimationFrame(() => {
        isAsked = false;
        this.draw();
      });
    };
    this.box.addEventListener("scroll", later, { passive: true });
    new ResizeObserver(later).observe(this.box);
  }

  get height() {
    return Math.min(this.total * ROW, HEIGHT_MAX);
  }

  /** Rows that are in sight at once, parts of rows included. */
  get inSight() {
    const head = this.heads[0]?.getBoundingClientRect().height ?? 0;
    return Math.max((this.box.clientHeight - head) / ROW, 1);
  }

  /** How many rows a pixel of scrolling passes. */
  get rate() {
    const pixels = this.height - this.inSight * ROW;
    return pixels > 0 ? (this.total - this.inSight) / pixels : 0;
  }

  /** @param {number} row */
  pixelOf(row) {
    return this.rate > 0 ? row / this.rate : 0;
  }

  /** Draws the rows in sight. */
  draw() {
    const { above, below, body } = this;
    if (!above || !below || !body) return;
    const top = Math.min(this.box.scrollTop, Math.max(this.height - this.inSight * ROW, 0));
    const first = top * this.rate;
    const from = Math.max(Math.floor(first) - AROUND, 0);
    const to = Math.min(Math.ceil(first + this.inSight) + AROUND, this.total);
    this.pages.want(from, to);
    // Rows stand around the place that is scrolled to, whatever the rate.
    const before = Math.max(Math.round(top - (first - from) * ROW), 0);
    above.style.height = `${before}px`;
    below.style.height = `${Math.max(this.height - before - (to - from) * ROW, 0)}px`;
    above.hidden = before === 0;
    const rows = /** @type {HTMLTableRowElement[]} */ ([...body.children].slice(1, -1));
    while (rows.length < to - from) rows.push(this.addRow(below));
    for (const spare of rows.splice(to - from)) spare.remove();
    rows.forEach((row, at) => this.fill(row, from + at));
  }

  /** @param {HTMLElement} below */
  addRow(below) {
    const row = element("tr");
    row.append(...this.isNumber.map((isNumber) => element("td", { className: isNumber ? "number" : "value" })));
    below.before(row);
    return row;
  }

  /** @param {HTMLTableRowElement} row @param {number} at */
  fill(row, at) {
    const cells = this.pages.row(at);
    row.setAttribute("aria-rowindex", String(at + 2));
    row.classList.toggle("coming", !cells);
    for (let column = 0; column < row.cells.length; column += 1) {
      const cell = row.cells[column];
      const value = cells?.[column];
      const text = cells ? textOf(value ?? null) : "…";
      if (cell.textContent !== text) cell.textContent = text;
      cell.classList.toggle("null", value === null);
      cell.title = text.length > 40 ? text : "";
    }
  }

  /** Up, down, and back to the order of the result. @param {number} column */
  async sort(column) {
    const isSame = this.order?.column === column;
    const next = isSame && this.order?.isDown ? null : { column, isDown: isSame };
    if (this.total > WHOLE_ROWS) {
      this.say(
        `Up to ${grouped(WHOLE_ROWS)} rows are sorted here; these are ${grouped(this.total)}. `,
        button(`Run it ordered by ${this.names[column]}`, () => this.how.order(this.names[column], false)),
        button("descending", () => this.how.order(this.names[column], true)),
      );
      return;
    }
    try {
      await this.pages.sort(next, this.isNumber[column]);
    } catch {
      this.say("The rows did not arrive: try again.");
      return;
    }
    this.order = next;
    this.heads.forEach((head, at) => {
      if (next?.column === at) head.setAttribute("aria-sort", next.isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    this.say(next ? `Sorted by ${this.names[column]}, ${next.isDown ? "descending" : "ascending"}.` : "In the order of the result.");
    this.box.scrollTop = 0;
    this.draw();
  }

  copyButton() {
    const isPart = this.total > WHOLE_ROWS;
    const pressed = button(isPart ? `Copy the first ${grouped(WHOLE_ROWS)} with headers` : "Copy with headers", async () => {
      try {
        const rows = this.pages.sorted ?? (await this.pages.first()).rows;
        const lines = [this.names, ...rows.map((row) => row.map((cell) => (cell === null ? "" : textOf(cell))))];
        await copy(pressed, lines.map((line) => line.map(field).join("\t")).join("\n"), `Copied ${grouped(rows.length)} rows`);
      } catch {
        this.say("The rows did not arrive: try again.");
      }
    });
    pressed.hidden = !navigator.clipboard;
    return pressed;
  }

  /** @param {...(Node | string)} what */
  say(...what) {
    this.note.replaceChildren(...what);
  }
}

/** A row that keeps the place of those that are not drawn. */
function spacer() {
  return element("tr", { className: "spacer", "aria-hidden": "true" }, element("td"));
}

/** @param {Cell} cell */
function textOf(cell) {
  return cell === null ? "null" : String(cell);
}

/** A field as spreadsheets take it from the clipboard. @param {string} text */
function field(text) {
  return /[\t\n\r"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
