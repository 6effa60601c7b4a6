// The chart of a result, in the place of the one that the server draws.
import uPlot from "uplot";
import { rows } from "./api.js";
import { element, grouped } from "./dom.js";
import { holdsTimes, isNumeric, isTime } from "./kinds.js";

/** @import { Cell, Column, Rows } from "./api.js" */

/** Points at most. */
const ROWS_MAX = 10_000;

/** Names below bars; more would not be readable. */
const NAMES_MAX = 40;

/** Series that are drawn; more could not be told apart. */
const SERIES_MAX = 8;

/** Colour and dashes of each series, as in the stylesheet of the page. */
const STYLES = /** @type {const} */ ([
  ["--accent", []],
  ["--trusted", [6, 3]],
  ["--landing", [2, 2]],
  ["--curated", [8, 3, 2, 3]],
  ["--ink", []],
  ["--faint", [6, 3]],
  ["--ok", [2, 2]],
  ["--fail", [8, 3, 2, 3]],
]);

const HEIGHT = 320;

/**
 * @typedef {{ x: string, y: string[], by: string, kind: string }} Asked What a form asks for.
 * @typedef {{ kind: "line" | "scatter" | "bar", across: "times" | "numbers" | "names", xs: number[],
 *   series: { name: string, ys: (number | null | undefined)[] }[], seriesLeftOut: number, names: string[],
 *   namesLeftOut: number }} Drawn Of a series, `null` is a gap, and nothing is another's row.
 */

/**
 * Lets the form draw in the page, and draws at once what the path asks for.
 *
 * @param {HTMLFormElement} form
 * @param {string} id
 * @param {number} total
 */
export function drawByForm(form, id, total) {
  const section = /** @type {HTMLElement} */ (form.closest("section"));
  /** @type {Drawing | undefined} */
  let drawing;
  const say = (/** @type {string} */ what) => section.append(element("p", { className: "fault", role: "alert" }, what));
  const draw = async () => {
    const asked = askedBy(form);
    try {
      const found = await rows(id, 0, ROWS_MAX);
      drawing?.end();
      while (form.nextSibling) form.nextSibling.remove();
      const drawn = drawnOf(found, asked);
      if (!drawn) {
        say("Choose one or more columns to draw.");
        return;
      }
      const part = found.rows.length < total ? `the first ${grouped(found.rows.length)} of ${grouped(total)} rows` : `${grouped(total)} rows`;
      drawing = new Drawing(section, drawn, { x: asked.x, all: `${labelOf(asked)}: ${part}` });
    } catch {
      say("The rows did not arrive: try again.");
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { x, y, by, kind } = askedBy(form);
    const before = new URLSearchParams(location.search);
    const saved = before.getAll("saved").map((id) => ["saved", id]);
    const parameters = new URLSearchParams([...saved, ["x", x], ...y.map((name) => ["y", name]), ["by", by], ["kind", kind]]);
    history.replaceState(history.state, "", `${location.pathname}?${parameters}#chart`);
    draw();
  });
  if (new URLSearchParams(location.search).has("y")) draw();
}

/** @param {HTMLFormElement} form @returns {Asked} */
function askedBy(form) {
  const data = new FormData(form);
  const one = (/** @type {string} */ name) => String(data.get(name) ?? "");
  return { x: one("x"), y: data.getAll("y").map(String), by: one("by"), kind: one("kind") };
}

/** @param {Asked} asked */
function labelOf({ x, y, by }) {
  return `${y.join(", ")} by ${x}${by ? `, a series for each ${by}` : ""}`;
}

/**
 * The rows as series, as the server makes them.
 *
 * @param {Rows} result
 * @param {Asked} asked
 * @returns {Drawn | null}
 */
export function drawnOf({ columns, rows }, { x, y, by, kind }) {
  const place = (/** @type {string} */ name) => columns.findIndex((column) => column.name === name);
  const ys = y.map(place).filter((at) => at >= 0);
  const [atX, atBy] = [place(x), place(by)];
  if (ys.length === 0 || atX < 0) return null;
  const column = columns[atX];
  const isNames = kind === "bar" || !(isNumeric(column.type) || isTime(column.type));
  const across = isNames ? null : acrossOf(column, rows.map((row) => row[atX]));

  /** @type {Map<string, { x: number, height: number | null }[]>} */
  const all = new Map();
  const leftOut = new Set();
  const names = new Names();
  for (const atY of ys) {
    rows.forEach((row) => {
      const group = atBy < 0 ? null : String(row[atBy]);
      const name = group === null ? columns[atY].name : ys.length > 1 ? `${columns[atY].name}, ${group}` : group;
      if (!all.has(name) && all.size === SERIES_MAX) {
        leftOut.add(name);
        return;
      }
      const points = all.get(name) ?? [];
      all.set(name, points);
      const along = across ? across.value(row[atX]) : names.place(name, String(row[atX]));
      if (Number.isFinite(along)) points.push({ x: along, height: heightOf(row[atY]) });
    });
  }

  const count = all.size;
  const namesLeftOut = Math.max(names.list.length - NAMES_MAX, 0);
  /** @type {{ x: number, series: number, height: number | null }[]} */
  const points = [];
  [...all.values()].forEach((of, series) => {
    for (const { x, height } of of) {
      // Bars of one name stand beside each other.
      if (!across && x < NAMES_MAX) points.push({ x: x + ((series - (count - 1) / 2) * 0.8) / count, series, height });
      else if (across) points.push({ x, series, height });
    }
  });
  points.sort((a, b) => a.x - b.x);
  const isFunction = [...all.values()].every((of) => new Set(of.map(({ x }) => x)).size === of.length);
  const chosen = kind === "line" || kind === "scatter" ? kind : isFunction ? "line" : "scatter";
  return {
    kind: across ? chosen : "bar",
    across: across ? across.kind : "names",
    xs: points.map(({ x }) => x),
    series: [...all.keys()].map((name, at) => ({ name, ys: points.map(({ series, height }) => (series === at ? height : undefined)) })),
    seriesLeftOut: leftOut.size,
    names: names.list.slice(0, NAMES_MAX),
    namesLeftOut,
  };
}

/** Names along the bottom; one that a series has again gets another place. */
class Names {
  constructor() {
    /** @type {string[]} */
    this.list = [];
    /** @type {Map<string, number>} */
    this.places = new Map();
    /** @type {Map<string, number>} */
    this.had = new Map();
  }

  /** @param {string} series @param {string} name */
  place(series, name) {
    const own = JSON.stringify([series, name]);
    const had = this.had.get(own) ?? 0;
    this.had.set(own, had + 1);
    const key = JSON.stringify([name, had]);
    const known = this.places.get(key) ?? this.list.push(name) - 1;
    this.places.set(key, known);
    return known;
  }
}

/**
 * What lies along the bottom, and where a cell stands there. Times are in seconds.
 *
 * @param {Column} column
 * @param {Cell[]} cells
 * @returns {{ kind: "times" | "numbers", value: (cell: Cell) => number }}
 */
function acrossOf({ name, type }, cells) {
  if (isTime(type)) return { kind: "times", value: (cell) => (cell === null ? NaN : secondsOf(String(cell))) };
  const number = (/** @type {Cell} */ cell) => (cell === null ? NaN : Number(cell));
  const known = cells.filter((cell) => cell !== null).map(Number);
  return holdsTimes(name, type, known) ? { kind: "times", value: (cell) => number(cell) / 1000 } : { kind: "numbers", value: number };
}

/** @param {Cell} cell */
function heightOf(cell) {
  return cell === null || !Number.isFinite(Number(cell)) ? null : Number(cell);
}

/** Epoch seconds of an instant without a zone, which is UTC. @param {string} text */
function secondsOf(text) {
  const found = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?(?:Z| UTC|[+-]00:00)?$/.exec(text);
  return found ? Date.parse(`${found[1]}T${found[2] ?? "00:00"}Z`) / 1000 : NaN;
}

class Drawing {
  /**
   * @param {HTMLElement} section
   * @param {Drawn} drawn
   * @param {{ x: string, all: string }} words
   */
  constructor(section, drawn, words) {
    this.drawn = drawn;
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
    const { xs, series } = this.drawn;
    const data = /** @type {uPlot.AlignedData} */ ([xs, ...series.map(({ ys }) => ys)]);
    this.plot = new uPlot(this.options(), data, this.figure);
    const canvas = this.figure.querySelector("canvas");
    canvas?.setAttribute("role", "img");
    canvas?.setAttribute("aria-label", this.summary());
  }

  summary() {
    const { series, seriesLeftOut, names, namesLeftOut } = this.drawn;
    let [least, most] = [Infinity, -Infinity];
    for (const { ys } of series) {
      for (const y of ys) {
        if (typeof y === "number") [least, most] = [Math.min(least, y), Math.max(most, y)];
      }
    }
    const range = most >= least ? `, from ${least} to ${most}` : ", without a value";
    const few = seriesLeftOut > 0 ? `; the first ${series.length} of ${grouped(series.length + seriesLeftOut)} series` : "";
    const some = namesLeftOut > 0 ? `; the first ${names.length} of ${grouped(names.length + namesLeftOut)} values` : "";
    return `${this.words.all}${range}${few}${some}.`;
  }

  /** @returns {uPlot.Options} */
  options() {
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const { across, names, series } = this.drawn;
    const axis = { stroke: colour("--faint"), grid: { stroke: colour("--rule"), width: 1 }, ticks: { stroke: colour("--rule"), width: 1 } };
    const label = (/** @type {number | null} */ at) => (at === null ? "–" : (names[Math.round(at)] ?? ""));
    const places = names.map((_, at) => at);
    const isNames = across === "names";
    return {
      width: Math.max(this.figure.clientWidth, 240),
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: {
        x: isNames ? { time: false, range: [-0.6, names.length - 0.4] } : { time: across === "times" },
        y: isNames ? { range: (_, low, high) => [Math.min(low ?? 0, 0), Math.max(high ?? 1, 0) || 1] } : {},
      },
      axes: [
        isNames
          ? { ...axis, splits: () => places, values: (_, splits) => splits.map((at) => label(at).slice(0, Math.max(Math.floor(120 / names.length), 3))) }
          : axis,
        { ...axis, size: 72 },
      ],
      series: [isNames ? { label: this.words.x, value: (_, at) => label(at) } : { label: this.words.x }, ...series.map(({ name }, at) => this.line(name, at, colour))],
    };
  }

  /**
   * @param {string} name
   * @param {number} at
   * @param {(name: string) => string} colour
   * @returns {uPlot.Series}
   */
  line(name, at, colour) {
    const [own, dash] = STYLES[at % STYLES.length];
    const stroke = colour(own);
    const points = uPlot.paths.points?.();
    switch (this.drawn.kind) {
      case "bar":
        return { label: name, stroke, fill: stroke, width: 1, paths: uPlot.paths.bars?.({ size: [0.8 / this.drawn.series.length, 64] }), points: { show: false } };
      case "scatter":
        return { label: name, stroke, width: 1.5, paths: () => null, points: { show: true, size: 4, fill: stroke, paths: points } };
      default:
        return { label: name, stroke, width: 1.5, dash: [...dash] };
    }
  }
}
