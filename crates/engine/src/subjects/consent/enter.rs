//! Entering consent by hand into `system.consent_register`.

use std::time::Duration;

use arrow::array::RecordBatch;
use lake::{AsOf, Lake};
use privacy::{Personal, Purpose, normalize_subject};

use super::presence::{KnownBy, known_by};
use super::register::{Consent, rows};
use crate::error::{Error, SettingsFault};
use crate::subjects::decisions;
use crate::subjects::decisions::Decisions;
use crate::subjects::quarantine;
use crate::system_rows;
use crate::system_rows::WriteMode;
use query::Session;
use query::Setup;
use query::system::{CONSENT_REGISTER, long, text};

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
    /// Whether it may be of somebody who is not known here.
    pub unknown: bool,
}

/// What there is to say of an entry that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentEntered {
    /// Nothing lay in the lake before: its register is its first table.
    pub lake_is_new: bool,
    /// The first entry of the other act that stands in the register for a later
    /// instant, epoch milliseconds. It decides from there on.
    pub overtaken_at_ms: Option<i64>,
    /// A quarantined record suspends the person: until that is resolved, no
    /// grant takes effect.
    pub suspended: bool,
    /// By what the person was known before; `None` where by nothing.
    pub known_by: Option<KnownBy>,
}

/// How often an entry is tried for while others write the register, too. Each
/// round lets one of them through.
const TRIES: u32 = 50;

/// Puts an entry into the register. It takes effect with the next run.
///
/// # Errors
/// [`Error::Settings`] for what is no e-mail; [`Error::Unknown`] for somebody who
/// is not known here, unless the entry may be of such; [`Error::Lake`], with
/// [`lake::Error::Conflict`] where others wrote the register all the time.
/// Nothing was entered then.
pub async fn enter_consent(setup: &Setup, entry: &ConsentEntry) -> Result<ConsentEntered, Error> {
    let person = normalize_subject(entry.email.reveal());
    if !is_address(&person) {
        return Err(Error::Settings(SettingsFault::NoAddress));
    }
    if setup.landing.overlaps(&setup.lake) {
        return Err(Error::Settings(SettingsFault::Overlap {
            lake: setup.lake.to_string(),
            landing: setup.landing.to_string(),
        }));
    }
    let session = Session::open(setup)?;
    // Of a damaged lake it cannot be told who is known: an entry too many does no
    // harm, and a withdrawal waits for nothing.
    let (known_by, can_be_told) = match known_by(&session, &person).await {
        Err(error) if is_damage(&error) => (None, false),
        known_by => (known_by?, true),
    };
    if known_by.is_none() && can_be_told && !entry.unknown {
        return Err(Error::UnknownPerson {
            is_quoted: person.contains(|c: char| "<>()[]\"',;:".contains(c)),
        });
    }
    let lake = Lake::at(setup.lake.clone());
    let lake_is_new = lake.tables().await?.is_empty();
    let preparation = lake.prepare().await?;
    lake.write_marker(&preparation).await?;
    let mut tries = 0;
    let before = loop {
        let appended = async {
            let before = rows(&session).await?;
            let position = before.iter().map(|row| row.position + 1).max();
            // The register may lack entries that its copies hold.
            let copied = Decisions::read(&lake).await?.next_position();
            let position = position.unwrap_or_default().max(copied);
            append(setup, &lake, entry, &person, position).await?;
            Ok(before)
        };
        match appended.await {
            Ok(before) => break before,
            Err(Error::Lake(lake::Error::Conflict { .. })) if tries < TRIES => tries += 1,
            // Nobody's withdrawal waits for the register to be mended: the next run
            // takes it from the copy.
            Err(error) if is_damage(&error) => {
                enter_beside(setup, &lake, entry, &person).await?;
                tracing::warn!(
                    "the register of consent is damaged ({error}); the entry was written beside it, and the next run mends the register"
                );
                break Vec::new();
            }
            Err(error) => return Err(error),
        }
        // Of different lengths, so that two do not meet again and again.
        let spread = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
        tokio::time::sleep(Duration::from_millis(5 + spread / 4)).await;
    };
    let suspending = match quarantine::suspending(&session, &person).await {
        Err(error) if is_damage(&error) => Vec::new(),
        suspending => suspending?,
    };
    Ok(ConsentEntered {
        lake_is_new,
        overtaken_at_ms: before
            .iter()
            .filter(|row| row.subject == person && row.purpose == entry.purpose)
            .filter(|row| row.act != entry.act && row.at_ms > entry.at_ms)
            .map(|row| row.at_ms)
            .min(),
        suspended: !suspending.is_empty(),
        known_by,
    })
}

/// Whether this may be somebody's address. Little is asked for: whoever is in
/// the records must be able to withdraw.
fn is_address(person: &str) -> bool {
    let divided = person.split_once('@');
    divided.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && !person.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Whether a table of the lake is not as it was written.
fn is_damage(error: &Error) -> bool {
    matches!(
        error,
        Error::Lake(lake::Error::Damaged { .. }) | Error::Query(query::Error::Execution { .. })
    )
}

/// Writes an entry into a copy of the register alone.
async fn enter_beside(
    setup: &Setup,
    lake: &Lake,
    entry: &ConsentEntry,
    person: &str,
) -> Result<(), Error> {
    let copies = Decisions::read(lake).await?;
    let position = copies.next_position();
    decisions::write_consent(lake, &row_of(setup, entry, person, position)).await
}

/// An entry as a row of the register, behind `position` others.
fn row_of(setup: &Setup, entry: &ConsentEntry, person: &str, position: i64) -> RecordBatch {
    let why = entry.why.as_deref().unwrap_or_default();
    CONSENT_REGISTER.batch(vec![
        long([Some(position)].into_iter()),
        long([Some(setup.now_ms)].into_iter()),
        text([person].into_iter()),
        text([entry.purpose.as_str()].into_iter()),
        text([entry.act.as_str()].into_iter()),
        long([Some(entry.at_ms)].into_iter()),
        text([entry.who.as_str()].into_iter()),
        text([why].into_iter()),
    ])
}

/// Tries once to append an entry behind `position` others.
async fn append(
    setup: &Setup,
    lake: &Lake,
    entry: &ConsentEntry,
    person: &str,
    position: i64,
) -> Result<(), Error> {
    let run = uuid::Uuid::new_v4().simple().to_string();
    let batch = row_of(setup, entry, person, position);
    let appended = async {
        let table = CONSENT_REGISTER.id();
        let standing = lake.version(&table, AsOf::Latest).await?;
        let rows = WriteMode::Append(standing.as_ref());
        if let Some(next) = system_rows::stage(&CONSENT_REGISTER, lake, &run, &batch, rows).await? {
            lake.publish_after(standing.as_ref(), &next).await?;
        }
        Ok(())
    };
    let appended = appended.await;
    if appended.is_err() {
        // Its file names a person and belongs to no version.
        lake.remove_files_of_run(&CONSENT_REGISTER.id(), &run).await;
    } else if let Err(error) = decisions::write_consent(lake, &batch).await {
        // The next run writes it.
        tracing::warn!("the entry stands, and its copy could not be written: {error}");
    }
    appended
}
