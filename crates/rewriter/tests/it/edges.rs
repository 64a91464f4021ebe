//! What the instrumentation reaches by any spelling, over packages as well, and the libraries that it loads too early.

use presentry_rewriter::{Outcome, plan};

use crate::written::{build, request};

/// A build whose `package.json` names the runtime, with a library and packages that lead to both.
const BUILD: &str = r##"--- package.json
{ "name": "mini", "type": "module", "imports": { "#rt": "./chunks/rt.mjs" }, "exports": { "./rt": "./chunks/rt.mjs" } }
--- index.mjs
import 'graphql';
export { a as default } from './chunks/rt.mjs';
--- chunks/rt.mjs
import 'graphql';
import pg from 'pg';
export const a = pg;
--- chunks/db.mjs
import 'graphql';
--- chunks/pure.mjs
export const pure = 1;
--- chunks/helper.cjs
require('./rt.mjs');
--- node_modules/graphql/package.json
{ "name": "graphql", "main": "index.js" }
--- node_modules/graphql/index.js
exports.graphql = 1;
--- node_modules/pg/package.json
{ "name": "pg", "main": "lib" }
--- node_modules/pg/lib/index.js
const Pool = require('pg-pool');
--- node_modules/pg-pool/package.json
{ "name": "pg-pool" }
--- node_modules/pg-pool/index.js
module.exports = 1;
--- node_modules/zod/package.json
{ "name": "zod", "exports": "./z.mjs" }
--- node_modules/zod/z.mjs
export const z = 1;
--- node_modules/telemetry/package.json
{ "name": "telemetry", "type": "module", "exports": "./t.js" }
--- node_modules/telemetry/t.js
export { graphql } from 'graphql';
--- node_modules/required/index.js
module.exports = require('telemetry');
--- node_modules/lazy/index.js
module.exports = () => require('graphql');
--- node_modules/back/package.json
{ "type": "module" }
--- node_modules/back/index.js
import '../../chunks/rt.mjs';
"##;

const SDK: &str = "import * as Sentry from '@sentry/node';\nSentry.init({ tracesSampleRate: 1 });\n";

/// The codes that an import before the SDK gives, errors first; none where the build is rewritten without a word.
#[track_caller]
fn check(import: &str, expected: &[&str]) {
    let files = build(&format!("{BUILD}--- instrument.server.mjs\n{import}\n{SDK}")).at("/srv/server");
    let plan = plan(&files, &request());
    let found: Vec<&str> = plan.diagnostics.iter().map(|diagnostic| diagnostic.code.name).collect();
    assert_eq!(found, expected, "{import}: {:?}", plan.diagnostics);
    let refused = plan.diagnostics.iter().any(|one| one.severity == presentry_rewriter::diagnostics::Severity::Error);
    assert_eq!(plan.outcome == Outcome::Refused, refused, "{import}");
}

#[test]
fn the_runtime_is_known_however_it_is_written() {
    let runtime = &["static-edge-to-runtime"];
    for specifier in [
        "./chunks/rt.mjs",
        ".//chunks/rt.mjs",
        "./chunks//rt.mjs",
        "./chunks/%72t.mjs",
        "./chunks/r\\tt.mjs",
        "./x/../chunks/rt.mjs?v=1#x",
        "../server/chunks/rt.mjs",
        "/srv/server/chunks/rt.mjs",
        "file:///srv/server/chunks/rt.mjs",
        "#rt",
        "mini/rt",
        "data:text/javascript,import 'file:///srv/server/chunks/rt.mjs'",
        "data:text/javascript;base64,aW1wb3J0ICJmaWxlOi8vL3Nydi9zZXJ2ZXIvY2h1bmtzL3J0Lm1qcyI=",
        "./chunks/helper.cjs",
        "back",
    ] {
        check(&format!("import \"{specifier}\";"), runtime);
    }
}

#[test]
fn what_is_no_part_of_the_build_is_not_accepted() {
    for specifier in ["../x.mjs", "/srv/x.mjs", "file:///x.mjs", "https://x.test/x.mjs", "#gone", "mini/gone"] {
        check(&format!("import \"{specifier}\";"), &["instrumentation-imports-elsewhere"]);
    }
    check("import 'data:text/javascript,import \"./chunks/rt.mjs\"';", &["instrumentation-imports-elsewhere"]);
}

#[test]
fn what_is_shared_and_loads_nothing_is_harmless() {
    for import in [
        "import './chunks/pure.mjs';",
        "import { z } from 'zod';",
        "import 'node:fs';",
        "import 'data:text/javascript,export{}';",
        "import 'import-in-the-middle';",
        "import lazy from 'lazy';",
    ] {
        check(import, &[]);
    }
}

#[test]
fn libraries_that_are_lost_are_named() {
    let library = &["library-before-init"];
    for import in [
        "import 'graphql';",
        "import { graphql as g } from 'graphql'; g;",
        "import './chunks/db.mjs';",
        "import 'telemetry';",
        "import 'required';",
    ] {
        check(import, library);
    }
    let files = build(&format!("{BUILD}--- instrument.server.mjs\nimport 'required';\n{SDK}"));
    let plan = plan(&files, &request());
    let places: Vec<&str> = plan.diagnostics[0].labels.iter().map(|label| label.path.as_str()).collect();
    assert_eq!(places, ["instrument.server.mjs", "node_modules/required/index.js", "node_modules/telemetry/t.js"]);
}

/// The runtime imports `pg` itself, so that its exports are changed; what `pg` has required stays as it is.
#[test]
fn a_library_that_the_hooks_see_again_is_not_lost() {
    let files = build(&format!("{BUILD}--- instrument.server.mjs\nimport 'pg';\n{SDK}"));
    let plan = plan(&files, &request());
    assert_eq!(plan.outcome, Outcome::Rewritten);
    let said: Vec<&str> = plan.diagnostics.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(said, ["`pg-pool` is loaded before `Sentry.init()` has run, so Sentry cannot instrument it"]);
}

/// Version 11 injects channels while a library is loaded, and says into which; nothing is seen again then.
#[test]
fn an_sdk_that_injects_channels_loses_what_its_own_list_names() {
    let sdk = r#"--- node_modules/@sentry/node/package.json
{ "name": "@sentry/node", "version": "11.12.0", "exports": "./index.mjs" }
--- node_modules/@sentry/node/index.mjs
export {};
--- node_modules/@sentry/server-utils/package.json
{ "name": "@sentry/server-utils", "exports": { "./orchestrion/config": "./config.mjs" } }
--- node_modules/@sentry/server-utils/config.mjs
export { pg } from './pg.mjs';
--- node_modules/@sentry/server-utils/pg.mjs
export const pg = [{ channelName: "query", module: { name: "pg", versionRange: "*" } }, { module: { name: "zod" } }];
"#;
    for (import, named) in [("pg", Some("pg")), ("zod", Some("zod")), ("graphql", None)] {
        let files = build(&format!("{BUILD}{sdk}--- instrument.server.mjs\nimport '{import}';\n{SDK}"));
        let plan = plan(&files, &request());
        let said = plan.diagnostics.iter().find(|one| one.code.name == "library-before-init");
        let name = said.map(|one| one.message.split('`').nth(1).unwrap_or_default());
        assert_eq!(name, named, "{import}");
    }
}
