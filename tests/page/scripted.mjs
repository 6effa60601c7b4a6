// With JavaScript: the editor, running without leaving the page, rows that scroll, charts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { draw, isAccessible, open } from "./browser.mjs";
import { LONG } from "./plain.mjs";

const MILLION = "select a * 1000 + b as n, cast(a as varchar) as name from unnest(sequence(0, 999)) as s(a) cross join unnest(sequence(0, 999)) as t(b) order by n";

export async function checkScripted(browser, url) {
  const { page, isFine, close } = await open(browser, url, { refused: [409] });
  const checks = [completes, marksErrors, runsParts, formats, scrolls, sorts, copies, draws, drawsSeries, downloads, cancels, savesStatements, keepsTabs, goesBack, showsShortcuts, copiesSnippets, bringsPlots, marksSafely];
  for (const check of checks) {
    await page.goto("/sql");
    await page.evaluate(() => sessionStorage.clear());
    await page.goto("/sql");
    await page.locator(".cm-content").waitFor();
    try {
      await check(page, url);
      isFine(check.name);
    } catch (error) {
      throw new Error(`${check.name}: ${error.message}`, { cause: error });
    }
  }
  await close();
  return `${checks.length} checks with JavaScript`;
}

/** Types as a person does, in the place of what was there. */
async function write(page, sql) {
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(sql);
}

async function run(page, sql, state = "done") {
  await write(page, sql);
  await page.keyboard.press("Control+Enter");
  await page.locator("#result:not([data-state=running], [data-state=waiting])[data-state]").waitFor();
  const ended = await page.locator("#result").getAttribute("data-state");
  assert.equal(ended, state, await page.locator("#result").innerText());
}

const text = (page) => page.locator("#sql").inputValue();
const value = (page, row, column) => page.locator(`.virtual tr[aria-rowindex="${row + 1}"] > td`).nth(column);

async function bringsPlots(page) {
  await page.goto("/tables/step_trainer_trusted");
  await page.locator("#plots").scrollIntoViewIfNeeded();
  await page.locator("#numbers").waitFor();
  assert.equal(await page.locator("[data-plots] svg.fluid").count(), 4);
  await isAccessible(page, "with plots");
  await page.getByRole("link", { name: "next →" }).click();
  await page.waitForURL(/\/plots\?by=serialnumber&rank=2/);
  await page.getByText("of 482, by readings").waitFor();
}

async function completes(page) {
  await page.locator(".cm-content").click();
  const choose = async (typed, option) => {
    await page.keyboard.type(typed, { delay: 10 });
    const shown = page.locator(".cm-tooltip-autocomplete [role=option]", { hasText: option }).first();
    await shown.waitFor();
    await shown.click();
  };
  await choose("select cou", "count");
  await page.keyboard.type("*) from ");
  await choose("machine_l", "machine_learning_curated");
  await page.keyboard.type(" where ");
  await choose("same_o", "same_owner");
  assert.match(await text(page), /^select count\(\*\) from machine_learning_curated where same_owner$/);
  await page.keyboard.press("Control+Enter");
  await page.locator('#result[data-state="done"]').waitFor();
  await value(page, 1, 0).getByText("40981").waitFor();
  await write(page, "select t. from curated.training_set t");
  await page.keyboard.press("Home");
  for (const _ of "select t.") await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Control+ ");
  await page.locator("[role=option]", { hasText: "distancefromobject" }).first().waitFor();
  await isAccessible(page, "while completing");
  await page.keyboard.press("Escape");
}

async function marksErrors(page) {
  await run(page, "select customername,\n  nmae\nfrom customer_trusted", "failed");
  assert.equal(await page.locator(".cm-lintRange-error").textContent(), "nmae");
  await page.getByRole("alert").getByText("nmae").first().waitFor();
  await isAccessible(page, "with an error");
  await run(page, "select 1");
  assert.equal(await page.locator(".cm-lintRange-error").count(), 0);
}

async function runsParts(page) {
  await write(page, "select 11 as a;\nselect 22 as a;\n");
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Control+Enter");
  await value(page, 1, 0).getByText("11").waitFor();
  await page.keyboard.press("Control+End");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Control+Enter");
  await value(page, 1, 0).getByText("22").waitFor();
  await write(page, "select 33 as a, nonsense");
  await page.keyboard.press("Home");
  await page.keyboard.down("Shift");
  for (const _ of "select 33 as a") await page.keyboard.press("ArrowRight");
  await page.keyboard.up("Shift");
  await page.keyboard.press("Control+Enter");
  await value(page, 1, 0).getByText("33").waitFor();
}

async function formats(page) {
  const cases = [
    ["select a,b from t where x>1 order by b", "select a, b\nfrom t\nwhere x>1\norder by b"],
    ["select '  from  ' -- from\n, 1", "select '  from  ' -- from\n  , 1"],
    ["with n as (select 1 as a) select a from n", "with n as (\n  select 1 as a\n)\nselect a\nfrom n"],
    ["select (1", "select (1"],
    ["select ')' ) from", "select ')' ) from"],
  ];
  for (const [before, after] of cases) {
    await write(page, before);
    // What completes may lie over the button.
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Format" }).click();
    assert.equal(await text(page), after);
  }
}

async function scrolls(page) {
  await run(page, MILLION);
  await value(page, 1, 0).getByText("0", { exact: true }).waitFor();
  const box = page.locator(".virtual");
  await box.evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await value(page, 1_000_000, 0).getByText("999999").waitFor();
  const seen = await page.evaluate(() => {
    const outer = document.querySelector(".virtual").getBoundingClientRect();
    const last = document.querySelector('.virtual tr[aria-rowindex="1000001"]').getBoundingClientRect();
    return last.bottom <= outer.bottom + 1 && last.top >= outer.top;
  });
  assert.ok(seen, "the last row is in sight");
  await box.evaluate((element) => element.scrollTo(0, element.scrollHeight / 2));
  // Without a miss, a row near the middle comes into sight.
  await page.waitForFunction(() => {
    const shown = [...document.querySelectorAll(".virtual tbody tr:not(.coming):not(.spacer)")];
    return shown.some((row) => row.cells[0].textContent === "500000");
  });
  assert.ok((await page.locator(".virtual tbody tr").count()) < 100);
  // Frames while a person drags the scroll bar through all rows. The median, because the
  // machine of the test does other things, too.
  const median = await box.evaluate(async (element) => {
    const frames = [];
    let last = performance.now();
    for (let step = 0; step < 60; step += 1) {
      element.scrollTop = (element.scrollHeight / 60) * step;
      const now = await new Promise(requestAnimationFrame);
      frames.push(now - last);
      last = now;
    }
    return frames.sort((a, b) => a - b)[30];
  });
  assert.ok(median < 100, `a frame took ${median} ms`);
  await box.evaluate((element) => element.scrollTo(0, 0));
  await page.locator(".virtual").focus();
  await page.keyboard.press("End");
  await value(page, 1_000_000, 0).waitFor();
}

async function sorts(page) {
  await run(page, "select * from (values (2, 'b'), (10, 'a'), (null, 'c')) as t(n, s)");
  const column = (at) => page.locator(`.virtual tbody tr:not(.spacer) > td:nth-child(${at})`).allTextContents();
  const head = page.locator(".virtual th").first();
  await head.getByRole("button").click();
  await page.locator(".virtual th[aria-sort=ascending]").waitFor();
  assert.deepEqual(await column(1), ["2", "10", "null"]);
  await head.getByRole("button").click();
  await page.locator(".virtual th[aria-sort=descending]").waitFor();
  assert.deepEqual(await column(2), ["a", "b", "c"]);
  await head.getByRole("button").click();
  await page.getByText("In the order of the result.").waitFor();
  await run(page, "select x, y from accelerometer_trusted");
  await page.locator(".virtual th button").first().click();
  await page.getByText("Up to 10,000 rows are sorted here").waitFor();
  await page.getByRole("button", { name: "Run it ordered by x" }).click();
  await page.locator('#result[data-state="done"] .virtual').waitFor();
  assert.match(await text(page), /order by "x"$/);
}

async function copies(page) {
  await run(page, "select * from (values (1, 'a \"b\"'), (2, null)) as t(n, s)");
  await page.getByRole("button", { name: "Copy with headers" }).click();
  await page.getByText("Copied 2 rows").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'n\ts\n1\t"a ""b"""\n2\t');
}

async function draws(page) {
  await run(page, "select date_add('day', a / 10, date '2024-01-01') as day, count(*) as n from unnest(sequence(0, 99)) as t(a) group by 1 order by 1");
  await draw(page, { x: "day", y: ["n"] });
  await page.locator('.plot canvas[role="img"][aria-label^="n by day: 10 rows"]').waitFor();
  await isAccessible(page, "with a chart");
  // The link to it draws it again.
  await page.reload();
  await page.locator(".plot canvas").waitFor();
  await run(page, "select serialnumber, count(*) as n from step_trainer_trusted group by serialnumber limit 12");
  await draw(page, { x: "serialnumber", y: ["n"] });
  await page.locator('.plot canvas[aria-label^="n by serialnumber: 12 rows"]').waitFor();
}

/** Columns and values as series, gaps, times; more than can be told apart. */
async function drawsSeries(page) {
  await run(page, "select n, 1655000000000 + n * 1000 as timestamp, n % 3 as k, n % 20 as m, if(n % 4 <> 0, n * 1.0) as a, if(n = 7, nan(), n * 2.0) as b from unnest(sequence(1, 60)) as t(n)");
  const legend = () => page.locator(".plot .u-legend .u-label").allInnerTexts();
  for (const [asked, label, series] of [
    [{ x: "n", y: ["a", "b"] }, "a, b by n: 60 rows, from 1 to 120.", ["n", "a", "b"]],
    [{ x: "timestamp", y: ["a"], by: "k" }, "a by timestamp, a series for each k: 60 rows, from 1 to 59.", ["timestamp", "1", "2", "0"]],
    [{ x: "k", y: ["a", "b"], kind: "bar" }, "a, b by k: 60 rows, from 1 to 80; the first 40 of 60 values.", ["k", "a", "b"]],
    [{ x: "n", y: ["b"], by: "m", kind: "scatter" }, "b by n, a series for each m: 60 rows, from 2 to 96; the first 8 of 20 series.", ["n", "1", "2", "3", "4", "5", "6", "7", "8"]],
  ]) {
    await draw(page, asked);
    await page.locator(`.plot canvas[aria-label="${label}"]`).waitFor();
    assert.deepEqual(await legend(), series);
  }
  await isAccessible(page, "with several series");
  await page.reload();
  await page.locator('.plot canvas[aria-label*="8 of 20 series"]').waitFor();
  for (const box of await page.locator(".chart-form input[name=y]").all()) await box.uncheck();
  await page.locator(".chart-form").getByRole("button", { name: "Draw" }).click();
  await page.getByText("Choose one or more columns").waitFor();
}

async function downloads(page) {
  await run(page, "select 7 as n, 'x' as s");
  for (const [name, begins] of [["CSV", "n,s\n7,x\n"], ["JSON", '[{"n":7,"s":"x"}]'], ["Parquet", "PAR1"], ["Arrow", ""]]) {
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name, exact: true }).click()]);
    const bytes = readFileSync(await file.path());
    assert.ok(bytes.length > 0 && bytes.toString("latin1").startsWith(begins), name);
  }
}

async function cancels(page) {
  await write(page, LONG);
  await page.keyboard.press("Control+Enter");
  await page.getByRole("button", { name: "Cancel" }).waitFor();
  const took = page.locator("[data-figure=took]", { hasText: /[1-9][\d,]* rows read, .* of memory/ });
  await took.waitFor();
  const before = await took.innerText();
  await page.waitForFunction((before) => document.querySelector("[data-figure=took]")?.textContent !== before, before);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator('#result[data-state="cancelled"]').waitFor();
}

/** Under a name, replaced, as another one, and by keys alone. */
async function savesStatements(page) {
  const names = () => page.locator("#saved tbody th").allInnerTexts();
  const said = (what) => page.locator("[data-save] [role=status]", { hasText: what }).waitFor();
  await write(page, "select 1 as one");
  await page.keyboard.press("Control+s");
  await said("Give it a name first.");
  await page.keyboard.type("first");
  await page.keyboard.press("Enter");
  await said("Saved.");
  assert.match(page.url(), /\/saved\//);
  assert.deepEqual(await names(), ["first"]);
  await isAccessible(page, "with a saved statement");
  await write(page, "select 11 as eleven");
  await page.keyboard.press("Control+s");
  await said("Saved.");
  await page.getByLabel("Name", { exact: true }).fill("second");
  await page.getByRole("button", { name: "Save as new" }).click();
  await page.locator("#saved th", { hasText: "second" }).waitFor();
  await said("Saved.");
  assert.deepEqual(await names(), ["first", "second"]);
  await page.getByRole("button", { name: "New statement" }).click();
  await write(page, "select 22 as other");
  await page.getByLabel("Name", { exact: true }).fill("second");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Replace it" }).click();
  await said("Saved.");
  // Another browser tab gets what was saved.
  await page.evaluate(() => sessionStorage.clear());
  await page.goto("/sql");
  await page.getByRole("link", { name: "second" }).click();
  await page.locator(".cm-content").waitFor();
  assert.equal(await text(page), "select 22 as other");
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "second");
  await page.keyboard.press("e");
  await page.keyboard.press("Control+Enter");
  await page.locator('#result[data-state="done"]').waitFor();
  await write(page, "select 23 as changed");
  await page.reload();
  await page.locator(".cm-content").waitFor();
  assert.equal(await text(page), "select 23 as changed");
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "second");
  await page.goto("/sql");
  for (const _ of ["first", "second"]) {
    await page.locator("#saved summary").first().click();
    await page.getByRole("button", { name: "Delete it for good" }).first().click();
    await page.waitForURL(/#saved$/);
  }
  await page.getByText("Nothing yet").waitFor();
}

async function keepsTabs(page) {
  await run(page, "select 1 as one");
  await page.getByRole("button", { name: "New statement" }).click();
  await run(page, "select 2 as two");
  await page.locator(".tab button").first().click();
  await value(page, 1, 0).getByText("1").waitFor();
  assert.equal(await text(page), "select 1 as one");
  await page.reload();
  await page.locator(".cm-content").waitFor();
  assert.equal(await page.locator(".tab").count(), 2);
  assert.equal(await text(page), "select 1 as one");
  await page.goto("/sql?sql=select%203");
  await page.locator(".cm-content").waitFor();
  assert.equal(await text(page), "select 3");
  assert.equal(await page.locator(".tab").count(), 3);
  await page.getByRole("button", { name: /^Close 3/ }).click();
  assert.equal(await page.locator(".tab").count(), 2);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
}

async function goesBack(page) {
  await run(page, "select 1 as one");
  const first = page.url();
  await run(page, "select 2 as two");
  await page.goBack();
  assert.equal(page.url(), first);
  await page.locator(".virtual th", { hasText: "one" }).waitFor();
  await page.goForward();
  await page.locator(".virtual th", { hasText: "two" }).waitFor();
  await page.getByRole("link", { name: "Tables" }).click();
  await page.waitForURL(/\/tables$/);
  await page.goBack();
  await page.locator(".virtual th", { hasText: "two" }).waitFor();
}

async function showsShortcuts(page) {
  await page.goto("/");
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await dialog.waitFor();
  await isAccessible(page, "shortcuts");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.waitForURL(/\/sql$/);
  await page.locator(".cm-content").waitFor();
  await page.keyboard.press("e");
  await page.keyboard.type("select 1 -- ?");
  assert.equal(await text(page), "select 1 -- ?");
  assert.equal(await page.getByRole("dialog").count(), 0);
}

async function copiesSnippets(page) {
  await page.goto("/tables/customer_trusted");
  const details = page.locator("details", { has: page.locator("[data-copy]") }).first();
  await details.locator("summary").click();
  await details.getByRole("button", { name: "Copy" }).click();
  await details.getByRole("button", { name: "Copied" }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, await details.locator("[data-copy]").textContent());
}

/** Values and statements are text, whatever they look like. */
async function marksSafely(page) {
  const hostile = `select '<img src=x onerror=alert(1)>' as "<b>x</b>"`;
  await run(page, hostile);
  await value(page, 1, 0).getByText("<img src=x").waitFor();
  await page.goto(`/sql?sql=${encodeURIComponent("</textarea><script>alert(1)</script>")}`);
  await page.locator(".cm-content").waitFor();
  assert.equal(await text(page), "</textarea><script>alert(1)</script>");
  assert.equal(await page.locator("img").count(), 0);
}
