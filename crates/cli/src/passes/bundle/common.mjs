// What bundling the SDK takes whichever bundler the app has: what is left out of the bundle, what becomes of the rest, and what
// its modules export. One script is made of this file, the drivers (`esbuild.mjs`, `rolldown.mjs`) and `answer.mjs`; they import
// nothing of each other. `request` stands before it.

import fs from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";

const { app, server, specifiers, names: asked, used, header, name: bundleName, hook_name: hookName, hook_header: hookHeader, from_app: fromApp, injected } = request;

/** What the SDK reads when it is built: it has nothing to inject where presentry has injected everything. */
const constants = injected ? { __SENTRY_CHANNEL_INJECTION__: "false" } : {};

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

/** The nearest directory from which Node finds the same packages as from this one. */
const scopes = new Map();
function scopeOf(directory) {
  if (!scopes.has(directory)) {
    const above = path.dirname(directory);
    const begins = above === directory || ["package.json", "node_modules"].some((name) => fs.existsSync(path.join(directory, name)));
    scopes.set(directory, begins ? directory : scopeOf(above));
  }
  return scopes.get(directory);
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
const withAddOns = new Map();
function hasAddOn({ directory }) {
  const look = (at, depth) =>
    fs.readdirSync(at, { withFileTypes: true }).some((entry) => {
      if (entry.isDirectory()) return depth > 0 && entry.name !== "node_modules" && look(path.join(at, entry.name), depth - 1);
      return entry.name.endsWith(".node") || entry.name === "binding.gyp";
    });
  if (!withAddOns.has(directory)) withAddOns.set(directory, look(directory, 2));
  return withAddOns.get(directory);
}

/** Whether a package asks for packages of Sentry. */
const asksForSentry = ({ manifest }) => Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).some(isSentry);

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

/** The packages that the SDK is made of, as their manifests declare them. */
function packagesOfSdk(from) {
  const found = new Set();
  const visit = (name, at) => {
    const directory = BUILD_TIME_PACKAGES.test(name) || HOOKS.includes(name) ? undefined : packageDirectory(name, at);
    if (!directory || found.has(directory)) return;
    found.add(directory);
    const { dependencies, optionalDependencies } = readManifest(directory) ?? {};
    for (const other of Object.keys({ ...dependencies, ...optionalDependencies })) visit(other, directory);
  };
  for (const specifier of specifiers) visit(packageName(specifier), from);
  return found;
}

/**
 * What some module of the SDK imports for nothing but what it does: files, and specifiers of packages. Node evaluates these,
 * whatever their packages note. A bundler believes the note `sideEffects`, and leaves them out.
 */
let forEffects;
function importedForEffects(from) {
  if (forEffects) return forEffects;
  const files = new Set();
  const packages = new Set();
  const look = (directory) => {
    for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
      const file = path.join(directory, entry.name);
      if (entry.isDirectory() && entry.name !== "node_modules") look(file);
      if (!entry.isFile() || !/\.m?js$/.test(entry.name)) continue;
      for (const [, , specifier] of fs.readFileSync(file, "utf8").matchAll(/(?:^|[;}\n])\s*import\s*(["'])([^"'\n]+)\1/g)) {
        if (specifier.startsWith(".")) files.add(path.resolve(directory, specifier));
        else if (!isBuiltin(specifier)) packages.add(specifier);
      }
    }
  };
  packagesOfSdk(from).forEach(look);
  return (forEffects = { files, packages });
}

const needed = neededElsewhere();
const external = new Map();
const licensed = new Map();
/** Why the SDK cannot be bundled. Bundlers wrap what is thrown in a plugin, each in its way. */
let refusal;

/**
 * What becomes of an import that is no part of the SDK's own code: `undefined` when it is bundled, else the specifier by
 * which the bundle asks for it.
 */
async function outside(specifier, file, resolveFrom) {
  const owner = packageOf(file);
  const name = owner?.name ?? packageName(specifier);
  const native = owner !== undefined && hasAddOn(owner);
  const stays = HOOKS.includes(name) || needed.has(name) || native;
  // A package of Sentry's that is an add-on alone, `@sentry/node-cpu-profiler`, may stay what it is.
  const ofSdk = isSentry(name) && !(native && !asksForSentry(owner));
  if (!stays || ofSdk || specifier.startsWith(".") || specifier.startsWith("#")) return undefined;
  const fromBundle = await resolveFrom(specifier, server);
  if (fromBundle && inside(server, fromBundle)) {
    external.set(specifier, { reason: native ? "native" : HOOKS.includes(name) ? "hook" : "shared", file });
    if (fromBundle === file || !inside(server, file)) return specifier;
    // Another version than the one that the bundle would find from its place.
    return fromServer(file);
  }
  if (inside(server, file)) {
    external.set(specifier, { reason: "nested", file });
    return fromServer(file);
  }
  if (HOOKS.includes(name) || native) {
    // The build lacks it, and gets it from the packages of the app.
    external.set(specifier, { reason: HOOKS.includes(name) ? "hook" : "native", file });
    return specifier;
  }
  return undefined;
}

/** Where the SDK keeps what only a build uses; loaded in a server it costs more than the rest of the SDK. */
const BUILD_TIME = /[\\/]@sentry[\\/]solidstart[\\/]build[\\/](?:[^\\/]+[\\/])*(?:config|vite)[\\/]/;
const BUILD_TIME_PACKAGES = /^@sentry\/(?:vite-plugin|rollup-plugin|webpack-plugin|esbuild-plugin|bundler-plugin|babel-plugin|cli)/;

/** Sentry takes frames below `node_modules` for none of the app's, and so they stay. */
const sourceUrl = (name) => `//# sourceURL=${name}#node_modules/@sentry`;

const forBuildsAlone = (what) => JSON.stringify(`\`${what}\` is for builds alone, and presentry has left it out of this server`);

/**
 * What becomes of a bare import: `stub` is the text of a module that takes the place of a package which only a build uses,
 * `external` the specifier by which the bundle asks for what stays a package. Everything else is bundled. `resolve` finds the
 * file that a specifier names in a directory, as this kind of import does, or nothing.
 */
async function decision(specifier, directory, resolve) {
  if (isBuiltin(specifier)) return {};
  if (BUILD_TIME_PACKAGES.test(specifier)) {
    return { stub: `module.exports = new Proxy({}, { get() { throw new Error(${forBuildsAlone(specifier)}); } });` };
  }
  const file = await resolve(specifier, directory);
  return { external: file && (await outside(specifier, file, resolve)) };
}

const identifier = (name) => /^[A-Za-z_$][\w$]*$/.test(name);
const written = (name) => (identifier(name) ? name : JSON.stringify(name));

/** A module with functions of the given names that say what they are. */
function stubs(names) {
  const stub = (name) => `function() { throw new Error(${forBuildsAlone(name)}); }`;
  // Nothing happens where nobody asks for one, which a bundler would not see by itself.
  const named = (name) => `/* @__PURE__ */ (() => ({ ${JSON.stringify(name)}: ${stub(name)} })[${JSON.stringify(name)}])()`;
  return names
    .map((name, number) => (name === "default" ? `export default ${stub(name)};` : `const stub${number} = ${named(name)}; export { stub${number} as ${written(name)} };`))
    .join("\n");
}

/** The code of a script, with its map, where it is not that of the file; `undefined` where it is. */
async function contents(driver, file) {
  const owner = packageOf(file);
  if (owner) licensed.set(`${owner.name}@${owner.version}`, owner);
  if (owner && hasAddOn(owner)) {
    refusal = new Refused("add-on", `\`${owner.name}\` ${owner.version} has a native add-on, which it finds by its own place`);
    throw refusal;
  }
  if (BUILD_TIME.test(file)) {
    const names = await driver.ownExports(file);
    if (names.length > 0) return { code: stubs(names) };
  }
  return placed(driver, file);
}

/**
 * The URL of the bundle in a CommonJS module, where `import.meta` is an error, or makes it an ES module. The line that
 * declares it has to stand before the code if a module needs it.
 */
const BUNDLE_URL = "__presentryBundleUrl";
const DECLARES_BUNDLE_URL = `const ${BUNDLE_URL} = import.meta.url;`;
let placesCommonJs = false;

/** The module of the SDK's that injects channels on a thread of its own, by name: the bundle gets it beside it, bundled as well. */
const HOOK = /(["'])(@sentry\/[\w./-]+\/hook)\1/g;
let hook;

function withHookBeside(file, text) {
  const asksForHook = isModule(file) && text.includes(".register(") && text.search(HOOK) >= 0;
  if (!asksForHook) return { text, asksForHook };
  const from = path.dirname(file);
  if (hook && hook.from !== from) throw (refusal = new Refused("bundle-failed", "two versions of it inject channels"));
  hook = { specifier: [...text.matchAll(HOOK)][0][2], from };
  return { text: text.replace(HOOK, JSON.stringify(`./${hookName}`)), asksForHook };
}

/**
 * A script with what a module knows of its own place kept as it was: `import.meta.url`, `__filename` and `__dirname` stay
 * those of the file if it is in the build, and an ES module sees no `require`.
 */
async function placed(driver, file) {
  const { text, asksForHook } = withHookBeside(file, fs.readFileSync(file, "utf8"));
  const module = isModule(file);
  const define = {};
  let before = "";
  const own = (here) => (inside(server, file) && !asksForHook ? `new URL(${JSON.stringify(fromServer(file))}, ${here})` : `new URL(${here})`);
  if (module && text.includes("import.meta.url")) {
    define["import.meta.url"] = "__presentryUrl";
    before += `const __presentryUrl = ${own("import.meta.url")}.href;`;
  }
  if (module && /\brequire\b/.test(text)) define.require = "undefined";
  if (!module && /\b__(?:file|dir)name\b/.test(text)) {
    Object.assign(define, { __filename: "__presentryFile", __dirname: "__presentryDirectory" });
    const url = own(BUNDLE_URL);
    placesCommonJs = true;
    before += `const __presentryFile = require("node:url").fileURLToPath(${url}), __presentryDirectory = require("node:path").dirname(__presentryFile);`;
  }
  const becomesAscii = driver.leavesOnlyAscii && /[^\0-\x7f]/.test(text);
  if (Object.keys(define).length === 0 && !becomesAscii) return asksForHook ? { code: text } : undefined;
  const { code, map } = await driver.transform(text, file, module, define);
  if (!before) return { code, map };
  return { code: `${before}\n${code}`, map: { ...map, mappings: `;${map.mappings}` } };
}

/**
 * The export names of some specifiers by a look at the few files that have them, which takes a fraction of the time that
 * bundling all of the SDK for them does; `undefined` where only that would tell.
 */
async function namesAtALook(driver, from, specifiers) {
  const all = await driver.resolving((resolve) =>
    Promise.all(specifiers.map((specifier) => namesIn(driver, specifier, from, resolve, new Set()))),
  );
  return all.every((found) => found?.size > 0) ? all.map((found) => [...found].sort()) : undefined;
}

/** The export names of one module; `undefined` where `export *` has some that a look does not tell. */
async function namesIn(driver, specifier, directory, resolve, above) {
  const file = await resolve(specifier, directory);
  if (!file || !isModule(file) || above.has(file)) return undefined;
  const text = fs.readFileSync(file, "utf8");
  const names = new Set(await driver.ownExports(file));
  const stars = [...text.matchAll(/\bexport\s*\*\s*from\s*["']([^"'\n]+)["']/g)].map(([, of]) => of);
  if (stars.length !== [...text.matchAll(/\bexport\s*\*(?!\s*as\b)/g)].length) return undefined;
  const below = new Set();
  for (const star of stars) {
    const found = await namesIn(driver, star, path.dirname(file), resolve, new Set([...above, file]));
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

const noModule = (specifier) => new Refused("bundle-failed", `\`${specifier}\` is no ES module, so its export names are not known`);

/** The bundle of all specifiers; with what a look says of their export names, if the bundler finds the same. */
async function bundled(driver, from) {
  if (specifiers.length === 1 && !asked[0]) return { ...(await driver.bundle(from, { specifier: specifiers[0] })), modules: [] };
  // Where no name is asked for, none has to be known.
  const open = specifiers.filter((_, number) => asked[number]?.length !== 0);
  const atALook = open.length > 0 ? await namesAtALook(driver, from, open).catch(() => undefined) : [];
  if (atALook) {
    try {
      return await bundledWith(driver, from, chosen(open, atALook));
    } catch (error) {
      if (open.length === 0) throw error;
      external.clear();
      licensed.clear();
    }
  }
  return bundledWith(driver, from, chosen(open, await driver.exportNames(from, open)));
}

/** Those names of each specifier that the build asks for, as far as the SDK has them. */
function chosen(open, all) {
  const known = new Map(open.map((specifier, at) => [specifier, all[at]]));
  return specifiers.map((specifier, number) => {
    const has = known.get(specifier) ?? [];
    return asked[number] ? [...new Set(asked[number])].filter((name) => has.includes(name)) : has;
  });
}

async function bundledWith(driver, from, names) {
  const several = specifiers.length > 1;
  // In the bundle a name has the number of its specifier before it, as two of them may export different things by one name.
  const inner = (number, at) =>
    several ? `s${number}_${identifier(names[number][at]) ? names[number][at] : at}` : written(names[number][at]);
  const reexport = (number, of, item) => {
    const list = names[number].map((name, at) => item(written(name), inner(number, at)));
    return list.length > 0 ? `export { ${list.join(", ")} } from ${JSON.stringify(of)};\n` : `import ${JSON.stringify(of)};\n`;
  };
  const text = specifiers.map((specifier, number) => reexport(number, specifier, (name, inside) => (name === inside ? name : `${name} as ${inside}`)));
  const made = await driver.bundle(from, { text: text.join("") });
  const modules = several ? specifiers.map((_, number) => reexport(number, `./${bundleName}`, (name, inside) => `${inside} as ${name}`)) : [];
  return { ...made, modules };
}
