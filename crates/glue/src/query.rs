//! A query in Spark's SQL becomes one of a model: its tables are those of the project, `*` is
//! spelled out, and expressions are translated.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName, OrderByKind, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, TableAlias, TableFactor,
    TableWithJoins, VisitMut, VisitorMut,
};

use crate::names;
use crate::spark::{self, ident};
use crate::spark_meaning::nulls_as_spark;

/// A table, or a step of the model: its name in SQL and its columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Relation {
    pub(crate) sql: String,
    pub(crate) columns: Vec<String>,
}

/// A relation in a FROM clause, and the name by which the query knows it.
struct InFrom {
    name: String,
    columns: Vec<String>,
}

/// Writes queries with the tables that `resolve` finds by their names.
pub(crate) struct QueryWriter<'a> {
    pub(crate) resolve: &'a mut dyn FnMut(&str) -> Result<Relation, String>,
    /// The CTEs in sight, and their columns.
    ctes: Vec<(String, Vec<String>)>,
}

/// The text of a query in the SQL of models, and its columns.
///
/// # Errors
/// What cannot be translated.
pub(crate) fn rewrite(
    sql: &str,
    resolve: &mut dyn FnMut(&str) -> Result<Relation, String>,
) -> Result<(String, Vec<String>), String> {
    let statements = spark::parse(sql)?;
    let Ok([Statement::Query(mut query)]) = <[Statement; 1]>::try_from(statements) else {
        return Err("the SQL is not one SELECT".to_owned());
    };
    let mut writer = QueryWriter {
        resolve,
        ctes: Vec::new(),
    };
    let columns = writer.query(&mut query)?;
    spark::translate(&mut query)?;
    Ok((spark::lower(&format!("{query:#}")), columns))
}

impl QueryWriter<'_> {
    fn query(&mut self, query: &mut Query) -> Result<Vec<String>, String> {
        let outside = self.ctes.len();
        if let Some(with) = &mut query.with {
            if with.recursive {
                return Err("a recursive WITH is not translated".to_owned());
            }
            for cte in &mut with.cte_tables {
                let mut columns = self.query(&mut cte.query)?;
                lower_alias(&mut cte.alias);
                if !cte.alias.columns.is_empty() {
                    let named = cte.alias.columns.iter();
                    columns = named
                        .map(|column| names::column(&column.name.value))
                        .collect();
                }
                self.ctes.push((cte.alias.name.value.clone(), columns));
            }
        }
        let columns = self.body(&mut query.body)?;
        if let Some(order) = &mut query.order_by {
            let OrderByKind::Expressions(items) = &mut order.kind else {
                return Err("ORDER BY ALL is not translated".to_owned());
            };
            for item in items {
                nulls_as_spark(item);
            }
        }
        self.ctes.truncate(outside);
        Ok(columns)
    }

    fn body(&mut self, body: &mut SetExpr) -> Result<Vec<String>, String> {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, right, .. } => {
                let columns = self.body(left)?;
                self.body(right)?;
                Ok(columns)
            }
            _ => Err("the SQL is not a SELECT".to_owned()),
        }
    }

    fn select(&mut self, select: &mut Select) -> Result<Vec<String>, String> {
        if select.from.is_empty() {
            return Err("the query has no FROM".to_owned());
        }
        if !select.lateral_views.is_empty()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.sort_by.is_empty()
        {
            return Err("LATERAL VIEW, CLUSTER BY and the like are not translated".to_owned());
        }
        let mut relations = Vec::new();
        for table in &mut select.from {
            self.table_with_joins(table, &mut relations)?;
        }
        for item in &mut select.projection {
            self.subqueries(item)?;
        }
        self.subqueries(&mut select.selection)?;
        self.subqueries(&mut select.having)?;
        self.subqueries(&mut select.qualify)?;
        if let GroupByExpr::All(_) = select.group_by {
            return Err("GROUP BY ALL is not translated".to_owned());
        }
        let items = expand(&select.projection, &relations)?;
        let mut columns: Vec<String> = Vec::new();
        select.projection = items
            .into_iter()
            .map(|(expr, wanted)| {
                let name = free_name(wanted, &columns);
                let is_own = own_name(&expr).is_some_and(|own| own == name);
                columns.push(name.clone());
                match is_own {
                    true => SelectItem::UnnamedExpr(expr),
                    false => SelectItem::ExprWithAlias {
                        expr,
                        alias: ident(&name),
                    },
                }
            })
            .collect();
        Ok(columns)
    }

    fn table_with_joins(
        &mut self,
        table: &mut TableWithJoins,
        relations: &mut Vec<InFrom>,
    ) -> Result<(), String> {
        relations.extend(self.factor(&mut table.relation)?);
        for join in &mut table.joins {
            let mut right = self.factor(&mut join.relation)?;
            let is_semi = matches!(
                join.join_operator,
                JoinOperator::Semi(_)
                    | JoinOperator::LeftSemi(_)
                    | JoinOperator::Anti(_)
                    | JoinOperator::LeftAnti(_)
            );
            match &mut join.join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::Left(constraint)
                | JoinOperator::LeftOuter(constraint)
                | JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::FullOuter(constraint)
                | JoinOperator::CrossJoin(constraint)
                | JoinOperator::Semi(constraint)
                | JoinOperator::LeftSemi(constraint)
                | JoinOperator::Anti(constraint)
                | JoinOperator::LeftAnti(constraint) => match constraint {
                    JoinConstraint::On(condition) => self.subqueries(condition)?,
                    JoinConstraint::None => {}
                    JoinConstraint::Using(keys) => {
                        for key in keys {
                            let name = names::column(&key.to_string());
                            *key = ObjectName::from(vec![ident(&name)]);
                            for relation in &mut right {
                                relation.columns.retain(|column| *column != name);
                            }
                        }
                    }
                    JoinConstraint::Natural => {
                        return Err("NATURAL JOIN is not translated".to_owned());
                    }
                },
                other => return Err(format!("a join of this kind is not translated: {other:?}")),
            }
            if !is_semi {
                relations.extend(right);
            }
        }
        Ok(())
    }

    fn factor(&mut self, factor: &mut TableFactor) -> Result<Vec<InFrom>, String> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                version: None,
                sample: None,
                ..
            } => {
                let written = name.0.last().and_then(|part| part.as_ident());
                let written = written.map_or_else(|| name.to_string(), |name| name.value.clone());
                let written = written.to_lowercase();
                let mut ctes = self.ctes.iter().rev();
                let relation = match ctes.find(|(cte, _)| name.0.len() == 1 && *cte == written) {
                    Some((cte, columns)) => Relation {
                        sql: cte.clone(),
                        columns: columns.clone(),
                    },
                    None => (self.resolve)(&written)?,
                };
                *name = ObjectName::from(vec![ident(&relation.sql)]);
                match alias {
                    Some(alias) => lower_alias(alias),
                    None if relation.sql != written => *alias = Some(alias_named(&written)),
                    None => {}
                }
                let known_as = alias
                    .as_ref()
                    .map_or(written, |alias| alias.name.value.clone());
                Ok(vec![InFrom {
                    name: known_as,
                    columns: relation.columns,
                }])
            }
            TableFactor::Derived {
                lateral: false,
                subquery,
                alias,
                ..
            } => {
                let columns = self.query(subquery)?;
                let alias = alias.get_or_insert_with(|| alias_named("q"));
                lower_alias(alias);
                Ok(vec![InFrom {
                    name: alias.name.value.clone(),
                    columns,
                }])
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => {
                let mut relations = Vec::new();
                self.table_with_joins(table_with_joins, &mut relations)?;
                Ok(relations)
            }
            other => Err(format!("`{other}` in FROM is not translated")),
        }
    }

    /// Rewrites the subqueries of expressions.
    fn subqueries<T: VisitMut>(&mut self, node: &mut T) -> Result<(), String> {
        let mut visitor = Subqueries {
            writer: self,
            depth: 0,
        };
        match node.visit(&mut visitor) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(reason) => Err(reason),
        }
    }
}

/// Finds the outermost subqueries. [`QueryWriter::query`] takes care of those within.
struct Subqueries<'w, 'a> {
    writer: &'w mut QueryWriter<'a>,
    depth: usize,
}

impl VisitorMut for Subqueries<'_, '_> {
    type Break = String;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<String> {
        self.depth += 1;
        if self.depth == 1
            && let Err(reason) = self.writer.query(query)
        {
            return ControlFlow::Break(reason);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<String> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

fn alias_named(name: &str) -> TableAlias {
    TableAlias {
        explicit: false,
        name: ident(name),
        columns: Vec::new(),
        at: None,
    }
}

fn lower_alias(alias: &mut TableAlias) {
    alias.explicit = false;
    alias.name = ident(&alias.name.value.to_lowercase());
}

/// The items of a SELECT list with `*` spelled out, and the names they should have.
fn expand(projection: &[SelectItem], relations: &[InFrom]) -> Result<Vec<(Expr, String)>, String> {
    let mut items = Vec::new();
    for item in projection {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = own_name(expr);
                let name = name.unwrap_or_else(|| format!("column_{}", items.len() + 1));
                items.push((expr.clone(), name));
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                items.push((expr.clone(), names::column(&alias.value)));
            }
            SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)
                if !options.to_string().is_empty() =>
            {
                return Err("`*` with EXCEPT or the like is not translated".to_owned());
            }
            SelectItem::Wildcard(_) => {
                for relation in relations {
                    items.extend(columns_of(relation, relations.len() > 1));
                }
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let last = name.0.last().and_then(|part| part.as_ident());
                let last = last.map(|name| name.value.to_lowercase());
                let mut known = relations.iter();
                let found = known.find(|relation| Some(&relation.name) == last.as_ref());
                let found = found.ok_or_else(|| format!("`{name}.*`: nothing is called {name}"))?;
                items.extend(columns_of(found, relations.len() > 1));
            }
            other => return Err(format!("`{other}` is not translated")),
        }
    }
    Ok(items)
}

fn columns_of(relation: &InFrom, is_qualified: bool) -> Vec<(Expr, String)> {
    let columns = relation.columns.iter().map(|column| {
        let name = ident(column);
        let expr = match is_qualified {
            true => Expr::CompoundIdentifier(vec![ident(&relation.name), name]),
            false => Expr::Identifier(name),
        };
        (expr, column.clone())
    });
    columns.collect()
}

/// The name that an expression has without an alias.
fn own_name(expr: &Expr) -> Option<String> {
    let last = |name: &Ident| names::column(&name.value);
    match expr {
        Expr::Identifier(name) => Some(last(name)),
        Expr::CompoundIdentifier(parts) => parts.last().map(last),
        _ => None,
    }
}

/// The name, with `right_` before it as long as it is taken.
pub(crate) fn free_name(mut name: String, taken: &[String]) -> String {
    while taken.contains(&name) {
        name.insert_str(0, "right_");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_spark() {
        let check = |sql: &str, expected: &str| {
            let mut resolve = |name: &str| match name {
                "c" | "customer" => Ok(Relation {
                    sql: "customer_trusted".to_owned(),
                    columns: vec!["email".to_owned(), "serialnumber".to_owned()],
                }),
                "s" => Ok(Relation {
                    sql: "s".to_owned(),
                    columns: vec!["serialnumber".to_owned(), "distance".to_owned()],
                }),
                other => Err(format!("nothing is called {other}")),
            };
            let found = match rewrite(sql, &mut resolve) {
                Ok((sql, _)) => sql.split_whitespace().collect::<Vec<_>>().join(" "),
                Err(reason) => reason,
            };
            assert_eq!(found, expected, "{sql}");
        };
        check(
            "SELECT * FROM customer;",
            "select email, serialnumber from customer_trusted customer",
        );
        check(
            "select s.* from s inner join c on s.serialNumber = c.serialnumber",
            "select s.serialnumber, s.distance from s inner join customer_trusted c \
             on s.serialnumber = c.serialnumber",
        );
        check(
            "select * from s join c on s.serialNumber = c.serialNumber",
            "select s.serialnumber, s.distance, c.email, c.serialnumber as right_serialnumber \
             from s join customer_trusted c on s.serialnumber = c.serialnumber",
        );
        check(
            "select DISTINCT email as `E Mail`, count(*) from c where serialnumber in \
             (select serialNumber from s) group by email",
            "select distinct email as e_mail, count(*) as column_2 from customer_trusted c \
             where serialnumber in (select serialnumber from s) group by email",
        );
        check(
            "with x as (select * from s) select x.* from x order by distance",
            "with x as ( select serialnumber, distance from s ) select serialnumber, distance \
             from x order by distance nulls first",
        );
        check("select * from s, t", "nothing is called t");
        check("select 1", "the query has no FROM");
        check("drop table s", "the SQL is not one SELECT");
    }
}
