//! `--dry-run`: a diff, and not a byte written.

use expect_test::expect;

use crate::builds::{ALREADY_FIRST, App};

#[test]
fn a_diff_of_what_would_change() {
    let app = App::inline(1);
    let before = app.snapshot();
    let diff = app.succeeds(&["--dry-run"]);
    let hash = diff.split_whitespace().find(|word| word.len() == 64).expect("the hash in the facade's header");
    expect![[r#"
        diff --git a/chunks/build/app-0.mjs b/chunks/build/app-0.mjs
        --- a/chunks/build/app-0.mjs
        +++ b/chunks/build/app-0.mjs
        @@ -1,2 +1,2 @@
        -import { a as a0 } from '../../index.mjs';
        +import { a as a0 } from '../../entry.mjs';
         export default a0;
        diff --git a/index.mjs b/entry.mjs
        copy from index.mjs
        copy to entry.mjs
        diff --git a/index.mjs b/index.mjs
        --- a/index.mjs
        +++ b/index.mjs
        @@ -1,8 +1,42 @@
        -import process from 'node:process';globalThis._importMeta_={url:import.meta.url,env:process.env};
        -import 'graphql';
        -import { createServer } from 'node:http';
        -const nitroApp = { envPrefix: process.env.NITRO_ENV_PREFIX };
        -const lazy = () => [import('./chunks/build/app-0.mjs')];
        -createServer(lazy).listen(3000);
        -export { nitroApp as a, lazy as l };
        -//# sourceMappingURL=index.mjs.map
        +// presentry <version> <hash>
        +import "./instrument.server.mjs";
        +const _settle = _guard("proven", []);
        +const { a: _a, l: _l } = await import("./entry.mjs").catch((_error) => {
        +  process.exitCode = 1;
        +  throw _error;
        +});
        +_settle();
        +export { _a as a, _l as l };
        +// Compares the running server with what was proven, and prints a line if they differ; `--no-guard` leaves it out.
        +function _guard(verdict, channels) {
        +  const carriers = () => [globalThis.__SENTRY__, ...Object.values(globalThis.__SENTRY__ ?? {})];
        +  const findClient = () => carriers().map((one) => one?.defaultCurrentScope?.getClient?.()).find(Boolean);
        +  const hears = (event) => process.getBuiltinModule("node:diagnostics_channel").hasSubscribers("tracing:" + event);
        +  const isHeard = (name) => ["start", "end", "asyncStart", "asyncEnd", "error"].some((event) => hears(name + ":" + event));
        +  const difference = (client) => {
        +    if (!client) return verdict === "proven under a condition" ? "" : "Sentry has no client";
        +    if (!early) return "Sentry started only after the runtime was loaded";
        +    const { enabled, tracesSampleRate, tracesSampler } = client.getOptions();
        +    if (enabled === false || !client.getTransport() || (tracesSampleRate ?? tracesSampler) == null) return "";
        +    const { __SENTRY_ORCHESTRION__: injection } = globalThis;
        +    if (channels.length > 0 && !channels.some(isHeard)) return "Sentry does not listen to the channels in the libraries";
        +    // Bun has no hooks.
        +    const isHooked = injection?.runtime || injection?.bundler || process.versions.bun;
        +    return injection && !isHooked ? "the hooks of Sentry are not registered" : "";
        +  };
        +  const compare = () => {
        +    const found = difference(findClient());
        +    if (!found) return;
        +    const code = "not-as-proven";
        +    console.error(`presentry: [${code}] ${found}, but the build is ${verdict} (npx presentry explain ${code})`);
        +    for (const one of carriers().filter((one) => one?.defaultCurrentScope)) {
        +      one.globalScope ??= new one.defaultCurrentScope.constructor();
        +      one.globalScope.setContext("presentry", { code, found, verdict });
        +    }
        +  };
        +  const quietly = (look) => { try { return look(); } catch {} };
        +  const early = quietly(findClient);
        +  // In a task of its own: the SDK may subscribe in one.
        +  return () => quietly(() => setTimeout(() => quietly(compare), 0).unref?.());
        +}
        +//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXSwibmFtZXMiOltdLCJtYXBwaW5ncyI6IiJ9
    "#]].assert_eq(&diff.replace(hash, "<hash>").replace(env!("CARGO_PKG_VERSION"), "<version>"));
    assert_eq!(app.snapshot(), before);
}

#[test]
fn nothing_would_change() {
    let app = App::facade();
    app.succeeds(&[]);
    let rewritten = app.snapshot();
    assert_eq!(app.succeeds(&["--dry-run"]), ALREADY_FIRST);
    let diff = app.succeeds(&["restore", "--dry-run"]);
    assert!(diff.contains("deleted file mode") && diff.contains("+++ /dev/null"), "{diff}");
    assert_eq!(app.snapshot(), rewritten);
}
