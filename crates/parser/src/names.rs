//! Which declaration a name means: the library's resolver marks the names of a module by their scopes. Nothing is read here.

use swc_core::{
    common::{GLOBALS, Globals, Mark, SyntaxContext},
    ecma::{
        ast::{Ident, Module},
        transforms::base::resolver,
        visit::VisitMutWith as _,
    },
};

use crate::{
    error::SyntaxError,
    syntax::{ModuleSyntax, PASSES, with_owned_module},
};

/// The marks of a module. Two names that mean the same declaration have the same [`Id`](swc_core::ecma::ast::Id).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    module: SyntaxContext,
    global: SyntaxContext,
}

impl Names {
    /// Whether a name means an import or a declaration of the module itself, not one of a function or block.
    pub(crate) fn is_of_module(&self, name: &Ident) -> bool {
        name.ctxt == self.module
    }

    /// Whether a name means nothing that the module imports or declares.
    pub(crate) fn is_global(&self, name: &Ident) -> bool {
        name.ctxt == self.global
    }
}

/// Parses `text` as an ES module and hands the tree to `read`, its names marked. `None` when an error was fatal.
pub(crate) fn with_names<T>(
    text: &str,
    syntax: ModuleSyntax,
    read: impl FnOnce(&Module, Names) -> (T, Vec<SyntaxError>),
) -> (Option<T>, Vec<SyntaxError>) {
    let has_types = matches!(syntax, ModuleSyntax::TypeScript { .. });
    let marked = |mut module: Module| {
        let (global, top_level) = (Mark::new(), Mark::new());
        module.visit_mut_with(&mut resolver(global, top_level, has_types));
        let context = |mark| SyntaxContext::empty().apply_mark(mark);
        read(&module, Names { module: context(top_level), global: context(global) })
    };
    GLOBALS.set(&Globals::new(), || with_owned_module(text, syntax, PASSES, marked))
}
