//! When a run begins: how often, and after how much has arrived.

use std::time::{Duration, Instant};

/// How much must have arrived before a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtLeast {
    /// So many whole files.
    Files(u64),
    /// Whole files of so many bytes together.
    Bytes(u64),
}

/// How runs follow each other.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The least time from the beginning of one run to that of the next.
    pub every: Duration,
    /// How much a run waits for.
    pub at_least: AtLeast,
    /// The longest time that a whole file waits for more, or for a changed file to settle.
    pub at_most_wait: Duration,
    /// How long a file must stay as it is to count as whole, if nobody saw it closed.
    pub settle: Duration,
}

/// What waits for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Waiting {
    /// Whole files that are new or changed.
    pub(super) files: u64,
    /// Their size.
    pub(super) bytes: u64,
    /// Since when the first of them has been whole.
    pub(super) since: Option<Instant>,
    /// New or changed files that are not whole yet.
    pub(super) unfinished: u64,
    /// Something else asks for a run: files that are gone, entries by hand.
    pub(super) is_asked_for: bool,
    /// A run must wait for files that are not whole: one that was read before is being
    /// written to again, and would be read unfinished, and once more when it is whole.
    pub(super) is_unsettled: bool,
}

impl Pace {
    /// When a run begins of what is `waiting`; `None` before more arrives. `not_before` is
    /// when the last run and the last failure allow it.
    pub(super) fn begins_at(&self, waiting: &Waiting, not_before: Instant) -> Option<Instant> {
        let latest = waiting
            .since
            .map(|since| since.checked_add(self.at_most_wait).unwrap_or(since));
        let is_enough = match self.at_least {
            AtLeast::Files(files) => waiting.files >= files.max(1),
            AtLeast::Bytes(bytes) => waiting.files > 0 && waiting.bytes >= bytes,
        };
        let is_due = (is_enough || waiting.is_asked_for) && !waiting.is_unsettled;
        match (is_due, latest) {
            (true, _) => Some(not_before),
            (false, Some(latest)) if waiting.files > 0 => Some(latest.max(not_before)),
            (false, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_begins_when_enough_has_arrived_or_waited_long_enough() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let waiting = |files, bytes, since: Option<u64>| Waiting {
            files,
            bytes,
            since: since.map(at),
            ..Waiting::default()
        };
        let asked = |waiting: Waiting| Waiting {
            is_asked_for: true,
            ..waiting
        };
        let unsettled = |waiting: Waiting| Waiting {
            is_unsettled: true,
            ..waiting
        };
        let one = AtLeast::Files(1);
        for (case, at_least, now, not_before, expected) in [
            ("nothing", one, waiting(0, 0, None), 5, None),
            ("one file", one, waiting(1, 9, Some(1)), 5, Some(5)),
            ("an empty file", one, waiting(1, 0, Some(1)), 5, Some(5)),
            (
                "too few",
                AtLeast::Files(3),
                waiting(2, 9, Some(1)),
                5,
                Some(61),
            ),
            (
                "waited",
                AtLeast::Files(3),
                waiting(2, 9, Some(1)),
                70,
                Some(70),
            ),
            (
                "enough",
                AtLeast::Files(3),
                waiting(3, 9, Some(1)),
                5,
                Some(5),
            ),
            (
                "too little",
                AtLeast::Bytes(99),
                waiting(9, 98, Some(1)),
                5,
                Some(61),
            ),
            (
                "much",
                AtLeast::Bytes(99),
                waiting(1, 99, Some(1)),
                5,
                Some(5),
            ),
            (
                "asked for",
                AtLeast::Files(3),
                asked(waiting(0, 0, None)),
                5,
                Some(5),
            ),
            (
                "a file grows",
                one,
                unsettled(waiting(1, 9, Some(1))),
                5,
                Some(61),
            ),
            (
                "only it grows",
                one,
                unsettled(waiting(0, 0, None)),
                5,
                None,
            ),
            (
                "asked, grows",
                one,
                unsettled(asked(waiting(0, 0, None))),
                5,
                None,
            ),
        ] {
            let pace = Pace {
                every: Duration::from_secs(5),
                at_least,
                at_most_wait: Duration::from_secs(60),
                settle: Duration::from_secs(1),
            };
            let begins = pace.begins_at(&now, at(not_before));
            assert_eq!(begins, expected.map(at), "{case}");
        }
    }
}
