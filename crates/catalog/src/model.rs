//! A model: a trusted or curated table with its contract and the SELECT that
//! builds it. The project's reader parses each model's file here.

use crate::contract::{Contract, Rule};
use crate::errors::{Error, ErrorKind};
use crate::names::{TableName, Zone};
use crate::reads::{TableRead, parse_condition, parse_select};
use crate::statements::{comment_end, skip_blank_and_comments, statement_ranges};
use crate::text::Spot;
use crate::toml_source::TomlSource;

/// A trusted or curated table: its contract and the SELECT that builds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The table's name: its file's.
    pub name: TableName,
    /// The zone: its folder's.
    pub zone: Zone,
    /// What the table promises.
    pub contract: Contract,
    /// The SELECT, without `;`, with the comments before and in it.
    pub sql: String,
    /// The file, as the caller named it.
    pub file: String,
    /// The line of the file where `sql` begins, from 1.
    pub sql_line: u32,
    /// The column of that line, from 1.
    pub sql_column: u32,
    /// The places of `*` in the output columns, as line and column of the file. No
    /// model may be planned to publish with one; only the planner knows the columns
    /// to list instead.
    pub stars: Vec<(u32, u32)>,
    /// The tables that the SELECT and the checks read: each once per kind of
    /// reader, at its first mention. The model's own table, which checks read, is
    /// not among them.
    pub reads: Vec<Reference>,
}

/// A table that a model reads, and the place in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The table's own name (no other name of it), or `system.` and the name of a
    /// system table.
    pub table: String,
    /// The table's zone; `None` for a system table.
    pub zone: Option<Zone>,
    /// The kind of reader.
    pub by: ReadBy,
    /// The line in the model's file, from 1.
    pub line: u32,
    /// The column in that line, from 1.
    pub column: u32,
}

/// What reads a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBy {
    /// The SELECT that builds the model.
    Select,
    /// A check in its contract, once the table is built.
    Check,
    /// A check that leaves rows out while the table is built.
    LeaveOut,
}

impl Model {
    /// The tables that the SELECT and the checks read.
    pub fn reads(&self) -> &[Reference] {
        &self.reads
    }

    /// Translates a place in `sql`, as the SQL parser and planner count it, into
    /// the line and column of the file. All count from 1.
    pub fn locate(&self, line: u64, column: u64) -> (u32, u32) {
        let start = Spot {
            line: self.sql_line,
            column: self.sql_column,
        };
        let spot = start.offset_by(line, column);
        (spot.line, spot.column)
    }
}

/// What a model's file holds, as far as it could be parsed.
pub(crate) struct ParsedModel {
    /// The model with its unresolved reads, if there was no error.
    pub(crate) model: Option<(Model, Vec<(TableRead, ReadBy)>)>,
    /// Its other names and their place, if the contract could be read.
    pub(crate) also: Option<(Vec<TableName>, Spot)>,
    pub(crate) errors: Vec<Error>,
}

/// Parses a model's file and finds every error that needs no other file.
pub(crate) fn parse_model(file: &str, zone: Zone, name: TableName, text: &str) -> ParsedModel {
    let mut parsed = ParsedModel {
        model: None,
        also: None,
        errors: Vec::new(),
    };
    let errors = &mut parsed.errors;

    let (contract, sql_from) = match contract_comment(file, text) {
        Ok((toml, start, sql_from)) => match TomlSource::parse(file, toml, start) {
            Ok((source, document)) => {
                let (contract, faults) = Contract::from_toml(source, &document);
                errors.extend(faults);
                (Some(contract), Some(sql_from))
            }
            Err(faults) => {
                errors.extend(faults);
                (None, Some(sql_from))
            }
        },
        Err(error) => {
            let without = matches!(error.kind, ErrorKind::NoContract).then_some(0);
            errors.push(error);
            (None, without)
        }
    };
    parsed.also = contract
        .as_ref()
        .map(|contract| (contract.also.clone(), contract.also_spot));

    let select = sql_from.and_then(|from| model_select(file, text, from, errors));
    let check_reads = contract
        .as_ref()
        .map(|contract| check_reads(file, contract, errors))
        .unwrap_or_default();
    if let (Some(contract), Some(select), true) = (contract, select, errors.is_empty()) {
        let selects = select.tables.into_iter().map(|read| (read, ReadBy::Select));
        let checks = check_reads.into_iter().map(|read| (read, ReadBy::Check));
        let model = Model {
            name,
            zone,
            contract,
            sql: select.sql,
            file: file.to_owned(),
            sql_line: select.start.line,
            sql_column: select.start.column,
            stars: select.stars,
            reads: Vec::new(),
        };
        parsed.model = Some((model, selects.chain(checks).collect()));
    }
    parsed
}

/// The TOML in the comment that opens the file, its place, and the offset of the
/// SQL after it.
fn contract_comment<'a>(file: &str, text: &'a str) -> Result<(&'a str, Spot, usize), Error> {
    let blank = |c: char| c.is_whitespace() || c == '\u{feff}';
    let open = text.len() - text.trim_start_matches(blank).len();
    let spot = Spot::START.after(text, open);
    if !text[open..].starts_with("/*") {
        return Err(Error::at(file, spot, ErrorKind::NoContract));
    }
    let Some(end) = comment_end(text, open) else {
        return Err(Error::at(file, spot, ErrorKind::ContractNotClosed));
    };
    let toml = &text[open + 2..end - 2];
    Ok((toml, Spot::START.after(text, open + 2), end))
}

/// The one SELECT of a model's file.
struct ModelSelect {
    sql: String,
    start: Spot,
    tables: Vec<TableRead>,
    stars: Vec<(u32, u32)>,
}

/// The one SELECT from an offset on.
fn model_select(
    file: &str,
    text: &str,
    from: usize,
    errors: &mut Vec<Error>,
) -> Option<ModelSelect> {
    let place = |offset: usize| Spot::START.after(text, from + offset);
    let rest = &text[from..];
    let statements = statement_ranges(rest);
    let Some(first) = statements.first() else {
        let kind = ErrorKind::NoSelect;
        errors.push(Error::at(file, place(rest.trim_end().len()), kind));
        return None;
    };
    if let Some(second) = statements.get(1) {
        let at = skip_blank_and_comments(rest, second.start);
        let allowed = "a model is one SELECT";
        errors.push(Error::at(
            file,
            place(at),
            ErrorKind::SecondStatement { allowed },
        ));
    }
    let sql = &rest[first.clone()];
    let start = place(first.start);
    match parse_select(file, sql, start) {
        Ok(parsed) => Some(ModelSelect {
            sql: sql.to_owned(),
            start,
            tables: parsed.tables,
            stars: parsed
                .stars
                .iter()
                .map(|spot| (spot.line, spot.column))
                .collect(),
        }),
        Err(faults) => {
            errors.extend(faults);
            None
        }
    }
}

/// The tables that SQL checks read. Tables of other rules are resolved with the
/// rule.
fn check_reads(file: &str, contract: &Contract, errors: &mut Vec<Error>) -> Vec<TableRead> {
    let mut tables = Vec::new();
    for check in &contract.checks {
        match &check.rule {
            Rule::Sql {
                violations,
                sql_line: line,
                sql_column: column,
                ..
            } => {
                let (line, column) = (*line, *column);
                match parse_select(file, violations, Spot { line, column }) {
                    Ok(parsed) => tables.extend(parsed.tables),
                    Err(faults) => errors.extend(faults),
                }
            }
            Rule::Rows {
                holds,
                sql_line: line,
                sql_column: column,
                ..
            } => {
                let (line, column) = (*line, *column);
                let parsed = parse_condition(file, holds, Spot { line, column });
                errors.extend(parsed.err());
            }
            _ => {}
        }
    }
    tables
}
