//! `CREATE EXTERNAL TABLE` as Athena takes it, parsed by hand: the statements
//! come from many tools, and whatever in one would change what is read and
//! cannot be honoured must be an error at its line, never passed over.
//!
//! What describes the table is honoured; what informs (crawler statistics) is
//! kept; the rest is refused. The lists of both stand at the end of the file.

mod parser;
mod properties;
mod statement;
mod table;
mod tokens;

use crate::errors::{Error, ErrorKind, Errors};
use crate::landing_table::LandingTable;
use crate::statements::is_external_table;
use crate::text::Spot;
use parser::Parser;
use tokens::tokenize;

/// The landing table that one `CREATE EXTERNAL TABLE` statement defines; for
/// files of `landing/` and for statements given to the shell. `first_line` is
/// the line of `path` on which `text` begins.
///
/// # Errors
/// For what cannot be parsed and for everything that cannot be honoured, each
/// with its line.
pub fn parse_external_table(
    path: &str,
    text: &str,
    first_line: u32,
) -> Result<LandingTable, Errors> {
    let start = Spot {
        line: first_line,
        column: 1,
    };
    if !is_external_table(text) {
        return Err(Error::at(path, start, ErrorKind::NotExternalTable).into());
    }
    let tokens = tokenize(path, text, start)?;
    let mut parser = Parser {
        file: path,
        tokens,
        at: 0,
        errors: Vec::new(),
    };
    let statement = parser.statement()?;
    let errors = std::mem::take(&mut parser.errors);
    statement.settle(path, errors)
}
