//! What stands in a table's log: entries, checkpoints, and which versions can be
//! read by them.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use object_store::ObjectMeta;

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;

/// The objects of a log that belong to a version. Empty where there is no table.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The entries themselves.
    pub(crate) entries: BTreeMap<i64, ObjectMeta>,
    /// Versions whose whole state stands in one place.
    pub(crate) checkpoints: BTreeSet<i64>,
    /// Checkpoints, their parts, and whatever else is named after a version.
    pub(crate) others: Vec<(i64, ObjectMeta)>,
}

impl Log {
    /// Versions that can be read, oldest first: those with an entry, and all that
    /// it builds upon, down to a checkpoint or to the first entry of all.
    ///
    /// Whoever takes entries away may be ended anywhere in between. What is left
    /// below the gap then is no version any more.
    pub(crate) fn readable(&self) -> Vec<i64> {
        let versions: BTreeSet<i64> = self
            .entries
            .keys()
            .chain(&self.checkpoints)
            .copied()
            .collect();
        let mut known_up_to = -1;
        let mut readable = Vec::new();
        for version in versions {
            let follows = known_up_to == version - 1 && self.entries.contains_key(&version);
            if follows || self.checkpoints.contains(&version) {
                known_up_to = version;
                if self.entries.contains_key(&version) {
                    readable.push(version);
                }
            }
        }
        readable
    }

    /// The newest version.
    pub(crate) fn newest(&self) -> Option<i64> {
        let newest = self.entries.last_key_value().map(|(version, _)| *version);
        newest.max(self.checkpoints.last().copied())
    }

    fn take(&mut self, meta: ObjectMeta) {
        let Some((digits, kind)) = meta
            .location
            .filename()
            .and_then(|name| name.split_once('.'))
        else {
            return;
        };
        let (20, Ok(version)) = (digits.len(), digits.parse::<i64>()) else {
            return;
        };
        match kind.split('.').collect::<Vec<_>>()[..] {
            ["json"] => {
                self.entries.insert(version, meta);
                return;
            }
            // One file holds it all: the classic one, or one with an id of its
            // own. Of several parts, all must be there.
            ["checkpoint", "parquet"] | ["checkpoint", _, "parquet" | "json"] => {
                self.checkpoints.insert(version);
            }
            ["checkpoint", _, total, "parquet"] => {
                let ending = format!(".{total}.parquet");
                let is_part = |(of, other): &&(i64, ObjectMeta)| {
                    *of == version && other.location.as_ref().ends_with(&ending)
                };
                let others = self.others.iter().filter(is_part).count();
                if total.parse() == Ok(others + 1) {
                    self.checkpoints.insert(version);
                }
            }
            _ => {}
        }
        self.others.push((version, meta));
    }
}

impl Lake {
    /// Lists the log of `table`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn log(&self, table: &TableId) -> Result<Log, Error> {
        let folder = self.path(table).join("_delta_log");
        let mut log = Log::default();
        let mut listed = self.location().store().list(Some(&folder));
        loop {
            match listed.try_next().await {
                Ok(Some(meta)) => log.take(meta),
                Ok(None) | Err(object_store::Error::NotFound { .. }) => return Ok(log),
                Err(error) => {
                    let folder = self.location().display(&folder);
                    return Err(Error::store("list", folder, &error));
                }
            }
        }
    }

    /// How many entries stand in the log of `table` beyond its last checkpoint.
    /// Whoever opens the table reads them all.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn entries_since_checkpoint(&self, table: &TableId) -> Result<u64, Error> {
        let log = self.log(table).await?;
        let last = log.checkpoints.last().copied().unwrap_or(-1);
        Ok(log.entries.range(last + 1..).count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_can_be_read_by_what_is_left_of_a_log() {
        let cases: [(&str, &[&str], &[i64]); 9] = [
            ("nothing", &[], &[]),
            ("whole", &["0.json", "1.json", "2.json"], &[0, 1, 2]),
            ("no beginning", &["1.json", "2.json"], &[]),
            ("a gap", &["0.json", "2.json"], &[0]),
            (
                "from a checkpoint",
                &["2.json", "2.checkpoint.parquet", "3.json"],
                &[2, 3],
            ),
            (
                "a gap below a checkpoint",
                &["0.json", "2.json", "3.json", "3.checkpoint.parquet"],
                &[0, 3],
            ),
            (
                "an entry that is gone",
                &["2.checkpoint.parquet", "3.json", "_last_checkpoint"],
                &[3],
            ),
            (
                "in parts",
                &[
                    "2.checkpoint.0000000001.0000000002.parquet",
                    "2.checkpoint.0000000002.0000000002.parquet",
                    "2.json",
                ],
                &[2],
            ),
            (
                "in parts, one missing",
                &["2.checkpoint.0000000001.0000000002.parquet", "2.json"],
                &[],
            ),
        ];
        for (case, names, expected) in cases {
            let mut log = Log::default();
            for name in names {
                let name = match name.split_once('.') {
                    Some((version, kind)) => {
                        format!("{:020}.{kind}", version.parse::<u64>().unwrap())
                    }
                    None => (*name).to_owned(),
                };
                log.take(ObjectMeta {
                    location: format!("t/_delta_log/{name}").into(),
                    last_modified: chrono::DateTime::UNIX_EPOCH,
                    size: 1,
                    e_tag: None,
                    version: None,
                });
            }
            assert_eq!(log.readable(), expected, "{case}");
        }
    }
}
