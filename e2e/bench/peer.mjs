// The job of `presentry rewrite` as one would write it in Node with es-module-lexer and magic-string: finds the modules
// that import the entry back, moves the entry aside, repoints them, writes the facade, proves the result in memory, and
// only then writes. `cargo xtask bench rewrite` demands that its output equals presentry's byte for byte.
//
//   node peer.mjs <entry> <instrumentation> <version for the facade's header>
//
// It does the work that takes the time, and not the rest of presentry: no lock, no journal, nothing kept for `restore`.
// It knows hosts that run the entry as the program (the `process` column of the preset table), and no build that was
// injected before.

import { createHash } from "node:crypto";
import fs from "node:fs";
import { builtinModules } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { init, parse } from "es-module-lexer";
import MagicString from "magic-string";

const NO_SOURCE_MAP =
  "//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXSwibmFtZXMiOltdLCJtYXBwaW5ncyI6IiJ9\n";

const [entry, instrumentation] = process.argv.slice(2, 4).map((file) => fs.realpathSync(file));
const version = process.argv[4];
const server = path.dirname(entry);

/** The texts of all scripts by their paths, and those of the files that will change. */
const texts = new Map();
const changed = new Map();
const records = new Map();

await init();
readScripts(server);

const importers = backImporters();
const moved = path.join(server, freeName(path.basename(entry), importers.size > 0));
changed.set(moved, texts.get(entry));
for (const [file, imports] of importers) {
  changed.set(file === entry ? moved : file, repointed(file, imports));
}
changed.set(entry, facade());
for (const file of changed.keys()) records.delete(file);
prove();
write();

/** Reads every script of the build outside of `node_modules`. */
function readScripts(directory) {
  for (const item of fs.readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, item.name);
    if (item.isDirectory()) {
      if (item.name !== "node_modules") readScripts(file);
    } else if (/\.[mc]?js$/.test(item.name)) {
      texts.set(file, fs.readFileSync(file, "utf8"));
    }
  }
}

function text(file) {
  return changed.get(file) ?? texts.get(file);
}

/** The imports and exports of a module of the build, lexed when they are first asked for. */
function record(file) {
  let known = records.get(file);
  if (!known) {
    const [imports, exports] = parse(text(file), file);
    known = { imports: imports.filter(({ specifier }) => typeof specifier === "string"), exports };
    records.set(file, known);
  }
  return known;
}

/** The file that a specifier names, if it names one by its path. */
function target(from, specifier) {
  return /^\.{0,2}\//.test(specifier) ? fileURLToPath(new URL(specifier, pathToFileURL(from))) : undefined;
}

/** The modules that the entry loads and that import it, each with those imports. */
function backImporters() {
  const name = path.basename(entry);
  // Only a module that holds the entry's name, or an escape in a specifier, need be lexed.
  const odd = /\b(?:from|import)\b(?:\s|\/\*.*?\*\/)*\(?(?:\s|\/\*.*?\*\/)*["'`][^"'`\n]*[\\%]/;
  const found = new Map();
  for (const [file, source] of texts) {
    if (file.endsWith(".cjs") || !(source.includes(name) || odd.test(source))) continue;
    const imports = record(file).imports.filter(({ specifier }) => target(file, specifier) === entry);
    if (imports.length > 0) found.set(file, imports);
  }
  // Those that stand in front of the entry are no part of the runtime. The walk ends when all are known to be.
  const loaded = new Set([entry]);
  let missing = found.size - (found.has(entry) ? 1 : 0);
  for (const file of loaded) {
    if (missing === 0) break;
    for (const { specifier } of record(file).imports) {
      const next = target(file, specifier);
      if (!texts.has(next) || next.endsWith(".cjs") || loaded.has(next)) continue;
      loaded.add(next);
      if (found.has(next)) missing -= 1;
    }
  }
  for (const file of found.keys()) {
    if (!loaded.has(file)) found.delete(file);
  }
  return found;
}

/** A name for the moved entry that no file has: of the same length where specifiers will be repointed to it. */
function freeName(name, sameLength) {
  const extension = path.extname(name);
  const length = sameLength ? name.length - extension.length : "entry".length;
  for (let attempt = 0; attempt < 10_000; attempt += 1) {
    const number = attempt === 0 ? "" : String(attempt);
    if (number.length >= length) break;
    const candidate = "entry".padEnd(length, "_").slice(0, length - number.length) + number + extension;
    if (candidate !== name && !fs.existsSync(path.join(server, candidate))) return candidate;
  }
  throw new Error(`no free name beside ${entry}`);
}

/** A module whose imports of the entry name the moved entry. */
function repointed(file, imports) {
  const edited = new MagicString(texts.get(file));
  const name = path.basename(moved);
  for (const { type, start, end } of imports) {
    // The range of a dynamic import has the quotes in it.
    const literal = texts.get(file).slice(start, end);
    const quotes = type === "dynamic" ? 1 : 0;
    const query = literal.search(/[?#]/);
    const to = query < 0 ? end - quotes : start + query;
    const from = start + Math.max(quotes, texts.get(file).slice(start, to).lastIndexOf("/") + 1);
    if (to - from !== name.length) throw new Error(`${file} spells the entry in another length`);
    edited.overwrite(from, to, name);
  }
  return edited.toString();
}

/** The names a module exports, as `GetExportedNames` of the specification lists them. */
function exportNames(file, seen = new Set()) {
  if (seen.has(file)) return [];
  seen.add(file);
  const { exports } = record(file);
  const names = new Set();
  for (const type of ["direct", "reexport"]) {
    for (const one of exports) if (one.type === type) names.add(one.name);
  }
  for (const { type, from } of exports) {
    if (type !== "reexport-all") continue;
    const next = target(file, from);
    if (!texts.has(next)) throw new Error(`${file} exports all of ${from}, which is not in the build`);
    for (const name of exportNames(next, seen)) if (name !== "default") names.add(name);
  }
  return [...names];
}

function facade() {
  const original = texts.get(entry);
  const names = exportNames(entry);
  if (names.includes("then")) throw new Error("await would call the export `then`");
  const locals = localNames(names);
  const members = names.map((name, at) => `${exportName(name)}: ${locals[at]}`).join(", ");
  const list = names.map((name, at) => `${locals[at]} as ${exportName(name)}`).join(", ");
  const hashbang = /^#!.*/.exec(original);
  const head = [
    hashbang ? `${hashbang[0]}\n` : "",
    `// presentry ${version} ${createHash("sha256").update(original).digest("hex")}\n`,
    `import ${relative(instrumentation)};\n`,
  ];
  if (names.length > 0 && names.every((name) => isEmptyObject(entry, name))) {
    const failing = "(_error) => { process.exitCode = 1; process.nextTick(() => { throw _error; }); }";
    return [
      ...head,
      `import(${relative(moved)}).catch(${failing});\n`,
      ...locals.map((local) => `const ${local} = {};\n`),
      `export { ${list} };\n`,
      NO_SOURCE_MAP,
    ].join("");
  }
  const load = `await import(${relative(moved)}).catch((_error) => {\n  process.exitCode = 1;\n  throw _error;\n});\n`;
  return [
    ...head,
    names.length > 0 ? `const { ${members} } = ${load}export { ${list} };\n` : load,
    NO_SOURCE_MAP,
  ].join("");
}

/**
 * Whether an export is an empty object that only its declaration names: a new one does as well, and nothing has to wait. Rollup
 * writes one clause at the end of a module.
 */
function isEmptyObject(file, name) {
  const source = texts.get(file);
  const clause = /export \{([^}]*)\}(?: from ['"](.*?)['"])?;/.exec(source.slice(source.lastIndexOf("export {")));
  const item = clause?.[1].split(",").map((item) => item.trim().split(" as ")).find((item) => item.at(-1) === name);
  if (item === undefined) return false;
  if (clause[2] !== undefined) {
    const next = target(file, clause[2]);
    return texts.has(next) && isEmptyObject(next, item[0]);
  }
  const local = item[0].replaceAll("$", "\\$");
  const uses = source.match(new RegExp(`(?<![\\w$.])${local}(?![\\w$])`, "g"));
  return uses.length === 2 && new RegExp(`^const ${local} = \\{\\s*\\};$`, "m").test(source);
}

function relative(file) {
  const segments = path.relative(server, file).split(path.sep);
  return JSON.stringify(`./${segments.map((segment) => encodeURI(segment).replace(/[?#]/g, encodeURIComponent)).join("/")}`);
}

function exportName(name) {
  return /^[\w$]+$/.test(name) && !/^\d/.test(name) ? name : JSON.stringify(name);
}

function localNames(names) {
  const taken = new Set(["_runtime", "_error"]);
  return names.map((name) => {
    const stem = `_${name.replace(/[^A-Za-z0-9$]/gu, "_")}`;
    let local = stem;
    for (let number = 2; taken.has(local); number += 1) local = `${stem}_${number}`;
    taken.add(local);
    return local;
  });
}

/** The static closure of a module: its files, and the packages they ask for with those who ask. */
function closure(start) {
  const files = new Set([start]);
  const packages = [];
  for (const file of files) {
    for (const { type, phase, specifier } of record(file).imports) {
      if (type === "dynamic" || phase === "source") continue;
      const next = target(file, specifier);
      if (next === undefined) {
        if (!specifier.startsWith("node:") && !builtinModules.includes(specifier)) packages.push({ file, specifier });
      } else if (text(next) !== undefined && !next.endsWith(".cjs")) {
        files.add(next);
      }
    }
  }
  return { files, packages };
}

/** Proves that the new entry links nothing but the instrumentation, and passes on what the old one exported. */
function prove() {
  const { files, packages } = closure(entry);
  const allowed = closure(instrumentation).files;
  for (const file of files) {
    if (file !== entry && !allowed.has(file)) throw new Error(`the new entry links ${file}`);
    if (text(file).includes("NITRO_ENV_PREFIX")) throw new Error(`${file}, which is linked first, is the runtime`);
  }
  if (allowed.has(entry)) throw new Error("the instrumentation imports the entry");
  const foreign = packages.find(({ file }) => file === entry);
  if (foreign) throw new Error(`the new entry links ${foreign.specifier}`);
  const loads = record(entry).imports.some(({ type, specifier }) => type === "dynamic" && target(entry, specifier) === moved);
  if (!loads) throw new Error("the new entry does not load the runtime");
  // A lexer knows no bindings, so this is less than presentry finds out.
  const starts = [...allowed].some((file) => {
    const asks = record(file).imports.some(({ specifier }) => specifier.startsWith("@sentry/"));
    return asks && /\binit\b\s*(?:as\b|\()/.test(text(file));
  });
  if (!starts) throw new Error("the instrumentation does not start Sentry");
  if (exportNames(entry).join() !== exportNames(moved).join()) throw new Error("the exports differ");
}

/** Writes what changed: first all new contents beside their files, synced, then the renames, then the directories. */
function write() {
  const mode = fs.statSync(entry).mode;
  const temporary = (file) => `${file}.part`;
  for (const [file, contents] of changed) {
    const handle = fs.openSync(temporary(file), "wx");
    fs.writeSync(handle, contents);
    fs.fchmodSync(handle, file === moved ? mode : fs.statSync(file).mode);
    fs.fdatasyncSync(handle);
    fs.closeSync(handle);
  }
  for (const file of changed.keys()) fs.renameSync(temporary(file), file);
  for (const directory of new Set([...changed.keys()].map((file) => path.dirname(file)))) {
    const handle = fs.openSync(directory, "r");
    fs.fsyncSync(handle);
    fs.closeSync(handle);
  }
}
