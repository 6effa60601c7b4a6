//! Computes the intervals of consent in one pass over time, by the rules in the
//! documentation of `consent`.

use std::borrow::Cow;

use super::event::{ConsentRecord, Decision, RegisterEntry};
use super::interval::{ConsentInterval, ConsentSource};

/// The intervals of one person's consent to one purpose: in order of time, not
/// empty, not overlapping.
///
/// `records` may have any order and are sorted here. `entries` have the order in
/// which they were entered. Allocates the result and, if the entries are not in
/// order of time, a copy of them.
pub fn consent_intervals(
    records: &mut [ConsentRecord],
    entries: &[RegisterEntry],
) -> Vec<ConsentInterval> {
    records.sort_unstable();
    let entries = sorted_by_time(entries);
    let mut record_groups = records
        .chunk_by(|one, next| one.updated_ms == next.updated_ms)
        .peekable();
    let mut entry_groups = entries
        .chunk_by(|one, next| one.at_ms == next.at_ms)
        .peekable();
    let mut sweep = Sweep::new();
    loop {
        let next_update = record_groups.peek().map(|group| group[0].updated_ms);
        let next_entry = entry_groups.peek().map(|group| group[0].at_ms);
        let Some(now) = next_update.into_iter().chain(next_entry).min() else {
            return sweep.finish();
        };
        sweep.apply(
            now,
            record_groups
                .next_if(|_| next_update == Some(now))
                .unwrap_or_default(),
            entry_groups
                .next_if(|_| next_entry == Some(now))
                .unwrap_or_default(),
        );
    }
}

/// `entries` in the order in which they take effect. Entries of one instant keep
/// the order of entry.
fn sorted_by_time(entries: &[RegisterEntry]) -> Cow<'_, [RegisterEntry]> {
    if entries.is_sorted_by_key(|entry| entry.at_ms) {
        return Cow::Borrowed(entries);
    }
    let mut sorted = entries.to_vec();
    sorted.sort_by_key(|entry| entry.at_ms);
    Cow::Owned(sorted)
}

/// The state at one instant, from all records and entries up to it.
struct Sweep {
    /// Intervals that have ended.
    ended: Vec<ConsentInterval>,
    /// The consent since the last withdrawal. It starts in the future if its date is
    /// there.
    open: Option<ConsentInterval>,
    /// The earliest date that is not before a withdrawal.
    date_min: i64,
    /// The last register withdrawal, until it is lifted.
    withdrawn_at: Option<i64>,
}

impl Sweep {
    fn new() -> Self {
        Self {
            ended: Vec::new(),
            open: None,
            date_min: i64::MIN,
            withdrawn_at: None,
        }
    }

    /// Applies all records updated at `now` and all entries effective at `now`.
    fn apply(&mut self, now: i64, records: &[ConsentRecord], entries: &[RegisterEntry]) {
        if self.open.is_some_and(|open| open.valid_from < now) {
            self.withdrawn_at = None;
        }
        // Undated records sort first.
        let is_withdrawn = records.first().is_some_and(|one| one.consent_ms.is_none());
        if !is_withdrawn {
            for date in records.iter().filter_map(|one| one.consent_ms) {
                self.apply_date(now, date);
            }
        }
        for entry in entries {
            match entry.decision {
                Decision::Grant => self.start(now, ConsentSource::Register),
                Decision::Withdraw => {
                    self.end(now);
                    // Only a later date counts as after a register withdrawal, not
                    // one at the same instant.
                    self.date_min = self.date_min.max(now.saturating_add(1));
                    self.withdrawn_at = Some(now);
                }
            }
        }
        if is_withdrawn {
            self.end(now);
            self.date_min = self.date_min.max(now);
        }
    }

    /// Applies a record updated at `now` with the date `date`.
    fn apply_date(&mut self, now: i64, date: i64) {
        if self
            .withdrawn_at
            .is_some_and(|withdrawn_at| date <= withdrawn_at)
        {
            return;
        }
        let from = if date < self.date_min { now } else { date };
        self.start(from, ConsentSource::Record);
    }

    /// Starts consent at `from`, unless it starts earlier already.
    fn start(&mut self, from: i64, source: ConsentSource) {
        if self.open.is_none_or(|open| from < open.valid_from) {
            self.open = Some(ConsentInterval {
                valid_from: from,
                valid_to: None,
                source,
            });
        }
    }

    /// Ends consent at `now`.
    fn end(&mut self, now: i64) {
        if let Some(open) = self.open.take()
            && open.valid_from < now
        {
            self.ended.push(ConsentInterval {
                valid_to: Some(now),
                ..open
            });
        }
    }

    fn finish(mut self) -> Vec<ConsentInterval> {
        self.ended.extend(self.open);
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the intervals from events in a short notation. `20:5` is a record
    /// updated at 20 with the date 5, `20:-` an undated one, `+20` a grant, `-20` a
    /// register withdrawal. `5..20` is an interval from a record, `+5..20` one from a
    /// grant.
    fn check(events: &str, expected: &str) {
        let mut records = Vec::new();
        let mut entries = Vec::new();
        for word in events.split_whitespace() {
            let number = |text: &str| text.parse::<i64>().expect("a number");
            if let Some((updated, date)) = word.split_once(':') {
                let date = (date != "-").then(|| number(date));
                records.push(ConsentRecord::new(number(updated), date));
            } else {
                let (sign, at) = word.split_at(1);
                let decision = if sign == "+" {
                    Decision::Grant
                } else {
                    Decision::Withdraw
                };
                entries.push(RegisterEntry {
                    at_ms: number(at),
                    decision,
                });
            }
        }
        let found: Vec<_> = consent_intervals(&mut records, &entries)
            .iter()
            .map(|interval| {
                let sign = match interval.source {
                    ConsentSource::Record => "",
                    ConsentSource::Register => "+",
                };
                let to = interval.valid_to.map_or(String::new(), |to| to.to_string());
                format!("{sign}{}..{to}", interval.valid_from)
            })
            .collect();
        assert_eq!(found.join(" "), expected, "from {events}");
    }

    #[test]
    fn only_records() {
        for (events, expected) in [
            ("", ""),
            ("10:-", ""),
            ("10:0", ""),
            ("10:5", "5.."),
            ("10:10", "10.."),
            // A date in the future.
            ("10:99", "99.."),
            ("10:99 50:-", ""),
            ("10:99 98:-", ""),
            ("10:99 99:-", ""),
            ("10:99 100:-", "99..100"),
            ("10:99 50:60", "60.."),
            ("10:99 20:- 30:5", "30.."),
            // Given, withdrawn, given again.
            ("10:5 20:-", "5..20"),
            ("10:5 20:- 30:25", "5..20 25.."),
            ("10:5 20:- 30:25 40:-", "5..20 25..40"),
            ("10:5 20:- 30:25 40:- 50:45", "5..20 25..40 45.."),
            ("10:5 20:- 25:- 30:22", "5..20 30.."),
            // A date before the last withdrawal starts at the update.
            ("10:5 20:- 30:5", "5..20 30.."),
            ("10:5 20:- 30:19", "5..20 30.."),
            ("10:5 20:- 30:20", "5..20 20.."),
            ("10:5 20:- 30:21", "5..20 21.."),
            ("10:- 20:5", "20.."),
            ("10:5 20:- 30:25 40:- 50:15", "5..20 25..40 50.."),
            // Two intervals may touch.
            ("10:5 20:- 30:20 40:-", "5..20 20..40"),
            ("10:5 20:- 30:20 40:- 50:40", "5..20 20..40 40.."),
            // Out of order.
            ("30:25 20:- 10:5", "5..20 25.."),
            ("20:- 30:25 10:5", "5..20 25.."),
            // Repeated.
            ("10:5 10:5", "5.."),
            ("10:5 20:- 10:5 20:- 20:-", "5..20"),
            ("10:5 20:5 30:5", "5.."),
            // Contradiction at one instant: the undated record wins, and the dates
            // beside it are void.
            ("10:5 10:-", ""),
            ("10:- 10:5", ""),
            ("10:99 10:-", ""),
            ("10:5 20:3 20:-", "5..20"),
            ("10:5 20:- 20:3 21:30", "5..20 30.."),
            ("10:5 10:3", "3.."),
            // A later record moves the start backwards, at most to the last withdrawal.
            // Moving it forwards has no effect.
            ("10:5 20:3", "3.."),
            ("10:5 20:15", "5.."),
            ("10:5 20:99", "5.."),
            ("10:5 20:- 30:25 40:22", "5..20 22.."),
            ("10:5 20:- 30:25 40:19", "5..20 25.."),
            ("10:5 20:- 30:25 40:20", "5..20 20.."),
            ("10:5 20:- 30:45 40:19", "5..20 40.."),
        ] {
            check(events, expected);
        }
    }

    #[test]
    fn register_withdrawals() {
        for (events, expected) in [
            ("-10", ""),
            ("10:5 -20", "5..20"),
            ("10:5 -11", "5..11"),
            ("10:99 -50", ""),
            ("10:99 -99", ""),
            ("10:99 -100", "99..100"),
            // At the same instant the record counts first.
            ("10:5 -10", "5..10"),
            ("10:15 -10", ""),
            ("10:10 -10", ""),
            // Lifted by a record updated after it with a date after it.
            ("10:5 -20 30:25", "5..20 25.."),
            ("10:5 -20 30:21", "5..20 21.."),
            ("10:5 -20 30:20", "5..20"),
            ("10:5 -20 30:5", "5..20"),
            ("10:5 -20 21:21", "5..20 21.."),
            ("10:5 -20 20:21", "5..20"),
            ("10:5 -20 21:99", "5..20 99.."),
            // A record updated before it does not lift it by a date after it.
            ("10:5 19:25 -20", "5..20"),
            ("10:5 19:25 -20 30:5", "5..20"),
            // Once lifted, dates before it start at the update.
            ("10:5 -20 30:25 40:- 50:5", "5..20 25..40 50.."),
            ("10:5 -20 30:25 40:- 50:45", "5..20 25..40 45.."),
            ("10:5 -20 30:25 40:5", "5..20 25.."),
            ("10:5 -20 30:25 40:21", "5..20 21.."),
            // Undated records after it do not lift it.
            ("10:5 -20 30:- 40:5", "5..20"),
            ("10:5 -20 30:- 40:20", "5..20"),
            ("10:5 -20 30:- 40:21", "5..20 40.."),
            ("10:5 -20 30:- 40:30", "5..20 30.."),
            // A date that never came lifts nothing.
            ("10:5 -20 30:99 40:5", "5..20 99.."),
            ("10:5 -20 30:99 40:- 50:5", "5..20"),
            ("10:5 -20 30:99 40:- 50:21", "5..20 50.."),
            ("10:5 -20 30:99 99:- 100:5", "5..20"),
            ("10:5 -20 30:99 100:- 101:5", "5..20 99..100 101.."),
            ("10:5 -20 30:99 100:5 110:- 120:5", "5..20 99..110 120.."),
            ("10:5 -20 30:99 40:30", "5..20 30.."),
            // Two withdrawals: the later one must be lifted.
            ("10:5 -20 -30 40:25", "5..20"),
            ("10:5 -30 -20 40:25", "5..20"),
            ("10:5 -20 25:22 -30 40:25", "5..20 22..30"),
            ("10:5 -20 25:22 -30 40:31", "5..20 22..30 31.."),
            // At the same instant as an undated record.
            ("10:5 20:- -20 30:20", "5..20"),
            ("10:5 20:- -20 30:21", "5..20 21.."),
            ("10:5 20:- -20 +25 30:20", "5..20 +25.."),
            // A record updated after a withdrawal does not change the time before it,
            // even without another record for that time.
            ("10:5 -9", ""),
            ("10:5 -6", ""),
            ("10:5 -5", ""),
            ("10:5 -4", "5.."),
            ("10:8 -20 30:5", "8..20"),
            ("5:5 10:5 -9", "5..9"),
            // Effective in the past and in the future.
            ("10:5 20:- 30:25 40:35 -12", "5..12 25.."),
            ("10:5 20:6 30:7 -12", "5..12"),
            ("10:5 20:- 30:25 -15 40:5", "5..15 25.."),
            ("10:5 -1000", "5..1000"),
            ("10:5 -1000 20:- 30:25", "5..20 25..1000"),
        ] {
            check(events, expected);
        }
    }

    #[test]
    fn grants() {
        for (events, expected) in [
            ("+10", "+10.."),
            ("+10 -20", "+10..20"),
            ("+10 -20 +30", "+10..20 +30.."),
            ("10:5 20:- +30 40:- +50", "5..20 +30..40 +50.."),
            // Records with earlier updates do not matter.
            ("10:- +20", "+20.."),
            ("10:- +11", "+11.."),
            ("10:5 20:- +30", "5..20 +30.."),
            ("10:5 20:- +20 30:25", "5..20 25.."),
            ("10:99 +20", "+20.."),
            ("10:5 +20", "5.."),
            ("10:99 +200", "99.."),
            // Ended by the next undated record, also at the same instant.
            ("+20 30:-", "+20..30"),
            ("+20 21:-", "+20..21"),
            ("+20 20:-", ""),
            ("+20 20:- 20:5", ""),
            ("10:5 +20 20:-", "5..20"),
            ("+20 30:- 40:5", "+20..30 40.."),
            // A grant in the future is not ended by earlier withdrawals.
            ("+100 50:-", "+100.."),
            ("10:5 +100 50:-", "5..50 +100.."),
            ("+100 -50", "+100.."),
            ("-50 +100", "+100.."),
            // Lifts a withdrawal, also one at the same instant that was entered earlier.
            ("10:5 -20 +30", "5..20 +30.."),
            ("10:5 -20 +21", "5..20 +21.."),
            ("10:5 -20 +20", "5..20 +20.."),
            ("10:5 +20 -20", "5..20"),
            ("-20 +20 -20", ""),
            ("-20 +20 -20 +20", "+20.."),
            ("-30 -20 +20", "+20..30"),
            ("-30 +20 -20", ""),
            ("10:5 -20 +19", "5..20"),
            // A withdrawal effective before a grant does not end it.
            ("10:5 +30 -20", "5..20 +30.."),
            // Once lifted, dates before the withdrawal start at the update.
            ("10:5 -20 +30 40:5", "5..20 +30.."),
            ("10:5 -20 +30 40:- 50:5", "5..20 +30..40 50.."),
            ("10:5 -20 +30 40:20", "5..20 +30.."),
            ("-20 +20 30:15", "+20.."),
            ("-20 +20 30:20", "+20.."),
            // A grant that never came into force lifts nothing.
            ("10:5 -20 +30 30:- 40:5", "5..20"),
            ("10:5 -20 +20 20:- 40:5", "5..20"),
            ("10:5 -20 +30 30:- 40:25", "5..20 40.."),
            ("10:5 -20 +30 31:- 40:5", "5..20 +30..31 40.."),
        ] {
            check(events, expected);
        }
    }

    #[test]
    fn the_source_is_what_started_it() {
        for (events, expected) in [
            ("+10 20:5", "5.."),
            ("+10 20:10", "+10.."),
            ("10:10 +10", "10.."),
            ("10:5 +10", "5.."),
            ("+10 20:- 30:20", "+10..20 20.."),
            ("10:5 20:- 30:25 +24", "5..20 +24.."),
            ("10:5 -20 +30 40:25", "5..20 25.."),
            ("5:- +10 20:7", "7.."),
        ] {
            check(events, expected);
        }
    }

    #[test]
    fn the_ends_of_time() {
        let (first, last) = (i64::MIN, i64::MAX);
        for (events, expected) in [
            (format!("{first}:5 {last}:-"), format!("5..{last}")),
            (format!("{last}:{last}"), format!("{last}..")),
            (format!("{last}:5 -{last}"), format!("5..{last}")),
            (
                format!("10:5 -{last} +{last}"),
                format!("5..{last} +{last}.."),
            ),
            (format!("{first}:- 10:5"), "5..".to_owned()),
        ] {
            check(&events, &expected);
        }
    }
}
