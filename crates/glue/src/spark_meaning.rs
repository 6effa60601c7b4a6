//! What Spark means by expressions, where the SQL of models would give another value.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, OrderByExpr,
    Statement, UnaryOperator, Value, visit_expressions_mut,
};

/// In Spark's SQL a backslash in a text escapes the next character.
pub(crate) fn unescape_texts(statements: &mut Vec<Statement>) {
    let visited: ControlFlow<()> = visit_expressions_mut(statements, |expr| {
        if let Expr::Value(value) = expr
            && let Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) =
                &mut value.value
            && text.contains('\\')
        {
            *text = unescaped(text);
        }
        ControlFlow::Continue(())
    });
    debug_assert!(visited.is_continue());
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '\\' { rest.next() } else { None }) {
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some('t')) => plain.push('\t'),
            ('\\', Some('r')) => plain.push('\r'),
            // These stay for LIKE.
            ('\\', Some(c @ ('%' | '_'))) => plain.extend(['\\', c]),
            ('\\', Some(c)) => plain.push(c),
            (c, _) => plain.push(c),
        }
    }
    plain
}

/// Spark orders nulls before everything else.
pub(crate) fn nulls_as_spark(item: &mut OrderByExpr) {
    let options = &mut item.options;
    if options.nulls_first.is_none() {
        options.nulls_first = Some(options.asc != Some(false));
    }
}

/// A divisor: what is divided by nought is null to Spark.
pub(crate) fn or_null(divisor: &Expr) -> Expr {
    let is_certain = |text: &str| text.parse::<f64>().is_ok_and(|number| number != 0.0);
    match divisor {
        Expr::Value(value) if is_certain(&value.to_string()) => divisor.clone(),
        _ => {
            let nought = Expr::value(Value::Number("0".to_owned(), false));
            call("nullif", vec![divisor.clone(), nought])
        }
    }
}

/// A cast to an integer. Spark cuts a fraction off; a text of digits is exact.
pub(crate) fn as_integer(expr: &Expr, data_type: &DataType) -> Expr {
    let tried = |expr: Expr, data_type: DataType| Expr::Cast {
        kind: CastKind::TryCast,
        expr: Box::new(expr),
        data_type,
        array: false,
        format: None,
    };
    let text = tried(expr.clone(), DataType::Varchar(None));
    let number = tried(expr.clone(), DataType::Double(ExactNumberInfo::None));
    let cut = call("truncate", vec![number]);
    let both = [text, cut].map(|expr| tried(expr, data_type.clone()));
    call("coalesce", both.into())
}

/// The comparison with its sides exchanged.
pub(crate) fn turned(op: &BinaryOperator) -> BinaryOperator {
    match op {
        BinaryOperator::Lt => BinaryOperator::Gt,
        BinaryOperator::LtEq => BinaryOperator::GtEq,
        BinaryOperator::Gt => BinaryOperator::Lt,
        BinaryOperator::GtEq => BinaryOperator::LtEq,
        other => other.clone(),
    }
}

/// The opposite of a condition; of a comparison, the opposite comparison.
pub(crate) fn negated(expr: Expr) -> Expr {
    let not = |expr: Expr| Expr::UnaryOp {
        op: UnaryOperator::Not,
        expr: Box::new(Expr::Nested(Box::new(expr))),
    };
    match expr {
        Expr::Nested(inner) => match negated(*inner) {
            opposite @ Expr::BinaryOp { .. } => Expr::Nested(Box::new(opposite)),
            opposite => opposite,
        },
        Expr::IsNull(inner) => Expr::IsNotNull(inner),
        Expr::IsNotNull(inner) => Expr::IsNull(inner),
        Expr::BinaryOp { left, op, right } => {
            let opposite = match op {
                BinaryOperator::Eq => BinaryOperator::NotEq,
                BinaryOperator::NotEq => BinaryOperator::Eq,
                BinaryOperator::Lt => BinaryOperator::GtEq,
                BinaryOperator::GtEq => BinaryOperator::Lt,
                BinaryOperator::Gt => BinaryOperator::LtEq,
                BinaryOperator::LtEq => BinaryOperator::Gt,
                BinaryOperator::And | BinaryOperator::Or => {
                    let bracketed = |expr: Expr| match negated(expr) {
                        opposite @ Expr::BinaryOp { .. } => Expr::Nested(Box::new(opposite)),
                        opposite => opposite,
                    };
                    return Expr::BinaryOp {
                        left: Box::new(bracketed(*left)),
                        op: match op {
                            BinaryOperator::And => BinaryOperator::Or,
                            _ => BinaryOperator::And,
                        },
                        right: Box::new(bracketed(*right)),
                    };
                }
                op => return not(Expr::BinaryOp { left, op, right }),
            };
            Expr::BinaryOp {
                left,
                op: opposite,
                right,
            }
        }
        other => not(other),
    }
}

/// The arguments of a function without those that have a name.
pub(crate) fn arguments_of(function: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return Vec::new();
    };
    let arguments = list.args.iter().filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    arguments.collect()
}

/// A call of a function.
pub(crate) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let arguments = arguments.into_iter();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments
                .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
