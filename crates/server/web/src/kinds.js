// What columns hold, by SQL's names of their types.

/** @param {string} type */
export function isNumeric(type) {
  return /^(tinyint|smallint|integer|int|bigint|real|double|float|decimal|numeric)/i.test(type);
}

/** @param {string} type */
export function isTime(type) {
  return /^(date|timestamp)/i.test(type);
}
