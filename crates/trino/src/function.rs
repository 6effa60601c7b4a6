//! A function that is computed row by row, given by the types of its arguments and by
//! what it returns for one row.
//!
//! Null arguments give null; the computation sees none.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, BooleanArray, BooleanBuilder,
    Float64Array, Float64Builder, Int64Array, Int64Builder, ListBuilder, StringViewArray,
    StringViewBuilder,
};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type};
use datafusion::common::Result;

use crate::fault::Fault;
use crate::udf::Listed;

/// The type of an argument, and which values are taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Param {
    /// varchar.
    Text,
    /// Any integer.
    Bigint,
    /// Any number.
    Double,
    /// boolean.
    Boolean,
    /// varbinary.
    Binary,
}

/// What a function returns for one row.
pub(crate) enum Returns {
    Text(fn(&Row<'_>) -> Result<Option<String>, Fault>),
    Bigint(fn(&Row<'_>) -> Result<Option<i64>, Fault>),
    Double(fn(&Row<'_>) -> Result<Option<f64>, Fault>),
    Boolean(fn(&Row<'_>) -> Result<Option<bool>, Fault>),
    Binary(fn(&Row<'_>) -> Result<Option<Vec<u8>>, Fault>),
    Texts(fn(&Row<'_>) -> Result<Option<Texts>, Fault>),
}

/// An array of texts.
pub(crate) type Texts = Vec<Option<String>>;

/// A function, as the tables of the modules list it.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    /// The lists of arguments that it takes.
    pub(crate) forms: &'static [&'static [Param]],
    pub(crate) returns: Returns,
}

/// One row of a function's arguments, none of which is null.
pub(crate) struct Row<'a> {
    columns: &'a [Column<'a>],
    row: usize,
}

enum Column<'a> {
    Text(&'a StringViewArray),
    Bigint(&'a Int64Array),
    Double(&'a Float64Array),
    Boolean(&'a BooleanArray),
    Binary(&'a BinaryArray),
}

impl Row<'_> {
    /// How many arguments there are.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn is_text(&self, at: usize) -> bool {
        matches!(self.columns[at], Column::Text(_))
    }

    pub(crate) fn is_bigint(&self, at: usize) -> bool {
        matches!(self.columns[at], Column::Bigint(_))
    }

    pub(crate) fn is_double(&self, at: usize) -> bool {
        matches!(self.columns[at], Column::Double(_))
    }

    pub(crate) fn is_boolean(&self, at: usize) -> bool {
        matches!(self.columns[at], Column::Boolean(_))
    }

    pub(crate) fn text(&self, at: usize) -> &str {
        match &self.columns[at] {
            Column::Text(values) => values.value(self.row),
            _ => "",
        }
    }

    pub(crate) fn bigint(&self, at: usize) -> i64 {
        match &self.columns[at] {
            Column::Bigint(values) => values.value(self.row),
            _ => 0,
        }
    }

    pub(crate) fn double(&self, at: usize) -> f64 {
        match &self.columns[at] {
            Column::Double(values) => values.value(self.row),
            _ => f64::NAN,
        }
    }

    pub(crate) fn boolean(&self, at: usize) -> bool {
        match &self.columns[at] {
            Column::Boolean(values) => values.value(self.row),
            _ => false,
        }
    }

    pub(crate) fn binary(&self, at: usize) -> &[u8] {
        match &self.columns[at] {
            Column::Binary(values) => values.value(self.row),
            _ => &[],
        }
    }
}

impl Function {
    pub(crate) const fn new(
        name: &'static str,
        forms: &'static [&'static [Param]],
        returns: Returns,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            forms,
            returns,
        }
    }

    pub(crate) const fn also(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }
}

impl Param {
    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "varchar",
            Self::Bigint => "bigint",
            Self::Double => "double",
            Self::Boolean => "boolean",
            Self::Binary => "varbinary",
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8View,
            Self::Bigint => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Binary => DataType::Binary,
        }
    }

    fn takes(self, given: &DataType) -> bool {
        *given == DataType::Null
            || match self {
                Self::Text => given.is_string(),
                Self::Bigint => given.is_integer(),
                Self::Double => given.is_numeric(),
                Self::Boolean => *given == DataType::Boolean,
                Self::Binary => matches!(
                    given,
                    DataType::Binary | DataType::LargeBinary | DataType::BinaryView
                ),
            }
    }
}

/// The type array(varchar).
pub(crate) fn texts() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8View, true)))
}

impl Listed for Function {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    fn written(&self) -> String {
        let forms = self.forms.iter().map(|form| {
            let params: Vec<&str> = form.iter().map(|param| param.as_str()).collect();
            format!("{}({})", self.name, params.join(", "))
        });
        forms.collect::<Vec<_>>().join(" or ")
    }

    fn coerce(&self, given: &[DataType]) -> Option<Vec<DataType>> {
        let fits = |form: &&&[Param]| {
            form.len() == given.len() && form.iter().zip(given).all(|(param, of)| param.takes(of))
        };
        let form = self.forms.iter().find(fits)?;
        Some(form.iter().map(|param| param.data_type()).collect())
    }

    fn returns(&self, _: &[DataType]) -> DataType {
        match self.returns {
            Returns::Text(_) => DataType::Utf8View,
            Returns::Bigint(_) => DataType::Int64,
            Returns::Double(_) => DataType::Float64,
            Returns::Boolean(_) => DataType::Boolean,
            Returns::Binary(_) => DataType::Binary,
            Returns::Texts(_) => texts(),
        }
    }

    fn call(&self, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let columns: Vec<Column<'_>> = args.iter().map(column).collect();
        let has_null = |row: usize| args.iter().any(|array| array.is_null(row));
        let rows = (0..rows).map(|row| {
            (!has_null(row)).then_some(Row {
                columns: &columns,
                row,
            })
        });
        compute(&self.returns, rows)
    }
}

fn column(array: &ArrayRef) -> Column<'_> {
    match array.data_type() {
        DataType::Utf8View => Column::Text(array.as_string_view()),
        DataType::Int64 => Column::Bigint(array.as_primitive::<Int64Type>()),
        DataType::Float64 => Column::Double(array.as_primitive::<Float64Type>()),
        DataType::Boolean => Column::Boolean(array.as_boolean()),
        _ => Column::Binary(array.as_binary()),
    }
}

fn compute<'a>(returns: &Returns, rows: impl Iterator<Item = Option<Row<'a>>>) -> Result<ArrayRef> {
    fn each<'a, T>(
        rows: impl Iterator<Item = Option<Row<'a>>>,
        of: fn(&Row<'_>) -> Result<Option<T>, Fault>,
        mut append: impl FnMut(Option<T>),
    ) -> Result<()> {
        for row in rows {
            append(match row {
                Some(row) => of(&row)?,
                None => None,
            });
        }
        Ok(())
    }
    Ok(match returns {
        Returns::Text(of) => {
            let mut out = StringViewBuilder::new();
            each(rows, *of, |text| out.append_option(text))?;
            Arc::new(out.finish())
        }
        Returns::Bigint(of) => {
            let mut out = Int64Builder::new();
            each(rows, *of, |number| out.append_option(number))?;
            Arc::new(out.finish())
        }
        Returns::Double(of) => {
            let mut out = Float64Builder::new();
            each(rows, *of, |number| out.append_option(number))?;
            Arc::new(out.finish())
        }
        Returns::Boolean(of) => {
            let mut out = BooleanBuilder::new();
            each(rows, *of, |value| out.append_option(value))?;
            Arc::new(out.finish())
        }
        Returns::Binary(of) => {
            let mut out = BinaryBuilder::new();
            each(rows, *of, |bytes| out.append_option(bytes))?;
            Arc::new(out.finish())
        }
        Returns::Texts(of) => {
            let mut out = ListBuilder::new(StringViewBuilder::new());
            each(rows, *of, |texts| out.append_option(texts))?;
            Arc::new(out.finish())
        }
    })
}
