// Without JavaScript: forms and links do all.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { open } from "./browser.mjs";

/** It gives rows for longer than anybody waits. */
export const LONG = "select count(*) from accelerometer_landing a cross join accelerometer_landing b cross join step_trainer_landing c where a.x + b.y + c.distancefromobject < -1e9";

export async function checkPlain(browser, url) {
  const { page, isFine, close } = await open(browser, url, { javaScriptEnabled: false });
  const run = async (sql) => {
    await page.goto("/sql");
    await page.getByLabel("Statement", { exact: true }).fill(sql);
    await page.getByRole("button", { name: "Run" }).click();
    await page.waitForURL(/\/queries\//);
  };

  await run("select user, x, y from accelerometer_trusted order by timestamp");
  await page.getByText("40,981").first().waitFor();
  const first = await page.locator("[data-grid] tbody tr").count();
  assert.equal(first, 100);
  await page.getByRole("link", { name: "next →" }).first().click();
  await page.getByText("101–200 of 40,981").first().waitFor();

  await page.locator("#y").selectOption("x");
  await page.locator("#x").selectOption("y");
  await page.getByRole("button", { name: "Draw" }).click();
  await page.locator("svg.chart").waitFor();

  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV" }).click()]);
  const lines = readFileSync(await file.path(), "utf8").trim().split("\n");
  assert.equal(lines.length, 40_982);
  assert.equal(lines[0], "user,x,y");

  await run("select nmae from customer_trusted");
  await page.getByRole("alert").getByText("nmae").first().waitFor();

  await run(LONG);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("cancelled").first().waitFor();

  await page.goto("/sql");
  await page.getByRole("link", { name: "select nmae from customer_trusted" }).first().click();
  await page.waitForURL(/\/queries\//);
  isFine("without JavaScript");
  await close();
  return "a query written, run, paged, charted, downloaded and cancelled without JavaScript";
}
