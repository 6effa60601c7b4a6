//! A table as [`Access`] shows it: without hidden columns, with masked values.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TableProviderFilterPushDown, TableType, Volatility,
};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::access::{Access, ColumnAccess};

/// Hexadecimal digits of a token: enough that two of a billion texts hardly share one.
const TOKEN_DIGITS: usize = 16;

/// A table with the columns that a session may see.
#[derive(Debug)]
pub(super) struct GuardedTable {
    table: Arc<dyn TableProvider>,
    schema: SchemaRef,
    /// For each column of `schema`, its place in the table and whether it is masked.
    columns: Vec<(usize, bool)>,
    mask: Arc<ScalarUDF>,
}

impl GuardedTable {
    /// `table` as `access` shows it.
    pub(super) fn new(
        table: Arc<dyn TableProvider>,
        (zone, name): (&str, &str),
        logged: &[String],
        access: &dyn Access,
    ) -> Self {
        let whole = table.schema();
        let shown = whole.fields().iter().enumerate().filter_map(|(at, field)| {
            match access.column(zone, name, field, logged) {
                ColumnAccess::Plain => Some((at, false)),
                ColumnAccess::Masked => Some((at, true)),
                ColumnAccess::Hidden => None,
            }
        });
        let columns: Vec<(usize, bool)> = shown.collect();
        let fields = columns.iter().map(|(at, is_masked)| {
            let field = whole.field(*at).clone();
            let is_nullable = *is_masked || field.is_nullable();
            field.with_nullable(is_nullable)
        });
        Self {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            columns,
            mask: Arc::new(ScalarUDF::new_from_impl(Mask {
                signature: Signature::string(1, Volatility::Immutable),
                key: *access.key(),
            })),
            table,
        }
    }

    fn is_masked(&self, column: &str) -> bool {
        let at = self.schema.index_of(column);
        at.is_ok_and(|at| self.columns[at].1)
    }

    /// The values of column `at` of the scan, masked.
    fn masked(
        &self,
        state: &dyn Session,
        at: usize,
        schema: &Schema,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let field = schema.field(at);
        if !field.data_type().is_string() {
            let null = ScalarValue::try_from(field.data_type())?;
            return Ok(Arc::new(Literal::new(null)));
        }
        let column = Arc::new(Column::new(field.name(), at));
        let options = Arc::clone(state.config().options());
        let mask = Arc::clone(&self.mask);
        let call = ScalarFunctionExpr::try_new(mask, vec![column], schema, options)?;
        Ok(Arc::new(call))
    }
}

#[async_trait]
impl TableProvider for GuardedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // The table would compare masked columns by the values behind the mask.
        let is_masked = |filter: &Expr| {
            let columns = filter.column_refs();
            columns.iter().any(|column| self.is_masked(&column.name))
        };
        filters
            .iter()
            .map(|filter| match is_masked(filter) {
                true => Ok(TableProviderFilterPushDown::Unsupported),
                false => Ok(self.table.supports_filters_pushdown(&[filter])?[0].clone()),
            })
            .collect()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = (0..self.columns.len()).collect();
        let wanted = projection.unwrap_or(&all).iter();
        let wanted: Vec<(usize, bool)> = wanted.map(|at| self.columns[*at]).collect();
        let places = wanted.iter().map(|(place, _)| *place).collect();
        let scan = self
            .table
            .scan(state, Some(&places), filters, limit)
            .await?;
        if !wanted.iter().any(|(_, is_masked)| *is_masked) {
            return Ok(scan);
        }
        let schema = scan.schema();
        let columns = wanted.iter().enumerate().map(|(at, (_, is_masked))| {
            let name = schema.field(at).name().clone();
            let value = match is_masked {
                true => self.masked(state, at, &schema)?,
                false => Arc::new(Column::new(&name, at)) as Arc<dyn PhysicalExpr>,
            };
            Ok((value, name))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, scan)?))
    }
}

/// `masked(text)`: the token of a text.
#[derive(PartialEq, Eq)]
struct Mask {
    signature: Signature,
    key: [u8; 32],
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

impl Hash for Mask {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.signature.hash(state);
    }
}

impl ScalarUDFImpl for Mask {
    fn name(&self) -> &str {
        "masked"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Utf8View))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let kind = arguments.return_field.data_type().clone();
        let arguments = ColumnarValue::values_to_arrays(&arguments.args)?;
        let texts = cast(&arguments[0], &DataType::Utf8View)?;
        let mut tokens = StringViewBuilder::with_capacity(rows);
        for text in texts.as_string_view() {
            match text {
                Some(text) => tokens.append_value(self.token(text)),
                None => tokens.append_null(),
            }
        }
        let tokens: ArrayRef = Arc::new(tokens.finish());
        Ok(ColumnarValue::Array(cast(&tokens, &kind)?))
    }
}

impl Mask {
    fn token(&self, text: &str) -> String {
        let hash = blake3::keyed_hash(&self.key, text.as_bytes()).to_hex();
        format!("masked-{}", &hash[..TOKEN_DIGITS])
    }
}
