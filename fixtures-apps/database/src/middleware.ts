import { sentryBeforeResponseMiddleware } from "@sentry/solidstart";
import { createMiddleware } from "@solidjs/start/middleware";
import { postgresFunction } from "~/lib/database";

// Middleware belongs to the runtime's static graph, so both libraries are loaded, and both clients made, together with
// the server. A route is a chunk that is loaded on its first request, after Sentry.init() in any build: with the only
// import of `postgres` there, its spans would tell nothing about the entry.
export default createMiddleware({
  onRequest: (event) => {
    event.locals.postgres = postgresFunction;
  },
  onBeforeResponse: [sentryBeforeResponseMiddleware()],
});
