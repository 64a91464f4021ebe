// Runs builds of generated programs, each in a directory of its own, and prints what happened in each: one JSON line.
//
// Many share this process. Every build has its own URLs (symbolic links are kept), so none finds a module of another in a
// cache, and what happens is put down to a build by the URL of the module that tells.
import { readFileSync, writeSync } from "node:fs";
import { register } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MessageChannel } from "node:worker_threads";

// One clock for this thread and that of the hooks.
const clock = new Int32Array(new SharedArrayBuffer(4));
const tick = () => Atomics.add(clock, 0, 1) + 1;

const { runs, variables, value, runtime } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const seen = runs.map(() => ({}));
// The runs that were left behind: the environment is that of others by now, so what they come to later is not theirs.
const left = new Set();
// The first time that something happened is what counts.
const note = (number, what, time = tick()) => {
  if (!seen[number] || seen[number][what] <= time) return;
  seen[number][what] = time;
  if (left.has(number)) seen[number].stale = true;
};
const number = (url) => Number(/\/(\d+)\/server\//.exec(String(url))?.[1] ?? NaN);

const { port1, port2 } = new MessageChannel();
port1.on("message", ([url, time]) => note(number(url), "loaded", time));
port1.unref();
register(
  "data:text/javascript," +
    encodeURIComponent(`
      let clock, port;
      export function initialize(data) { ({ clock, port } = data); }
      export async function load(url, context, next) {
        if (url.endsWith(${JSON.stringify(`/server/${runtime}`)})) port.postMessage([url, Atomics.add(clock, 0, 1) + 1]);
        return next(url, context);
      }
    `),
  { data: { clock, port: port2 }, transferList: [port2] },
);

globalThis.judge = {
  started: (url, how) => {
    note(number(url), "started");
    seen[number(url)].how ??= how;
  },
  load: (url, promise) => {
    note(number(url), "loaded");
    return promise;
  },
  library: (url) => note(number(url), "library"),
  runtime: (url) => note(number(url), "runtime"),
};
console.log = console.error = () => {};

// An error that nothing handles ends the process; it is put down to the build whose code threw it. Once Sentry has started it
// handles rejections.
let current = 0;
const whose = (error) => {
  const found = number(error?.stack);
  return Number.isNaN(found) ? current : found;
};
process.on("uncaughtException", (error) => note(whose(error), "ended"));
process.on("unhandledRejection", (error) => {
  const of = whose(error);
  if (!seen[of]?.started) note(of, "ended");
});

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// Node has nothing left to do: what is not done by then hangs, and is not slow because the machine is busy. The limit is for
// what goes on for ever.
const nothingLeft = () =>
  new Promise((resolve) => {
    process.once("beforeExit", resolve);
    setTimeout(resolve, 20_000).unref();
  });
const groups = Map.groupBy?.(runs, (run) => run.environment.join()) ?? new Map();
if (groups.size === 0) {
  for (const run of runs) {
    const key = run.environment.join();
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
}
let position = 0;
const positions = new Map(runs.map((run) => [run, position++]));
for (const group of groups.values()) {
  for (const variable of variables) {
    if (group[0].environment.includes(variable)) process.env[variable] = value;
    else delete process.env[variable];
  }
  // What is not done soon may hang, and is left behind while the others run.
  const open = new Set();
  for (const run of group) {
    current = positions.get(run);
    const done = import(pathToFileURL(join(run.directory, "server/index.mjs"))).then(
      () => note(positions.get(run), "done"),
      (error) => {
        note(positions.get(run), "ended");
        seen[positions.get(run)].error = String(error?.message ?? error);
      },
    );
    open.add(run);
    done.finally(() => open.delete(run));
    await Promise.race([done, sleep(20)]);
  }
  for (let round = 0; round < 30 && open.size > 0; round++) await sleep(20);
  if (open.size > 0) await nothingLeft();
  for (const run of open) left.add(positions.get(run));
}
// The timers that nothing awaits, and what happens as the process ends.
left.clear();
await sleep(80);
await nothingLeft();
for (const run of seen) writeSync(1, JSON.stringify(run) + "\n");
process.exit(0);
