//! What a module does while it is evaluated, as plain data: the steps of its body and of each function in it. What the
//! steps come to over several modules is decided elsewhere.

mod declare;
mod expressions;
mod functions;
mod lower;
mod statements;

use std::{collections::BTreeMap, sync::Arc};

use crate::record::Span;

pub use lower::evaluation;

/// A number of a binding: an import, a declaration of the top level, or one inside of a function. Each declaration of a
/// name has its own.
pub type SlotId = usize;

/// An index into [`Evaluation::functions`].
pub type FunctionId = usize;

/// An index into [`Evaluation::classes`].
pub type ClassId = usize;

/// The steps of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// The module's own code, in source order; function declarations stand first in their block.
    pub body: Vec<Step>,
    /// Every function in the text, methods, field initialisers and static blocks included. They are run only by a step.
    pub functions: Vec<Function>,
    /// Every class in the text.
    pub classes: Vec<Class>,
    /// The bindings.
    pub slots: Vec<Slot>,
    /// The bindings of the top level by their names, imports included. An anonymous default export is `*default*`.
    pub names: BTreeMap<String, SlotId>,
    /// The bindings that belong to the module itself, those of blocks outside of functions included.
    pub locals: Vec<SlotId>,
    /// Whether some code is nested too deeply to be given as steps.
    pub has_opaque: bool,
}

/// A binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Whether it holds `undefined` before its declaration is reached: a `var`, a parameter.
    pub hoisted: bool,
    /// Whether something assigns to it besides its declaration.
    pub reassigned: bool,
    /// Whether assigning to it throws: a `const`, an import.
    pub constant: bool,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The whole function.
    pub at: Span,
    /// Its name, where it has one of its own.
    pub name: Option<String>,
    /// `async`
    pub is_async: bool,
    /// `function*`
    pub is_generator: bool,
    /// Whether `this` is that of what surrounds it: arrow functions.
    pub is_arrow: bool,
    /// Whether it is a method, a getter or a setter, which `new` cannot call.
    pub is_method: bool,
    /// Whether `arguments` of it is read, by it or by an arrow function in it.
    pub reads_arguments: bool,
    /// The binding by which a function expression knows itself.
    pub itself: Option<SlotId>,
    /// The parameters.
    pub parameters: Vec<Pattern>,
    /// Whether the last parameter takes the rest.
    pub has_rest: bool,
    /// The bindings that each call makes anew.
    pub locals: Vec<SlotId>,
    /// The code.
    pub body: Vec<Step>,
}

/// A class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The whole class.
    pub at: Span,
    /// The binding by which a class knows itself.
    pub itself: Option<SlotId>,
    /// `extends …`
    pub parent: Option<Expression>,
    /// `constructor`, where it is written.
    pub constructor: Option<FunctionId>,
    /// The other members, in source order.
    pub members: Vec<Member>,
}

/// A member of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name.
    pub name: Name,
    /// Whether it belongs to the class, and not to its instances.
    pub is_static: bool,
    /// What it is.
    pub kind: MemberKind,
}

/// What a member of a class is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A method.
    Method(FunctionId),
    /// `get x() {…}`
    Getter(FunctionId),
    /// `set x(value) {…}`
    Setter(FunctionId),
    /// A field; its initialiser is a function without parameters.
    Field(Option<FunctionId>),
    /// `static {…}`
    Block(FunctionId),
}

/// The name of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// Known from the text; private names start with `#`.
    Known(String),
    /// `[…]`
    Computed(Box<Expression>),
}

/// Something that a body does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An expression is evaluated.
    Evaluate(Expression),
    /// A declaration gives a binding its value.
    Bind {
        /// What is bound.
        target: Pattern,
        /// The value.
        value: Expression,
    },
    /// `return`
    Return {
        /// The statement.
        at: Span,
        /// The value.
        value: Option<Expression>,
    },
    /// `throw`
    Throw(Expression),
    /// `break` and `continue`
    Jump {
        /// Whether a loop goes on with its next round.
        is_continue: bool,
        /// The label, where one is named.
        label: Option<String>,
    },
    /// `if`
    If {
        /// The test; its text is the condition.
        test: Expression,
        /// What is done if it holds.
        then: Vec<Step>,
        /// What is done otherwise.
        otherwise: Vec<Step>,
    },
    /// A loop.
    Loop(Arc<Loop>),
    /// `switch`
    Switch {
        /// What is compared.
        value: Expression,
        /// The cases in source order; the test of `default` is `None`.
        cases: Vec<(Option<Expression>, Vec<Step>)>,
    },
    /// `try`
    Try {
        /// The guarded steps.
        block: Vec<Step>,
        /// `catch`, with what it binds.
        catch: Option<(Option<Pattern>, Vec<Step>)>,
        /// `finally`
        finally: Option<Vec<Step>>,
    },
    /// A label, and what it stands before.
    Label {
        /// The label.
        name: String,
        /// The statement.
        body: Vec<Step>,
    },
}

/// A loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// The part that decides whether it runs: the test, or what is iterated.
    pub at: Span,
    /// The labels that stand before it.
    pub labels: Vec<String>,
    /// How it goes round.
    pub kind: LoopKind,
    /// The code.
    pub body: Vec<Step>,
}

/// How a loop goes round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopKind {
    /// `while` and `for (;;)`: tested first. What `for` does before is a step of its own.
    While {
        /// `None` for an empty test.
        test: Option<Expression>,
        /// What `for` does after each round.
        update: Option<Expression>,
    },
    /// `do … while`: at least once.
    DoWhile(Expression),
    /// `for (… of …)`
    Of {
        /// What each element is bound to.
        target: Pattern,
        /// What is iterated.
        iterable: Expression,
        /// `for await`
        is_await: bool,
    },
    /// `for (… in …)`
    In {
        /// What each name is bound to.
        target: Pattern,
        /// The object.
        object: Expression,
    },
}

/// Where a value goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A binding.
    Slot(SlotId),
    /// A property, `a.b = …`; the expression is a [`ExpressionKind::Member`].
    Member(Box<Expression>),
    /// A name that nothing in the module declares.
    Global(String),
    /// `{ a, b: c, ...rest }`
    Object {
        /// The properties.
        properties: Vec<(Name, Pattern)>,
        /// What is left.
        rest: Option<Box<Pattern>>,
    },
    /// `[a, , b, ...rest]`
    Array {
        /// The elements.
        elements: Vec<Option<Pattern>>,
        /// What is left.
        rest: Option<Box<Pattern>>,
    },
    /// `pattern = value`, where the value is missing.
    Default {
        /// The pattern.
        target: Box<Pattern>,
        /// What is taken instead.
        value: Box<Expression>,
    },
    /// A binding that cannot be assigned to: it throws.
    Constant,
    /// Nested too deeply.
    Opaque,
}

/// An expression with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The whole expression.
    pub at: Span,
    /// What it is.
    pub kind: ExpressionKind,
}

/// An argument, or an element of an array literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// `...value`
    pub is_spread: bool,
    /// The value.
    pub value: Expression,
}

/// A property of an object literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Property {
    /// `name: value`
    Value(Name, Expression),
    /// `get name() {…}`
    Getter(Name, FunctionId),
    /// `set name(value) {…}`
    Setter(Name, FunctionId),
    /// `...value`
    Spread(Expression),
}

/// What an assignment does with the old value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// `=`
    Plain,
    /// `&&=`
    IfTrue,
    /// `||=`
    IfFalse,
    /// `??=`
    IfNullish,
    /// `+=`, `++` and the like: the result is a primitive.
    Arithmetic,
}

/// A binary operator that does not always evaluate its right operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logical {
    /// `&&`
    And,
    /// `||`
    Or,
    /// `??`
    Nullish,
}

/// A literal that is a number, or another primitive that no other kind stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numeral {
    /// Its truth.
    pub truth: bool,
    /// Its value, where that is a small whole number.
    pub value: Option<u32>,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpressionKind {
    /// `undefined`, `void 0`, an elision.
    Undefined,
    /// `null`
    Null,
    /// `true` and `false`
    Boolean(bool),
    /// A string literal.
    Text(String),
    /// A number or other literal that is a primitive.
    Number(Numeral),
    /// A binding of the module.
    Slot(SlotId),
    /// A name that nothing in the module declares.
    Global(String),
    /// `this`
    This,
    /// `import.meta`
    ImportMeta,
    /// `new.target`
    NewTarget,
    /// A function.
    Function(FunctionId),
    /// A class.
    Class(ClassId),
    /// An object literal.
    Object(Vec<Property>),
    /// An array literal.
    Array(Vec<Argument>),
    /// `object.name`
    Member {
        /// The object.
        object: Box<Expression>,
        /// The name.
        name: Name,
        /// `?.`
        optional: bool,
    },
    /// `super.name`
    SuperMember(Name),
    /// `callee(…)`, a tagged template included.
    Call {
        /// What is called.
        callee: Box<Expression>,
        /// With what.
        arguments: Vec<Argument>,
        /// `?.(`
        optional: bool,
    },
    /// `new callee(…)`
    New {
        /// What is constructed.
        callee: Box<Expression>,
        /// With what.
        arguments: Vec<Argument>,
    },
    /// `super(…)`
    SuperCall(Vec<Argument>),
    /// `import(specifier)`
    Import(Box<Expression>),
    /// `await`
    Await(Box<Expression>),
    /// The value of a `using` declaration: a method of it is called when the block ends.
    Disposed(Box<Expression>),
    /// `yield` and `yield*`
    Yield {
        /// The value.
        value: Option<Box<Expression>>,
        /// `yield*`
        is_delegate: bool,
    },
    /// `target = value`
    Assign {
        /// Where it goes.
        target: Box<Pattern>,
        /// What becomes of the old value.
        assignment: Assignment,
        /// The value.
        value: Box<Expression>,
    },
    /// `test ? then : otherwise`
    Conditional {
        /// The test; its text is the condition.
        test: Box<Expression>,
        /// If it holds.
        then: Box<Expression>,
        /// Otherwise.
        otherwise: Box<Expression>,
    },
    /// `left && right`
    Logical {
        /// Which.
        operator: Logical,
        /// Always evaluated.
        left: Box<Expression>,
        /// Evaluated if the left one says so.
        right: Box<Expression>,
    },
    /// `!operand`
    Not(Box<Expression>),
    /// `delete object.name`; the operand is a [`ExpressionKind::Member`].
    Delete(Box<Expression>),
    /// `typeof operand`
    TypeOf(Box<Expression>),
    /// `left === right` and `left == right`
    Equal {
        /// The left operand.
        left: Box<Expression>,
        /// The right operand.
        right: Box<Expression>,
        /// `!==` and `!=`
        negated: bool,
        /// `==` and `!=`, which may call methods of an object
        loose: bool,
    },
    /// `left < right`
    Less {
        /// The left operand.
        left: Box<Expression>,
        /// The right operand.
        right: Box<Expression>,
        /// `<=`
        or_equal: bool,
        /// Whether it is the opposite: `>=`, or `>` where equal operands count as less.
        negated: bool,
    },
    /// `a, b`: the value is the last one.
    Sequence(Vec<Expression>),
    /// Strings that are put together: a template, `a + b`.
    Concatenation(Vec<Expression>),
    /// `left in right` and `left instanceof right`: an error where the right operand is no object.
    Within {
        /// The left operand; `undefined` for a private name.
        left: Box<Expression>,
        /// The right operand.
        right: Box<Expression>,
    },
    /// Operands that are evaluated in order and give a primitive.
    Operands(Vec<Expression>),
    /// What an `?.` in it leaves when it ends the whole.
    Chain(Box<Expression>),
    /// Nested too deeply to be given as steps.
    Opaque,
}
