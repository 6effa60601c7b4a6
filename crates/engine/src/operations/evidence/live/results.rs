//! Results of checks, as runs noted them.

use std::collections::BTreeMap;

use catalog::{Project, Table};
use evidence::{Gate, RunCheck, Verdict};
use query::Session;

use crate::Error;
use crate::operations::evidence::masking;
use crate::operations::evidence::rows::{Row, Rows};

/// The newest result of each check, by table.
#[derive(Debug, Default)]
pub(super) struct NewestResults(BTreeMap<String, Vec<RunCheck>>);

impl NewestResults {
    /// Results of checks that the project does not have any more are left out.
    ///
    /// # Errors
    /// [`Error::Query`] or [`Error::Lake`].
    pub(super) async fn read(session: &Session) -> Result<Self, Error> {
        let sql = "
            with began as (select run, min(started_at) as at from system.runs group by run),
            result as (
                select c.table_name, c.check_name, c.verdict, c.violations,
                    row_number() over (
                        partition by c.table_name, c.check_name
                        order by coalesce(b.at, 0) desc, c.run
                    ) as place
                from system.checks c left join began b on b.run = c.run
            )
            select table_name, check_name, verdict, violations from result where place = 1
            order by table_name, check_name";
        let project = &session.tables().project;
        let mut results = Self::default();
        for row in Rows::of(session, sql).await?.iter() {
            if is_known(project, &row.text(0), &row.text(1)) {
                results.0.entry(row.text(0)).or_default().push(result(&row));
            }
        }
        Ok(results)
    }

    pub(super) fn of(&self, table: &str) -> &[RunCheck] {
        self.0.get(table).map_or(&[], Vec::as_slice)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &RunCheck> {
        self.0.values().flatten()
    }
}

/// A result out of the columns table, check, verdict, violations.
pub(super) fn result(row: &Row<'_>) -> RunCheck {
    RunCheck {
        table: row.text(0),
        check: masking::of_note(&row.text(1)),
        verdict: match row.text(2).as_str() {
            "ok" => Verdict::Ok,
            "warn" => Verdict::Warn,
            _ => Verdict::Fail,
        },
        violations: row.count(3),
    }
}

fn is_known(project: &Project, table: &str, check: &str) -> bool {
    if Gate::of_name(check).is_some() {
        return project.find(table).is_some();
    }
    let Some(Table::Model(model)) = project.find(table) else {
        return false;
    };
    let mut checks = model.contract.checks.iter();
    checks.any(|known| known.name() == check)
}
