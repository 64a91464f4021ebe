//! What only looks like an import, an export or an annotation, and what surrounds a module's code.

use expect_test::expect;

use super::check;

#[test]
fn not_imports() {
    check("// import 'a'\n/* export * from 'b' */ /** import('c') */", expect![[""]]);
    check("`import 'a'; ${b} export * from 'c'`; 'import(\"d\")'; \"export { e } from 'f'\"", expect![[""]]);
    check("/import 'a'/.test(b); x = /[/]import('c')/g; a / b / g", expect![""]);
    check(
        "x.import('a'); x.export; ({ import: 1, export: 2, import() {} }); class C { import() {} static export = 1 }",
        expect![[""]],
    );
    check(
        "`${`${import('a')}`}`",
        expect![[r#"
            dynamic import "a" `'a'` top-level `import('a')`
        "#]],
    );
    check(
        "<!-- import 'a'",
        expect![[r#"
            error 1:1 legacy comments cannot be used in module code `<!-- import 'a'`
        "#]],
    );
}

#[test]
fn around_the_code() {
    check(
        "\u{feff}import 'a'",
        expect![[r#"
            byte order mark
            request 0 Bare "a" `'a'` `import 'a'`
        "#]],
    );
    check(
        "#!/usr/bin/env node\nimport 'a'",
        expect![[r#"
            hashbang `#!/usr/bin/env node`
            request 0 Bare "a" `'a'` `import 'a'`
        "#]],
    );
    check(
        "\u{feff}#!/usr/bin/env node ファイル\r\nimport 'a';\r\nexport {};\r\n",
        expect![[r#"
            byte order mark
            hashbang `#!/usr/bin/env node ファイル`
            request 0 Bare "a" `'a'` `import 'a';`
        "#]],
    );
    check(
        "#!only",
        expect![[r#"
            hashbang `#!only`
        "#]],
    );
    check("", expect![[""]]);
    check(
        "\u{feff}",
        expect![[r#"
            byte order mark
        "#]],
    );
    check(
        "\n#!late",
        expect![[r#"
            fatal 2:2 expected ident `!`
        "#]],
    );
    check(
        "#!line\u{2028}import 'a'",
        expect![[r#"
            hashbang `#!line`
            request 0 Bare "a" `'a'` `import 'a'`
        "#]],
    );
}

#[test]
fn spans_after_characters_of_every_length() {
    check(
        "'ä'; '名'; '𝒳'; '\u{1f468}\u{200d}\u{1f469}'; import 'a'; import('b')",
        expect![[r#"
            directive ä `'ä';`
            directive 名 `'名';`
            directive 𝒳 `'𝒳';`
            directive 👨‍👩 `'👨‍👩';`
            request 0 Bare "a" `'a'` `import 'a';`
            dynamic import "b" `'b'` top-level `import('b')`
        "#]],
    );
    check(
        "\u{feff}/* 𝒳 */ import { ä as 名 } from '𝒳'; export { 名 as '\u{feff}' }",
        expect![[r#"
            byte order mark
            request 0 Import "𝒳" `'𝒳'` `import { ä as 名 } from '𝒳';`
            import 0.ä(`ä`) as 名 `ä as 名`
            indirect export ﻿ of 0.ä(`ä`) `'<BOM>'` `名 as '<BOM>'`
        "#]],
    );
    check(
        "import 'a'\u{2028}import 'b'\u{2029}import 'c'\rimport 'd'",
        expect![[r#"
            request 0 Bare "a" `'a'` `import 'a'`
            request 1 Bare "b" `'b'` `import 'b'`
            request 2 Bare "c" `'c'` `import 'c'`
            request 3 Bare "d" `'d'` `import 'd'`
        "#]],
    );
}

#[test]
fn directives() {
    check(
        "'use strict'; \"use client\"\n'a\\'b'; import 'a'; 'not one'",
        expect![[r#"
            directive use strict `'use strict';`
            directive use client `"use client"`
            directive a\'b `'a\'b';`
            request 0 Bare "a" `'a'` `import 'a';`
        "#]],
    );
    check("('use strict'); 'later'", expect![[""]]);
    check("'use strict' + 1", expect![[""]]);
    check(
        "#!x\n// comment\n\"use strict\";export {}",
        expect![[r#"
            hashbang `#!x`
            directive use strict `"use strict";`
        "#]],
    );
}

#[test]
fn annotations() {
    check(
        "a;\n//# sourceMappingURL=a.mjs.map",
        expect![[r#"
            source map a.mjs.map `//# sourceMappingURL=a.mjs.map`
        "#]],
    );
    check(
        "a;\n//@ sourceMappingURL=a.mjs.map\r\n",
        expect![[r#"
            source map a.mjs.map `//@ sourceMappingURL=a.mjs.map`
        "#]],
    );
    check(
        "a; /*# sourceMappingURL=a.mjs.map */ b",
        expect![[r#"
            source map a.mjs.map `/*# sourceMappingURL=a.mjs.map */`
        "#]],
    );
    check(
        "//# sourceMappingURL=first\n//# sourceMappingURL=second\n",
        expect![[r#"
            source map second `//# sourceMappingURL=second`
        "#]],
    );
    check(
        "//# sourceMappingURL=a\n//# debugId=85314830-023f-4cf1-a267-535f4e37bb17",
        expect![[r#"
            source map a `//# sourceMappingURL=a`
            debug id 85314830-023f-4cf1-a267-535f4e37bb17 `//# debugId=85314830-023f-4cf1-a267-535f4e37bb17`
        "#]],
    );
    check(
        "//#sourceMappingURL=data:application/json;base64,e30=",
        expect![[r#"
            source map data:application/json;base64,e30= `//#sourceMappingURL=data:application/json;base64,e30=`
        "#]],
    );
    check(
        "#! //# sourceMappingURL=a",
        expect![[r#"
            hashbang `#! //# sourceMappingURL=a`
        "#]],
    );
    check(
        "\u{feff}//# debugId=1",
        expect![[r#"
            byte order mark
            debug id 1 `//# debugId=1`
        "#]],
    );
    check(
        "import 'a' with { type: 'b' }//# sourceMappingURL=c\n;({ '//': 1 })",
        expect![[r#"
            request 0 Bare "a" {"type": "b"} `'a'` `import 'a' with { type: 'b' }//# sourceMappingURL=c\n;`
            source map c `//# sourceMappingURL=c`
        "#]],
    );
}

#[test]
fn not_annotations() {
    check(
        "'//# sourceMappingURL=a'; \"//# debugId=a\"; `\n//# sourceMappingURL=a\n${b}\n//# debugId=c\n`",
        expect![[r#"
            directive //# sourceMappingURL=a `'//# sourceMappingURL=a';`
            directive //# debugId=a `"//# debugId=a";`
        "#]],
    );
    check("/[//# sourceMappingURL=a]/; ", expect![[""]]);
    check(
        "// sourceMappingURL=a\n//# sourceMappingURL\n//# sourceMappingURL=\n//# sourceMappingURL=a b\n",
        expect![[""]],
    );
    check("/* //# sourceMappingURL=a */ // //# sourceMappingURL=b", expect![[""]]);
    check(
        "//# otherSourceMappingURL=a\n/*#\nsourceMappingURL=b*/",
        expect![[r#"
            source map b `/*#\nsourceMappingURL=b*/`
        "#]],
    );
    check("`${'`'}//# sourceMappingURL=a`", expect![[""]]);
    check(
        "'\\\n//# sourceMappingURL=a'",
        expect![[r#"
            directive \
            //# sourceMappingURL=a `'\\n//# sourceMappingURL=a'`
        "#]],
    );
    check(
        "import { '//# debugId=1' as a } from '//# debugId=2'; export { a as '//# debugId=3' }",
        expect![[r#"
            request 0 Import "//# debugId=2" `'//# debugId=2'` `import { '//# debugId=1' as a } from '//# debugId=2';`
            import 0.//# debugId=1(`'//# debugId=1'`) as a `'//# debugId=1' as a`
            indirect export //# debugId=3 of 0.//# debugId=1(`'//# debugId=1'`) `'//# debugId=3'` `a as '//# debugId=3'`
        "#]],
    );
    check("x = { '//# debugId=1': 2, '//# debugId=3'() {} }; class C { '//# debugId=4' = 5 }", expect![[""]]);
}

#[test]
fn division_and_regular_expressions_before_an_annotation() {
    check(
        "a / b /* c */ / d //# debugId=1",
        expect![[r#"
            debug id 1 `//# debugId=1`
        "#]],
    );
    check(
        "/'/ //# debugId=1",
        expect![[r#"
            debug id 1 `//# debugId=1`
        "#]],
    );
    check(
        "a = b\n/c/g //# debugId=1",
        expect![[r#"
            debug id 1 `//# debugId=1`
        "#]],
    );
    check(
        "/*/ //# debugId=1 /*/ //# debugId=2",
        expect![[r#"
            debug id 2 `//# debugId=2`
        "#]],
    );
}
