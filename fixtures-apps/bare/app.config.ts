import { withSentry } from "@sentry/solidstart";
import { defineConfig } from "@solidjs/start/config";

// Without `autoInjectServerSentry` the SDK copies `instrument.server.mjs` beside the server entry and leaves the entry
// as it is. The upload is off so that a build needs neither a token nor the network.
export default defineConfig(
  withSentry(
    { middleware: "./src/middleware.ts" },
    { sourceMapsUploadOptions: { enabled: false, telemetry: false } },
  ),
);
