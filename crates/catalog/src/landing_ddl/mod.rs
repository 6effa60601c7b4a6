//! Parses `CREATE EXTERNAL TABLE`, the definition of a landing table, in
//! Athena's syntax. [`Project`](crate::Project) uses it for the files of
//! `landing/`, the shell for statements typed in.
//!
//! The parser is written by hand because statements come from many tools. A
//! clause or property is applied, or kept because it only informs (crawler
//! statistics), or refused with its line. None is ignored: a clause that changes
//! what Athena reads must not be lost silently.
//!
//! `tokens` cuts the text, `parser` builds the `StatementParts` of
//! `statement`, `properties` checks the properties, and `table` turns all of it
//! into a [`LandingTable`].

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
use table::landing_table;
use tokens::tokenize;

/// Parses one `CREATE EXTERNAL TABLE` statement. `first_line` is the line of
/// `path` on which `text` begins.
///
/// # Errors
/// Everything that cannot be parsed or is not supported, each with its line.
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
    landing_table(statement, path, errors)
}
