//! Operators, functions and methods of columns, as Spark's SQL.

use sqlparser::ast::{
    BinaryOperator, Expr as Sql, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, UnaryOperator, Value as Literal,
};
use sqlparser::ast::{DuplicateTreatment, helpers::attached_token::AttachedToken};

use super::value::{Args, TEXT_MAX, Value};
use crate::names;
use crate::python::{Expr, ExprKind, Statement, StatementKind};
use crate::spark;
use crate::spark_meaning::negated;

/// A column by its name.
pub(super) fn column(name: &str) -> Sql {
    Sql::Identifier(Ident::new(name))
}

fn text(text: &str) -> Sql {
    Sql::value(Literal::SingleQuotedString(text.to_owned()))
}

fn nested(expr: Sql) -> Sql {
    match expr {
        simple @ (Sql::Identifier(_)
        | Sql::CompoundIdentifier(_)
        | Sql::Value(_)
        | Sql::Function(_)
        | Sql::Nested(_)) => simple,
        other => Sql::Nested(Box::new(other)),
    }
}

fn operation(op: BinaryOperator, left: Sql, right: Sql) -> Sql {
    Sql::BinaryOp {
        left: Box::new(nested(left)),
        op,
        right: Box::new(nested(right)),
    }
}

/// Both conditions.
pub(super) fn and(left: Sql, right: Sql) -> Sql {
    operation(BinaryOperator::And, left, right)
}

fn call(name: &str, args: Vec<Sql>, is_distinct: bool) -> Sql {
    let star = name == "count" && args.is_empty();
    let args = args.into_iter();
    let mut args: Vec<FunctionArg> = args
        .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
        .collect();
    if star {
        args.push(FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
    }
    Sql::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: is_distinct.then_some(DuplicateTreatment::Distinct),
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A value as an expression: a column as itself, anything else as a literal.
pub(super) fn as_expression(value: &Value) -> Option<Sql> {
    Some(match value {
        Value::Column(expr, _) => expr.clone(),
        Value::Text(value) => text(value),
        Value::Number(number) => Sql::value(Literal::Number(number.clone(), false)),
        Value::Bool(value) => Sql::value(Literal::Boolean(*value)),
        Value::None => Sql::value(Literal::Null),
        _ => return None,
    })
}

/// A value as a column: a text is a column's name, with the frame's alias before it.
pub(super) fn as_column(value: &Value) -> Option<Sql> {
    match value {
        Value::Text(name) => match name.split_once('.') {
            Some((alias, name)) if !alias.is_empty() && !alias.contains(['`', '(', ' ']) => {
                Some(Sql::CompoundIdentifier(vec![
                    Ident::new(alias.to_lowercase()),
                    Ident::new(names::column(name)),
                ]))
            }
            _ => Some(column(&names::column(name))),
        },
        other => as_expression(other),
    }
}

/// An expression in Spark's SQL.
pub(super) fn parsed(sql: &str) -> Value {
    match spark::parse_expr(sql) {
        Ok(expr) => Value::Column(expr, None),
        Err(reason) => Value::Unknown(reason),
    }
}

/// Whether an expression is a condition, as far as its form tells.
pub(super) fn is_condition(expr: &Sql) -> bool {
    !matches!(expr, Sql::Identifier(_) | Sql::Value(_))
}

/// Whether a condition of Python's holds, if it is known.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::None => Some(false),
        Value::List(values) => Some(!values.is_empty()),
        Value::Number(number) => number.parse::<f64>().ok().map(|number| number != 0.0),
        Value::Text(text) => Some(!text.is_empty()),
        _ => None,
    }
}

/// Whether a call that is not understood may do something with data.
pub(super) fn may_concern_data(expr: &Expr) -> bool {
    const IGNORED: [&str; 14] = [
        "write",
        "display",
        "print",
        "init",
        "commit",
        "info",
        "warning",
        "error",
        "setLogLevel",
        "show",
        "printSchema",
        "set",
        "debug",
        "exit",
    ];
    match &expr.kind {
        ExprKind::Call { function, .. } => match &function.kind {
            ExprKind::Name(name) | ExprKind::Attribute { name, .. } => {
                !IGNORED.contains(&name.as_str())
            }
            _ => true,
        },
        // Comprehensions, `await` and the like.
        ExprKind::Other(_) => true,
        _ => false,
    }
}

/// Whether a statement does more than print.
pub(super) fn does_something(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::Expr(expr) => may_concern_data(expr),
        StatementKind::NotFollowed(left_out) => left_out.concerns_data,
        StatementKind::Block(statements) => statements.iter().any(does_something),
        StatementKind::Other | StatementKind::Global(_) => false,
        StatementKind::If {
            then, otherwise, ..
        } => then.iter().chain(otherwise).any(does_something),
        _ => true,
    }
}

/// `not x`, `-x`, `~x`.
pub(super) fn unary(op: &str, operand: Value) -> Value {
    match (op, operand) {
        ("not" | "~", Value::Column(expr, _)) => Value::Column(negated(expr), None),
        ("not", value) => match truth(&value) {
            Some(value) => Value::Bool(!value),
            None => Value::Unknown(value.reason("a condition")),
        },
        ("-", Value::Number(number)) => Value::Number(format!("-{number}")),
        ("-", Value::Column(expr, _)) => Value::Column(
            Sql::UnaryOp {
                op: UnaryOperator::Minus,
                expr: Box::new(nested(expr)),
            },
            None,
        ),
        (op, _) => Value::Unknown(format!("`{op}` is not understood here")),
    }
}

/// An operator between two values.
pub(super) fn binary(op: &str, left: Value, right: Value) -> Value {
    if let (Value::Unknown(reason), _) | (_, Value::Unknown(reason)) = (&left, &right) {
        return Value::Unknown(reason.clone());
    }
    let has_column = |value: &Value| matches!(value, Value::Column(..));
    if has_column(&left) || has_column(&right) {
        return column_operation(op, &left, &right).bounded();
    }
    match (op, &left, &right) {
        ("+", Value::Text(a), Value::Text(b)) if a.len() + b.len() <= TEXT_MAX => {
            Value::Text(format!("{a}{b}"))
        }
        ("+", Value::List(a), Value::List(b)) => {
            Value::List(a.iter().chain(b).cloned().collect()).bounded()
        }
        ("+", _, _) => match (left.open_text(), right.open_text()) {
            (Some(a), Some(b)) if a.len() + b.len() <= TEXT_MAX => {
                Value::OpenText(format!("{a}{b}"))
            }
            (Some(a), None) => Value::OpenText(format!("{a}{{}}")),
            (None, Some(b)) => Value::OpenText(format!("{{}}{b}")),
            _ => Value::Unknown("`+` is not understood here".to_owned()),
        },
        ("==", Value::Text(a), Value::Text(b)) => Value::Bool(a == b),
        // `if __name__ == "__main__"`: the script is the program.
        ("==", Value::Library(name), Value::Text(main)) if name == "__name__" => {
            Value::Bool(main == "__main__")
        }
        (">", Value::Number(a), Value::Number(b)) => match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => Value::Bool(a > b),
            _ => Value::Unknown("a comparison is not understood".to_owned()),
        },
        _ => Value::Unknown(format!("`{op}` is known only when the job runs")),
    }
}

fn column_operation(op: &str, left: &Value, right: &Value) -> Value {
    if op == "in" || op == "not in" {
        let (Some(expr), Value::List(values)) = (as_expression(left), right) else {
            return Value::Unknown("`in` is not understood here".to_owned());
        };
        return is_in(expr, values, op == "not in");
    }
    let (Some(a), Some(b)) = (as_expression(left), as_expression(right)) else {
        let value = if as_expression(left).is_none() {
            left
        } else {
            right
        };
        return Value::Unknown(value.reason("an operand"));
    };
    let is_null = matches!(right, Value::None);
    Value::Column(
        match op {
            "is" | "==" if is_null => Sql::IsNull(Box::new(nested(a))),
            "is not" | "!=" if is_null => Sql::IsNotNull(Box::new(nested(a))),
            "==" => operation(BinaryOperator::Eq, a, b),
            "!=" | "<>" => operation(BinaryOperator::NotEq, a, b),
            "<" => operation(BinaryOperator::Lt, a, b),
            "<=" => operation(BinaryOperator::LtEq, a, b),
            ">" => operation(BinaryOperator::Gt, a, b),
            ">=" => operation(BinaryOperator::GtEq, a, b),
            "and" | "&" => and(a, b),
            "or" | "|" => operation(BinaryOperator::Or, a, b),
            "+" => operation(BinaryOperator::Plus, a, b),
            "-" => operation(BinaryOperator::Minus, a, b),
            "*" => operation(BinaryOperator::Multiply, a, b),
            "/" => operation(BinaryOperator::Divide, a, b),
            "%" => operation(BinaryOperator::Modulo, a, b),
            other => return Value::Unknown(format!("`{other}` is not translated")),
        },
        None,
    )
}

fn is_in(expr: Sql, values: &[Value], negated: bool) -> Value {
    let list: Option<Vec<Sql>> = values.iter().map(as_expression).collect();
    match list {
        Some(list) if !list.is_empty() => Value::Column(
            Sql::InList {
                expr: Box::new(nested(expr)),
                list,
                negated,
            },
            None,
        ),
        _ => Value::Unknown("the values of `in` are not understood".to_owned()),
    }
}

/// `re.match(pattern, column)` and its siblings.
pub(super) fn matches(name: &str, args: &Args) -> Value {
    let (Some(Value::Text(pattern)), Some(Value::Column(column, _))) =
        (args.get(0, "pattern"), args.get(1, "string"))
    else {
        return Value::Unknown("the pattern is not understood".to_owned());
    };
    let pattern = match name {
        "match" => format!("^(?:{pattern})"),
        "fullmatch" => format!("^(?:{pattern})$"),
        _ => pattern.clone(),
    };
    Value::Column(
        call("regexp_like", vec![column.clone(), text(&pattern)], false),
        None,
    )
}

/// A function of `pyspark.sql.functions`.
pub(super) fn of_columns(name: &str, args: &Args) -> Option<Value> {
    let columns = || -> Option<Vec<Sql>> { args.flat().iter().map(as_column).collect() };
    let first = args.positional.first();
    Some(Value::Column(
        match name {
            "col" | "column" => as_column(first?)?,
            "lit" => as_expression(first?)?,
            "expr" => match parsed(first?.text()?) {
                Value::Column(expr, _) => expr,
                unknown => return Some(unknown),
            },
            "when" => Sql::Case {
                case_token: AttachedToken::empty(),
                end_token: AttachedToken::empty(),
                operand: None,
                conditions: vec![sqlparser::ast::CaseWhen {
                    condition: as_expression(first?)?,
                    result: as_expression(args.positional.get(1)?)?,
                }],
                else_result: None,
            },
            "count" if first.and_then(Value::text) == Some("*") => call(name, Vec::new(), false),
            "countDistinct" | "count_distinct" => call("count", columns()?, true),
            "count" | "sum" | "avg" | "mean" | "min" | "max" | "upper" | "lower" | "trim"
            | "abs" | "length" | "coalesce" | "year" | "month" | "to_date" | "current_date"
            | "current_timestamp" | "isnull" | "isnotnull" | "first" | "stddev" => {
                call(name, columns()?, false)
            }
            "row_number" | "from_unixtime" | "to_timestamp" | "date_format" | "concat"
            | "concat_ws" | "round" | "datediff" | "unix_timestamp" => {
                return Some(Value::Unknown(format!(
                    "function `{name}` is not translated"
                )));
            }
            _ => return None,
        },
        None,
    ))
}

/// A method of a column.
pub(super) fn column_method(column: Sql, alias: Option<String>, name: &str, args: &Args) -> Value {
    let argument = |at: usize| args.positional.get(at).and_then(as_expression);
    let unknown = || Value::Unknown(format!("`{name}` of a column is not translated"));
    let inner = Box::new(nested(column.clone()));
    let expr = match name {
        "alias" | "name" => {
            let alias = args
                .get(0, "alias")
                .and_then(Value::text)
                .map(names::column);
            return Value::Column(column, alias);
        }
        "isNotNull" => Sql::IsNotNull(inner),
        "isNull" => Sql::IsNull(inner),
        "asc" | "desc" => return Value::Column(column, alias),
        "isin" => return is_in(column, &args.flat(), false),
        "eqNullSafe" => match argument(0) {
            Some(other) => operation(BinaryOperator::Spaceship, column, other),
            None => return unknown(),
        },
        "between" => match (argument(0), argument(1)) {
            (Some(low), Some(high)) => Sql::Between {
                expr: inner,
                negated: false,
                low: Box::new(low),
                high: Box::new(high),
            },
            _ => return unknown(),
        },
        "like" | "rlike" => match (name, argument(0)) {
            ("rlike", Some(pattern)) => call("regexp_like", vec![column, pattern], false),
            (_, Some(pattern)) => Sql::Like {
                negated: false,
                any: false,
                expr: inner,
                pattern: Box::new(pattern),
                escape_char: None,
            },
            _ => return unknown(),
        },
        "cast" | "astype" => match args.positional.first().and_then(Value::text) {
            Some(kind) => match parsed(&format!("cast(x as {kind})")) {
                Value::Column(
                    Sql::Cast {
                        kind,
                        data_type,
                        array,
                        format,
                        ..
                    },
                    _,
                ) => Sql::Cast {
                    kind,
                    expr: inner,
                    data_type,
                    array,
                    format,
                },
                _ => return unknown(),
            },
            None => return unknown(),
        },
        "when" | "otherwise" => match (column, name, argument(0), argument(1)) {
            (
                Sql::Case {
                    case_token,
                    end_token,
                    operand,
                    mut conditions,
                    else_result: None,
                },
                name,
                Some(first),
                second,
            ) => {
                let else_result = match (name, second) {
                    ("when", Some(result)) => {
                        conditions.push(sqlparser::ast::CaseWhen {
                            condition: first,
                            result,
                        });
                        None
                    }
                    _ => Some(Box::new(first)),
                };
                Sql::Case {
                    case_token,
                    end_token,
                    operand,
                    conditions,
                    else_result,
                }
            }
            _ => return unknown(),
        },
        _ => return unknown(),
    };
    Value::Column(expr, alias)
}
