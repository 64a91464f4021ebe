// The module in a Nitro that has hooks and options and builds nothing: what it writes was there before.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import presentry from "presentry/nitro";
import { app } from "./build.mjs";

const INSTRUMENTATION = ".output/server/instrument.server.mjs";

/** As much of Nitro as its modules see: hooks run one after the other, from a list that is copied before. */
function nitro(rootDir, options = {}) {
  const registered = new Map();
  const said = [];
  const say = (kind) => (text) => said.push(`${kind}: ${text}`);
  return {
    said,
    registered,
    logger: { success: say("success"), info: say("info"), warn: say("warn") },
    options: {
      rootDir,
      buildDir: path.join(rootDir, ".nitro"),
      preset: "node-server",
      dev: false,
      static: false,
      nodeModulesDirs: [path.join(rootDir, "node_modules")],
      output: { dir: path.join(rootDir, ".output"), serverDir: path.join(rootDir, ".output/server") },
      ...options,
    },
    hooks: {
      hook: (name, hook) => registered.set(name, [...(registered.get(name) ?? []), hook]),
      callHook: async (name) => {
        for (const hook of [...(registered.get(name) ?? [])]) await hook();
      },
    },
  };
}

/** What Nitro's `build` and a builder after it call. */
const USUAL = ["rollup:before", "compiled", "close"];

/** What Nitro 3 calls under Vite; where its own command has Vite build, that closes it once more. */
const VITE = ["rollup:before", "close", "compiled"];
const NITRO_VITE = [...VITE, "close"];

async function build(fake, order = USUAL) {
  for (const name of order) await fake.hooks.callHook(name);
}

const entry = (directory) => readFileSync(path.join(directory, ".output/server/index.mjs"), "utf8");

// The apps of these tests have no bundler.
const UNBUNDLED = { bundleSdk: false };

test("a build ends rewritten and proven, in one line", async (t) => {
  const directory = app(t);
  const fake = nitro(directory);
  await presentry(UNBUNDLED)(fake);
  await build(fake);
  assert.match(entry(directory), /^\/\/ presentry /);
  assert.deepEqual(fake.said, [
    "success: presentry: Sentry starts before everything else in `.output/server/index.mjs` (proven)",
  ]);
});

test("it runs after what others write at the end, whichever comes first", async (t) => {
  for (const [order, last] of [[USUAL, "close"], [VITE, "close"], [VITE, "compiled"], [NITRO_VITE, "compiled"]]) {
    for (const first of [true, false]) {
      const directory = app(t);
      const instrumentation = path.join(directory, INSTRUMENTATION);
      renameSync(instrumentation, `${instrumentation}.later`);
      const fake = nitro(directory);
      // As the SDK does it.
      const other = () =>
        fake.hooks.hook("rollup:before", () => {
          let done = false;
          fake.hooks.hook(last, () => {
            if (!done) renameSync(`${instrumentation}.later`, instrumentation);
            done = true;
          });
        });
      if (first) other();
      await presentry(UNBUNDLED)(fake);
      if (!first) other();
      await build(fake, order);
      assert.match(entry(directory), /^\/\/ presentry /);
      // Once, however often Nitro is closed.
      assert.equal(fake.said.length, 1, `${order}: ${fake.said}`);
    }
  }
});

test("a warning of the command is one of Nitro", async (t) => {
  const fake = nitro(app(t));
  await presentry(fake);
  await build(fake);
  assert.equal(fake.said.length, 2);
  assert.match(fake.said[0], /^warn: warning\[bundle-skipped\]: .*\nhint: .*`--no-bundle-sdk`$/);
  assert.match(fake.said[1], /^success: /);
});

test("a build that cannot be proven fails, with code, message and hint, and is left as it was", async (t) => {
  const directory = app(t, { without: [INSTRUMENTATION] });
  const before = entry(directory);
  const fake = nitro(directory);
  await presentry(fake);
  await assert.rejects(build(fake), (error) => {
    assert.match(error.stack, /^BuildError: presentry did not prove the build\nerror\[[a-z-]+\]: .*\n(.*\n)*hint: /);
    assert.doesNotMatch(error.stack, /\n {4}at /);
    return true;
  });
  assert.equal(entry(directory), before);
  assert.deepEqual(fake.said, []);
});

test("a failure that is allowed is a warning", async (t) => {
  const fake = nitro(app(t, { without: [INSTRUMENTATION] }));
  await presentry({ allowFailure: true })(fake);
  await build(fake);
  assert.equal(fake.said.length, 1);
  assert.match(fake.said[0], /^warn: error\[/);
});

test("nothing is done in dev, for the prerenderer and without a server", async (t) => {
  const directory = app(t);
  const before = entry(directory);
  for (const options of [{ dev: true }, { preset: "nitro-prerender" }, { static: true }]) {
    const fake = nitro(directory, options);
    const given = structuredClone(fake.options);
    await presentry(fake);
    assert.equal(fake.registered.size, 0);
    await build(fake);
    assert.equal(entry(directory), before);
    assert.deepEqual(fake.options, given);
    assert.deepEqual(fake.said, []);
  }
});

test("a renamed output directory is the one that is rewritten", async (t) => {
  const directory = app(t);
  renameSync(path.join(directory, ".output"), path.join(directory, "dist"));
  const output = { dir: path.join(directory, "dist"), serverDir: path.join(directory, "dist/server") };
  const fake = nitro(directory, { output });
  await presentry(UNBUNDLED)(fake);
  await build(fake);
  assert.match(fake.said[0], /`dist\/server\/index.mjs` \(proven\)/);
});

test("the server that Nitro wrote must be the one that was rewritten", async (t) => {
  const directory = app(t);
  const fake = nitro(directory);
  fake.options.output.serverDir = path.join(directory, ".output/elsewhere");
  mkdirSync(fake.options.output.serverDir);
  await presentry(fake);
  await assert.rejects(build(fake), { code: "another-build" });
});

test("twice in a list, with two sets of options, is an error", async (t) => {
  const fake = nitro(app(t));
  await presentry({ strict: true })(fake);
  await assert.rejects(presentry(fake), { name: "UsageError", message: /twice/ });
});

test("options are looked at when the configuration is read", () => {
  assert.throws(() => presentry({ dryRun: true }), { name: "UsageError", message: /no option `dryRun`/ });
  assert.throws(() => presentry({ app: "." }), { name: "UsageError" });
  assert.throws(() => presentry({ srtict: true }), { hint: /`strict`/ });
  assert.throws(() => presentry("nitro"), { name: "UsageError" });
});

test("`require` gives the same function", () => {
  assert.equal(createRequire(import.meta.url)("presentry/nitro"), presentry);
});

test("a Nitro that is never closed does not look like a proven build", (t) => {
  const directory = app(t);
  const script = path.join(directory, "builder.mjs");
  const module = new URL("../nitro.mjs", import.meta.url).href;
  const run = (hooks, code) => {
    writeFileSync(
      script,
      `import presentry from ${JSON.stringify(module)};
       const hooks = {};
       const output = { dir: ${JSON.stringify(path.join(directory, ".output"))} };
       await presentry({ hooks: { hook: (name, hook) => (hooks[name] = hook) }, options: { rootDir: ".", buildDir: ".", output } });
       for (const name of ${JSON.stringify(hooks)}) hooks[name]();
       process.exit(${code});`,
    );
    return spawnSync(process.execPath, [script], { encoding: "utf8", cwd: directory });
  };
  const { status, stderr } = run(["compiled"], 0);
  assert.equal(status, 1);
  assert.match(stderr, /^error: Nitro was never closed/);
  // A build that failed before has another error to show, and one that was never compiled has nothing to prove.
  assert.deepEqual([run(["compiled"], 3).status, run(["compiled"], 3).stderr], [3, ""]);
  assert.deepEqual([run([], 0).status, run([], 0).stderr], [0, ""]);
  // What is closed and never compiled has failed, and says so itself.
  assert.deepEqual([run(["close"], 0).status, run(["close"], 0).stderr], [0, ""]);
});
