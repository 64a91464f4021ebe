import { nodeProfilingIntegration } from "@sentry/profiling-node";
import * as Sentry from "@sentry/solidstart";
import { getRequestURL } from "h3";
import { Hook } from "import-in-the-middle";
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
  // A package of Sentry that nothing else in the app imports; it loads a native add-on.
  integrations: [nodeProfilingIntegration()],
  profileSessionSampleRate: 1,
  profileLifecycle: "trace",
});

// The hook that Sentry.init() registered rewrites `esm-probe` while it is loaded. Loaded earlier, it stays as it is.
new Hook(["esm-probe"], (exports) => {
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

// For `/api/sentry`, which tells whether the app has the same client.
Reflect.set(globalThis, Symbol.for("presentry.client"), Sentry.getClient());

startModuleTrace();
