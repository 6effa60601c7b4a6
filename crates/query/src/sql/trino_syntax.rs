//! Trino's syntax in terms of DataFusion's: what Athena writes as a function and
//! DataFusion as an expression, aggregates under other names, names with a catalog.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, DateTimeField, Expr, Fetch, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident, LambdaFunction,
    LambdaFunctionParameter, LambdaSyntax, LimitClause, ObjectName, ObjectNamePart,
    OneOrManyWithParens, Query, Subscript, UnaryOperator, Value, VisitMut, VisitorMut,
    visit_expressions,
};

use crate::Error;
use crate::sql::calls::{argument, call, number};
use crate::sql::literals;

/// Rewrites a statement.
///
/// # Errors
/// [`Error::Sql`] for a call that cannot be expressed.
pub(crate) fn rewrite(statement: &mut Statement) -> Result<(), Error> {
    match statement {
        Statement::Statement(statement) => match statement.visit(&mut Rewriter) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        },
        Statement::Explain(explain) => rewrite(&mut explain.statement),
        _ => Ok(()),
    }
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = Error;

    fn post_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<Error> {
        if let [ObjectNamePart::Identifier(catalog), _, _] = relation.0.as_slice()
            && catalog.value.eq_ignore_ascii_case("awsdatacatalog")
        {
            relation.0.remove(0);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let plain = |fetch: &Fetch| !fetch.with_ties && !fetch.percent;
        let limit = query
            .fetch
            .as_ref()
            .filter(|fetch| plain(fetch))
            .map(|fetch| match &fetch.quantity {
                Some(quantity) => quantity.clone(),
                None => number("1"),
            });
        let offset = match &query.limit_clause {
            None => None,
            Some(LimitClause::LimitOffset {
                limit: None,
                offset,
                limit_by,
            }) if limit_by.is_empty() => offset.clone(),
            // FETCH beside LIMIT is refused where it is planned.
            Some(_) => return ControlFlow::Continue(()),
        };
        if limit.is_some() {
            query.fetch = None;
            query.limit_clause = Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by: Vec::new(),
            });
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        // Moved out and back: copies would make a nested statement many times as large.
        let taken = std::mem::replace(expr, Expr::value(Value::Null));
        match rewritten(taken) {
            Ok(rewritten) => {
                *expr = rewritten;
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// An expression, whose parts are rewritten already, in DataFusion's terms.
fn rewritten(expr: Expr) -> Result<Expr, Error> {
    Ok(match expr {
        Expr::AtTimeZone {
            timestamp,
            time_zone,
        } => call("at_timezone", vec![*timestamp, *time_zone]),
        Expr::Substring {
            expr,
            substring_from,
            substring_for,
            ..
        } => {
            let from = substring_from.map_or_else(|| number("1"), |from| *from);
            let mut args = vec![*expr, from];
            args.extend(substring_for.map(|length| *length));
            call("substr", args)
        }
        Expr::CompoundFieldAccess { root, access_chain } => subscripts(root, access_chain),
        Expr::Extract {
            field,
            syntax,
            expr,
        } => match extract(&field) {
            Some(name) => call(name, vec![*expr]),
            None => Expr::Extract {
                field,
                syntax,
                expr,
            },
        },
        // DataFusion plans the elements of a literal without the columns of lambdas and of
        // statements around it; arguments of a call it plans with them.
        Expr::Array(array) if !array.elem.is_empty() => call("make_array", array.elem),
        Expr::Function(function) => rewritten_call(function)?,
        Expr::Value(value) => literals::literal(value),
        literal @ Expr::TypedString(_) => literals::typed_literal(literal)?,
        cast @ Expr::Cast { .. } => literals::cast(cast)?,
        Expr::Like {
            negated,
            any: false,
            expr,
            pattern,
            escape_char,
        } => Expr::Like {
            negated,
            any: false,
            expr,
            pattern: Box::new(literals::pattern(*pattern, escape_char)?),
            escape_char: None,
        },
        Expr::ILike {
            negated,
            any: false,
            expr,
            pattern,
            escape_char,
        } => Expr::ILike {
            negated,
            any: false,
            expr,
            pattern: Box::new(literals::pattern(*pattern, escape_char)?),
            escape_char: None,
        },
        other => other,
    })
}

/// The function for a field of EXTRACT that DataFusion numbers in another way, or gives
/// another type.
fn extract(field: &DateTimeField) -> Option<&'static str> {
    Some(match field {
        DateTimeField::Year | DateTimeField::Years => "year",
        DateTimeField::Quarter => "quarter",
        DateTimeField::Month | DateTimeField::Months => "month",
        DateTimeField::Week(None) | DateTimeField::Weeks => "week",
        DateTimeField::Day | DateTimeField::Days => "day",
        DateTimeField::DayOfWeek | DateTimeField::Dow => "day_of_week",
        DateTimeField::DayOfYear | DateTimeField::Doy => "day_of_year",
        DateTimeField::Hour | DateTimeField::Hours => "hour",
        DateTimeField::Minute | DateTimeField::Minutes => "minute",
        DateTimeField::Second | DateTimeField::Seconds => "second",
        DateTimeField::TimezoneHour => "timezone_hour",
        DateTimeField::TimezoneMinute => "timezone_minute",
        DateTimeField::Custom(name) => match name.value.to_lowercase().as_str() {
            "yow" | "year_of_week" => "year_of_week",
            "day_of_month" => "day",
            "day_of_week" => "day_of_week",
            "day_of_year" => "day_of_year",
            _ => return None,
        },
        _ => return None,
    })
}

fn name_of(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => Some(name.value.to_lowercase()),
        _ => None,
    }
}

/// Functions and aggregates that DataFusion has under another name.
const OTHER_NAMES: [(&str, &str); 14] = [
    ("arbitrary", "any_value"),
    ("array_remove", "array_remove_all"),
    ("bitwise_and_agg", "bit_and"),
    ("bitwise_or_agg", "bit_or"),
    ("bitwise_xor_agg", "bit_xor"),
    ("ceiling", "ceil"),
    ("every", "bool_and"),
    ("filter", "array_filter"),
    ("rand", "random"),
    ("stddev_samp", "stddev"),
    ("transform", "array_transform"),
    ("truncate", "trunc"),
    ("var_samp", "var"),
    ("variance", "var"),
];

/// Functions that are rewritten to other expressions, with what each is: no function of
/// theirs is registered.
pub(crate) const REWRITTEN: [(&str, &str); 21] = [
    ("all_match", "lambda"),
    ("approx_percentile", "aggregate"),
    ("arbitrary", "aggregate"),
    ("bitwise_and_agg", "aggregate"),
    ("bitwise_or_agg", "aggregate"),
    ("bitwise_xor_agg", "aggregate"),
    ("ceiling", "scalar"),
    ("count_if", "aggregate"),
    ("every", "aggregate"),
    ("filter", "lambda"),
    ("geometric_mean", "aggregate"),
    ("if", "scalar"),
    ("listagg", "aggregate"),
    ("mod", "scalar"),
    ("none_match", "lambda"),
    ("rand", "scalar"),
    ("stddev_samp", "aggregate"),
    ("transform", "lambda"),
    ("truncate", "scalar"),
    ("try", "scalar"),
    ("variance", "aggregate"),
];

/// A call in DataFusion's terms. A call with other arguments than Trino's stays as it is,
/// and is refused where it is planned.
fn rewritten_call(mut function: Function) -> Result<Expr, Error> {
    let Some(name) = name_of(&function) else {
        return Ok(Expr::Function(function));
    };
    if let Some((_, other)) = OTHER_NAMES.iter().find(|(known, _)| *known == name) {
        rename(&mut function, other);
        return Ok(Expr::Function(function));
    }
    match (name.as_str(), argument_count(&function)) {
        ("if", 2 | 3) => {
            let mut args = take_arguments(&mut function).into_iter();
            Ok(match (args.next(), args.next()) {
                (Some(condition), Some(then)) => case(condition, then, args.next()),
                _ => Expr::Function(function),
            })
        }
        ("try", 1) => with_one(function, |_, tried| attempt(tried)),
        ("mod", 2) => with_two(function, |_, number, divisor| {
            Ok(Expr::Nested(Box::new(Expr::BinaryOp {
                left: Box::new(Expr::Nested(Box::new(number))),
                op: BinaryOperator::Modulo,
                right: Box::new(Expr::Nested(Box::new(divisor))),
            })))
        }),
        // The result is an approximation in any case; the bound of its error is ours.
        ("approx_distinct", 2) => with_two(function, |function, value, _| {
            Ok(with_arguments(function, "approx_distinct", vec![value]))
        }),
        ("from_unixtime", 2) => with_two(function, |_, seconds, zone| {
            Ok(call(
                "at_timezone",
                vec![call("from_unixtime", vec![seconds]), zone],
            ))
        }),
        ("random" | "rand", 1 | 2) => Ok(random(take_arguments(&mut function))),
        ("count_if", 1) => with_one(function, |function, condition| {
            let counted = case(condition, number("1"), None);
            Ok(with_arguments(function, "count", vec![counted]))
        }),
        ("approx_percentile", 2 | 3) => {
            let mut args = take_arguments(&mut function);
            match args.pop() {
                Some(share) => percentiles(&function, &args, share),
                None => Ok(Expr::Function(function)),
            }
        }
        ("geometric_mean", 1) => with_one(function, |function, value| {
            let logarithm = call("ln", vec![value]);
            let mean = with_arguments(function, "avg", vec![logarithm]);
            Ok(call("exp", vec![mean]))
        }),
        ("listagg", 2) => {
            let order = std::mem::take(&mut function.within_group);
            if let FunctionArguments::List(list) = &mut function.args
                && !order.is_empty()
            {
                list.clauses.push(FunctionArgumentClause::OrderBy(order));
            }
            rename(&mut function, "string_agg");
            Ok(Expr::Function(function))
        }
        ("none_match", 2) => with_two(function, |_, list, predicate| {
            Ok(not(call("any_match", vec![list, predicate])))
        }),
        ("all_match", 2) => with_two(function, |function, list, predicate| match predicate {
            Expr::Lambda(mut lambda) => {
                let body = std::mem::replace(&mut *lambda.body, Expr::value(Value::Null));
                *lambda.body = not(body);
                Ok(not(call("any_match", vec![list, Expr::Lambda(lambda)])))
            }
            other => Ok(with_arguments(function, "all_match", vec![list, other])),
        }),
        _ => Ok(Expr::Function(function)),
    }
}

fn rename(function: &mut Function, name: &str) {
    if let [ObjectNamePart::Identifier(own)] = function.name.0.as_mut_slice() {
        own.value = name.to_owned();
        own.quote_style = None;
    }
}

/// How many arguments a call has; 0 if one is not a plain expression.
fn argument_count(function: &Function) -> usize {
    let FunctionArguments::List(list) = &function.args else {
        return 0;
    };
    let is_plain =
        |arg: &FunctionArg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Expr(_)));
    match list.args.iter().all(is_plain) {
        true => list.args.len(),
        false => 0,
    }
}

/// Moves the arguments out of a call.
fn take_arguments(function: &mut Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &mut function.args else {
        return Vec::new();
    };
    let args = std::mem::take(&mut list.args).into_iter();
    args.filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    })
    .collect()
}

fn with_one(
    mut function: Function,
    rewrite: impl FnOnce(Function, Expr) -> Result<Expr, Error>,
) -> Result<Expr, Error> {
    match take_arguments(&mut function).pop() {
        Some(only) => rewrite(function, only),
        None => Ok(Expr::Function(function)),
    }
}

fn with_two(
    mut function: Function,
    rewrite: impl FnOnce(Function, Expr, Expr) -> Result<Expr, Error>,
) -> Result<Expr, Error> {
    let mut args = take_arguments(&mut function).into_iter();
    match (args.next(), args.next()) {
        (Some(first), Some(second)) => rewrite(function, first, second),
        _ => Ok(Expr::Function(function)),
    }
}

/// The call under another name and with other arguments; its clauses stay.
fn with_arguments(mut function: Function, name: &str, args: Vec<Expr>) -> Expr {
    rename(&mut function, name);
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = args.into_iter().map(argument).collect();
    }
    Expr::Function(function)
}

/// `array[1]` as a call of a function that refuses what is not there, and `row.name` as
/// one that takes a field.
fn subscripts(root: Box<Expr>, access_chain: Vec<AccessExpr>) -> Expr {
    let is_known = |access: &AccessExpr| match access {
        // A text may be the name of a field: its type tells, see `exact_types`.
        AccessExpr::Subscript(Subscript::Index { index }) => {
            !matches!(index, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
        }
        AccessExpr::Dot(field) => matches!(field, Expr::Identifier(_)),
        AccessExpr::Subscript(_) => false,
    };
    // A column's own fields are told from its table's by the planner.
    let is_column = matches!(*root, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    let has_field = access_chain
        .iter()
        .any(|access| matches!(access, AccessExpr::Dot(_)));
    if !access_chain.iter().all(is_known) || is_column && has_field {
        return Expr::CompoundFieldAccess { root, access_chain };
    }
    access_chain
        .into_iter()
        .fold(*root, |inner, access| match access {
            AccessExpr::Subscript(Subscript::Index { index }) => {
                call("subscript", vec![inner, index])
            }
            AccessExpr::Dot(Expr::Identifier(field)) => {
                let name = Expr::value(Value::SingleQuotedString(field.value));
                call("get_field", vec![inner, name])
            }
            _ => inner,
        })
}

fn not(expr: Expr) -> Expr {
    Expr::UnaryOp {
        op: UnaryOperator::Not,
        expr: Box::new(Expr::Nested(Box::new(expr))),
    }
}

fn case(condition: Expr, then: Expr, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition,
            result: then,
        }],
        else_result: otherwise.map(Box::new),
    }
}

/// TRY: a cast and a division give null where they fail. Anything else becomes a lambda,
/// which is computed again by row where it fails.
fn attempt(tried: Expr) -> Result<Expr, Error> {
    use BinaryOperator::{Divide, Modulo};
    match tried {
        Expr::Nested(inner) => attempt(*inner),
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon | CastKind::TryCast,
            expr,
            data_type,
            array,
            format,
        } => Ok(Expr::Cast {
            kind: CastKind::TryCast,
            expr,
            data_type,
            array,
            format,
        }),
        Expr::BinaryOp {
            left,
            op: op @ (Divide | Modulo),
            right,
        } => Ok(Expr::BinaryOp {
            left,
            op,
            right: Box::new(call("nullif", vec![*right, number("0")])),
        }),
        other => {
            let name = Ident::with_quote('"', "null within try");
            let parameter = LambdaFunctionParameter {
                name: name.clone(),
                data_type: None,
            };
            // A branch that depends on the parameter is not computed outside of the lambda,
            // where its failure would be that of the statement.
            let is_null = Expr::IsNull(Box::new(Expr::Identifier(name)));
            let lambda = Expr::Lambda(LambdaFunction {
                params: OneOrManyWithParens::One(parameter),
                body: Box::new(case(is_null, other, None)),
                syntax: LambdaSyntax::Arrow,
            });
            Ok(call("try", vec![lambda]))
        }
    }
}

/// A random integer below `[below]`, or from `[from, below]`.
fn random(mut bounds: Vec<Expr>) -> Expr {
    let nested = |expr: Expr| Expr::Nested(Box::new(expr));
    let computed = |left: Expr, op: BinaryOperator, right: Expr| {
        nested(Expr::BinaryOp {
            left: Box::new(left),
            op,
            right: Box::new(right),
        })
    };
    let below = nested(bounds.pop().unwrap_or_else(|| number("1")));
    let from = bounds.pop().map(nested);
    let span = match &from {
        Some(from) => computed(below, BinaryOperator::Minus, from.clone()),
        None => below,
    };
    let share = computed(call("random", Vec::new()), BinaryOperator::Multiply, span);
    let whole = Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(call("floor", vec![share])),
        data_type: sqlparser::ast::DataType::BigInt(None),
        array: false,
        format: None,
    };
    match from {
        Some(from) => computed(from, BinaryOperator::Plus, whole),
        None => whole,
    }
}

/// Percentiles of one call, each of which is an aggregate with the values written again.
const PERCENTILES_MAX: usize = 100;

/// One percentile, or an array of them, of a value, or of a value and its weight.
fn percentiles(function: &Function, of: &[Expr], share: Expr) -> Result<Expr, Error> {
    let name = match of {
        [_] => "approx_percentile_cont",
        _ => "approx_percentile_cont_with_weight",
    };
    let percentile = |share: Expr| {
        let args = of.iter().cloned().chain([share]);
        with_arguments(function.clone(), name, args.collect())
    };
    match share {
        Expr::Function(mut shares) if name_of(&shares).as_deref() == Some("make_array") => {
            refuse_nested(of.iter().chain(function.filter.as_deref()))?;
            let shares = take_arguments(&mut shares);
            if shares.len() > PERCENTILES_MAX {
                return Err(Error::sql(
                    format!(
                        "`approx_percentile` gives at most {PERCENTILES_MAX} percentiles at once"
                    ),
                    "ask for fewer, or in several columns",
                ));
            }
            let elements = shares.into_iter().map(percentile);
            Ok(call("make_array", elements.collect()))
        }
        share => Ok(percentile(share)),
    }
}

/// Refuses to write again what holds such a call itself: a chain of them would grow with a
/// power of its length.
fn refuse_nested<'e>(written_again: impl IntoIterator<Item = &'e Expr>) -> Result<(), Error> {
    let is_aggregate = |function: &Function| {
        let name = name_of(function).unwrap_or_default();
        function.filter.is_some() || name.starts_with("approx_percentile")
    };
    let holds_one = |expr: &Expr| {
        visit_expressions(expr, |expr| match expr {
            Expr::Function(function) if is_aggregate(function) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .is_break()
    };
    match written_again.into_iter().any(holds_one) {
        true => Err(Error::sql(
            "an argument of `approx_percentile` holds an aggregate",
            "compute it in a subquery of FROM",
        )),
        false => Ok(()),
    }
}
