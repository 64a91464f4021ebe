export default defineNuxtConfig({
  compatibilityDate: "2026-01-01",
  modules: ["@sentry/nuxt/module"],
  telemetry: false,
  // The upload is off so that a build needs neither a token nor the network.
  sentry: { sourcemaps: { disable: true }, telemetry: false },
});
