import * as Sentry from "@sentry/solidstart";

// Answers after everything that has ended so far is delivered, so that a test needs no sleep.
export async function GET() {
  const active = Sentry.getClient() !== undefined;
  const flushed = active && (await Sentry.flush(5000));
  return Response.json({ active, flushed, sdk: Sentry.SDK_VERSION });
}
