//! Steps of equal width that values are counted in: which ones, the SQL that tells a value's
//! step, and the histogram of what it tells.

use evidence::{Histogram, INSTANTS, Measure};
use pages::{round_step, round_time_step};

/// What SQL tells of a null, of NaN and infinities, and of an instant that no step holds.
const NULL: i64 = -1;
const NOT_FINITE: i64 = -2;
const OUTSIDE: i64 = -3;

/// Steps of a distribution.
const DISTRIBUTION: f64 = 13.0;

/// Steps of rows over time.
const OVER_TIME: f64 = 60.0;

/// Days that are told one by one.
const DAYS_MAX: f64 = 400.0;

const DAY_MS: f64 = 86_400_000.0;

/// Steps of equal width from `first` times this width on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Steps {
    measure: Measure,
    least: f64,
    greatest: f64,
    step: f64,
    first: f64,
    count: usize,
    is_whole: bool,
}

impl Steps {
    /// About twenty at most, for the distribution of finite values between two ends. Whole
    /// numbers (`is_whole`) are not divided.
    pub(super) fn of_distribution(
        measure: Measure,
        least: f64,
        greatest: f64,
        is_whole: bool,
    ) -> Self {
        let rough = greatest / DISTRIBUTION - least / DISTRIBUTION;
        let step = match measure {
            Measure::Number => round_step(rough).unwrap_or(1.0),
            Measure::Instant | Measure::Elapsed => round_time_step(rough),
        };
        let step = if is_whole { step.max(1.0) } else { step };
        Self::of(measure, least, greatest, step, is_whole)
    }

    /// For rows over time: days where there are enough of them, else about sixty steps.
    pub(super) fn of_time(measure: Measure, least: f64, greatest: f64) -> Self {
        let days = (greatest - least) / DAY_MS;
        let step = match (OVER_TIME / 4.0..=DAYS_MAX).contains(&days) {
            true => DAY_MS,
            // Divided first: the distance of the largest numbers is none.
            false => round_time_step(greatest / OVER_TIME - least / OVER_TIME).max(1000.0),
        };
        Self::of(measure, least, greatest, step, true)
    }

    fn of(measure: Measure, least: f64, greatest: f64, step: f64, is_whole: bool) -> Self {
        // The distance of the largest numbers is none.
        let step = step.min(f64::MAX / 8.0);
        let first = (least / step).floor();
        // A greatest value at the end of a step begins no further one, unless values are whole.
        let last = match is_whole {
            true => (greatest / step).floor(),
            false => ((greatest / step).ceil() - 1.0).max(first),
        };
        Self {
            measure,
            least,
            greatest,
            step,
            first,
            // Few, by the choice of the step.
            count: (last - first + 1.0) as usize,
            is_whole,
        }
    }

    /// The step of the value `sql`, a double, counted from 0; or why it has none.
    pub(super) fn sql(&self, sql: &str) -> String {
        let inside = within(self.measure, sql);
        let (step, first, last) = (number(self.step), number(self.first), self.count - 1);
        format!(
            "cast(case when {sql} is null then {NULL} when not is_finite({sql}) then {NOT_FINITE} \
             when not ({inside}) then {OUTSIDE} \
             else least(greatest(floor({sql} / {step}) - {first}, 0e0), {}) end as bigint)",
            number(last as f64)
        )
    }

    /// The step of a finite value, as [`Steps::sql`] tells it.
    pub(super) fn of_value(&self, value: f64) -> i64 {
        let last = (self.count - 1) as f64;
        ((value / self.step).floor() - self.first).clamp(0.0, last) as i64
    }

    /// No value counted yet.
    pub(super) fn histogram(&self) -> Histogram {
        Histogram {
            measure: self.measure,
            low: self.first * self.step,
            step: self.step,
            is_whole: self.is_whole,
            least: self.least,
            greatest: self.greatest,
            counts: vec![0; self.count],
            nulls: 0,
            not_finite: 0,
            outside: 0,
        }
    }
}

/// Adds rows at what [`Steps::sql`] told of them.
pub(super) fn add(histogram: &mut Histogram, told: i64, rows: u64) {
    let place = match told {
        NULL => &mut histogram.nulls,
        NOT_FINITE => &mut histogram.not_finite,
        OUTSIDE => &mut histogram.outside,
        step => {
            let step = usize::try_from(step).unwrap_or_default();
            let last = histogram.counts.len() - 1;
            &mut histogram.counts[step.min(last)]
        }
    };
    *place += rows;
}

/// Whether a finite value can be drawn: years of four digits for instants, so that one fault
/// does not press all others into one step.
pub(super) fn within(measure: Measure, sql: &str) -> String {
    match measure {
        Measure::Instant => instant(sql),
        Measure::Number | Measure::Elapsed => "true".to_owned(),
    }
}

/// Whether a value is taken for an instant.
pub(super) fn instant(sql: &str) -> String {
    let (from, to) = (*INSTANTS.start() as f64, *INSTANTS.end() as f64);
    format!("{sql} between {} and {}", number(from), number(to))
}

/// A double in SQL; `0.1` would be a decimal number.
pub(super) fn number(value: f64) -> String {
    match value.is_sign_negative() {
        true => format!("({value:e})"),
        false => format!("{value:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: f64 = 1_655_562_010_224.0;

    #[test]
    fn steps_are_round_and_few() {
        use Measure::{Elapsed, Instant, Number};
        for (measure, least, greatest, is_whole, low, step, count) in [
            (Number, -1.0, 1.0, true, -1.0, 1.0, 3),
            (Number, -1.0, 1.0, false, -1.0, 0.2, 10),
            (Number, 0.0, 275.0, true, 0.0, 20.0, 14),
            (Number, 5.0, 5.0, true, 5.0, 1.0, 1),
            (Number, 0.25, 0.25, false, 0.0, 1.0, 1),
            (Number, 0.0, 100.0, false, 0.0, 10.0, 10),
            (Elapsed, 0.0, 109_620.0, true, 0.0, 10_000.0, 11),
            (
                Instant,
                T,
                T + 2_606_519.0,
                true,
                1_655_562_000_000.0,
                300_000.0,
                9,
            ),
        ] {
            let steps = Steps::of_distribution(measure, least, greatest, is_whole);
            let made = steps.histogram();
            let found = (made.low, made.step, made.counts.len());
            assert_eq!(found, (low, step, count), "{least} to {greatest}");
        }
        for (span, step, count) in [
            (2_606_519.0, 60_000.0, 44),
            (40.0 * DAY_MS, DAY_MS, 41),
            (390.0 * DAY_MS, DAY_MS, 391),
            (3000.0 * DAY_MS, 50.0 * DAY_MS, 60),
            (0.0, 1000.0, 1),
        ] {
            let made = Steps::of_time(Measure::Instant, T, T + span).histogram();
            let few = made.counts.len().abs_diff(count) <= 1;
            assert!(few && made.step == step, "{span}: {made:?}");
        }
    }

    #[test]
    fn any_ends_have_few_steps() {
        let ends = [
            f64::MIN,
            -4e18,
            -1e12,
            -1.0,
            -5e-324,
            0.0,
            5e-324,
            1e-9,
            1.0,
            7.5,
            T,
            9.3e18,
            f64::MAX,
        ];
        for least in ends {
            for greatest in ends.into_iter().filter(|end| *end >= least) {
                for measure in [Measure::Number, Measure::Instant, Measure::Elapsed] {
                    for is_whole in [true, false] {
                        let steps = Steps::of_distribution(measure, least, greatest, is_whole);
                        let count = steps.count;
                        assert!((1..=24).contains(&count), "{least} {greatest}: {steps:?}");
                    }
                }
                let steps = Steps::of_time(Measure::Elapsed, least, greatest);
                assert!(
                    (1..=402).contains(&steps.count),
                    "{least} {greatest}: {steps:?}"
                );
            }
        }
    }

    #[test]
    fn each_row_is_counted_once() {
        let mut made = Steps::of_distribution(Measure::Number, 0.0, 9.0, true).histogram();
        for (told, rows) in [(-1, 1), (-2, 2), (-3, 4), (0, 8), (9, 16), (1000, 32)] {
            add(&mut made, told, rows);
        }
        assert_eq!((made.nulls, made.not_finite, made.outside), (1, 2, 4));
        assert_eq!(made.counts.iter().sum::<u64>(), 56);
    }

    #[test]
    fn numbers_in_sql_are_doubles() {
        assert_eq!(number(0.1), "1e-1");
        assert_eq!(number(-250.0), "(-2.5e2)");
        assert_eq!(number(f64::MAX), "1.7976931348623157e308");
    }
}
