//! Python, as far as jobs are written in it: a syntax tree without what no job needs.
//!
//! [`parse`] builds the tree with the tree-sitter grammar, which recovers from errors. No
//! Python is ever executed.

mod convert;
mod strings;

use tree_sitter::Parser;

/// The longest script that is read, in bytes. Generated jobs have a few thousand.
const BYTES_MAX: usize = 1 << 20;

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
    },
    If {
        condition: Expr,
        then: Vec<Statement>,
        otherwise: Vec<Statement>,
    },
    /// The statements of `with` and `try`, which are taken to succeed.
    Block(Vec<Statement>),
    /// Imports, classes, `pass` and the like.
    Other,
}

/// A place that is not Python, or not readable here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxFault {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

/// The statements of a script, and lines that are left out because they are not Python.
///
/// # Errors
/// A [`SyntaxFault`] if more than single lines of the script are not Python.
pub(crate) fn parse(text: &str) -> Result<(Vec<Statement>, Vec<SyntaxFault>), SyntaxFault> {
    let fault = |line, message: &str| SyntaxFault {
        line,
        message: message.to_owned(),
    };
    if text.len() > BYTES_MAX {
        return Err(fault(1, "the file is longer than a MiB"));
    }
    let mut parser = Parser::new();
    if parser
        .set_language(&tree_sitter_python::LANGUAGE.into())
        .is_err()
    {
        return Err(fault(1, "the Python grammar cannot be loaded"));
    }
    match parser.parse(text, None) {
        Some(tree) => convert::statements_of(&tree, text),
        None => Err(fault(1, "the file cannot be parsed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_their_line() {
        let check = |text: &str, expected: &str| {
            let found = match parse(text) {
                Ok((statements, skipped)) => {
                    let skipped: Vec<u32> = skipped.iter().map(|fault| fault.line).collect();
                    format!("{} statements, skipped {skipped:?}", statements.len())
                }
                Err(fault) => format!("line {}: {}", fault.line, fault.message),
            };
            assert_eq!(found, expected, "{text}");
        };
        check("a = 1\nb = f(a)\n", "2 statements, skipped []");
        check("mport sys\na = 1\n", "2 statements, skipped [1]");
        check("a = 1\nb = f(\n", "line 2: this is not Python");
        check("def f(:\n    x = (1\n", "line 1: this is not Python");
        let deep = format!("a = {}1{}", "(".repeat(5000), ")".repeat(5000));
        check(&deep, "line 1: expressions are nested too deeply");
        let long = " ".repeat(BYTES_MAX + 1);
        check(&long, "line 1: the file is longer than a MiB");
    }
}
