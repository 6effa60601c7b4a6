//! `"$path"`, `"$file_size"` and `"$file_modified_time"`: columns of landing tables
//! that tell the place of a row's file. `*` does not mean them, and `DESCRIBE` does
//! not show them.
//!
//! In a statement that names one, landing tables are rewritten to names such as
//! `customer_landing@file`, which [`Tables::find`](crate::tables::Tables::find) resolves
//! to tables that have these columns.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use sqlparser::ast::{
    Expr, Ident, ObjectNamePart, Query, Select, SelectItem, TableAlias, TableFactor, Visit,
    VisitMut, Visitor, VisitorMut,
};

use super::time_travel;
use crate::Error;

/// Ends the name of a landing table that has the hidden columns.
pub(crate) const SUFFIX: &str = "@file";

/// Rewrites a statement that names a hidden column; `is_landing` tells landing tables
/// by their names.
///
/// # Errors
/// [`Error::Sql`] for a `*` in such a statement.
pub(crate) fn resolve(
    statement: &mut Statement,
    is_landing: &dyn Fn(&str) -> bool,
) -> Result<(), Error> {
    let statement = match statement {
        Statement::Statement(statement) => statement,
        Statement::Explain(explain) => return resolve(&mut explain.statement, is_landing),
        _ => return Ok(()),
    };
    let mut search = Search::default();
    let _ = Visit::visit(statement.as_ref(), &mut search);
    if !search.is_found {
        return Ok(());
    }
    if search.has_star {
        return Err(Error::sql(
            "a statement that names \"$path\" cannot use `*`",
            "list the columns",
        ));
    }
    let mut resolver = Resolver {
        is_landing,
        ctes: search.ctes,
    };
    let _ = VisitMut::visit(statement.as_mut(), &mut resolver);
    Ok(())
}

#[derive(Default)]
struct Search {
    is_found: bool,
    has_star: bool,
    ctes: BTreeSet<String>,
}

impl Visitor for Search {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes
            .extend(ctes.map(|cte| cte.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.has_star |= select.projection.iter().any(|item| {
            matches!(
                item,
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
            )
        });
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.is_found |= match expr {
            Expr::Identifier(name) => catalog::is_hidden_column(&name.value),
            Expr::CompoundIdentifier(parts) => parts
                .last()
                .is_some_and(|name| catalog::is_hidden_column(&name.value)),
            _ => false,
        };
        ControlFlow::Continue(())
    }
}

struct Resolver<'a> {
    is_landing: &'a dyn Fn(&str) -> bool,
    ctes: BTreeSet<String>,
}

impl VisitorMut for Resolver<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let Some(ObjectNamePart::Identifier(own)) = name.0.last() else {
            return ControlFlow::Continue(());
        };
        let table = own.value.to_lowercase();
        if !(self.is_landing)(&table) || (name.0.len() == 1 && self.ctes.contains(&table)) {
            return ControlFlow::Continue(());
        }
        // Columns may be qualified by the table's name.
        alias.get_or_insert_with(|| TableAlias {
            explicit: true,
            name: Ident::with_quote('"', table),
            columns: Vec::new(),
            at: None,
        });
        time_travel::append(name, SUFFIX);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let name = match expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(parts) => parts.last_mut(),
            _ => None,
        };
        // Athena's names have no letter case, in quotes either.
        if let Some(name) = name.filter(|name| catalog::is_hidden_column(&name.value)) {
            name.value.make_ascii_lowercase();
        }
        ControlFlow::Continue(())
    }
}
