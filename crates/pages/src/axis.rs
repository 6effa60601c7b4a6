//! Axes: steps of round width, ticks, and what is written at them. Charts of results, plots of
//! tables and the statements that count values in steps all divide an axis here.

use crate::number::grouped_signed;
use crate::time::{self, DAY_MS};

/// What an axis shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Numbers.
    Number,
    /// Instants, epoch milliseconds.
    Instant,
    /// Milliseconds since something else.
    Elapsed,
}

/// A place on an axis, and what is written there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
    /// The day, where it is another than at the tick before.
    pub(crate) day: Option<String>,
}

const SECOND: f64 = 1000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = DAY_MS as f64;

/// Widths of steps of time that people count in, in milliseconds.
const TIME_STEPS: [f64; 29] = [
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    50.0,
    100.0,
    200.0,
    500.0,
    SECOND,
    2.0 * SECOND,
    5.0 * SECOND,
    10.0 * SECOND,
    15.0 * SECOND,
    30.0 * SECOND,
    MINUTE,
    2.0 * MINUTE,
    5.0 * MINUTE,
    10.0 * MINUTE,
    15.0 * MINUTE,
    30.0 * MINUTE,
    HOUR,
    2.0 * HOUR,
    3.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    DAY,
    2.0 * DAY,
    7.0 * DAY,
];

/// Months between ticks.
const MONTH_STEPS: [i64; 10] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600];

/// The round number nearest to `rough`: 1, 2 or 5 with zeros. `None` if there is none.
pub fn round_step(rough: f64) -> Option<f64> {
    let rough = rough.abs();
    if !rough.is_normal() {
        return None;
    }
    let size = 10f64.powf(rough.log10().floor());
    let step = match rough / size {
        part if part < 1.5 => size,
        part if part < 3.5 => 2.0 * size,
        part if part < 7.5 => 5.0 * size,
        _ => 10.0 * size,
    };
    step.is_normal().then_some(step)
}

/// The first width of a step of time that is not less than `rough_ms`; whole days beyond a
/// week.
pub fn round_time_step(rough_ms: f64) -> f64 {
    let known = TIME_STEPS.into_iter().find(|step| *step >= rough_ms);
    known.unwrap_or_else(|| DAY * round_step(rough_ms / DAY * 1.3).unwrap_or(7.0).max(7.0))
}

/// Ticks within a range, about `count` of them.
pub(crate) fn ticks(scale: Scale, low: f64, high: f64, count: u32) -> Vec<Tick> {
    let rough = high / f64::from(count) - low / f64::from(count);
    let scale = match scale {
        Scale::Instant if !(is_in_calendar(low) && is_in_calendar(high)) => Scale::Number,
        scale => scale,
    };
    let at = match scale {
        Scale::Number => round_ticks(low, high, round_step(rough)),
        Scale::Elapsed => round_ticks(low, high, Some(round_time_step(rough))),
        Scale::Instant if rough > 10.0 * DAY => month_ticks(low, high, rough),
        Scale::Instant => round_ticks(low, high, Some(round_time_step(rough))),
    };
    let width = at.get(1).zip(at.first()).map_or(rough, |(b, a)| b - a);
    let mut day = String::new();
    let labelled = at.into_iter().map(|at| {
        let label = label(scale, at, width);
        let own = time::to_day(at as i64);
        let is_within_day = scale == Scale::Instant && width < DAY;
        let is_new = is_within_day && own != day;
        day.clone_from(&own);
        Tick {
            at,
            label,
            day: is_new.then_some(own),
        }
    });
    labelled.collect()
}

/// Whether an instant has a year of six digits at most.
fn is_in_calendar(at_ms: f64) -> bool {
    at_ms.abs() < 1e6 * 365.0 * DAY
}

/// Multiples of `step` within a range; its beginning, if it cannot be divided.
fn round_ticks(low: f64, high: f64, step: Option<f64>) -> Vec<f64> {
    let Some(step) = step else {
        return vec![low];
    };
    let first = (low / step).ceil();
    (0..12)
        .map(|index| (first + f64::from(index)) * step)
        .skip_while(|value| *value < low)
        .take_while(|value| *value <= high)
        .collect()
}

fn month_ticks(low: f64, high: f64, rough: f64) -> Vec<f64> {
    let months = |step: i64| step as f64 * 30.44 * DAY >= rough;
    let step = MONTH_STEPS.into_iter().find(|step| months(*step));
    let step = step.unwrap_or((rough / DAY / 365.0) as i64 * 12).max(1);
    let first = time::month_of(low as i64).div_euclid(step) * step;
    (0..14)
        .map(|index| time::month_start(first.saturating_add(step.saturating_mul(index))) as f64)
        .skip_while(|at| *at < low)
        .take_while(|at| *at <= high)
        .collect()
}

/// What is written at a place, where ticks are `width` apart.
fn label(scale: Scale, at: f64, width: f64) -> String {
    match scale {
        Scale::Number => number(at),
        Scale::Elapsed => elapsed(at),
        Scale::Instant => {
            let whole = time::to_second(at as i64);
            let (day, second) = whole.split_once(' ').unwrap_or((&whole, ""));
            match width {
                width if width >= 27.0 * DAY => day.rsplit_once('-').map_or(day, |(m, _)| m),
                width if width >= DAY => day,
                width if width >= MINUTE => second.get(..5).unwrap_or(second),
                width if width >= SECOND => second,
                _ => return format!("{second}.{:03}", (at as i64).rem_euclid(1000)),
            }
            .to_owned()
        }
    }
}

/// A value with the precision that its axis calls for.
pub(crate) fn value(scale: Scale, at: f64) -> String {
    match scale {
        Scale::Number => number(at),
        Scale::Elapsed => elapsed(at),
        Scale::Instant => time::to_second(at as i64),
    }
}

/// A number of an axis.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    match value == value.trunc() && size < 1e15 {
        true => grouped_signed(value as i64),
        false if (1e-3..1e6).contains(&size) => {
            let text = format!("{value:.3}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            text.replacen('-', "−", 1)
        }
        false if value < 0.0 => format!("−{size:.2e}"),
        false => format!("{value:.2e}"),
    }
}

/// Milliseconds in the units of time, the largest two of them: `1 min 20 s`.
pub(crate) fn elapsed(at_ms: f64) -> String {
    const UNITS: [(f64, &str); 5] = [
        (DAY, "d"),
        (HOUR, "h"),
        (MINUTE, "min"),
        (SECOND, "s"),
        (1.0, "ms"),
    ];
    let sign = if at_ms < 0.0 { "−" } else { "" };
    let mut rest = at_ms.abs().round();
    let mut parts = Vec::new();
    for (size, unit) in UNITS {
        let count = (rest / size).floor();
        if parts.len() == 2 || parts.is_empty() && count == 0.0 {
            continue;
        }
        rest -= count * size;
        parts.push((count, unit));
    }
    let shown = parts.iter().filter(|(count, _)| *count > 0.0);
    let shown: Vec<String> = shown
        .map(|(count, unit)| format!("{} {unit}", number(*count)))
        .collect();
    match shown.is_empty() {
        true => "0 s".to_owned(),
        false => format!("{sign}{}", shown.join(" ")),
    }
}

/// The least and the most of finite numbers; apart from each other.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values = values.filter(|value| value.is_finite());
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    match (low.is_finite(), high > low) {
        (false, _) => (0.0, 1.0),
        (true, false) => (low - 1.0, low + 1.0),
        (true, true) => (low, high),
    }
}

/// Where a value lies between two others, from 0 to 1.
pub(crate) fn part(value: f64, low: f64, high: f64) -> f64 {
    // Halves, so that the distance of the largest numbers is a number.
    let part = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    if part.is_finite() {
        part.clamp(0.0, 1.0)
    } else {
        0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, low: f64, high: f64) -> Vec<String> {
        let ticks = ticks(scale, low, high, 4).into_iter();
        let shown = ticks.map(|tick| match tick.day {
            Some(day) => format!("{} {day}", tick.label),
            None => tick.label,
        });
        shown.collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        for (low, high, expected) in [
            (0.0, 482.0, vec![0.0, 100.0, 200.0, 300.0, 400.0]),
            (0.0, 1.0, vec![0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]),
            (-5.0, 5.0, vec![-4.0, -2.0, 0.0, 2.0, 4.0]),
            (7.0, 7.0, vec![7.0]),
        ] {
            let found = ticks(Scale::Number, low, high, 5).into_iter();
            assert_eq!(found.map(|tick| tick.at).collect::<Vec<_>>(), expected);
        }
        assert_eq!(number(0.6000000000000001), "0.6");
        assert_eq!(number(81_273.0), "81,273");
        assert_eq!(number(-0.25), "−0.25");
        assert_eq!(number(-2.5e-7), "−2.50e-7");
    }

    #[test]
    fn ticks_of_time_stand_where_people_count() {
        const T: f64 = 1_655_562_010_224.0; // 2022-06-18 14:20:10
        for (span, expected) in [
            (2_606_519.0, "14:30 2022-06-18|14:45|15:00"),
            (85_000.0, "14:20:30 2022-06-18|14:21:00|14:21:30"),
            (12.0 * HOUR, "15:00 2022-06-18|18:00|21:00|00:00 2022-06-19"),
            (5.0 * DAY, "2022-06-19|2022-06-21|2022-06-23"),
            (300.0 * DAY, "2022-07|2022-10|2023-01|2023-04"),
            (9000.0 * DAY, "2030-01|2040-01"),
            (0.5, "14:20:10.224 2022-06-18"),
        ] {
            let found = labels(Scale::Instant, T, T + span).join("|");
            assert_eq!(found, expected, "{span}");
        }
        assert_eq!(
            labels(Scale::Elapsed, 0.0, 85_000.0).join("|"),
            "0 s|30 s|1 min"
        );
        assert_eq!(elapsed(-90_061_000.0), "−1 d 1 h");
        assert_eq!(elapsed(1500.0), "1 s 500 ms");
    }

    #[test]
    fn any_range_has_few_ticks() {
        let ends = [
            f64::MIN,
            -1e18,
            -4e12,
            -1.0,
            0.0,
            5e-324,
            1.0,
            4e12,
            1.7e15,
            1e18,
            f64::MAX,
        ];
        for low in ends {
            for high in ends.into_iter().filter(|high| *high >= low) {
                for scale in [Scale::Number, Scale::Instant, Scale::Elapsed] {
                    let found = ticks(scale, low, high, 4);
                    assert!(found.len() <= 14, "{scale:?} {low} {high}: {found:?}");
                    assert!(
                        found.iter().all(|tick| tick.at >= low && tick.at <= high),
                        "{scale:?} {low} {high}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn steps_are_wide_enough() {
        for (rough, expected) in [
            (0.3, 1.0),
            (43_000.0, MINUTE),
            (HOUR, HOUR),
            (8.0 * DAY, 10.0 * DAY),
            (200.0 * DAY, 200.0 * DAY),
        ] {
            assert_eq!(round_time_step(rough), expected, "{rough}");
        }
        assert_eq!(round_step(0.0), None);
        assert_eq!(round_step(f64::NAN), None);
        assert_eq!(round_step(21.0), Some(20.0));
    }
}
