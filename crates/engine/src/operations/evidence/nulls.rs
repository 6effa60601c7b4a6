//! Counts the nulls of columns.

use query::Session;
use query::sql::parse::quote;

use super::rows::Rows;
use crate::Error;

/// In how many rows of a table each column is null. `table` is quoted.
///
/// # Errors
/// [`Error::Query`].
pub(super) async fn of(
    session: &Session,
    table: &str,
    columns: &[String],
) -> Result<Vec<u64>, Error> {
    let counts: String = columns
        .iter()
        .map(|column| format!(", count({})", quote(column)))
        .collect();
    let rows = Rows::of(session, &format!("select count(*){counts} from {table}")).await?;
    let Some(row) = rows.iter().next() else {
        return Ok(vec![0; columns.len()]);
    };
    let all = row.count(0);
    let nulls = (1..=columns.len()).map(|column| all.saturating_sub(row.count(column)));
    Ok(nulls.collect())
}
