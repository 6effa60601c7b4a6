//! Refuses values of different types where Trino refuses them.
//!
//! DataFusion casts one of the two, and the result is another one than is meant:
//! `sharewithresearchasofdate <> ''` fails on the first row, and a number of milliseconds
//! that is compared with a date counts as days.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue, Spans};
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator};

use crate::Error;
use crate::redaction;

/// Checks all expressions of a plan.
///
/// # Errors
/// [`Error::Sql`] for the first expression that mixes types.
pub(crate) fn refuse(plan: &LogicalPlan) -> Result<(), Error> {
    let mut found = None;
    let visited = plan.apply_with_subqueries(|node| {
        found = between_inputs(node);
        let schema = merge_schema(&node.inputs());
        for expr in node.expressions() {
            if found.is_some() {
                break;
            }
            expr.apply(|expr| {
                found = within(expr, &schema);
                Ok(stop_if(found.is_some()))
            })?;
        }
        Ok(stop_if(found.is_some()))
    });
    match (visited, found) {
        (Ok(_), Some(error)) => Err(error),
        // What cannot be walked is judged where it is planned.
        _ => Ok(()),
    }
}

fn stop_if(is_found: bool) -> TreeNodeRecursion {
    match is_found {
        true => TreeNodeRecursion::Stop,
        false => TreeNodeRecursion::Continue,
    }
}

/// What is done with two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Compared. A text in ISO form may stand for a time.
    Compared,
    Computed,
    /// One of them is the result.
    Either,
}

/// Types that Trino never mixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Number,
    Boolean,
    /// A date or a timestamp.
    Time,
}

impl Family {
    fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            of if of.is_string() => Self::Text,
            of if of.is_numeric() => Self::Number,
            DataType::Boolean => Self::Boolean,
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Self::Time,
            _ => return None,
        })
    }
}

/// Columns that a UNION puts together, or that a join compares.
fn between_inputs(node: &LogicalPlan) -> Option<Error> {
    match node {
        LogicalPlan::Union(union) => {
            let first = union.inputs.first()?.schema();
            let others = union.inputs.iter().skip(1);
            let mut pairs =
                others.flat_map(|other| first.fields().iter().zip(other.schema().fields()));
            let (one, other) = pairs
                .find(|(one, other)| is_mixed(Use::Either, one.data_type(), other.data_type()))?;
            Some(Error::sql(
                format!(
                    "the column `{}` of a UNION is a {} in one query and a {} in another",
                    redaction::shown(one.name()),
                    trino::type_name(one.data_type()),
                    trino::type_name(other.data_type())
                ),
                "write CAST(value AS varchar) in one of them",
            ))
        }
        LogicalPlan::Join(join) => join.on.iter().find_map(|(left, right)| {
            let left = (left, left.get_type(join.left.schema()).ok()?);
            let right = (right, right.get_type(join.right.schema()).ok()?);
            mixed(Use::Compared, left, right)
        }),
        _ => None,
    }
}

/// Values of different types that an expression takes.
fn within(expr: &Expr, schema: &DFSchema) -> Option<Error> {
    let of = |expr: &Expr| type_of(expr, schema);
    let all = |used, one, others: Vec<&Expr>| {
        let type_of_one = of(one)?;
        let mut others = others.into_iter();
        others.find_map(|other| mixed(used, (one, type_of_one.clone()), (other, of(other)?)))
    };
    match expr {
        Expr::BinaryExpr(binary) if binary.op == Operator::StringConcat => concatenated(
            (&binary.left, of(&binary.left)?),
            (&binary.right, of(&binary.right)?),
        ),
        Expr::BinaryExpr(binary) if binary.op.is_numerical_operators() => {
            let (left, right) = (of(&binary.left)?, of(&binary.right)?);
            no_time_of_day(&left, &binary.right)
                .or_else(|| no_time_of_day(&right, &binary.left))
                .or_else(|| mixed(Use::Computed, (&binary.left, left), (&binary.right, right)))
        }
        Expr::BinaryExpr(binary) if binary.op.supports_propagation() => {
            all(Use::Compared, &binary.left, vec![&binary.right])
        }
        Expr::InList(list) => all(Use::Compared, &list.expr, list.list.iter().collect()),
        Expr::Between(between) => all(
            Use::Compared,
            &between.expr,
            vec![&between.low, &between.high],
        ),
        Expr::InSubquery(within) => {
            let given = within.subquery.subquery.schema().fields().first()?;
            let column = Expr::Column(given.name().as_str().into());
            mixed(
                Use::Compared,
                (&within.expr, of(&within.expr)?),
                (&column, given.data_type().clone()),
            )
        }
        Expr::Case(case) => of_case(case, schema),
        Expr::ScalarFunction(function) => of_call(function, schema),
        Expr::Cast(cast) => converted(&cast.expr, &of(&cast.expr)?, cast.field.data_type()),
        Expr::TryCast(cast) => converted(&cast.expr, &of(&cast.expr)?, cast.field.data_type()),
        _ => None,
    }
}

fn of_case(case: &Case, schema: &DFSchema) -> Option<Error> {
    let of = |expr: &Expr| type_of(expr, schema);
    let conditions = case.when_then_expr.iter().map(|(when, _)| &**when);
    let wrong = match &case.expr {
        Some(value) => {
            let value_type = of(value)?;
            conditions.into_iter().find_map(|when| {
                mixed(
                    Use::Compared,
                    (value, value_type.clone()),
                    (when, of(when)?),
                )
            })
        }
        None => conditions.into_iter().find_map(|when| {
            let found = of(when)?;
            (!matches!(found, DataType::Boolean | DataType::Null)).then(|| Error::Sql {
                message: format!(
                    "a condition is a {} and no boolean",
                    trino::type_name(&found)
                ),
                hint: Some("write a comparison, such as value > 0 or value IS NOT NULL".to_owned()),
                place: place(when),
            })
        }),
    };
    let results = case.when_then_expr.iter().map(|(_, then)| &**then);
    let results = results.chain(case.else_expr.as_deref());
    wrong.or_else(|| all_of_one_family(Use::Either, results, schema))
}

fn all_of_one_family<'e>(
    used: Use,
    values: impl Iterator<Item = &'e Expr>,
    schema: &DFSchema,
) -> Option<Error> {
    let typed = values.filter_map(|value| Some((value, type_of(value, schema)?)));
    let mut known = typed.filter(|(_, data_type)| Family::of(data_type).is_some());
    let first = known.next()?;
    known.find_map(|other| mixed(used, first.clone(), other))
}

/// Functions that take a text first, and nothing that DataFusion would write as one.
const OF_TEXTS: [&str; 16] = [
    "btrim",
    "character_length",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "regexp_like",
    "replace",
    "rpad",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "trim",
    "upper",
];

fn of_call(function: &ScalarFunction, schema: &DFSchema) -> Option<Error> {
    let of = |expr: &Expr| type_of(expr, schema);
    match (function.name(), function.args.as_slice()) {
        ("coalesce" | "greatest" | "least", values) => {
            all_of_one_family(Use::Either, values.iter(), schema)
        }
        ("nullif", values) => all_of_one_family(Use::Compared, values.iter(), schema),
        ("contains" | "array_has" | "array_position" | "array_remove_all", [list, value]) => {
            let (DataType::List(item)
            | DataType::LargeList(item)
            | DataType::FixedSizeList(item, _)) = of(list)?
            else {
                return None;
            };
            mixed(
                Use::Either,
                (list, item.data_type().clone()),
                (value, of(value)?),
            )
        }
        (name, [value, ..]) if OF_TEXTS.contains(&name) => {
            let found = of(value)?;
            let is_text = matches!(Family::of(&found), None | Some(Family::Text));
            (!is_text).then(|| Error::Sql {
                message: format!(
                    "`{name}` takes a text, and {} is a {}",
                    quoted(value),
                    trino::type_name(&found)
                ),
                hint: Some(format!("write CAST({} AS varchar)", name_of(value))),
                place: place(value),
            })
        }
        _ => None,
    }
}

fn is_mixed(used: Use, one: &DataType, other: &DataType) -> bool {
    match (Family::of(one), Family::of(other)) {
        (Some(Family::Text), Some(Family::Time)) | (Some(Family::Time), Some(Family::Text)) => {
            used == Use::Either
        }
        (Some(one), Some(other)) => one != other,
        _ => false,
    }
}

type Typed<'e> = (&'e Expr, DataType);

/// The error about two values that are not used with each other.
fn mixed(used: Use, one: Typed<'_>, other: Typed<'_>) -> Option<Error> {
    if !is_mixed(used, &one.1, &other.1) {
        return None;
    }
    let is = |of: &Typed<'_>, family| Family::of(&of.1) == Some(family);
    // The value that is told of first is the one that is to be converted.
    let (value, with) = match (&one, &other) {
        (one, other) if is(one, Family::Number) && is(other, Family::Boolean) => (other, one),
        (one, other) if is(one, Family::Number) => (one, other),
        (one, other) if is(other, Family::Number) && !is(one, Family::Boolean) => (other, one),
        (one, other) if is(one, Family::Text) => (other, one),
        (one, other) => (one, other),
    };
    let name = name_of(value.0);
    let type_name = trino::type_name(&value.1);
    let hint = match (Family::of(&value.1)?, Family::of(&with.1)?) {
        (Family::Number, Family::Time) if used == Use::Computed => {
            "write date_add('day', 1, date), or date + INTERVAL '1' DAY".to_owned()
        }
        (Family::Number, Family::Time) => format!(
            "compare from_unixtime({name} / 1000) with a timestamp, if {name} is in epoch \
             milliseconds"
        ),
        (Family::Number, Family::Text) if matches!(with.0, Expr::Literal(..)) => format!(
            "write a number without quotes, {name} IS NOT NULL for one that is there, \
             or CAST({name} AS varchar)"
        ),
        (Family::Number, Family::Text) => {
            format!("write CAST({name} AS varchar), or CAST the text AS {type_name}")
        }
        _ => format!("write CAST({name} AS varchar)"),
    };
    let with_name = match Family::of(&with.1)? {
        Family::Text => "text".to_owned(),
        _ => trino::type_name(&with.1),
    };
    Some(Error::Sql {
        message: format!(
            "{} is a {type_name} and cannot be used with a {with_name} here",
            quoted(value.0)
        ),
        hint: Some(hint),
        place: place(value.0).or_else(|| place(with.0)),
    })
}

/// `||` takes texts, or arrays.
fn concatenated(one: Typed<'_>, other: Typed<'_>) -> Option<Error> {
    let is_text = |of: &Typed<'_>| matches!(Family::of(&of.1), None | Some(Family::Text));
    let is_known = |of: &Typed<'_>| Family::of(&of.1).is_some() || of.1 == DataType::Null;
    if !is_known(&one) || !is_known(&other) {
        return None;
    }
    let (value, data_type) = [one, other].into_iter().find(|of| !is_text(of))?;
    Some(Error::Sql {
        message: format!(
            "{} is a {} and cannot be used with a text here",
            quoted(value),
            trino::type_name(&data_type)
        ),
        hint: Some(format!("write CAST({} AS varchar)", name_of(value))),
        place: place(value),
    })
}

/// A date has no hours to which an interval could add.
fn no_time_of_day(data_type: &DataType, interval: &Expr) -> Option<Error> {
    let is_date = matches!(data_type, DataType::Date32 | DataType::Date64);
    let has_time = match interval {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => {
            interval.nanoseconds != 0
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(interval)), _) => {
            interval.milliseconds != 0
        }
        _ => false,
    };
    (is_date && has_time).then(|| {
        Error::sql(
            "hours, minutes and seconds cannot be added to a date",
            "write CAST(date AS timestamp) + INTERVAL '1' HOUR",
        )
    })
}

/// A cast between numbers and times, whose unit nobody said.
fn converted(value: &Expr, from: &DataType, to: &DataType) -> Option<Error> {
    let name = name_of(value);
    let hint = match (Family::of(from)?, Family::of(to)?) {
        (Family::Number, Family::Time) => format!(
            "write from_unixtime({name}) for seconds, from_unixtime({name} / 1000) for milliseconds"
        ),
        (Family::Time, Family::Number) => format!(
            "write to_unixtime({name}) for seconds, or date_diff('day', DATE '1970-01-01', {name})"
        ),
        _ => return None,
    };
    Some(Error::Sql {
        message: format!(
            "a {} cannot be cast to a {}",
            trino::type_name(from),
            trino::type_name(to)
        ),
        hint: Some(hint),
        place: place(value),
    })
}

/// The type of an expression. Of a chain of operators it is told from the last operand, so
/// that a long chain is not typed anew at each of its operators.
fn type_of(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    let Expr::BinaryExpr(binary) = expr else {
        return expr.get_type(schema).ok();
    };
    let op = binary.op;
    if op.supports_propagation() || op.is_logic_operator() {
        return Some(DataType::Boolean);
    }
    if !op.is_numerical_operators() && op != Operator::StringConcat {
        return expr.get_type(schema).ok();
    }
    let right = type_of(&binary.right, schema)?;
    match right {
        DataType::Interval(_) | DataType::Duration(_) => type_of(&binary.left, schema),
        DataType::Date32 | DataType::Date64 if op == Operator::Minus => Some(DataType::Int64),
        DataType::Timestamp(..) if op == Operator::Minus => expr.get_type(schema).ok(),
        other => Some(other),
    }
}

/// A column's name; another expression goes by what it is.
fn name_of(expr: &Expr) -> &str {
    match expr {
        Expr::Column(column) => redaction::shown(column.name()),
        Expr::Alias(alias) => name_of(&alias.expr),
        _ => "value",
    }
}

/// As [`name_of`], in a sentence.
fn quoted(expr: &Expr) -> String {
    match name_of(expr) {
        "value" => "a value".to_owned(),
        name => format!("`{name}`"),
    }
}

/// Line and column of a column.
fn place(expr: &Expr) -> Option<(u64, u64)> {
    let spans: &Spans = match expr {
        Expr::Column(column) => column.spans(),
        Expr::BinaryExpr(binary) => return place(&binary.left).or_else(|| place(&binary.right)),
        Expr::Cast(cast) => return place(&cast.expr),
        _ => return None,
    };
    let start = spans.first()?.start;
    Some((start.line, start.column))
}
