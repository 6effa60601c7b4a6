//! The chart of a result: its columns as series.

use std::collections::{HashMap, HashSet};

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use pages::console::{Across, Chart, ChartForm, ChartKind, ChartSeries};

use super::figures;
use super::stored::Stored;

/// Rows that a chart is drawn from.
const ROWS: u64 = 5_000;

/// Bytes of these rows.
const BYTES: usize = 32 << 20;

/// Series that are drawn; more could not be told apart.
const SERIES_MAX: usize = 8;

/// Characters of a name.
const NAME_CHARS: usize = 200;

/// Epoch milliseconds that are taken for times in a column that is called so: 1990 to 2100.
const TIMES: std::ops::Range<f64> = 631e9..4_102e9;

/// The chart that a form asks for; `None` if it names no columns that can be drawn.
pub(super) fn chart(result: &Stored, asked: &ChartForm) -> Result<Option<Chart>, ArrowError> {
    let schema = result.schema();
    let Some(x) = asked.x.as_ref().and_then(|x| schema.index_of(x).ok()) else {
        return Ok(None);
    };
    let ys = asked.y.iter().filter_map(|y| schema.index_of(y).ok());
    let is_number = |y: &usize| schema.field(*y).data_type().is_numeric();
    let ys: Vec<usize> = ys.filter(is_number).collect();
    let by = asked.by.as_ref().and_then(|by| schema.index_of(by).ok());
    if ys.is_empty() {
        return Ok(None);
    }
    let batches = result.page(0, ROWS, BYTES)?;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let (places, mut across) = match asked.kind {
        ChartKind::Bar => (Vec::new(), Across::Names(Vec::new())),
        _ => places(&batches, schema, x)?,
    };
    let groups = match by {
        Some(by) => texts(&batches, by)?,
        None => Vec::new(),
    };
    let mut drawing = Drawing::default();
    let names = match &across {
        Across::Names(_) => texts(&batches, x)?,
        _ => Vec::new(),
    };
    for y in &ys {
        let column = schema.field(*y).name();
        let heights = heights(&batches, *y)?;
        for (row, height) in heights.into_iter().enumerate() {
            let name = match groups.get(row) {
                Some(group) if ys.len() > 1 => format!("{column}, {group}"),
                Some(group) => group.clone(),
                None => column.clone(),
            };
            let Some(series) = drawing.series_of(name) else {
                continue;
            };
            let place = match names.get(row) {
                Some(name) => Some(drawing.place_of(series, name) as f64),
                None => places[row].filter(|place| place.is_finite()),
            };
            let height = height.filter(|height| height.is_finite());
            drawing.all[series]
                .points
                .extend(place.map(|place| (place, height)));
        }
    }
    if let Across::Names(names) = &mut across {
        *names = drawing.names;
    }
    let kind = drawn_as(asked.kind, &across, &drawing.all);
    let mut series = drawing.all;
    if kind == ChartKind::Line {
        for of in &mut series {
            of.points
                .sort_by(|(one, _), (other, _)| one.total_cmp(other));
        }
    }
    Ok(Some(Chart {
        kind,
        label: label(schema, x, &ys, by),
        across,
        series,
        series_left_out: drawing.left_out.len(),
        rows: rows as u64,
        rows_total: result.rows(),
    }))
}

/// The series of a chart, while its rows are read.
#[derive(Default)]
struct Drawing {
    all: Vec<ChartSeries>,
    known: HashMap<String, usize>,
    left_out: HashSet<String>,
    names: Vec<String>,
    /// The place of each name, by how often its series had the name before.
    places: HashMap<(String, usize), usize>,
    /// How often each series had each name.
    had: HashMap<(usize, String), usize>,
}

impl Drawing {
    /// The number of the series of that name; `None` if there are too many.
    fn series_of(&mut self, name: String) -> Option<usize> {
        if let Some(known) = self.known.get(&name) {
            return Some(*known);
        }
        if self.all.len() == SERIES_MAX {
            self.left_out.insert(name);
            return None;
        }
        self.all.push(ChartSeries {
            name: name.clone(),
            points: Vec::new(),
        });
        self.known.insert(name, self.all.len() - 1);
        Some(self.all.len() - 1)
    }

    /// The place of a name along the bottom. A name that a series has again gets another
    /// place: no bar hides another.
    fn place_of(&mut self, series: usize, name: &str) -> usize {
        let had = self.had.entry((series, name.to_owned())).or_default();
        let key = (name.to_owned(), *had);
        *had += 1;
        let names = &mut self.names;
        *self.places.entry(key).or_insert_with(|| {
            names.push(name.to_owned());
            names.len() - 1
        })
    }
}

/// How a chart is drawn whose form leaves it open. Names are always drawn as bars; points
/// that stand above each other are no line.
fn drawn_as(asked: ChartKind, across: &Across, series: &[ChartSeries]) -> ChartKind {
    let is_line = || {
        series.iter().all(|of| {
            let mut seen = HashSet::new();
            of.points.iter().all(|(x, _)| seen.insert(x.to_bits()))
        })
    };
    match (across, asked) {
        (Across::Names(_), _) => ChartKind::Bar,
        (_, ChartKind::Auto) if is_line() => ChartKind::Line,
        (_, ChartKind::Auto) => ChartKind::Scatter,
        (_, asked) => asked,
    }
}

fn label(schema: &SchemaRef, x: usize, ys: &[usize], by: Option<usize>) -> String {
    let name = |at: usize| schema.field(at).name().as_str();
    let ys: Vec<&str> = ys.iter().map(|y| name(*y)).collect();
    let by = by.map(|by| format!(", a series for each {}", name(by)));
    format!("{} by {}{}", ys.join(", "), name(x), by.unwrap_or_default())
}

/// Where the rows stand along the bottom, and what that is.
fn places(
    batches: &[RecordBatch],
    schema: &SchemaRef,
    x: usize,
) -> Result<(Vec<Option<f64>>, Across), ArrowError> {
    let field = schema.field(x);
    let kind = field.data_type();
    if kind.is_temporal() && !matches!(kind, DataType::Duration(_) | DataType::Interval(_)) {
        let mut places = Vec::new();
        for batch in batches {
            let instants = instants(batch.column(x))?;
            let instants = instants.as_primitive::<Int64Type>().iter();
            places.extend(instants.map(|at| at.map(|at| at as f64)));
        }
        return Ok((places, Across::Times));
    }
    if !kind.is_numeric() {
        return Ok((Vec::new(), Across::Names(Vec::new())));
    }
    let places = heights(batches, x)?;
    let mut known = places.iter().flatten().peekable();
    let are_times = kind.is_integer()
        && is_called_time(field.name())
        && known.peek().is_some()
        && known.all(|at| TIMES.contains(at));
    match are_times {
        true => Ok((places, Across::Times)),
        false => Ok((places, Across::Numbers)),
    }
}

/// Whether a column of numbers is called as times are.
fn is_called_time(name: &str) -> bool {
    let name = name.to_lowercase();
    ["time", "date"].iter().any(|word| name.contains(word))
        || ["_at", "_ms", "_ts"].iter().any(|end| name.ends_with(end))
        || ["at", "ms", "ts"].contains(&name.as_str())
}

/// A column as numbers.
fn heights(batches: &[RecordBatch], column: usize) -> Result<Vec<Option<f64>>, ArrowError> {
    let mut heights = Vec::new();
    for batch in batches {
        let column = cast(batch.column(column), &DataType::Float64)?;
        heights.extend(column.as_primitive::<Float64Type>().iter());
    }
    Ok(heights)
}

/// A column as texts.
fn texts(batches: &[RecordBatch], column: usize) -> Result<Vec<String>, ArrowError> {
    let columns = batches.iter().map(|batch| batch.project(&[column]));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let rows = figures::texts(&columns, NAME_CHARS)?;
    let cell = |mut row: Vec<Option<String>>| row.pop().flatten();
    Ok(rows
        .into_iter()
        .map(|row| cell(row).unwrap_or_else(|| "null".to_owned()))
        .collect())
}

/// Times as epoch milliseconds.
fn instants(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let instants = cast(column, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
    cast(&instants, &DataType::Int64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray, TimestampMillisecondArray};

    use super::*;
    use crate::http::stored::Storing;

    /// Three devices, each with a reading for two instants; the second of `b` is null, that
    /// of `c` is NaN.
    fn result() -> Stored {
        let at: Vec<i64> = vec![1_655_000_001_000, 1_655_000_000_000];
        let times: Vec<i64> = [&at[..], &at, &at].concat();
        let columns: Vec<(&str, ArrayRef)> = vec![
            (
                "t",
                Arc::new(TimestampMillisecondArray::from(times.clone())),
            ),
            ("timestamp", Arc::new(Int64Array::from(times))),
            (
                "device",
                Arc::new(StringArray::from(vec!["a", "a", "b", "b", "c", "c"])),
            ),
            (
                "x",
                Arc::new(Float64Array::from(vec![
                    Some(1.0),
                    Some(2.0),
                    Some(3.0),
                    None,
                    Some(f64::NAN),
                    Some(6.0),
                ])),
            ),
            ("n", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5, 6]))),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns
                .into_iter()
                .map(|(name, column)| (name, column, true)),
        )
        .unwrap();
        let mut storing = Storing::begin(batch.schema()).unwrap();
        storing.add(&batch).unwrap();
        storing.end().unwrap()
    }

    fn asked(x: &str, y: &[&str], by: &str, kind: ChartKind) -> ChartForm {
        ChartForm {
            kind,
            x: Some(x.to_owned()),
            y: y.iter().map(ToString::to_string).collect(),
            by: Some(by.to_owned()),
        }
    }

    /// Kind, what lies along the bottom, and each series with its heights in their order.
    fn drawn(form: &ChartForm) -> String {
        let Some(chart) = chart(&result(), form).unwrap() else {
            return "nothing".to_owned();
        };
        let across = match chart.across {
            Across::Numbers => "numbers".to_owned(),
            Across::Times => "times".to_owned(),
            Across::Names(names) => names.join(","),
        };
        let series = chart.series.iter().map(|of| {
            let heights = of.points.iter().map(|(_, height)| match height {
                Some(height) => height.to_string(),
                None => "-".to_owned(),
            });
            format!("{}={}", of.name, heights.collect::<Vec<_>>().join(","))
        });
        let series: Vec<String> = series.collect();
        format!("{} {across}: {}", chart.kind.as_str(), series.join(" "))
    }

    #[test]
    fn columns_and_values_become_series() {
        use ChartKind::{Auto, Bar, Line, Scatter};
        for (x, y, by, kind, expected) in [
            (
                "t",
                &["x"][..],
                "device",
                Auto,
                "line times: a=2,1 b=-,3 c=6,-",
            ),
            (
                "timestamp",
                &["n"],
                "device",
                Auto,
                "line times: a=2,1 b=4,3 c=6,5",
            ),
            ("t", &["n"], "", Auto, "scatter times: n=1,2,3,4,5,6"),
            ("t", &["n"], "", Line, "line times: n=2,4,6,1,3,5"),
            (
                "n",
                &["x", "n"],
                "",
                Auto,
                "line numbers: x=1,2,3,-,-,6 n=1,2,3,4,5,6",
            ),
            ("n", &["x"], "", Scatter, "scatter numbers: x=1,2,3,-,-,6"),
            ("device", &["n"], "", Auto, "bar a,a,b,b,c,c: n=1,2,3,4,5,6"),
            (
                "device",
                &["n"],
                "t",
                Line,
                "bar a,b,c: 2022-06-12T02:13:21=1,3,5 2022-06-12T02:13:20=2,4,6",
            ),
            (
                "n",
                &["x"],
                "device",
                Bar,
                "bar 1,2,3,4,5,6: a=1,2 b=3,- c=-,6",
            ),
            (
                "t",
                &["n", "x"],
                "device",
                Auto,
                "line times: n, a=2,1 n, b=4,3 n, c=6,5 x, a=2,1 x, b=-,3 x, c=6,-",
            ),
            ("device", &["device"], "", Auto, "nothing"),
            ("nothing", &["n"], "", Auto, "nothing"),
            ("t", &["nothing"], "", Auto, "nothing"),
            ("t", &[], "", Auto, "nothing"),
        ] {
            assert_eq!(drawn(&asked(x, y, by, kind)), expected, "{x} {y:?} {by}");
        }
    }

    #[test]
    fn more_series_than_can_be_told_apart_are_left_out() {
        let numbers: Vec<i64> = (0..30).collect();
        let batch = RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from(numbers.clone())) as ArrayRef),
            ("by", Arc::new(Int64Array::from(numbers)) as ArrayRef),
        ])
        .unwrap();
        let mut storing = Storing::begin(batch.schema()).unwrap();
        storing.add(&batch).unwrap();
        let form = asked("n", &["n"], "by", ChartKind::Auto);
        let drawn = chart(&storing.end().unwrap(), &form).unwrap().unwrap();
        assert_eq!((drawn.series.len(), drawn.series_left_out), (8, 22));
    }

    #[test]
    fn numbers_are_times_where_they_are_called_so() {
        for (name, expected) in [
            ("timestamp", true),
            ("sensorReadingTime", true),
            ("registrationdate", true),
            ("started_at", true),
            ("elapsed_ms", true),
            ("count", false),
            ("format", false),
            ("items", false),
        ] {
            assert_eq!(is_called_time(name), expected, "{name}");
        }
    }
}
