//! Derives consent intervals from person records and from entries by hand.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use catalog::PersonRecords;
use futures::StreamExt;
use privacy::{
    ConsentInterval, ConsentRecord, Decision, Purpose, RegisterEntry, consent_intervals,
};

use super::register::Register;
use crate::Error;
use crate::subjects::name_hashes::{NameHashes, hash_name};
use crate::subjects::{in_force, person_records, quarantine};
use query::Query;
use query::Session;
use query::interner::Interner;
use query::system::{CONSENT, long, text};

/// The consent of all people, as of one run.
#[derive(Debug, Clone)]
pub(crate) struct Consents {
    /// The rows of `system.consent`.
    pub(crate) rows: RecordBatch,
    /// People whose consent to research is in force, by [`hash_name`].
    pub(crate) research: NameHashes,
}

/// Everybody's consent to research as the last run published it, without rows. Who has
/// withdrawn by hand since does not agree.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub(crate) async fn published(
    session: &Session,
    now_ms: i64,
    by_hand: &Register,
) -> Result<Consents, Error> {
    let mut consents = Consents {
        rows: CONSENT.empty(),
        research: HashSet::default(),
    };
    let sql = "select subject, purpose, valid_from, valid_to from system.consent";
    let mut batches = session.query(sql).await?.stream()?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(Query::failed)?;
        let people = in_force::consenting_since(&batch, now_ms);
        let agree = people.filter(|(person, since)| {
            let entries = by_hand.get(&((*person).to_owned(), Purpose::Research));
            !entries.is_some_and(|entries| is_withdrawn(entries, *since, now_ms))
        });
        consents
            .research
            .extend(agree.map(|(person, _)| hash_name(person)));
    }
    Ok(consents)
}

/// Whether the newest decision until `now_ms` is a withdrawal, and not older than a consent
/// that is in force since `since_ms`.
fn is_withdrawn(entries: &[RegisterEntry], since_ms: i64, now_ms: i64) -> bool {
    let entries = entries.iter().filter(|entry| entry.at_ms <= now_ms);
    // Of equal times the entry that was made last counts.
    let newest = entries.max_by_key(|entry| entry.at_ms);
    newest.is_some_and(|entry| entry.decision == Decision::Withdraw && entry.at_ms >= since_ms)
}

/// Derives everybody's consent at `now_ms` from `records`. People who are `suspended` have
/// none. If this is the first read of the records in this run, `suspended` is not complete:
/// then people named in records that cannot be read are suspended instead.
///
/// # Errors
/// [`Error::Query`] if records cannot be read.
pub(crate) async fn derive(
    session: &Session,
    records: &PersonRecords,
    now_ms: i64,
    by_hand: &HashMap<(String, Purpose), Vec<RegisterEntry>>,
    suspended: &HashSet<String>,
) -> Result<Consents, Error> {
    let mut people = PeopleRecords::default();
    let table = records.table.as_ref();
    let were_read = session.intake().tables().contains_key(table);
    let sql = person_records::consent_query(records);
    let mut batches = session.query(&sql).await?.stream()?;
    while let Some(batch) = batches.next().await {
        people.add(&batch.map_err(Query::failed)?);
    }
    // An entry by hand may be of a person who has no record yet.
    for (subject, _) in by_hand.keys() {
        people.names.number(subject);
    }
    if were_read {
        return Ok(people.into_consents(now_ms, by_hand, suspended));
    }
    let suspended = match session.intake().tables().remove(table) {
        Some(read) => read.named,
        None => Arc::new(quarantine::state(session).await?.named),
    };
    Ok(people.into_consents(now_ms, by_hand, suspended.all()?))
}

/// Derives the consent of some people from their `records`, which are
/// [`person_records::shaped`], and from their entries by hand.
pub(crate) fn derive_some(
    records: &[RecordBatch],
    now_ms: i64,
    by_hand: &HashMap<(String, Purpose), Vec<RegisterEntry>>,
    suspended: &HashSet<String>,
) -> Consents {
    let mut people = PeopleRecords::default();
    for batch in records {
        people.add(batch);
    }
    for (subject, _) in by_hand.keys() {
        people.names.number(subject);
    }
    people.into_consents(now_ms, by_hand, suspended)
}

/// One record: its person, its time, and a date for each purpose.
type Record = (u32, i64, [Option<i64>; Purpose::ALL.len()]);

#[derive(Default)]
struct PeopleRecords {
    names: Interner,
    records: Vec<Record>,
}

impl PeopleRecords {
    fn add(&mut self, batch: &RecordBatch) {
        let subjects = batch.column(person_records::SUBJECT).as_string_view();
        let longs = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        let updated = longs(person_records::TIME);
        let dates = std::array::from_fn::<_, { Purpose::ALL.len() }, _>(|index| {
            longs(person_records::CONSENT + index)
        });
        for row in 0..batch.num_rows() {
            // Some records hold normalized subjects already; normalizing again changes nothing.
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
            let count = records.partition_point(|record| record.0 as usize <= person);
            let (own, later) = records.split_at(count);
            records = later;
            let is_suspended = !suspended.is_empty() && suspended.contains(name);
            for (index, purpose) in Purpose::ALL.into_iter().enumerate() {
                statements.clear();
                statements.extend(
                    own.iter()
                        .map(|(_, at, dates)| ConsentRecord::new(*at, dates[index])),
                );
                let entries = if by_hand.is_empty() {
                    None
                } else {
                    by_hand.get(&(name.to_owned(), purpose))
                };
                let entries = entries.map_or(&[][..], Vec::as_slice);
                for interval in consent_intervals(&mut statements, entries) {
                    // An ended interval is certain. Any other may have been ended by a
                    // withdrawal in the record that cannot be read.
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
        let research = research.map(hash_name).collect();
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
