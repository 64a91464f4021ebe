// Finds what the instrumentation imports, for Nitro's tracer, before Nitro builds. It may find nothing: the command looks
// at the finished build, and says what is missing there.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { createRequire, isBuiltin } = require("node:module");
const { pathToFileURL } = require("node:url");

/** Where the SDK has Vite build the instrumentation, relative to Nitro's build directory. */
const BUILT = "build/ssr/instrument.server.js";

/** Where it is written, relative to the app: `SOURCES` and `source` of the command (`crates/cli/src/passes/instrumentation.rs`). */
const SOURCES = ["instrument.server", "sentry.server.config"].flatMap((stem) =>
  ["src/", ""].flatMap((directory) =>
    ["ts", "mts", "js", "mjs", "cjs"].map((extension) => `${directory}${stem}.${extension}`),
  ),
);

/** A specifier that may be one of a package. */
const BARE = /^[^./]/;

/** The file that `Sentry.init()` registers as a hook, by its name and not by an import, so that no tracer sees it. */
const HOOK = "import-in-the-middle/hook.mjs";

/**
 * Files for `externals.traceInclude` of Nitro, in a stable order. Files and not names: Nitro hands what Rollup makes of a
 * name to its tracer, and where that is the name again, as it is for external packages, the tracer ends the build.
 */
async function filesToTrace(build, named) {
  const { files, packages } = await imported(build, named, load("esbuild", build.nodeModulesDirs), withEsbuild);
  const hook = hookFile(packages, build);
  return [...files, ...(hook ? [hook] : [])];
}

/**
 * Packages for `traceDeps` of Nitro 3, in a stable order. Those that are not of Sentry with all their files, for what bundlers
 * take of a package (`graphql/index.mjs`) is not always what Node takes (`graphql/index.js`).
 */
async function depsToTrace(build, named) {
  const { packages } = await imported(build, named, await loadModule(["nitro", "rolldown"], build.rootDir), withRolldown);
  const hook = hookFile(packages, build) === undefined ? [] : [packageName(HOOK)];
  return [...new Set([...packages, ...hook])].map((name) => (isSentry(name) ? name : `${name}*`));
}

/** The packages that the instrumentation and the local modules it imports import, and the files of them that are loaded. */
async function imported(build, named, bundler, walk) {
  const files = new Set();
  const packages = new Set();
  const instrumentation = find(build, named);
  /** Whether a specifier is one of a package, with the file that it stands for. */
  const isPackage = (specifier, file) => {
    // An alias, or a package of the workspace, which Nitro bundles.
    if (!file.split(path.sep).includes("node_modules")) return false;
    files.add(file);
    packages.add(packageName(specifier));
    return true;
  };
  try {
    if (instrumentation !== undefined) await walk(bundler, instrumentation, build, isPackage);
  } catch {
    // What is wrong with the file, or that there is no bundler, whoever builds it says.
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

/** The built instrumentation if it is there, as Vite has resolved its aliases, else its source. */
function find({ rootDir, buildDir }, named) {
  const candidates = [path.join(buildDir, BUILT), ...SOURCES.map((source) => path.join(rootDir, source))];
  if (named !== undefined) candidates.unshift(path.resolve(rootDir, named));
  return candidates.find((file) => fs.existsSync(file));
}

async function withEsbuild(esbuild, entry, { rootDir, exportConditions = [] }, isPackage) {
  const collected = {
    name: "packages-are-external",
    setup(bundle) {
      bundle.onResolve({ filter: BARE }, async ({ path: specifier, kind, resolveDir, pluginData }) => {
        if (kind === "entry-point" || pluginData === collected) return undefined;
        if (isBuiltin(specifier)) return { external: true };
        const found = await bundle.resolve(specifier, { kind, resolveDir, pluginData: collected });
        // A package that is not there, or a scheme: whoever builds the file says what is wrong with it.
        if (found.errors.length > 0 || found.external) return { external: true };
        return isPackage(specifier, found.path) ? { external: true } : { path: found.path };
      });
    },
  };
  await esbuild.build({
    absWorkingDir: rootDir,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    conditions: exportConditions.filter((condition) => !["import", "require", "default"].includes(condition)),
    logLevel: "silent",
    plugins: [collected],
  });
}

async function withRolldown({ rolldown }, entry, { rootDir }, isPackage) {
  const collected = {
    name: "packages-are-external",
    async resolveId(specifier, importer) {
      if (importer === undefined || !BARE.test(specifier)) return undefined;
      const external = { id: specifier, external: true };
      if (isBuiltin(specifier)) return external;
      const found = await this.resolve(specifier, importer, { skipSelf: true });
      if (!found || found.external) return external;
      return isPackage(specifier, path.normalize(found.id)) ? external : found;
    },
  };
  const bundle = await rolldown({ cwd: rootDir, input: entry, platform: "node", logLevel: "silent", plugins: [collected] });
  try {
    await bundle.generate({ format: "esm" });
  } finally {
    await bundle.close();
  }
}

/** Loads a package that Nitro 2 depends on from where Nitro looks for packages. */
function load(name, directories = []) {
  for (const directory of directories) {
    try {
      return createRequire(path.join(directory, "_.js"))(name);
    } catch {
      // The next directory may have it.
    }
  }
  return undefined;
}

/** Loads an ES module that a package of the app depends on: the last of a chain of names, each seen by the one before. */
async function loadModule(chain, rootDir) {
  try {
    let from = path.join(rootDir, "_.js");
    for (const name of chain.slice(0, -1)) from = fs.realpathSync(manifestOf(name, [from]));
    return await import(pathToFileURL(createRequire(from).resolve(chain.at(-1))).href);
  } catch {
    return undefined;
  }
}

/** The hook file as the SDK sees it: below one of its packages, wherever the package manager put that. */
function hookFile(packages, { rootDir, nodeModulesDirs = [] }) {
  const from = [path.join(rootDir, "_.js"), ...nodeModulesDirs.map((directory) => path.join(directory, "_.js"))];
  const waiting = packages.filter(isSentry).map((name) => ({ name, from }));
  const visited = new Set();
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const manifest = manifestOf(next.name, next.from);
    if (manifest === undefined || visited.has(manifest)) continue;
    visited.add(manifest);
    const dependencies = Object.keys(JSON.parse(fs.readFileSync(manifest, "utf8")).dependencies ?? {});
    if (dependencies.includes(packageName(HOOK))) {
      const found = resolve(HOOK, [manifest]);
      if (found !== undefined) return found;
    }
    waiting.push(...dependencies.filter(isSentry).map((name) => ({ name, from: [manifest] })));
  }
  return undefined;
}

function packageName(specifier) {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

function isSentry(name) {
  return name.startsWith("@sentry/");
}

/** The package.json of a package as one of some files sees it, also where `exports` hides it. */
function manifestOf(name, from) {
  const direct = resolve(`${name}/package.json`, from);
  if (direct !== undefined) return direct;
  const main = resolve(name, from);
  if (main === undefined) return undefined;
  for (let directory = path.dirname(main); directory !== path.dirname(directory); directory = path.dirname(directory)) {
    const manifest = path.join(directory, "package.json");
    if (fs.existsSync(manifest) && JSON.parse(fs.readFileSync(manifest, "utf8")).name === name) return manifest;
  }
  return undefined;
}

function resolve(specifier, from) {
  for (const file of from) {
    try {
      return createRequire(file).resolve(specifier);
    } catch {
      // The next one may see it.
    }
  }
  return undefined;
}

module.exports = { depsToTrace, filesToTrace };
