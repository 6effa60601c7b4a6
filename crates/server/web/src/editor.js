// The editor: CodeMirror in the place of the form's text area, which keeps the statement for
// the form.
import { acceptCompletion, autocompletion, closeCompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentOnInput, syntaxTree } from "@codemirror/language";
import { lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, drawSelection, dropCursor, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { language } from "./completion.js";
import { element } from "./dom.js";
import { format } from "./format.js";
import { theme } from "./theme.js";

/** @import { Fault } from "./api.js" */

/**
 * @typedef {{ sql: string, from: number }} Part A statement, and where it begins in the editor.
 */

export class Editor {
  /**
   * @param {HTMLTextAreaElement} area
   * @param {{ run: () => void, open: () => void, change: (text: string) => void }} told
   */
  constructor(area, told) {
    this.area = area;
    const host = element("div", { className: "code-editor" });
    area.before(host);
    area.hidden = true;
    // Within a shadow root CodeMirror's rules are sheets of the root. In the document they
    // would be an inline style, which the page's policy forbids.
    const root = host.attachShadow({ mode: "open" });
    const press = (/** @type {() => void} */ act) => () => (act(), true);
    this.extensions = [
      Prec.highest(
        keymap.of([
          { key: "Mod-Enter", run: press(() => (closeCompletion(this.view), told.run())) },
          { key: "Alt-Shift-f", run: press(() => this.format()) },
          { key: "Alt-Shift-n", run: press(told.open) },
          { key: "Mod-s", run: press(() => (closeCompletion(this.view), document.dispatchEvent(new CustomEvent("save")))) },
        ]),
      ),
      lineNumbers(),
      highlightActiveLineGutter(),
      history(),
      drawSelection({ cursorBlinkRate: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 1200 }),
      dropCursor(),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      autocompletion({ icons: false, activateOnTypingDelay: 50 }),
      highlightSelectionMatches(),
      EditorView.lineWrapping,
      // Tab leaves the editor, except while a completion is offered.
      keymap.of([...closeBracketsKeymap, ...completionKeymap, { key: "Tab", run: acceptCompletion }]),
      keymap.of([...searchKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap]),
      EditorView.contentAttributes.of({ "aria-label": "Statement", spellcheck: "false", autocapitalize: "off" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) told.change((this.area.value = update.state.doc.toString()));
      }),
      EditorView.domEventHandlers({ beforeinput: typeOver }),
      language(),
      theme,
    ];
    this.view = new EditorView({ state: this.stateOf(area.value), parent: root, root });
    document.querySelector(`label[for="${area.id}"]`)?.addEventListener("click", () => this.view.focus());
    document.addEventListener("edit", () => this.view.focus());
  }

  /** @param {string} text */
  stateOf(text) {
    return EditorState.create({ doc: text, extensions: this.extensions });
  }

  /** Shows another state, such as that of another tab. @param {EditorState} state */
  show(state) {
    this.view.setState(state);
    this.area.value = state.doc.toString();
  }

  /**
   * What runs: what is selected, or the statement that the cursor is in, or all of it.
   *
   * @returns {Part}
   */
  part() {
    const { state } = this.view;
    const { main } = state.selection;
    const selected = state.sliceDoc(main.from, main.to);
    if (selected.trim() !== "") return { sql: selected, from: main.from };
    const statements = syntaxTree(state).topNode.getChildren("Statement");
    const at = statements.length > 1 ? (statements.find((one) => one.to >= main.head) ?? statements.at(-1)) : undefined;
    return at ? { sql: state.sliceDoc(at.from, at.to), from: at.from } : { sql: state.doc.toString(), from: 0 };
  }

  format() {
    const { state } = this.view;
    const made = format(state.doc.toString());
    if (made !== state.doc.toString()) {
      this.view.dispatch({ changes: { from: 0, to: state.doc.length, insert: made }, selection: { anchor: Math.min(state.selection.main.anchor, made.length) } });
    }
    this.view.focus();
  }

  /**
   * Marks what is wrong with a part, at its place; `null` takes the marks away.
   *
   * @param {Part} part
   * @param {Pick<Fault, "message" | "hint" | "place"> | null} fault
   */
  mark(part, fault) {
    const { state } = this.view;
    const range = fault?.place && placeOf(part, fault.place, state);
    const marks = fault && range ? [{ ...range, severity: /** @type {const} */ ("error"), message: [fault.message, fault.hint].filter(Boolean).join("\n") }] : [];
    this.view.dispatch(setDiagnostics(state, marks));
    if (range) this.view.dispatch({ effects: EditorView.scrollIntoView(range.from) });
  }
}

/**
 * Types over a selection. Chromium would give the new text the old one's looks by an inline
 * style, which the page's policy forbids.
 *
 * @param {InputEvent} event
 * @param {EditorView} view
 */
function typeOver(event, view) {
  const { data, inputType } = event;
  const { main } = view.state.selection;
  if (inputType !== "insertText" || !data || main.empty || view.composing) return false;
  const typed = () => view.state.update(view.state.replaceSelection(data), { userEvent: "input.type", scrollIntoView: true });
  const isHandled = view.state.facet(EditorView.inputHandler).some((handle) => handle(view, main.from, main.to, data, typed));
  if (!isHandled) view.dispatch(typed());
  return true;
}

/**
 * The word at a line and column of a part. Columns count characters, the editor counts UTF-16.
 *
 * @param {Part} part
 * @param {[number, number]} place
 * @param {EditorState} state
 */
function placeOf({ sql, from }, [line, column], state) {
  const lines = sql.split("\n");
  if (line < 1 || line > lines.length) return undefined;
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const within = [...lines[line - 1]].slice(0, column - 1).join("").length;
  const at = Math.min(from + before + within, state.doc.length);
  const word = /^[\p{L}\p{N}_]+|^"[^"]*"/u.exec(state.sliceDoc(at, at + 200));
  return { from: at, to: Math.min(at + (word ? word[0].length : 1), state.doc.length) };
}
