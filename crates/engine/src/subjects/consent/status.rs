//! Everything known about one person's consent, for `stedi consent status`.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use privacy::{ConsentInterval, ConsentSource, Personal, Purpose, normalize_subject};

use super::presence::{KnownBy, known_by};
use super::register::{self, Consent};
use crate::Error;
use crate::subjects::quarantine;
use query::Query;
use query::Session;
use query::Setup;
use query::landing::QuarantineEntry;

/// Everything known about one person's consent. It does not name the person, except that
/// file names may.
#[derive(Debug, Clone, Default)]
pub struct ConsentStatus {
    /// Past and present consent, as the last run published it: by purpose, then in order
    /// of time.
    pub intervals: Vec<(Purpose, ConsentInterval)>,
    /// Entries by hand, in the order of entry.
    pub entries: Vec<EnteredConsent>,
    /// Open quarantine entries after the last run that suspend the person. While there
    /// are any, no consent is in force.
    pub suspended_by: Vec<QuarantineEntry>,
    /// The first source that names the person; `None` if none does.
    pub known_by: Option<KnownBy>,
}

/// An entry of the register.
#[derive(Debug, Clone)]
pub struct EnteredConsent {
    /// The purpose that consent is given or withdrawn for.
    pub purpose: Purpose,
    /// Whether consent is given or withdrawn.
    pub act: Consent,
    /// When the act takes effect, epoch milliseconds.
    pub at_ms: i64,
    /// The time of entry, epoch milliseconds.
    pub entered_ms: i64,
    /// Who entered it.
    pub who: String,
    /// The reason given.
    pub why: Option<String>,
    /// Whether the published consent contradicts the entry, so that it waits for the next
    /// run. For a grant this is a guess: a record of the same instant may have undone it.
    pub waits: bool,
}

impl ConsentStatus {
    /// Whether there is no consent, no entry and no quarantined record.
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty() && self.entries.is_empty() && self.suspended_by.is_empty()
    }

    /// The consent for `purpose` that holds at `at_ms`, epoch milliseconds.
    pub fn in_force(&self, purpose: Purpose, at_ms: i64) -> Option<ConsentInterval> {
        let found = self.intervals.iter().find(|(of, interval)| {
            *of == purpose && interval.holds_at(at_ms) && self.suspended_by.is_empty()
        });
        found.map(|(_, interval)| *interval)
    }

    /// Whether published consent contradicts an entry that takes effect at `at_ms`.
    fn contradicts(&self, purpose: Purpose, act: Consent, at_ms: i64) -> bool {
        let mut own = self.intervals.iter().filter(|(of, _)| *of == purpose);
        match act {
            Consent::Withdraw => own.any(|(_, interval)| {
                interval.valid_from < at_ms && interval.valid_to.is_none_or(|to| at_ms < to)
            }),
            Consent::Grant => {
                self.suspended_by.is_empty() && !own.any(|(_, interval)| interval.holds_at(at_ms))
            }
        }
    }
}

/// Everything known about one person's consent.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub async fn consent_status(
    setup: &Setup,
    email: &Personal<String>,
) -> Result<ConsentStatus, Error> {
    let session = Session::open(setup)?;
    let person = normalize_subject(email.reveal());
    let query = session
        .query("select subject, purpose, valid_from, valid_to, source from system.consent")
        .await?;
    // Filtered here, not in SQL: the e-mail address must not be in a statement.
    let batches: Vec<RecordBatch> = query.stream()?.try_collect().await.map_err(Query::failed)?;
    let mut status = ConsentStatus {
        known_by: known_by(&session, &person).await?,
        ..ConsentStatus::default()
    };
    for batch in &batches {
        let text = |column: usize| batch.column(column).as_string_view();
        let long = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        for row in (0..batch.num_rows()).filter(|row| text(0).value(*row) == person) {
            let purpose = text(1).value(row).parse().map_err(|_| {
                Error::Query(query::Error::Execution {
                    what: "system.consent".to_owned(),
                    message: "it holds a purpose that this program does not know".to_owned(),
                })
            })?;
            let interval = ConsentInterval {
                valid_from: long(2).value(row),
                valid_to: long(3).is_valid(row).then(|| long(3).value(row)),
                source: match text(4).value(row) {
                    "hand" => ConsentSource::Register,
                    _ => ConsentSource::Record,
                },
            };
            status.intervals.push((purpose, interval));
        }
    }
    status
        .intervals
        .sort_by_key(|(purpose, interval)| (*purpose, interval.valid_from));
    status.suspended_by = quarantine::suspending(&session, &person).await?;
    let mut rows = register::rows(&session).await?;
    rows.retain(|row| row.subject == person);
    let mut rows = rows.into_iter();
    while let Some(row) = rows.next() {
        let undone = rows.clone().any(|later| {
            later.purpose == row.purpose && later.at_ms == row.at_ms && later.act != row.act
        });
        let waits = !undone && status.contradicts(row.purpose, row.act, row.at_ms);
        status.entries.push(EnteredConsent {
            purpose: row.purpose,
            act: row.act,
            at_ms: row.at_ms,
            entered_ms: row.entered_ms,
            who: row.who,
            why: (!row.why.is_empty()).then_some(row.why),
            waits,
        });
    }
    Ok(status)
}
