//! Statistics of a data file for the table's log: row count, and minimum, maximum
//! and null count of the columns that may have them.

use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde_json::{Map, Number, Value, json};

/// Delta's statistics of one file, from the footer that was written.
pub(super) fn delta_stats(columns: &[&str], metadata: &ParquetMetaData) -> Value {
    let (mut minimums, mut maximums, mut null_counts) = (Map::new(), Map::new(), Map::new());
    for &name in columns {
        let chunks = metadata.row_groups().iter().map(|group| {
            group
                .columns()
                .iter()
                .find(|chunk| chunk.column_path().string() == name)
                .and_then(|chunk| chunk.statistics())
        });
        // The file has bounds only if every row group has some.
        let Some(chunks) = chunks.collect::<Option<Vec<&Statistics>>>() else {
            continue;
        };
        let null_count: Option<u64> = chunks.iter().map(|chunk| chunk.null_count_opt()).sum();
        if let Some(count) = null_count {
            null_counts.insert(name.to_owned(), json!(count));
        }
        if let Some((low, high)) = bounds(&chunks) {
            minimums.insert(name.to_owned(), low);
            maximums.insert(name.to_owned(), high);
        }
    }
    json!({
        "numRecords": metadata.file_metadata().num_rows(),
        "minValues": minimums,
        "maxValues": maximums,
        "nullCount": null_counts,
    })
}

fn bounds(chunks: &[&Statistics]) -> Option<(Value, Value)> {
    fn range<T: PartialOrd + Copy>(pairs: impl Iterator<Item = Option<(T, T)>>) -> Option<(T, T)> {
        pairs
            // A chunk with only nulls has no bounds.
            .flatten()
            .reduce(|(low, high), (l, h)| {
                (
                    if l < low { l } else { low },
                    if h > high { h } else { high },
                )
            })
    }
    macro_rules! of {
        ($variant:ident, $to:expr) => {
            range(chunks.iter().map(|chunk| match chunk {
                Statistics::$variant(s) => Some((*s.min_opt()?, *s.max_opt()?)),
                _ => None,
            }))
            .and_then(|(low, high)| Some(($to(low)?, $to(high)?)))
        };
    }
    let float = |value: f64| Number::from_f64(value).map(Value::Number);
    match chunks.first()? {
        Statistics::Int32(_) => of!(Int32, |v: i32| Some(json!(v))),
        Statistics::Int64(_) => of!(Int64, |v: i64| Some(json!(v))),
        Statistics::Float(_) => of!(Float, |v: f32| float(f64::from(v))),
        Statistics::Double(_) => of!(Double, float),
        _ => None,
    }
}
