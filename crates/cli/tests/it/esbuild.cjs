// Stands in for esbuild: what the SDK asks packages for goes through the plugin, as it would there.
const path = require("node:path");
const { find, declared, exportsOf, join, packages, all, defined, bundledForNames } = require("./bundler.cjs");

const MAP = '{"version":3,"sources":[],"mappings":""}';
const failure = (text, detail) => Object.assign(new Error(text), { errors: [{ text, detail }] });

exports.transform = async (text, options) => ({ code: defined(text, options?.define), map: MAP });

exports.build = async (options) => {
  if (!options.bundle) return { metafile: { outputs: { one: { exports: declared(options.entryPoints[0]) } } } };
  const resolvers = [];
  const resolved = async (args) => {
    for (const [{ filter }, callback] of resolvers) {
      const found = filter.test(args.path) && (await callback(args));
      if (found) return found;
    }
  };
  let started = async () => {};
  const loads = [];
  const resolve = async (specifier, { resolveDir }) => {
    const found = find(specifier, resolveDir);
    return found ? { errors: [], path: found } : { errors: [{ text: "not found" }] };
  };
  options.plugins[0].setup({ resolve, onLoad: (...load) => loads.push(load), onResolve: (...resolver) => resolvers.push(resolver), onStart: (callback) => (started = callback) });
  await started();
  if (options.stdin?.contents === "") return {};
  const of = options.stdin && { kind: "import-statement", resolveDir: options.stdin.resolveDir, importer: path.join(options.stdin.resolveDir, options.stdin.sourcefile) };
  const fileOf = async (specifier) => {
    const { path: file } = (await resolved({ path: specifier, kind: "entry-point", ...of })) ?? {};
    if (!file) throw failure(`Could not resolve "${specifier}"`);
    return file;
  };
  const metafile = { inputs: {}, outputs: {} };
  for (const [key, specifier] of Object.entries(options.entryPoints ?? {})) {
    const file = await fileOf(specifier);
    metafile.inputs[file] = { format: file.endsWith(".mjs") ? "esm" : "cjs" };
    metafile.outputs[`${key}.js`] = { entryPoint: file, exports: [...exportsOf(file).keys()] };
  }
  if (options.splitting) bundledForNames();
  if (!options.outfile) return { metafile };
  const entry = options.stdin?.contents ?? all(options.entryPoints[0], await fileOf(options.entryPoints[0]));
  const joined = await join(entry, fileOf, async (file) => {
    for (const specifier of packages(file)) {
      try {
        await resolved({ path: specifier, resolveDir: path.dirname(file), importer: file, kind: "import-statement" });
      } catch (error) {
        throw failure(error.message, error);
      }
    }
    const [, load] = loads.find(([{ filter, namespace }]) => namespace === "file" && filter.test(file));
    return (await load({ path: file }))?.contents;
  }, async (effect, importer) => {
    const asked = { path: `./${path.basename(effect)}`, resolveDir: path.dirname(importer), importer, kind: "import-statement" };
    return (await resolved(asked))?.sideEffects === true;
  });
  const file = (suffix, text) => ({ path: options.outfile + suffix, text });
  const code = `${options.banner.js}\n${defined(joined, options.define)}\n${options.footer.js}\n`;
  return { metafile, outputFiles: [file("", code), file(".map", MAP)] };
};
