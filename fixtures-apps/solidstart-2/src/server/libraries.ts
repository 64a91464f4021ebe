import { probe } from "esm-probe";
import { version } from "graphql";
import { definePlugin } from "nitro";

// A plugin of Nitro belongs to the runtime's static graph, so both libraries are loaded together with the server. The
// app itself, its middleware included, is loaded with the first request, so it would tell nothing about the entry.
export default definePlugin((nitro) => {
  const seen = probe();
  nitro.hooks.hook("request", (event) => {
    event.context.probe = seen;
  });
  nitro.hooks.hook("response", (response) => {
    response.headers.set("x-graphql-version", version);
  });
});
