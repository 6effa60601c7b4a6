//! A trusted or curated table: its contract and the SELECT that builds it.

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
    /// The tables that the SELECT and the checks read, each once for each kind
    /// of reader, where it is named first. A check's reads of the table itself are left out.
    pub reads: Vec<Reference>,
}

/// A table that a model reads, and where its file says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The table's own name (not another one it goes by), or `system.` and the
    /// name of a system table.
    pub table: String,
    /// The table's zone; none for a system table.
    pub zone: Option<Zone>,
    /// What reads it.
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

    /// The line and column in the file of a place in `sql`, both from 1, as the
    /// SQL parser and planner count them.
    pub fn locate(&self, line: u64, column: u64) -> (u32, u32) {
        let start = Spot {
            line: self.sql_line,
            column: self.sql_column,
        };
        let spot = start.offset_by(line, column);
        (spot.line, spot.column)
    }
}

/// What a model's file was found to hold, as far as it could be understood.
pub(crate) struct ParsedModel {
    /// The model, its reads still to be resolved, if nothing was wrong.
    pub(crate) model: Option<(Model, Vec<(TableRead, ReadBy)>)>,
    /// The other names it claims and where, if its contract could be read.
    pub(crate) also: Option<(Vec<TableName>, Spot)>,
    pub(crate) errors: Vec<Error>,
}

/// Parses a model's file; what can be found wrong with it alone is.
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
    if let (Some(contract), Some((sql, start, tables)), true) =
        (contract, select, errors.is_empty())
    {
        let selects = tables.into_iter().map(|read| (read, ReadBy::Select));
        let checks = check_reads.into_iter().map(|read| (read, ReadBy::Check));
        let model = Model {
            name,
            zone,
            contract,
            sql,
            file: file.to_owned(),
            sql_line: start.line,
            sql_column: start.column,
            reads: Vec::new(),
        };
        parsed.model = Some((model, selects.chain(checks).collect()));
    }
    parsed
}

/// The TOML in the comment that opens the file, where it begins, and the offset
/// of what follows.
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

/// The one SELECT from an offset on, where it begins and what it reads.
fn model_select(
    file: &str,
    text: &str,
    from: usize,
    errors: &mut Vec<Error>,
) -> Option<(String, Spot, Vec<TableRead>)> {
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
        Ok(parsed) => {
            let stars = parsed.stars.iter();
            errors.extend(stars.map(|spot| Error::at(file, *spot, ErrorKind::Star)));
            Some((sql.to_owned(), start, parsed.tables))
        }
        Err(faults) => {
            errors.extend(faults);
            None
        }
    }
}

/// The tables that checks given as SQL read. (What named rules read is resolved
/// with the rule itself.)
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
