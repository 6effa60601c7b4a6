// What columns hold, by SQL's names of their types.

/** @param {string} type */
export function isNumeric(type) {
  return /^(tinyint|smallint|integer|int|bigint|real|double|float|decimal|numeric)/i.test(type);
}

/** @param {string} type */
export function isTime(type) {
  return /^(date|timestamp)/i.test(type);
}

/** Epoch milliseconds that are taken for times in a column that is called so: 1990 to 2100. */
const TIMES = /** @type {const} */ ([631e9, 4102e9]);

/**
 * Whether a column of whole numbers holds times, by its name and its values.
 *
 * @param {string} name
 * @param {string} type
 * @param {number[]} values
 */
export function holdsTimes(name, type, values) {
  const isCalledSo = /time|date|(^|_)(at|ms|ts)$/i.test(name);
  return isCalledSo && /int/i.test(type) && values.length > 0 && values.every((value) => value >= TIMES[0] && value < TIMES[1]);
}
