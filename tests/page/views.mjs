// Each view opens at desktop and phone width, light and dark, and once without JavaScript.
import assert from "node:assert/strict";
import { DESKTOP, PHONE, isAccessible, open } from "./browser.mjs";

/** Paths, and what each shows. */
export async function views(url) {
  const ask = async (sql) => {
    const body = JSON.stringify({ sql, wait_ms: 20_000 });
    const sent = await fetch(`${url}/api/v1/queries`, { method: "POST", headers: { "content-type": "application/json" }, body });
    return (await sent.json()).id;
  };
  const { runs } = await (await fetch(`${url}/api/v1/runs`)).json();
  return [
    ["/", "43,681"],
    ["/pipeline", "training_set"],
    ["/pipeline?from=customer_trusted", "customer_trusted"],
    ["/tables", "machine_learning_curated"],
    ["/tables/customer_trusted", "masked-"],
    ["/tables/customer_trusted?version=0", "customer_trusted"],
    ["/tables/machine_learning_curated", "same_owner"],
    ["/tables/system.runs", "outcome"],
    ["/tables/machine_learning_curated/plots", "on one time axis"],
    ["/tables/step_trainer_landing/plots?rank=3", "3</b> of 956"],
    ["/tables/customer_trusted/plots", "different values"],
    ["/tables/system.quarantine/plots", "Distribution"],
    ["/sql", "Statement"],
    ["/sql?sql=select%207", "Statement"],
    [`/queries/${await ask("select * from accelerometer_trusted")}`, "40,981"],
    [`/queries/${await ask("select nmae from customer_trusted")}`, "nmae"],
    [`/queries/${await ask("select 1 where false")}`, "No row."],
    ["/runs", "published"],
    [`/runs/${runs[0].run}`, "customer_trusted"],
    ["/runs/current", "<h1>"],
    ["/runs/plan", "tables would change"],
    ["/privacy", "Look"],
    ["/privacy?singling_out=1", "machine_learning_curated"],
    ["/quarantine", "truncated"],
    ["/sign-in", "Password"],
    ["/nothing", "nothing at this path"],
  ];
}

export async function checkViews(browser, url) {
  const all = await views(url);
  const kinds = [
    { viewport: DESKTOP, javaScriptEnabled: true },
    { viewport: PHONE, javaScriptEnabled: true },
    { viewport: PHONE, javaScriptEnabled: false },
  ];
  for (const kind of kinds) {
    const { page, isFine, close } = await open(browser, url, kind);
    for (const [path, shows] of all) {
      const where = `${path} ${JSON.stringify(kind)}`;
      const answer = await page.goto(path);
      assert.equal(answer.status(), path === "/nothing" ? 404 : 200, where);
      assert.ok((await answer.text()).includes(shows), `${where}: ${shows}`);
      await fitsItsWidth(page, where);
      if (kind.javaScriptEnabled) {
        await isEnhanced(page, path);
        for (const colorScheme of ["light", "dark"]) {
          await page.emulateMedia({ colorScheme });
          await isAccessible(page, `${where} ${colorScheme}`);
        }
      }
      isFine(where);
    }
    await close();
  }
  return `${all.length} views at two widths, light and dark, and without JavaScript`;
}

async function isEnhanced(page, path) {
  if (path.startsWith("/sql") || path.startsWith("/queries/")) await page.locator(".cm-content").waitFor();
}

/** What is too wide scrolls by itself: the page does not. */
async function fitsItsWidth(page, where) {
  const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= width, `${where}: ${wide} pixels in ${width}`);
}
