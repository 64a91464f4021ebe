import presentry from "./nitro.cjs";

export default presentry;
export type NitroModule = presentry.NitroModule;
export type NitroModuleOptions = presentry.NitroModuleOptions;
