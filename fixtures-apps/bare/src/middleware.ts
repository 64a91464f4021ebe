import { createMiddleware } from "@solidjs/start/middleware";
import { probe } from "esm-probe";
import { version } from "graphql";

// Middleware belongs to the runtime's static graph, so both libraries are loaded together with the server. Nothing of
// Sentry is imported here nor in any other module of the server, so Nitro does not trace the SDK into the build.
export default createMiddleware({
  onRequest: (event) => {
    event.locals.probe = probe();
    event.response.headers.set("x-graphql-version", version);
  },
});
