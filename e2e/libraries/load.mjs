// Loads files of an app under the SDK's own hooks, and prints the text of each as Node gets it. It runs on a Node.js whose hooks are in
// the process (24.13 or later).

import fs from "node:fs";
import Module, { createRequire, registerHooks } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [app, ...files] = process.argv.slice(2);
const seen = new Map();
// The SDK's patch calls this one with the text that it has changed.
const compile = Module.prototype._compile;
Module.prototype._compile = function (text, file, ...more) {
  seen.set(file, text);
  return compile.call(this, text, file, ...more);
};
const Sentry = createRequire(path.join(app, "x.js"))("@sentry/node");
const transport = () => ({ send: async () => ({}), flush: async () => true });
Sentry.init({ dsn: "https://key@localhost/1", tracesSampleRate: 1, transport });
// Registered behind the SDK's, so it sees what they give.
registerHooks({
  load(url, context, next) {
    const result = next(url, context);
    if (result.source != null && url.startsWith("file:") && context.format !== "commonjs") {
      seen.set(fileURLToPath(url), typeof result.source === "string" ? result.source : Buffer.from(result.source).toString());
    }
    return result;
  },
});
// A file of a library need not be able to run by itself, only to be loaded.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});
for (const file of files) await import(pathToFileURL(path.join(app, file))).catch(() => {});
fs.writeSync(1, `\nloaded ${JSON.stringify(files.map((file) => ({ file, text: seen.get(path.join(app, file)) })))}\n`);
process.exit(0);
