//! The steps of a module: scopes, order, and bounds.

use crate::{Evaluation, ExpressionKind, Pattern, Step, evaluation};

fn steps(text: &str) -> Evaluation {
    evaluation(text).unwrap_or_else(|| panic!("no steps: {text}"))
}

/// Whether the callee of the last statement is the binding that an import makes.
#[track_caller]
fn calls_the_import(text: &str, expected: bool) {
    let module = steps(&format!("import {{ a }} from 'x'; {text}"));
    let import = module.names["a"];
    let mut found = false;
    let mut bodies: Vec<&[Step]> = module.functions.iter().map(|function| &function.body[..]).collect();
    bodies.push(&module.body);
    while let Some(body) = bodies.pop() {
        for step in body {
            match step {
                Step::Evaluate(expression) => {
                    if let ExpressionKind::Call { callee, .. } = &expression.kind {
                        found |= callee.kind == ExpressionKind::Slot(import);
                    }
                }
                Step::If { then, otherwise, .. } => bodies.extend([&then[..], &otherwise[..]]),
                Step::Try { block, catch, .. } => {
                    bodies.push(block);
                    bodies.extend(catch.iter().map(|(_, body)| &body[..]));
                }
                Step::Switch { cases, .. } => bodies.extend(cases.iter().map(|(_, body)| &body[..])),
                Step::Loop(looped) => bodies.push(&looped.body),
                Step::Label { body, .. } => bodies.push(body),
                _ => {}
            }
        }
    }
    assert_eq!(found, expected, "{text}");
}

#[test]
fn names_are_resolved_by_scope() {
    for text in [
        "a();",
        "{ a(); }",
        "function f() { a(); }",
        "const f = () => { a(); };",
        "class C { m() { a(); } static { a(); } }",
        "{ let b; a(); }",
        "for (const b of []) a();",
    ] {
        calls_the_import(text, true);
    }
    for text in [
        "{ let a = 1; a(); }",
        "{ function a() {} a(); }",
        "{ class a {} a(); }",
        "function f(a) { a(); }",
        "function f({ b: [a] }) { a(); }",
        "function f() { a(); if (b) { for (;;) { var a; } } }",
        "const f = (...a) => { a(); };",
        "try {} catch (a) { a(); }",
        "for (let a = 1; ;) a();",
        "for (const [a] of []) { a(); }",
        "switch (1) { case 1: let a; default: a(); }",
        "(function a() { a(); });",
        "class C { static { let a; a(); } }",
        "b.a();",
    ] {
        calls_the_import(text, false);
    }
}

#[test]
fn function_declarations_come_first() {
    let module = steps("start(); function start() {} export default function () {} var x = 1;");
    let Step::Bind { target: Pattern::Slot(slot), .. } = &module.body[0] else { panic!("{module:?}") };
    assert_eq!(module.slots[*slot].name, "start");
    assert_eq!(module.names.keys().collect::<Vec<_>>(), ["*default*", "start", "x"]);
    assert!(module.slots[module.names["x"]].hoisted && !module.slots[module.names["start"]].hoisted);
}

#[test]
fn what_is_assigned_again() {
    let module = steps("let a = 1, b = 1, c, d, e, f = 1; a = 2; ({ b } = x); [c] = x; d++; for (e of x); f.g = 1;");
    let again: Vec<&str> = module.slots.iter().filter(|slot| slot.reassigned).map(|slot| slot.name.as_str()).collect();
    assert_eq!(again, ["a", "b", "c", "d", "e"]);
}

#[test]
fn places_are_those_of_the_text() {
    for text in ["\u{feff}#!x\nif (process.env.DSN) a();", "if (process.env.DSN) a();"] {
        let module = steps(text);
        let Some(Step::If { test, .. }) = module.body.first() else { panic!("{text}") };
        assert_eq!(test.at.of(text), "process.env.DSN");
    }
}

#[test]
fn a_text_with_errors_has_no_steps() {
    assert!(evaluation("let a; let").is_none());
    assert!(evaluation("import { a").is_none());
}

/// Whatever is nested beyond what anybody writes is opaque.
#[test]
fn deep_texts_are_opaque() {
    let deep = [
        format!("{}1{}", "(".repeat(2000), ")".repeat(2000)),
        format!("a{}", "?.b".repeat(2000)),
        format!("a{}", ".b()".repeat(2000)),
        format!("{}1;", "x = ".repeat(2000)),
        format!("{}{}", "{".repeat(1000), "}".repeat(1000)),
        format!("if (a) b(); {}", "else if (a) b(); ".repeat(1000)),
        format!("{};", (0..300).map(|n| format!("l{n}: ")).collect::<String>()),
        format!("{}1{}", "() => (".repeat(500), ")".repeat(500)),
        format!("{}{}", "function f() {".repeat(500), "}".repeat(500)),
        format!("const {}a{} = 1;", "[".repeat(500), "]".repeat(500)),
    ];
    for text in deep {
        if let Some(module) = evaluation(&text) {
            // Parentheses are not steps.
            assert!(module.has_opaque || text.starts_with('('), "{}", &text[..40]);
        }
    }
    let sum = format!("x = 'a'{};", " + 'b'".repeat(5000));
    assert!(!steps(&sum).has_opaque, "a long sum is not deep");
}
