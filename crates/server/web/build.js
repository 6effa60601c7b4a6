// Writes dist/app.js (on every page), dist/sql.js (loaded where statements are) and
// dist/app.css.
import { build } from "esbuild";

const shared = {
  bundle: true,
  minify: true,
  target: "es2022",
  outdir: "dist",
  legalComments: "none",
  logLevel: "warning",
};
await Promise.all([
  build({ ...shared, entryPoints: ["src/app.js"], format: "iife", external: ["/static/*"] }),
  build({ ...shared, entryPoints: ["src/sql.js"], format: "esm" }),
  build({ ...shared, entryPoints: ["src/app.css"] }),
]);
