// What a test has to know of the client to compare two builds. Functions are given by their names.

interface Client {
  getOptions(): object;
}

/** Where the instrumentation leaves the client that it made. */
const MADE = Symbol.for("presentry.client");

/** What is known of the client that a route sees. */
export function described(client: Client | undefined) {
  if (client === undefined) return {};
  return {
    ofInstrumentation: client === Reflect.get(globalThis, MADE),
    // In the order in which they were set up; the SDK has no public way to list them.
    integrations: Object.keys(Reflect.get(client, "_integrations") ?? {}),
    options: plain(client.getOptions()),
  };
}

function plain(options: object): unknown {
  const seen = new WeakSet();
  const text = JSON.stringify(options, (_, value) => {
    if (typeof value === "function") return `function ${value.name} of ${value.length}`;
    if (typeof value === "bigint" || typeof value === "symbol" || value instanceof RegExp) return String(value);
    if (value === undefined) return "undefined";
    if (typeof value === "object" && value !== null) {
      if (seen.has(value)) return "seen before";
      seen.add(value);
    }
    return value;
  });
  return JSON.parse(text);
}
