//! A condition for the reader of Parquet files: it reads the column that it is
//! of first, and of the others what the rows need that meet it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::{PhysicalExpr, PhysicalExprRef};

use super::keys::{Wanted, having};

/// Whether the key of a row is among those that are wanted.
#[derive(Debug)]
pub(super) struct Among {
    column: PhysicalExprRef,
    wanted: Arc<Wanted>,
}

impl Among {
    pub(super) fn new(column: PhysicalExprRef, wanted: Arc<Wanted>) -> Self {
        Self { column, wanted }
    }
}

impl fmt::Display for Among {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is touched", self.column)
    }
}

impl PartialEq for Among {
    fn eq(&self, other: &Self) -> bool {
        self.column.eq(&other.column) && Arc::ptr_eq(&self.wanted, &other.wanted)
    }
}

impl Eq for Among {}

impl Hash for Among {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.column.hash(state);
    }
}

impl PhysicalExpr for Among {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let column = self.column.evaluate(batch)?.into_array(batch.num_rows())?;
        let wanted = having(&column, self.wanted.by, &self.wanted.keys)?;
        Ok(ColumnarValue::Array(Arc::new(wanted)))
    }

    fn children(&self) -> Vec<&PhysicalExprRef> {
        vec![&self.column]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<PhysicalExprRef>,
    ) -> Result<PhysicalExprRef> {
        let (Some(column), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("a condition is of one column");
        };
        Ok(Arc::new(Self::new(column, Arc::clone(&self.wanted))))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
