// Saving statements under a name, without leaving the page.
import { Refused, allSaved, page, save } from "./api.js";
import { button, element } from "./dom.js";

/** @import { Tab } from "./tabs.js" */

/** How long the page says that a statement was saved. */
const SAID_MS = 4000;

export class Saving {
  /**
   * @param {HTMLFormElement} form
   * @param {{ tab: () => Tab, keep: () => void }} told
   */
  constructor(form, told) {
    this.told = told;
    this.box = /** @type {HTMLElement} */ (form.querySelector("[data-save]"));
    this.name = /** @type {HTMLInputElement} */ (form.elements.namedItem("name"));
    this.id = /** @type {HTMLInputElement} */ (form.elements.namedItem("saved"));
    this.asNew = this.box.querySelector("button[name=as]") ?? element("button", { type: "submit", name: "as", value: "new" }, "Save as new");
    this.asNew.setAttribute("formaction", "/saved");
    this.note = element("span", { className: "note", role: "status" });
    this.box.append(this.asNew, this.note);
    this.name.addEventListener("keydown", (event) => {
      // Enter would press the first button, which runs the statement.
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.save(false);
    });
    document.addEventListener("save", () => this.save(false));
  }

  /** What the server wrote that was opened, or `null`. */
  get written() {
    return this.id.value === "" ? null : { id: this.id.value, name: this.name.value };
  }

  /** Shows what a tab is saved as. @param {Tab} tab */
  show(tab) {
    this.id.value = tab.saved?.id ?? "";
    this.name.value = tab.saved?.name ?? "";
    this.asNew.toggleAttribute("hidden", !tab.saved);
    this.say();
  }

  /** @param {boolean} isNew */
  async save(isNew) {
    const tab = this.told.tab();
    const name = this.name.value.trim();
    if (name === "") {
      this.say("Give it a name first.");
      this.name.focus();
      return;
    }
    await this.send(tab, isNew ? null : (tab.saved?.id ?? null), name);
  }

  /**
   * @param {Tab} tab
   * @param {string | null} id
   * @param {string} name
   */
  async send(tab, id, name) {
    this.say();
    try {
      const saved = await save(id, name, tab.text);
      tab.saved = { id: saved.id, name: saved.name };
      this.told.keep();
      if (this.told.tab() === tab) this.show(tab);
      if (/^\/(sql|saved\/.*)$/.test(location.pathname)) history.replaceState(history.state, "", `/saved/${saved.id}`);
      await this.list();
      this.say("Saved.");
      setTimeout(() => this.note.textContent === "Saved." && this.say(), SAID_MS);
    } catch (error) {
      await this.fail(error, tab, id, name);
    }
  }

  /**
   * @param {unknown} error
   * @param {Tab} tab
   * @param {string | null} id
   * @param {string} name
   */
  async fail(error, tab, id, name) {
    if (!(error instanceof Refused)) throw error;
    const { fault, status } = error;
    if (status === 404 && id !== null) {
      // It was deleted meanwhile.
      tab.saved = null;
      await this.send(tab, null, name);
      return;
    }
    const other = status === 409 ? (await allSaved().catch(() => [])).find((one) => one.name === name) : undefined;
    if (other) this.say("There is one of that name already. ", button("Replace it", () => this.send(tab, other.id, name)));
    else this.say([fault.message, fault.hint].filter(Boolean).join(": "));
  }

  /** Shows the list anew, where there is one. */
  async list() {
    const shown = document.querySelector("#saved");
    if (!shown) return;
    const found = (await page("/sql").catch(() => null))?.querySelector("#saved");
    if (found) shown.replaceWith(document.importNode(found, true));
  }

  /** @param {...(Node | string)} what */
  say(...what) {
    this.note.replaceChildren(...what);
  }
}
