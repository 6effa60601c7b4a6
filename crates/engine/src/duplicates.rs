//! Rows that were delivered more than once.
//!
//! Where a contract drops duplicates, all rows are written first and only their
//! hashes are kept, 8 bytes a row. When the table is complete the hashes are
//! sorted; if none stands twice, which is the normal case, that was all. If
//! some do, the files that hold them are read back and written again without
//! the repeated rows. So nothing is looked up while rows stream by, and memory
//! does not grow with the width of the rows.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use futures::StreamExt;
use lake::{DataFile, Lake};

use crate::models::Planned;
use crate::rewrite::read;
use crate::rows::{self, Content, Itself};
use crate::{Error, Session};

/// Buckets are sorted one by one: small enough for a processor's cache.
const BUCKETS: usize = 256;

/// Hashes of rows, in buckets of their upper bits.
pub(crate) struct RowHashes {
    buckets: Vec<Vec<u64>>,
}

impl RowHashes {
    pub(crate) fn new() -> Self {
        Self {
            buckets: vec![Vec::new(); BUCKETS],
        }
    }

    /// Takes the hashes of further rows.
    pub(crate) fn add(&mut self, hashes: &[u128]) {
        for hash in hashes {
            let hash = *hash as u64;
            self.buckets[(hash >> 56) as usize].push(hash);
        }
    }

    /// Those that stand more than once in all `parts` together.
    fn repeated(parts: Vec<Self>) -> Repeated {
        let mut repeated = Repeated::default();
        let mut parts: Vec<_> = parts
            .into_iter()
            .map(|part| part.buckets.into_iter())
            .collect();
        for _ in 0..BUCKETS {
            let mut bucket: Vec<u64> = parts
                .iter_mut()
                .filter_map(Iterator::next)
                .flatten()
                .collect();
            bucket.sort_unstable();
            repeated.extend(
                bucket
                    .windows(2)
                    .filter(|pair| pair[0] == pair[1])
                    .map(|pair| pair[0]),
            );
        }
        repeated
    }
}

type Repeated = HashSet<u64, BuildHasherDefault<Itself>>;

/// A table without its duplicates.
pub(crate) struct Distinct {
    pub(crate) files: Vec<DataFile>,
    /// Rows left out.
    pub(crate) duplicates: u64,
    /// Of the rows left out.
    pub(crate) content: Content,
}

/// Takes the rows that stand more than once out of `files`, but for one each.
///
/// # Errors
/// [`Error::Execution`] or [`Error::Lake`].
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
    let repeated = SpawnedTask::spawn_blocking(move || RowHashes::repeated(hashes))
        .await
        .map_err(|error| failed(DataFusionError::Execution(error.to_string())))?;
    let mut distinct = Distinct {
        files: Vec::new(),
        duplicates: 0,
        content: Content::default(),
    };
    if repeated.is_empty() {
        distinct.files = files;
        return Ok(distinct);
    }
    // The upper and lower 64 bits together decide; of equal rows the first in
    // the order of the files stays.
    let mut seen: HashSet<u128> = HashSet::new();
    for file in files {
        let mut kept: Vec<BooleanArray> = Vec::new();
        let before = distinct.duplicates;
        let mut stream = read(session, &planned.layout, &file, None)
            .await
            .map_err(failed)?;
        while let Some(batch) = stream.next().await {
            let hashes = rows::hashes(&batch.map_err(failed)?);
            let keep = |hash: &u128| !repeated.contains(&(*hash as u64)) || seen.insert(*hash);
            let mask: Vec<bool> = hashes.iter().map(keep).collect();
            let dropped = hashes
                .iter()
                .zip(&mask)
                .filter(|(_, kept)| !**kept)
                .map(|(hash, _)| *hash);
            let dropped: Vec<u128> = dropped.collect();
            distinct.duplicates += dropped.len() as u64;
            distinct.content.add(dropped);
            kept.push(mask.into());
        }
        if distinct.duplicates == before {
            distinct.files.push(file);
            continue;
        }
        let mut writer = lake.writer(&planned.layout, run);
        let mut stream = read(session, &planned.layout, &file, None)
            .await
            .map_err(failed)?;
        for mask in &kept {
            let Some(batch) = stream.next().await else {
                break;
            };
            let batch = batch.map_err(failed)?;
            let batch = filter_record_batch(&batch, mask).map_err(|error| failed(error.into()))?;
            writer.write(&batch).await?;
        }
        distinct.files.extend(writer.finish().await?);
        lake.discard(&[file]).await;
    }
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
        let high = 7u128 << 56;
        for (parts, expected) in [
            (vec![part(&[1, 2, 3]), part(&[4, 5])], vec![]),
            (vec![part(&[1, 2, 1]), part(&[4, 5])], vec![1u64]),
            (vec![part(&[high, 2]), part(&[5, high])], vec![high as u64]),
            (vec![part(&[1, 1, 1]), part(&[1])], vec![1]),
            (vec![], vec![]),
        ] {
            let mut found: Vec<u64> = RowHashes::repeated(parts).into_iter().collect();
            found.sort_unstable();
            assert_eq!(found, expected);
        }
    }
}
