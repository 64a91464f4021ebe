//! The pages that are generated from the code say what the code says. `UPDATE_EXPECT=1` writes them anew.

use expect_test::expect_file;

use crate::{builds::App, bundle::app_with_packages};

#[test]
fn diagnostics() {
    let page = App::empty().succeeds(&["explain", "--all", "--format", "markdown"]);
    expect_file!["../../../../docs/diagnostics.md"].assert_eq(&page);
}

#[test]
fn presets() {
    let page = App::empty().succeeds(&["explain", "--presets", "--format", "markdown"]);
    expect_file!["../../../../docs/presets.md"].assert_eq(&page);
}

const README: &str = include_str!("../../../../README.md");
const HOW_IT_WORKS: &str = include_str!("../../../../docs/how-it-works.md");

/// The code block of a page that begins with a line.
fn block(page: &'static str, first: &str) -> &'static str {
    let start = page.find(&format!("```\n{first}\n")).or_else(|| page.find(&format!("```js\n{first}"))).unwrap();
    let block = &page[start..];
    let block = &block[block.find('\n').unwrap() + 1..];
    &block[..block.find("```").unwrap()]
}

#[test]
fn the_pages_show_what_the_command_prints_and_writes() {
    let app = app_with_packages();
    // As in the app of SolidStart, the router of the SDK shares a package with the app.
    for root in [".", ".output/server"] {
        let router = format!("{root}/node_modules/@sentry/solidstart/router.mjs");
        app.write(&router, format!("import invariant from \"vinxi/lib/invariant\";\n{}", app.read(&router)));
    }
    for number in 1..=7 {
        let chunk = format!(".output/server/chunks/build/route-{number}.mjs");
        app.write(&chunk, "export { withSentryRouterRouting } from '@sentry/solidstart/router.mjs';\n");
    }
    // Nitro's server exports an empty object.
    let runtime = ".output/server/chunks/nitro/nitro.mjs";
    app.write(runtime, app.read(runtime).replace("{ envPrefix }", "{}"));
    // The packages of this app are small.
    let without_sizes = |text: &str| {
        text.lines().filter(|line| !line.contains(" MB") && !line.contains(" kB")).collect::<Vec<_>>().join("\n")
    };
    let said = app.succeeds(&["--bundle-sdk=if-possible"]);
    assert_eq!(without_sizes(&said), without_sizes(block(README, "$ presentry").split_once('\n').unwrap().1));
    // The digest is that of another entry, and the page shows only where the guard begins, which is last.
    let facade = app.read(".output/server/index.mjs");
    let is_before = |line: &&str| *line != "function _guard(verdict, channels) {";
    let lines = |text: &str| text.lines().skip(1).take_while(is_before).map(str::to_owned).collect();
    let (written, shown): (Vec<String>, Vec<String>) = (lines(&facade), lines(block(HOW_IT_WORKS, "// presentry ")));
    assert_eq!(written, shown);
}
