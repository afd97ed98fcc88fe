// Builds what the wheel ships: one module and one style sheet, without any loading from elsewhere.
import { build } from "esbuild";

const out = process.argv[2] ?? "../gekko_lab/widgets/static";

await build({
  entryPoints: { chart: "src/index.js" },
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "eof",
  conditions: ["production"],
  logLevel: "warning",
});
