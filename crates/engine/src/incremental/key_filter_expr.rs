//! Row filter for Parquet scans: decodes the key column first, other columns only for
//! matching rows.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::{PhysicalExpr, PhysicalExprRef};

use super::keys::{KeyFilter, key_mask};

/// True for rows whose key is in the filter.
#[derive(Debug)]
pub(super) struct KeyFilterExpr {
    column: PhysicalExprRef,
    filter: Arc<KeyFilter>,
}

impl KeyFilterExpr {
    pub(super) fn new(column: PhysicalExprRef, filter: Arc<KeyFilter>) -> Self {
        Self { column, filter }
    }
}

impl fmt::Display for KeyFilterExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is touched", self.column)
    }
}

impl PartialEq for KeyFilterExpr {
    fn eq(&self, other: &Self) -> bool {
        self.column.eq(&other.column) && Arc::ptr_eq(&self.filter, &other.filter)
    }
}

impl Eq for KeyFilterExpr {}

impl Hash for KeyFilterExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.column.hash(state);
    }
}

impl PhysicalExpr for KeyFilterExpr {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let column = self.column.evaluate(batch)?.into_array(batch.num_rows())?;
        let matches = key_mask(&column, self.filter.kind, &self.filter.keys)?;
        Ok(ColumnarValue::Array(Arc::new(matches)))
    }

    fn children(&self) -> Vec<&PhysicalExprRef> {
        vec![&self.column]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<PhysicalExprRef>,
    ) -> Result<PhysicalExprRef> {
        let (Some(column), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("a key filter has one column");
        };
        Ok(Arc::new(Self::new(column, Arc::clone(&self.filter))))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
