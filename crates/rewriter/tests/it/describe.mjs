// Imports a server entry and prints what an importer sees: one JSON object, names and value kinds.
import { pathToFileURL } from "node:url";
import { readFileSync, writeSync } from "node:fs";
import { describe } from "./values.mjs";

// What AWS Lambda gives to its functions.
globalThis.awslambda = { streamifyResponse: (handler) => Object.assign(handler, { [Symbol.for("aws.lambda.runtime.handler.streaming")]: "response" }) };
// What Bun and Deno give to theirs.
globalThis.Bun = { serve: () => ({ url: "" }) };
globalThis.Deno = { serve: () => ({}), env: { get: () => undefined, toObject: () => ({}) }, addSignalListener() {} };
console.log = console.info = () => {};

// A namespace with a `then` cannot be the result of `await import()`, so a static import is used.
const source = `import * as namespace from ${JSON.stringify(pathToFileURL(process.argv[2]).href)}; export { namespace };`;
const { namespace } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
// A facade without top-level await loads the runtime meanwhile.
const [, runtime] = /^import\("(.*)"\)(?:\.then\(_settle\))?\.catch/m.exec(readFileSync(process.argv[2], "utf8")) ?? [];
if (runtime) await import(new URL(runtime, pathToFileURL(process.argv[2])).href);
const exports = {};
for (const name of Object.keys(namespace).sort()) exports[name] = describe(namespace[name]);
// The functions named after the entry are called, with a `this` and two arguments.
const results = {};
for (const name of process.argv.slice(3)) results[name] = await namespace[name].call({ tag: "this" }, "a", "b");
writeSync(1, JSON.stringify({ exports, order: globalThis.order ?? [], results }) + "\n");
process.exit(0);
