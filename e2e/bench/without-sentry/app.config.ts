import { fileURLToPath } from "node:url";
import { defineConfig } from "@solidjs/start/config";

// The app as it is, with functions that do nothing in the place of Sentry's packages.
const nothing = fileURLToPath(new URL("./src/without-sentry.ts", import.meta.url));

export default defineConfig({
  middleware: "./src/middleware.ts",
  vite: {
    resolve: {
      alias: {
        // An alias counts for what lies below a package as well, so the longer name comes first.
        "@sentry/solidstart/solidrouter": nothing,
        "@sentry/solidstart": nothing,
        "@sentry/node": nothing,
      },
    },
  },
});
