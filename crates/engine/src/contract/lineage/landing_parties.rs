//! The columns of a landing table that name the person or device of a row.

use catalog::{LandingTable, Project, Roles};

use super::parties::Kind;
use crate::subjects::landing_files;

/// The property of a landing table that lists its personal columns.
const PERSONAL: &str = "stedi.personal";

/// The column that names the person or device of a row, for a landing table with a known
/// role. The role is known if it is declared, if the table has the name of a table with a
/// role, or if it shares a folder with one.
pub(super) fn by_role<'a>(project: &'a Project, table: &LandingTable) -> Option<(&'a str, Kind)> {
    let by_name = |name: &str| {
        let (column, of_people) = landing_files::party(project, name)?;
        let kind = match of_people {
            true => Kind::Person,
            false => Kind::Device,
        };
        Some((column, kind))
    };
    let named = by_name(table.name.as_ref());
    if named.is_some_and(|(column, _)| table.column(column).is_some()) {
        return named;
    }
    let lies_in = |one: &str, other: &str| {
        let (one, other) = (one.trim_matches('/'), other.trim_matches('/'));
        let rest = one.strip_prefix(other);
        other.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let others = project.landing().iter().filter(|other| {
        let (one, other) = (table.path(), other.path());
        lies_in(one, other) || lies_in(other, one)
    });
    let roles: Vec<_> = others
        .filter_map(|other| by_name(other.name.as_ref()))
        .collect();
    let mut with_column = roles
        .iter()
        .filter(|(column, _)| table.column(column).is_some());
    with_column.next().or(roles.first()).copied()
}

/// The columns that may name the person or device of a row, for a landing table without a
/// known role. The first of these that exist:
///
/// 1. Columns with the name of a column that names people in another table.
/// 2. Columns with the name of a column that names devices in another table.
/// 3. Columns that the definition declares personal. A definition that declares nothing
///    gives none.
pub(super) fn without_role(
    roles: &Roles,
    table: &LandingTable,
    names: &[&str],
) -> Vec<(usize, Kind)> {
    let matching = |is_wanted: &dyn Fn(&str) -> bool, kind: Kind| -> Vec<(usize, Kind)> {
        let columns = names.iter().enumerate();
        let columns = columns.filter(|(_, name)| is_wanted(&name.to_lowercase()));
        columns.map(|(index, _)| (index, kind)).collect()
    };
    for (party, kind) in [
        (catalog::Party::Subject, Kind::Person),
        (catalog::Party::Device, Kind::Device),
    ] {
        let found = matching(&|name| roles.party_by_column(name) == Some(party), kind);
        if !found.is_empty() {
            return found;
        }
    }
    match table.properties.contains_key(PERSONAL) {
        true => matching(
            &|name| table.personal().iter().any(|personal| personal == name),
            Kind::Either,
        ),
        false => Vec::new(),
    }
}
