//! What is known of a module's bindings without running it, as plain data; no parsing.

use crate::record::{ModuleRecord, Span};

/// A module record together with what its top-level bindings hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleAnalysis {
    /// The module record, the same that [`crate::parse`] gives.
    pub record: ModuleRecord,
    /// The module's own top-level bindings, imports left out. An anonymous default export has the name `*default*`.
    pub bindings: Vec<Binding>,
    /// The calls of `import()` that the module always makes by a statement which waits for nothing and handles no error, in
    /// the module itself or in a function that it surely calls.
    pub floating_imports: Vec<Span>,
}

/// A top-level binding of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its name.
    pub name: String,
    /// Where the name is declared.
    pub span: Span,
    /// The value it is given where it is declared.
    pub value: Value,
    /// Whether the declaration is `let` or `var` without an initialiser, so that the value comes from a write.
    pub uninitialised: bool,
    /// The assignments to it after its declaration, `++` and destructuring included.
    pub writes: Vec<Write>,
    /// Where a property is put on the value through this name: `f.x = …`, `delete f.x`, and any call of
    /// `Object.assign`, `Object.defineProperty`, `Object.defineProperties` or `Object.setPrototypeOf` with it as the
    /// first argument.
    pub property_writes: Vec<Span>,
}

/// An assignment to a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The assignment expression.
    pub span: Span,
    /// The value, when it is a plain `name = value`.
    pub value: Value,
    /// Whether it stands in a function, so that it can run after the module was evaluated.
    pub in_function: bool,
}

/// The shape of an expression's value as far as its text tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A function declaration, function expression, arrow function.
    Function(FunctionShape),
    /// A class.
    Class,
    /// An object literal.
    Object,
    /// An array literal.
    Array,
    /// A primitive: the word `typeof` gives for it (`null` for null).
    Primitive(&'static str),
    /// The value of another binding or import of this module.
    Reference(String),
    /// A call. The callee's text, and the top-level binding or import it starts with, if any.
    Call {
        /// The callee as written, for example `awslambda.streamifyResponse`.
        callee: String,
        /// The top-level binding or import at the root of the callee.
        root: Option<String>,
    },
    /// `new X(…)`: an object, but for constructors that return functions.
    New,
    /// Anything else.
    Unknown,
}

/// What is known of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FunctionShape {
    /// `async`
    pub is_async: bool,
    /// `function*`
    pub is_generator: bool,
    /// `=>`
    pub is_arrow: bool,
    /// The function's `length`: parameters before the first with a default value or rest.
    pub length: usize,
}
