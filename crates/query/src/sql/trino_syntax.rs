//! Trino's syntax in terms of DataFusion's: what Athena writes as a function and
//! DataFusion as an expression, aggregates under other names, names with a catalog.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, DateTimeField, Expr, Fetch, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments,
    Ident, LimitClause, ObjectName, ObjectNamePart, OrderByExpr, OrderByOptions, Query, Subscript,
    UnaryOperator, Value, VisitMut, VisitorMut,
};

use crate::Error;

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
        let rewritten = match expr {
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => Some(call(
                "at_timezone",
                vec![(**timestamp).clone(), (**time_zone).clone()],
            )),
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => {
                let from = substring_from.as_deref().cloned();
                let args = [
                    Some((**expr).clone()),
                    Some(from.unwrap_or_else(|| number("1"))),
                    substring_for.as_deref().cloned(),
                ];
                Some(call("substr", args.into_iter().flatten().collect()))
            }
            Expr::CompoundFieldAccess { root, access_chain } => subscripts(root, access_chain),
            Expr::Extract { field, expr, .. } => {
                extract(field).map(|name| call(name, vec![(**expr).clone()]))
            }
            Expr::Function(function) => match rewrite_call(function) {
                Ok(rewritten) => rewritten,
                Err(error) => return ControlFlow::Break(error),
            },
            _ => None,
        };
        if let Some(rewritten) = rewritten {
            *expr = rewritten;
        }
        ControlFlow::Continue(())
    }
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

/// The call in DataFusion's terms; `None` where it stays as it is. A function that only
/// has another name is renamed in place.
fn rewrite_call(function: &mut Function) -> Result<Option<Expr>, Error> {
    let Some(name) = name_of(function) else {
        return Ok(None);
    };
    match (name.as_str(), arguments(function).as_deref()) {
        ("if", Some([condition, then])) => Ok(Some(case(condition.clone(), then.clone(), None))),
        ("if", Some([condition, then, otherwise])) => Ok(Some(case(
            condition.clone(),
            then.clone(),
            Some(otherwise.clone()),
        ))),
        ("try", Some([tried])) => attempt(tried).map(Some),
        ("rand", Some([])) => renamed(function, "random"),
        ("ceiling", _) => renamed(function, "ceil"),
        ("truncate", _) => renamed(function, "trunc"),
        ("array_remove", _) => renamed(function, "array_remove_all"),
        ("mod", Some([number, divisor])) => Ok(Some(Expr::Nested(Box::new(Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(number.clone()))),
            op: BinaryOperator::Modulo,
            right: Box::new(Expr::Nested(Box::new(divisor.clone()))),
        })))),
        ("stddev_samp", _) => renamed(function, "stddev"),
        ("variance" | "var_samp", _) => renamed(function, "var"),
        ("arbitrary", _) => renamed(function, "any_value"),
        ("every", _) => renamed(function, "bool_and"),
        ("bitwise_and_agg", _) => renamed(function, "bit_and"),
        ("bitwise_or_agg", _) => renamed(function, "bit_or"),
        ("bitwise_xor_agg", _) => renamed(function, "bit_xor"),
        ("count_if", Some([condition])) => {
            let counted = case(condition.clone(), number("1"), None);
            replace_arguments(function, vec![counted]);
            renamed(function, "count")
        }
        ("max_by" | "min_by", Some([value, by])) => {
            let is_max = name == "max_by";
            by_extreme(function, value.clone(), by.clone(), is_max)
        }
        ("approx_percentile", Some([value, share])) => {
            let percentile =
                |share: &Expr| call("approx_percentile_cont", vec![value.clone(), share.clone()]);
            percentiles(share, percentile)
        }
        ("approx_percentile", Some([value, weight, share])) => {
            let percentile = |share: &Expr| {
                let args = vec![value.clone(), weight.clone(), share.clone()];
                call("approx_percentile_cont_with_weight", args)
            };
            percentiles(share, percentile)
        }
        ("geometric_mean", Some([value])) => {
            let logarithm = call("ln", vec![value.clone()]);
            replace_arguments(function, vec![logarithm]);
            rename(function, "avg");
            Ok(Some(call("exp", vec![Expr::Function(function.clone())])))
        }
        ("listagg", Some([_, _])) => {
            let order = std::mem::take(&mut function.within_group);
            if let FunctionArguments::List(list) = &mut function.args
                && !order.is_empty()
            {
                list.clauses.push(FunctionArgumentClause::OrderBy(order));
            }
            renamed(function, "string_agg")
        }
        ("transform", _) => renamed(function, "array_transform"),
        ("filter", _) => renamed(function, "array_filter"),
        ("none_match", Some([list, predicate])) => {
            let any = call("any_match", vec![list.clone(), predicate.clone()]);
            Ok(Some(not(any)))
        }
        ("all_match", Some([list, Expr::Lambda(lambda)])) => {
            let mut negated = lambda.clone();
            negated.body = Box::new(not((*lambda.body).clone()));
            let any = call("any_match", vec![list.clone(), Expr::Lambda(negated)]);
            Ok(Some(not(any)))
        }
        _ => Ok(None),
    }
}

fn renamed(function: &mut Function, name: &str) -> Result<Option<Expr>, Error> {
    rename(function, name);
    Ok(None)
}

fn rename(function: &mut Function, name: &str) {
    if let [ObjectNamePart::Identifier(own)] = function.name.0.as_mut_slice() {
        own.value = name.to_owned();
        own.quote_style = None;
    }
}

/// The arguments, if they are plain expressions.
fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let args = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    args.collect()
}

fn replace_arguments(function: &mut Function, args: Vec<Expr>) {
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = args.into_iter().map(argument).collect();
    }
}

fn argument(expr: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into_iter().map(argument).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn number(text: &str) -> Expr {
    Expr::value(Value::Number(text.to_owned(), false))
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

/// `array[1]` as a call of a function that refuses what is not there.
fn subscripts(root: &Expr, chain: &[AccessExpr]) -> Option<Expr> {
    chain
        .iter()
        .try_fold(root.clone(), |inner, access| match access {
            AccessExpr::Subscript(Subscript::Index { index }) if !is_text(index) => {
                Some(call("subscript", vec![inner, index.clone()]))
            }
            _ => None,
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

/// TRY: a cast and a division give null where they fail. Other errors are raised while a
/// whole column is computed, and cannot be told from each other by row.
fn attempt(tried: &Expr) -> Result<Expr, Error> {
    use BinaryOperator::{Divide, Eq, Modulo};
    match tried {
        Expr::Nested(inner) => attempt(inner),
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon | CastKind::TryCast,
            expr,
            data_type,
            array,
            format,
        } => Ok(Expr::Cast {
            kind: CastKind::TryCast,
            expr: expr.clone(),
            data_type: data_type.clone(),
            array: *array,
            format: format.clone(),
        }),
        Expr::BinaryOp {
            left,
            op: op @ (Divide | Modulo),
            right,
        } => {
            let divisor = Expr::Nested(right.clone());
            let is_zero = Expr::BinaryOp {
                left: Box::new(divisor.clone()),
                op: Eq,
                right: Box::new(number("0")),
            };
            // NULLIF, so that what is not taken divides by null.
            let divisor = case(is_zero, Expr::value(Value::Null), Some(divisor));
            Ok(Expr::BinaryOp {
                left: left.clone(),
                op: op.clone(),
                right: Box::new(Expr::Nested(Box::new(divisor))),
            })
        }
        _ => Err(Error::sql(
            "TRY is supported over a cast or a division alone",
            "write TRY_CAST(value AS type), or CASE WHEN condition THEN value END",
        )),
    }
}

/// The value of the row whose `by` is greatest or least; rows without one do not count.
fn by_extreme(
    function: &mut Function,
    value: Expr,
    by: Expr,
    is_max: bool,
) -> Result<Option<Expr>, Error> {
    let known = Expr::IsNotNull(Box::new(Expr::Nested(Box::new(by.clone()))));
    function.filter = Some(Box::new(match function.filter.take() {
        None => known,
        Some(filter) => Expr::BinaryOp {
            left: Box::new(Expr::Nested(filter)),
            op: BinaryOperator::And,
            right: Box::new(known),
        },
    }));
    replace_arguments(function, vec![value]);
    if let FunctionArguments::List(list) = &mut function.args {
        let order = OrderByExpr {
            expr: by,
            options: OrderByOptions {
                asc: Some(!is_max),
                nulls_first: Some(false),
            },
            with_fill: None,
        };
        list.clauses
            .push(FunctionArgumentClause::OrderBy(vec![order]));
    }
    renamed(function, "first_value")
}

/// One percentile, or an array of them.
fn percentiles(share: &Expr, percentile: impl Fn(&Expr) -> Expr) -> Result<Option<Expr>, Error> {
    Ok(Some(match share {
        Expr::Array(shares) => {
            let elements = shares.elem.iter().map(percentile).collect();
            call("make_array", elements)
        }
        share => percentile(share),
    }))
}
