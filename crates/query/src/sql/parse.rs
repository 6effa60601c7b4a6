//! Parses one SQL statement, within the limits of [`catalog::limits`], and refuses
//! statements that write.

use catalog::limits::{self, Excess};
use catalog::{SqlDialect, SyntaxFault};
use datafusion::sql::parser::{DFParserBuilder, Statement};

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
                | Ast::ShowFunctions { .. }
                | Ast::ShowVariable { .. }
        ),
        Statement::Explain(explain) => only_reads(&explain.statement),
        _ => false,
    }
}

fn check_size(statement: &Statement) -> Result<(), Excess> {
    match statement {
        Statement::Statement(statement) => limits::check_statement(statement.as_ref()),
        Statement::Explain(explain) => check_size(&explain.statement),
        _ => Ok(()),
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
    let too_large = |excess: Excess| Error::sql(excess.message, excess.hint);
    limits::check_tokens(sql).map_err(too_large)?;
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
                    hint: fault.near.map(|near| format!("did you mean `{near}`?")),
                    place: fault.place,
                }
            }
            Err(other) => Error::planning(other),
        })?;
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) if only_reads(&statement) => {
            check_size(&statement).map_err(too_large)?;
            Ok(statement)
        }
        (Some(_), 0) => Err(Error::Writes),
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
