// The HTTP API of the server.

/**
 * @typedef {{ name: string, type: string }} Column
 * @typedef {string | number | boolean | null} Cell
 * @typedef {{ kind: string, message: string, hint?: string, place?: [number, number] }} Fault
 * @typedef {{ id: string, sql: string, state: "waiting" | "running" | "done" | "failed" | "cancelled",
 *   rows: number, is_cut: boolean, ms: number, rows_read: number, memory_bytes: number,
 *   peak_memory_bytes: number, columns: Column[], error: Fault | null }} Query
 * @typedef {{ id: string, name: string, sql: string }} Saved
 * @typedef {{ columns: Column[], offset: number, total: number, rows: Cell[][] }} Rows
 * @typedef {{ zone: string, table: string, columns: Column[] }} Table
 */

/** What the server says is wrong. */
export class Refused extends Error {
  /** @param {Fault} fault @param {number} [status] */
  constructor(fault, status = 0) {
    super(fault.message);
    this.fault = fault;
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [how]
 */
async function ask(path, how) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...how });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused({ kind: "failed", message: "The server does not answer.", hint: "see whether it still runs, then try again" });
  }
  if (response.ok) return response;
  throw new Refused(await response.json().catch(() => faultOf(response.status)), response.status);
}

/** What a page that is not there means. @param {number} status @returns {Fault} */
function faultOf(status) {
  return status === 404
    ? { kind: "missing", message: "The result is no longer kept.", hint: "run the statement again" }
    : { kind: "failed", message: `The server answered ${status}.` };
}

/**
 * Hands in a statement; waits a little, so that a quick answer is there at once.
 *
 * @param {string} sql
 * @param {number} waitMs
 * @returns {Promise<Query>}
 */
export async function submit(sql, waitMs) {
  const body = JSON.stringify({ sql, wait_ms: waitMs });
  const response = await ask("/api/v1/queries", { method: "POST", headers: { "content-type": "application/json" }, body });
  return response.json();
}

/**
 * How far a query is, once it is over or `waitMs` have passed.
 *
 * @param {string} id
 * @param {number} waitMs
 * @param {AbortSignal} [signal]
 * @returns {Promise<Query>}
 */
export async function state(id, waitMs, signal) {
  return (await ask(`/api/v1/queries/${id}?wait_ms=${waitMs}`, { signal })).json();
}

/** @param {string} id */
export async function cancel(id) {
  await ask(`/api/v1/queries/${id}/cancel`, { method: "POST" });
}

/**
 * Rows of a result.
 *
 * @param {string} id
 * @param {number} offset
 * @param {number} count At most 10,000.
 * @returns {Promise<Rows>}
 */
export async function rows(id, offset, count) {
  return (await ask(`/api/v1/queries/${id}/rows?offset=${offset}&count=${count}`)).json();
}

/**
 * Saves a statement: in the place of the one of `id`, or as a new one.
 *
 * @param {string | null} id
 * @param {string} name
 * @param {string} sql
 * @returns {Promise<Saved>}
 */
export async function save(id, name, sql) {
  const path = id === null ? "/api/v1/saved" : `/api/v1/saved/${id}`;
  const body = JSON.stringify({ name, sql });
  return (await ask(path, { method: "POST", headers: { "content-type": "application/json" }, body })).json();
}

/** @returns {Promise<Saved[]>} All that the user saved. */
export async function allSaved() {
  return (await ask("/api/v1/saved")).json();
}

/** @returns {Promise<string[]>} The names of all functions. */
export async function functions() {
  return (await ask("/api/v1/functions")).json();
}

/** @returns {Promise<Table[]>} */
export async function tables() {
  return (await ask("/api/v1/tables")).json();
}

/**
 * A page, and the address that it has in the end.
 *
 * @param {string} path
 */
export async function page(path) {
  const response = await ask(path);
  const { pathname, search } = new URL(response.url);
  if (pathname === "/sign-in") throw new Refused({ kind: "sign-in", message: "Nobody is signed in." });
  const found = new DOMParser().parseFromString(await response.text(), "text/html");
  found.documentElement.dataset.address = pathname + search;
  return found;
}
