import { solidStart } from "@solidjs/start/config";
import { nitro } from "nitro/vite";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [
    solidStart(),
    nitro({ plugins: ["./src/server/libraries.ts"], traceDeps: ["@sentry/node", "esm-probe", "graphql*", "import-in-the-middle"] }),
  ],
});
