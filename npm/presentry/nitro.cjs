// The Nitro module: at the end of the build, after everything that writes to it, it has the build rewritten and proven.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { rewrite } = require("./index.cjs");
const { PresentryError, UsageError } = require("./lib/errors.cjs");
const { executable } = require("./lib/executable.cjs");
const { flags } = require("./lib/options.cjs");
const { render, visible } = require("./lib/render.cjs");
const { depsToTrace, filesToTrace } = require("./lib/trace-include.cjs");

/** What Nitro knows better than its user. */
const NITRO_KNOWS = ["app", "cwd", "dryRun", "outputDir"];

/** The builds that have the module already. */
const seen = new WeakSet();

/** The module itself when it is called with Nitro, and the module with options when it is called with options. */
function presentry(argument = {}) {
  if (typeof argument?.hooks?.hook === "function") return setup(argument, {});
  if (typeof argument !== "object" || argument === null) throw UsageError.of("`presentry()` takes an object of options");
  const known = NITRO_KNOWS.find((name) => name in argument);
  if (known) throw UsageError.of(`\`presentry()\` takes no option \`${known}\``, "the module is told by Nitro");
  // Now, so that the stack leads to the configuration.
  flags("rewrite", argument);
  return (nitro) => setup(nitro, argument);
}

async function setup(nitro, options) {
  const { options: build, hooks } = nitro;
  // Nitro sets modules up once more for the prerenderer, whose server runs during the build and is thrown away.
  if (build.dev || build.preset === "nitro-prerender" || build.static) return;
  if (seen.has(nitro)) {
    throw UsageError.of("`presentry/nitro` is in `modules` twice", "keep one of them, with the options");
  }
  seen.add(nitro);
  // A missing executable is better said now than after the build.
  executable();
  if (!build.noExternals) {
    const include = (nitro.meta?.majorVersion ?? 2) < 3 ? includeFiles : includeDeps;
    await include(build, options);
  }

  let ended = true;
  let armed = false;
  // What a preset writes of the build is written in its `compiled` hook, and other modules write in `close` hooks that they
  // register during the build (the SDK does before Rollup runs). Most builders call `compiled` first, Nitro 3 under Vite
  // calls `close` first. So the hook that comes last is registered in the first of the two, for the other one.
  const arm = (name) => {
    if (armed) return;
    armed = true;
    hooks.hook(name, async () => {
      if (ended) return;
      ended = true;
      await finish(nitro, options);
    });
  };
  hooks.hook("compiled", () => {
    ended = false;
    arm("close");
  });
  hooks.hook("close", () => arm("compiled"));
  // A builder that never closes Nitro must not look like a proven build.
  process.once("exit", (code) => {
    if (ended || code !== 0) return;
    console.error("error: Nitro was never closed, so presentry did not run\nhint: run `npx presentry` after the build");
    process.exitCode = 1;
  });
}

/** Has Nitro 2 trace what the instrumentation needs, which is not in Nitro's module graph. */
async function includeFiles(build, options) {
  const files = await filesToTrace(build, options.instrumentation);
  if (files.length === 0) return;
  const traceInclude = [...new Set([...(build.externals?.traceInclude ?? []), ...files])];
  // New objects, as the old ones may be the user's.
  build.externals = { ...build.externals, traceInclude };
}

/** Has Nitro 3, which bundles packages, leave those of the instrumentation as they are, so that there is one copy of each. */
async function includeDeps(build, options) {
  const given = build.traceDeps ?? [];
  const named = new Set(given.filter((dep) => typeof dep === "string").map((dep) => dep.replace(/^!|\*$/g, "")));
  const deps = await depsToTrace(build, options.instrumentation);
  const missing = deps.filter((dep) => !named.has(dep.replace(/\*$/, "")));
  // A new list, as the old one may be the user's.
  if (missing.length > 0) build.traceDeps = [...given, ...missing];
}

async function finish(nitro, options) {
  let report;
  try {
    report = await rewrite({ ...place(nitro.options, options), ...options });
  } catch (error) {
    if (!(error instanceof PresentryError)) throw error;
    throw new BuildError(error.diagnostics, error.report);
  }
  const { diagnostics, outcome, proof, build } = report;
  for (const diagnostic of diagnostics) nitro.logger.warn(render(diagnostic));
  // Without a server there is nothing to do, and a failure that is allowed has been said.
  if (outcome !== "rewritten" && outcome !== "already-first") return;
  if (!samePlace(path.resolve(nitro.options.rootDir, build.server), nitro.options.output.serverDir)) {
    const message = `\`${build.server}\` was rewritten, and Nitro wrote \`${nitro.options.output.serverDir}\``;
    const hint = "name the built entry with the option `entry` of `presentry()`";
    throw new BuildError([{ code: "another-build", severity: "error", message, hint, labels: [] }], report);
  }
  if (proof?.holds) {
    nitro.logger.success(`presentry: Sentry starts before everything else in \`${visible(build.entry)}\` (proven)`);
  } else {
    nitro.logger.info(`presentry: \`${visible(build.entry)}\` imports the instrumentation first; nothing is proven`);
  }
}

/** Where the build is, in the words of the command. */
function place(build, { entry, preset }) {
  const place = { app: ".", cwd: build.rootDir };
  if (entry === undefined) place.outputDir = path.relative(build.rootDir, build.output.dir) || ".";
  // `nitro.json` says it, and says it also where it is a preset of the user that extends a known one.
  const written = fs.existsSync(path.join(build.output.dir, "nitro.json"));
  if (preset === undefined && !written) place.preset = build.preset;
  return place;
}

function samePlace(one, other) {
  const real = (directory) => {
    try {
      return fs.realpathSync(directory);
    } catch {
      return path.resolve(directory);
    }
  };
  return real(one) === real(other);
}

/** The error that ends the build, with everything that is to be said in its message. */
class BuildError extends PresentryError {
  constructor(diagnostics, report) {
    super(diagnostics, report);
    this.message = `presentry did not prove the build\n${diagnostics.map(render).join("\n")}`;
    // Builders print the whole error. Its stack says nothing about the build, and the rest stands in the message.
    this.stack = `${this.name}: ${this.message}`;
    for (const name of ["name", "code", "hint"]) Object.defineProperty(this, name, { enumerable: false });
  }
}

module.exports = presentry;
