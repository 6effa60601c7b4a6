//! Instants as people read them.

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// `2026-11-30 15:04:42`, in UTC.
pub(crate) fn to_second(at_ms: i64) -> String {
    let (year, month, day) = date(at_ms.div_euclid(DAY_MS));
    let second = at_ms.rem_euclid(DAY_MS) / 1000;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// `2026-11-30`, in UTC.
pub(crate) fn to_day(at_ms: i64) -> String {
    to_second(at_ms)
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// `2 min ago`, `in 3 h`; `now` within a second.
pub(crate) fn relative(at_ms: i64, now_ms: i64) -> String {
    let distance = now_ms.saturating_sub(at_ms);
    let seconds = distance.unsigned_abs() / 1000;
    let text = match seconds {
        0 => return "now".to_owned(),
        1..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        172_800..=5_183_999 => format!("{} days", seconds / 86_400),
        5_184_000..=63_071_999 => format!("{} months", (seconds / 2_629_746).max(2)),
        _ => format!("{} years", seconds / 31_556_952),
    };
    match distance > 0 {
        true => format!("{text} ago"),
        false => format!("in {text}"),
    }
}

/// `0.43 s`, `2 min 5 s`: how long something took.
pub(crate) fn duration(elapsed_ms: i64) -> String {
    let elapsed_ms = elapsed_ms.max(0);
    match elapsed_ms {
        0..=999 => format!("{elapsed_ms} ms"),
        1000..=59_999 => format!("{}.{} s", elapsed_ms / 1000, elapsed_ms % 1000 / 100),
        60_000..=3_599_999 => {
            format!("{} min {} s", elapsed_ms / 60_000, elapsed_ms / 1000 % 60)
        }
        _ => format!(
            "{} h {} min",
            elapsed_ms / 3_600_000,
            elapsed_ms / 60_000 % 60
        ),
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Counts
/// years from March, so that a leap day is the last of its year, and in eras of 400 years,
/// which have equally many days.
fn date(day: i64) -> (i64, i64, i64) {
    let since_march_of_0 = day.saturating_add(719_468);
    let era = since_march_of_0.div_euclid(146_097);
    let day_of_era = since_march_of_0.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = match month_from_march < 10 {
        true => month_from_march + 3,
        false => month_from_march - 9,
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_month)
}

/// Months from the year 0 to the month of an instant.
pub(crate) fn month_of(at_ms: i64) -> i64 {
    let (year, month, _) = date(at_ms.div_euclid(DAY_MS));
    year * 12 + month - 1
}

/// When a month begins that is counted as by [`month_of`], epoch milliseconds.
pub(crate) fn month_start(month: i64) -> i64 {
    // Years from March, as in `date`.
    let from_march = month.saturating_sub(2);
    let (year, month) = (from_march.div_euclid(12), from_march.rem_euclid(12));
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5;
    let day = era
        .saturating_mul(146_097)
        .saturating_add(day_of_era - 719_468);
    day.saturating_mul(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_dates_of_the_calendar() {
        for (at_ms, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399_999, "2000-02-28 23:59:59"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_709_164_800_000, "2024-02-29 00:00:00"),
            (1_796_051_178_303, "2026-11-30 15:06:18"),
            (-1, "1969-12-31 23:59:59"),
            (-62_135_596_800_000, "0001-01-01 00:00:00"),
        ] {
            assert_eq!(to_second(at_ms), text);
        }
        assert_eq!(to_day(1_796_051_178_303), "2026-11-30");
        // Whatever a table holds, a page is made of it.
        to_second(i64::MIN);
        to_second(i64::MAX);
        relative(i64::MIN, i64::MAX);
    }

    #[test]
    fn months_begin_on_their_first_day() {
        for month in [0, 11, 23_640, 24_263, 24_264, 24_290, 28_800] {
            let start = month_start(month);
            assert_eq!((month_of(start), month_of(start - 1)), (month, month - 1));
            assert!(to_second(start).ends_with("-01 00:00:00"), "{month}");
        }
        assert_eq!(to_day(month_start(2022 * 12 + 5)), "2022-06-01");
        month_start(i64::MAX);
        month_start(month_of(i64::MIN));
    }

    #[test]
    fn distances_have_one_unit() {
        for (at_ms, now_ms, text) in [
            (0, 999, "now"),
            (0, 1000, "1 s ago"),
            (0, 120_000, "2 min ago"),
            (0, 7_200_000, "2 h ago"),
            (0, 172_800_000, "2 days ago"),
            (0, 5_184_000_000, "2 months ago"),
            (7_200_000, 0, "in 2 h"),
        ] {
            assert_eq!(relative(at_ms, now_ms), text);
        }
        assert_eq!(duration(430), "430 ms");
        assert_eq!(duration(2430), "2.4 s");
        assert_eq!(duration(125_000), "2 min 5 s");
    }
}
