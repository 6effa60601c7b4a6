//! The first rows of a table, masked.

use datafusion::catalog::TableProvider;
use evidence::Preview;
use futures::TryStreamExt;
use query::Session;

use super::masking::ColumnMask;
use crate::Error;
use crate::operations::export::rows_in_order;

/// How many rows are shown.
const ROWS: usize = 10;

/// How many columns are shown.
const COLUMNS_MAX: usize = 24;

/// The first rows of a table, in the order of its files. `mask` is asked for each column.
///
/// # Errors
/// [`Error::Query`].
pub(super) async fn of(
    session: &Session,
    name: &str,
    table: &dyn TableProvider,
    masks: &[ColumnMask],
) -> Result<Preview, Error> {
    let schema = table.schema();
    let names = schema.fields().iter().map(|field| field.name().clone());
    let columns: Vec<String> = names.take(COLUMNS_MAX).collect();
    let mut preview = Preview {
        columns_more: schema.fields().len().saturating_sub(columns.len()) as u64,
        columns,
        ..Preview::default()
    };
    let mut stream = rows_in_order(session, table, name).await?;
    let failed = |error| Error::execution(name, error);
    while preview.rows.len() < ROWS
        && let Some(batch) = stream.try_next().await.map_err(failed)?
    {
        let missing = ROWS - preview.rows.len();
        for row in 0..batch.num_rows().min(missing) {
            let columns = batch.columns().iter().zip(masks).take(COLUMNS_MAX);
            let cells = columns.map(|(values, mask)| mask.cell(values, row));
            preview.rows.push(cells.collect());
        }
    }
    Ok(preview)
}
