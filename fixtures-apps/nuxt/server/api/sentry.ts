import * as Sentry from "@sentry/nuxt";
import { described } from "../../lib/client.mjs";

// Answers after everything that has ended so far is delivered, so that a test needs no sleep.
export default defineEventHandler(async () => {
  const client = Sentry.getClient();
  const flushed = client !== undefined && (await Sentry.flush(5000));
  return { active: client !== undefined, flushed, sdk: Sentry.SDK_VERSION, ...described(client) };
});
