// Without JavaScript: forms and links do all.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { draw, open } from "./browser.mjs";

/** It gives rows for longer than anybody waits. */
export const LONG = "select count(*) from accelerometer_landing a cross join accelerometer_landing b cross join step_trainer_landing c where a.x + b.y + c.distancefromobject < -1e9";

export async function checkPlain(browser, url) {
  const { page, isFine, close } = await open(browser, url, { javaScriptEnabled: false, refused: [409] });
  const run = async (sql) => {
    await page.goto("/sql");
    await page.getByLabel("Statement", { exact: true }).fill(sql);
    await page.getByRole("button", { name: "Run" }).click();
    await page.waitForURL(/\/queries\//);
  };

  await run("select user, x, y from accelerometer_trusted order by timestamp");
  await page.locator('#result[data-state="done"]').waitFor();
  await page.getByText("40,981").first().waitFor();
  const first = await page.locator("[data-grid] tbody tr").count();
  assert.equal(first, 100);
  await page.getByRole("link", { name: "next →" }).first().click();
  await page.getByText("101–200 of 40,981").first().waitFor();

  await page.getByText("read 40,981 rows in").waitFor();

  await draw(page, { x: "y", y: ["x"] });
  await page.locator("svg.chart .series").waitFor();
  await draw(page, { x: "user", y: ["x", "y"], kind: "bar" });
  await page.locator("svg.chart rect.bar.s1").first().waitFor();
  assert.deepEqual((await page.locator(".legend li").allInnerTexts()).map((name) => name.trim()), ["x", "y"]);

  for (const [name, begins] of [["CSV", "user,x,y\n"], ["JSON", '[{"user":"'], ["Parquet", "PAR1"], ["Arrow", ""]]) {
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name, exact: true }).click()]);
    const bytes = readFileSync(await file.path());
    assert.ok(bytes.length > 10_000 && bytes.toString("latin1").startsWith(begins), name);
    if (name === "CSV") assert.equal(bytes.toString().trim().split("\n").length, 40_982);
  }

  await run("select nmae from customer_trusted");
  await page.getByRole("alert").getByText("nmae").first().waitFor();

  // Without a script the page asks again by itself, and shows how far it is.
  await run(LONG);
  const took = page.locator("[data-figure=took]", { hasText: /[1-9][\d,]* rows read, .* of memory/ });
  await took.waitFor();
  const before = await took.innerText();
  await page.locator("[data-figure=took]").filter({ hasNotText: before }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("cancelled").first().waitFor();
  await page.getByText(/read [1-9][\d,]* rows in/).waitFor();

  await saves(page);

  await page.goto("/sql");
  await page.getByRole("link", { name: "select nmae from customer_trusted" }).first().click();
  await page.waitForURL(/\/queries\//);
  isFine("without JavaScript");
  await close();
  return "a query written, run, paged, charted, downloaded, cancelled and saved without JavaScript";
}

async function saves(page) {
  const save = async (sql, name, button = "Save") => {
    await page.getByLabel("Statement", { exact: true }).fill(sql);
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByRole("button", { name: button, exact: true }).click();
  };
  const text = () => page.getByLabel("Statement", { exact: true }).inputValue();
  const names = () => page.locator("#saved tbody th").allInnerTexts();
  await page.goto("/sql");
  await save("select 1\n  as one", "of everybody");
  await page.waitForURL(/\/saved\//);
  assert.equal(await text(), "select 1\n  as one");
  await page.getByRole("button", { name: "Run" }).click();
  await page.waitForURL(/\/queries\/.*saved=/);
  await save("select 2 as two", "renamed");
  await page.waitForURL(/\/saved\//);
  assert.deepEqual(await names(), ["renamed"]);
  await page.goto("/sql");
  await save("select 3 as three", "renamed");
  await page.getByRole("alert").getByText("already").waitFor();
  assert.equal(await text(), "select 3 as three");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForURL(/\/saved\//);
  assert.deepEqual([await names(), await text()], [["renamed"], "select 3 as three"]);
  await page.locator("#saved summary").click();
  await page.getByRole("button", { name: "Delete it for good" }).click();
  await page.getByText("Nothing yet").waitFor();
}
