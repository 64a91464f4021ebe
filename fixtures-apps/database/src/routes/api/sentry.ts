import * as Sentry from "@sentry/solidstart";
import { described } from "~/lib/client";

// Answers after everything that has ended so far is delivered, so that a test needs no sleep.
export async function GET() {
  const client = Sentry.getClient();
  const flushed = client !== undefined && (await Sentry.flush(5000));
  return Response.json({ active: client !== undefined, flushed, sdk: Sentry.SDK_VERSION, ...described(client) });
}
