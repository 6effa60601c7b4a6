//! Figures of one table that plots are drawn of, as one asker may see them.

use serde::Serialize;

use crate::Zone;

/// Whole numbers that are taken for instants: the years 2001 to 2099 in epoch milliseconds.
pub const INSTANTS: std::ops::RangeInclusive<i64> = 1_000_000_000_000..=4_100_000_000_000;

/// The figures that one table is drawn by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TablePlots {
    /// Where it stands.
    pub zone: Zone,
    /// Bare name.
    pub table: String,
    /// The version that was read; `None` for landing files.
    pub version: Option<i64>,
    /// All rows.
    pub rows: u64,
    /// How many rows there are at which time; `None` for a table without times.
    pub over_time: Option<Figure<OverTime>>,
    /// The columns that name people or devices, by which readings can be told apart.
    pub parties: Vec<String>,
    /// How many readings each person or device has.
    pub per_party: Option<Figure<PerParty>>,
    /// The numbers of one person or device, or of all rows, over time.
    pub readings: Option<Figure<Readings>>,
    /// The distribution of each column, in order.
    pub distributions: Figure<Vec<Distribution>>,
    /// Columns beyond those, which are too many.
    pub columns_more: u64,
}

/// Figures that were gathered, or why not. Each is gathered by itself, and fails by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Figure<T> {
    /// They are there.
    Ready(T),
    /// They are not.
    Failed {
        /// What happened.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

/// What the values of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Plain numbers.
    Number,
    /// Instants, epoch milliseconds.
    Instant,
    /// Milliseconds since something else.
    Elapsed,
}

/// Rows by the time of each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OverTime {
    /// The column of times.
    pub column: String,
    /// Rows in steps of time.
    pub histogram: Histogram,
}

/// Values counted in steps of equal width.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// What the values are.
    pub measure: Measure,
    /// Where the first step begins.
    pub low: f64,
    /// The width of a step.
    pub step: f64,
    /// Whether all values are whole numbers: a step of width 1 then holds one value.
    pub is_whole: bool,
    /// The least value that is counted in a step.
    pub least: f64,
    /// The greatest one.
    pub greatest: f64,
    /// Values in each step, its lower end included.
    pub counts: Vec<u64>,
    /// Rows without a value.
    pub nulls: u64,
    /// NaN and infinities, which lie in no step.
    pub not_finite: u64,
    /// Instants before 2001 or after 2099, which lie in no step: zeros, other units, faults.
    pub outside: u64,
}

/// How many readings the people or devices have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerParty {
    /// The column that names them.
    pub column: String,
    /// How many there are.
    pub parties: u64,
    /// Rows that name none.
    pub unnamed: u64,
    /// The readings of the one in the middle, by readings.
    pub median: u64,
    /// People or devices by their number of readings.
    pub histogram: Histogram,
}

/// Numbers over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Readings {
    /// Whose; `None` for all rows together.
    pub of: Option<Ranked>,
    /// The column of times.
    pub time: String,
    /// What the times are.
    pub measure: Measure,
    /// All rows of `of`.
    pub rows: u64,
    /// Rows of these that have no time, or one that is not drawn.
    pub undated: u64,
    /// The columns of numbers.
    pub series: Vec<Series>,
    /// Steps of time that have rows, in order.
    pub points: Vec<Point>,
    /// Columns of numbers beyond those, which are too many.
    pub series_more: u64,
}

/// A person or device by rank: no name, serial number or token leaves the lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ranked {
    /// The column that names them.
    pub column: String,
    /// From 1, those with most readings first.
    pub rank: u64,
    /// How many there are.
    pub of: u64,
}

/// A column of numbers over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Series {
    /// The column.
    pub column: String,
    /// The landing table that its values come from, where the asker may know it.
    pub source: Option<String>,
}

/// The rows of a step of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The middle of the times in it.
    pub at: f64,
    /// How many rows.
    pub rows: u64,
    /// For each of [`Readings::series`], its finite values; `None` if there are none.
    pub values: Vec<Option<Spread>>,
}

/// Some numbers in short.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The mean.
    pub mean: f64,
    /// The greatest.
    pub greatest: f64,
}

/// How the values of a column are distributed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    /// The column.
    pub column: String,
    /// SQL's name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The comment of its definition.
    pub comment: Option<String>,
    /// Its values.
    pub values: Values,
}

/// The values of a column, as far as they may be shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Personal values are not drawn; of texts it is told how many different ones there are.
    Personal(Option<Distinct>),
    /// Every row is null, or there is no row.
    None,
    /// Numbers and instants.
    Histogram(Histogram),
    /// A few values, the most frequent first.
    Few {
        /// Each value, and its rows.
        values: Vec<(String, u64)>,
        /// Rows of rarer values, which are not told.
        others: u64,
        /// Rows without a value.
        nulls: u64,
    },
    /// Many texts, which are not told.
    Many(Distinct),
    /// Nested values and bytes.
    Undrawn,
}

/// How many different values there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Distinct {
    /// How many.
    pub values: u64,
    /// Whether they were counted; else it is an estimate.
    pub is_exact: bool,
    /// Rows without a value.
    pub nulls: u64,
}

impl Histogram {
    /// The two ends of a step.
    pub fn ends(&self, step: usize) -> (f64, f64) {
        let low = self.low + self.step * step as f64;
        (low, low + self.step)
    }

    /// Where the last step ends.
    pub fn high(&self) -> f64 {
        self.low + self.step * self.counts.len() as f64
    }
}
