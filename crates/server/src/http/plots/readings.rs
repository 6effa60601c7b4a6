//! The third pass and the fourth: readings of each person or device, and numbers over time.

use evidence::{Measure, PerParty, Point, Ranked, Readings, Series, Spread};

use super::cells::Cell;
use super::columns::{Column, Reading};
use super::first_pass::{Bounds, Read, RowTime};
use super::statements;
use super::steps::{self, Steps};
use crate::fault::Fault;

/// Columns of numbers that are drawn over time.
const SERIES_MAX: usize = 8;

/// The person or device whose readings are drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chosen {
    ranked: Ranked,
    rows: u64,
    /// The first and the last time that is drawn.
    ends: Option<(f64, f64)>,
}

/// How many readings each has whom the column `party` names, and the one at `rank`, or the
/// last one. `None` if nobody is named.
///
/// # Errors
/// Those of the statement.
pub(super) async fn per_party(
    read: &Read<'_>,
    party: &str,
    time: Option<&RowTime<'_>>,
    rank: u64,
) -> Result<Option<(PerParty, Chosen)>, Fault> {
    let time = time.map(|time| &time.sql);
    let sql = statements::per_party(&read.table, party, time, rank);
    let counts = read.asking.rows(&sql).await?;
    // Readings and parties, by ascending readings.
    let number = |row: &[Cell], place: usize| row.get(place).map_or(0, Cell::count);
    let counted: Vec<(u64, u64)> = counts
        .iter()
        .map(|row| (number(row, 0), number(row, 1)))
        .collect();
    let (Some((least, _)), Some((greatest, _))) = (counted.first(), counted.last()) else {
        return Ok(None);
    };
    let parties: u64 = counted.iter().map(|(_, parties)| parties).sum();
    let named: u64 = counted
        .iter()
        .map(|(readings, parties)| readings * parties)
        .sum();
    let steps = Steps::of_distribution(Measure::Number, *least as f64, *greatest as f64, true);
    let mut histogram = steps.histogram();
    for (readings, parties) in &counted {
        steps::add(&mut histogram, steps.of_value(*readings as f64), *parties);
    }
    let chosen = counts.iter().find(|row| number(row, 2) == 1);
    let chosen = chosen.map_or(&[] as &[Cell], Vec::as_slice);
    let end = |place: usize| chosen.get(place).and_then(Cell::number);
    let chosen = Chosen {
        ranked: Ranked {
            column: party.to_owned(),
            rank: rank.clamp(1, parties),
            of: parties,
        },
        rows: number(chosen, 0),
        ends: end(3).zip(end(4)),
    };
    let per_party = PerParty {
        column: party.to_owned(),
        parties,
        unnamed: read.rows.saturating_sub(named),
        median: median(&counted, parties),
        histogram,
    };
    Ok(Some((per_party, chosen)))
}

/// The readings of the one in the middle, of readings and how many have them, ascending.
fn median(counted: &[(u64, u64)], parties: u64) -> u64 {
    let mut before = 0;
    let middle = counted.iter().find(|(_, parties_of)| {
        before += parties_of;
        before * 2 >= parties
    });
    middle.map_or(0, |(readings, _)| *readings)
}

/// The numbers of whom `chosen` says, or of all rows, over time. `None` for a table without
/// numbers to draw.
///
/// # Errors
/// Those of the statement.
pub(super) async fn over_time(
    read: &Read<'_>,
    time: &RowTime<'_>,
    chosen: Option<Chosen>,
) -> Result<Option<Readings>, Fault> {
    let all = series(read, time);
    let series_more = all.len().saturating_sub(SERIES_MAX) as u64;
    let drawn: Vec<&Column> = all.into_iter().take(SERIES_MAX).collect();
    if drawn.is_empty() {
        return Ok(None);
    }
    let (rows, ends) = match &chosen {
        Some(chosen) => (chosen.rows, chosen.ends),
        None => (read.rows, Some(time.ends)),
    };
    let ranked = chosen.map(|chosen| chosen.ranked);
    let of = ranked.as_ref().map(|of| (of.column.as_str(), of.rank));
    let told = match ends {
        None => Vec::new(),
        Some(ends) => {
            let sql = statements::readings(&read.table, &time.sql, ends, of, &drawn);
            read.asking.rows(&sql).await?
        }
    };
    let points: Vec<Point> = told.iter().map(|row| point(row, drawn.len())).collect();
    let dated: u64 = points.iter().map(|point| point.rows).sum();
    let series = drawn.iter().map(|column| Series {
        column: column.name.clone(),
        source: column.source.clone(),
    });
    Ok(Some(Readings {
        time: time.sql.column.name.clone(),
        measure: time.sql.measure,
        rows,
        undated: rows.saturating_sub(dated),
        series: series.collect(),
        points,
        series_more,
        of: ranked,
    }))
}

/// Numbers that are neither times nor names.
fn series<'r>(read: &'r Read<'_>, time: &RowTime<'_>) -> Vec<&'r Column> {
    let is_named = |column: &Column| {
        let meant = &read.meant;
        column.name == time.sql.column.name
            || meant.times.contains(&column.name)
            || meant.parties.contains(&column.name)
    };
    let numbers = read.known().filter(|(column, bounds)| {
        let is_number = matches!(
            bounds,
            Bounds::Numbers {
                measure: Measure::Number,
                ends: Some(_),
                ..
            }
        );
        is_number && column.reading == Reading::Number && !is_named(column)
    });
    numbers.map(|(column, _)| column).collect()
}

/// A row of [`statements::readings`].
fn point(row: &[Cell], series: usize) -> Point {
    let number = |place: usize| row.get(place).and_then(Cell::number);
    let spread = |series: usize| {
        let at = 4 + 3 * series;
        let (least, greatest) = number(at).zip(number(at + 2))?;
        // The sum of large numbers may be none.
        let mean = number(at + 1).filter(|mean| mean.is_finite());
        Some(Spread {
            least,
            mean: mean.unwrap_or(least / 2.0 + greatest / 2.0),
            greatest,
        })
    };
    let (first, last) = (number(2).unwrap_or_default(), number(3).unwrap_or_default());
    Point {
        at: first / 2.0 + last / 2.0,
        rows: row.get(1).map_or(0, Cell::count),
        values: (0..series).map(spread).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_parties() {
        for (counted, expected) in [
            (vec![(30, 956)], 30),
            (vec![(1, 1), (75, 1), (90, 2)], 75),
            (vec![(1, 2), (90, 1)], 1),
            (vec![(1, 1), (2, 1), (90, 1)], 2),
            (vec![], 0),
        ] {
            let parties = counted.iter().map(|(_, parties)| parties).sum();
            assert_eq!(median(&counted, parties), expected, "{counted:?}");
        }
    }
}
