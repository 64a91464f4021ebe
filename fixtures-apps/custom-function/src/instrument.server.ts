import * as Sentry from "@sentry/solidstart";
import { Hook } from "import-in-the-middle";
import { startModuleTrace } from "./lib/module-trace";

Sentry.init({
  dsn: process.env.SENTRY_DSN,
  tracesSampleRate: 1,
});

// The hook that Sentry.init() registered rewrites `esm-probe` while it is loaded. Loaded earlier, it stays as it is.
new Hook(["esm-probe"], (exports) => {
  exports.probe = () => "patched";
});

// For `/api/sentry`, which tells whether the app has the same client.
Reflect.set(globalThis, Symbol.for("presentry.client"), Sentry.getClient());

startModuleTrace();
