// Lays a statement out anew: a line for each clause, long ones broken at commas and ANDs.
// It moves white space alone; a statement whose words would change is left as it is.

/** Characters of a line that is not broken. */
const LINE_MAX = 88;

const INDENT = "  ";

/** What begins a line of its own. */
const CLAUSE =
  /^(with|select|from|where|group by|having|order by|limit|offset|fetch|window|qualify|values|union|union all|intersect|except|(((left|right|full)( outer)?|inner|cross|natural) )?join)$/;

/** Clauses of which the words before `,` or `and` end a line, where they are long. */
const AT_AND = /^(where|having|qualify|.*join)$/;

/**
 * @typedef {{ text: string, isSpaced: boolean, isComment: boolean }} Token Whether white space
 *   stood before it.
 * @typedef {Token | Group} Item
 * @typedef {{ open: Token, items: Item[], close: Token | undefined }} Group What stands in parentheses.
 */

/** @param {string} sql */
export function format(sql) {
  const tokens = tokensOf(sql);
  const { items, rest } = nest(tokens);
  if (rest.length > 0) return sql;
  const statements = split(items, (item) => isToken(item, ";"));
  const shown = statements.map((statement) => layOut(statement, "")).filter((text) => text !== "");
  const made = shown.join("\n\n");
  const words = (/** @type {Token[]} */ list) => list.map((token) => token.text.trimEnd()).join("\0");
  return words(tokensOf(made)) === words(tokens) ? made : sql;
}

/** @param {string} sql @returns {Token[]} */
function tokensOf(sql) {
  const pattern =
    /(\s*)(--[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`[^`]*(?:`|$)|[\p{L}\p{N}_$@]+(?:\.\p{N}+)?|[<>=!|:+\-]{2,}(?<!--)|[^\s])/gu;
  return [...sql.matchAll(pattern)].map(([, before, text]) => ({
    text,
    isSpaced: before !== "",
    isComment: text.startsWith("--") || text.startsWith("/*"),
  }));
}

/**
 * @param {Token[]} tokens
 * @returns {{ items: Item[], close: Token | undefined, rest: Token[] }}
 */
function nest(tokens, isInner = false) {
  /** @type {Item[]} */
  const items = [];
  let rest = tokens;
  while (rest.length > 0) {
    const [token, ...after] = rest;
    if (token.text === ")") {
      return isInner ? { items, close: token, rest: after } : { items, close: undefined, rest };
    }
    if (token.text === "(") {
      const inner = nest(after, true);
      items.push({ open: token, items: inner.items, close: inner.close });
      rest = inner.rest;
    } else {
      items.push(token);
      rest = after;
    }
  }
  return { items, close: undefined, rest };
}

/** @param {Item} item @param {string} text */
function isToken(item, text) {
  return "text" in item && item.text.toLowerCase() === text;
}

/**
 * Parts that end with a separator, which they keep.
 *
 * @param {Item[]} items
 * @param {(item: Item, index: number) => boolean} isEnd
 */
function split(items, isEnd) {
  /** @type {Item[][]} */
  const parts = [[]];
  items.forEach((item, index) => {
    parts[parts.length - 1].push(item);
    if (isEnd(item, index)) parts.push([]);
  });
  return parts.filter((part) => part.length > 0);
}

/** @param {Item[]} items @param {string} indent @returns {string} */
function layOut(items, indent) {
  return clauses(items)
    .map(({ name, body }) => indent + clause(name, body, indent))
    .join("\n");
}

/** @param {Item[]} items */
function clauses(items) {
  /** @type {{ name: string, body: Item[] }[]} */
  const found = [];
  for (let at = 0; at < items.length; ) {
    const taken = [3, 2, 1].find((count) => CLAUSE.test(words(items.slice(at, at + count), count)));
    if (taken || found.length === 0) {
      const body = items.slice(at, at + (taken ?? 1));
      found.push({ name: words(body, body.length), body });
      at += taken ?? 1;
    } else {
      found[found.length - 1].body.push(items[at]);
      at += 1;
    }
  }
  return found;
}

/** @param {Item[]} items @param {number} count */
function words(items, count) {
  if (items.length < count || items.some((item) => !("text" in item))) return "";
  return items.map((item) => /** @type {Token} */ (item).text.toLowerCase()).join(" ");
}

/** @param {string} name @param {Item[]} body @param {string} indent */
function clause(name, body, indent) {
  const whole = inline(body, indent);
  if (whole.length <= LINE_MAX || !/[^\n]{89}/.test(whole)) return whole;
  let isBetween = false;
  const parts = AT_AND.test(name)
    ? split(body, (_, index) => {
        const next = body[index + 1];
        if (!next) return false;
        if (isToken(next, "between")) isBetween = true;
        if (!isToken(next, "and")) return isToken(next, "or");
        const isPair = isBetween;
        isBetween = false;
        return !isPair;
      })
    : split(body, (item) => isToken(item, ","));
  return parts.map((part) => inline(part, indent + INDENT)).join(`\n${indent}${INDENT}`);
}

/** @param {Item[]} items @param {string} indent */
function inline(items, indent) {
  let text = "";
  for (const item of items) {
    const isFirst = text === "" || text.endsWith("\n" + indent + INDENT);
    const head = "text" in item ? item : item.open;
    const isSpaced = head.isSpaced || /,$/.test(text);
    text += isSpaced && !isFirst ? " " : "";
    text += "text" in item ? item.text : group(item, indent);
    // What follows a comment to the end of its line must not become a part of it.
    if (head.isComment && head.text.startsWith("--")) text = text.trimEnd() + "\n" + indent + INDENT;
  }
  return text.trimEnd();
}

/** @param {Group} item @param {string} indent @returns {string} */
function group({ items, close }, indent) {
  const end = close ? ")" : "";
  const [first] = items;
  const isQuery = first && "text" in first && /^(select|with|values)$/i.test(first.text);
  if (!isQuery) {
    const inner = inline(items, indent);
    // A comment at the end would take the parenthesis in.
    const last = items.at(-1);
    return `(${inner}${last && "text" in last && last.isComment ? "\n" + indent : ""}${end}`;
  }
  return `(\n${layOut(items, indent + INDENT)}\n${indent}${end}`;
}
