// Bundles with esbuild.

/** The driver of an esbuild that is there, and has its binary: without it, or with one for another platform, it cannot start. */
async function esbuildDriver(require) {
  const esbuild = await import(pathToFileURL(require.resolve("esbuild")).href);
  await esbuild.transform("");
  const driver = {
    ownExports: (file) => ownExportsByEsbuild(esbuild, file),
    // A comment would keep the bundle from being ASCII, and only this takes it away; the bundle is printed with white space again.
    leavesOnlyAscii: true,
    transform: async (text, file, _, define) => {
      const { code, map } = await esbuild.transform(text, { define, loader: "js", minifyWhitespace: true, sourcemap: "external", sourcefile: file, logLevel: "silent" });
      return { code, map: JSON.parse(map) };
    },
    resolving: (visit) => resolvingByEsbuild(esbuild, visit),
    exportNames: (from, specifiers) => exportNamesByEsbuild(esbuild, driver, from, specifiers),
    bundle: (from, entry) => bundleByEsbuild(esbuild, driver, from, entry),
  };
  return driver;
}

/** What all runs have in common. Node takes `main` alone from a `package.json`, and no other extension. */
const esbuildOptions = () => ({
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node18",
  conditions: ["node"],
  mainFields: ["main"],
  define: constants,
  resolveExtensions: [".js", ".json", ".node"],
  // Names of functions and classes are data: of errors, of instrumentations, of what a stack shows.
  keepNames: true,
  absWorkingDir: server,
  metafile: true,
  write: false,
  logLevel: "silent",
  // V8 keeps a text with one byte for a character, and reads it faster, if all of it is like that.
  charset: "ascii",
});

/** The export names of one file that are declared or named in it. */
async function ownExportsByEsbuild(esbuild, file) {
  const { metafile } = await esbuild.build({ ...esbuildOptions(), bundle: false, entryPoints: [file], outdir: server });
  return Object.values(metafile.outputs)[0].exports;
}

/** A resolution that found a file in the build or the app. */
const foundByEsbuild = ({ errors, external, path: file }) => (errors.length === 0 && !external ? file : undefined);

/** What a function comes to that resolves specifiers: esbuild does that in a build alone. */
async function resolvingByEsbuild(esbuild, visit) {
  let result;
  const look = {
    name: "look",
    setup(build) {
      const resolve = async (specifier, resolveDir) => foundByEsbuild(await build.resolve(specifier, { resolveDir, kind: "import-statement" }));
      build.onStart(async () => {
        result = await visit(resolve);
      });
    },
  };
  await esbuild.build({ ...esbuildOptions(), stdin: { contents: "" }, outdir: server, plugins: [look] });
  return result;
}

/** What the specifiers of some files end in. */
function endingIn(files) {
  const names = new Set([...files].map((file) => path.basename(file).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(names.size > 0 ? `/(?:${[...names].join("|")})$` : "^\\b$");
}

function esbuildPlugin(driver, from) {
  const effects = importedForEffects(from);
  const asking = Symbol("asking");
  return {
    name: "presentry",
    setup(build) {
      const known = new Map();
      // For each question esbuild lists all directories above anew, and most files of a package import the same ones.
      const resolveBy = (kind) => (specifier, resolveDir) => {
        const question = JSON.stringify([kind, specifier, specifier.startsWith(".") ? resolveDir : scopeOf(resolveDir)]);
        if (!known.has(question)) known.set(question, build.resolve(specifier, { resolveDir, kind, pluginData: asking }).then(foundByEsbuild));
        return known.get(question);
      };
      build.onResolve({ filter: /^[^./]|^#/ }, async (args) => {
        if (args.pluginData === asking) return undefined;
        if (args.kind === "entry-point") return { path: await resolveBy("import-statement")(args.path, from) };
        // As the entry asks for it: with its side effects, whatever its package says.
        if (args.importer === path.join(from, bundleName) || args.importer === path.join(from, hookName)) return { path: await resolveBy(args.kind)(args.path, from) };
        const { stub, external } = await decision(args.path, args.resolveDir, resolveBy(args.kind));
        if (stub) return { path: args.path, namespace: "build-time", sideEffects: false, pluginData: stub };
        if (external !== undefined) return { path: external, external: true };
        if (!effects.packages.has(args.path)) return undefined;
        const file = await resolveBy(args.kind)(args.path, args.resolveDir);
        return file && { path: file, sideEffects: true };
      });
      build.onResolve({ filter: endingIn(effects.files) }, async (args) => {
        if (args.pluginData === asking || !effects.files.has(path.resolve(args.resolveDir, args.path))) return undefined;
        const file = await resolveBy(args.kind)(args.path, args.resolveDir);
        return effects.files.has(file) ? { path: file, sideEffects: true } : undefined;
      });
      build.onLoad({ filter: /.*/, namespace: "build-time" }, (args) => ({ contents: args.pluginData, loader: "js" }));
      build.onLoad({ filter: /\.[cm]?js$/, namespace: "file" }, async (args) => {
        const changed = await contents(driver, args.path);
        if (!changed) return undefined;
        const map = changed.map && `//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(changed.map)).toString("base64")}\n`;
        return { contents: map ? `${changed.code}\n${map}` : changed.code, loader: "js" };
      });
    },
  };
}

const REQUIRE_FOR_ESBUILD = 'import { createRequire as __presentryCreateRequire } from "node:module";const require = __presentryCreateRequire(import.meta.url);';

/** The export names of each specifier, as the bundler finds them. */
async function exportNamesByEsbuild(esbuild, driver, from, specifiers) {
  const entryPoints = Object.fromEntries(specifiers.map((specifier, number) => [`s${number}`, specifier]));
  const options = { ...esbuildOptions(), plugins: [esbuildPlugin(driver, from)], entryPoints, splitting: true, outdir: server };
  const { metafile } = await esbuild.build(options);
  const output = (number) => Object.entries(metafile.outputs).find(([file]) => path.basename(file) === `s${number}.js`)[1];
  return specifiers.map((specifier, number) => {
    const { exports, entryPoint } = output(number);
    if (metafile.inputs[entryPoint]?.format !== "esm") throw noModule(specifier);
    return exports;
  });
}

async function bundleByEsbuild(esbuild, driver, from, { name = bundleName, line = header, ...entry }) {
  const { outputFiles, metafile } = await esbuild.build({
    ...esbuildOptions(),
    plugins: [esbuildPlugin(driver, from)],
    ...(entry.specifier ? { entryPoints: [entry.specifier] } : { stdin: { contents: entry.text, resolveDir: from, sourcefile: name, loader: "js" } }),
    outfile: path.join(server, name),
    sourcemap: "linked",
    legalComments: "external",
    banner: { js: `${line}\n${REQUIRE_FOR_ESBUILD}${DECLARES_BUNDLE_URL}` },
    footer: { js: sourceUrl(name) },
  });
  const isModule = ({ entryPoint }) => metafile.inputs[entryPoint]?.format === "esm";
  if (entry.specifier && Object.values(metafile.outputs).some((output) => output.entryPoint && !isModule(output))) throw noModule(entry.specifier);
  const text = (suffix) => outputFiles.find((file) => file.path.endsWith(name + suffix))?.text ?? "";
  return { code: text(""), map: text(".map"), comments: text(".LEGAL.txt") };
}
