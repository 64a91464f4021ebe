import * as Sentry from "@sentry/node";
import { createFileRoute } from "@tanstack/solid-router";

// Answers after everything that has ended so far is delivered, so that a test needs no sleep.
export const Route = createFileRoute("/api/sentry")({
  server: {
    handlers: {
      GET: async () => {
        const active = Sentry.getClient() !== undefined;
        const flushed = active && (await Sentry.flush(5000));
        return Response.json({ active, flushed, sdk: Sentry.SDK_VERSION });
      },
    },
  },
});
