//! Parses one SQL statement, within the limits of [`catalog::limits`], and refuses
//! statements that write.

use catalog::limits::{self, Excess};
use catalog::{SqlDialect, SyntaxFault};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::error::Write;
use crate::sql::time_travel;
use crate::{Error, redaction};

/// Whether a statement only reads. Decided by its kind, before tables are looked
/// up, so that `DROP TABLE` of a misspelt name gets no spelling suggestion.
fn only_reads(statement: &Statement) -> bool {
    use sqlparser::ast::Statement as Ast;
    match statement {
        Statement::Statement(statement) => matches!(
            statement.as_ref(),
            Ast::Query(_)
                | Ast::Explain { .. }
                | Ast::ExplainTable { .. }
                | Ast::Use(_)
                | Ast::ShowCreate { .. }
                | Ast::ShowDatabases { .. }
                | Ast::ShowSchemas { .. }
                | Ast::ShowTables { .. }
                | Ast::ShowColumns { .. }
                | Ast::ShowViews { .. }
                | Ast::ShowFunctions { .. }
                | Ast::ShowVariable { .. }
        ),
        Statement::Explain(explain) => only_reads(&explain.statement),
        _ => false,
    }
}

/// Checks that a statement is small enough to be planned.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn check_size(statement: &Statement) -> Result<(), Error> {
    match statement {
        Statement::Statement(statement) => {
            limits::check_statement(statement.as_ref()).map_err(too_large)
        }
        Statement::Explain(explain) => check_size(&explain.statement),
        _ => Ok(()),
    }
}

/// Checks that a statement is short enough to be parsed.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn check_length(sql: &str) -> Result<(), Error> {
    limits::check_tokens(sql).map_err(too_large)
}

fn too_large(excess: Excess) -> Error {
    Error::sql(excess.message, excess.hint)
}

/// What a statement writes.
fn write_of(statement: &Statement) -> Write {
    use sqlparser::ast::{ObjectType, Statement as Ast};
    let statement = match statement {
        Statement::Statement(statement) => statement.as_ref(),
        Statement::Explain(explain) => return write_of(&explain.statement),
        Statement::CreateExternalTable(_) => return Write::Table,
        Statement::CopyTo(_) => return Write::Files,
        _ => return Write::Other,
    };
    match statement {
        Ast::CreateTable(_) | Ast::Insert(_) => Write::Table,
        Ast::CreateView(_) => Write::View,
        Ast::Copy { .. } | Ast::Unload { .. } | Ast::CopyIntoSnowflake { .. } => Write::Files,
        Ast::Delete(_) | Ast::Update(_) | Ast::Merge(_) | Ast::Truncate(_) => Write::Rows,
        Ast::Msck(_) => Write::Partitions,
        Ast::AlterTable(_) => Write::Alter,
        Ast::Drop {
            object_type: ObjectType::Table,
            ..
        } => Write::Drop,
        Ast::Grant(_) | Ast::Revoke(_) => Write::Rights,
        _ => Write::Other,
    }
}

/// A name as SQL takes it, whatever it holds.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Parses `sql` as one statement that only reads.
///
/// # Errors
/// [`Error::Sql`] where it cannot be parsed or is not exactly one;
/// [`Error::Writes`].
pub fn parse(sql: &str) -> Result<Statement, Error> {
    let statement = parse_any(sql)?;
    match only_reads(&statement) {
        true => Ok(statement),
        false => Err(Error::Writes(write_of(&statement))),
    }
}

/// What to write for syntax of Athena that the parser does not take.
fn other_spelling(sql: &str) -> Option<&'static str> {
    let tokens = tokens(sql);
    let is = |token: &Token, text: &str| match token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text),
        _ => false,
    };
    tokens.windows(2).find_map(|pair| match pair {
        [word, Token::LParen] if is(word, "array") => Some("write the type as array<integer>"),
        [word, next] if is(word, "values") && *next != Token::LParen => {
            Some("write each row in parentheses: VALUES (1), (2)")
        }
        _ => None,
    })
}

/// The tokens of a statement without blanks and comments; none where it has no tokens.
pub(crate) fn tokens(sql: &str) -> Vec<Token> {
    let tokens = Tokenizer::new(&SqlDialect, sql).tokenize();
    let mut tokens = tokens.unwrap_or_default();
    tokens.retain(|token| !matches!(token, Token::Whitespace(_)));
    tokens
}

/// The tokens of a statement, each with its text as it was written, blanks and comments
/// too; none where it has no tokens. A token printed is not always its text: a quote
/// within a text or a name is doubled or escaped only as written.
pub(crate) fn written(sql: &str) -> Vec<(Token, &str)> {
    let tokens = Tokenizer::new(&SqlDialect, sql).tokenize_with_location();
    let mut letters = sql.char_indices().peekable();
    let mut place = Location::new(1, 1);
    let written = tokens.unwrap_or_default().into_iter().map(|token| {
        let start = letters.peek().map_or(sql.len(), |(at, _)| *at);
        while place < token.span.end
            && let Some((_, letter)) = letters.next()
        {
            place = match letter {
                '\n' => Location::new(place.line + 1, 1),
                _ => Location::new(place.line, place.column + 1),
            };
        }
        let end = letters.peek().map_or(sql.len(), |(at, _)| *at);
        (token.token, &sql[start..end])
    });
    written.collect()
}

/// Refuses `1_000`, which the parser takes for a number and its name.
fn refuse_joined_numbers(sql: &str) -> Result<(), Error> {
    let tokens = Tokenizer::new(&SqlDialect, sql).tokenize();
    let tokens = tokens.unwrap_or_default();
    let is_joined = tokens.windows(2).any(|pair| match pair {
        [Token::Number(..), Token::Word(word)] => {
            word.quote_style.is_none() && word.value.starts_with('_')
        }
        _ => false,
    });
    match is_joined {
        true => Err(Error::sql(
            "a number has `_` in it",
            "write 1000 for 1_000, and a space before the name of a column",
        )),
        false => Ok(()),
    }
}

/// Parses `sql` as one statement of any kind.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn parse_any(sql: &str) -> Result<Statement, Error> {
    check_length(sql)?;
    refuse_joined_numbers(sql)?;
    let sql = time_travel::without_for(sql);
    let mut statements = DFParserBuilder::new(sql.as_ref())
        .with_dialect(&SqlDialect)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| match redaction::syntax_error(error) {
            Ok(error) => {
                let fault = SyntaxFault::explain(&sql, error);
                Error::Sql {
                    message: format!("SQL: {}", fault.reason),
                    hint: match fault.near {
                        Some(near) => Some(format!("did you mean `{near}`?")),
                        None => other_spelling(&sql).map(str::to_owned),
                    },
                    place: fault.place,
                }
            }
            Err(other) => Error::planning(other),
        })?;
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => {
            check_size(&statement)?;
            Ok(statement)
        }
        (None, _) => Err(Error::sql(
            "there is no statement",
            "write one, such as: select count(*) from customer_trusted",
        )),
        (Some(_), _) => Err(Error::sql(
            "expected one statement, found several",
            "run them one at a time",
        )),
    }
}
