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
        @@ -1,8 +1,8 @@
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
        +const { a: _a, l: _l } = await import("./entry.mjs").catch((_error) => {
        +  process.exitCode = 1;
        +  throw _error;
        +});
        +export { _a as a, _l as l };
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
