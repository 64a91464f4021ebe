import { probe } from "esm-probe";
import { version } from "graphql";
import { definePlugin } from "nitro";

declare global {
  var probeOfPlugin: string;
}

// A plugin of Nitro belongs to the runtime's static graph, so both libraries are loaded together with the server. The
// app itself is loaded with the first request, so it would tell nothing about the entry.
export default definePlugin((nitro) => {
  globalThis.probeOfPlugin = probe();
  nitro.hooks.hook("response", (response) => {
    response.headers.set("x-graphql-version", version);
  });
});
