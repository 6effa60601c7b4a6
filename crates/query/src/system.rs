//! Schemas of the system tables: what runs did and found, under `system.NAME`.
//!
//! The engine writes these tables with every run; users query them like other
//! tables. Tables and checks are named in columns `table_name` and `check_name`,
//! because the bare words are keywords of SQL. Times are epoch milliseconds, UTC.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use lake::{Layout, TableId};

/// The zone of system tables.
pub const ZONE: &str = "system";

const TEXT: DataType = DataType::Utf8View;
const LONG: DataType = DataType::Int64;
const BYTES: DataType = DataType::BinaryView;

/// A system table: name, grain, columns, and which of them are personal.
pub struct Definition {
    name: &'static str,
    grain: &'static str,
    personal: &'static [&'static str],
    columns: &'static [(&'static str, DataType)],
}

/// `system.runs`.
pub const RUNS: Definition = Definition {
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

/// `system.checks`.
pub const CHECKS: Definition = Definition {
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

/// `system.quarantine`.
pub const QUARANTINE: Definition = Definition {
    name: "quarantine",
    grain: "One stretch of landing input that could not be read, or a range of them.",
    // Quarantined bytes may be anything, including a person's record.
    personal: &["file", "raw", "hash", "subjects"],
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
        ("places", LONG),
        ("subjects", TEXT),
    ],
};

/// `system.ledger`. In each row, `rows_in` plus `fan_out` (rows that joins added)
/// equals `rows_out` plus the counts of all reasons for which rows were left out.
///
/// - A `read` step is a landing table: its rows are the objects found, its bytes
///   those of the unpacked files.
/// - A `join` step is one join of a model.
/// - A `build` step is a model as a whole, its joins included.
///
/// A run adds the changes of these counts, so the sum over all runs is the account
/// of the current tables.
pub const LEDGER: Definition = Definition {
    name: "ledger",
    grain: "One step of a run: by how much rows in, rows out and each reason why rows were left out changed.",
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
        ("bytes_in", LONG),
        ("bytes_rows", LONG),
        ("bytes_quarantined", LONG),
        ("bytes_separators", LONG),
        ("unknown_fields", LONG),
    ],
};

/// The ledger's columns that hold counts: all behind run, step, table and source.
pub const LEDGER_COUNTS: [&str; 18] = {
    let mut names = [""; 18];
    let mut place = 0;
    while place < names.len() {
        names[place] = LEDGER.columns[4 + place].0;
        place += 1;
    }
    names
};

/// `system.consent`.
pub const CONSENT: Definition = Definition {
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

/// `system.consent_register`.
pub const CONSENT_REGISTER: Definition = Definition {
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

/// `system.device_owner`.
pub const DEVICE_OWNER: Definition = Definition {
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

/// `system.device_claim`.
pub const DEVICE_CLAIM: Definition = Definition {
    name: "device_claim",
    grain: "One device that a person's newest record claims, and how many people's do.",
    personal: &["serialnumber", "subject"],
    columns: &[
        ("serialnumber", TEXT),
        ("subject", TEXT),
        ("claimants", LONG),
    ],
};

/// `system.landing_files`: what was read of each file, so that the next run reads
/// only what is new. `who` is a private index of hashes: it tells whether a file
/// holds rows of a given person or device.
pub const LANDING_FILES: Definition = Definition {
    name: "landing_files",
    grain: "One landing file that was read.",
    // Users choose file names; one may contain a person's name.
    personal: &["file", "who"],
    columns: &[
        ("table_name", TEXT),
        ("file", TEXT),
        ("bytes", LONG),
        ("tag", TEXT),
        ("objects", LONG),
        ("rows", LONG),
        ("quarantined", LONG),
        ("bytes_rows", LONG),
        ("bytes_quarantined", LONG),
        ("bytes_separators", LONG),
        ("unknown_fields", LONG),
        ("who", BYTES),
    ],
};

/// System tables that each run derives before models read them.
pub const DERIVED: [&Definition; 3] = [&CONSENT, &DEVICE_CLAIM, &DEVICE_OWNER];

const ALL: [&Definition; 9] = [
    &CHECKS,
    &CONSENT,
    &CONSENT_REGISTER,
    &DEVICE_CLAIM,
    &DEVICE_OWNER,
    &LANDING_FILES,
    &LEDGER,
    &QUARANTINE,
    &RUNS,
];

/// Names of all system tables.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|definition| definition.name)
}

/// All system tables.
pub fn all() -> impl Iterator<Item = &'static Definition> {
    ALL.into_iter()
}

/// The lake's identifiers of all system tables.
pub fn ids() -> impl Iterator<Item = TableId> {
    ALL.iter().map(|definition| definition.id())
}

/// Columns of a system table; `None` if no system table has this name.
pub fn schema(name: &str) -> Option<SchemaRef> {
    ALL.iter()
        .find(|definition| definition.name == name)
        .map(|definition| definition.schema())
}

/// The grain of a system table, in words.
pub fn grain(name: &str) -> Option<&'static str> {
    ALL.iter()
        .find(|definition| definition.name == name)
        .map(|definition| definition.grain)
}

/// Personal columns of a system table.
pub fn personal(name: &str) -> &'static [&'static str] {
    ALL.iter()
        .find(|definition| definition.name == name)
        .map_or(&[], |definition| definition.personal)
}

impl Definition {
    /// Its columns.
    pub fn schema(&self) -> SchemaRef {
        let fields = self
            .columns
            .iter()
            .map(|(name, kind)| Field::new(*name, kind.clone(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Name with the zone: `system.consent`.
    pub fn full_name(&self) -> String {
        format!("{ZONE}.{}", self.name())
    }

    /// Name without the zone.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What one row is, in words.
    pub fn grain(&self) -> &'static str {
        self.grain
    }

    /// A batch without rows.
    pub fn empty(&self) -> RecordBatch {
        RecordBatch::new_empty(self.schema())
    }

    /// A batch of rows, given column by column.
    pub fn batch(&self, columns: Vec<ArrayRef>) -> RecordBatch {
        match RecordBatch::try_new(self.schema(), columns) {
            Ok(batch) => batch,
            Err(error) => unreachable!("columns of the table's types and one length: {error}"),
        }
    }

    /// The layout of the table's data files.
    pub fn layout(&self) -> Result<Layout, lake::Error> {
        let personal: Vec<String> = self
            .personal
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        Layout::new(self.id(), &self.schema(), &personal)
    }

    /// The lake's identifier of the table.
    pub fn id(&self) -> TableId {
        TableId::new(ZONE, self.name)
    }
}

/// A text column without nulls.
pub fn text<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<StringViewArray>())
}

/// An integer column.
pub fn long(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}
