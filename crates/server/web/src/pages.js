// Rows of a result, fetched in pages as they come into sight.
import { rows } from "./api.js";

/** @import { Cell, Column } from "./api.js" */

const PAGE_ROWS = 500;

/** Pages that are kept. */
const PAGES_MAX = 60;

/** Requests at once: who scrolls fast past rows does not wait for them. */
const REQUESTS_MAX = 2;

/** Rows that are sorted or copied: as many as one request gives. */
export const WHOLE_ROWS = 10_000;

export class Pages {
  /**
   * @param {string} id
   * @param {number} total
   * @param {() => void} arrived
   * @param {(error: unknown) => void} failed
   */
  constructor(id, total, arrived, failed) {
    this.id = id;
    this.total = total;
    this.arrived = arrived;
    this.failed = failed;
    /** @type {Column[]} */
    this.columns = [];
    /** @type {Map<number, Cell[][]>} The page that was used last comes last. */
    this.pages = new Map();
    /** @type {Set<number>} */
    this.asked = new Set();
    /** @type {number[]} */
    this.wanted = [];
    /** @type {Cell[][] | null} All rows in another order. */
    this.sorted = null;
  }

  /**
   * A row, if it is here.
   *
   * @param {number} at
   * @returns {Cell[] | undefined}
   */
  row(at) {
    if (this.sorted) return this.sorted[at];
    return this.pages.get(Math.floor(at / PAGE_ROWS))?.[at % PAGE_ROWS];
  }

  /**
   * Fetches what is missing of these rows; what was wanted before no longer is.
   *
   * @param {number} from
   * @param {number} to
   */
  want(from, to) {
    this.wanted = [];
    if (this.sorted) return;
    for (let page = Math.floor(from / PAGE_ROWS); page * PAGE_ROWS < Math.min(to, this.total); page += 1) {
      const known = this.pages.get(page);
      if (known) {
        this.pages.delete(page);
        this.pages.set(page, known);
      } else if (!this.asked.has(page)) this.wanted.push(page);
    }
    this.next();
  }

  next() {
    while (this.asked.size < REQUESTS_MAX) {
      const page = this.wanted.shift();
      if (page === undefined) return;
      this.fetch(page);
    }
  }

  /** @param {number} page */
  async fetch(page) {
    this.asked.add(page);
    try {
      const found = await rows(this.id, page * PAGE_ROWS, PAGE_ROWS);
      this.columns = found.columns;
      this.pages.set(page, found.rows);
      const [oldest] = this.pages.keys();
      if (this.pages.size > PAGES_MAX) this.pages.delete(oldest);
      this.arrived();
    } catch (error) {
      this.failed(error);
    } finally {
      this.asked.delete(page);
      this.next();
    }
  }

  /** The first rows in their own order, and their columns. */
  async first() {
    return rows(this.id, 0, WHOLE_ROWS);
  }

  /**
   * Sorts all rows by a column; `null` is the order of the result. Nulls come last.
   *
   * @param {{ column: number, isDown: boolean } | null} order
   * @param {boolean} isNumber
   */
  async sort(order, isNumber) {
    if (!order) {
      this.sorted = null;
      return;
    }
    const { column, isDown } = order;
    const found = this.sorted ?? (await this.first()).rows;
    this.sorted = found.toSorted((a, b) => {
      const [left, right] = [a[column], b[column]];
      if (left === null || right === null) return Number(left === null) - Number(right === null);
      return (isDown ? -1 : 1) * (isNumber ? compareNumbers : compareTexts)(left, right);
    });
  }
}

/**
 * Numbers by size, also those that came as text because they are exact. NaN is the largest.
 *
 * @param {NonNullable<Cell>} left
 * @param {NonNullable<Cell>} right
 */
function compareNumbers(left, right) {
  const [a, b] = [left, right].map((cell) => Number(String(cell).replace(/inf$/, "Infinity")));
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : Number(a > b);
}

/** @param {NonNullable<Cell>} left @param {NonNullable<Cell>} right */
function compareTexts(left, right) {
  return left < right ? -1 : Number(left > right);
}
