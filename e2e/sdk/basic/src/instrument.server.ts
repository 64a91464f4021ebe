import { createRequire } from "node:module";
import * as Sentry from "@sentry/solidstart";
import { startModuleTrace } from "./lib/module-trace";

Sentry.init({
  dsn: process.env.SENTRY_DSN,
  tracesSampleRate: 1,
});

// Required, as Nitro bundles an imported `import-in-the-middle` and leaves a path of the build machine in the entry.
const { Hook } = createRequire(import.meta.url)("import-in-the-middle");
new Hook(["esm-probe"], (exports: { probe: () => string }) => {
  exports.probe = () => "patched";
});

startModuleTrace();
