// The preset `node-cluster`: `node .output/server/index.mjs`, which forks its workers itself. See nitropack,
// src/presets/node/runtime/node-cluster.ts. Every worker prints its own line when it listens, so the host waits for all
// of them and prints one. `NITRO_CLUSTER_WORKERS` says how many; two unless it is set.
//
// Checks besides: no worker dies while they start (the primary would fork another one, for ever).
import path from "node:path";
import { descendants, expected, fail, findOutput, functionEnvironment, start } from "./front.mjs";

const directory = findOutput([".output/server"], "index.mjs");
const workers = Number(process.env.NITRO_CLUSTER_WORKERS) || 2;
const port = process.env.PORT;

const primary = start(process.execPath, [path.join(directory, "index.mjs")], {
  cwd: path.dirname(directory),
  env: functionEnvironment({ PORT: port, HOST: "127.0.0.1", NITRO_CLUSTER_WORKERS: String(workers) }),
});

let listening = 0;
const seen = new Set();
// Nitro's worker prints its error and ends itself, and the primary forks another one: more processes than there should
// be are the one trace of it that is always there.
const watch = setInterval(() => {
  for (const id of descendants(primary.pid)) seen.add(id);
  if (seen.size > workers) fail("a worker ended while it started");
}, 20);
await expected(
  new Promise((resolve) => {
    primary.on("line", (line) => {
      if (/^Listening on http/.test(line) && ++listening === workers) resolve();
    });
  }),
);
clearInterval(watch);
console.log(`Listening on http://127.0.0.1:${port}`);
