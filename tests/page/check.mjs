// node check.mjs URL [--pictures DIR]
//
// Where people sign in, and with what, is in the environment: see check.sh.
import { launch } from "./browser.mjs";
import { takePictures } from "./pictures.mjs";
import { checkPlain } from "./plain.mjs";
import { checkRuns } from "./runs.mjs";
import { checkRoles } from "./roles.mjs";
import { checkScripted } from "./scripted.mjs";
import { checkViews } from "./views.mjs";

const [url, flag, folder] = process.argv.slice(2);
const script = await fetch(`${url}/static/app.js`);
if (!script.ok) {
  console.error("the program has no script: run `just web`, then build it again");
  process.exit(1);
}
const { SIGNED_URL, BINARY, USERS, AUDIT, EMAIL } = process.env;
const signed = { url: SIGNED_URL, binary: BINARY, users: USERS, audit: AUDIT, email: EMAIL };
const browser = await launch();
try {
  const steps = flag === "--pictures" ? [(...of) => takePictures(...of, folder)] : [checkPlain, checkScripted, checkRuns, (browser) => checkRoles(browser, signed), checkViews];
  for (const step of steps) {
    const began = performance.now();
    const done = await step(browser, url);
    console.log(`${done} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  }
} finally {
  await browser.close();
}
