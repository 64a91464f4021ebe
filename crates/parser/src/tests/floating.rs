//! Which imports a module makes and does not wait for.

use crate::analyze;

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let (analysis, errors) = analyze(text);
    assert_eq!(errors, [], "{text}");
    let found: Vec<&str> = analysis.floating_imports.iter().map(|span| span.of(text)).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn what_is_left_alone() {
    for text in [
        "import('a');",
        "void import('a');",
        "(1, import('a'));",
        "import('a').then(start).then((b) => b());",
        "(async () => { await import('a'); })();",
        "(async () => { const { b } = await import('a'); b(); })();",
        "(async () => { (await import('a')).start(); })();",
        "(() => import('a'))();",
        "(async () => await import('a'))();",
        "start(); async function start() { function b() {} const c = 1; return import('a'); }",
        "export const start = async () => { import('a') }; start();",
        "export default function start() { second(); } var second = function () { import('a'); }; start();",
    ] {
        check(text, &["import('a')"]);
    }
    check("import('a'); import('b')", &["import('a')", "import('b')"]);
}

#[test]
fn what_is_not() {
    for text in [
        "await import('a');",
        "const a = import('a');",
        "import('a').catch(b);",
        "import('a').then(b, c);",
        "import('a').then(...b);",
        "() => import('a');",
        "function* start() { import('a'); } start();",
        "async function start() { await b; import('a'); } start();",
        "function start() { if (b) return; import('a'); } start();",
        "let start = () => import('a'); start = b; start();",
        "function start() { import('a'); } { function start() {} start(); }",
        "if (b) import('a');",
    ] {
        check(text, &[]);
    }
}
