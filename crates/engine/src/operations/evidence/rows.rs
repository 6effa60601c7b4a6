//! Results of statements, by row.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use query::{Query, Session};

use crate::Error;

/// The rows of a statement whose columns are texts and whole numbers.
pub(super) struct Rows(Vec<RecordBatch>);

/// One row.
pub(super) struct Row<'a> {
    batch: &'a RecordBatch,
    index: usize,
}

impl Rows {
    /// All rows of `sql`, which must be few.
    ///
    /// # Errors
    /// [`Error::Query`] or [`Error::Lake`].
    pub(super) async fn of(session: &Session, sql: &str) -> Result<Self, Error> {
        let stream = session.query(sql).await?.stream()?;
        let batches = stream.try_collect().await.map_err(Query::failed)?;
        Ok(Self(batches))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.0
            .iter()
            .flat_map(|batch| (0..batch.num_rows()).map(move |index| Row { batch, index }))
    }
}

impl Row<'_> {
    /// A text; empty where there is none.
    pub(super) fn text(&self, column: usize) -> String {
        let column = self.batch.column(column);
        let texts = column.as_string_view_opt();
        let texts = texts.filter(|texts| texts.is_valid(self.index));
        texts.map_or_else(String::new, |texts| texts.value(self.index).to_owned())
    }

    /// A whole number.
    pub(super) fn number(&self, column: usize) -> Option<i64> {
        let column = self.batch.column(column);
        let numbers = column.as_primitive_opt::<Int64Type>()?;
        numbers
            .is_valid(self.index)
            .then(|| numbers.value(self.index))
    }

    /// A count; 0 where there is none.
    pub(super) fn count(&self, column: usize) -> u64 {
        u64::try_from(self.number(column).unwrap_or_default()).unwrap_or_default()
    }
}
