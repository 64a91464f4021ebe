import { described } from "~/lib/client";

// Answers after everything that has ended so far is delivered, so that a test needs no sleep. The SDK keeps its state on
// `globalThis.__SENTRY__`, by version; importing the SDK here would have Nitro trace it into the build.
interface Client {
  getOptions(): object;
  flush(timeout: number): Promise<boolean>;
}

interface Carrier {
  version?: string;
  [version: string]: unknown;
}

interface State {
  defaultCurrentScope?: { getClient(): Client | undefined };
}

export async function GET() {
  const carrier = (globalThis as { __SENTRY__?: Carrier }).__SENTRY__;
  const state = carrier?.version ? (carrier[carrier.version] as State) : undefined;
  const client = state?.defaultCurrentScope?.getClient();
  const flushed = client !== undefined && (await client.flush(5000));
  return Response.json({ active: client !== undefined, flushed, sdk: carrier?.version ?? null, ...described(client) });
}
