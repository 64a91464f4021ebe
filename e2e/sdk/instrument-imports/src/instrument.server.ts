import { createRequire } from "node:module";
import * as Sentry from "@sentry/solidstart";
import { getRequestURL } from "h3";
import { region } from "@config/region";
import { tagsOf } from "~/instrumentation/tags";
import defaults from "./instrumentation/defaults.json";
import { Sampling } from "./instrumentation/sampling";
import { startModuleTrace } from "./lib/module-trace";
import { release } from "./lib/release";

Sentry.init({
  dsn: process.env.SENTRY_DSN,
  release: release(),
  tracesSampleRate: Sampling.Everything,
  initialScope: { tags: tagsOf(defaults.team) },
});

// Required, as Nitro bundles an imported `import-in-the-middle` and leaves a path of the build machine in the entry.
const { Hook } = createRequire(import.meta.url)("import-in-the-middle");
new Hook(["esm-probe"], (exports: { probe: () => string }) => {
  exports.probe = () => "patched";
});

// What each kind of import and of variable gave, for `/api/instrumentation`.
globalThis.instrumentation = {
  relative: Sampling[Sampling.Everything],
  alias: tagsOf(defaults.team).team,
  paths: region(),
  json: defaults.team,
  viteEnv: import.meta.env.VITE_REGION,
  processEnv: process.env.STAGE,
  sharedWithApp: release(),
  sharedWithNitro: getRequestURL.name,
};

startModuleTrace();
