import type { RewriteOptions } from "./index.cjs";

declare namespace presentry {
  /** Options for the rewrite at the end of the build. Where the build is, Nitro knows. */
  interface NitroModuleOptions extends Omit<RewriteOptions, "app" | "cwd" | "dryRun" | "outputDir"> {}

  /** A Nitro module. Its argument is `Nitro`, which every version of Nitro declares in a package of another name. */
  type NitroModule = (nitro: any) => Promise<void>;
}

/** The module: `server: { modules: [presentry] }`, or `"presentry/nitro"` by its name. */
declare function presentry(nitro: { hooks: object; options: object }): Promise<void>;
/** The module with options: `server: { modules: [presentry({ strict: true })] }`. */
declare function presentry(options?: presentry.NitroModuleOptions): presentry.NitroModule;

export = presentry;
