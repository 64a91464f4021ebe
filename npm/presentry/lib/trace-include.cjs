// Finds what the instrumentation imports, for Nitro's tracer, before Nitro builds. It may find nothing: the command looks
// at the finished build, and says what is missing there.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { createRequire, isBuiltin } = require("node:module");

/** Where the SDK has Vite build the instrumentation, relative to Nitro's build directory. */
const BUILT = "build/ssr/instrument.server.js";

/** Where it is written, relative to the app. */
const SOURCES = ["src/instrument.server", "instrument.server"].flatMap((stem) =>
  ["ts", "mts", "js", "mjs"].map((extension) => `${stem}.${extension}`),
);

/** The file that `Sentry.init()` registers as a hook, by its name and not by an import, so that no tracer sees it. */
const HOOK = "import-in-the-middle/hook.mjs";

/**
 * Files for `externals.traceInclude` of Nitro, in a stable order. Files and not names: Nitro hands what Rollup makes of a
 * name to its tracer, and where that is the name again, as it is for external packages, the tracer ends the build.
 */
async function filesToTrace(build, named) {
  const instrumentation = find(build, named);
  if (instrumentation === undefined) return [];
  const { files, packages } = await importedPackages(instrumentation, build);
  const hook = hookFile(packages, build);
  return [...files, ...(hook ? [hook] : [])];
}

/** The built instrumentation if it is there, as Vite has resolved its aliases, else its source. */
function find({ rootDir, buildDir }, named) {
  const candidates = [path.join(buildDir, BUILT), ...SOURCES.map((source) => path.join(rootDir, source))];
  if (named !== undefined) candidates.unshift(path.resolve(rootDir, named));
  return candidates.find((file) => fs.existsSync(file));
}

/** The packages that a module and the local modules it imports import, and the files that Node would load of them. */
async function importedPackages(entry, { rootDir, nodeModulesDirs, exportConditions = [] }) {
  const esbuild = load("esbuild", nodeModulesDirs);
  const files = new Set();
  const packages = new Set();
  const collected = {
    name: "packages-are-external",
    setup(bundle) {
      bundle.onResolve({ filter: /^[^./]/ }, async ({ path: specifier, kind, resolveDir, pluginData }) => {
        if (kind === "entry-point" || pluginData === collected) return undefined;
        if (isBuiltin(specifier)) return { external: true };
        const found = await bundle.resolve(specifier, { kind, resolveDir, pluginData: collected });
        // A package that is not there, or a scheme: whoever builds the file says what is wrong with it.
        if (found.errors.length > 0 || found.external) return { external: true };
        // An alias, or a package of the workspace, which Nitro bundles.
        if (!found.path.split(path.sep).includes("node_modules")) return { path: found.path };
        files.add(found.path);
        packages.add(packageName(specifier));
        return { external: true };
      });
    },
  };
  try {
    await esbuild?.build({
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
  } catch {
    // What is wrong with the file, whoever builds it says.
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

/** Loads a package that Nitro depends on from where Nitro looks for packages. */
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

module.exports = { filesToTrace };
