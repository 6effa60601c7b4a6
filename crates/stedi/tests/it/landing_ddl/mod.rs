//! Landing definitions as people write them for Athena: each gives the rows that the
//! shipped definitions give, or is refused with file, line and hint.
//!
//! - `columns`: columns that people leave out, add, or declare with other types.
//! - `accepted`: files, SerDes and properties that a run takes.
//! - `refused`: definitions that are refused, with message and hint.
//! - `values`: what becomes of values that do not fit their columns.

mod accepted;
mod columns;
mod refused;
mod values;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::places::SMALL;
use crate::program::{Outcome, stedi};

const CUSTOMER: &str = "customerName string, email string, phone string, birthDay string, \
     serialNumber string, registrationDate bigint, lastUpdateDate bigint, \
     shareWithResearchAsOfDate bigint, shareWithPublicAsOfDate bigint, \
     shareWithFriendsAsOfDate bigint";
const PHONE: &str = "user string, timeStamp bigint, x float, y float, z float";
const TRAINER: &str = "sensorReadingTime bigint, serialNumber string, distanceFromObject int";

const OPENX: &str = "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'";

/// A definition as the Athena console writes it.
fn ddl(table: &str, columns: &str, clauses: &str) -> String {
    let folder = table.trim_end_matches("_landing");
    format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`{table}` (\n{columns}\n)\n{clauses}\n\
         LOCATION 's3://some-bucket/{folder}/landing/'"
    )
}

/// The customer table with these columns, read by OpenX.
fn customer(columns: &str) -> String {
    ddl("customer_landing", columns, OPENX)
}

/// A folder with the shipped project in `p`, in which these landing files stand
/// instead: each with its name, and empty ones removed.
fn project(files: &[(&str, String)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    stedi(dir.path(), "init p -q").run().done();
    for (name, text) in files {
        let path = dir.path().join("p/landing").join(name);
        match text.is_empty() {
            true => fs::remove_file(path).unwrap(),
            false => fs::write(path, text).unwrap(),
        }
    }
    dir
}

/// A run of that project over `landing`.
fn run(dir: &Path, landing: &Path) -> Outcome {
    stedi(dir, "run --project p --lake lake --format json --landing")
        .arg(landing)
        .run()
}

/// The rows of each table in the report of a run.
fn rows(outcome: &Outcome) -> Vec<(String, Value)> {
    let report = outcome.json();
    let tables = report["tables"].as_array().unwrap().iter();
    let mut rows: Vec<_> = tables
        .map(|table| {
            (
                table["table"].as_str().unwrap().to_owned(),
                table["rows"].clone(),
            )
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

/// Landing files, by name.
type Files = Vec<(&'static str, String)>;

/// The rows that the shipped project makes of the small sample.
static SHIPPED: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let dir = project(&[]);
    rows(&run(dir.path(), &SMALL.dir.join("landing")).done())
});

/// Runs each case over the small sample: all tables have the rows of the shipped
/// project, and the run says what stands last, if it is not empty.
#[track_caller]
fn check_all(cases: Vec<(&str, Files, &str)>) {
    for (shows, files, says) in cases {
        let dir = project(&files);
        let outcome = run(dir.path(), &SMALL.dir.join("landing"));
        assert_eq!(outcome.code, 0, "{shows}: {outcome}");
        assert_eq!(rows(&outcome), *SHIPPED, "{shows}");
        let notes = outcome
            .err
            .lines()
            .filter(|line| line.starts_with("note: "));
        let notes: Vec<&str> = notes.collect();
        match says {
            "" => assert!(notes.is_empty(), "{shows}: {notes:?}"),
            says => assert!(
                notes.iter().filter(|note| note.contains(says)).count() == 1,
                "{shows}: not once {says:?}: {notes:?}"
            ),
        }
    }
}

/// The customer file alone is another one.
fn of_customer(text: String) -> Files {
    vec![("customer_landing.sql", text)]
}

/// Begins the note about a table without properties of this program.
const INHERITED: &str = "no `stedi.` property says what its columns mean";
