// Compares the running server with what was proven, and prints a line if they differ; `--no-guard` leaves it out.
function _guard(verdict, channels) {
  const carriers = () => [globalThis.__SENTRY__, ...Object.values(globalThis.__SENTRY__ ?? {})];
  const findClient = () => carriers().map((one) => one?.defaultCurrentScope?.getClient?.()).find(Boolean);
  const hears = (event) => process.getBuiltinModule("node:diagnostics_channel").hasSubscribers("tracing:" + event);
  const isHeard = (name) => ["start", "end", "asyncStart", "asyncEnd", "error"].some((event) => hears(name + ":" + event));
  const difference = (client) => {
    if (!client) return verdict === "proven under a condition" ? "" : "Sentry has no client";
    if (!early) return "Sentry started only after the runtime was loaded";
    const { enabled, tracesSampleRate, tracesSampler } = client.getOptions();
    if (enabled === false || !client.getTransport() || (tracesSampleRate ?? tracesSampler) == null) return "";
    const { __SENTRY_ORCHESTRION__: injection } = globalThis;
    if (channels.length > 0 && !channels.some(isHeard)) return "Sentry does not listen to the channels in the libraries";
    // Bun has no hooks.
    const isHooked = injection?.runtime || injection?.bundler || process.versions.bun;
    return injection && !isHooked ? "the hooks of Sentry are not registered" : "";
  };
  const compare = () => {
    const found = difference(findClient());
    if (!found) return;
    const code = "not-as-proven";
    console.error(`presentry: [${code}] ${found}, but the build is ${verdict} (npx presentry explain ${code})`);
    for (const one of carriers().filter((one) => one?.defaultCurrentScope)) {
      one.globalScope ??= new one.defaultCurrentScope.constructor();
      one.globalScope.setContext("presentry", { code, found, verdict });
    }
  };
  const quietly = (look) => { try { return look(); } catch {} };
  const early = quietly(findClient);
  // In a task of its own: the SDK may subscribe in one.
  return () => quietly(() => setTimeout(() => quietly(compare), 0).unref?.());
}
