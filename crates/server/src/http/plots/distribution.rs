//! The second pass: rows over time, and the distribution of each column.

use evidence::{
    Distinct, Distribution, GROUP_PEOPLE_MIN, Histogram, Measure, OverTime, Values, Zone,
};

use super::cells::Cell;
use super::columns::{Column, Reading};
use super::first_pass::{Bounds, Read, RowTime};
use super::statements::{self, Counted};
use super::steps::{self, Steps};
use crate::fault::Fault;

/// Different texts that are told one by one.
const VALUES_MAX: u64 = 12;

/// What is counted of a column.
#[derive(Debug, Clone)]
enum Counts {
    Steps(Histogram),
    Values(Vec<(String, u64)>),
}

/// Rows over time, if there is a `time`, and the distribution of each column.
///
/// # Errors
/// Those of the statement.
pub(super) async fn counted(
    read: &Read<'_>,
    zone: Zone,
    time: Option<&RowTime<'_>>,
) -> Result<(Option<OverTime>, Vec<Distribution>), Fault> {
    let (mut asked, mut counts) = (Vec::new(), Vec::new());
    if let Some(time) = time {
        let steps = Steps::of_time(time.sql.measure, time.ends.0, time.ends.1);
        asked.push(Counted::Steps(time.sql.column, steps));
        counts.push(Counts::Steps(steps.histogram()));
    }
    let mut places = Vec::new();
    for (column, bounds) in read.known() {
        let found = to_count(read, column, bounds);
        places.push(found.is_some().then_some(counts.len()));
        if let Some((what, none_yet)) = found {
            asked.push(what);
            counts.push(none_yet);
        }
    }
    if !asked.is_empty() {
        let sql = statements::counts(&read.table, &asked);
        for row in read.asking.rows(&sql).await? {
            take(&mut counts, &row);
        }
    }
    let columns = read.known().zip(places).map(|((column, bounds), place)| {
        let counts = place.and_then(|place| counts.get(place).cloned());
        Distribution {
            column: column.name.clone(),
            kind: column.kind.clone(),
            comment: column.comment.clone(),
            values: values(read, zone, column, bounds, counts),
        }
    });
    let columns = columns.collect();
    let over_time = time.zip(counts.into_iter().next());
    let over_time = over_time.and_then(|(time, counts)| match counts {
        Counts::Steps(histogram) => Some(OverTime {
            column: time.sql.column.name.clone(),
            histogram,
        }),
        Counts::Values(_) => None,
    });
    Ok((over_time, columns))
}

fn to_count<'c>(
    read: &Read<'_>,
    column: &'c Column,
    bounds: Bounds,
) -> Option<(Counted<'c>, Counts)> {
    match bounds {
        Bounds::Numbers {
            measure,
            ends: Some((least, greatest)),
            is_whole,
            ..
        } => {
            let steps = Steps::of_distribution(measure, least, greatest, is_whole);
            let none_yet = Counts::Steps(steps.histogram());
            Some((Counted::Steps(column, steps), none_yet))
        }
        Bounds::Texts { different, .. } if are_told(read, column, different) => {
            Some((Counted::Values(column), Counts::Values(Vec::new())))
        }
        _ => None,
    }
}

/// Whether the values of a text are told one by one. Pseudonyms and tokens stand for people,
/// and are not.
fn are_told(read: &Read<'_>, column: &Column, different: u64) -> bool {
    let is_text = matches!(column.reading, Reading::Text | Reading::Truth);
    is_text && (1..=VALUES_MAX).contains(&different) && !read.meant.parties.contains(&column.name)
}

/// Adds a row of [`statements::counts`].
fn take(counts: &mut [Counts], row: &[Cell]) {
    let Some((rows, told)) = row.split_last() else {
        return;
    };
    let told = told.iter().zip(counts);
    for (cell, counts) in told {
        match (cell, counts) {
            (Cell::Number(Some(step)), Counts::Steps(histogram)) => {
                steps::add(histogram, *step as i64, rows.count());
            }
            (Cell::Text(Some(text)), Counts::Values(values)) => {
                values.push((text.clone(), rows.count()));
            }
            _ => {}
        }
    }
}

fn values(
    read: &Read<'_>,
    zone: Zone,
    column: &Column,
    bounds: Bounds,
    counts: Option<Counts>,
) -> Values {
    let (known, distinct) = match bounds {
        Bounds::Unread => (0, None),
        Bounds::Numbers { values, .. } => (values, None),
        Bounds::Texts { values, different } => (values, Some(different)),
    };
    let nulls = read.rows.saturating_sub(known);
    let distinct = distinct.map(|values| Distinct {
        values,
        is_exact: read.is_exact,
        nulls,
    });
    match (column.reading, counts) {
        (Reading::Personal, _) => Values::Personal(None),
        (Reading::PersonalText, _) => Values::Personal(distinct),
        (Reading::Opaque, _) => Values::Undrawn,
        (_, Some(Counts::Steps(histogram))) => Values::Histogram(histogram),
        (_, Some(Counts::Values(values))) => few(zone, values, nulls),
        (_, None) if known == 0 => Values::None,
        (_, None) => match bounds {
            Bounds::Numbers { measure, .. } => {
                Values::Histogram(nothing_drawn(measure, known, nulls))
            }
            _ => distinct.map_or(Values::Undrawn, Values::Many),
        },
    }
}

/// The values, the most frequent first. Of few rows they are only counted, except in system
/// tables, which are about runs.
fn few(zone: Zone, mut values: Vec<(String, u64)>, nulls: u64) -> Values {
    let rows_min = match zone {
        Zone::System => 0,
        _ => u64::try_from(GROUP_PEOPLE_MIN).unwrap_or_default(),
    };
    let all: u64 = values.iter().map(|(_, rows)| rows).sum();
    values.retain(|(_, rows)| *rows >= rows_min);
    values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let told: u64 = values.iter().map(|(_, rows)| rows).sum();
    Values::Few {
        values,
        others: all - told,
        nulls,
    }
}

/// Of values that are all NaN, infinite, or instants that no calendar of ours has.
fn nothing_drawn(measure: Measure, values: u64, nulls: u64) -> Histogram {
    let is_instant = measure == Measure::Instant;
    Histogram {
        measure,
        low: 0.0,
        step: 1.0,
        is_whole: false,
        least: 0.0,
        greatest: 0.0,
        counts: Vec::new(),
        nulls,
        not_finite: if is_instant { 0 } else { values },
        outside: if is_instant { values } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_rows_have_is_counted_and_not_told() {
        let values = || {
            vec![
                ("rare".to_owned(), 4),
                ("b".to_owned(), 5),
                ("a".to_owned(), 9),
            ]
        };
        for (zone, told, expected) in [
            (Zone::Curated, vec![("a", 9), ("b", 5)], 4),
            (Zone::System, vec![("a", 9), ("b", 5), ("rare", 4)], 0),
        ] {
            let Values::Few {
                values,
                others,
                nulls,
            } = few(zone, values(), 2)
            else {
                panic!("they are few");
            };
            let values: Vec<(&str, u64)> = values.iter().map(|(v, n)| (v.as_str(), *n)).collect();
            assert_eq!((values, others, nulls), (told, expected, 2));
        }
    }
}
