//! System tables: what a run did, and what it found.
//!
//! Names of tables and checks stand in `table_name` and `check_name`, as the
//! bare words are keywords of SQL. Times are epoch milliseconds, UTC.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use lake::{AsOf, Lake, Layout, Origin, Publication, TableId};

use landing::Tally;

use crate::Error;
use crate::landing::TableIntake;
use crate::ledger::{Entry, Reason};
use crate::report::{CheckReport, ModelRun};
use crate::rows::{self, Content};

/// The zone's name.
pub(crate) const ZONE: &str = "system";

const TEXT: DataType = DataType::Utf8View;
const LONG: DataType = DataType::Int64;
const BYTES: DataType = DataType::BinaryView;

/// A system table: its name, its grain, its columns.
pub(crate) struct Definition {
    name: &'static str,
    grain: &'static str,
    personal: &'static [&'static str],
    columns: &'static [(&'static str, DataType)],
}

const RUNS: Definition = Definition {
    name: "runs",
    grain: "One model in a run.",
    personal: &[],
    columns: &[
        ("run", TEXT),
        ("table_name", TEXT),
        ("started_at", LONG),
        ("ended_at", LONG),
        ("rows_in", LONG),
        ("rows_out", LONG),
        ("duplicates", LONG),
        ("files", LONG),
        ("version", LONG),
        ("outcome", TEXT),
    ],
};

const CHECKS: Definition = Definition {
    name: "checks",
    grain: "One check of a run.",
    personal: &[],
    columns: &[
        ("run", TEXT),
        ("table_name", TEXT),
        ("check_name", TEXT),
        ("verdict", TEXT),
        ("violations", LONG),
    ],
};

pub(crate) const QUARANTINE: Definition = Definition {
    name: "quarantine",
    grain: "One stretch of landing input that could not be read.",
    // Quarantined bytes may be anything, a person's record among them.
    personal: &["file", "raw", "hash"],
    columns: &[
        ("id", TEXT),
        ("table_name", TEXT),
        ("file", TEXT),
        ("byte_offset", LONG),
        ("byte_length", LONG),
        ("line", LONG),
        ("reason", TEXT),
        ("detail", TEXT),
        ("state", TEXT),
        ("raw", BYTES),
        ("hash", TEXT),
    ],
};

/// Rows in and rows that joins added (`fan_out`) are rows out and each reason
/// for which rows were left out. A `read` step is a landing table, its rows the
/// objects found and its bytes those of the files as they are unpacked; a
/// `join` step is one join of a model, with the rows of the other side; a
/// `build` step is a model as a whole, its joins included.
const LEDGER: Definition = Definition {
    name: "ledger",
    grain: "One step of a run: rows in are rows out and each reason why rows were left out.",
    personal: &[],
    columns: &[
        ("run", TEXT),
        ("step", TEXT),
        ("table_name", TEXT),
        ("source", TEXT),
        ("files", LONG),
        ("rows_in", LONG),
        ("fan_out", LONG),
        ("rows_out", LONG),
        ("quarantined", LONG),
        ("no_consent", LONG),
        ("no_owner", LONG),
        ("unmatched", LONG),
        ("filtered", LONG),
        ("superseded", LONG),
        ("grouped", LONG),
        ("duplicate", LONG),
        ("left_out", LONG),
        ("other_rows", LONG),
        ("other_unmatched", LONG),
        ("bytes_in", LONG),
        ("bytes_rows", LONG),
        ("bytes_quarantined", LONG),
        ("bytes_separators", LONG),
        ("unknown_fields", LONG),
    ],
};

pub(crate) const CONSENT: Definition = Definition {
    name: "consent",
    grain: "One interval in which one person's consent for one purpose held.",
    personal: &["subject"],
    columns: &[
        ("subject", TEXT),
        ("purpose", TEXT),
        ("valid_from", LONG),
        ("valid_to", LONG),
        ("source", TEXT),
    ],
};

pub(crate) const CONSENT_REGISTER: Definition = Definition {
    name: "consent_register",
    grain: "One consent given or withdrawn by hand.",
    personal: &["subject", "entered_by", "reason"],
    columns: &[
        ("position", LONG),
        ("entered_at", LONG),
        ("subject", TEXT),
        ("purpose", TEXT),
        ("act", TEXT),
        ("valid_from", LONG),
        ("entered_by", TEXT),
        ("reason", TEXT),
    ],
};

pub(crate) const DEVICE_OWNER: Definition = Definition {
    name: "device_owner",
    grain: "One device that reports, per owner; without one where none is clear.",
    personal: &["serialnumber", "subject"],
    columns: &[
        ("serialnumber", TEXT),
        ("subject", TEXT),
        ("evidence", TEXT),
        ("support", LONG),
        ("runner_up", LONG),
        ("valid_from", LONG),
        ("valid_to", LONG),
        ("last_reading", LONG),
    ],
};

/// Tables that each run derives before models read them.
pub(crate) const DERIVED: [&Definition; 2] = [&CONSENT, &DEVICE_OWNER];

const ALL: [&Definition; 7] = [
    &CHECKS,
    &CONSENT,
    &CONSENT_REGISTER,
    &DEVICE_OWNER,
    &LEDGER,
    &QUARANTINE,
    &RUNS,
];

/// Names of all system tables.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|definition| definition.name)
}

/// Columns of a system table; `None` if there is none of that name.
pub(crate) fn schema(name: &str) -> Option<SchemaRef> {
    ALL.iter()
        .find(|definition| definition.name == name)
        .map(|definition| definition.schema())
}

/// The grain of a system table, in words.
pub(crate) fn grain(name: &str) -> Option<&'static str> {
    ALL.iter()
        .find(|definition| definition.name == name)
        .map(|definition| definition.grain)
}

/// Personal columns of a system table.
pub(crate) fn personal(name: &str) -> &'static [&'static str] {
    ALL.iter()
        .find(|definition| definition.name == name)
        .map_or(&[], |definition| definition.personal)
}

impl Definition {
    pub(crate) fn schema(&self) -> SchemaRef {
        let fields = self
            .columns
            .iter()
            .map(|(name, kind)| Field::new(*name, kind.clone(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Its name, without the zone.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// No rows of the table.
    pub(crate) fn empty(&self) -> RecordBatch {
        RecordBatch::new_empty(self.schema())
    }

    /// Rows of the table, given column by column.
    pub(crate) fn batch(&self, columns: Vec<ArrayRef>) -> RecordBatch {
        match RecordBatch::try_new(self.schema(), columns) {
            Ok(batch) => batch,
            Err(error) => unreachable!("columns of the table's types and one length: {error}"),
        }
    }

    /// Publishes rows; where they replace the table's and are the same ones,
    /// nothing is written.
    pub(crate) async fn publish(
        &self,
        lake: &Lake,
        run: &str,
        columns: Vec<ArrayRef>,
        append: bool,
    ) -> Result<(), Error> {
        self.publish_batch(lake, run, &self.batch(columns), append)
            .await
    }

    /// Publishes a batch, as [`Definition::publish`] does.
    pub(crate) async fn publish_batch(
        &self,
        lake: &Lake,
        run: &str,
        batch: &RecordBatch,
        append: bool,
    ) -> Result<(), Error> {
        let table = TableId::new(ZONE, self.name);
        let personal: Vec<String> = self
            .personal
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        let layout = Layout::new(table.clone(), &self.schema(), &personal)?;
        let mut content = Content::default();
        content.add(rows::hashes(batch));
        let origin = noted(run, batch.num_rows() as u64, content);
        if !append {
            let current = lake.version(&table, AsOf::Latest).await?;
            let same = match current.map(|current| current.origin) {
                Some(Some(current)) => current.content == origin.content,
                Some(None) => false,
                // A table that would be empty need not be made.
                None => batch.num_rows() == 0,
            };
            if same {
                return Ok(());
            }
        }
        let mut writer = lake.writer(&layout, run);
        writer.write(batch).await?;
        let files = writer.finish().await?;
        lake.publish(Publication {
            layout,
            description: self.grain.to_owned(),
            origin,
            files,
            append,
        })
        .await?;
        Ok(())
    }
}

pub(crate) fn text<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<StringViewArray>())
}

pub(crate) fn long(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn count(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

/// Appends what a run did to `system.runs`.
pub(crate) async fn record_runs(lake: &Lake, run: &str, models: &[ModelRun]) -> Result<(), Error> {
    let columns = vec![
        text(models.iter().map(|_| run)),
        text(models.iter().map(|m| m.table.as_str())),
        long(models.iter().map(|m| Some(m.started_ms))),
        long(models.iter().map(|m| Some(m.ended_ms))),
        long(models.iter().map(|m| m.rows_in.and_then(count))),
        long(models.iter().map(|m| count(m.rows_out))),
        long(models.iter().map(|m| count(m.duplicates))),
        long(models.iter().map(|m| count(m.files))),
        long(models.iter().map(|m| m.version)),
        text(models.iter().map(|m| m.outcome)),
    ];
    RUNS.publish(lake, run, columns, true).await
}

/// Appends a run's verdicts to `system.checks`.
pub(crate) async fn record_checks(
    lake: &Lake,
    run: &str,
    checks: &[CheckReport],
) -> Result<(), Error> {
    let columns = vec![
        text(checks.iter().map(|_| run)),
        text(checks.iter().map(|c| c.table.as_str())),
        text(checks.iter().map(|c| c.check.as_str())),
        text(checks.iter().map(|c| c.verdict.as_str())),
        long(checks.iter().map(|c| count(c.violations))),
    ];
    CHECKS.publish(lake, run, columns, true).await
}

/// Appends the account of a run to `system.ledger`: what it read of landing,
/// and what became of the rows in each model.
pub(crate) async fn record_ledger<'a>(
    lake: &Lake,
    run: &str,
    intake: &BTreeMap<String, TableIntake>,
    models: impl Iterator<Item = (&'a str, &'a [Entry])>,
) -> Result<(), Error> {
    let steps: Vec<(&str, &Entry)> = models
        .flat_map(|(table, entries)| entries.iter().map(move |entry| (table, entry)))
        .collect();
    let tallies = || intake.values().map(|table| &table.tally);
    let read = |value: fn(&Tally) -> u64| tallies().map(move |tally| count(value(tally)));
    let none = || steps.iter().map(|_| None);
    let of = |value: fn(&Entry) -> u64| steps.iter().map(move |(_, entry)| count(value(entry)));
    let other = |value: fn((u64, u64)) -> u64| {
        let other = steps.iter().map(|(_, entry)| entry.other);
        other.map(move |other| count(value(other?)))
    };
    let nothing = || intake.values().map(|_| Some(0));
    let reason = |reason: Reason| {
        let of = steps
            .iter()
            .map(move |(_, entry)| count(entry.left_out(reason)));
        long(nothing().chain(of))
    };
    let absent = || intake.values().map(|_| None);
    let columns = vec![
        text(intake.iter().map(|_| run).chain(steps.iter().map(|_| run))),
        text(
            intake
                .iter()
                .map(|_| "read")
                .chain(steps.iter().map(|(_, entry)| entry.step)),
        ),
        text(
            intake
                .keys()
                .map(String::as_str)
                .chain(steps.iter().map(|(table, _)| *table)),
        ),
        text(
            intake
                .keys()
                .map(String::as_str)
                .chain(steps.iter().map(|s| s.1.source.as_str())),
        ),
        long(
            intake
                .values()
                .map(|table| count(table.files))
                .chain(none()),
        ),
        long(read(|tally| tally.objects).chain(of(|entry| entry.rows_in))),
        long(nothing().chain(of(|entry| entry.fan_out))),
        long(
            intake
                .values()
                .map(|table| count(table.rows()))
                .chain(of(|entry| entry.rows_out)),
        ),
        long(read(|tally| tally.rejected_objects).chain(steps.iter().map(|_| Some(0)))),
        reason(Reason::NoConsent),
        reason(Reason::NoOwner),
        reason(Reason::Unmatched),
        reason(Reason::Filtered),
        reason(Reason::Superseded),
        reason(Reason::Grouped),
        reason(Reason::Duplicate),
        reason(Reason::LeftOut),
        long(absent().chain(other(|other| other.0))),
        long(absent().chain(other(|other| other.1))),
        long(read(Tally::bytes).chain(none())),
        long(read(|tally| tally.bytes_rows).chain(none())),
        long(read(|tally| tally.bytes_rejected).chain(none())),
        long(read(|tally| tally.bytes_separators).chain(none())),
        long(read(|tally| tally.unknown).chain(none())),
    ];
    LEDGER.publish(lake, run, columns, true).await
}

/// What is noted with a commit of this program.
pub(crate) fn noted(run: &str, rows: u64, content: Content) -> Origin {
    Origin {
        run: run.to_owned(),
        program: format!("stedi {}", env!("CARGO_PKG_VERSION")),
        rows,
        content: content.to_text(),
    }
}
