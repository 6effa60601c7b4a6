//! Enters consent by hand into `system.consent_register`.

use std::time::Duration;

use arrow::array::RecordBatch;
use lake::{AsOf, Lake};
use privacy::{Personal, Purpose, normalize_subject};

use super::presence::{KnownBy, known_by};
use super::register::{Consent, Row, rows};
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
    /// The person, as an e-mail address in any spelling.
    pub email: Personal<String>,
    /// The purpose that consent is given or withdrawn for.
    pub purpose: Purpose,
    /// Whether consent is given or withdrawn.
    pub act: Consent,
    /// When the act takes effect, epoch milliseconds.
    pub at_ms: i64,
    /// Who entered it.
    pub who: String,
    /// The reason given.
    pub why: Option<String>,
    /// Whether the person may be unknown.
    pub unknown: bool,
}

/// What the user should know about an entry that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentEntered {
    /// The lake was empty before: the register is its first table.
    pub lake_is_new: bool,
    /// When the first later entry of the opposite act takes effect, epoch milliseconds.
    /// That entry decides from then on.
    pub overtaken_at_ms: Option<i64>,
    /// A quarantined record suspends the person: no grant takes effect until it is resolved.
    pub suspended: bool,
    /// The source that named the person before; `None` if there was none.
    pub known_by: Option<KnownBy>,
}

/// How often an append is retried while others write the register. In each round one of
/// them succeeds.
const TRIES: u32 = 50;

/// Enters an entry into the register. It takes effect with the next run.
///
/// # Errors
/// Nothing was entered if there is an error:
/// - [`Error::Settings`] if the e-mail address is none;
/// - [`Error::UnknownPerson`] for an unknown person, unless the entry allows that;
/// - [`Error::Lake`], with [`lake::Error::Conflict`] if others kept writing the register.
pub async fn enter_consent(setup: &Setup, entry: &ConsentEntry) -> Result<ConsentEntered, Error> {
    let person = normalize_subject(entry.email.reveal());
    check_settings(setup, &person)?;
    let session = Session::open(setup)?;
    let known_by = require_known(&session, entry, &person).await?;
    let lake = Lake::at(setup.lake.clone());
    let lake_is_new = lake.tables().await?.is_empty();
    let preparation = lake.prepare().await?;
    lake.write_marker(&preparation).await?;
    let before = append_with_retries(setup, &session, &lake, entry, &person).await?;
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

/// # Errors
/// [`Error::Settings`].
fn check_settings(setup: &Setup, person: &str) -> Result<(), Error> {
    if !is_address(person) {
        return Err(Error::Settings(SettingsFault::NoAddress));
    }
    if setup.landing.overlaps(&setup.lake) {
        return Err(Error::Settings(SettingsFault::Overlap {
            lake: setup.lake.to_string(),
            landing: setup.landing.to_string(),
        }));
    }
    Ok(())
}

/// The source that names the person.
///
/// # Errors
/// [`Error::UnknownPerson`] if there is none, unless the entry allows that or the lake is damaged.
async fn require_known(
    session: &Session,
    entry: &ConsentEntry,
    person: &str,
) -> Result<Option<KnownBy>, Error> {
    let known_by = match known_by(session, person).await {
        // A damaged lake cannot tell whether a person is known. The entry is accepted then:
        // an entry too many does no harm, and a withdrawal must not wait.
        Err(error) if is_damage(&error) => return Ok(None),
        known_by => known_by?,
    };
    if known_by.is_none() && !entry.unknown {
        return Err(Error::UnknownPerson {
            is_quoted: person.contains(|c: char| "<>()[]\"',;:".contains(c)),
        });
    }
    Ok(known_by)
}

/// Appends an entry to the register, again while others write it at the same time. Returns
/// the rows before.
async fn append_with_retries(
    setup: &Setup,
    session: &Session,
    lake: &Lake,
    entry: &ConsentEntry,
    person: &str,
) -> Result<Vec<Row>, Error> {
    let mut tries = 0;
    loop {
        let appended = async {
            let before = rows(session).await?;
            let position = before.iter().map(|row| row.position + 1).max();
            // The copies may hold entries that the register lost.
            let copied = Decisions::read(lake).await?.next_position();
            let position = position.unwrap_or_default().max(copied);
            append(setup, lake, entry, person, position).await?;
            Ok(before)
        };
        match appended.await {
            Ok(before) => return Ok(before),
            Err(Error::Lake(lake::Error::Conflict { .. })) if tries < TRIES => tries += 1,
            // A withdrawal must not wait until the register is repaired: the next run takes
            // it from the copy.
            Err(error) if is_damage(&error) => {
                write_copy_only(setup, lake, entry, person).await?;
                tracing::warn!(
                    "the register of consent is damaged ({error}); the entry was written beside it, and the next run mends the register"
                );
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        }
        // Of random length, so that two writers do not collide again and again.
        let spread = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
        tokio::time::sleep(Duration::from_millis(5 + spread / 4)).await;
    }
}

/// Whether this may be an e-mail address. The check is lenient: everybody who is in the
/// records must be able to withdraw.
fn is_address(person: &str) -> bool {
    let parts = person.split_once('@');
    parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && !person.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Whether an error says that a table of the lake is damaged.
fn is_damage(error: &Error) -> bool {
    matches!(
        error,
        Error::Lake(lake::Error::Damaged { .. }) | Error::Query(query::Error::Execution { .. })
    )
}

/// Writes an entry only into a copy of the register.
async fn write_copy_only(
    setup: &Setup,
    lake: &Lake,
    entry: &ConsentEntry,
    person: &str,
) -> Result<(), Error> {
    let copies = Decisions::read(lake).await?;
    let position = copies.next_position();
    decisions::write_consent(lake, &row_of(setup, entry, person, position)).await
}

/// An entry as a row of the register.
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

/// Tries once to append an entry at `position`.
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
        let published = lake.version(&table, AsOf::Latest).await?;
        let rows = WriteMode::Append(published.as_ref());
        if let Some(next) = system_rows::stage(&CONSENT_REGISTER, lake, &run, &batch, rows).await? {
            lake.publish_after(published.as_ref(), &next).await?;
        }
        Ok(())
    };
    let appended = appended.await;
    if appended.is_err() {
        // Its file holds a person's address and belongs to no version.
        lake.remove_files_of_run(&CONSENT_REGISTER.id(), &run).await;
    } else if let Err(error) = decisions::write_consent(lake, &batch).await {
        // The next run writes it.
        tracing::warn!("the entry was made, but its copy could not be written: {error}");
    }
    appended
}
