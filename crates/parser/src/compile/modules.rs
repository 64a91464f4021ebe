//! The specifiers of a module that is compiled: each is shown to the caller, who may give another. Resolves nothing.

use swc_core::ecma::{
    ast::{CallExpr, Callee, ExportAll, Expr, ImportDecl, Lit, Module, NamedExport, Str, Tpl},
    visit::{VisitMut, VisitMutWith},
};

use crate::{record::Span, syntax};

/// How a module is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UseKind {
    /// `import … from`, `export … from`
    Static,
    /// `import("…")` with a literal
    Dynamic,
    /// `require("…")` with a literal
    Require,
}

/// One specifier of the module that is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleUse<'a> {
    /// The specifier, escapes resolved.
    pub specifier: &'a str,
    /// How it is requested.
    pub kind: UseKind,
    /// The literal in the given text.
    pub span: Span,
}

pub(super) type Rewrite<'r> = &'r mut dyn FnMut(&ModuleUse<'_>) -> Option<String>;

/// Shows every specifier to `rewrite`. Import attributes go with a specifier that is replaced: whatever the module was,
/// a script is meant now. `before` is what spans have to be moved by.
pub(super) fn rewrite(module: &mut Module, rewrite: Rewrite<'_>, before: usize) {
    module.visit_mut_with(&mut Rewriter { rewrite, before });
}

struct Rewriter<'r> {
    rewrite: Rewrite<'r>,
    before: usize,
}

impl Rewriter<'_> {
    /// Whether it was replaced.
    fn specifier(&mut self, literal: &mut Str, kind: UseKind) -> bool {
        match asked(self.rewrite, literal, kind, self.before) {
            Some(other) => {
                *literal = Str { span: literal.span, value: other.into(), raw: None };
                true
            }
            None => false,
        }
    }
}

/// What the caller makes of a specifier.
pub(super) fn asked(rewrite: Rewrite<'_>, literal: &Str, kind: UseKind, before: usize) -> Option<String> {
    let span = syntax::span(literal.span);
    let span = Span { start: span.start + before, end: span.end + before };
    let specifier = literal.value.to_string_lossy();
    rewrite(&ModuleUse { specifier: &specifier, kind, span })
}

impl VisitMut for Rewriter<'_> {
    fn visit_mut_import_decl(&mut self, import: &mut ImportDecl) {
        if self.specifier(&mut import.src, UseKind::Static) {
            import.with = None;
        }
    }

    fn visit_mut_named_export(&mut self, export: &mut NamedExport) {
        if let Some(source) = &mut export.src
            && self.specifier(source, UseKind::Static)
        {
            export.with = None;
        }
    }

    fn visit_mut_export_all(&mut self, export: &mut ExportAll) {
        if self.specifier(&mut export.src, UseKind::Static) {
            export.with = None;
        }
    }

    fn visit_mut_call_expr(&mut self, call: &mut CallExpr) {
        call.visit_mut_children_with(self);
        let (Callee::Import(_), Some(argument)) = (&call.callee, call.args.first_mut()) else { return };
        if let Expr::Tpl(template) = &*argument.expr
            && let Some(literal) = without_parts(template)
        {
            *argument.expr = Expr::Lit(Lit::Str(literal));
        }
        if let Expr::Lit(Lit::Str(literal)) = &mut *argument.expr
            && self.specifier(literal, UseKind::Dynamic)
        {
            call.args.truncate(1);
        }
    }
}

/// A template without substitutions as a string.
fn without_parts(template: &Tpl) -> Option<Str> {
    match (template.exprs.is_empty(), template.quasis.as_slice()) {
        (true, [only]) => Some(Str { span: template.span, value: only.cooked.clone()?, raw: None }),
        _ => None,
    }
}
