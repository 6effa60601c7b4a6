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
