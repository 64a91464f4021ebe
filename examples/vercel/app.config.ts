import { withSentry } from "@sentry/solidstart";
import { defineConfig } from "@solidjs/start/config";

export default defineConfig(
  withSentry(
    { middleware: "./src/middleware.ts", server: { preset: "vercel" } },
    { sourceMapsUploadOptions: { authToken: process.env.SENTRY_AUTH_TOKEN, telemetry: false } },
  ),
);
