//! What was entered by hand: `system.consent_register`, which only grows.

use std::collections::HashMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use lake::Lake;
use privacy::{Act, Entry, Personal, Purpose, subject};

use crate::system::{CONSENT_REGISTER, long, text};
use crate::{Error, Query, Session, Setup};

/// A consent given or withdrawn by hand.
#[derive(Debug, Clone)]
pub struct ConsentEntry {
    /// Whose, as an e-mail in any spelling.
    pub email: Personal<String>,
    /// For what.
    pub purpose: Purpose,
    /// Given or withdrawn.
    pub act: Consent,
    /// From when on, epoch milliseconds.
    pub at_ms: i64,
    /// Who entered it.
    pub who: String,
    /// Why.
    pub why: Option<String>,
}

/// Given or withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// `grant`
    Grant,
    /// `withdraw`
    Withdraw,
}

impl Consent {
    /// As it stands in the register.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Withdraw => "withdraw",
        }
    }
}

/// Entries by subject and purpose, in the order they were made.
pub(crate) type Register = HashMap<(String, Purpose), Vec<Entry>>;

/// Puts an entry into the register. It takes effect with the next run.
///
/// # Errors
/// [`Error::Settings`] for what is no e-mail; [`Error::Lake`].
pub async fn enter_consent(setup: &Setup, entry: &ConsentEntry) -> Result<(), Error> {
    let person = subject(entry.email.reveal());
    let plausible = person
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if !plausible || person.contains(char::is_whitespace) {
        return Err(Error::Settings {
            message: "what was given is no e-mail address".to_owned(),
            hint: "give one address, alone on its line, on standard input or in the file"
                .to_owned(),
        });
    }
    let session = Session::open(setup)?;
    let lake = Lake::at(setup.lake.clone());
    let readiness = lake.prepare().await?;
    lake.begin(&readiness).await?;
    let position = i64::try_from(rows(&session).await?.len()).unwrap_or(i64::MAX);
    let run = uuid::Uuid::new_v4().simple().to_string();
    let why = entry.why.as_deref().unwrap_or_default();
    let columns = vec![
        long([Some(position)].into_iter()),
        long([Some(setup.now_ms)].into_iter()),
        text([person.as_ref()].into_iter()),
        text([entry.purpose.as_str()].into_iter()),
        text([entry.act.as_str()].into_iter()),
        long([Some(entry.at_ms)].into_iter()),
        text([entry.who.as_str()].into_iter()),
        text([why].into_iter()),
    ];
    CONSENT_REGISTER.publish(&lake, &run, columns, true).await
}

/// A row of the register.
pub(super) struct Row {
    position: i64,
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
        .query("select * from system.consent_register")
        .await?;
    let batches: Vec<RecordBatch> = query.stream()?.try_collect().await.map_err(Query::failed)?;
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let text = |column: usize| batch.column(column).as_string_view().value(row).to_owned();
            let long = |column: usize| batch.column(column).as_primitive::<Int64Type>().value(row);
            // An act or a purpose that this program does not know would be
            // passed over in silence: rather nobody's consent is derived.
            let unknown = |what: &str| Error::Execution {
                what: "system.consent_register".to_owned(),
                message: format!("it holds {what} that this program does not know"),
            };
            rows.push(Row {
                position: long(0),
                entered_ms: long(1),
                subject: text(2),
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
    rows.sort_by_key(|row| (row.position, row.entered_ms));
    Ok(rows)
}

/// The register, for deriving consent.
pub(crate) async fn register(session: &Session) -> Result<Register, Error> {
    let mut register = Register::new();
    for row in rows(session).await? {
        let act = match row.act {
            Consent::Grant => Act::Grant,
            Consent::Withdraw => Act::Withdraw,
        };
        let at_ms = row.at_ms;
        register
            .entry((row.subject, row.purpose))
            .or_default()
            .push(Entry { at_ms, act });
    }
    Ok(register)
}
