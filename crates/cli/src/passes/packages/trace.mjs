// Traces files with @vercel/nft. `request` stands before it, which is `{ tracer, entries, app }`; it writes
// `{ files: [{ path, parents }] }` to stdout, with real paths.
import { realpathSync, statSync } from "node:fs";
import { parse, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";

const { tracer, entries, app } = request;
// What the tracer prints must not come between the lines of the answer.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (...rest) => process.stderr.write(...rest);

const file = createRequire(resolve(tracer, "package.json")).resolve(tracer);
const module = await import(pathToFileURL(file).href);
const nodeFileTrace = module.nodeFileTrace ?? module.default.nodeFileTrace;
const base = parse(app).root;
const { reasons } = await nodeFileTrace(entries, {
  base,
  processCwd: app,
  exportsOnly: true,
  conditions: ["node"],
  // What newer versions of Node take of a package as well.
  moduleSyncCatchall: true,
});

const real = new Map();
function realFile(path) {
  if (!real.has(path)) {
    let found = null;
    try {
      found = realpathSync(resolve(base, path));
      if (!statSync(found).isFile()) found = null;
    } catch {}
    real.set(path, found);
  }
  return real.get(path);
}

const files = new Map();
for (const [path, { ignored, parents }] of reasons) {
  const found = ignored ? null : realFile(path);
  if (!found) continue;
  const known = files.get(found) ?? new Set();
  for (const parent of parents ?? []) {
    const from = realFile(parent);
    if (from && from !== found) known.add(from);
  }
  files.set(found, known);
}
write(JSON.stringify({ files: [...files].map(([path, parents]) => ({ path, parents: [...parents] })) }));
