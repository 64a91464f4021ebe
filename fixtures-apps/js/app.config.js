import { withSentry } from "@sentry/solidstart";
import { defineConfig } from "@solidjs/start/config";

// The upload is off so that a build needs neither a token nor the network.
export default defineConfig(
  withSentry(
    { middleware: "./src/middleware.js" },
    { sourceMapsUploadOptions: { enabled: false, telemetry: false } },
  ),
);
