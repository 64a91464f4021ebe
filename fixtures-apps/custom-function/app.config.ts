import { withSentry } from "@sentry/solidstart";
import { defineConfig } from "@solidjs/start/config";

// The function is exported as `api`, and the SDK is told so. The upload is off so that a build needs neither a token nor
// the network.
export default defineConfig(
  withSentry(
    {
      middleware: "./src/middleware.ts",
      server: {
        preset: "firebase",
        firebase: { gen: 2, nodeVersion: "20", serverFunctionName: "api" },
      },
    },
    {
      experimental_entrypointWrappedFunctions: ["api"],
      sourceMapsUploadOptions: { enabled: false, telemetry: false },
    },
  ),
);
