//! The functions that a bundler puts around CommonJS modules: text in, places out.

use swc_core::{
    common::Spanned,
    ecma::ast::{Callee, Decl, Expr, Module, ModuleItem, Prop, PropName, PropOrSpread, Stmt},
};

use crate::{
    record::Span,
    syntax::{span, with_module},
};

/// What esbuild calls the function that such a module is given to.
const MAKER: &str = "__commonJS";

/// The methods that esbuild puts around CommonJS modules, from the parenthesis that opens the parameters to the end of the
/// body, in source order; none in a text with errors. The key stands right before each.
///
/// ```
/// let text = "var require_a = __commonJS({ 'a.js'(exports, module) { module.exports = 1; } });";
/// let found = presentry_parser::commonjs_wrappers(text);
/// assert_eq!(found[0].of(text), "(exports, module) { module.exports = 1; }");
/// ```
#[must_use]
pub fn commonjs_wrappers(text: &str) -> Vec<Span> {
    let (found, errors) = with_module(text, |module| (wrappers(module), Vec::new()));
    if errors.is_empty() { found.unwrap_or_default() } else { Vec::new() }
}

fn wrappers(module: &Module) -> Vec<Span> {
    let declarations = module.body.iter().filter_map(|item| match item {
        ModuleItem::Stmt(Stmt::Decl(Decl::Var(declaration))) => Some(&declaration.decls),
        _ => None,
    });
    declarations.flatten().filter_map(|declarator| wrapper(declarator.init.as_deref()?)).collect()
}

/// `__commonJS({ "key"(exports, module) { … } })`
fn wrapper(value: &Expr) -> Option<Span> {
    let Expr::Call(call) = value else { return None };
    let Callee::Expr(callee) = &call.callee else { return None };
    let is_maker = matches!(&**callee, Expr::Ident(ident) if ident.sym.starts_with(MAKER));
    let [argument] = &*call.args else { return None };
    let Expr::Object(object) = &*argument.expr else { return None };
    let [PropOrSpread::Prop(property)] = &*object.props else { return None };
    let Prop::Method(method) = &**property else { return None };
    let PropName::Str(key) = &method.key else { return None };
    let plain = !method.function.is_async && !method.function.is_generator;
    let (start, end) = (span(key.span).end, span(property.span()).end);
    (is_maker && plain && argument.spread.is_none()).then_some(Span { start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        commonjs_wrappers(text).into_iter().map(|wrapper| wrapper.of(text)).collect()
    }

    #[test]
    fn each_module_of_a_bundle() {
        let text = "var require_a = __commonJS({\n  \"a.js\"(exports) {\n    exports.a = `\n  }\n});`;\n  }\n}), require_b = __commonJS2({ 'b.js'() {} });\nvar x = 1;\n";
        assert_eq!(found(text), ["(exports) {\n    exports.a = `\n  }\n});`;\n  }", "() {}"]);
    }

    #[test]
    fn nothing_else() {
        for text in [
            "var a = __esm({ 'a.js'() {} });",
            "var a = __commonJS({ 'a.js': (exports) => {} });",
            "var a = __commonJS({ 'a.js': (function(exports) {}) });",
            "var a = __commonJS({ async 'a.js'() {} });",
            "var a = __commonJS({ *'a.js'() {} });",
            "var a = __commonJS({ get 'a.js'() { return 1; } });",
            "var a = __commonJS({ a() {} });",
            "var a = __commonJS({ 'a.js'() {}, 'b.js'() {} });",
            "var a = __commonJS(...[{ 'a.js'() {} }]);",
            "var a = b.__commonJS({ 'a.js'() {} });",
            "function f() { var a = __commonJS({ 'a.js'() {} }); }",
            "var a = __commonJS({ 'a.js'() {} }); var a b;",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
