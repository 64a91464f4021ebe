// Runs generated builds one after the other in one process, and prints what an importer of each sees: one JSON line each.
//
// Each build lies in a directory of its own, so none finds a module of another in the cache. The hooks are those that the
// instrumentation of a build registers itself, when its `init` is called; they write down only what lies in its directory.
import { readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe } from "./values.mjs";

process.on("unhandledRejection", () => {});
// A facade for a launcher throws the error of the runtime outside of the promise, too.
process.on("uncaughtException", () => {});

// When nothing is left to do, what is being waited for will never come. The thread of the hooks does not keep this one
// alive, so it is asked a few times whether it is done.
let giveUp = () => {};
let asked = 0;
async function idle() {
  for (let round = 0; round < 8; round++) {
    await import(`data:text/javascript,${++asked}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
process.on("beforeExit", async () => {
  const waiting = giveUp;
  await idle();
  if (waiting === giveUp) giveUp();
});
const deadlock = new Error("deadlock");
const settled = (promise) => new Promise((resolve, reject) => {
  giveUp = () => reject(deadlock);
  Promise.resolve(promise).then(resolve, reject);
});

// Whether something failed: what else the build had begun to load then goes on.
let failed = false;

// What a call gives: the names of a module loaded by it, or what is told of any other value.
async function call(callee) {
  try {
    const value = await settled(callee.call({ tag: "this" }, "a", "b"));
    return value?.[Symbol.toStringTag] === "Module" ? Object.keys(value) : JSON.stringify(value) ?? describe(value);
  } catch (error) {
    failed = true;
    return String(error?.name ?? error);
  }
}

async function look(run) {
  globalThis.order = [];
  globalThis.run = { url: pathToFileURL(run.directory).href + "/", loaded: run.loaded };
  const url = pathToFileURL(join(run.directory, "server", run.entry)).href;
  // A namespace with a `then` cannot be the result of `await import()`, so a static import is used.
  const source = `import * as namespace from ${JSON.stringify(url)}; export { namespace };`;
  const seen = { exports: [], called: [], order: globalThis.order };
  try {
    const { namespace } = await settled(import(`data:text/javascript,${encodeURIComponent(source)}`));
    for (const name of Object.keys(namespace)) seen.exports.push([name, describe(namespace[name])]);
    for (const name of run.call ?? Object.keys(namespace).filter((name) => name.startsWith("lazy"))) {
      seen.called.push([name, await call(namespace[name])]);
    }
  } catch (error) {
    failed = true;
    seen.error = error === deadlock ? "deadlock" : String(error?.stack ?? error);
  }
  return seen;
}

for (const run of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  failed = false;
  const seen = await look(run);
  writeSync(1, JSON.stringify(seen) + "\n");
  if (failed) await idle();
}
process.exit(0);
