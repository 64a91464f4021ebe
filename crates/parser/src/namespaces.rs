//! Which exports a module reads from the namespaces that it imports: text in, names out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use swc_core::ecma::{
    ast::{
        CallExpr, Callee, Expr, Id, Ident, ImportDecl, ImportSpecifier, Lit, MemberExpr, MemberProp, Module,
        ModuleDecl, ModuleItem, NamedExport,
    },
    visit::{Visit, VisitWith, noop_visit_type},
};

use crate::{
    names::{Names, with_names},
    parse::unwrap_parens,
    syntax::ModuleSyntax,
};

/// The exports that a module reads from each namespace that it imports, by the namespace's name in this module. `None`
/// where the namespace itself is used, so that every export may be read: it is handed on, exported, or asked for a
/// computed name, or the module calls `eval`. A text with errors gives an empty map.
///
/// Names are resolved by scope.
///
/// ```
/// use presentry_parser::namespace_members;
///
/// let text = "import * as a from 'a'; import * as b from 'b'; a.x(a['y']); console.log(b);";
/// let members = namespace_members(text);
/// assert_eq!(members["a"].as_ref().unwrap().iter().collect::<Vec<_>>(), ["x", "y"]);
/// assert_eq!(members["b"], None);
/// ```
#[must_use]
pub fn namespace_members(text: &str) -> BTreeMap<String, Option<BTreeSet<String>>> {
    let (read, errors) = with_names(text, ModuleSyntax::JavaScript, |module, resolved| {
        let mut reader = Reader { members: namespaces(module), resolved };
        module.visit_with(&mut reader);
        (reader.members.into_iter().map(|((name, _), members)| (name.to_string(), members)).collect(), Vec::new())
    });
    read.filter(|_| errors.is_empty()).unwrap_or_default()
}

fn namespaces(module: &Module) -> HashMap<Id, Option<BTreeSet<String>>> {
    let imports = module.body.iter().filter_map(|item| match item {
        ModuleItem::ModuleDecl(ModuleDecl::Import(import)) => Some(&import.specifiers),
        _ => None,
    });
    let namespaces = imports.flatten().filter_map(|specifier| match specifier {
        ImportSpecifier::Namespace(namespace) => Some((namespace.local.to_id(), Some(BTreeSet::new()))),
        _ => None,
    });
    namespaces.collect()
}

struct Reader {
    members: HashMap<Id, Option<BTreeSet<String>>>,
    resolved: Names,
}

impl Visit for Reader {
    fn visit_member_expr(&mut self, member: &MemberExpr) {
        if let Expr::Ident(ident) = unwrap_parens(&member.obj)
            && let Some(members) = self.members.get_mut(&ident.to_id())
        {
            match property(&member.prop) {
                Some(name) => {
                    if let Some(members) = members {
                        members.insert(name);
                    }
                }
                None => *members = None,
            }
        } else {
            member.obj.visit_with(self);
        }
        // A computed name may read of a namespace in turn.
        member.prop.visit_with(self);
    }

    fn visit_ident(&mut self, ident: &Ident) {
        if let Some(members) = self.members.get_mut(&ident.to_id()) {
            *members = None;
        }
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        if let Callee::Expr(callee) = &call.callee
            && let Expr::Ident(ident) = &**callee
            && &*ident.sym == "eval"
            && self.resolved.is_global(ident)
        {
            self.members.values_mut().for_each(|members| *members = None);
        }
        call.visit_children_with(self);
    }

    fn visit_import_decl(&mut self, _: &ImportDecl) {}

    fn visit_named_export(&mut self, export: &NamedExport) {
        // `export { x } from "…"` names nothing of this module.
        if export.src.is_none() {
            export.visit_children_with(self);
        }
    }

    noop_visit_type!();
}

/// The name of a property that is read, where the text tells it.
fn property(property: &MemberProp) -> Option<String> {
    match property {
        MemberProp::Ident(name) => Some(name.sym.to_string()),
        MemberProp::Computed(computed) => match unwrap_parens(&computed.expr) {
            Expr::Lit(Lit::Str(name)) => name.value.as_str().map(str::to_owned),
            Expr::Tpl(template) => match (&*template.exprs, &*template.quasis) {
                ([], [only]) => only.cooked.as_ref().and_then(|text| text.as_str()).map(str::to_owned),
                _ => None,
            },
            _ => None,
        },
        MemberProp::PrivateName(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of the namespace `s`; `*` for everything.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let members = namespace_members(&format!("import * as s from '@sentry/node';\n{text}"));
        let shown = match &members["s"] {
            Some(names) => names.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
            None => "*".to_owned(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn members_that_the_text_names() {
        check("", "");
        check("s.init({});", "init");
        check("s?.init?.({ a: (s).b });", "b init");
        check("s['init'](s[`flush`], typeof s.c, s.d.e, new s.F(), s.g`x`);", "F c d flush g init");
        check("const f = () => { class A extends s.B { [s.c] = s.d } };", "B c d");
        check("export { s as default } from './other.mjs'; export * as x from './x.mjs'; s.a;", "a");
        check("const o = { s: 1, init() {} }; o.s; o.init(); s: for (;;) break s;", "");
    }

    #[test]
    fn a_name_that_hides_the_namespace() {
        check("function f(s) { return s; } { let s = 1; use(s); } s.init();", "init");
        check("const f = (x, { s }) => s[x]; s.init(function s() { return s; });", "init");
        check("try {} catch (s) { log(s); } var g = class s { static x = s; };", "");
    }

    #[test]
    fn everything_where_the_namespace_is_used_itself() {
        for text in [
            "use(s);",
            "const t = s;",
            "export { s };",
            "export { s as sentry };",
            "export default s;",
            "const o = { s };",
            "const o = { ...s };",
            "const { init } = s;",
            "s[name]();",
            "s[`a${b}`];",
            "for (const key in s) use(key);",
            "'init' in s;",
            "eval(code);",
            "function f() { return eval(code); }",
            "tag`${s}`;",
            "s.init(s);",
            "import(s);",
        ] {
            check(text, "*");
        }
        // Code of `(0, eval)` sees the names of the global scope alone.
        check("o.eval(code); (0, eval)(code); s.init();", "init");
    }

    /// The passes of the library go through the whole tree.
    #[test]
    fn no_text_panics() {
        let sample = "\u{feff}import * as s from 'ä'; export { s as 't u' }; class A extends s.B { #c = s?.[`d${s}`]; static { s.e } }
            const { f = s.g, ...h } = (i, [j]) => { for await (const k of s) { try { l: ++k } catch { eval(s) } } };";
        for (at, _) in sample.char_indices() {
            let _ = (namespace_members(&sample[..at]), namespace_members(&sample[at..]));
        }
        for (open, close) in
            [("(", ")"), ("[", "]"), ("() => {", "}"), ("`${", "}`"), ("a ? ", ": 1"), ("!", ""), ("s.a(", ")")]
        {
            let text = format!("import * as s from 's'; x = 0;{}1{}", open.repeat(1500), close.repeat(1500));
            assert_eq!(namespace_members(&text).len(), 1, "{open}");
        }
    }

    #[test]
    fn several_namespaces_and_none() {
        let members = namespace_members("import * as a from 'x'; import b, * as c from 'x'; a[c.d](b);");
        assert_eq!(members["a"], None);
        assert_eq!(members["c"], Some(BTreeSet::from(["d".to_owned()])));
        assert_eq!(members.len(), 2);
        assert!(namespace_members("import * as a from 'x'; a.").is_empty());
        assert!(namespace_members("import a from 'x'; a.b;").is_empty());
    }
}
