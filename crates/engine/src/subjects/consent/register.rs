//! Consent entered by hand: `system.consent_register`, which only grows.

use std::collections::HashMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use privacy::{Decision, Purpose, RegisterEntry, normalize_subject};

use crate::Error;
use query::Query;
use query::Session;

/// The act of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Consent {
    /// `grant`
    Grant,
    /// `withdraw`
    Withdraw,
}

impl Consent {
    /// As the register spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Withdraw => "withdraw",
        }
    }
}

/// Entries by subject and purpose, in the order they were made.
pub(crate) type Register = HashMap<(String, Purpose), Vec<RegisterEntry>>;

/// A row of the register.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) position: i64,
    pub(super) entered_ms: i64,
    pub(super) subject: String,
    pub(super) purpose: Purpose,
    pub(super) act: Consent,
    pub(super) at_ms: i64,
    pub(super) who: String,
    pub(super) why: String,
}

/// All rows, in the order of entry.
pub(super) async fn rows(session: &Session) -> Result<Vec<Row>, Error> {
    let query = session
        .query(
            "select position, entered_at, subject, purpose, act, valid_from, entered_by, reason \
             from system.consent_register",
        )
        .await?;
    let batches: Vec<RecordBatch> = query.stream()?.try_collect().await.map_err(Query::failed)?;
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let text = |column: usize| batch.column(column).as_string_view().value(row).to_owned();
            let long = |column: usize| batch.column(column).as_primitive::<Int64Type>().value(row);
            // Skipping an unknown act or purpose could hide a withdrawal. So it is an
            // error, and no consent is derived.
            let unknown = |what: &str| {
                Error::Query(query::Error::Execution {
                    what: "system.consent_register".to_owned(),
                    message: format!("it holds {what} that this program does not know"),
                })
            };
            rows.push(Row {
                position: long(0),
                entered_ms: long(1),
                // Earlier versions normalized some subjects differently.
                subject: normalize_subject(&text(2)).into_owned(),
                purpose: text(3).parse().map_err(|_| unknown("a purpose"))?,
                act: match text(4).as_str() {
                    "grant" => Consent::Grant,
                    "withdraw" => Consent::Withdraw,
                    _ => return Err(unknown("an act")),
                },
                at_ms: long(5),
                who: text(6),
                why: text(7),
            });
        }
    }
    // Two entries made at once may have the same position: then the withdrawal counts
    // as the later one.
    rows.sort_by_key(|row| (row.position, row.entered_ms, row.act));
    Ok(rows)
}

/// The register, for deriving consent.
pub(crate) async fn register(session: &Session) -> Result<Register, Error> {
    let mut register = Register::new();
    for row in rows(session).await? {
        let decision = match row.act {
            Consent::Grant => Decision::Grant,
            Consent::Withdraw => Decision::Withdraw,
        };
        let at_ms = row.at_ms;
        register
            .entry((row.subject, row.purpose))
            .or_default()
            .push(RegisterEntry { at_ms, decision });
    }
    Ok(register)
}
