// Who signs in: by the form, as each role, with and without JavaScript; what they see, and
// how a session ends.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isAccessible, open } from "./browser.mjs";

const PASSWORD = "a long enough password";

/** The views in the navigation of each role, and paths that are not for it. */
const ROLES = {
  scientist: { user: "sci", nav: ["Overview", "Pipeline", "Tables", "SQL"], closed: ["/runs", "/privacy", "/quarantine", "/tables/customer_trusted", "/tables/system.runs"] },
  engineer: { user: "eng", nav: ["Overview", "Pipeline", "Tables", "SQL", "Runs", "Quarantine"], closed: ["/privacy"] },
  "privacy officer": { user: "off", nav: ["Overview", "Pipeline", "Tables", "SQL", "Runs", "Privacy", "Quarantine"], closed: [] },
};

/**
 * @param {{ url: string, binary: string, users: string, audit: string, email: string }} served A server at
 *   which people sign in, its program and files, and the e-mail address of somebody in its lake.
 */
export async function checkRoles(browser, served) {
  for (const javaScriptEnabled of [true, false]) {
    for (const role of Object.keys(ROLES)) await visits(browser, served, role, javaScriptEnabled);
  }
  await looksUp(browser, served);
  await isSignedOutWhenRemoved(browser, served);
  return "sign-in and views of three roles, a look-up, a session that ends";
}

async function signIn(page, user, password = PASSWORD) {
  await page.getByLabel("Name").fill(user);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function visits(browser, { url }, role, javaScriptEnabled) {
  const { user, nav, closed } = ROLES[role];
  const { page, isFine, close } = await open(browser, url, { javaScriptEnabled, refused: [401, 403, 404] });
  await page.goto("/tables");
  await page.waitForURL(/\/sign-in\?next=/);
  if (javaScriptEnabled) await isAccessible(page, "sign-in");
  await signIn(page, user, "a long enough passwore");
  await page.getByRole("alert").getByText("do not fit").waitFor();
  if (javaScriptEnabled) await isAccessible(page, "sign-in refused");
  await signIn(page, user);
  await page.waitForURL(/\/tables$/);
  await page.getByText(`${user}, ${role}`).waitFor();
  assert.deepEqual(await page.getByRole("navigation", { name: "Views" }).getByRole("link").allTextContents(), nav);
  const shown = await page.locator("main tbody th").allInnerTexts();
  assert.equal(shown.includes("customer_trusted"), role !== "scientist", String(shown));
  for (const path of closed) {
    const answer = await page.goto(path);
    assert.ok([403, 404].includes(answer.status()), `${role} ${path}: ${answer.status()}`);
    assert.ok(!(await answer.text()).includes("masked-"), path);
  }
  if (closed.length > 0 && javaScriptEnabled) await isAccessible(page, `${role}: not for this role`);
  for (const name of nav) {
    await page.goto("/");
    await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name, exact: true }).click();
    await page.locator("h1").waitFor();
  }
  if (role === "scientist" && javaScriptEnabled) await completesOwnTables(page);
  await page.goto("/");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/\/sign-in$/);
  await page.goto("/sql");
  await page.waitForURL(/\/sign-in\?next=/);
  isFine(`${role} ${javaScriptEnabled}`);
  await close();
}

/** What does not exist for a scientist is not completed either. */
async function completesOwnTables(page) {
  await page.goto("/sql");
  await page.locator(".cm-content").click();
  await page.keyboard.type("select * from c", { delay: 10 });
  await page.locator("[role=option]", { hasText: "customer_curated" }).first().waitFor();
  assert.equal(await page.locator("[role=option]", { hasText: /customer_(trusted|landing)/ }).count(), 0);
  await page.keyboard.press("Escape");
}

/** The officer looks somebody up: the value is in no address, and in no log. */
async function looksUp(browser, { url, audit, email }) {
  const { page, isFine, close } = await open(browser, url);
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url()));
  await page.goto("/privacy");
  await signIn(page, "off");
  await page.waitForURL(/\/privacy$/);
  await page.getByLabel("Look one person up").fill(email);
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText("research").first().waitFor();
  await isAccessible(page, "one person");
  addresses.push(page.url());
  for (const address of addresses) assert.ok(!decodeURIComponent(address).includes(email), address);
  const log = readFileSync(audit, "utf8");
  assert.ok(log.includes('"look-up"') && !log.includes(email), "the audit log has the look-up without the value");
  assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
  isFine("look-up");
  await close();
}

async function isSignedOutWhenRemoved(browser, { url, binary, users }) {
  const { page, isFine, close } = await open(browser, url, { refused: [401] });
  await page.goto("/sql");
  await signIn(page, "sci");
  await page.locator(".cm-content").click();
  await page.keyboard.insertText("select 7 as seven");
  await page.keyboard.press("Control+Enter");
  await page.locator('#result[data-state="done"]').waitFor();
  execFileSync(binary, ["user", "remove", "sci", "--users", users], { stdio: "ignore" });
  await page.keyboard.press("Control+Enter");
  await page.getByRole("alert").getByText("nobody is signed in").waitFor();
  await page.getByRole("alert").getByRole("link", { name: "Sign in" }).click();
  await page.waitForURL(/\/sign-in\?next=/);
  await signIn(page, "sci");
  await page.getByRole("alert").getByText("do not fit").waitFor();
  isFine("removed");
  await close();
}
