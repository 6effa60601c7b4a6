// Writes dist/app.js (on every page), dist/sql.js (loaded where statements are), dist/app.css,
// and dist/licenses.txt with the licenses of the packages that these hold.
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const shared = {
  bundle: true,
  minify: true,
  target: "es2022",
  outdir: "dist",
  legalComments: "none",
  metafile: true,
  banner: { js: "// Licenses: /static/licenses.txt", css: "/* Licenses: /static/licenses.txt */" },
  logLevel: "warning",
};
const built = await Promise.all([
  build({ ...shared, entryPoints: ["src/app.js"], format: "iife", external: ["/static/*"] }),
  build({ ...shared, entryPoints: ["src/sql.js"], format: "esm" }),
  build({ ...shared, entryPoints: ["src/app.css"] }),
]);

const inputs = built.flatMap(({ metafile }) => Object.keys(metafile.inputs));
const packages = new Set(inputs.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []));
const licenses = [...packages].sort().map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8")}`);
writeFileSync("dist/licenses.txt", licenses.join("\n\n"));
