// What the editor completes: tables and columns that the asker may read, and functions.
import { completeFromList, ifNotIn } from "@codemirror/autocomplete";
import { SQLDialect, StandardSQL, keywordCompletionSource, schemaCompletionSource } from "@codemirror/lang-sql";
import { functions, tables } from "./api.js";

/** @import { Completion, CompletionSource } from "@codemirror/autocomplete" */
/** @import { SQLNamespace } from "@codemirror/lang-sql" */
/** @import { Table } from "./api.js" */

const dialect = SQLDialect.define({
  keywords: `${StandardSQL.spec.keywords ?? ""} ${words()}`,
  types: "array bigint boolean char date decimal double integer interval json map real row smallint time timestamp tinyint varbinary varchar",
  doubleQuotedStrings: false,
  hashComments: false,
});

function words() {
  return "select from where group by having order limit offset fetch with recursive as on using join inner left right full outer cross natural union all intersect except distinct and or not in is null like between exists case when then else end cast try_cast extract interval over partition rows range unbounded preceding following current row filter within asc desc nulls first last values unnest ordinality lateral table version timestamp of true false describe show explain tables columns functions";
}

/** The language of the editor. Its completions come when the server has told them. */
export function language() {
  const known = fetched();
  /** @type {CompletionSource} */
  const complete = async (context) => {
    const sources = await known;
    const found = await Promise.all(sources.map((source) => source(context)));
    const lists = found.filter((list) => list !== null);
    if (lists.length === 0) return null;
    // The most precise word decides what is replaced.
    const from = Math.max(...lists.map((list) => list.from));
    const options = lists.filter((list) => list.from === from).flatMap((list) => list.options);
    return { from, options: unique(options), validFor: /^[\w$]*$/ };
  };
  return [dialect.extension, dialect.language.data.of({ autocomplete: complete })];
}

/** @param {readonly Completion[]} options */
function unique(options) {
  const known = new Map();
  // A column beside a keyword of the same name is the column.
  for (const option of options) if (!known.has(option.label)) known.set(option.label, option);
  return [...known.values()];
}

/** @returns {Promise<CompletionSource[]>} */
async function fetched() {
  // Without the server's lists it completes keywords.
  const [found, names] = await Promise.all([tables().catch(() => []), functions().catch(() => [])]);
  const calls = names.map((name) => ({ label: name, type: "function", apply: `${name}(` }));
  return [
    columnsOfMentioned(found),
    schemaCompletionSource({ dialect, schema: namespace(found) }),
    ifNotIn(["QuotedIdentifier", "String", "LineComment", "BlockComment", "."], completeFromList(calls)),
    keywordCompletionSource(dialect, false, (label, type) => ({ label, type, boost: -50 })),
  ];
}

/** @param {Table[]} tables @returns {SQLNamespace} */
function namespace(tables) {
  /** @type {Record<string, Record<string, SQLNamespace>>} */
  const zones = {};
  /** @type {Record<string, SQLNamespace>} */
  const bare = {};
  for (const { zone, table, columns } of tables) {
    const children = columns.map(column);
    (zones[zone] ??= {})[table] = { self: { label: table, type: "class", detail: zone }, children };
    // System tables are found by their zone alone.
    if (zone !== "system") bare[table] = { self: { label: table, type: "class", detail: zone }, children };
  }
  return { ...bare, ...zones };
}

/** @param {{ name: string, type: string }} of @returns {Completion} */
function column({ name, type }) {
  return { label: name, type: "property", detail: type, apply: /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"` };
}

/**
 * Columns without their table before them: of the tables that the statement names.
 *
 * @param {Table[]} tables
 * @returns {CompletionSource}
 */
function columnsOfMentioned(tables) {
  /** @type {CompletionSource} */
  const source = (context) => {
    const word = context.matchBefore(/[\w$]+/);
    if (!word && !context.explicit) return null;
    const from = word ? word.from : context.pos;
    if (context.state.sliceDoc(from - 1, from) === ".") return null;
    const text = new Set(context.state.doc.toString().toLowerCase().match(/[\w$]+/g));
    const named = tables.filter(({ table }) => text.has(table.toLowerCase()));
    if (named.length === 0) return null;
    return { from, options: named.flatMap(({ columns }) => columns.map((one) => ({ ...column(one), boost: 20 }))) };
  };
  return ifNotIn(["QuotedIdentifier", "String", "LineComment", "BlockComment"], source);
}
