//! The first pass over a table: the ends of each column, from which everything else follows.

use engine::PlotColumns;
use evidence::{Measure, TablePage};
use pages::console::sql_name;

use super::cells::{Asking, Cell};
use super::columns::{COLUMNS_MAX, Column, Reading};
use super::statements::{self, BOUNDS_FIRST, BOUNDS_OF_NUMBERS, BOUNDS_OF_TEXTS, Time};
use crate::fault::Fault;

/// Rows of which different texts are counted; of more they are estimated.
const COUNTED_ROWS_MAX: u64 = 1_000_000;

/// A table, and what the first pass told of it.
pub(super) struct Read<'a> {
    pub(super) asking: Asking<'a>,
    /// The table at one version, in SQL.
    pub(super) table: String,
    pub(super) columns: Vec<Column>,
    /// Columns beyond those.
    pub(super) columns_more: usize,
    pub(super) meant: PlotColumns,
    /// Whether different texts were counted.
    pub(super) is_exact: bool,
    pub(super) rows: u64,
    /// Of each of `columns`.
    pub(super) bounds: Vec<Bounds>,
}

/// What the first pass tells of a column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bounds {
    Unread,
    Numbers {
        values: u64,
        measure: Measure,
        /// The ends of what is drawn.
        ends: Option<(f64, f64)>,
        is_whole: bool,
    },
    Texts {
        values: u64,
        different: u64,
    },
}

/// The time of each row.
pub(super) struct RowTime<'a> {
    pub(super) sql: Time<'a>,
    /// The first and the last that is drawn.
    pub(super) ends: (f64, f64),
}

impl<'a> Read<'a> {
    /// # Errors
    /// If the table cannot be read.
    pub(super) async fn first(
        asking: Asking<'a>,
        page: &TablePage,
        mut columns: Vec<Column>,
        meant: PlotColumns,
    ) -> Result<Self, Fault> {
        let figures = &page.figures;
        let name = sql_name(figures.zone, &figures.table);
        let columns_more = columns.len().saturating_sub(COLUMNS_MAX);
        columns.truncate(COLUMNS_MAX);
        let mut read = Self {
            asking,
            table: match figures.version {
                Some(version) => format!("{name} version as of {version}"),
                None => name,
            },
            columns,
            columns_more,
            meant,
            is_exact: figures.rows.is_some_and(|rows| rows <= COUNTED_ROWS_MAX),
            rows: 0,
            bounds: Vec::new(),
        };
        let columns = read.columns.iter().filter(|column| column.is_read());
        let columns: Vec<&Column> = columns.collect();
        let sql = statements::bounds(&read.table, &columns, read.is_exact);
        let found = read.asking.rows(&sql).await?;
        let told = found.into_iter().next().unwrap_or_default();
        read.rows = told.first().map_or(0, Cell::count);
        read.bounds = read.bounds_of(told.get(BOUNDS_FIRST..).unwrap_or_default());
        Ok(read)
    }

    fn bounds_of(&self, mut told: &[Cell]) -> Vec<Bounds> {
        let bounds = self.columns.iter().map(|column| {
            let width = match column.is_numbers() {
                _ if !column.is_read() => return Bounds::Unread,
                true => BOUNDS_OF_NUMBERS,
                false => BOUNDS_OF_TEXTS,
            };
            let (own, others) = told.split_at_checked(width).unwrap_or_default();
            told = others;
            match own {
                [values, different] => Bounds::Texts {
                    values: values.count(),
                    different: different.count(),
                },
                own => self.bounds_of_numbers(column, own),
            }
        });
        bounds.collect()
    }

    fn bounds_of_numbers(&self, column: &Column, told: &[Cell]) -> Bounds {
        let [
            values,
            finite,
            least,
            greatest,
            fractions,
            instants,
            first,
            last,
        ] = told
        else {
            return Bounds::Unread;
        };
        let is_time = self.meant.times.contains(&column.name);
        // Zeros and faults among instants do not make numbers of them.
        let are_instants = instants.count() * 2 >= finite.count().max(1);
        let measure = match () {
            () if column.reading == Reading::Instant || are_instants => Measure::Instant,
            () if is_time => Measure::Elapsed,
            () => Measure::Number,
        };
        let ends = match measure {
            Measure::Instant => first.number().zip(last.number()),
            _ => least.number().zip(greatest.number()),
        };
        Bounds::Numbers {
            values: values.count(),
            measure,
            ends,
            is_whole: fractions.count() == 0,
        }
    }

    /// The columns with what is known of them.
    pub(super) fn known(&self) -> impl Iterator<Item = (&Column, Bounds)> {
        self.columns.iter().zip(self.bounds.iter().copied())
    }

    /// The time of each row, if there is one that can be drawn.
    pub(super) fn time(&self) -> Option<RowTime<'_>> {
        let mut named = self.meant.times.iter().filter_map(|name| {
            let (column, bounds) = self.known().find(|(column, _)| column.name == *name)?;
            match bounds {
                Bounds::Numbers {
                    measure,
                    ends: Some(ends),
                    ..
                } => Some(RowTime {
                    sql: Time { column, measure },
                    ends,
                }),
                _ => None,
            }
        });
        named.next()
    }

    /// The columns that tell people or devices apart, and that the asker sees.
    pub(super) fn parties(&self) -> Vec<String> {
        let has_values = |name: &&String| {
            self.known().any(|(column, bounds)| {
                let values = match bounds {
                    Bounds::Numbers { values, .. } | Bounds::Texts { values, .. } => values,
                    Bounds::Unread => 0,
                };
                column.name == **name && values > 0
            })
        };
        let parties = self.meant.parties.iter().filter(has_values);
        parties.cloned().collect()
    }
}
