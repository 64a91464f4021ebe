import * as Sentry from "@sentry/solidstart";
import { startModuleTrace } from "./lib/module-trace";

// The default integrations alone: with tracing on, the ones for `pg` and for `postgres` are among them.
Sentry.init({
  dsn: process.env.SENTRY_DSN,
  tracesSampleRate: 1,
});

// For `/api/sentry`, which tells whether the app has the same client.
Reflect.set(globalThis, Symbol.for("presentry.client"), Sentry.getClient());

startModuleTrace();
