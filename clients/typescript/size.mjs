// How large the core is that every app carries: minified and gzipped, 12 KB at most.

import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const MOST = Number(process.argv[2] ?? 12 * 1024);

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL("dist/index.js", import.meta.url))],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  splitting: true,
  outdir: "size",
  write: false,
});
for (const { path, contents } of outputFiles) {
  const size = gzipSync(contents, { level: 9 }).length;
  console.log(`${path.split("/").pop()}: ${contents.length} bytes, ${size} gzipped`);
}
const core = outputFiles.filter(({ path }) => !/pbkdf2/.test(path)).map(({ contents }) => gzipSync(contents, { level: 9 }).length);
const all = core.reduce((sum, size) => sum + size, 0);
if (all > MOST) {
  console.error(`the core is ${all} bytes, more than ${MOST}`);
  process.exit(1);
}
console.log(`the core is ${all} bytes, of ${MOST} at most`);
