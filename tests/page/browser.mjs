// Chromium, and what must never happen in it: an error in the console, a violation of the
// page's policy, a request to elsewhere, a serious finding of axe.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../crates/server/web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const ARGUMENTS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** Serves scripts from a folder instead of those in the program, to try changes quickly. */
const SCRIPTS = process.env.STEDI_PAGE_SCRIPTS;

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: ARGUMENTS, headless: true });
}

/**
 * A page, and everything that went wrong in it. Answers with the codes of `refused` are
 * expected; a browser tells them in its console.
 */
export async function open(browser, url, { refused = [], ...settings } = {}) {
  const context = await browser.newContext({
    baseURL: url,
    viewport: DESKTOP,
    acceptDownloads: true,
    permissions: ["clipboard-read", "clipboard-write"],
    ...settings,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // A page that is missing on purpose says so, too.
    const isMissing = message.text().includes("404") && message.location().url.endsWith("/nothing");
    const isRefused = refused.some((status) => message.text().includes(`status of ${status} `));
    if (["error", "warning"].includes(message.type()) && !isMissing && !isRefused) {
      const { url, lineNumber, columnNumber } = message.location();
      wrong.push(`console: ${message.text()} at ${url}:${lineNumber}:${columnNumber}`);
    }
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) wrong.push(`asks elsewhere: ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 500) wrong.push(`${response.status()}: ${response.url()}`);
  });
  if (SCRIPTS) {
    await context.route(/\/static\/(app\.js|sql\.js|app\.css)$/, (route) =>
      route.fulfill({ path: `${SCRIPTS}/${new URL(route.request().url()).pathname.split("/").at(-1)}` }),
    );
  }
  return {
    page,
    /** Fails if anything went wrong since the page was opened. */
    isFine(where) {
      assert.deepEqual(wrong, [], where);
    },
    close: () => context.close(),
  };
}

/** Fails if axe finds something serious or critical. */
export async function isAccessible(page, where) {
  await page.evaluate(AXE);
  // Without `preload`, which would copy the editor's sheets into inline styles.
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], preload: false }));
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = grave.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join(" | ")}`);
  assert.deepEqual(told, [], where);
}

/** Fills the form of a chart and asks for it. */
export async function draw(page, { x, y, by = "", kind = "auto" }) {
  const form = page.locator(".chart-form");
  for (const box of await form.locator("input[name=y]").all()) await box.setChecked(y.includes(await box.inputValue()));
  await form.locator("select[name=x]").selectOption(x);
  await form.locator("select[name=by]").selectOption(by);
  await form.locator("select[name=kind]").selectOption(kind);
  await form.getByRole("button", { name: "Draw" }).click();
}
