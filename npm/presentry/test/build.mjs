// A build of the preset node-server, written by hand.
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const FILES = {
  ".output/nitro.json": JSON.stringify({
    date: "2026-01-01T00:00:00.000Z",
    preset: "node-server",
    versions: { nitro: "2.13.5" },
  }),
  ".output/server/index.mjs": `export { n as default } from "./chunks/nitro/nitro.mjs";\n`,
  ".output/server/chunks/nitro/nitro.mjs": `import "esm-probe";\nconst n = {};\nexport { n };\n`,
  ".output/server/instrument.server.mjs": `import * as Sentry from "@sentry/solidstart";\nSentry.init({ tracesSampleRate: 1 });\n`,
  ".output/server/node_modules/@sentry/solidstart/package.json": JSON.stringify({
    name: "@sentry/solidstart",
    version: "10.70.0",
    type: "module",
    exports: "./index.js",
  }),
  ".output/server/node_modules/@sentry/solidstart/index.js": "export function init() {}\n",
  ".output/server/node_modules/esm-probe/package.json": JSON.stringify({
    name: "esm-probe",
    version: "1.0.0",
    type: "module",
    exports: "./index.js",
  }),
  ".output/server/node_modules/esm-probe/index.js": "export {};\n",
};

/** Writes an app with its build, without the files that are named, and gives its directory. */
export function app(t, { without = [] } = {}) {
  const directory = mkdtempSync(path.join(tmpdir(), "presentry-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(FILES)) {
    if (without.includes(name)) continue;
    const file = path.join(directory, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return directory;
}
