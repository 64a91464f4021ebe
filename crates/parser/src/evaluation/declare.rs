//! Which names a declaration makes. No steps here.

use swc_core::ecma::ast::{Decl, Ident, VarDeclKind};

use crate::parse::bound_names;

/// The names of a declaration, each with whether it holds `undefined` before the declaration is reached.
pub(super) fn names(decl: &Decl) -> Vec<(&Ident, bool)> {
    let mut names = Vec::new();
    match decl {
        Decl::Class(class) => names.push((&class.ident, false)),
        Decl::Fn(function) => names.push((&function.ident, false)),
        Decl::Var(var) => {
            let hoisted = var.kind == VarDeclKind::Var;
            for declarator in &var.decls {
                bound_names(&declarator.name, &mut |name| names.push((name, hoisted)));
            }
        }
        Decl::Using(using) => {
            for declarator in &using.decls {
                bound_names(&declarator.name, &mut |name| names.push((name, false)));
            }
        }
        Decl::TsInterface(_) | Decl::TsTypeAlias(_) | Decl::TsEnum(_) | Decl::TsModule(_) => {}
    }
    names
}
