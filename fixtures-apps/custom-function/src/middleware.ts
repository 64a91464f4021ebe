import { sentryBeforeResponseMiddleware } from "@sentry/solidstart";
import { createMiddleware } from "@solidjs/start/middleware";
import { probe } from "esm-probe";
import { version } from "graphql";

// Middleware belongs to the runtime's static graph, so both libraries are loaded together with the server. A route is a
// chunk that is loaded on its first request, after Sentry.init() in any build, so it would tell nothing about the entry.
export default createMiddleware({
  onRequest: (event) => {
    event.locals.probe = probe();
    event.response.headers.set("x-graphql-version", version);
  },
  onBeforeResponse: [sentryBeforeResponseMiddleware()],
});
