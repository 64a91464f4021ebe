// Stands in for rolldown: what the SDK asks packages for goes through the plugin, as it would there.
const path = require("node:path");
const { find, exportsOf, join, packages, all, bundledForNames } = require("./bundler.cjs");

exports.VERSION = "1.2.19";

exports.rolldown = async ({ input, plugins: [plugin], onLog }) => ({
  async close() {},
  async generate(output) {
    const context = {
      async resolve(specifier, importer) {
        const id = find(specifier, path.dirname(importer));
        return id ? { id } : null;
      },
    };
    await plugin.buildStart?.call(context);
    const resolveId = plugin.resolveId.handler ?? plugin.resolveId;
    const resolved = (source, importer) => resolveId.call(context, source, importer, { kind: "import-statement", isEntry: !importer });
    const entries = typeof input === "string" ? { entry: input } : input;
    const chunks = [];
    for (const [name, source] of Object.entries(entries)) {
      const found = await resolved(source);
      const id = found.id ?? found;
      const isSdk = path.isAbsolute(id);
      const text = isSdk ? all(source, id) : (await plugin.load.call(context, id)).code ?? "";
      const importer = isSdk ? undefined : id;
      if (isSdk) plugin.moduleParsed({ id, inputFormat: id.endsWith(".mjs") ? "es" : "cjs" });
      const code = await join(text, async (specifier) => (await resolved(specifier, importer)).id, async (file) => {
        for (const specifier of packages(file)) {
          const { external } = (await resolved(specifier, file)) ?? {};
          if (!external && !find(specifier, path.dirname(file))) onLog("warn", { code: "UNRESOLVED_IMPORT", message: `[UNRESOLVED_IMPORT] Could not resolve '${specifier}'\n  here` });
        }
        return (await plugin.load.call(context, file))?.code;
      }, async (effect) => (await plugin.load.call(context, effect))?.moduleSideEffects === true);
      const whole = output.banner ? `${output.banner()}\n${code}\n${output.footer}\n` : code;
      chunks.push({ name, isEntry: true, facadeModuleId: id, exports: isSdk ? [...exportsOf(id).keys()] : [], modules: {}, code: whole, map: { version: 3, sources: [], mappings: "" } });
    }
    if (typeof input !== "string") bundledForNames();
    return { output: chunks };
  },
});
