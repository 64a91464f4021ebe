// Bundles with rolldown: that of Vite 8 and Nitro 3.

/** The driver of a rolldown that is there, and has its binding: without it, or with one for another platform, it cannot be imported. */
async function rolldownDriver(require) {
  const load = (specifier) => import(pathToFileURL(require.resolve(specifier)).href);
  const { rolldown, VERSION } = await load("rolldown");
  const [major, minor, patch] = VERSION.split(/[.-]/).map(Number);
  if (major < 1 || (major === 1 && minor === 0 && patch < 2)) {
    // A variable of a CommonJS module that is called as the function around another module hides it: `require_dist`.
    throw new Refused("bundler-not-found", `rolldown ${VERSION} confuses names of CommonJS modules, as all do before 1.0.2`);
  }
  const { transform, parseSync } = await load("rolldown/utils");
  const tool = { rolldown, parseSync };
  const driver = {
    ownExports: async (file) => ownExportsByRolldown(tool, file),
    async transform(text, file, isModule, define) {
      const { code, map, errors } = await transform(file, text, { define, lang: "js", sourceType: isModule ? "module" : "commonjs", sourcemap: true });
      if (errors.length > 0) throw errors[0];
      return { code, map };
    },
    resolving: (visit) => resolvingByRolldown(tool, visit),
    exportNames: (from, specifiers) => exportNamesByRolldown(tool, driver, from, specifiers),
    bundle: (from, entry) => bundleByRolldown(tool, driver, from, entry),
  };
  return driver;
}

/**
 * What all runs have in common. Node takes `main` alone from a `package.json`, and no other extension; its conditions are
 * `node` and the one of the kind of import, which is added, and not `module`.
 */
const rolldownOptions = (unresolved) => ({
  cwd: server,
  platform: "node",
  resolve: { conditionNames: ["node"], mainFields: ["main"], extensions: [".js", ".json", ".node"] },
  transform: { target: "node18", define: constants },
  // Which exports of a CommonJS module are used, only running it would tell.
  treeshake: { commonjs: false },
  experimental: { attachDebugInfo: "none" },
  // What cannot be resolved stays an import then; in a `try`, where Node goes on without it, there is no warning.
  onLog(_, log) {
    if (log.code === "UNRESOLVED_IMPORT") unresolved.push(log);
  },
});

/** Has rolldown generate, and fails where something is missing, as esbuild does. */
async function generateByRolldown({ rolldown }, input, output) {
  const unresolved = [];
  const bundle = await rolldown({ ...rolldownOptions(unresolved), ...input });
  try {
    const made = await bundle.generate({ format: "esm", minify: false, ...output });
    if (unresolved.length > 0) throw unresolved[0];
    return made.output;
  } finally {
    await bundle.close();
  }
}

/** The export names of one file that are declared or named in it. */
function ownExportsByRolldown({ parseSync }, file) {
  const { module } = parseSync(file, fs.readFileSync(file, "utf8"), { lang: "js", sourceType: "module" });
  const entries = module.staticExports.flatMap((one) => one.entries);
  const named = { Name: (name) => name, Default: () => "default" };
  return entries.filter(({ exportName }) => exportName.kind in named).map(({ exportName }) => named[exportName.kind](exportName.name));
}

/** Resolves as `import` or `require` in a file of a directory do. */
const resolveByRolldown = (context, kind) => async (specifier, directory) => {
  const found = await context.resolve(specifier, path.join(directory, "importer.js"), { kind });
  return found && !found.external ? found.id : undefined;
};

/** What a function comes to that resolves specifiers: rolldown does that in a build alone. */
async function resolvingByRolldown(tool, visit) {
  let result;
  const look = {
    name: "look",
    async buildStart() {
      result = await visit(resolveByRolldown(this, "import-statement"));
    },
    resolveId: (source) => (source === ENTRY ? source : null),
    load: (id) => (id === ENTRY ? "" : null),
  };
  await generateByRolldown(tool, { input: ENTRY, plugins: [look] }, { dir: server });
  return result;
}

const ENTRY = "\0presentry-entry";
const STUB = "\0presentry-stub:";

/** `formats` gets what each module was taken for; `text` is that of the entry where it is none of the SDK's modules. */
function rolldownPlugin(driver, from, formats, text) {
  const stubs = new Map();
  const effects = importedForEffects(from);
  const ofSdk = async (context, specifier) => {
    const id = await resolveByRolldown(context, "import-statement")(specifier, from);
    if (!id) throw new Error(`Could not resolve "${specifier}"`);
    // As the entry asks for it: with its side effects, whatever its package says.
    return { id, moduleSideEffects: true };
  };
  return {
    name: "presentry",
    resolveId: {
      filter: { id: /^[^./]/ },
      async handler(source, importer, { kind, isEntry }) {
        if (source === ENTRY) return source;
        if (isEntry || importer === ENTRY) return ofSdk(this, source);
        // The code that rolldown adds imports what Node has.
        if (!path.isAbsolute(importer)) return null;
        const { stub, external } = await decision(source, path.dirname(importer), resolveByRolldown(this, kind));
        if (stub) {
          stubs.set(STUB + source, stub);
          return { id: STUB + source, moduleSideEffects: false };
        }
        // `absolute` leaves the specifier as it is.
        if (external !== undefined) return { id: external, external: "absolute" };
        const id = effects.packages.has(source) && (await resolveByRolldown(this, kind)(source, path.dirname(importer)));
        return id ? { id, moduleSideEffects: true } : null;
      },
    },
    moduleParsed: ({ id, inputFormat }) => void formats.set(id, inputFormat ?? (isModule(id) ? "es" : "cjs")),
    async load(id) {
      if (id === ENTRY) return { code: text, moduleSideEffects: true };
      if (stubs.has(id)) return { code: stubs.get(id), moduleSideEffects: false };
      if (!/\.[cm]?js$/.test(id)) return null;
      const changed = await contents(driver, id);
      if (!effects.files.has(id)) return changed;
      return { code: fs.readFileSync(id, "utf8"), ...changed, moduleSideEffects: true };
    },
  };
}

/** The export names of each specifier, as the bundler finds them. */
async function exportNamesByRolldown(tool, driver, from, specifiers) {
  const input = Object.fromEntries(specifiers.map((specifier, number) => [`s${number}`, specifier]));
  const formats = new Map();
  const output = await generateByRolldown(tool, { input, plugins: [rolldownPlugin(driver, from, formats)] }, { dir: server });
  return specifiers.map((specifier, number) => {
    const { facadeModuleId, exports } = output.find((chunk) => chunk.isEntry && chunk.name === `s${number}`);
    if (formats.get(facadeModuleId) !== "es") throw noModule(specifier);
    return exports;
  });
}

async function bundleByRolldown(tool, driver, from, { name = bundleName, line = header, ...entry }) {
  const formats = new Map();
  const [chunk] = await generateByRolldown(
    tool,
    { input: entry.specifier ?? ENTRY, plugins: [rolldownPlugin(driver, from, formats, entry.text)] },
    {
      file: path.join(server, name),
      codeSplitting: false,
      keepNames: true,
      comments: false,
      // As with esbuild. Versions that do not know it do without.
      charset: "ascii",
      sourcemap: true,
      sourcemapIgnoreList: false,
      banner: () => (placesCommonJs ? `${line}\n${DECLARES_BUNDLE_URL}` : line),
      footer: sourceUrl(name),
    },
  );
  if (entry.specifier && formats.get(chunk.facadeModuleId) !== "es") throw noModule(entry.specifier);
  const inBundle = Object.entries(chunk.modules).filter(([, { renderedLength }]) => renderedLength > 0);
  const comments = legalComments(tool, inBundle.map(([file]) => file).filter((file) => /\.[cm]?js$/.test(file) && fs.existsSync(file)));
  return { code: `${chunk.code.trimEnd()}\n`, map: JSON.stringify(chunk.map), comments };
}

/** The comments that are to be kept with the code of some files, as esbuild lists them. */
function legalComments({ parseSync }, files) {
  const legal = /^!|@license|@preserve/;
  const parts = files.sort().map((file) => {
    const text = fs.readFileSync(file, "utf8");
    if (BUILD_TIME.test(file) || !/@license|@preserve|\/[/*]!/.test(text)) return "";
    const { comments } = parseSync(file, text, { lang: "js" });
    const kept = comments.filter(({ value }) => legal.test(value)).map(({ start, end }) => text.slice(start, end));
    const name = posix(file.slice(file.lastIndexOf(`node_modules${path.sep}`) + "node_modules/".length));
    return kept.length > 0 ? `${name}:\n${kept.join("\n").replace(/^/gm, "  ")}\n` : "";
  });
  const all = parts.filter(Boolean);
  return all.length > 0 ? `Bundled license information:\n\n${all.join("\n")}` : "";
}
