// Bundles the SDK with the bundler of the app. The request comes as JSON on stdin, the answer goes as JSON to stdout:
// `{ files, specifiers, bundler, packages, external }`, or `{ error: { code, message } }`. Nothing is written.

import fs from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const request = JSON.parse(fs.readFileSync(0, "utf8"));
const { app, server, specifiers, used, header, name, from_app: fromApp } = request;

class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The directory of a package as Node finds it from another directory, links followed; `undefined` if it is not there. */
function packageDirectory(of, from) {
  for (let directory = from; ; directory = path.dirname(directory)) {
    const found = path.join(directory, "node_modules", of);
    if (fs.existsSync(path.join(found, "package.json"))) return fs.realpathSync(found);
    if (path.dirname(directory) === directory) return undefined;
  }
}

/** The bundler of the app: below Vite, Vinxi or Nitro, as package managers do not hoist it into sight of the app. */
async function bundlerOfApp() {
  const below = [[], ["vinxi"], ["nitropack"], ["vite"], ["vinxi", "vite"], ["@solidjs/start"], ["@solidjs/start", "vinxi"], ["nitro"]];
  for (const chain of below) {
    const owner = chain.reduce((from, name) => from && packageDirectory(name, from), app);
    const found = owner && packageDirectory("esbuild", owner);
    if (!found) continue;
    const require = createRequire(path.join(found, "package.json"));
    try {
      const module = await import(pathToFileURL(require.resolve("esbuild")).href);
      return { name: "esbuild", version: readManifest(found)?.version, module };
    } catch {
      // Installed without its binary, or for another platform: the next one may be whole.
    }
  }
  throw new Refused("bundler-not-found", "there is no esbuild among the packages of the app");
}

const inside = (directory, file) => file.startsWith(directory + path.sep);
const posix = (file) => file.split(path.sep).join("/");
const fromServer = (file) => `./${posix(path.relative(server, file)).replace(/[%?#\\]/g, encodeURIComponent)}`;
const packageName = (specifier) => specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
const isSentry = (name) => name.startsWith("@sentry/");

/** The package a file belongs to. Directories inside of a package may have a nameless `package.json` of their own. */
const owners = new Map();
function packageOf(file) {
  const start = path.dirname(file);
  if (!owners.has(start)) {
    let owner;
    for (let directory = start; !owner && path.dirname(directory) !== directory; directory = path.dirname(directory)) {
      const manifest = readManifest(directory);
      if (manifest?.name && manifest.version) owner = { directory, name: manifest.name, version: manifest.version, manifest };
    }
    owners.set(start, owner);
  }
  return owners.get(start);
}

function readManifest(directory) {
  try {
    return JSON.parse(fs.readFileSync(path.join(directory, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
}

/** Whether Node takes a file for an ES module. */
function isModule(file) {
  if (file.endsWith(".mjs")) return true;
  if (!file.endsWith(".js")) return false;
  for (let directory = path.dirname(file); path.dirname(directory) !== directory; directory = path.dirname(directory)) {
    const manifest = readManifest(directory);
    if (manifest) return manifest.type === "module";
    if (path.basename(path.dirname(directory)) === "node_modules") return false;
  }
  return false;
}

/** Packages that have to stay what they are: their identity counts, or Node loads files of them by name. */
const HOOKS = ["import-in-the-middle", "require-in-the-middle"];

/** A package with a native add-on finds it by its own place. */
function hasAddOn(directory) {
  const look = (at, depth) =>
    fs.readdirSync(at, { withFileTypes: true }).some((entry) => {
      if (entry.isDirectory()) return depth > 0 && entry.name !== "node_modules" && look(path.join(at, entry.name), depth - 1);
      return entry.name.endsWith(".node") || entry.name === "binding.gyp";
    });
  return look(directory, 2);
}

/** The packages that parts of the build outside of the bundle ask for, `@opentelemetry/*` also through other packages. */
function neededElsewhere() {
  const needed = new Set(used.map(packageName));
  const seen = new Set();
  const visit = (name, from) => {
    if (isSentry(name)) return;
    const directory = packageDirectory(name, from);
    if (!directory || !inside(server, directory) || seen.has(directory)) return;
    seen.add(directory);
    const { dependencies, optionalDependencies, peerDependencies } = readManifest(directory) ?? {};
    for (const other of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      if (other.startsWith("@opentelemetry/")) needed.add(other);
      visit(other, directory);
    }
  };
  needed.forEach((name) => visit(name, server));
  return needed;
}

const needed = neededElsewhere();
const external = new Map();
const licensed = new Map();
const addOns = new Map();

/**
 * What becomes of an import that is no part of the SDK's own code: `undefined` when it is bundled, else the specifier by
 * which the bundle asks for it.
 */
async function outside(specifier, file, resolveFrom) {
  const owner = packageOf(file);
  const name = owner?.name ?? packageName(specifier);
  if (!addOns.has(name)) addOns.set(name, file.endsWith(".node") || (owner ? hasAddOn(owner.directory) : false));
  const stays = HOOKS.includes(name) || needed.has(name) || addOns.get(name);
  if (!stays || isSentry(name) || specifier.startsWith(".") || specifier.startsWith("#")) return undefined;
  const fromBundle = await resolveFrom(specifier, server);
  if (fromBundle && inside(server, fromBundle)) {
    external.set(specifier, { reason: addOns.get(name) ? "native" : HOOKS.includes(name) ? "hook" : "shared", file });
    if (fromBundle === file || !inside(server, file)) return specifier;
    // Another version than the one that the bundle would find from its place.
    return fromServer(file);
  }
  if (inside(server, file)) {
    external.set(specifier, { reason: "nested", file });
    return fromServer(file);
  }
  if (HOOKS.includes(name) || addOns.get(name)) {
    // The build lacks it, and gets it from the packages of the app.
    external.set(specifier, { reason: HOOKS.includes(name) ? "hook" : "native", file });
    return specifier;
  }
  return undefined;
}

/** Where the SDK keeps what only a build uses; loaded in a server it costs more than the rest of the SDK. */
const BUILD_TIME = /[\\/]@sentry[\\/]solidstart[\\/]build[\\/](?:[^\\/]+[\\/])*(?:config|vite)[\\/]/;
const BUILD_TIME_PACKAGES = /^@sentry\/(?:vite-plugin|rollup-plugin|webpack-plugin|esbuild-plugin|bundler-plugin|babel-plugin|cli)/;

const identifier = (name) => /^[A-Za-z_$][\w$]*$/.test(name);

/** The export names of one file that are declared or named in it. */
async function ownExports(esbuild, file) {
  const options = { entryPoints: [file], bundle: false, format: "esm", write: false, metafile: true, outdir: server, logLevel: "silent" };
  const { metafile } = await esbuild.build(options);
  return Object.values(metafile.outputs)[0].exports;
}

/** A module with functions of the given names that say what they are. */
function stubs(names) {
  const stub = (name) =>
    `function() { throw new Error(${JSON.stringify(`\`${name}\` is for builds alone, and presentry has left it out of this server`)}); }`;
  return names
    .map((name, number) =>
      name === "default" ? `export default ${stub(name)};` : `const stub${number} = { ${JSON.stringify(name)}: ${stub(name)} }[${JSON.stringify(name)}]; export { stub${number} as ${identifier(name) ? name : JSON.stringify(name)} };`,
    )
    .join("\n");
}

/**
 * A file's text, with what a module knows of its own place kept as it was: `import.meta.url`, `__filename` and
 * `__dirname` stay those of the file if it is in the build, and an ES module sees no `require`.
 */
async function placed(esbuild, file) {
  const text = fs.readFileSync(file, "utf8");
  const module = isModule(file);
  const define = {};
  let before = "";
  const own = inside(server, file)
    ? `new URL(${JSON.stringify(fromServer(file))}, import.meta.url)`
    : "new URL(import.meta.url)";
  if (module && text.includes("import.meta.url")) {
    define["import.meta.url"] = "__presentryUrl";
    before += `const __presentryUrl = ${own}.href;`;
  }
  if (module && /\brequire\b/.test(text)) define.require = "undefined";
  if (!module && /\b__(?:file|dir)name\b/.test(text)) {
    Object.assign(define, { __filename: "__presentryFile", __dirname: "__presentryDirectory" });
    before += `const __presentryFile = require("node:url").fileURLToPath(${own}), __presentryDirectory = require("node:path").dirname(__presentryFile);`;
  }
  if (Object.keys(define).length === 0) return text;
  const options = { define, loader: "js", sourcemap: "inline", sourcefile: file, logLevel: "silent" };
  const { code } = await esbuild.transform(text, options);
  return before + code;
}

function plugin(esbuild, from) {
  const asked = Symbol("asked");
  return {
    name: "presentry",
    setup(build) {
      const resolveFrom = async (specifier, resolveDir, kind = "import-statement") => {
        const found = await build.resolve(specifier, { resolveDir, kind, pluginData: asked });
        return found.errors.length === 0 && !found.external ? found.path : undefined;
      };
      build.onResolve({ filter: /^[^./]|^#/ }, async (args) => {
        if (args.pluginData === asked || isBuiltin(args.path)) return undefined;
        if (args.kind === "entry-point") return { path: await resolveFrom(args.path, from) };
        if (BUILD_TIME_PACKAGES.test(args.path)) return { path: args.path, namespace: "build-time", sideEffects: false };
        const file = await resolveFrom(args.path, args.resolveDir, args.kind);
        if (!file) return undefined;
        const fromBundle = (specifier, directory) => resolveFrom(specifier, directory, args.kind);
        const left = await outside(args.path, file, fromBundle);
        return left === undefined ? undefined : { path: left, external: true };
      });
      build.onLoad({ filter: /.*/, namespace: "build-time" }, (args) => {
        const message = `\`${args.path}\` is for builds alone, and presentry has left it out of this server`;
        const contents = `module.exports = new Proxy({}, { get() { throw new Error(${JSON.stringify(message)}); } });`;
        return { contents, loader: "js" };
      });
      build.onLoad({ filter: /\.[cm]?js$/, namespace: "file" }, async (args) => {
        const owner = packageOf(args.path);
        if (owner) licensed.set(`${owner.name}@${owner.version}`, owner);
        if (BUILD_TIME.test(args.path)) {
          const names = await ownExports(esbuild, args.path);
          if (names.length > 0) return { contents: stubs(names), loader: "js" };
        }
        return { contents: await placed(esbuild, args.path), loader: "js" };
      });
    },
  };
}

const REQUIRE = 'import { createRequire as __presentryCreateRequire } from "node:module";const require = __presentryCreateRequire(import.meta.url);';

/** What both runs of the bundler have in common. Node takes `main` alone from a `package.json`, and no other extension. */
function options(esbuild, from) {
  return {
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node18",
    conditions: ["node", "import"],
    mainFields: ["main"],
    resolveExtensions: [".js", ".json", ".node"],
    // Names of functions and classes are data: of errors, of instrumentations, of what a stack shows.
    keepNames: true,
    absWorkingDir: server,
    metafile: true,
    write: false,
    logLevel: "silent",
    charset: "utf8",
    plugins: [plugin(esbuild, from)],
  };
}

/**
 * The export names of each specifier by a look at the few files that have them, which takes a fraction of the time that
 * bundling all of the SDK for them does; `undefined` where only that would tell.
 */
async function namesAtALook(esbuild, from) {
  let names;
  const look = {
    name: "look",
    setup(build) {
      build.onStart(async () => {
        const resolve = async (specifier, resolveDir) => {
          const { errors, external, path: file } = await build.resolve(specifier, { resolveDir, kind: "import-statement" });
          return errors.length === 0 && !external ? file : undefined;
        };
        const all = await Promise.all(specifiers.map((specifier) => namesIn(esbuild, specifier, from, resolve, new Set())));
        if (all.every((found) => found?.size > 0)) names = all.map((found) => [...found].sort());
      });
    },
  };
  const { plugins, ...common } = options(esbuild, from);
  await esbuild.build({ ...common, stdin: { contents: "" }, outdir: server, plugins: [look] });
  return names;
}

/** The export names of one module; `undefined` where `export *` has some that a look does not tell. */
async function namesIn(esbuild, specifier, resolveDir, resolve, above) {
  const file = await resolve(specifier, resolveDir);
  if (!file || !isModule(file) || above.has(file)) return undefined;
  const text = fs.readFileSync(file, "utf8");
  const names = new Set(await ownExports(esbuild, file));
  const stars = [...text.matchAll(/\bexport\s*\*\s*from\s*["']([^"'\n]+)["']/g)].map(([, of]) => of);
  if (stars.length !== [...text.matchAll(/\bexport\s*\*(?!\s*as\b)/g)].length) return undefined;
  const below = new Set();
  for (const star of stars) {
    const found = await namesIn(esbuild, star, path.dirname(file), resolve, new Set([...above, file]));
    if (!found) return undefined;
    for (const name of found) {
      if (name === "default" || names.has(name)) continue;
      // Of two, neither counts, unless both stand for the same: that a look does not tell.
      if (below.has(name)) return undefined;
      below.add(name);
    }
  }
  return new Set([...names, ...below]);
}

/** The export names of each specifier, as the bundler finds them. */
async function exportNames(esbuild, from) {
  const entryPoints = Object.fromEntries(specifiers.map((specifier, number) => [`s${number}`, specifier]));
  const { metafile } = await esbuild.build({ ...options(esbuild, from), entryPoints, splitting: true, outdir: server });
  const output = (number) => Object.entries(metafile.outputs).find(([file]) => path.basename(file) === `s${number}.js`)[1];
  return specifiers.map((specifier, number) => {
    const { exports, entryPoint } = output(number);
    if (metafile.inputs[entryPoint]?.format !== "esm") {
      throw new Refused("bundle-failed", `\`${specifier}\` is no ES module, so its export names are not known`);
    }
    return exports;
  });
}

const written = (name) => (identifier(name) ? name : JSON.stringify(name));

/** The bundle of all specifiers; with what a look says of their export names, if the bundler finds the same. */
async function bundled(esbuild, from) {
  const several = specifiers.length > 1;
  const names = several ? await namesAtALook(esbuild, from).catch(() => undefined) : [];
  if (!several || !names) return bundledWith(esbuild, from, names ?? (await exportNames(esbuild, from)));
  try {
    return await bundledWith(esbuild, from, names);
  } catch {
    external.clear();
    licensed.clear();
    return bundledWith(esbuild, from, await exportNames(esbuild, from));
  }
}

async function bundledWith(esbuild, from, names) {
  const common = {
    ...options(esbuild, from),
    outfile: path.join(server, name),
    sourcemap: "linked",
    legalComments: "external",
    banner: { js: `${header}\n${REQUIRE}` },
    // Sentry takes frames below `node_modules` for none of the app's, and so they stay.
    footer: { js: `//# sourceURL=${name}#node_modules/@sentry` },
  };
  const several = specifiers.length > 1;
  const inner = (number, at) => `s${number}_${identifier(names[number][at]) ? names[number][at] : at}`;
  const list = (number, item) => names[number].map(item).join(", ");
  const contents = specifiers
    .map((specifier, number) => {
      const from = JSON.stringify(specifier);
      return several ? `export { ${list(number, (name, at) => `${written(name)} as ${inner(number, at)}`)} } from ${from};` : "";
    })
    .join("\n");
  const entry = several ? { stdin: { contents, resolveDir: from, sourcefile: name, loader: "js" } } : { entryPoints: [specifiers[0]] };
  const { outputFiles, metafile } = await esbuild.build({ ...common, ...entry });
  const text = (suffix) => outputFiles.find((file) => file.path.endsWith(name + suffix))?.text ?? "";
  if (!several && Object.values(metafile.outputs).some((output) => output.entryPoint && metafile.inputs[output.entryPoint]?.format !== "esm")) {
    throw new Refused("bundle-failed", `\`${specifiers[0]}\` is no ES module, so its export names are not known`);
  }
  // One module for each specifier, as two of them may export different things by one name.
  const modules = several
    ? specifiers.map((_, number) => `export { ${list(number, (name, at) => `${inner(number, at)} as ${written(name)}`)} } from "./${name}";\n`)
    : [];
  return { code: text(""), map: text(".map"), comments: text(".LEGAL.txt"), modules };
}

/** The licence of every package in the bundle, as its authors wrote it. */
function licences(comments) {
  const parts = [];
  for (const [id, owner] of [...licensed].sort(([a], [b]) => (a < b ? -1 : 1))) {
    // Nitro leaves the file behind when it traces a package, so the app is asked as well.
    const places = [owner.directory, packageDirectory(owner.name, app)].filter(Boolean);
    const files = places.flatMap((place) =>
      fs.readdirSync(place).filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file)).sort().map((file) => path.join(place, file)),
    );
    const text = files.length > 0 ? fs.readFileSync(files[0], "utf8").trim() : "";
    parts.push(`${id} (${owner.manifest.license ?? "no licence named"})\n\n${text}`.trim());
  }
  if (comments.trim()) parts.push(`Comments in the code\n\n${comments.trim()}`);
  return `${parts.join("\n\n----------------------------------------\n\n")}\n`;
}

/** What the bundler says, in one line. */
function reason(error) {
  const first = error.errors?.[0];
  if (!first) return error.message;
  return first.location ? `${first.location.file}:${first.location.line}: ${first.text}` : first.text;
}

async function run() {
  const bundler = await bundlerOfApp();
  // What Nitro traced may lack files that no module of the build needed; the app's own packages have them all.
  const has = (place) => {
    const found = packageDirectory(packageName(specifiers[0]), place);
    return found && (place === app || inside(server, found));
  };
  const places = (fromApp ? [app] : [server, app]).filter(has);
  if (places.length === 0) throw new Refused("bundle-failed", `\`${packageName(specifiers[0])}\` is neither in the build nor among the packages of the app`);
  const failures = [];
  for (const from of places) {
    external.clear();
    licensed.clear();
    try {
      const { code, map, comments, modules } = await bundled(bundler.module, from);
      const packages = [...licensed.keys()].sort();
      return { code, map, modules, licences: licences(comments), bundler: `${bundler.name} ${bundler.version}`, packages, external: Object.fromEntries([...external].sort()), from: from === server ? "build" : "app" };
    } catch (error) {
      if (error instanceof Refused) throw error;
      const refused = error.errors?.map((one) => one.detail).find((detail) => detail instanceof Refused);
      if (refused) throw refused;
      failures.push(reason(error));
    }
  }
  throw new Refused("bundle-failed", failures[0]);
}

let answer;
try {
  answer = await run();
} catch (error) {
  answer = { error: { code: error.code ?? "bundle-failed", message: error instanceof Refused ? error.message : reason(error) } };
}
fs.writeFileSync(1, JSON.stringify(answer));
process.exit(0);
