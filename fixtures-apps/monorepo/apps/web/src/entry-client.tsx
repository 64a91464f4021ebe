// @refresh reload
import * as Sentry from "@sentry/solidstart";
import { solidRouterBrowserTracingIntegration } from "@sentry/solidstart/solidrouter";
import { mount, StartClient } from "@solidjs/start/client";

Sentry.init({
  dsn: import.meta.env.VITE_SENTRY_DSN,
  integrations: [solidRouterBrowserTracingIntegration()],
  tracesSampleRate: 1,
});

mount(() => <StartClient />, document.getElementById("app")!);
