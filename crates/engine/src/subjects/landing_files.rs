//! `system.landing_files`: the landing files that runs read, with the people or devices
//! in each.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryViewArray, RecordBatch};
use arrow::datatypes::Int64Type;
use catalog::{Party, Project};
use futures::TryStreamExt;

use crate::Error;
use query::Query;
use query::Session;
use query::landing::{FileIntake, Hashes, Likeness, SourceFile, TableIntake};
use query::system::{LANDING_FILES, long, text};

/// The column of a landing table that names the person or device of a row, and whether
/// it names people. Later runs find rows by it.
pub(crate) fn party<'a>(project: &'a Project, table: &str) -> Option<(&'a str, bool)> {
    let party = project.roles().party(table);
    party.map(|(party, column)| (column, party == Party::Subject))
}

/// A landing file that an earlier run read.
#[derive(Debug, Clone)]
pub(crate) struct KnownFile {
    pub(crate) table: String,
    pub(crate) name: String,
    bytes: i64,
    tag: String,
    /// The people or devices with rows in it, as sorted hashes; `None` if they were not
    /// noted.
    pub(crate) keys: Option<Vec<u64>>,
}

impl KnownFile {
    /// Compares it with the present file.
    pub(crate) fn compare(&self, file: &SourceFile) -> Likeness {
        match self.bytes == i64::try_from(file.bytes).unwrap_or(i64::MAX) {
            true => file.tag.compare(&self.tag),
            false => Likeness::Other,
        }
    }

    /// Whether it may hold rows of any of the people or devices with these hashes.
    pub(crate) fn may_hold(&self, wanted: &Hashes) -> bool {
        let Some(known) = &self.keys else {
            return true;
        };
        match known.len() < wanted.len() {
            true => known.iter().any(|hash| wanted.contains(hash)),
            false => wanted.iter().any(|hash| contains(known, *hash)),
        }
    }
}

/// Whether `known`, which is sorted, contains a hash. Hashes are evenly distributed, so
/// the search starts at the expected index.
fn contains(known: &[u64], hash: u64) -> bool {
    let expected = ((u128::from(hash) * known.len() as u128) >> 64) as usize;
    let (mut start, mut end, mut step) = (expected, expected, 8);
    while start > 0 && known[start - 1] >= hash {
        start = start.saturating_sub(step);
        step *= 2;
    }
    while end < known.len() && known[end] <= hash {
        end = (end + step).min(known.len());
        step *= 2;
    }
    known[start..end].binary_search(&hash).is_ok()
}

/// All files that earlier runs read.
pub(crate) async fn known(session: &Session) -> Result<Vec<KnownFile>, Error> {
    let query = session
        .query("select table_name, file, bytes, tag, who from system.landing_files")
        .await?;
    let batches: Vec<RecordBatch> = query.stream()?.try_collect().await.map_err(Query::failed)?;
    Ok(batches.iter().flat_map(known_in).collect())
}

/// The names of all files that earlier runs read, by landing table.
///
/// # Errors
/// [`Error::Query`] or [`Error::Lake`].
pub(crate) async fn names(session: &Session) -> Result<BTreeMap<String, HashSet<String>>, Error> {
    let query = session
        .query("select table_name, file from system.landing_files")
        .await?;
    let batches: Vec<RecordBatch> = query.stream()?.try_collect().await.map_err(Query::failed)?;
    let mut names: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    for batch in &batches {
        let (tables, files) = (
            batch.column(0).as_string_view(),
            batch.column(1).as_string_view(),
        );
        for row in 0..batch.num_rows() {
            let of_table = names.entry(tables.value(row).to_owned()).or_default();
            of_table.insert(files.value(row).to_owned());
        }
    }
    Ok(names)
}

/// The rows of each landing table, as runs read them.
///
/// # Errors
/// [`Error::Query`] or [`Error::Lake`].
pub(crate) async fn rows_by_table(session: &Session) -> Result<BTreeMap<String, u64>, Error> {
    let sql = "select table_name, sum(rows) from system.landing_files group by table_name";
    let stream = session.query(sql).await?.stream()?;
    let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(Query::failed)?;
    let rows = batches.iter().flat_map(|batch| {
        let names = batch.column(0).as_string_view();
        let rows = batch.column(1).as_primitive::<Int64Type>();
        (0..batch.num_rows())
            .map(|row| (names.value(row).to_owned(), rows.value(row).unsigned_abs()))
    });
    Ok(rows.collect())
}

fn known_in(batch: &RecordBatch) -> Vec<KnownFile> {
    let text =
        |column: usize, row: usize| batch.column(column).as_string_view().value(row).to_owned();
    let long =
        |column: usize, row: usize| batch.column(column).as_primitive::<Int64Type>().value(row);
    let keys = batch.column(4).as_binary_view();
    let hashes = |row: usize| {
        let words = keys.value(row).as_chunks::<8>().0.iter();
        keys.is_valid(row)
            .then(|| words.map(|word| u64::from_le_bytes(*word)).collect())
    };
    (0..batch.num_rows())
        .map(|row| KnownFile {
            table: text(0, row),
            name: text(1, row),
            bytes: long(2, row),
            tag: text(3, row),
            keys: hashes(row),
        })
        .collect()
}

/// The files read as rows of `system.landing_files`.
pub(crate) fn rows_of(intake: &BTreeMap<String, TableIntake>) -> RecordBatch {
    let files = || {
        let tables = intake.iter();
        tables.flat_map(|(table, read)| read.files.iter().map(move |file| (table, file)))
    };
    let counts = |count: fn(&FileIntake) -> u64| {
        long(files().map(move |(_, file)| i64::try_from(count(file)).ok()))
    };
    let keys: Vec<Option<Vec<u8>>> = files()
        .map(|(_, file)| {
            let hashes = file.who.as_ref()?;
            Some(hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect())
        })
        .collect();
    LANDING_FILES.batch(vec![
        text(files().map(|(table, _)| table.as_str())),
        text(files().map(|(_, file)| file.name.as_str())),
        counts(|file| file.bytes),
        text(files().map(|(_, file)| file.tag.as_str())),
        counts(|file| file.tally.objects),
        counts(|file| file.tally.rows + file.tally.filtered),
        counts(|file| file.tally.rejected_objects),
        counts(|file| file.tally.bytes_rows),
        counts(|file| file.tally.bytes_rejected),
        counts(|file| file.tally.bytes_separators),
        counts(|file| file.tally.unknown),
        Arc::new(
            keys.iter()
                .map(|keys| keys.as_deref())
                .collect::<BinaryViewArray>(),
        ),
    ])
}

/// Rows of `system.landing_files` with new tags for some files. `tags` is by table and
/// file name.
pub(crate) fn with_tags(
    batch: &RecordBatch,
    tags: &BTreeMap<(String, String), String>,
) -> RecordBatch {
    let texts = |column: usize| batch.column(column).as_string_view();
    let tag = (0..batch.num_rows()).map(|row| {
        let file = (
            texts(0).value(row).to_owned(),
            texts(1).value(row).to_owned(),
        );
        tags.get(&file)
            .map_or(texts(TAG).value(row), String::as_str)
    });
    let mut columns = batch.columns().to_vec();
    columns[TAG] = text(tag);
    LANDING_FILES.batch(columns)
}

/// The index of the tag column.
const TAG: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_found_however_they_are_distributed() {
        let even: Vec<u64> = (0..500).map(|i| i * (u64::MAX / 500)).collect();
        let low: Vec<u64> = (0..500).collect();
        let high: Vec<u64> = (0..500).map(|i| u64::MAX - 499 + i).collect();
        for known in [&even[..], &low, &high, &[7], &[0, u64::MAX], &[]] {
            let near = known.iter().flat_map(|hash| {
                let (below, above) = (hash.saturating_sub(1), hash.saturating_add(1));
                [below, *hash, above]
            });
            for hash in near.chain([0, 250, 1 << 63, u64::MAX]) {
                let is_there = known.contains(&hash);
                assert_eq!(contains(known, hash), is_there, "{hash} of {}", known.len());
            }
        }
    }
}
