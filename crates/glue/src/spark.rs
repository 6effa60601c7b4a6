//! Spark's SQL: how it is parsed, and what its expressions are in the SQL of models.
//!
//! A function is translated if it is in one of the lists below. Spark and Trino share names for
//! functions that differ (`date_format`, `greatest`, `regexp_extract`, `split`, ...): whatever
//! is not listed is refused rather than passed on.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, ObjectName, Statement, UnaryOperator, Value, VisitMut, WindowType,
    visit_expressions_mut,
};
use sqlparser::dialect::DatabricksDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::names;
use crate::spark_meaning::{
    arguments_of, as_integer, call, negated, nulls_as_spark, or_null, turned, unescape_texts,
};

/// The longest query that is read, in bytes.
const QUERY_BYTES_MAX: usize = 1 << 16;

/// Functions that mean the same in both.
const SAME: [&str; 36] = [
    "abs",
    "array_agg",
    "avg",
    "bool_and",
    "ceil",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "count_if",
    "dense_rank",
    "floor",
    "lag",
    "lead",
    "length",
    "levenshtein",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nullif",
    "pow",
    "power",
    "rank",
    "regexp_like",
    "replace",
    "reverse",
    "row_number",
    "rtrim",
    "sqrt",
    "stddev_samp",
    "sum",
    "trim",
    "upper",
    "var_samp",
];

/// Functions with another name in models.
const RENAMED: [(&str, &str); 17] = [
    ("any_value", "arbitrary"),
    ("char_length", "length"),
    ("collect_list", "array_agg"),
    ("current_date", "current_date"),
    ("day", "day"),
    ("first", "arbitrary"),
    ("ifnull", "coalesce"),
    ("instr", "strpos"),
    ("lcase", "lower"),
    ("mean", "avg"),
    ("month", "month"),
    ("nvl", "coalesce"),
    ("signum", "sign"),
    ("stddev", "stddev_samp"),
    ("ucase", "upper"),
    ("variance", "var_samp"),
    ("year", "year"),
];

/// The statements of a text.
///
/// # Errors
/// What the parser says.
pub(crate) fn parse(sql: &str) -> Result<Vec<Statement>, String> {
    if sql.len() > QUERY_BYTES_MAX {
        return Err("the query is longer than 64 KiB".to_owned());
    }
    let parsed = Parser::parse_sql(&DatabricksDialect {}, sql).or_else(|error| {
        // `at` is a common alias, and begins time travel to the parser.
        let mut tokens = Tokenizer::new(&DatabricksDialect {}, sql).tokenize()?;
        for token in &mut tokens {
            if let Token::Word(word) = token
                && word.keyword == Keyword::AT
            {
                word.quote_style = Some('`');
                word.keyword = Keyword::NoKeyword;
            }
        }
        let mut again = Parser::new(&DatabricksDialect {}).with_tokens(tokens);
        again.parse_statements().map_err(|_| error)
    });
    let mut statements = parsed.map_err(|error| format!("the SQL does not parse: {error}"))?;
    unescape_texts(&mut statements);
    Ok(statements)
}

/// Whether SQL reads something else in a name that is not quoted.
pub(crate) fn is_word_of_sql(name: &str) -> bool {
    ident(name).quote_style.is_some()
}

/// One expression.
///
/// # Errors
/// What the parser says.
pub(crate) fn parse_expr(sql: &str) -> Result<Expr, String> {
    let statements = parse(&format!("select {sql}"))?;
    let [Statement::Query(query)] = statements.as_slice() else {
        return Err("the SQL is not one expression".to_owned());
    };
    let sqlparser::ast::SetExpr::Select(select) = query.body.as_ref() else {
        return Err("the SQL is not one expression".to_owned());
    };
    match (select.projection.as_slice(), select.from.is_empty()) {
        ([sqlparser::ast::SelectItem::UnnamedExpr(expr)], true) => Ok(expr.clone()),
        _ => Err("the SQL is not one expression".to_owned()),
    }
}

/// A name as an identifier: quoted where SQL would read something else.
pub(crate) fn ident(name: &str) -> Ident {
    const WORDS: [&str; 34] = [
        "all", "and", "as", "at", "by", "case", "cross", "distinct", "end", "except", "from",
        "full", "group", "having", "in", "inner", "join", "left", "limit", "natural", "not",
        "null", "on", "or", "order", "outer", "right", "select", "then", "union", "using", "when",
        "where", "with",
    ];
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    match begins && name.chars().all(plain) && !WORDS.contains(&name) {
        true => Ident::new(name),
        false => Ident::with_quote('"', name),
    }
}

/// Turns Spark's expressions within `node` into those of models.
///
/// # Errors
/// The first thing that has no translation.
pub(crate) fn translate<T: VisitMut>(node: &mut T) -> Result<(), String> {
    let visited = visit_expressions_mut(node, |expr| match translated(expr) {
        Ok(()) => ControlFlow::Continue(()),
        Err(reason) => ControlFlow::Break(reason),
    });
    match visited {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(reason) => Err(reason),
    }
}

fn translated(expr: &mut Expr) -> Result<(), String> {
    let replacement = match expr {
        Expr::Identifier(name) => Expr::Identifier(ident(&names::column(&name.value))),
        Expr::CompoundIdentifier(parts) => {
            let last = parts.len().saturating_sub(1);
            for (at, part) in parts.iter_mut().enumerate() {
                *part = match at == last {
                    true => ident(&names::column(&part.value)),
                    false => ident(&part.value.to_lowercase()),
                };
            }
            // `db.table.column`: tables have one name here.
            if parts.len() > 2 {
                parts.drain(..parts.len() - 2);
            }
            return Ok(());
        }
        Expr::Value(value) => {
            match &value.value {
                Value::DoubleQuotedString(text) => {
                    value.value = Value::SingleQuotedString(text.clone());
                }
                Value::Number(number, true) => {
                    value.value = Value::Number(number.clone(), false);
                }
                Value::SingleQuotedString(_)
                | Value::Number(..)
                | Value::Boolean(_)
                | Value::Null => {}
                other => return Err(format!("the literal {other} is not translated")),
            }
            return Ok(());
        }
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::Spaceship => Expr::IsNotDistinctFrom(left.clone(), right.clone()),
            // Spark divides integers as doubles.
            BinaryOperator::Divide => {
                **left = cast(left, DataType::Double(ExactNumberInfo::None));
                **right = or_null(right);
                return Ok(());
            }
            BinaryOperator::Modulo => {
                **right = or_null(right);
                return Ok(());
            }
            BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::StringConcat
            | BinaryOperator::And
            | BinaryOperator::Or
            | BinaryOperator::NotEq => return Ok(()),
            // A column stands before what it is compared with.
            BinaryOperator::Eq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => {
                if matches!(**left, Expr::Value(_)) && !matches!(**right, Expr::Value(_)) {
                    std::mem::swap(left, right);
                    *op = turned(op);
                }
                return Ok(());
            }
            other => return Err(format!("the operator `{other}` is not translated")),
        },
        Expr::RLike {
            negated,
            expr,
            pattern,
            ..
        } => {
            let call = call("regexp_like", vec![(**expr).clone(), (**pattern).clone()]);
            match negated {
                false => call,
                true => Expr::UnaryOp {
                    op: UnaryOperator::Not,
                    expr: Box::new(call),
                },
            }
        }
        Expr::Cast {
            data_type,
            kind,
            expr: inner,
            ..
        } => {
            // A text that is no number is null to Spark.
            *kind = CastKind::TryCast;
            *data_type = type_of(data_type)?;
            if !matches!(data_type, DataType::BigInt(_) | DataType::Integer(_)) {
                return Ok(());
            }
            if matches!(**inner, Expr::Value(_)) {
                return Ok(());
            }
            as_integer(inner, data_type)
        }
        Expr::Like {
            pattern,
            escape_char,
            ..
        }
        | Expr::ILike {
            pattern,
            escape_char,
            ..
        } => {
            let has_backslash = match pattern.as_ref() {
                Expr::Value(value) => value.to_string().contains('\\'),
                _ => return Err("LIKE of a pattern that is no text is not translated".to_owned()),
            };
            if has_backslash && escape_char.is_none() {
                *escape_char = Some(sqlparser::ast::ValueWithSpan::from(
                    Value::SingleQuotedString("\\".to_owned()),
                ));
            }
            return Ok(());
        }
        Expr::Substring { substring_from, .. } => {
            let from = substring_from.as_deref().map(ToString::to_string);
            let from = from.as_deref().map(str::parse::<u32>);
            match from {
                // To Spark, a text begins at 0 as well as at 1.
                Some(Ok(0)) => {
                    *substring_from = Some(Box::new(Expr::value(Value::Number("1".into(), false))));
                }
                Some(Ok(_)) => {}
                _ => {
                    return Err("SUBSTRING from a place that is no number is not translated".into());
                }
            }
            return Ok(());
        }
        Expr::Extract { field, .. } => {
            return match field.to_string().to_lowercase().as_str() {
                "year" | "month" | "day" => Ok(()),
                other => Err(format!("EXTRACT of {other} is not translated")),
            };
        }
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase().replace('`', "");
            if let Some(WindowType::WindowSpec(window)) = &mut function.over {
                window.order_by.iter_mut().for_each(nulls_as_spark);
            }
            return match name.as_str() {
                "mod" => {
                    let arguments = arguments_of(function);
                    let [left, right] = arguments.as_slice() else {
                        return Err("`mod` takes two arguments".to_owned());
                    };
                    let arguments = vec![left.clone(), or_null(right)];
                    *expr = call("mod", arguments);
                    Ok(())
                }
                "isnull" | "isnotnull" => {
                    let FunctionArguments::List(list) = &function.args else {
                        return Err(format!("`{name}` without arguments is not translated"));
                    };
                    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))] = list.args.as_slice()
                    else {
                        return Err(format!("`{name}` takes one argument"));
                    };
                    let arg = Box::new(arg.clone());
                    *expr = match name.as_str() {
                        "isnull" => Expr::IsNull(arg),
                        _ => Expr::IsNotNull(arg),
                    };
                    Ok(())
                }
                _ => rename(&mut function.name, &name),
            };
        }
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: inner,
        } if matches!(**inner, Expr::Nested(_)) => match negated((**inner).clone()) {
            Expr::UnaryOp { .. } => return Ok(()),
            opposite => opposite,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Not | UnaryOperator::Minus | UnaryOperator::Plus,
            ..
        }
        | Expr::Nested(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Case { .. }
        | Expr::Exists { .. }
        | Expr::Subquery(_)
        | Expr::Trim { .. }
        | Expr::Ceil { .. }
        | Expr::Floor { .. }
        | Expr::Tuple(_) => return Ok(()),
        _ => return Err(format!("`{expr}` is not translated")),
    };
    *expr = replacement;
    Ok(())
}

fn rename(function: &mut ObjectName, name: &str) -> Result<(), String> {
    let renamed = RENAMED.iter().find(|(from, _)| *from == name);
    let to = match renamed {
        Some((_, to)) => *to,
        None if SAME.contains(&name) => name,
        None => return Err(format!("function `{name}` is not translated")),
    };
    *function = ObjectName::from(vec![Ident::new(to)]);
    Ok(())
}

/// A cast that gives null where it fails.
pub(crate) fn cast(expr: &Expr, data_type: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr.clone()),
        data_type,
        array: false,
        format: None,
    }
}

/// The type of models for a type of Spark's or Glue's.
fn type_of(data_type: &DataType) -> Result<DataType, String> {
    let name = data_type.to_string().to_lowercase();
    match name.as_str() {
        "string" | "text" => Ok(DataType::Varchar(None)),
        "long" | "bigint" => Ok(DataType::BigInt(None)),
        "int" | "integer" => Ok(DataType::Integer(None)),
        "double" => Ok(DataType::Double(ExactNumberInfo::None)),
        "boolean" => Ok(DataType::Boolean),
        "date" => Ok(DataType::Date),
        _ if name.starts_with("varchar") => Ok(DataType::Varchar(None)),
        _ => Err(format!("a cast to {name} is not translated")),
    }
}

/// A column in the type that `ApplyMapping` names.
///
/// # Errors
/// A type without translation.
pub(crate) fn mapped(column: &str, kind: &str) -> Result<String, String> {
    let mut cast = parse_expr(&format!("cast(x as {kind})"))?;
    let Expr::Cast { expr, .. } = &mut cast else {
        return Err(format!("the type {kind} is not known"));
    };
    **expr = Expr::Identifier(Ident::new(names::column(column.trim_matches('"'))));
    translate(&mut cast)?;
    Ok(lower(&cast.to_string()))
}

/// A statement's text in lower case, texts and quoted names excepted. Indentation is doubled:
/// the parser's own is two spaces wide.
pub(crate) fn lower(sql: &str) -> String {
    let mut lower = String::with_capacity(sql.len());
    let mut quote = None;
    let mut begins_line = false;
    for c in sql.chars() {
        if begins_line && c == ' ' && quote.is_none() {
            lower.push(' ');
        }
        begins_line = c == '\n' || begins_line && c == ' ';
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            _ => {}
        }
        match quote {
            None => lower.extend(c.to_lowercase()),
            Some(_) => lower.push(c),
        }
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_spark() {
        let check = |sql: &str, expected: &str| {
            let found = parse_expr(sql).and_then(|mut expr| {
                translate(&mut expr)?;
                Ok(lower(&expr.to_string()))
            });
            assert_eq!(found.unwrap_or_else(|reason| reason), expected, "{sql}");
        };
        check(
            "shareWithResearchAsOfDate IS NOT NULL",
            "sharewithresearchasofdate is not null",
        );
        check("`timeStamp` != 0", "timestamp <> 0");
        check(
            "c.`serialNumber` == s.serialNumber",
            "c.serialnumber = s.serialnumber",
        );
        check("name = \"It's\"", "name = 'It''s'");
        check("a <=> b", "a is not distinct from b");
        check("a RLIKE '^x'", "regexp_like(a, '^x')");
        check("a / b", "cast(a as double) / nullif(b, 0)");
        check("a / 2", "cast(a as double) / 2");
        check("a % b", "a % nullif(b, 0)");
        check("mod(a, b)", "mod(a, nullif(b, 0))");
        check("a & b", "the operator `&` is not translated");
        check("0 < a", "a > 0");
        check("not (a = 0 or a is null)", "((a <> 0) and a is not null)");
        check("a = 'x\\ny'", "a = 'x\ny'");
        check("a like 'A\\_%'", "a like 'A\\_%' escape '\\'");
        check("a like 'A%'", "a like 'A%'");
        check(
            "a like b",
            "LIKE of a pattern that is no text is not translated",
        );
        check("substring(a, 0, 2)", "substring(a, 1, 2)");
        check(
            "substring(a, -2)",
            "SUBSTRING from a place that is no number is not translated",
        );
        check("extract(dow from a)", "EXTRACT of dow is not translated");
        check("dayofweek(a)", "function `dayofweek` is not translated");
        check(
            "row_number() over (partition by a order by b, c desc)",
            "row_number() over (partition by a order by b nulls first, c desc nulls last)",
        );
        check(
            "position('a' in b)",
            "`POSITION('a' IN b)` is not translated",
        );
        check("cast(a as string)", "try_cast(a as varchar)");
        check(
            "cast(a as long)",
            "coalesce(try_cast(try_cast(a as varchar) as bigint), \
             try_cast(truncate(try_cast(a as double)) as bigint))",
        );
        check("nvl(a, 'X')", "coalesce(a, 'X')");
        check("isnotnull(a)", "a is not null");
        check("db.t.a", "t.a");
        check(
            "date_format(a, 'yyyy')",
            "function `date_format` is not translated",
        );
        check("greatest(a, b)", "function `greatest` is not translated");
        check("`a b`", "a_b");
        check("at.x", "\"at\".x");
    }
}
