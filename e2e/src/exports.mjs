// node exports.mjs ENTRY FILE: imports ENTRY and writes to FILE, as JSON, what each of its exports is.
import cluster from "node:cluster";
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

// An entry that forks workers starts this script again in each: they wait for the primary to end, and write nothing.
if (cluster.isWorker) await new Promise(() => setInterval(() => {}, 60_000));

// The runtime of AWS Lambda has this global; what it makes of a handler is a property of it.
globalThis.awslambda ??= {
  streamifyResponse(handler) {
    handler[Symbol.for("aws.lambda.runtime.handler.streaming")] = "response";
    return handler;
  },
};

function describe(value, depth) {
  const seen = { typeof: value === null ? "null" : typeof value };
  if ((typeof value !== "object" && typeof value !== "function") || value === null) {
    seen.value = String(value);
    return seen;
  }
  seen.tag = Object.prototype.toString.call(value);
  seen.constructor = Object.getPrototypeOf(value)?.constructor?.name ?? null;
  seen.extensible = Object.isExtensible(value);
  if (typeof value === "function") {
    seen.name = value.name;
    seen.length = value.length;
    seen.class = /^class\b/.test(Function.prototype.toString.call(value));
  }
  seen.own = Reflect.ownKeys(value).map((key) => {
    const property = Object.getOwnPropertyDescriptor(value, key);
    const own = {
      key: String(key),
      symbol: typeof key === "symbol",
      enumerable: property.enumerable,
      writable: property.writable ?? null,
      accessor: "get" in property,
    };
    if (depth > 0 && "value" in property) own.value = describe(property.value, depth - 1);
    return own;
  });
  return seen;
}

const [entry, file] = process.argv.slice(2);
const namespace = await import(pathToFileURL(entry).href);
const exports = Object.fromEntries(Object.keys(namespace).map((name) => [name, describe(namespace[name], 1)]));
writeFileSync(file, JSON.stringify(exports, null, 2));
process.exit(0);
