//! Removes duplicate rows of a table whose contract says `duplicates = "drop"`.
//!
//! All rows are written first, and only 6 bytes of each row's hash are kept. When
//! the table is complete, the hashes show whether any row was written twice. Usually
//! none was. Otherwise the files with repeated rows are read back and written again
//! without them. So no row is looked up while rows stream, and memory does not grow
//! with the width of the rows.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use lake::{DataFile, Lake};
use parking_lot::Mutex;
use query::Session;
use query::identity_hash::IdentityHasher;

use crate::Error;
use crate::content::{self, Content};
use crate::contract::planning::Planned;
use crate::write::rewrite::Rewriter;

/// Buckets are searched one at a time, so that one fits into a CPU cache.
const BUCKETS: usize = 256;

/// Hashes of a bucket are kept in blocks, so that growing never copies them.
const BLOCK_ROWS: usize = 2048;

/// Hashes of rows, in buckets of their upper bits.
pub(crate) struct RowHashes {
    buckets: Vec<Bucket>,
}

/// Stores 48 bits of each hash; the bucket's number gives 8 more. With 56 bits, about one
/// run in a hundred over 40 million distinct rows has a false match, which only costs
/// reading the files again.
#[derive(Default, Clone)]
struct Bucket {
    blocks: Vec<Vec<[u16; 3]>>,
}

impl Bucket {
    fn push(&mut self, hash: u64) {
        let kept = [(hash >> 32) as u16, (hash >> 16) as u16, hash as u16];
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK_ROWS => block.push(kept),
            _ => {
                let mut block = Vec::with_capacity(BLOCK_ROWS);
                block.push(kept);
                self.blocks.push(block);
            }
        }
    }

    fn len(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }

    fn hashes(&self) -> impl Iterator<Item = u64> {
        let kept = self.blocks.iter().flatten();
        kept.map(|[high, middle, low]| {
            u64::from(*high) << 32 | u64::from(*middle) << 16 | u64::from(*low)
        })
    }
}

/// The 56 bits of a hash that are compared.
fn truncated(hash: u128) -> u64 {
    hash as u64 >> 8
}

impl RowHashes {
    pub(crate) fn new() -> Self {
        Self {
            buckets: vec![Bucket::default(); BUCKETS],
        }
    }

    /// Adds the hashes of more rows.
    pub(crate) fn add(&mut self, hashes: &[u128]) {
        for hash in hashes {
            let hash = truncated(*hash);
            self.buckets[(hash >> 48) as usize].push(hash);
        }
    }

    /// The hashes that occur more than once in all `parts` together, found by
    /// `workers` side by side.
    fn repeated(parts: Vec<Self>, workers: usize) -> Repeated {
        let mut parts: Vec<_> = parts
            .into_iter()
            .map(|part| part.buckets.into_iter())
            .collect();
        let next = || -> Vec<Bucket> { parts.iter_mut().filter_map(Iterator::next).collect() };
        let buckets = Mutex::new((0..BUCKETS as u64).zip(std::iter::repeat_with(next)));
        let work = || {
            let (mut repeated, mut slots) = (Repeated::default(), Vec::new());
            loop {
                let taken = buckets.lock().next();
                let Some((bucket, own)) = taken else {
                    return repeated;
                };
                let found = repeated_in_bucket(&own, &mut slots);
                repeated.extend(found.into_iter().map(|hash| bucket << 48 | hash));
            }
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut repeated = work();
            for other in others {
                match other.join() {
                    Ok(found) => repeated.extend(found),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            repeated
        })
    }
}

/// The hashes that occur again in a bucket's parts; `slots` is scratch memory.
fn repeated_in_bucket(parts: &[Bucket], slots: &mut Vec<u64>) -> Vec<u64> {
    // Open addressing, by the hash itself; zero is a free slot.
    let rows: usize = parts.iter().map(Bucket::len).sum();
    slots.clear();
    slots.resize((2 * rows).next_power_of_two(), 0);
    let last = slots.len() - 1;
    let mut found = Vec::new();
    for hash in parts.iter().flat_map(Bucket::hashes) {
        let mut place = hash as usize & last;
        while slots[place] != 0 && slots[place] != hash + 1 {
            place = (place + 1) & last;
        }
        if slots[place] == hash + 1 {
            found.push(hash);
        }
        slots[place] = hash + 1;
    }
    found
}

type Repeated = HashSet<u64, BuildHasherDefault<IdentityHasher>>;

/// A table without its duplicates.
pub(crate) struct Distinct {
    pub(crate) files: Vec<DataFile>,
    /// Rows left out.
    pub(crate) duplicates: u64,
    /// Of the rows left out.
    pub(crate) content: Content,
}

/// Removes repeated rows from `files`; of equal rows one stays.
///
/// # Errors
/// [`Error::Query`] or [`Error::Lake`].
pub(crate) async fn drop_duplicates(
    session: &Session,
    lake: &Lake,
    run: &str,
    planned: &Planned,
    files: Vec<DataFile>,
    hashes: Vec<RowHashes>,
) -> Result<Distinct, Error> {
    let table = planned.model.name.to_string();
    let failed = |error: DataFusionError| Error::execution(&table, error);
    let workers = session.state().config().target_partitions();
    let repeated = SpawnedTask::spawn_blocking(move || RowHashes::repeated(hashes, workers))
        .await
        .map_err(|error| failed(DataFusionError::Execution(error.to_string())))?;
    if repeated.is_empty() {
        return Ok(Distinct {
            files,
            duplicates: 0,
            content: Content::default(),
        });
    }
    // All 128 bits decide; of equal rows the first in the order of the files
    // stays.
    let mut seen: HashSet<u128> = HashSet::new();
    let goes = |batch: &RecordBatch| {
        let goes = content::hashes(batch).into_iter().map(|hash| {
            let is_repeated = repeated.contains(&truncated(hash)) && !seen.insert(hash);
            Some(is_repeated)
        });
        Ok(goes.collect())
    };
    let rewriter = Rewriter {
        session,
        lake,
        run,
        layout: &planned.layout,
    };
    let columns: Vec<usize> = (0..planned.layout.schema().fields().len()).collect();
    let left = rewriter.remove_rows(&files, &columns, goes).await?;
    let distinct = Distinct {
        files: left.after(&files),
        duplicates: left.removed_rows,
        content: left.removed_content,
    };
    let mut replaced = files;
    replaced.retain(|file| left.replaced.contains(&file.name));
    lake.discard(&replaced).await;
    Ok(distinct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_that_stand_twice_are_found_across_parts() {
        let part = |hashes: &[u128]| {
            let mut part = RowHashes::new();
            part.add(hashes);
            part
        };
        let [one, two, three, four] = [1u128, 2, 3, 4].map(|hash| hash << 8);
        let high = 7u128 << 56 | one;
        let many: Vec<u128> = (0..5000).map(|hash| hash << 8).collect();
        for (parts, expected) in [
            (vec![part(&[one, two, three]), part(&[four])], vec![]),
            (vec![part(&[one, two, one]), part(&[three])], vec![one]),
            (vec![part(&[high, two]), part(&[three, high])], vec![high]),
            (vec![part(&[one, one, one]), part(&[one])], vec![one]),
            (vec![part(&[0, 0, high])], vec![0]),
            (vec![part(&many), part(&[many[4999]])], vec![many[4999]]),
            (vec![], vec![]),
        ] {
            let expected: Vec<u64> = expected.into_iter().map(truncated).collect();
            let mut found: Vec<u64> = RowHashes::repeated(parts, 3).into_iter().collect();
            found.sort_unstable();
            assert_eq!(found, expected);
        }
    }
}
