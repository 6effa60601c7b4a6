// Elements made by hand. Styles are set by CSSOM alone, which the page's policy allows.

/**
 * An element with properties, attributes (names with a hyphen, and `role`) and children.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, String(value));
    else Object.assign(made, { [name]: value });
  }
  made.append(...children);
  return made;
}

/**
 * A button that submits nothing.
 *
 * @param {string} text
 * @param {(event: MouseEvent) => void} press
 * @param {Record<string, unknown>} [properties]
 */
export function button(text, press, properties = {}) {
  const made = element("button", { type: "button", ...properties }, text);
  made.addEventListener("click", press);
  return made;
}

/**
 * A number with its thousands apart, as the server writes it.
 *
 * @param {number} count
 */
export function grouped(count) {
  return count.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

const UNITS = /** @type {const} */ ([["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]);

/**
 * Bytes as the server writes them: `242 kB`.
 *
 * @param {number} count
 */
export function bytes(count) {
  const [unit, size] = UNITS.find(([, size]) => count >= size) ?? ["B", 1];
  const part = count / size;
  return size > 1 && part < 10 ? `${Math.floor(part)}.${Math.floor((part * 10) % 10)} ${unit}` : `${grouped(Math.floor(part))} ${unit}`;
}
