//! The syntax tree.

/// An expression and the line on which it begins, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) line: u32,
    pub(crate) kind: ExprKind,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
    Name(String),
    Text(Vec<TextPart>),
    Number(String),
    Bool(bool),
    None,
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Call {
        function: Box<Expr>,
        args: Vec<Expr>,
        keywords: Vec<(String, Expr)>,
    },
    Attribute {
        base: Box<Expr>,
        name: String,
    },
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    Lambda {
        params: Vec<String>,
        body: Box<Expr>,
    },
    /// `not x`, `-x`, `~x`.
    Unary {
        op: String,
        operand: Box<Expr>,
    },
    /// Arithmetic, `and`, `or`, `&`, `|` and comparisons.
    Binary {
        op: String,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    IfElse {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    /// `(name := value)`.
    Named {
        name: String,
        value: Box<Expr>,
    },
    /// `*groups` among arguments.
    Star(Box<Expr>),
    /// An expression that is not understood; the grammar's name of it.
    Other(String),
}

/// A piece of a text: f-strings have several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TextPart {
    Literal(String),
    Value(Expr),
}

/// A statement and the line on which it begins, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) line: u32,
    pub(crate) kind: StatementKind,
}

/// What a statement is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StatementKind {
    Expr(Expr),
    Assign {
        target: Expr,
        value: Expr,
    },
    Function {
        name: String,
        /// Names of the parameters, each with its default.
        params: Vec<(String, Option<Expr>)>,
        body: Vec<Statement>,
    },
    Return(Option<Expr>),
    For {
        target: Expr,
        iterable: Expr,
        body: Vec<Statement>,
        /// The names that the body may assign.
        assigns: Vec<String>,
    },
    If {
        condition: Expr,
        then: Vec<Statement>,
        otherwise: Vec<Statement>,
    },
    /// The statements of `with` and `try`, which are taken to succeed.
    Block(Vec<Statement>),
    /// `global`: names of the script that a function assigns.
    Global(Vec<String>),
    /// A statement that is not followed, such as `while`.
    NotFollowed(NotFollowed),
    /// Imports, `pass` and the like, which do nothing with data.
    Other,
}

/// A statement that is not followed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NotFollowed {
    /// What it is, as a line about it says.
    pub(crate) what: String,
    /// The names that it may assign or change.
    pub(crate) assigns: Vec<String>,
    /// The statements in it, which may write tables.
    pub(crate) body: Vec<Statement>,
    /// Whether it may do something with data.
    pub(crate) concerns_data: bool,
    /// Whether a `return` in it would end the function around it, as far as it is run.
    pub(crate) may_return: bool,
}

/// A place that is not Python, or not readable here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxFault {
    /// The line, from 1.
    pub(crate) line: u32,
    /// What is wrong.
    pub(crate) message: String,
}
