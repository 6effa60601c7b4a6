// Runs started from the page: followed with and without JavaScript, cancelled, planned.
import assert from "node:assert/strict";
import { PHONE, isAccessible, open } from "./browser.mjs";

/** How long a run of the demo may take on a busy machine. */
const PATIENCE = { timeout: 120_000 };

export async function checkRuns(browser, url) {
  await followsPlainly(browser, url);
  await follows(browser, url);
  return "a run started, followed to its end and cancelled, and a plan made, with and without JavaScript";
}

/** The page asks for itself again, until it is over. */
async function followsPlainly(browser, url) {
  const { page, isFine, close } = await open(browser, url, { javaScriptEnabled: false, viewport: PHONE });
  await page.goto("/runs");
  await page.getByRole("button", { name: "What would it do?" }).click();
  await page.waitForURL(/\/runs\/plan$/, PATIENCE);
  await page.getByText("tables would change").waitFor();
  assert.equal(await page.locator("meta[http-equiv=refresh]").count(), 0);

  await page.goto("/runs");
  await page.getByRole("button", { name: "Build everything anew" }).click();
  await page.locator("meta[http-equiv=refresh]").first().waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("cancelled; nothing was published").first().waitFor(PATIENCE);
  assert.equal(await page.locator("meta[http-equiv=refresh]").count(), 0);
  isFine("runs without JavaScript");
  await close();
}

/** The script changes what is not the same any more: focus and scroll stay. */
async function follows(browser, url) {
  const { page, isFine, close } = await open(browser, url);
  await page.goto("/runs");
  await page.getByRole("button", { name: "Build everything anew" }).click();
  await page.waitForURL(/\/runs\/current$/);
  await page.evaluate(() => Object.assign(window, { isTheSame: true }));
  await page.getByRole("status").getByText(/building|checking/).first().waitFor(PATIENCE);
  const link = page.getByRole("link", { name: "machine_learning_curated" });
  await link.focus();
  await isAccessible(page, "while a run goes on");
  await page.locator("main:not([data-live])").waitFor(PATIENCE);
  assert.ok(await page.evaluate(() => window.isTheSame), "the page was not loaded again");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "machine_learning_curated");
  await page.getByText(/published|no table was changed/).first().waitFor();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await isAccessible(page, `after a run, ${colorScheme}`);
  }
  isFine("runs");
  await close();
}
