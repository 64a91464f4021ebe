//! Syntax errors: which are found, which are fatal, and where they are.

use expect_test::expect;

use super::check;

#[test]
fn fatal() {
    check(
        "'名",
        expect![[r#"
            fatal 1:1 unterminated string constant `'名`
        "#]],
    );
    check(
        "import {",
        expect![[r#"
            fatal 1:9 unexpected token `<eof>`, expected identifier or string ``
        "#]],
    );
    check(
        "const a = ;\nimport 'b'",
        expect![[r#"
            fatal 1:11 expression expected `;`
        "#]],
    );
    check(
        "import 'a';\n\n  foo(]",
        expect![[r#"
            fatal 3:7 expression expected `]`
        "#]],
    );
    check(
        "'unterminated",
        expect![[r#"
            fatal 1:1 unterminated string constant `'unterminated`
        "#]],
    );
    check(
        "`unterminated",
        expect![[r#"
            fatal 1:1 unterminated template ``unterminated`
        "#]],
    );
    check(
        "/* unterminated",
        expect![[r#"
            fatal 1:16 unterminated block comment ``
        "#]],
    );
    check(
        "/unterminated",
        expect![[r#"
            fatal 1:1 unterminated regexp literal `/unterminated`
        "#]],
    );
    check(
        "\u{feff}const 名 = 𝒳 𝒴",
        expect![[r#"
            byte order mark
            error 1:14 expected a semicolon `𝒴`
        "#]],
    );
    check(
        "\u{feff}#!x\r\n}",
        expect![[r#"
            byte order mark
            fatal 2:1 expression expected `}`
        "#]],
    );
    check(
        "export default const a = 1",
        expect![[r#"
            fatal 1:16 expression expected `const`
        "#]],
    );
    check(
        "import { a } from b",
        expect![[r#"
            fatal 1:19 unexpected token `ident`, expected a string literal `b`
        "#]],
    );
    check(
        "import { if } from 'a'",
        expect![[r#"
            fatal 1:10 cannot import as reserved word `if`
        "#]],
    );
    check(
        "if (a) import 'b'",
        expect![[r#"
            fatal 1:8 `import`, and `export` cannot be used outside of module code `import`
        "#]],
    );
    check(
        "function f() { export {} }",
        expect![[r#"
            fatal 1:16 `import`, and `export` cannot be used outside of module code `export`
        "#]],
    );
    check(
        "<div/>",
        expect![[r#"
            error 1:1 expression expected `<`
            fatal 1:6 expression expected `>`
        "#]],
    );
    check(
        "const a: string = 1",
        expect![[r#"
            error 1:7 `const` declarations must be initialized `a`
            error 1:8 expected a semicolon `:`
        "#]],
    );
    check(
        "import()",
        expect![[r#"
            fatal 1:1 `import()` requires exactly one or two arguments `import()`
        "#]],
    );
    check(
        "import.other",
        expect![[r#"
            fatal 1:13 unexpected token `<eof>`, expected meta ``
        "#]],
    );
    check(
        "@dec class C {}",
        expect![[r#"
            fatal 1:1 expression expected `@`
        "#]],
    );
}

#[test]
fn recovered_by_the_parser() {
    check(
        "with (a) {}\nimport 'b'",
        expect![[r#"
            request 0 Bare "b" `'b'` `import 'b'`
            error 1:1 with statement are not allowed in strict mode `with`
        "#]],
    );
    check(
        "let a; delete a",
        expect![[r#"
            error 1:15 `delete` cannot be called on an identifier in strict mode `a`
        "#]],
    );
    check(
        "x = 010",
        expect![[r#"
            error 1:5 legacy octal escape is not permitted in strict mode `010`
        "#]],
    );
    check(
        "return",
        expect![[r#"
            error 1:1 return statement is not allowed here `return`
        "#]],
    );
    check(
        "const a",
        expect![[r#"
            error 1:7 `const` declarations must be initialized `a`
        "#]],
    );
    check(
        "new.target",
        expect![[r#"
            error 1:1 `new.target` is only allowed in the body of a function declaration, function expression, or class `new.target`
        "#]],
    );
    check(
        "let yield, await",
        expect![[r#"
            error 1:5 `yield` cannot be used as an identifier in strict mode `yield`
            fatal 1:12 `await` cannot be used as an identifier in an async context `await`
        "#]],
    );
    check(
        "break; continue; label: label: ;",
        expect![[r#"
            error 1:1 a `break` statement can only be used within an enclosing iteration or switch statement `break;`
            error 1:8 a `continue` statement can only jump to a label of an enclosing iteration statement `continue;`
            error 1:25 label label is already declared `label`
        "#]],
    );
}

#[test]
fn names_declared_twice() {
    check(
        "let a; let a",
        expect![[r#"
            error 1:12 `a` is declared twice `a`
        "#]],
    );
    check(
        "import { a } from 'x'; const a = 1",
        expect![[r#"
            request 0 Import "x" `'x'` `import { a } from 'x';`
            import 0.a(`a`) as a `a`
            error 1:30 `a` is declared twice `a`
        "#]],
    );
    check(
        "import { a } from 'x'; import a from 'y'",
        expect![[r#"
            request 0 Import "x" `'x'` `import { a } from 'x';`
            request 1 Import "y" `'y'` `import a from 'y'`
            import 0.a(`a`) as a `a`
            import 1.default(`a`) as a `a`
            error 1:31 `a` is declared twice `a`
        "#]],
    );
    check(
        "var a; function a() {}",
        expect![[r#"
            error 1:17 `a` is declared twice `a`
        "#]],
    );
    check(
        "let a; { var a }",
        expect![[r#"
            error 1:14 `a` is declared twice `a`
        "#]],
    );
    check(
        "class a {} export function a() {}",
        expect![[r#"
            local export a of a `a` `export function a() {}`
            error 1:28 `a` is declared twice `a`
        "#]],
    );
    check(
        "export default function a() {} let a",
        expect![[r#"
            local export default of a `default` `export default function a() {}`
            error 1:36 `a` is declared twice `a`
        "#]],
    );
    check(
        "export { f }; function f() {} function f() {}",
        expect![[r#"
            local export f of f `f` `f`
            error 1:40 `f` is declared twice `f`
        "#]],
    );
}

#[test]
fn names_declared_once() {
    check("var a; var a; { let a; } function f(a) { var a }", expect![[""]]);
    check("class C { static { var a; } } let a", expect![[""]]);
    check("let a; (function () { var a })(); { function a() {} }", expect![[""]]);
}

#[test]
fn exports_of_nothing() {
    check(
        "export { nope }",
        expect![[r#"
            local export nope of nope `nope` `nope`
            error 1:10 `nope` is exported but not declared `nope`
        "#]],
    );
    check(
        "export { nope as default, a }; { let a } function f() { var a }",
        expect![[r#"
            local export default of nope `default` `nope as default`
            local export a of a `a` `a`
            error 1:10 `nope` is exported but not declared `nope as default`
            error 1:27 `a` is exported but not declared `a`
        "#]],
    );
    check(
        "export { undefined, process }",
        expect![[r#"
            local export undefined of undefined `undefined` `undefined`
            local export process of process `process` `process`
            error 1:10 `undefined` is exported but not declared `undefined`
            error 1:21 `process` is exported but not declared `process`
        "#]],
    );
    check(
        "export { 'a' }",
        expect![[r#"
            local export a of a `'a'` `'a'`
            error 1:10 a string literal cannot be used as an exported binding without `from` `'a'`
        "#]],
    );
    check(
        "const a = 1; export { 'a' as b }",
        expect![[r#"
            local export b of a `b` `'a' as b`
            error 1:23 a string literal cannot be used as an exported binding without `from` `'a'`
        "#]],
    );
    check(
        "export { if }",
        expect![[r#"
            local export if of if `if` `if`
            error 1:10 `if` cannot be used without `from` clause `if`
            error 1:10 `if` is exported but not declared `if`
        "#]],
    );
}

#[test]
fn exports_of_one_name() {
    check(
        "export const a = 1; export { a }",
        expect![[r#"
            local export a of a `a` `export const a = 1;`
            local export a of a `a` `a`
            error 1:30 `a` is exported twice `a`
        "#]],
    );
    check(
        "export default 1; export default 2",
        expect![[r#"
            local export default of *default* `default` `export default 1;`
            local export default of *default* `default` `export default 2`
            error 1:26 `default` is exported twice `default`
        "#]],
    );
    check(
        "const a = 1; export { a as default }; export default a",
        expect![[r#"
            local export default of a `default` `a as default`
            local export default of *default* `default` `export default a`
            error 1:46 `default` is exported twice `default`
        "#]],
    );
    check(
        "export * as a from 'x'; export { a } from 'y'; export { b as 'a' } from 'z'",
        expect![[r#"
            request 0 ExportStarAs "x" `'x'` `export * as a from 'x';`
            request 1 ExportNamed "y" `'y'` `export { a } from 'y';`
            request 2 ExportNamed "z" `'z'` `export { b as 'a' } from 'z'`
            indirect export a of 0.* `a` `* as a`
            indirect export a of 1.a(`a`) `a` `a`
            indirect export a of 2.b(`b`) `'a'` `b as 'a'`
            error 1:34 `a` is exported twice `a`
            error 1:62 `a` is exported twice `'a'`
        "#]],
    );
    check(
        "export * from 'x'; export * from 'x'",
        expect![[r#"
            request 0 ExportStar "x" `'x'` `export * from 'x';`
            request 1 ExportStar "x" `'x'` `export * from 'x'`
            star export of 0
            star export of 1
        "#]],
    );
    check(
        "export { a as '\\u0061', a }; var a",
        expect![[r#"
            local export a of a `'\u0061'` `a as '\u0061'`
            local export a of a `a` `a`
            error 1:25 `a` is exported twice `a`
        "#]],
    );
}

#[test]
fn lone_surrogates() {
    check(
        r"import { '\uD800' as a } from 'x'",
        expect![[r#"
            request 0 Import "x" `'x'` `import { '\uD800' as a } from 'x'`
            import 0.�(`'\uD800'`) as a `'\uD800' as a`
            error 1:10 the name '\uD800' is not well-formed Unicode `'\uD800'`
        "#]],
    );
    check(
        r"const a = 1; export { a as '\uDC00x' }; export * as '\ud83d' from 'y'",
        expect![[r#"
            request 0 ExportStarAs "y" `'y'` `export * as '\ud83d' from 'y'`
            local export �x of a `'\uDC00x'` `a as '\uDC00x'`
            indirect export � of 0.* `'\ud83d'` `* as '\ud83d'`
            error 1:28 the name '\uDC00x' is not well-formed Unicode `'\uDC00x'`
            error 1:53 the name '\ud83d' is not well-formed Unicode `'\ud83d'`
        "#]],
    );
    // In pairs they are fine, and a specifier may be anything.
    check(
        r"import { '\uD83D\uDE00' as a } from '\uD800'",
        expect![[r#"
            request 0 Import "�" `'\uD800'` `import { '\uD83D\uDE00' as a } from '\uD800'`
            import 0.😀(`'\uD83D\uDE00'`) as a `'\uD83D\uDE00' as a`
        "#]],
    );
}

#[test]
fn import_attributes() {
    check(
        "import 'a' with { type: 'json', type: 'css' }",
        expect![[r#"
            request 0 Bare "a" {"type": "json"} {"type": "css"} `'a'` `import 'a' with { type: 'json', type: 'css' }`
            error 1:33 the import attribute `type` is given twice `type: 'css'`
        "#]],
    );
    check(
        "import 'a' with { type: 1 }",
        expect![[r#"
            request 0 Bare "a" `'a'` `import 'a' with { type: 1 }`
            error 1:19 the value of an import attribute is a string `type: 1`
        "#]],
    );
}
