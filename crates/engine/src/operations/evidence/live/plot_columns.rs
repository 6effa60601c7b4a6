//! What the columns of a table are to its plots, by landing roles and lineage.

use catalog::{Model, Project, Roles, Table, TableRoles};
use evidence::{ColumnFigures, ColumnOrigin, TablePage};

use crate::contract::lineage::Influence;
use crate::contract::subject_columns;

/// What the columns of a table are to its plots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlotColumns {
    /// Columns that hold the time of a row; the first one is the best.
    pub times: Vec<String>,
    /// Columns that tell people or devices apart: people first.
    pub parties: Vec<String>,
}

/// Finds them in what is known of a table. A landing table declares them; the columns of a
/// model have the role of the landing fields whose values they hold. A pseudonym tells people
/// apart as their names do. System tables have none: they are about runs.
pub fn plot_columns(project: &Project, page: &TablePage) -> PlotColumns {
    match project.find(&page.figures.table) {
        _ if page.figures.zone == evidence::Zone::System => PlotColumns::default(),
        Some(Table::Landing(table)) => {
            let roles = project.roles().of(table.name.as_ref());
            roles.map_or_else(PlotColumns::default, declared)
        }
        Some(Table::Model(model)) => traced(project.roles(), model, page),
        None => PlotColumns::default(),
    }
}

fn declared(roles: &TableRoles) -> PlotColumns {
    let parties = roles.subject.iter().chain(&roles.device);
    PlotColumns {
        times: roles.time.iter().cloned().collect(),
        parties: parties.cloned().collect(),
    }
}

fn traced(roles: &Roles, model: &Model, page: &TablePage) -> PlotColumns {
    let names = |is_meant: &dyn Fn(&ColumnFigures) -> bool| -> Vec<String> {
        let columns = page.columns.iter().filter(|column| is_meant(column));
        columns.map(|column| column.column.clone()).collect()
    };
    let declared = subject_columns::columns(model).map(|(_, name)| name.to_owned());
    let people = names(&|column| {
        is_of(roles, column, Influence::Direct, |of| of.subject.as_deref())
            || is_text(column)
                && is_of(roles, column, Influence::Masked, |of| of.subject.as_deref())
    });
    let devices = names(&|column| {
        is_text(column) && is_of(roles, column, Influence::Direct, |of| of.device.as_deref())
    });
    let mut parties: Vec<String> = Vec::new();
    for name in declared.chain(people).chain(devices) {
        if !parties.contains(&name) {
            parties.push(name);
        }
    }
    PlotColumns {
        times: names(&|column| is_of(roles, column, Influence::Direct, |of| of.time.as_deref())),
        parties,
    }
}

/// Whether a column's values are those of landing fields with one role, and of nothing else.
fn is_of(
    roles: &Roles,
    column: &ColumnFigures,
    influence: Influence,
    role: impl Fn(&TableRoles) -> Option<&str>,
) -> bool {
    let has_role = |origin: &ColumnOrigin| {
        let own = roles.of(&origin.table).and_then(&role);
        origin.influence == influence.as_str() && own == Some(&origin.column)
    };
    let is_value = |origin: &&ColumnOrigin| origin.influence != Influence::Indirect.as_str();
    let mut values = column.landing.iter().filter(is_value).peekable();
    values.peek().is_some() && values.all(has_role)
}

fn is_text(column: &ColumnFigures) -> bool {
    column.kind == "string"
}
