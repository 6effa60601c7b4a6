//! Which row counts are expected.

use std::collections::BTreeMap;

use catalog::Project;

use super::account::Accounts;

/// Whether all landing tables have the rows that the published counts are about.
pub(super) fn landing_is_published(project: &Project, accounts: &Accounts) -> bool {
    let Some(published) = project.published() else {
        return false;
    };
    let landing = project.landing().iter();
    let known: BTreeMap<&str, u64> = landing
        .filter_map(|table| {
            Some((
                table.name.as_ref(),
                accounts.landing_rows(table.name.as_ref())?,
            ))
        })
        .collect();
    let mut expected = published
        .iter()
        .filter(|(table, _)| project.landing().iter().any(|known| known.name == *table))
        .peekable();
    expected.peek().is_some() && expected.all(|(table, rows)| known.get(table) == Some(&rows))
}
