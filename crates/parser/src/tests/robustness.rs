//! No text makes the parser panic or overflow the stack.

use super::{outline, sound};
use crate::{analyze, parse};

/// One module with every form in it, and characters of every length.
const SAMPLE: &str = "\u{feff}#!/usr/bin/env node ä\r\n'use strict';\r\nimport d, { a as 名, 'x-y' as z } from './ä%20名.mjs' with { type: 'json' };
import * as ns from \"𝒳\";\u{2028}import defer * as later from 'l'; import source s from 's'; import 'bare'
export { d as default, z as 'q r' }; export * from 'x'; export * as star from 'y'; export { if as else } from 'z';
export const { b, c: [e = `t${`u${b}`}`], ...f } = await import(`./dyn.mjs`), g = /[/]名{1,2}/giu.test(b) / 2 / b;
for await (const h of ns.i?.(j => ({ j }))) { label: do { if (h) continue label; else if (b) break } while (0) }
class K extends (class {}) { #l = 1; static { var m = import.meta.url } static async *[n]() { yield* await this.#l } }
async function n(o, { p = 1 }, ...[q]) { try { await using r = o } catch { throw 0x1fn ** 2n } finally { return } }
new Worker(new URL('./w.mjs', import.meta.url)); if (process.argv[1]) n`\\u{1F600}\\n${'\\uD83D'}`; switch (g) { case 1: default: }
t = ((u, v = 1) => { ({ u, [v]: { t } = {} } = u) })(...[]), y ||= new.target ?? void 0; var t, y, g2 = async (x) => x;
//# debugId=85314830-023f-4cf1-a267-535f4e37bb17
//# sourceMappingURL=名.mjs.map";

#[track_caller]
fn survives(text: &str) {
    let (record, errors) = parse(text);
    sound(text, &record, &errors);
    outline::same(text);
    if errors.iter().any(|error| error.fatal) {
        assert!(record.requested_modules.is_empty() && record.dynamic_imports.is_empty());
    }
    // With debug assertions the library panics where it reads on otherwise (`import "a" with` and no brace).
    let panicked = errors.iter().any(|error| error.message == "the parser failed on this text");
    assert!(cfg!(debug_assertions) || !panicked, "{text}");
    assert_eq!(analyze(text), (crate::ModuleAnalysis { record, ..analyze(text).0 }, errors));
}

#[test]
fn the_sample_itself_is_read() {
    let (record, errors) = parse(SAMPLE);
    sound(SAMPLE, &record, &errors);
    assert!(!errors.iter().any(|error| error.fatal), "{errors:?}");
    assert_eq!(record.requested_modules.len(), 8);
    assert!(record.source_mapping_url.is_some() && record.debug_id.is_some());
}

#[test]
fn every_beginning_and_every_end_of_a_module() {
    for (at, _) in SAMPLE.char_indices() {
        survives(&SAMPLE[..at]);
        survives(&SAMPLE[at..]);
    }
}

#[test]
fn modules_with_damage() {
    let pieces = [
        "(", ")", "{", "}", "[", "]", "`", "'", "\"", "/", "*", "${", "\\", "\n", ";", "=>", "…", "𝒳", "import",
        "export ", "await ", "#", "\0", "\u{feff}", "...",
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let places: Vec<usize> = SAMPLE.char_indices().map(|(at, _)| at).collect();
    for _ in 0..1500 {
        let mut text = SAMPLE.to_owned();
        for _ in 0..=random.below(3) {
            let at = places[random.below(places.len())];
            let at = (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            let length = text[at..].chars().next().map_or(0, char::len_utf8);
            let keep = random.below(2) == 0;
            text.replace_range(at..if keep { at } else { at + length }, pieces[random.below(pieces.len())]);
        }
        survives(&text);
    }
}

#[test]
fn soups_of_tokens() {
    let tokens = [
        "import",
        "export",
        "default",
        "from",
        "as",
        "*",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ",",
        ";",
        "'a'",
        "a",
        "b",
        "=",
        "=>",
        "async",
        "await",
        "function",
        "class",
        "extends",
        "static",
        "get",
        "#c",
        ".",
        "?.",
        "...",
        "`t${",
        "}`",
        "/",
        "1",
        "let",
        "const",
        "var",
        "for",
        "of",
        "in",
        "if",
        "else",
        "new",
        "yield",
        "super",
        "this",
        "meta",
        "with",
        "using",
        "defer",
        "source",
        "\n",
        ":",
        "?",
        "try",
        "catch",
        "import.meta",
        "\\u0061",
    ];
    let mut random = Random(0xdead_beef_cafe_f00d);
    for _ in 0..6000 {
        let length = 1 + random.below(14);
        let text: Vec<&str> = (0..length).map(|_| tokens[random.below(tokens.len())]).collect();
        survives(&text.join(" "));
    }
}

#[test]
fn deep_nesting_is_read() {
    let deep = [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("a(", "1", ")"),
        ("x={a:", "1", "}"),
        ("() => {", "", "}"),
        ("(function () {", "", "})"),
        ("{", "", "}"),
        ("`${", "1", "}`"),
        ("if (a) ", ";", ""),
        ("if (a) {} else ", ";", ""),
        ("while (a) ", ";", ""),
        ("do ", ";", " while (a);"),
        ("a ? ", "1", " : 1"),
        ("a ? 1 : ", "1", ""),
        ("a = ", "1", ""),
        ("a => ", "1", ""),
        ("!", "1", ""),
        ("typeof ", "1", ""),
        ("await ", "1", ""),
        ("new ", "A", ""),
        ("import(", "'x'", ")"),
        ("[a", "1", "]"),
        ("1 ** ", "1", ""),
        ("", "(class {})", ".a"),
    ];
    for (open, middle, close) in deep {
        let text = format!("x = 0;{}{middle}{}", open.repeat(3000), close.repeat(3000));
        let (_, errors) = analyze(&text);
        assert_eq!(errors.iter().find(|error| error.fatal), None, "{open}");
    }
}

#[test]
fn long_chains_are_read() {
    let chains = ["a + ", "a.", "a().", "a?.b.", "a`b`.", "a, ", "a; ", "a || ", "a\n", "a[0]().", "a == "];
    for chain in chains {
        let text = format!("import('x');{}a", chain.repeat(50_000));
        let (analysis, errors) = analyze(&text);
        assert_eq!(errors.iter().find(|error| error.fatal), None, "{chain}");
        assert_eq!(analysis.record.dynamic_imports.len(), 1);
        // After an error the tree is dropped from within the parser.
        assert!(parse(&format!("{text} + @")).1.iter().any(|error| error.fatal));
    }
}

#[test]
fn brackets_that_are_never_closed_are_an_error() {
    for open in ["(", "[", "{", "a(", "`${", "() => {", "x = {a:", "function f() {", "class A { a() {", "/(", "'"] {
        assert!(!parse(&open.repeat(3000)).1.is_empty(), "{open}");
        // More than any stack could hold.
        assert!(!parse(&open.repeat(1_000_000)).1.is_empty(), "{open}");
    }
}

#[test]
fn what_no_stack_could_hold_is_an_error() {
    let (_, errors) = parse(&format!("{}{}", "(".repeat(300_000), ")".repeat(300_000)));
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].message, "the code is nested too deeply");
    assert!(errors[0].fatal);
}

#[test]
fn threads_with_a_small_stack_suffice() {
    let text = format!("{}1{}", "(".repeat(1000), ")".repeat(1000));
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    thread.spawn(move || assert!(parse(&text).1.is_empty())).unwrap().join().unwrap();
}

/// A generator of pseudo-random numbers (xorshift64*), the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).map_or(0, |number| number % bound)
    }
}
