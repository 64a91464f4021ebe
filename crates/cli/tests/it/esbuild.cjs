// Stands in for esbuild in tests without npm. It joins nothing: the SDK of these tests is one file, whose text becomes
// the output between banner and footer. Packages that the file imports go through the plugin, as they would in esbuild.
const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

function find(specifier, from) {
  try {
    return createRequire(path.join(from, "x.js")).resolve(specifier);
  } catch {
    return undefined;
  }
}

function failure(text, detail) {
  return Object.assign(new Error(text), { errors: [{ text, detail }] });
}

async function throughPlugin(options, file) {
  let resolved;
  const resolve = async (specifier, { resolveDir }) => {
    const found = find(specifier, resolveDir);
    return found ? { errors: [], path: found } : { errors: [{ text: "not found" }] };
  };
  options.plugins[0].setup({ resolve, onLoad() {}, onResolve: (_, callback) => (resolved = callback) });
  const text = fs.readFileSync(file, "utf8");
  for (const [, specifier] of text.matchAll(/from "([^".][^"]*)"/g)) {
    try {
      await resolved({ path: specifier, resolveDir: path.dirname(file), importer: file, kind: "import-statement" });
    } catch (error) {
      throw failure(error.message, error);
    }
  }
  return text;
}

const names = (text) => [...text.matchAll(/export (?:const|function) (\w+)/g)].map(([, name]) => name);

exports.build = async (options) => {
  const from = options.absWorkingDir;
  const named = options.entryPoints ?? [...options.stdin.contents.matchAll(/from "([^"]*)"/g)].map(([, name]) => name);
  const files = {};
  for (const [key, specifier] of Object.entries(named)) {
    files[key] = find(specifier, from);
    if (!files[key]) throw failure(`Could not resolve "${specifier}"`);
  }
  const texts = {};
  for (const [key, file] of Object.entries(files)) texts[key] = await throughPlugin(options, file);
  const metafile = { inputs: {}, outputs: {} };
  for (const [key, file] of Object.entries(files)) {
    metafile.inputs[file] = { format: "esm" };
    metafile.outputs[`${key}.js`] = { entryPoint: file, exports: names(texts[key]) };
  }
  if (!options.outfile) return { metafile, outputFiles: [] };
  const parts = Object.keys(files).map((key) =>
    options.stdin ? texts[key].replaceAll(/export (const|function) (\w+)/g, `export $1 s${key}_$2`) : texts[key],
  );
  const code = `${options.banner.js}\n${parts.join("\n")}\n${options.footer.js}\n`;
  const file = (suffix, text) => ({ path: options.outfile + suffix, text });
  return { metafile, outputFiles: [file("", code), file(".map", '{"version":3,"sources":[],"mappings":""}')] };
};
