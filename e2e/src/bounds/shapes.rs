//! The shapes of text that are tried, each as long as is wanted; where a text is put is not known here.

/// A shape of text: `before`, then `piece` as often as the length allows, `middle`, `close` as often, and `after`.
/// `$N` in a piece is its number, `$P` the number before it, and `$L` in `after` the last one.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// What the table calls it.
    pub name: &'static str,
    /// Whether it needs the syntax of types, so that it can be a source alone.
    pub typed: bool,
    before: &'static str,
    piece: &'static str,
    middle: &'static str,
    close: &'static str,
    after: &'static str,
}

/// The names that all shapes use.
const NAMES: &str = "const a = 1, b = () => a, o = { p: 1 };\n";

impl Shape {
    /// The text of about `size` bytes, and never longer.
    pub fn text(&self, size: usize) -> String {
        let mut text = String::with_capacity(size);
        text.push_str(NAMES);
        text.push_str(self.before);
        // The last number is as long as any.
        let digits = size.to_string().len();
        let rest = self.middle.len() + self.after.len() + digits;
        let (mut number, mut open) = (0, 0);
        loop {
            number += 1;
            let piece = numbered(self.piece, number);
            if text.len() + piece.len() + (open + 1) * self.close.len() + rest > size && open > 0 {
                break;
            }
            text.push_str(&piece);
            open += 1;
        }
        text.push_str(self.middle);
        text.push_str(&self.close.repeat(open));
        text.push_str(&self.after.replace("$L", &open.to_string()));
        text.push('\n');
        text
    }
}

fn numbered(piece: &str, number: usize) -> String {
    match piece.contains('$') {
        true => piece.replace("$N", &number.to_string()).replace("$P", &(number - 1).to_string()),
        false => piece.to_owned(),
    }
}

const fn nest(
    name: &'static str,
    before: &'static str,
    piece: &'static str,
    middle: &'static str,
    close: &'static str,
) -> Shape {
    Shape { name, typed: false, before, piece, middle, close, after: ";" }
}

const fn repeat(name: &'static str, before: &'static str, piece: &'static str, after: &'static str) -> Shape {
    Shape { name, typed: false, before, piece, middle: "", close: "", after }
}

const fn typed(shape: Shape) -> Shape {
    Shape { typed: true, ..shape }
}

/// All shapes.
pub const ALL: &[Shape] = &[
    // Statements.
    repeat("else if", "", "if (a === 2) b(); else ", "b();"),
    repeat("if in if", "", "if (a) ", "b();"),
    repeat("if after if", "", "if (a) b();\n", ""),
    repeat("labels", "", "l$N: ", "b();"),
    repeat("while in while", "", "while (a > 5) ", "b();"),
    repeat("for in for", "", "for (const k of []) ", "b();"),
    repeat("switch cases", "switch (a) {", " case $N: b();", "}"),
    nest("switch in switch", "", "switch (a) { case 1: ", "b();", "}"),
    nest("try in try", "", "try { ", "b();", " } catch {}"),
    nest("blocks", "", "{ ", "b();", " }"),
    repeat("var redeclared", "", "var v = 1;\n", ""),
    repeat("constants", "", "const c$N = a;\n", ""),
    repeat("patterns", "", "const { p: d$N } = o;\n", ""),
    repeat("assignments", "let z; ", "z = b();\n", ""),
    repeat("properties set", "", "o.p$N = b;\n", ""),
    repeat("minified", "", "var v=b(a),w=o.p||{};b(v,w);", ""),
    // Functions and classes.
    nest("functions", "", "function f() { ", "", " }"),
    nest("function expressions", "const x = ", "(function () { return ", "a", "; })"),
    nest("called at once", "const x = ", "(() => { return ", "a", "; })()"),
    repeat("arrows", "const x = ", "x => ", "x;"),
    nest("arrows with defaults", "const x = ", "(x = ", "a", ") => x"),
    nest("classes", "const x = ", "class { static y = ", "a", " }"),
    repeat("class extends class", "class C0 {}\n", "class C$N extends C$P {}\n", "new C$L();"),
    repeat("functions that call", "function f0() {}\n", "function f$N() { f$P(); }\n", "f$L();"),
    repeat("functions that call twice", "function f0() {}\n", "function f$N() { f$P(); f$P(); }\n", "f$L();"),
    repeat("arrows that are called", "const f0 = () => a;\n", "const f$N = () => f$P();\n", "f$L();"),
    repeat("calls of one function", "function f() { b(); b(); }\n", "f();\n", ""),
    // Expressions.
    repeat("assignment chain", "let z; ", "z = ", "1;"),
    nest("parentheses", "const x = ", "(", "a", ")"),
    nest("arrays", "const x = ", "[", "a", "]"),
    nest("objects", "const x = ", "{ a: ", "a", " }"),
    nest("spread", "const x = ", "[...", "[]", "]"),
    Shape { after: " = [] } = o;", ..nest("patterns in patterns", "const { p: ", "[", "q", " = []]") },
    repeat("ternaries", "const x = ", "a ? 1 : ", "2;"),
    nest("ternaries inside", "const x = ", "a ? ", "1", " : 2"),
    repeat("additions", "const x = a", " + a", ";"),
    repeat("powers", "const x = ", "a ** ", "a;"),
    repeat("conjunctions", "const x = a", " && a", ";"),
    repeat("alternatives", "const x = o.q", " ?? o.q", ";"),
    repeat("commas", "const x = (a", ", a", ");"),
    nest("calls inside", "const x = ", "b(", "a", ")"),
    repeat("calls of calls", "const x = () => b", "()", ";"),
    repeat("member chain", "const x = () => o", ".p", ";"),
    repeat("method chain", "const x = () => o", ".p()", ";"),
    repeat("optional chain", "const x = o", "?.p", ";"),
    repeat("await", "const x = ", "await ", "a;"),
    repeat("new", "const x = () => ", "new ", "b;"),
    repeat("not", "const x = ", "!", "a;"),
    repeat("typeof", "const x = ", "typeof ", "a;"),
    nest("templates", "const x = ", "`${", "a", "}`"),
    repeat("template parts", "const x = `", "${a} text ", "`;"),
    repeat("elements", "const x = [", "a, ", "];"),
    repeat("keys", "const x = { ", "k$N: a, ", "};"),
    // Requests and exports.
    repeat("imports", "", "import { a as i$N } from './bounds.mjs';\n", ""),
    repeat("imports of packages", "", "import 'package-$N';\n", ""),
    repeat("exports", "", "export const e$N = 1;\n", ""),
    repeat("re-exports", "", "export { a as r$N } from './bounds.mjs';\n", ""),
    repeat("star exports", "", "export * from './bounds.mjs';\n", ""),
    repeat("dynamic imports", "", "b(() => import('./bounds.mjs'));\n", ""),
    repeat("addresses", "", "b(new URL('./x', import.meta.url));\n", ""),
    // Literals and comments.
    repeat("a string", "const x = '", "text ", "';"),
    repeat("a string of escapes", "const x = '", "\\u0061", "';"),
    repeat("strings", "", "b('text');", ""),
    repeat("names in a string", "const x = \"", "'./index.mjs' ", "\";"),
    repeat("names in quotes", "const x = `", "'./index.mjs", "`;"),
    repeat("a comment", "/*", " text", " */"),
    repeat("words before comments", "const x = \"", "from /* ", "\";"),
    repeat("words before line comments", "const x = \"", "import // ", "\";"),
    repeat("words before spaces", "const x = `", "from\n\n\n\n\n\n\n\n", "`;"),
    repeat("line comments", "", "// text\n", ""),
    repeat("source map comments", "", "//# sourceMappingURL=index.mjs.map\n", ""),
    repeat("a regular expression", "const x = /", "a|", "a/;"),
    repeat("regular expressions", "", "b(/a[/]\\//);", ""),
    repeat("a number", "const x = 1", "1", ";"),
    repeat("a name", "const x", "x", " = a;"),
    repeat("empty lines", "", "\n", ""),
    // Types, which a source can have.
    typed(nest("generics", "type A<T> = T; type B = ", "A<", "string", ">")),
    typed(repeat("unions", "type B = string", " | 'a$N'", ";")),
    typed(repeat("casts", "const x = a", " as any", ";")),
    typed(nest("conditional types", "type B<T> = ", "T extends string ? ", "1", " : 2")),
    typed(nest("calls with types", "const c = <T>(x?: T) => x; const x = ", "c<any>(", "a", ")")),
    typed(nest("typed arrows in ternaries", "const x = ", "a ? (", "b", ") : b")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_long_as_was_asked_for_and_not_longer() {
        for shape in ALL {
            for size in [1000, 100_000] {
                let text = shape.text(size);
                assert!(text.len() <= size, "{}: {}", shape.name, text.len());
                assert!(text.len() > size - 200, "{}: {}", shape.name, text.len());
            }
        }
    }

    #[test]
    fn pieces_are_numbered_and_closed() {
        let of = |name: &str| ALL.iter().find(|shape| shape.name == name).unwrap().text(NAMES.len() + 60);
        assert!(of("parentheses").contains("(((a)))"));
        assert_eq!(of("parentheses").matches('(').count(), of("parentheses").matches(')').count());
        assert!(of("class extends class").contains("class C0 {}\nclass C1 extends C0 {}\nnew C1();"));
    }

    #[test]
    fn names_are_used_once() {
        let mut names: Vec<&str> = ALL.iter().map(|shape| shape.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
