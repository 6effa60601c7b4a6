//! From statements and entries to consent_intervals, in one pass over time.

use std::borrow::Cow;

use super::event::{ConsentRecord, Decision, RegisterEntry};
use super::interval::{ConsentInterval, ConsentSource};

/// The intervals of one person's consent for one purpose, by the rules in the
/// module's description: in order of time, none empty, no two overlapping.
///
/// `statements` may be in any order and are left sorted; `entries` are in the
/// order in which they were entered. Allocates for what it returns and, where
/// entries were not entered in order of time, for a copy of them.
pub fn consent_intervals(
    statements: &mut [ConsentRecord],
    entries: &[RegisterEntry],
) -> Vec<ConsentInterval> {
    statements.sort_unstable();
    let entries = in_order_of_time(entries);
    let mut stated = statements
        .chunk_by(|one, next| one.updated_ms == next.updated_ms)
        .peekable();
    let mut entered = entries
        .chunk_by(|one, next| one.at_ms == next.at_ms)
        .peekable();
    let mut sweep = Sweep::new();
    loop {
        let next_stated = stated.peek().map(|group| group[0].updated_ms);
        let next_entered = entered.peek().map(|group| group[0].at_ms);
        let Some(now) = next_stated.into_iter().chain(next_entered).min() else {
            return sweep.finish();
        };
        sweep.pass(
            now,
            stated
                .next_if(|_| next_stated == Some(now))
                .unwrap_or_default(),
            entered
                .next_if(|_| next_entered == Some(now))
                .unwrap_or_default(),
        );
    }
}

/// `entries` by the instant from which they count, those of one instant in the
/// order of entry.
fn in_order_of_time(entries: &[RegisterEntry]) -> Cow<'_, [RegisterEntry]> {
    if entries.is_sorted_by_key(|entry| entry.at_ms) {
        return Cow::Borrowed(entries);
    }
    let mut sorted = entries.to_vec();
    sorted.sort_by_key(|entry| entry.at_ms);
    Cow::Owned(sorted)
}

/// What is known at one instant from all that was said up to it.
struct Sweep {
    /// Intervals that have ended.
    ended: Vec<ConsentInterval>,
    /// Consent given since the last withdrawal. Opens in the future where its
    /// date lies there.
    open: Option<ConsentInterval>,
    /// The earliest date that does not lie before a withdrawal.
    date_min: i64,
    /// The last withdrawal by hand, until it is lifted.
    barred_at: Option<i64>,
}

impl Sweep {
    fn new() -> Self {
        Self {
            ended: Vec::new(),
            open: None,
            date_min: i64::MIN,
            barred_at: None,
        }
    }

    /// Takes in everything that counts from `now` on.
    fn pass(&mut self, now: i64, stated: &[ConsentRecord], entered: &[RegisterEntry]) {
        if self.open.is_some_and(|open| open.valid_from < now) {
            self.barred_at = None;
        }
        // Without a date sorts first.
        let withdrawn = stated.first().is_some_and(|one| one.consent_ms.is_none());
        if !withdrawn {
            for date in stated.iter().filter_map(|one| one.consent_ms) {
                self.agree(now, date);
            }
        }
        for entry in entered {
            match entry.decision {
                Decision::Grant => self.open(now, ConsentSource::Register),
                Decision::Withdraw => {
                    self.close(now);
                    // Past the instant itself: only a later date comes after a
                    // withdrawal by hand.
                    self.date_min = self.date_min.max(now.saturating_add(1));
                    self.barred_at = Some(now);
                }
            }
        }
        if withdrawn {
            self.close(now);
            self.date_min = self.date_min.max(now);
        }
    }

    /// A record updated `now` carries `date`.
    fn agree(&mut self, now: i64, date: i64) {
        if self.barred_at.is_some_and(|barred_at| date <= barred_at) {
            return;
        }
        let from = if date < self.date_min { now } else { date };
        self.open(from, ConsentSource::Record);
    }

    /// Consent holds from `from` on, or from where it is open already.
    fn open(&mut self, from: i64, source: ConsentSource) {
        if self.open.is_none_or(|open| from < open.valid_from) {
            self.open = Some(ConsentInterval {
                valid_from: from,
                valid_to: None,
                source,
            });
        }
    }

    /// Nothing holds from `now` on.
    fn close(&mut self, now: i64) {
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

    /// Checks what comes of events, in words: `20:5` is a record updated at 20
    /// with the date 5, `20:-` one without a date, `+20` a grant and `-20` a
    /// withdrawal by hand. `5..20` is an interval, `+5..20` one opened by hand.
    fn check(events: &str, expected: &str) {
        let mut statements = Vec::new();
        let mut entries = Vec::new();
        for word in events.split_whitespace() {
            let number = |text: &str| text.parse::<i64>().expect("a number");
            if let Some((updated, date)) = word.split_once(':') {
                let date = (date != "-").then(|| number(date));
                statements.push(ConsentRecord::new(number(updated), date));
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
        let found: Vec<_> = consent_intervals(&mut statements, &entries)
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
    fn records_alone() {
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
            // A date before the last withdrawal opens at the update.
            ("10:5 20:- 30:5", "5..20 30.."),
            ("10:5 20:- 30:19", "5..20 30.."),
            ("10:5 20:- 30:20", "5..20 20.."),
            ("10:5 20:- 30:21", "5..20 21.."),
            ("10:- 20:5", "20.."),
            ("10:5 20:- 30:25 40:- 50:15", "5..20 25..40 50.."),
            // Two may touch: the withdrawal between them took place.
            ("10:5 20:- 30:20 40:-", "5..20 20..40"),
            ("10:5 20:- 30:20 40:- 50:40", "5..20 20..40 40.."),
            // Out of order.
            ("30:25 20:- 10:5", "5..20 25.."),
            ("20:- 30:25 10:5", "5..20 25.."),
            // Repeated.
            ("10:5 10:5", "5.."),
            ("10:5 20:- 10:5 20:- 20:-", "5..20"),
            ("10:5 20:5 30:5", "5.."),
            // Contradiction at one instant: without consent wins, and what it
            // beats cannot open consent elsewhere.
            ("10:5 10:-", ""),
            ("10:- 10:5", ""),
            ("10:99 10:-", ""),
            ("10:5 20:3 20:-", "5..20"),
            ("10:5 20:- 20:3 21:30", "5..20 30.."),
            ("10:5 10:3", "3.."),
            // A later record moves the date backwards, at most to the last
            // withdrawal, or forwards, which changes nothing.
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
    fn withdrawn_by_hand() {
        for (events, expected) in [
            ("-10", ""),
            ("10:5 -20", "5..20"),
            ("10:5 -11", "5..11"),
            ("10:99 -50", ""),
            ("10:99 -99", ""),
            ("10:99 -100", "99..100"),
            // At the instant of an update, the record came before.
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
            // Once lifted, dates before it open at the update.
            ("10:5 -20 30:25 40:- 50:5", "5..20 25..40 50.."),
            ("10:5 -20 30:25 40:- 50:45", "5..20 25..40 45.."),
            ("10:5 -20 30:25 40:5", "5..20 25.."),
            ("10:5 -20 30:25 40:21", "5..20 21.."),
            // Not lifted by withdrawals of records after it.
            ("10:5 -20 30:- 40:5", "5..20"),
            ("10:5 -20 30:- 40:20", "5..20"),
            ("10:5 -20 30:- 40:21", "5..20 40.."),
            ("10:5 -20 30:- 40:30", "5..20 30.."),
            // A lift whose date did not come has lifted nothing.
            ("10:5 -20 30:99 40:5", "5..20 99.."),
            ("10:5 -20 30:99 40:- 50:5", "5..20"),
            ("10:5 -20 30:99 40:- 50:21", "5..20 50.."),
            ("10:5 -20 30:99 99:- 100:5", "5..20"),
            ("10:5 -20 30:99 100:- 101:5", "5..20 99..100 101.."),
            ("10:5 -20 30:99 100:5 110:- 120:5", "5..20 99..110 120.."),
            ("10:5 -20 30:99 40:30", "5..20 30.."),
            // Twice: the later one has to be lifted.
            ("10:5 -20 -30 40:25", "5..20"),
            ("10:5 -30 -20 40:25", "5..20"),
            ("10:5 -20 25:22 -30 40:25", "5..20 22..30"),
            ("10:5 -20 25:22 -30 40:31", "5..20 22..30 31.."),
            // A withdrawal at the same instant as a record's.
            ("10:5 20:- -20 30:20", "5..20"),
            ("10:5 20:- -20 30:21", "5..20 21.."),
            ("10:5 20:- -20 +25 30:20", "5..20 +25.."),
            // Updated after a withdrawal, a record does not reach back over it,
            // even where no other says what held until then.
            ("10:5 -9", ""),
            ("10:5 -6", ""),
            ("10:5 -5", ""),
            ("10:5 -4", "5.."),
            ("10:8 -20 30:5", "8..20"),
            ("5:5 10:5 -9", "5..9"),
            // Dated back and dated ahead.
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
    fn granted_by_hand() {
        for (events, expected) in [
            ("+10", "+10.."),
            ("+10 -20", "+10..20"),
            ("+10 -20 +30", "+10..20 +30.."),
            ("10:5 20:- +30 40:- +50", "5..20 +30..40 +50.."),
            // Whatever earlier records say.
            ("10:- +20", "+20.."),
            ("10:- +11", "+11.."),
            ("10:5 20:- +30", "5..20 +30.."),
            ("10:5 20:- +20 30:25", "5..20 25.."),
            ("10:99 +20", "+20.."),
            ("10:5 +20", "5.."),
            ("10:99 +200", "99.."),
            // Ended by the next record without a date, at the very same
            // instant, too.
            ("+20 30:-", "+20..30"),
            ("+20 21:-", "+20..21"),
            ("+20 20:-", ""),
            ("+20 20:- 20:5", ""),
            ("10:5 +20 20:-", "5..20"),
            ("+20 30:- 40:5", "+20..30 40.."),
            // Granted ahead: what is withdrawn until then does not end it.
            ("+100 50:-", "+100.."),
            ("10:5 +100 50:-", "5..50 +100.."),
            ("+100 -50", "+100.."),
            ("-50 +100", "+100.."),
            // Lifts a withdrawal; one at the same instant when entered later.
            ("10:5 -20 +30", "5..20 +30.."),
            ("10:5 -20 +21", "5..20 +21.."),
            ("10:5 -20 +20", "5..20 +20.."),
            ("10:5 +20 -20", "5..20"),
            ("-20 +20 -20", ""),
            ("-20 +20 -20 +20", "+20.."),
            ("-30 -20 +20", "+20..30"),
            ("-30 +20 -20", ""),
            ("10:5 -20 +19", "5..20"),
            // A withdrawal dated back to before a grant does not end it.
            ("10:5 +30 -20", "5..20 +30.."),
            // Once lifted, dates before the withdrawal open at the update.
            ("10:5 -20 +30 40:5", "5..20 +30.."),
            ("10:5 -20 +30 40:- 50:5", "5..20 +30..40 50.."),
            ("10:5 -20 +30 40:20", "5..20 +30.."),
            ("-20 +20 30:15", "+20.."),
            ("-20 +20 30:20", "+20.."),
            // Not lifted by a grant that did not come into force.
            ("10:5 -20 +30 30:- 40:5", "5..20"),
            ("10:5 -20 +20 20:- 40:5", "5..20"),
            ("10:5 -20 +30 30:- 40:25", "5..20 40.."),
            ("10:5 -20 +30 31:- 40:5", "5..20 +30..31 40.."),
        ] {
            check(events, expected);
        }
    }

    #[test]
    fn the_source_is_what_opened_it() {
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
