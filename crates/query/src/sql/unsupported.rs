//! Names parts of SQL that the parser accepts and the planner does not support.
//!
//! The planner's own message shows such a part as a data structure. So the statement
//! is searched for parts known to be unsupported, and the error names the part as
//! people write it and says what to write instead.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use sqlparser::ast::{
    BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArgumentClause, FunctionArguments,
    JoinOperator, LimitClause, Query, Select, TableFactor, Visit, Visitor,
};

/// An unsupported part of SQL, and what to write instead.
pub(crate) type Unsupported = (&'static str, &'static str);

const FALLBACK: &str = "write it with other clauses or functions";

/// The first unsupported part of a statement.
pub(crate) fn part_of(statement: &Statement) -> Option<Unsupported> {
    match statement {
        Statement::Statement(statement) => match statement.visit(&mut Search) {
            ControlFlow::Break(found) => Some(found),
            ControlFlow::Continue(()) => None,
        },
        Statement::Explain(explain) => part_of(&explain.statement),
        _ => None,
    }
}

/// The first part of a statement that the planner would silently ignore, so that
/// the result would be wrong.
pub(crate) fn ignored_part_of(statement: &Statement) -> Option<Unsupported> {
    match statement {
        Statement::Statement(statement) => match statement.visit(&mut IgnoredParts) {
            ControlFlow::Break(found) => Some(found),
            ControlFlow::Continue(()) => None,
        },
        Statement::Explain(explain) => ignored_part_of(&explain.statement),
        _ => None,
    }
}

struct IgnoredParts;

impl Visitor for IgnoredParts {
    type Break = Unsupported;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Unsupported> {
        let found = if !query.locks.is_empty() {
            ("FOR UPDATE or FOR SHARE", "leave it out: queries only read")
        } else if query.for_clause.is_some() {
            (
                "FOR XML or FOR JSON",
                "leave it out: a query does not choose the output format",
            )
        } else if query.settings.is_some() {
            ("SETTINGS", "leave it out")
        } else if query.format_clause.is_some() {
            (
                "FORMAT",
                "leave it out: a query does not choose the output format",
            )
        } else {
            return ControlFlow::Continue(());
        };
        ControlFlow::Break(found)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Unsupported> {
        let found = if !select.connect_by.is_empty() {
            ("CONNECT BY", "write WITH RECURSIVE")
        } else if select.prewhere.is_some() {
            ("PREWHERE", "write WHERE")
        } else {
            return ControlFlow::Continue(());
        };
        ControlFlow::Break(found)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Unsupported> {
        let found = match expr {
            Expr::BinaryOp {
                op: BinaryOperator::BitwiseXor | BinaryOperator::PGBitwiseXor,
                ..
            } => ("^", "write power(a, b), or bitwise_xor(a, b)"),
            Expr::SimilarTo { .. } => ("SIMILAR TO", "write regexp_like(text, '^(pattern)$')"),
            Expr::Interval(interval) if interval.last_field.is_some() => (
                "an INTERVAL from one unit to another",
                "write INTERVAL '1' DAY + INTERVAL '2' HOUR",
            ),
            Expr::Function(function) => match unsupported_call(function) {
                Some(found) => found,
                None => return ControlFlow::Continue(()),
            },
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(found)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Unsupported> {
        let found = match factor {
            TableFactor::Table {
                sample: Some(_), ..
            }
            | TableFactor::Derived {
                sample: Some(_), ..
            } => ("TABLESAMPLE", "write WHERE random() < 0.1, or LIMIT"),
            TableFactor::Table { partitions, .. } if !partitions.is_empty() => {
                ("PARTITION (...)", "write WHERE")
            }
            TableFactor::Table {
                with_hints,
                index_hints,
                ..
            } if !with_hints.is_empty() || !index_hints.is_empty() => {
                ("a hint about how to read a table", "leave it out")
            }
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(found)
    }
}

/// A call that would mean something else than in Trino, or fail only while rows are
/// computed.
fn unsupported_call(function: &Function) -> Option<Unsupported> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let name = function.name.to_string().to_lowercase();
    let is_distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let is_order =
        |clause: &FunctionArgumentClause| matches!(clause, FunctionArgumentClause::OrderBy(_));
    // DataFusion takes the order's values for values of the function.
    if is_distinct
        && list.clauses.iter().any(is_order)
        && !["array_agg", "string_agg"].contains(&name.as_str())
    {
        return Some((
            "an aggregate with DISTINCT and ORDER BY",
            "leave the ORDER BY out, or write array_agg(DISTINCT x ORDER BY x)",
        ));
    }
    match (name.as_str(), list.args.len()) {
        ("to_char" | "to_date" | "to_timestamp", 2..) => Some((
            "a format of to_char, to_date or to_timestamp",
            "write date_format(value, '%Y-%m-%d') or date_parse(text, '%Y-%m-%d')",
        )),
        ("count", 2..) => Some((
            "count of several values",
            "write count(DISTINCT (a, b)), or count(*)",
        )),
        _ => None,
    }
}

struct Search;

impl Visitor for Search {
    type Break = Unsupported;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Unsupported> {
        let found = if query.fetch.is_some() {
            ("FETCH", "write LIMIT")
        } else if matches!(
            &query.limit_clause,
            Some(LimitClause::LimitOffset { limit_by, .. }) if !limit_by.is_empty()
        ) {
            (
                "LIMIT BY",
                "number the rows of each group with row_number() over (partition by ...)",
            )
        } else {
            return ControlFlow::Continue(());
        };
        ControlFlow::Break(found)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Unsupported> {
        let joins = select.from.iter().flat_map(|from| &from.joins);
        let join = joins.map(|join| &join.join_operator).find_map(join);
        let found = if select.top.is_some() {
            ("TOP", "write LIMIT")
        } else if !select.cluster_by.is_empty() {
            ("CLUSTER BY", "write ORDER BY")
        } else if !select.sort_by.is_empty() {
            ("SORT BY", "write ORDER BY")
        } else if !select.lateral_views.is_empty() {
            ("LATERAL VIEW", "write unnest(...)")
        } else if let Some(join) = join {
            join
        } else {
            return ControlFlow::Continue(());
        };
        ControlFlow::Break(found)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Unsupported> {
        let found = match factor {
            TableFactor::Pivot { .. } => (
                "PIVOT",
                "write a column for each value: count(*) filter (where kind = 'a') as a",
            ),
            TableFactor::Unpivot { .. } => ("UNPIVOT", "put the columns together with UNION ALL"),
            TableFactor::MatchRecognize { .. } => (
                "MATCH_RECOGNIZE",
                "compare rows with lag(...) over (order by ...)",
            ),
            TableFactor::JsonTable { .. } => ("JSON_TABLE", FALLBACK),
            TableFactor::OpenJsonTable { .. } => ("OPENJSON", FALLBACK),
            TableFactor::XmlTable { .. } => ("XMLTABLE", FALLBACK),
            TableFactor::TableFunction { .. } => ("TABLE(...)", "write the function by itself"),
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(found)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Unsupported> {
        let found = match expr {
            Expr::Collate { .. } => (
                "COLLATE",
                "texts are compared byte by byte; lower(...) compares without regard to case",
            ),
            Expr::RLike { .. } => ("RLIKE", "write regexp_like(text, pattern)"),
            Expr::Convert { .. } => ("CONVERT", "write CAST(value AS type)"),
            Expr::IsNormalized { .. } => ("IS NORMALIZED", FALLBACK),
            Expr::InUnnest { .. } => ("IN UNNEST", "write array_has(array, value)"),
            Expr::MatchAgainst { .. } => ("MATCH AGAINST", "write LIKE or regexp_like"),
            Expr::OuterJoin(_) => ("(+)", "write LEFT JOIN"),
            Expr::Prior(_) => ("PRIOR", "write WITH RECURSIVE"),
            Expr::MemberOf(_) => ("MEMBER OF", "write array_has(array, value)"),
            Expr::AllOp { .. } => ("ALL", "compare with max(...) or min(...)"),
            Expr::AnyOp { right, .. } if matches!(**right, Expr::Subquery(_)) => {
                ("ANY", "write IN (select ...) or EXISTS (select ...)")
            }
            Expr::Like { any: true, .. } | Expr::ILike { any: true, .. } => {
                ("LIKE ANY", "write LIKE several times, with OR between")
            }
            Expr::Prefixed { .. } => ("a text with a character set", "write 'text' alone"),
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(found)
    }
}

fn join(operator: &JoinOperator) -> Option<Unsupported> {
    Some(match operator {
        JoinOperator::AsOf { .. } => (
            "ASOF JOIN",
            "join on a.time >= b.time and keep the last with row_number() over (partition by ... order by b.time desc)",
        ),
        JoinOperator::CrossApply | JoinOperator::OuterApply => {
            ("APPLY", "write CROSS JOIN LATERAL or LEFT JOIN LATERAL")
        }
        JoinOperator::Semi(_) => ("SEMI JOIN", "write LEFT SEMI JOIN"),
        JoinOperator::Anti(_) => ("ANTI JOIN", "write LEFT ANTI JOIN"),
        JoinOperator::StraightJoin(_) => ("STRAIGHT_JOIN", "write JOIN"),
        JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin => {
            ("ARRAY JOIN", "write unnest(...)")
        }
        _ => return None,
    })
}
