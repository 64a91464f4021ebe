// What a load hook of `presentry trace` does with a module it sees, on whichever thread. Changes no source but the end of
// the modules it was asked to mark.
"use strict";

const { fileURLToPath, pathToFileURL } = require("node:url");

const NODE_MODULES = /[\\/]node_modules[\\/]/;

// The directory of the package that a file belongs to; `null` for files of the build.
exports.packageOf = function packageOf(file) {
  const at = [...file.matchAll(new RegExp(NODE_MODULES, "g"))].at(-1);
  if (at === undefined) return null;
  const start = at.index + at[0].length;
  const [scope, name] = file.slice(start).split(/[\\/]/);
  return file.slice(0, start) + (scope.startsWith("@") ? `${scope}/${name}` : scope);
};

// A file of a package by the name of the package, as `pg/lib/client.js`; `null` for files of the build.
exports.targetOf = function targetOf(file) {
  const at = [...file.matchAll(new RegExp(NODE_MODULES, "g"))].at(-1);
  return at === undefined ? null : file.slice(at.index + at[0].length).replaceAll("\\", "/");
};

// Gives the function that takes the result of `nextLoad`.
exports.watcher = function watcher({ role, nth, kind, marked, targets }, emit) {
  const injected = new Set(targets);
  const marks = new Map(marked.map((file) => [pathToFileURL(file).href, file]));
  const told = new Set();
  return function seen(url, result, at) {
    if (!url.startsWith("file:")) return result;
    const { search } = new URL(url);
    // A wrapper of import-in-the-middle is loaded for packages that were loaded long before, too.
    const wrapper = search !== "" && new URLSearchParams(search).has("iitm");
    const file = fileURLToPath(url);
    const name = exports.packageOf(file);
    const key = `${name ?? url} ${wrapper}`;
    if (!told.has(key)) {
      told.add(key);
      emit(role === "early" ? "seen" : "loaded", { file, wrapper, nth, kind }, at);
    }
    // CommonJS is read here, and evaluated later.
    if (role === "early" && !wrapper && result.format === "module" && injected.has(exports.targetOf(file))) {
      emit("target", { file }, at);
    }
    if (role !== "early" || wrapper || result.format !== "module" || !marks.has(url)) return result;
    return { ...result, source: `${textOf(result.source)}\n${mark(url)}\n` };
  };
};

// On a line of its own after everything else, so that every position stays what it was.
function mark(url) {
  return `;globalThis[Symbol.for("presentry.trace")]?.evaluated(${JSON.stringify(url)});`;
}

function textOf(source) {
  return typeof source === "string" ? source : new TextDecoder().decode(source);
}
