//! Which names a statement's WITH define at a place of the statement.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, TableFactor, Visit, Visitor};

/// The queries around the place that is visited, the outermost first.
#[derive(Debug, Default)]
pub(super) struct Scopes(Vec<Scope>);

#[derive(Debug, Default)]
struct Scope {
    /// Names of WITH queries that are not visited yet, by the addresses of the queries.
    ahead: HashMap<usize, String>,
    names: BTreeSet<String>,
}

impl Scopes {
    /// Before a query is visited. A name holds from the end of its own query on, with
    /// RECURSIVE within it too.
    pub(super) fn enter(&mut self, query: &Query) {
        let mut scope = Scope::default();
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                let name = folded(&cte.alias.name);
                match with.recursive {
                    true => _ = scope.names.insert(name),
                    false => _ = scope.ahead.insert(address(&cte.query), name),
                }
            }
        }
        self.0.push(scope);
    }

    /// After a query was visited.
    pub(super) fn leave(&mut self, query: &Query) {
        self.0.pop();
        if let Some(around) = self.0.last_mut()
            && let Some(name) = around.ahead.remove(&address(query))
        {
            around.names.insert(name);
        }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|scope| scope.names.contains(name))
    }

    /// One of these names that a WITH defines here.
    pub(super) fn defined<'n>(&self, names: &'n BTreeSet<String>) -> Option<&'n str> {
        let mut names = names.iter().map(String::as_str);
        names.find(|name| self.contains(name))
    }
}

/// Names of the tables that a query reads, with dots, in lower case; none that it defines
/// itself.
pub(super) fn tables_of(query: &Query) -> BTreeSet<String> {
    let mut tables = TablesRead::default();
    let ControlFlow::Continue(()) = query.visit(&mut tables);
    tables.names
}

#[derive(Default)]
struct TablesRead {
    scopes: Scopes,
    names: BTreeSet<String>,
}

impl Visitor for TablesRead {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        self.scopes.enter(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        self.scopes.leave(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        if let TableFactor::Table { name, .. } = factor {
            let name = dotted(name);
            if !self.scopes.contains(&name) {
                self.names.insert(name);
            }
        }
        ControlFlow::Continue(())
    }
}

fn dotted(name: &ObjectName) -> String {
    let parts = name.0.iter().filter_map(ObjectNamePart::as_ident);
    parts.map(folded).collect::<Vec<_>>().join(".")
}

fn folded(name: &Ident) -> String {
    name.value.to_lowercase()
}

fn address(query: &Query) -> usize {
    std::ptr::from_ref(query).addr()
}
