//! What is known of one person's consent, for `stedi consent status`.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use privacy::{Personal, subject};
use serde::Serialize;

use super::register;
use crate::{Error, Query, Session, Setup};

/// One line of what is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsentStatus {
    /// `interval`, as published by the last run, or `entry`, by hand.
    pub kind: &'static str,
    /// For what.
    pub purpose: String,
    /// From when on, epoch milliseconds.
    pub valid_from: i64,
    /// Until when; open where absent.
    pub valid_to: Option<i64>,
    /// Of an interval `record` or `hand`, of an entry `grant` or `withdraw`.
    pub source: String,
    /// Of an interval, whether it holds now.
    pub in_force: Option<bool>,
    /// Of an entry, when it was made.
    pub entered_at: Option<i64>,
    /// Of an entry, who made it.
    pub who: Option<String>,
    /// Of an entry, why.
    pub why: Option<String>,
}

/// Everything known of one person: intervals, then entries by hand.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Execution`].
pub async fn consent_status(
    setup: &Setup,
    email: &Personal<String>,
) -> Result<Vec<ConsentStatus>, Error> {
    let session = Session::open(setup)?;
    let person = subject(email.reveal());
    let query = session
        .query("select subject, purpose, valid_from, valid_to, source from system.consent")
        .await?;
    // Compared here: the e-mail stays out of the statement.
    let batches: Vec<RecordBatch> = query.stream()?.try_collect().await.map_err(Query::failed)?;
    let mut known = Vec::new();
    for batch in &batches {
        let text = |column: usize| batch.column(column).as_string_view();
        let long = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        for row in (0..batch.num_rows()).filter(|row| text(0).value(*row) == person) {
            let valid_from = long(2).value(row);
            let valid_to = long(3).is_valid(row).then(|| long(3).value(row));
            let until = valid_to.is_none_or(|valid_to| setup.now_ms < valid_to);
            known.push(ConsentStatus {
                kind: "interval",
                purpose: text(1).value(row).to_owned(),
                valid_from,
                valid_to,
                source: text(4).value(row).to_owned(),
                in_force: Some(valid_from <= setup.now_ms && until),
                entered_at: None,
                who: None,
                why: None,
            });
        }
    }
    known.sort_by(|a, b| (&a.purpose, a.valid_from).cmp(&(&b.purpose, b.valid_from)));
    let entries = register::rows(&session).await?;
    known.extend(
        entries
            .into_iter()
            .filter(|row| row.subject == person)
            .map(|row| ConsentStatus {
                kind: "entry",
                purpose: row.purpose.to_string(),
                valid_from: row.at_ms,
                valid_to: None,
                source: row.act.as_str().to_owned(),
                in_force: None,
                entered_at: Some(row.entered_ms),
                who: Some(row.who),
                why: (!row.why.is_empty()).then_some(row.why),
            }),
    );
    Ok(known)
}
