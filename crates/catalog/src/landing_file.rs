//! The files of `landing/`: the `CREATE EXTERNAL TABLE` statements in them, and what
//! people keep beside these, which is passed over.

use crate::errors::{Error, ErrorKind, Errors};
use crate::landing_ddl::parse_external_table;
use crate::landing_table::LandingTable;
use crate::project_files::SourceFile;
use crate::statements::{first_word, is_external_table, skip_blank_and_comments, statement_ranges};
use crate::text::Spot;

/// A table of a landing file, and the text that defines it.
pub(crate) struct Defined {
    pub(crate) table: LandingTable,
    /// The whole file, or of several tables in a file the own statement.
    pub(crate) text: String,
}

/// Parses a landing file. Its tables may have any names, whatever the file is called.
///
/// # Errors
/// Every fault; a file without a table; statements that would have an effect here.
pub(crate) fn parse_landing_file(file: &SourceFile) -> Result<Vec<Defined>, Errors> {
    let text = &file.text;
    let mut tables = Vec::new();
    let mut errors = Vec::new();
    for range in statement_ranges(text) {
        let statement = &text[range.clone()];
        let start = Spot::START.after(text, range.start);
        if is_external_table(statement) {
            match parse_external_table(&file.path, statement, start.line) {
                Ok(table) => tables.push((table, statement)),
                Err(faults) => errors.extend(faults),
            }
        } else if !is_passed_over(statement) {
            let place = Spot::START.after(text, skip_blank_and_comments(text, range.start));
            let found = first_word(statement).to_uppercase();
            let kind = ErrorKind::OtherStatement { found };
            errors.push(Error::at(&file.path, place, kind));
        }
    }
    if tables.is_empty() && errors.is_empty() {
        errors.push(Error::at(
            &file.path,
            Spot::START,
            ErrorKind::NotExternalTable,
        ));
    }
    let is_alone = tables.len() == 1;
    let tables = tables.into_iter().map(|(table, statement)| Defined {
        table,
        text: match is_alone {
            true => text.replace("\r\n", "\n"),
            false => statement.replace("\r\n", "\n"),
        },
    });
    Errors::unless_empty(tables.collect(), errors)
}

/// Whether a statement has nothing to do where the project says which tables there
/// are: databases, partitions and queries, as they stand in people's files.
fn is_passed_over(statement: &str) -> bool {
    let first = first_word(statement).to_lowercase();
    match first.as_str() {
        "drop" | "use" | "msck" | "show" | "describe" | "desc" | "select" => true,
        "create" => {
            let rest = skip_blank_and_comments(statement, 0) + first.len();
            let second = first_word(&statement[rest..]).to_lowercase();
            matches!(second.as_str(), "database" | "schema")
        }
        _ => false,
    }
}
