import { tanstackStart } from "@tanstack/solid-start/plugin/vite";
import { nitro } from "nitro/vite";
import { defineConfig } from "vite";
import solid from "vite-plugin-solid";

export default defineConfig({
  plugins: [
    tanstackStart(),
    nitro({
      plugins: ["./src/server/libraries.ts"],
      traceDeps: ["@sentry/node", "esm-probe", "graphql*", "import-in-the-middle"],
    }),
    solid({ ssr: true }),
  ],
});
