//! Records and entries by hand into intervals.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use catalog::PersonRecords;
use futures::StreamExt;
use privacy::{ConsentInterval, ConsentRecord, Purpose, RegisterEntry, consent_intervals};

use crate::Error;
use crate::subjects::known::{Known, person};
use crate::subjects::{in_force, person_records, quarantine};
use query::Query;
use query::Session;
use query::interner::Interner;
use query::system::{CONSENT, long, text};

/// What people agreed to, as of one run.
#[derive(Debug, Clone)]
pub(crate) struct Consents {
    /// The rows of `system.consent`.
    pub(crate) rows: RecordBatch,
    /// Who agrees to research now, as hashes, see [`person`].
    pub(crate) research: Known,
}

/// Everybody's consent as the last run published it.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub(crate) async fn published(session: &Session, now_ms: i64) -> Result<Consents, Error> {
    let mut consents = Consents {
        rows: CONSENT.empty(),
        research: HashSet::default(),
    };
    let sql = "select subject, purpose, valid_from, valid_to from system.consent";
    let mut batches = session.query(sql).await?.stream()?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(Query::failed)?;
        let people = in_force::consenting_people(&batch, now_ms);
        consents.research.extend(people.map(person));
    }
    Ok(consents)
}

/// Derives everybody's consent at `now_ms` from `records`. Who is `suspended` has none; in a
/// run of which no model reads the records, so that they are read here for the
/// first time, who is suspended by what could not be read of them has none
/// either.
///
/// # Errors
/// [`Error::Query`] where records cannot be read.
pub(crate) async fn derive(
    session: &Session,
    records: &PersonRecords,
    now_ms: i64,
    by_hand: &HashMap<(String, Purpose), Vec<RegisterEntry>>,
    suspended: &HashSet<String>,
) -> Result<Consents, Error> {
    let mut people = People::default();
    let table = records.table.as_ref();
    let were_read = session.intake().tables().contains_key(table);
    let sql = person_records::consent_query(records);
    let mut batches = session.query(&sql).await?.stream()?;
    while let Some(batch) = batches.next().await {
        people.take_in(&batch.map_err(Query::failed)?);
    }
    // Somebody may have agreed by hand of whom no record has come yet.
    for (subject, _) in by_hand.keys() {
        people.names.number(subject);
    }
    if were_read {
        return Ok(people.into_consents(now_ms, by_hand, suspended));
    }
    let suspended = match session.intake().tables().remove(table) {
        Some(read) => read.named,
        None => Arc::new(quarantine::standing(session).await?.named),
    };
    Ok(people.into_consents(now_ms, by_hand, suspended.all()?))
}

/// Derives consent from `records` alone, which are [`person_records::shaped`], and from
/// what was entered by hand of the same people.
pub(crate) fn derive_some(
    records: &[RecordBatch],
    now_ms: i64,
    by_hand: &HashMap<(String, Purpose), Vec<RegisterEntry>>,
    suspended: &HashSet<String>,
) -> Consents {
    let mut people = People::default();
    for batch in records {
        people.take_in(batch);
    }
    for (subject, _) in by_hand.keys() {
        people.names.number(subject);
    }
    people.into_consents(now_ms, by_hand, suspended)
}

/// One record: whose, when, and a date for each purpose.
type Record = (u32, i64, [Option<i64>; Purpose::ALL.len()]);

#[derive(Default)]
struct People {
    names: Interner,
    records: Vec<Record>,
}

impl People {
    fn take_in(&mut self, batch: &RecordBatch) {
        let subjects = batch.column(person_records::SUBJECT).as_string_view();
        let longs = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        let updated = longs(person_records::TIME);
        let dates = std::array::from_fn::<_, { Purpose::ALL.len() }, _>(|place| {
            longs(person_records::CONSENT + place)
        });
        for row in 0..batch.num_rows() {
            // The subject of a subject is that subject.
            let subject = privacy::normalize_subject(subjects.value(row));
            if subject.is_empty() {
                continue;
            }
            let person = self.names.number(&subject);
            let dates = dates.map(|dates| dates.is_valid(row).then(|| dates.value(row)));
            self.records.push((person, updated.value(row), dates));
        }
    }

    fn into_consents(
        mut self,
        now_ms: i64,
        by_hand: &HashMap<(String, Purpose), Vec<RegisterEntry>>,
        suspended: &HashSet<String>,
    ) -> Consents {
        let mut records = std::mem::take(&mut self.records);
        records.sort_unstable_by_key(|record| record.0);
        let mut rows: Vec<(u32, Purpose, ConsentInterval)> = Vec::new();
        let mut statements = Vec::new();
        let mut records = records.as_slice();
        for (person, name) in self.names.iter().enumerate() {
            let own = records.partition_point(|record| record.0 as usize <= person);
            let (own, later) = records.split_at(own);
            records = later;
            let is_suspended = !suspended.is_empty() && suspended.contains(name);
            for (place, purpose) in Purpose::ALL.into_iter().enumerate() {
                statements.clear();
                statements.extend(
                    own.iter()
                        .map(|(_, at, dates)| ConsentRecord::new(*at, dates[place])),
                );
                let entries = if by_hand.is_empty() {
                    None
                } else {
                    by_hand.get(&(name.to_owned(), purpose))
                };
                let entries = entries.map_or(&[][..], Vec::as_slice);
                for interval in consent_intervals(&mut statements, entries) {
                    // What has ended took place; what a withdrawal nobody could
                    // read may have ended is held back.
                    let has_ended = interval.valid_to.is_some_and(|to| to <= now_ms);
                    if is_suspended && !has_ended {
                        continue;
                    }
                    rows.push((person as u32, purpose, interval));
                }
            }
        }
        let rows = self.table(&rows);
        let research = in_force::consenting_people(&rows, now_ms);
        let research = research.map(self::person).collect();
        Consents { rows, research }
    }

    fn table(&self, rows: &[(u32, Purpose, ConsentInterval)]) -> RecordBatch {
        CONSENT.batch(vec![
            self.names.column(rows.iter().map(|row| row.0)),
            text(rows.iter().map(|row| row.1.as_str())),
            long(rows.iter().map(|row| Some(row.2.valid_from))),
            long(rows.iter().map(|row| row.2.valid_to)),
            text(rows.iter().map(|row| row.2.source.as_str())),
        ])
    }
}
