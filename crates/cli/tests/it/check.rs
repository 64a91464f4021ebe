//! `presentry check`: the proof on builds that presentry has not made, and the chain when it fails.

use expect_test::expect;

use crate::builds::App;

#[test]
fn an_unrewritten_build_fails_with_the_chain() {
    let app = App::facade();
    let before = app.snapshot();
    expect![[r#"
        error[sentry-not-started]: no module in the static closure of `index.mjs` calls `init` of a `@sentry/*` package
         --> .output/server/index.mjs:2:1
          |
        2 | export { n as default } from './chunks/nitro/nitro.mjs';
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: run `presentry` on the build; if it did run, call `Sentry.init()` at the top level of the instrumentation

        ✖ not proven: 1 error
          next: `presentry explain sentry-not-started` tells more
    "#]]
    .assert_eq(&app.fails(&["check"], 1));
    assert_eq!(app.snapshot(), before);
}

#[test]
fn a_wrapper_written_by_hand_holds() {
    let app = App::facade();
    std::fs::rename(app.join(".output/server/index.mjs"), app.join(".output/server/real.mjs")).unwrap();
    app.write(".output/server/index.mjs", "import './instrument.server.mjs';\nawait import('./real.mjs');\n");
    expect![[r#"
        ✔ proven: Sentry starts first
          loaded before the runtime: index.mjs, instrument.server.mjs and 1 package
          next: `presentry trace` starts the server and shows the spans that arrive
    "#]]
    .assert_eq(&app.succeeds(&["check"]));
}

#[test]
fn a_rewritten_build_that_was_tampered_with_fails() {
    let app = App::facade();
    app.succeeds(&[]);
    let facade = app.read(".output/server/index.mjs");
    app.write(".output/server/index.mjs", facade + "\nexport { n } from './chunks/nitro/nitro.mjs';\n");
    assert!(app.fails(&["check"], 1).starts_with("error[static-edge-to-runtime]: "));
}
