//! Test: a second implementation of the rules, instant by instant and without a
//! sweep. Random and exhaustive histories compare it with [`consent_intervals`].

use proptest::prelude::*;

use super::{
    ConsentInterval, ConsentRecord, ConsentSource, Decision, RegisterEntry, consent_intervals,
};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Dated(i64),
    Undated,
    Granted,
    Withdrawn,
}

#[derive(Clone, Copy)]
struct Event {
    at: i64,
    /// The order among events of one instant.
    rank: usize,
    kind: Kind,
}

impl Event {
    fn is_before(self, other: Event) -> bool {
        (self.at, self.rank) < (other.at, other.rank)
    }

    fn gives(self) -> bool {
        matches!(self.kind, Kind::Dated(_) | Kind::Granted)
    }
}

struct History(Vec<Event>);

impl History {
    fn new(records: &[ConsentRecord], entries: &[RegisterEntry]) -> Self {
        let mut events = Vec::new();
        for one in records {
            let contradicted = records
                .iter()
                .any(|other| other.updated_ms == one.updated_ms && other.consent_ms.is_none());
            let (kind, rank) = match one.consent_ms {
                None => (Kind::Undated, usize::MAX),
                Some(_) if contradicted => continue,
                Some(date) => (Kind::Dated(date), 0),
            };
            let at = one.updated_ms;
            events.push(Event { at, rank, kind });
        }
        for (index, entry) in entries.iter().enumerate() {
            let kind = match entry.decision {
                Decision::Grant => Kind::Granted,
                Decision::Withdraw => Kind::Withdrawn,
            };
            let (at, rank) = (entry.at_ms, index + 1);
            events.push(Event { at, rank, kind });
        }
        Self(events)
    }

    fn before(&self, event: Event) -> impl Iterator<Item = Event> {
        self.0.iter().copied().filter(move |e| e.is_before(event))
    }

    /// The time for which `event` gives consent. Empty if it gives none.
    fn given_by(&self, event: Event) -> (i64, Option<i64>) {
        let from = match event.kind {
            Kind::Dated(date) => {
                let out_of_date = self.before(event).any(|earlier| match earlier.kind {
                    Kind::Undated => date < earlier.at,
                    Kind::Withdrawn => date <= earlier.at,
                    Kind::Dated(_) | Kind::Granted => false,
                });
                if out_of_date { event.at } else { date }
            }
            _ => event.at,
        };
        let to = self
            .0
            .iter()
            .filter(|later| event.is_before(**later) && !later.gives())
            .map(|later| later.at)
            .min();
        (from, to)
    }

    /// Whether every register withdrawal before `event` was lifted before or by it.
    fn is_effective(&self, event: Event) -> bool {
        let Kind::Dated(date) = event.kind else {
            return event.kind == Kind::Granted;
        };
        self.before(event)
            .filter(|withdrawal| withdrawal.kind == Kind::Withdrawn)
            .all(|withdrawal| date > withdrawal.at || self.was_lifted(withdrawal, event))
    }

    /// Whether consent given after `withdrawal` was in force before `event`.
    fn was_lifted(&self, withdrawal: Event, event: Event) -> bool {
        self.before(event)
            .filter(|lift| withdrawal.is_before(*lift) && self.is_effective(*lift))
            .any(|lift| {
                let (from, to) = self.given_by(lift);
                from < event.at && to.is_none_or(|to| from < to)
            })
    }

    /// The events that give consent at `instant`.
    fn giving_at(&self, instant: i64) -> impl Iterator<Item = Event> {
        self.0.iter().copied().filter(move |event| {
            let (from, to) = self.given_by(*event);
            from <= instant && to.is_none_or(|to| instant < to) && self.is_effective(*event)
        })
    }

    fn holds_at(&self, instant: i64) -> bool {
        self.giving_at(instant).next().is_some()
    }

    /// The source of the interval that starts at `instant`.
    fn source_at(&self, instant: i64) -> Option<ConsentSource> {
        self.giving_at(instant)
            .filter(|event| self.given_by(*event).0 == instant)
            .min_by_key(|event| (event.at, event.rank))
            .map(|event| match event.kind {
                Kind::Granted => ConsentSource::Register,
                _ => ConsentSource::Record,
            })
    }
}

/// The first difference between the definition and the sweep.
fn disagreement(records: &[ConsentRecord], entries: &[RegisterEntry]) -> Option<String> {
    let history = History::new(records, entries);
    let found = consent_intervals(&mut records.to_vec(), entries);
    let is_tidy = found
        .iter()
        .all(|one| one.valid_to.is_none_or(|to| one.valid_from < to))
        && found
            .windows(2)
            .all(|pair| pair[0].valid_to.is_some_and(|to| to <= pair[1].valid_from));
    if !is_tidy {
        return Some(format!("overlapping, empty or out of order: {found:?}"));
    }
    let dates = records.iter().filter_map(|one| one.consent_ms);
    let instants = dates
        .chain(records.iter().map(|one| one.updated_ms))
        .chain(entries.iter().map(|entry| entry.at_ms))
        .flat_map(|at| [at - 1, at, at + 1]);
    for instant in instants {
        let expected = history.holds_at(instant);
        if found.iter().any(|one| one.holds_at(instant)) != expected {
            return Some(format!("at {instant} expected {expected}: {found:?}"));
        }
    }
    found
        .iter()
        .find(|one| history.source_at(one.valid_from) != Some(one.source))
        .map(|one| format!("another source: {one:?}"))
}

/// A random history: within few instants, so that events coincide, or within ten
/// years.
fn history() -> impl Strategy<Value = (Vec<ConsentRecord>, Vec<RegisterEntry>)> {
    prop_oneof![
        6 => (1..4_i64).prop_map(|last| (0, last * 4)),
        1 => Just((1_577_836_800_000, 1_893_456_000_000)),
    ]
    .prop_flat_map(|(first, last)| {
        let date = prop_oneof![2 => Just(None), 5 => (first..last + 3).prop_map(Some)];
        let record =
            (first..last, date).prop_map(|(updated, date)| ConsentRecord::new(updated, date));
        let decision = prop_oneof![Just(Decision::Grant), Just(Decision::Withdraw)];
        let entry =
            (first..last, decision).prop_map(|(at_ms, decision)| RegisterEntry { at_ms, decision });
        (
            proptest::collection::vec(record, 0..7),
            proptest::collection::vec(entry, 0..5),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sweep_follows_the_definition((records, entries) in history()) {
        prop_assert_eq!(disagreement(&records, &entries), None);
    }

    #[test]
    fn order_and_repetition_of_records_change_nothing(
        ((records, entries), arrived) in history().prop_flat_map(|(records, entries)| {
            let repeated = proptest::sample::subsequence(records.clone(), 0..=records.len());
            let arrived = repeated
                .prop_map({
                    let records = records.clone();
                    move |repeated| [records.clone(), repeated].concat()
                })
                .prop_shuffle();
            (Just((records, entries)), arrived)
        })
    ) {
        let (mut records, mut arrived) = (records, arrived);
        let found: Vec<ConsentInterval> = consent_intervals(&mut arrived, &entries);
        prop_assert_eq!(found, consent_intervals(&mut records, &entries));
    }
}

/// All histories of up to three records and two entries within a few milliseconds.
#[test]
fn the_sweep_follows_the_definition_in_every_short_history() {
    let records: Vec<_> = (1..=4)
        .flat_map(|updated| (0..=5).map(move |date| ConsentRecord::new(updated, Some(date))))
        .collect();
    let entries: Vec<_> = (1..=4)
        .flat_map(|at_ms| {
            [Decision::Grant, Decision::Withdraw].map(|decision| RegisterEntry { at_ms, decision })
        })
        .collect();
    let mut entered: Vec<Vec<RegisterEntry>> = vec![Vec::new()];
    for &one in &entries {
        entered.push(vec![one]);
        entered.extend(entries.iter().map(|&next| vec![one, next]));
    }
    let mut stated: Vec<Vec<ConsentRecord>> = vec![Vec::new()];
    for (a, &first) in records.iter().enumerate() {
        stated.push(vec![first]);
        for (b, &second) in records.iter().enumerate().skip(a) {
            stated.push(vec![first, second]);
            let third = records.iter().skip(b);
            stated.extend(third.map(|&third| vec![first, second, third]));
        }
    }
    for records in &stated {
        for entries in &entered {
            assert_eq!(
                disagreement(records, entries),
                None,
                "{records:?} {entries:?}"
            );
        }
    }
}
