import * as Sentry from "@sentry/node";
import { createFileRoute } from "@tanstack/solid-router";
import { described } from "../../../lib/client.mjs";

// Answers after everything that has ended so far is delivered, so that a test needs no sleep.
export const Route = createFileRoute("/api/sentry")({
  server: {
    handlers: {
      GET: async () => {
        const client = Sentry.getClient();
        const flushed = client !== undefined && (await Sentry.flush(5000));
        return Response.json({ active: client !== undefined, flushed, sdk: Sentry.SDK_VERSION, ...described(client) });
      },
    },
  },
});
