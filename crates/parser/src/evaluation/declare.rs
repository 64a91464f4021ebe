//! Which names a declaration makes. No steps here.

use swc_core::ecma::ast::{Decl, Ident, VarDeclKind};

use crate::parse::bound_names;

/// How a name is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    /// It holds `undefined` before the declaration is reached: `var`, a parameter.
    Hoisted,
    /// `let`, a class, a function.
    Lexical,
    /// It cannot be assigned to: `const`, `using`, an import.
    Constant,
}

impl From<VarDeclKind> for Declared {
    fn from(kind: VarDeclKind) -> Self {
        match kind {
            VarDeclKind::Var => Self::Hoisted,
            VarDeclKind::Let => Self::Lexical,
            VarDeclKind::Const => Self::Constant,
        }
    }
}

/// The names of a declaration.
pub(super) fn names(decl: &Decl) -> Vec<(&Ident, Declared)> {
    let mut names = Vec::new();
    match decl {
        Decl::Class(class) => names.push((&class.ident, Declared::Lexical)),
        Decl::Fn(function) => names.push((&function.ident, Declared::Lexical)),
        Decl::Var(var) => {
            for declarator in &var.decls {
                bound_names(&declarator.name, &mut |name| names.push((name, var.kind.into())));
            }
        }
        Decl::Using(using) => {
            for declarator in &using.decls {
                bound_names(&declarator.name, &mut |name| names.push((name, Declared::Constant)));
            }
        }
        Decl::TsInterface(_) | Decl::TsTypeAlias(_) | Decl::TsEnum(_) | Decl::TsModule(_) => {}
    }
    names
}
