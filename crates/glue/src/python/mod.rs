//! Python, as far as jobs are written in it: a syntax tree without what no job needs.
//!
//! [`parse`] builds the tree with the tree-sitter grammar, which recovers from errors. No
//! Python is ever executed.

mod convert;
mod statements;
mod strings;
mod tree;

use tree_sitter::Parser;

pub(crate) use tree::{
    Expr, ExprKind, NotFollowed, Statement, StatementKind, SyntaxFault, TextPart,
};

/// The longest script that is read, in bytes. Generated jobs have a few thousand.
const BYTES_MAX: usize = 1 << 20;

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
        check("a = 1\nb = f(\n", "1 statements, skipped [2]");
        check("def f(:\n    x = (1\n", "line 1: this is not Python");
        let deep = format!("a = {}1{}", "(".repeat(5000), ")".repeat(5000));
        check(&deep, "line 1: expressions are nested too deeply");
        let long = " ".repeat(BYTES_MAX + 1);
        check(&long, "line 1: the file is longer than a MiB");
    }
}
