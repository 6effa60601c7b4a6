// The chart of two columns of a result, in the place of the one that the server draws.
import uPlot from "uplot";
import { rows } from "./api.js";
import { element, grouped } from "./dom.js";
import { isNumeric, isTime } from "./kinds.js";

/** @import { Cell, Rows } from "./api.js" */

/** Points at most. */
const ROWS_MAX = 10_000;

/** Names below bars; more would not be readable. */
const NAMES_MAX = 40;

const HEIGHT = 320;

/**
 * Lets the form draw in the page, and draws at once what the path asks for.
 *
 * @param {HTMLFormElement} form
 * @param {string} id
 * @param {number} total
 */
export function drawByForm(form, id, total) {
  const section = /** @type {HTMLElement} */ (form.closest("section"));
  const chosen = (/** @type {string} */ name) => /** @type {HTMLSelectElement} */ (form.elements.namedItem(name)).value;
  /** @type {Drawing | undefined} */
  let drawing;
  const draw = async () => {
    const [x, y] = [chosen("x"), chosen("y")];
    try {
      const found = await rows(id, 0, ROWS_MAX);
      drawing?.end();
      while (form.nextSibling) form.nextSibling.remove();
      const place = (/** @type {string} */ name) => found.columns.findIndex((column) => column.name === name);
      const series = seriesOf(found, place(x), place(y));
      const note = found.rows.length < total ? `the first ${grouped(found.rows.length)} of ${grouped(total)} rows` : `${grouped(total)} rows`;
      drawing = new Drawing(section, series, { x, y, note });
    } catch {
      section.append(element("p", { className: "fault", role: "alert" }, "The rows did not arrive: try again."));
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const path = `${location.pathname}?${new URLSearchParams({ x: chosen("x"), y: chosen("y") })}#chart`;
    history.replaceState(history.state, "", path);
    draw();
  });
  if (new URLSearchParams(location.search).has("y")) draw();
}

/**
 * @typedef {{ kind: "times" | "numbers" | "names", xs: number[], ys: (number | null)[], names: string[] }} Series
 */

/**
 * @param {Rows} result
 * @param {number} x
 * @param {number} y
 * @returns {Series}
 */
function seriesOf({ columns, rows }, x, y) {
  const height = (/** @type {Cell} */ cell) => (cell === null || !Number.isFinite(Number(cell)) ? null : Number(cell));
  const type = columns[x]?.type ?? "";
  if (!isNumeric(type) && !isTime(type)) {
    const some = rows.slice(0, NAMES_MAX);
    return { kind: "names", xs: some.map((_, at) => at), ys: some.map((row) => height(row[y])), names: some.map((row) => String(row[x])) };
  }
  const value = (/** @type {Cell} */ cell) => (isTime(type) ? secondsOf(String(cell)) : Number(cell));
  const known = rows.filter((row) => row[x] !== null && Number.isFinite(value(row[x])));
  const points = known.map((row) => /** @type {const} */ ([value(row[x]), height(row[y])]));
  points.sort(([a], [b]) => a - b);
  return { kind: isTime(type) ? "times" : "numbers", xs: points.map(([at]) => at), ys: points.map(([, up]) => up), names: [] };
}

/** Epoch seconds of an instant without a zone, which is UTC. @param {string} text */
function secondsOf(text) {
  const found = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?(?:Z| UTC|[+-]00:00)?$/.exec(text);
  return found ? Date.parse(`${found[1]}T${found[2] ?? "00:00"}Z`) / 1000 : NaN;
}

class Drawing {
  /**
   * @param {HTMLElement} section
   * @param {Series} series
   * @param {{ x: string, y: string, note: string }} words
   */
  constructor(section, series, words) {
    this.series = series;
    this.words = words;
    this.figure = element("figure", { className: "plot" });
    section.append(this.figure);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.again = () => this.draw();
    this.dark.addEventListener("change", this.again);
    this.resized = new ResizeObserver(() => {
      const width = this.figure.clientWidth;
      if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
    });
    this.draw();
    this.resized.observe(this.figure);
  }

  end() {
    this.dark.removeEventListener("change", this.again);
    this.resized.disconnect();
    this.plot?.destroy();
    this.figure.remove();
  }

  draw() {
    this.plot?.destroy();
    this.figure.replaceChildren(element("figcaption", { className: "note" }, this.summary()));
    const { xs, ys } = this.series;
    this.plot = new uPlot(this.options(), [xs, ys], this.figure);
    const canvas = this.figure.querySelector("canvas");
    canvas?.setAttribute("role", "img");
    canvas?.setAttribute("aria-label", this.summary());
  }

  summary() {
    const ys = this.series.ys.filter((y) => y !== null);
    const [least, most] = ys.reduce(([low, high], y) => [Math.min(low, y), Math.max(high, y)], [Infinity, -Infinity]);
    const range = ys.length > 0 ? `, from ${least} to ${most}` : ", without a value";
    const bars = this.series.kind === "names" ? `; the first ${this.series.xs.length} are drawn` : "";
    return `${this.words.y} by ${this.words.x}: ${this.words.note}${range}${bars}`;
  }

  /** @returns {uPlot.Options} */
  options() {
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const { kind, names, xs } = this.series;
    const axis = { stroke: colour("--faint"), grid: { stroke: colour("--rule"), width: 1 }, ticks: { stroke: colour("--rule"), width: 1 } };
    const bars = uPlot.paths.bars?.({ size: [0.8, 64] });
    const points = uPlot.paths.points?.();
    // Dots where an x has several values: a line would join what does not belong together.
    const isFunction = new Set(xs).size === xs.length;
    const label = (/** @type {number | null} */ at) => (at === null ? "–" : (names[at] ?? ""));
    return {
      width: Math.max(this.figure.clientWidth, 240),
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { x: kind === "names" ? { time: false, range: [-0.6, xs.length - 0.4] } : { time: kind === "times" } },
      axes: [
        kind === "names"
          ? { ...axis, splits: () => xs, values: (_, splits) => splits.map((at) => label(at).slice(0, Math.max(Math.floor(120 / xs.length), 3))) }
          : axis,
        { ...axis, size: 72 },
      ],
      series: [
        kind === "names" ? { label: this.words.x, value: (_, at) => label(at) } : { label: this.words.x },
        {
          label: this.words.y,
          stroke: colour("--accent"),
          width: 1.5,
          fill: kind === "names" ? colour("--accent") : undefined,
          paths: kind === "names" ? bars : isFunction ? undefined : () => null,
          points: kind === "names" ? { show: false } : isFunction ? {} : { show: true, size: 4, fill: colour("--accent"), paths: points },
        },
      ],
    };
  }
}
