//! What is known of one person's consent, for `stedi consent status`.

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

/// What is known of one person's consent. Nothing in it says who they are but
/// the names of files, which are as somebody chose them.
#[derive(Debug, Clone, Default)]
pub struct ConsentStatus {
    /// When consent held and holds, as the last run published it: by purpose,
    /// then in order of time.
    pub intervals: Vec<(Purpose, ConsentInterval)>,
    /// What was entered by hand, in the order of entry.
    pub entries: Vec<EnteredConsent>,
    /// Open entries of the quarantine, as the last run left it, that suspend
    /// the person. While there are any, nothing is in force.
    pub suspended_by: Vec<QuarantineEntry>,
    /// By what the person is known here; `None` where by nothing.
    pub known_by: Option<KnownBy>,
}

/// An entry of the register.
#[derive(Debug, Clone)]
pub struct EnteredConsent {
    /// For what.
    pub purpose: Purpose,
    /// Given or withdrawn.
    pub act: Consent,
    /// From when on, epoch milliseconds.
    pub at_ms: i64,
    /// When it was entered, epoch milliseconds.
    pub entered_ms: i64,
    /// Who entered it.
    pub who: String,
    /// Why.
    pub why: Option<String>,
    /// Whether what the last run published contradicts it, so that it waits for
    /// the next one. Of a grant this is a guess: a record of the same instant
    /// may have undone it.
    pub waits: bool,
}

impl ConsentStatus {
    /// Whether nothing at all is known: consent was never given, nothing was
    /// entered, nothing lies in quarantine.
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

    /// Whether consent for `purpose` withdrawn or given from `at_ms` on is not
    /// what was published.
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

/// Everything known of one person.
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
    // Compared here: the e-mail stays out of the statement.
    let batches: Vec<RecordBatch> = query.stream()?.try_collect().await.map_err(Query::failed)?;
    let mut known = ConsentStatus {
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
            known.intervals.push((purpose, interval));
        }
    }
    known
        .intervals
        .sort_by_key(|(purpose, interval)| (*purpose, interval.valid_from));
    known.suspended_by = quarantine::suspending(&session, &person).await?;
    let mut rows = register::rows(&session).await?;
    rows.retain(|row| row.subject == person);
    let mut rows = rows.into_iter();
    while let Some(row) = rows.next() {
        let undone = rows.clone().any(|later| {
            later.purpose == row.purpose && later.at_ms == row.at_ms && later.act != row.act
        });
        let waits = !undone && known.contradicts(row.purpose, row.act, row.at_ms);
        known.entries.push(EnteredConsent {
            purpose: row.purpose,
            act: row.act,
            at_ms: row.at_ms,
            entered_ms: row.entered_ms,
            who: row.who,
            why: (!row.why.is_empty()).then_some(row.why),
            waits,
        });
    }
    Ok(known)
}
