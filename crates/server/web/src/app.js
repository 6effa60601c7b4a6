// What every page gets: buttons that copy, keyboard shortcuts, a look at what goes on, and,
// where there are some, the plots of a table, and the editor of a statement.
import { addCopyButtons } from "./copy.js";
import { followPage } from "./live.js";
import { loadPlots } from "./plots.js";
import { listenForShortcuts } from "./shortcuts.js";

addCopyButtons(document);
loadPlots(document);
listenForShortcuts();
followPage();
if (document.querySelector("[data-editor]")) {
  // The editor is large: other pages do without it.
  // @ts-expect-error A path of the server, not of this folder.
  import("/static/sql.js");
}
// Statements lie in the storage of this browser tab; who leaves takes them along.
document.querySelector("form[action='/sign-out']")?.addEventListener("submit", () => sessionStorage.clear());
