//! Statements about the catalog in the SQL of our engine.
//!
//! Tools write SQL of Postgres: its operators, casts to names of objects, functions about
//! objects and sessions. What depends on nothing but the session becomes a literal.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr, Statement, TableFactor,
    UnaryOperator, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::fill::{DATABASE, SEARCHED};
use super::functions::{self, NULL_TEXT};
use super::names::{constant, expression, normal, qualified};
use super::{pruning, tables};
use crate::fault::{Fault, Kind};
use crate::postgres::types;
use crate::sql_text::quoted as literal;

/// The numbers of catalog tables that tools name by `::regclass`.
const CLASSES: &[(&str, i64)] = &[
    ("pg_attribute", 1249),
    ("pg_authid", 1260),
    ("pg_class", 1259),
    ("pg_constraint", 2606),
    ("pg_database", 1262),
    ("pg_namespace", 2615),
    ("pg_proc", 1255),
    ("pg_type", 1247),
];

/// The statement `sql` for our engine, with the tables (schema, name, number) that may be
/// named in it.
pub(super) fn statement(
    sql: &str,
    names: &[(String, String, i64)],
    user: &str,
) -> Result<Statement, Fault> {
    let too_large = |_| Fault::new(Kind::Limit, "the statement is too large");
    catalog::limits::check_tokens(sql).map_err(too_large)?;
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, sql);
    let mut parsed = parsed.map_err(|error| Fault::new(Kind::Wrong, error.to_string()))?;
    let Some(mut statement) = parsed.pop().filter(|_| parsed.is_empty()) else {
        return Err(Fault::new(Kind::Wrong, "send one statement at a time"));
    };
    if !matches!(&statement, Statement::Query(_)) {
        return Err(Fault::new(Kind::Forbidden, "the catalog is only read"));
    }
    catalog::limits::check_statement(&statement).map_err(too_large)?;
    let mut rewriter = Rewriter { names, user };
    match statement.visit(&mut rewriter) {
        ControlFlow::Continue(()) => Ok(statement),
        ControlFlow::Break(fault) => Err(fault),
    }
}

struct Rewriter<'n> {
    names: &'n [(String, String, i64)],
    user: &'n str,
}

impl VisitorMut for Rewriter<'_> {
    type Break = Fault;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Fault> {
        if let TableFactor::Table { name, args, .. } = factor
            && args.is_some()
        {
            let (_, last) = qualified(name);
            *name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(&last))]);
            // Functions that list something are tables here.
            if tables::is_pg_table(&last) {
                *args = None;
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Fault> {
        // By what is written, not by what it becomes.
        name_columns(&mut query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Fault> {
        pruning::prune(query);
        query.locks.clear();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Fault> {
        match self.rewritten(expr) {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(rewritten)) => {
                *expr = rewritten;
                ControlFlow::Continue(())
            }
            Err(fault) => ControlFlow::Break(fault),
        }
    }
}

/// Gives columns without a name the one that Postgres gives, and equal names a number.
fn name_columns(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_columns_of(select),
        SetExpr::SetOperation { left, right, .. } => {
            name_columns(left);
            name_columns(right);
        }
        _ => {}
    }
}

fn name_columns_of(select: &mut Select) {
    let has_wildcard = select.projection.iter().any(|item| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
        )
    });
    let mut taken: Vec<String> = Vec::new();
    for item in &mut select.projection {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => (&*expr, pruning::name_of(expr)),
            SelectItem::ExprWithAlias { expr, alias } => (&*expr, normal(alias)),
            _ => continue,
        };
        let is_column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        let is_named = matches!(item, SelectItem::ExprWithAlias { .. });
        let mut unique = name.clone();
        // A column beside `*` would be there twice.
        if is_column && !is_named && has_wildcard {
            unique.push_str("_1");
        }
        for number in 1.. {
            if !taken.contains(&unique) {
                break;
            }
            unique = format!("{name}_{number}");
        }
        taken.push(unique.clone());
        if unique == name && (is_column || is_named) {
            continue;
        }
        let expr = match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr.clone(),
            _ => continue,
        };
        *item = SelectItem::ExprWithAlias {
            expr,
            alias: Ident::with_quote('"', unique),
        };
    }
}

impl Rewriter<'_> {
    /// What an expression becomes, if it changes.
    fn rewritten(&self, expr: &mut Expr) -> Result<Option<Expr>, Fault> {
        Ok(match expr {
            Expr::Value(value) => match &value.value {
                Value::EscapedStringLiteral(text) => {
                    Some(Expr::value(Value::SingleQuotedString(text.clone())))
                }
                _ => None,
            },
            Expr::BinaryOp { op, .. } => {
                if let BinaryOperator::PGCustomBinaryOperator(parts) = op {
                    *op = operator(parts.last().map_or("", String::as_str))?;
                }
                None
            }
            Expr::Collate { expr, .. } => Some(expr.as_ref().clone()),
            Expr::Cast {
                expr, data_type, ..
            } => self.cast(expr, data_type)?,
            Expr::AnyOp {
                left,
                compare_op: BinaryOperator::Eq,
                right,
                ..
            } => any(left, right)?,
            Expr::AllOp {
                left,
                compare_op: BinaryOperator::NotEq,
                right,
            } => any(left, right)?.map(|found| Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr: Box::new(found),
            }),
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
                let escape = escape_char.take().and_then(|escape| match escape.value {
                    Value::SingleQuotedString(text) => text.chars().next(),
                    _ => None,
                });
                if let (Some(escape), Some(text)) = (escape, constant(pattern))
                    && escape != '\\'
                {
                    let text = text.replace('\\', "\\\\").replace(escape, "\\");
                    **pattern = Expr::value(Value::SingleQuotedString(text));
                }
                None
            }
            Expr::Exists { subquery, negated } if pruning::has_no_rows(subquery) => {
                Some(Expr::value(Value::Boolean(*negated)))
            }
            // Grafana looks for the schemas of the search path.
            Expr::InSubquery {
                expr,
                subquery,
                negated,
            } if subquery.to_string().contains(SEARCHED)
                && subquery.to_string().contains("string_to_array") =>
            {
                let not = if *negated { "NOT " } else { "" };
                Some(expression(&format!(
                    "{expr} {not}IN ({})",
                    literal(SEARCHED)
                ))?)
            }
            Expr::Subquery(query) => scalar(query),
            Expr::Function(function) => self.function(function)?,
            Expr::Identifier(name) if name.quote_style.is_none() => self.word(&normal(name))?,
            _ => None,
        })
    }

    fn word(&self, name: &str) -> Result<Option<Expr>, Fault> {
        Ok(match name {
            "current_user" | "session_user" | "current_role" => {
                Some(expression(&literal(self.user))?)
            }
            "current_catalog" => Some(expression(&literal(DATABASE))?),
            "current_schema" => Some(expression(&literal(SEARCHED))?),
            _ => None,
        })
    }

    fn cast(&self, expr: &mut Expr, data_type: &mut DataType) -> Result<Option<Expr>, Fault> {
        let name = match &*data_type {
            DataType::Regclass => "regclass".to_owned(),
            DataType::Custom(name, _) => qualified(name).1,
            DataType::Array(_) => return Ok(Some(array(expr)?)),
            _ => return Ok(None),
        };
        let text = constant(expr);
        let sql = match (name.as_str(), text) {
            ("regclass", Some(name)) => match self.class(&name) {
                Some(oid) => oid.to_string(),
                None => {
                    let message = format!("relation \"{name}\" does not exist");
                    return Err(Fault::new(Kind::Missing, message));
                }
            },
            ("regclass", None) => format!("stedi_table_name(CAST({expr} AS BIGINT))"),
            ("regtype", Some(name)) if name.parse::<i64>().is_err() => {
                type_oid(&name).unwrap_or(0).to_string()
            }
            ("regtype", _) => format!("stedi_format_type(CAST({expr} AS BIGINT), NULL)"),
            ("regproc" | "regprocedure", Some(name)) => {
                literal(name.trim_start_matches("pg_catalog."))
            }
            ("oid" | "xid" | "cid", _) => format!("CAST({expr} AS BIGINT)"),
            ("int2vector" | "oidvector" | "anyarray", _) => expr.to_string(),
            ("information_schema.cardinal_number" | "cardinal_number", _) => {
                format!("CAST({expr} AS INTEGER)")
            }
            _ => format!("CAST({expr} AS VARCHAR)"),
        };
        expression(&sql).map(Some)
    }

    /// The number of a table that is named as a text.
    fn class(&self, name: &str) -> Option<i64> {
        let name = name.replace('"', "");
        let (schema, name) = match name.rsplit_once('.') {
            Some((schema, name)) => (
                Some(schema.rsplit('.').next().unwrap_or(schema).to_owned()),
                name.to_owned(),
            ),
            None => (None, name),
        };
        if let Ok(number) = name.parse() {
            return Some(number);
        }
        let fits = |of: &str| match &schema {
            Some(schema) => schema == of,
            None => of == SEARCHED,
        };
        let table = self
            .names
            .iter()
            .find(|(of, table, _)| fits(of) && *table == name);
        let class = CLASSES.iter().find(|(class, _)| *class == name);
        table.map(|(_, _, oid)| *oid).or(class.map(|(_, oid)| *oid))
    }

    fn function(&self, function: &mut Function) -> Result<Option<Expr>, Fault> {
        let (_, name) = qualified(&function.name);
        if let FunctionArguments::Subquery(_) = function.args {
            // ARRAY(SELECT ...): of grants, members and policies, which nobody has here.
            return expression(NULL_TEXT).map(Some);
        }
        if let FunctionArguments::None = function.args {
            return self.word(&name);
        }
        let arguments = arguments(function);
        let text = arguments.first().and_then(constant);
        let sql = match name.as_str() {
            "to_regclass" => number(text.and_then(|name| self.class(&name))),
            "to_regtype" => number(text.and_then(|name| type_oid(&name))),
            name => match functions::rewritten(name, &arguments) {
                Some(sql) => sql,
                None => {
                    // `pg_catalog.lower` is `lower`.
                    function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]);
                    return Ok(None);
                }
            },
        };
        expression(&sql).map(Some)
    }
}

fn number(oid: Option<i64>) -> String {
    oid.map_or("CAST(NULL AS BIGINT)".to_owned(), |oid| oid.to_string())
}

fn arguments(function: &Function) -> Vec<Expr> {
    match &function.args {
        FunctionArguments::List(list) => {
            let expressions = list.args.iter().filter_map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                _ => None,
            });
            expressions.collect()
        }
        _ => Vec::new(),
    }
}

fn operator(name: &str) -> Result<BinaryOperator, Fault> {
    Ok(match name {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "||" => BinaryOperator::StringConcat,
        _ => {
            return Err(Fault::new(
                Kind::Wrong,
                format!("there is no operator {name} here"),
            ));
        }
    })
}

/// `left = ANY (right)`, where `right` is no subquery.
fn any(left: &Expr, right: &Expr) -> Result<Option<Expr>, Fault> {
    match right {
        Expr::Subquery(_) => Ok(None),
        right => {
            let array = array(right)?;
            expression(&format!("array_has({array}, {left})")).map(Some)
        }
    }
}

/// An array that may be written as a text: `'{a,b}'`.
fn array(expr: &Expr) -> Result<Expr, Fault> {
    let inner = match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => inner,
        other => other,
    };
    let text = constant(inner);
    let Some(elements) = text
        .as_deref()
        .and_then(|text| text.strip_prefix('{')?.strip_suffix('}'))
    else {
        return Ok(inner.clone());
    };
    let elements = elements.split(',').filter(|element| !element.is_empty());
    let literals = elements.map(|element| match element.parse::<i64>() {
        Ok(number) => number.to_string(),
        Err(_) => literal(element.trim_matches('"')),
    });
    expression(&format!(
        "ARRAY[{}]",
        literals.collect::<Vec<_>>().join(", ")
    ))
}

fn type_oid(name: &str) -> Option<i64> {
    let name = name
        .trim_start_matches("pg_catalog.")
        .trim_matches('"')
        .to_ascii_lowercase();
    let (name, is_array) = match name.strip_suffix("[]") {
        Some(element) => (element, true),
        None => (name.as_str(), false),
    };
    let of = types::ALL
        .iter()
        .find(|of| of.name == name || of.sql_name == name)?;
    Some(i64::from(if is_array { of.array } else { of.oid }))
}

/// A subquery for one value: it may depend on the row outside, and our engine wants to see
/// that it gives one value at most.
fn scalar(query: &mut Query) -> Option<Expr> {
    if pruning::has_no_rows(query) {
        return expression(NULL_TEXT).ok();
    }
    if let SetExpr::Select(select) = query.body.as_mut()
        && query.limit_clause.is_none()
        && let [item] = select.projection.as_mut_slice()
    {
        let expr = match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr,
            _ => return None,
        };
        if !select.from.is_empty() && !is_aggregated(expr) {
            *expr = expression(&format!("max({expr})")).ok()?;
            query.order_by = None;
        }
    }
    None
}

fn is_aggregated(expr: &Expr) -> bool {
    let text = expr.to_string().to_ascii_lowercase();
    ["count(", "max(", "min(", "agg(", "sum(", "bool_"]
        .iter()
        .any(|name| text.contains(name))
}
