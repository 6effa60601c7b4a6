//! The statements that gather the figures, and what their columns are.
//!
//! Each reads the table a bounded number of times and gives few rows, however many the table
//! has: values are counted in steps, and times are put together in steps.

use evidence::Measure;
use query::sql::parse::quote;

use super::columns::Column;
use super::steps::{Steps, instant, number, within};

/// Steps of time that readings are put together in.
pub(super) const POINTS_MAX: u64 = 240;

/// Columns of [`bounds`] before those of the columns.
pub(super) const BOUNDS_FIRST: usize = 1;

/// Columns of [`bounds`] for a column of numbers: values, finite ones, least, greatest,
/// fractions; those that are instants, the first and the last of these.
pub(super) const BOUNDS_OF_NUMBERS: usize = 8;

/// Columns of [`bounds`] for a column of texts: values, different ones.
pub(super) const BOUNDS_OF_TEXTS: usize = 2;

/// One pass: rows, and the ends of each column that is read. Different texts are counted
/// (`is_exact`) or estimated.
pub(super) fn bounds(table: &str, columns: &[&Column], is_exact: bool) -> String {
    let mut told = vec!["count(*)".to_owned()];
    for (place, column) in columns.iter().enumerate() {
        let v = format!("v{place}");
        match column.is_numbers() {
            true => {
                let (finite, at) = (format!("is_finite({v})"), instant(&v));
                told.extend([
                    format!("count({v})"),
                    format!("count(*) filter (where {finite})"),
                    format!("min({v}) filter (where {finite})"),
                    format!("max({v}) filter (where {finite})"),
                    format!("count(*) filter (where {finite} and {v} <> floor({v}))"),
                    format!("count(*) filter (where {at})"),
                    format!("min({v}) filter (where {at})"),
                    format!("max({v}) filter (where {at})"),
                ]);
            }
            false => {
                let different = match is_exact {
                    true => format!("count(distinct {v})"),
                    false => format!("approx_distinct({v})"),
                };
                told.extend([format!("count({v})"), different]);
            }
        }
    }
    let values: Vec<String> = columns.iter().map(|column| column.sql()).collect();
    let told = named("a", &told);
    format!("select {told} from {}", values_of(table, &values))
}

/// What a column's values are counted by.
pub(super) enum Counted<'a> {
    /// Steps, of a column of numbers.
    Steps(&'a Column, Steps),
    /// Its few values.
    Values(&'a Column),
}

/// One pass: for each of `counted` its steps or values, with their rows. Row by row, the last
/// column counts rows, and the one before it that is not null tells what of.
pub(super) fn counts(table: &str, counted: &[Counted<'_>]) -> String {
    let values: Vec<String> = counted
        .iter()
        .map(|counted| match counted {
            Counted::Steps(column, _) | Counted::Values(column) => column.sql(),
        })
        .collect();
    let told: Vec<String> = counted
        .iter()
        .enumerate()
        .map(|(place, counted)| match counted {
            Counted::Steps(_, steps) => steps.sql(&format!("v{place}")),
            Counted::Values(_) => format!("v{place}"),
        })
        .collect();
    let places: Vec<String> = (0..told.len()).map(|place| format!("b{place}")).collect();
    let sets: Vec<String> = places.iter().map(|place| format!("({place})")).collect();
    format!(
        "select {}, count(*) as n from (select {} from {}) as told group by grouping sets ({})",
        places.join(", "),
        named("b", &told),
        values_of(table, &values),
        sets.join(", ")
    )
}

/// The time of a row, in SQL.
#[derive(Debug, Clone)]
pub(super) struct Time<'a> {
    pub(super) column: &'a Column,
    pub(super) measure: Measure,
}

impl Time<'_> {
    /// Null where the time is not drawn.
    fn sql(&self) -> String {
        let value = self.column.sql();
        let is_drawn = within(self.measure, &value);
        format!("case when is_finite({value}) and {is_drawn} then {value} end")
    }
}

/// How many people or devices have how many readings: readings, parties, whether the one at
/// `rank` is among them, its first and its last time. The different numbers of readings are
/// few: of them all, each has at least one reading more than the one before, so that there
/// are fewer than twice the root of the rows.
pub(super) fn per_party(table: &str, party: &str, time: Option<&Time<'_>>, rank: u64) -> String {
    let time = time.map_or("cast(null as double)".to_owned(), Time::sql);
    format!(
        "select n, count(*) as parties, max(if(place = least({rank}, total), 1, 0)) as chosen, \
         max(if(place = least({rank}, total), t0)) as t0, \
         max(if(place = least({rank}, total), t1)) as t1 \
         from (select n, t0, t1, row_number() over (order by n desc, p) as place, \
         count(*) over () as total \
         from (select p, count(*) as n, min(t) as t0, max(t) as t1 \
         from (select {} as p, {time} as t from {table}) as r \
         where p is not null group by p) as per) as ranked group by n order by n",
        quote(party)
    )
}

/// The numbers of all rows, or of those of the person or device at a rank, by steps of time
/// from `first` to `last`: step, rows, its first and its last time; for each of `series` its
/// least value, mean and greatest.
pub(super) fn readings(
    table: &str,
    time: &Time<'_>,
    (first, last): (f64, f64),
    of: Option<(&str, u64)>,
    series: &[&Column],
) -> String {
    // Whole milliseconds, so that few readings are not put together for a fraction.
    let width = ((last - first + 1.0) / POINTS_MAX as f64).ceil().max(1.0);
    let mut values = vec![time.sql()];
    values.extend(series.iter().map(|column| finite(&column.sql())));
    values.extend(of.map(|(party, _)| quote(party)));
    let mut told = vec![
        "count(*)".to_owned(),
        "min(v0)".to_owned(),
        "max(v0)".to_owned(),
    ];
    for place in 1..=series.len() {
        told.extend(["min", "avg", "max"].map(|function| format!("{function}(v{place})")));
    }
    let chosen = of.map(|(party, rank)| {
        let (party, place) = (quote(party), series.len() + 1);
        format!(
            " join (select p from (select {party} as p, count(*) as n from {table} \
             where {party} is not null group by {party}) as per \
             order by n desc, p limit 1 offset {}) as chosen on v{place} = p",
            rank - 1
        )
    });
    format!(
        "select cast(least(floor((v0 - {}) / {}), {}) as bigint) as step, {} \
         from {}{} where v0 is not null group by 1 order by 1",
        number(first),
        number(width),
        number((POINTS_MAX - 1) as f64),
        named("a", &told),
        values_of(table, &values),
        chosen.unwrap_or_default(),
    )
}

fn finite(value: &str) -> String {
    format!("case when is_finite({value}) then {value} end")
}

/// The table's rows with expressions named `v0`, `v1`, ...
fn values_of(table: &str, values: &[String]) -> String {
    match values.is_empty() {
        true => table.to_owned(),
        false => format!("(select {} from {table}) as valued", named("v", values)),
    }
}

fn named(letter: &str, values: &[String]) -> String {
    let values = values.iter().enumerate();
    let values: Vec<String> = values
        .map(|(place, value)| format!("{value} as {letter}{place}"))
        .collect();
    values.join(", ")
}
