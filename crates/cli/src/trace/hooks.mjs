// The load hook of `presentry trace` for `module.register`, which runs on a thread of its own. Judges nothing.
import { openSync, writeSync } from "node:fs";
import { createRequire } from "node:module";

const { hrtime, pid } = process;
const now = () => Number(hrtime.bigint()) / 1e6;
let seen;

export function initialize(data) {
  const events = openSync(data.events, "a");
  const emit = (event, fields, at) => writeSync(events, JSON.stringify({ event, pid, at, ...fields }) + "\n");
  seen = createRequire(import.meta.url)(data.watcher).watcher(data, emit);
}

export async function load(url, context, nextLoad) {
  const at = now();
  return seen(url, await nextLoad(url, context), at);
}
