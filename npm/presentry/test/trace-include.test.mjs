// What Nitro is told to trace. `esbuild` is as much of it as is used: it asks about the imports of one file.
import assert from "node:assert/strict";
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import presentry from "presentry/nitro";
import { app } from "./build.mjs";

const ESBUILD = `
const fs = require("node:fs");
const { createRequire } = require("node:module");
exports.build = async ({ entryPoints: [file], plugins: [plugin] }) => {
  let ask;
  const resolve = async (specifier) => {
    try {
      return { errors: [], path: createRequire(file).resolve(specifier) };
    } catch (error) {
      return { errors: [error] };
    }
  };
  plugin.setup({ onResolve: ({ filter }, callback) => (ask = { filter, callback }), resolve });
  for (const [, specifier] of fs.readFileSync(file, "utf8").matchAll(/from "(.*)"/g)) {
    if (!ask.filter.test(specifier)) continue;
    await ask.callback({ path: specifier, kind: "import-statement", resolveDir: ".", pluginData: undefined });
  }
};
`;

// The same for Nitro 3: an ES module, which the app itself does not see.
const ROLLDOWN = `
import fs from "node:fs";
import { createRequire } from "node:module";
export const rolldown = async ({ input: file, plugins: [plugin] }) => ({
  async generate() {
    const resolve = async (specifier) => {
      try {
        return { id: createRequire(file).resolve(specifier) };
      } catch {
        return null;
      }
    };
    await plugin.resolveId.call({ resolve }, file, undefined);
    for (const [, specifier] of fs.readFileSync(file, "utf8").matchAll(/from "(.*)"/g)) {
      await plugin.resolveId.call({ resolve }, specifier, file);
    }
  },
  async close() {},
});
`;
const TEXTS = { esbuild: ESBUILD, rolldown: ROLLDOWN };

function install(directory, name, dependencies = {}, type = "commonjs") {
  const target = path.join(directory, "node_modules", name);
  mkdirSync(target, { recursive: true });
  writeFileSync(path.join(target, "package.json"), JSON.stringify({ name, type, main: "./index.js", dependencies }));
  writeFileSync(path.join(target, "index.js"), TEXTS[name] ?? "");
  return target;
}

/** An app whose instrumentation is this file with this text. */
function written(t, file, text) {
  const directory = realpathSync(app(t));
  install(directory, "esbuild");
  install(directory, "pg");
  // The SDK's own dependencies lie below it, where a strict package manager puts them.
  const sdk = install(directory, "@sentry/solidstart", { "@sentry/node": "10" });
  const node = install(sdk, "@sentry/node", { "import-in-the-middle": "3" });
  writeFileSync(path.join(install(node, "import-in-the-middle"), "hook.mjs"), "");
  mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
  writeFileSync(path.join(directory, file), text);
  return directory;
}

/** What `externals` of Nitro 2 becomes. */
async function externals(t, file, text, given) {
  const directory = written(t, file, text);
  const options = {
    rootDir: directory,
    buildDir: path.join(directory, ".vinxi"),
    nodeModulesDirs: [path.join(directory, "node_modules")],
    externals: given,
  };
  await presentry({ hooks: { hook: () => {} }, options });
  const include = options.externals?.traceInclude ?? [];
  return { externals: options.externals, files: include.map((file) => path.relative(directory, file)) };
}

/** What `traceDeps` of Nitro 3 becomes. */
async function traceDeps(t, file, text, given, more = {}) {
  const directory = written(t, file, text);
  install(install(directory, "nitro"), "rolldown", {}, "module");
  const options = { rootDir: directory, buildDir: path.join(directory, "node_modules/.nitro"), traceDeps: given, ...more };
  await presentry({ hooks: { hook: () => {} }, options, meta: { majorVersion: 3 } });
  assert.equal(options.externals, undefined);
  return options.traceDeps;
}

const HOOK = "node_modules/@sentry/solidstart/node_modules/@sentry/node/node_modules/import-in-the-middle/hook.mjs";
const TEXT = `
import * as Sentry from "@sentry/solidstart";
import { Client } from "pg";
import fs from "node:fs";
import { missing } from "missing";
import { local } from "./local";
`;

test("the packages of the instrumentation are traced, and the hook file that nothing imports", async (t) => {
  for (const file of [".vinxi/build/ssr/instrument.server.js", "src/instrument.server.ts"]) {
    const { files } = await externals(t, file, TEXT);
    assert.deepEqual(files, ["node_modules/@sentry/solidstart/index.js", "node_modules/pg/index.js", HOOK].map(path.normalize));
  }
});

test("an app without instrumentation, or without packages in it, keeps its options", async (t) => {
  assert.equal((await externals(t, "src/other.ts", TEXT)).externals, undefined);
  assert.equal((await externals(t, "src/instrument.server.ts", "export {};")).externals, undefined);
});

test("what the user has Nitro trace stays, in objects that stay as they are", async (t) => {
  const given = Object.freeze({ inline: ["x"], traceInclude: Object.freeze(["/own/file.js"]) });
  const { externals: made } = await externals(t, "src/instrument.server.ts", TEXT, given);
  assert.equal(made.traceInclude[0], "/own/file.js");
  assert.equal(made.traceInclude.length, 4);
  assert.deepEqual(made.inline, ["x"]);
});

test("Nitro 3 leaves the packages of the instrumentation as they are, those of Sentry by name and others with all files", async (t) => {
  for (const file of ["instrument.server.mjs", "src/sentry.server.config.ts"]) {
    assert.deepEqual(await traceDeps(t, file, TEXT), ["@sentry/solidstart", "pg*", "import-in-the-middle*"]);
  }
});

test("what the user has Nitro 3 leave or bundle stays so", async (t) => {
  const given = Object.freeze(["!pg", /graphql/, "import-in-the-middle"]);
  assert.deepEqual(await traceDeps(t, "instrument.server.mjs", TEXT, given), [...given, "@sentry/solidstart"]);
  assert.equal(await traceDeps(t, "src/other.ts", TEXT), undefined);
  assert.equal(await traceDeps(t, "instrument.server.mjs", TEXT, undefined, { noExternals: true }), undefined);
});
