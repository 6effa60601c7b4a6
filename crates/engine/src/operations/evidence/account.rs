//! What the ledger says of every step, summed over all runs.

use std::collections::BTreeMap;

use catalog::Project;
use evidence::{Account, LeftOut};
use query::{Session, system};

use super::rows::Rows;
use super::run_id::RunId;
use crate::Error;
use crate::write::ledger::Reason;

/// One step of a table's making.
#[derive(Debug, Default)]
struct Step {
    kind: String,
    source: String,
    account: Account,
    files: u64,
    bytes: u64,
}

/// All steps, by the table that they make.
#[derive(Debug, Default)]
pub(super) struct Accounts(BTreeMap<String, Vec<Step>>);

impl Accounts {
    /// # Errors
    /// [`Error::Query`] or [`Error::Lake`].
    pub(super) async fn read(session: &Session) -> Result<Self, Error> {
        Self::read_where(session, "true").await
    }

    /// What one run changed.
    ///
    /// # Errors
    /// As [`Accounts::read`].
    pub(super) async fn of_run(session: &Session, run: &RunId) -> Result<Self, Error> {
        Self::read_where(session, &format!("run = '{run}'")).await
    }

    async fn read_where(session: &Session, condition: &str) -> Result<Self, Error> {
        let counts = Reason::ALL.map(Reason::column);
        let counts = ["files", "bytes_in", "rows_in", "fan_out", "rows_out"]
            .into_iter()
            .chain(counts);
        let sums: Vec<String> = counts
            .map(|name| format!("coalesce(sum({name}), 0)"))
            .collect();
        let sql = format!(
            "select table_name, step, source, {} from system.ledger where {condition} \
             group by table_name, step, source order by table_name, step, source",
            sums.join(", ")
        );
        let mut accounts = Self::default();
        for row in Rows::of(session, &sql).await?.iter() {
            let number = |column| row.number(column).unwrap_or_default();
            let left_out = (8..).zip(Reason::ALL).map(|(column, reason)| LeftOut {
                reason: reason.column().to_owned(),
                words: reason.words().to_owned(),
                rows: number(column),
            });
            let account = Account {
                source: row.text(2),
                rows_in: number(5),
                fan_out: number(6),
                rows_out: number(7),
                left_out: left_out.filter(|left_out| left_out.rows != 0).collect(),
            };
            let step = Step {
                kind: row.text(1),
                source: row.text(2),
                files: row.count(3),
                bytes: row.count(4),
                account,
            };
            // A model that reads another table now has nothing left of the steps before.
            if is_about_rows(&step.account) || step.files > 0 {
                accounts.0.entry(row.text(0)).or_default().push(step);
            }
        }
        Ok(accounts)
    }

    /// The tables with an account.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The steps that made a table: what was read, each join, the model as a whole.
    /// Their sources are named as edges name them, system tables with their zone.
    pub(super) fn steps_of(&self, project: &Project, table: &str) -> Vec<evidence::Step> {
        let named = |source: &str| match (project.find(source), system::schema(source)) {
            (None, Some(_)) => format!("{}.{source}", system::ZONE),
            _ => source.to_owned(),
        };
        let steps = self.steps(table, |_| true).map(|step| {
            let sources: Vec<String> = step.source.split(", ").map(named).collect();
            evidence::Step {
                step: step.kind.clone(),
                account: Account {
                    source: sources.join(", "),
                    ..step.account.clone()
                },
            }
        });
        steps.collect()
    }

    /// What became of the rows that a table was made of, or that a landing table's files
    /// hold.
    pub(super) fn of(&self, table: &str) -> Option<Account> {
        let whole = self.steps(table, |step| step.kind != "join");
        whole.map(|step| step.account.clone()).reduce(merged)
    }

    /// The rows of a landing table that the last run knew.
    pub(super) fn landing_rows(&self, table: &str) -> Option<u64> {
        let mut read = self.steps(table, |step| step.kind == "read");
        u64::try_from(read.next()?.account.rows_out).ok()
    }

    /// Files and bytes of a landing table that were read.
    pub(super) fn landing_files(&self, table: &str) -> Option<(u64, u64)> {
        let mut read = self.steps(table, |step| step.kind == "read");
        read.next().map(|step| (step.files, step.bytes))
    }

    /// How many rows of `source` made `table`, if they did.
    pub(super) fn rows_from(&self, table: &str, source: &str) -> Option<i64> {
        let is_it = |step: &Step| step.kind == "build" && step.names(source);
        let rows = self.steps(table, is_it).map(|step| step.account.rows_in);
        rows.reduce(i64::saturating_add)
    }

    /// With how many rows `table`'s joins with `source` went on, if there are any; the
    /// fewest of several.
    pub(super) fn rows_after(&self, table: &str, source: &str) -> Option<i64> {
        let is_it = |step: &Step| step.kind == "join" && step.names(source);
        self.steps(table, is_it)
            .map(|step| step.account.rows_out)
            .min()
    }

    fn steps<'a>(
        &'a self,
        table: &str,
        is_it: impl Fn(&Step) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Step> {
        let steps = self.0.get(table).into_iter().flatten();
        steps.filter(move |step| is_it(step))
    }
}

impl Step {
    /// Whether `table` is among its sources.
    fn names(&self, table: &str) -> bool {
        self.source.split(", ").any(|source| source == table)
    }
}

fn is_about_rows(account: &Account) -> bool {
    [account.rows_in, account.fan_out, account.rows_out] != [0; 3] || !account.left_out.is_empty()
}

fn merged(mut all: Account, other: Account) -> Account {
    all.source = format!("{}, {}", all.source, other.source);
    all.rows_in += other.rows_in;
    all.fan_out += other.fan_out;
    all.rows_out += other.rows_out;
    for left_out in other.left_out {
        let mut known = all.left_out.iter_mut();
        match known.find(|known| known.reason == left_out.reason) {
            Some(known) => known.rows += left_out.rows,
            None => all.left_out.push(left_out),
        }
    }
    all
}
