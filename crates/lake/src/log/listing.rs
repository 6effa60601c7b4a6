//! Lists a table's log: entries, checkpoints, and the versions that they make
//! readable.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use object_store::ObjectMeta;

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;

/// The objects of a log by version. Empty if there is no table.
#[derive(Debug, Default)]
pub(crate) struct LogListing {
    /// The log entries.
    pub(crate) entries: BTreeMap<i64, ObjectMeta>,
    /// Versions with a complete checkpoint.
    pub(crate) checkpoints: BTreeSet<i64>,
    /// Checkpoint files and all other objects whose name starts with a version.
    pub(crate) other_objects: Vec<(i64, ObjectMeta)>,
}

impl LogListing {
    /// The readable versions, oldest first. A version is readable if the log has its
    /// entry, and all entries before it back to a checkpoint or to version 0.
    ///
    /// A vacuum may be killed while it removes entries. The entries below the gap
    /// are no longer versions then.
    pub(crate) fn readable_versions(&self) -> Vec<i64> {
        let versions: BTreeSet<i64> = self
            .entries
            .keys()
            .chain(&self.checkpoints)
            .copied()
            .collect();
        let mut last_readable = -1;
        let mut readable = Vec::new();
        for version in versions {
            let follows = last_readable == version - 1 && self.entries.contains_key(&version);
            if follows || self.checkpoints.contains(&version) {
                last_readable = version;
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

    fn add(&mut self, meta: ObjectMeta) {
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
            // A checkpoint in one file, with or without an id in its name, or in
            // several parts, which must all exist.
            ["checkpoint", "parquet"] | ["checkpoint", _, "parquet" | "json"] => {
                self.checkpoints.insert(version);
            }
            ["checkpoint", _, total, "parquet"] => {
                let ending = format!(".{total}.parquet");
                let is_part = |(of, other): &&(i64, ObjectMeta)| {
                    *of == version && other.location.as_ref().ends_with(&ending)
                };
                let other_parts = self.other_objects.iter().filter(is_part).count();
                if total.parse() == Ok(other_parts + 1) {
                    self.checkpoints.insert(version);
                }
            }
            _ => {}
        }
        self.other_objects.push((version, meta));
    }
}

impl Lake {
    /// Lists the log of `table`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn list_log(&self, table: &TableId) -> Result<LogListing, Error> {
        let folder = self.table_path(table).join("_delta_log");
        let mut log = LogListing::default();
        let mut listed = self.location().store().list(Some(&folder));
        loop {
            match listed.try_next().await {
                Ok(Some(meta)) => log.add(meta),
                Ok(None) | Err(object_store::Error::NotFound { .. }) => return Ok(log),
                Err(error) => {
                    let folder = self.location().display(&folder);
                    return Err(Error::store("list", folder, &error));
                }
            }
        }
    }

    /// The number of log entries of `table` after its last checkpoint. Opening the
    /// table reads all of them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn entries_since_checkpoint(&self, table: &TableId) -> Result<u64, Error> {
        let log = self.list_log(table).await?;
        let last = log.checkpoints.last().copied().unwrap_or(-1);
        Ok(log.entries.range(last + 1..).count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_versions_of_incomplete_logs() {
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
            let mut log = LogListing::default();
            for name in names {
                let name = match name.split_once('.') {
                    Some((version, kind)) => {
                        format!("{:020}.{kind}", version.parse::<u64>().unwrap())
                    }
                    None => (*name).to_owned(),
                };
                log.add(ObjectMeta {
                    location: format!("t/_delta_log/{name}").into(),
                    last_modified: chrono::DateTime::UNIX_EPOCH,
                    size: 1,
                    e_tag: None,
                    version: None,
                });
            }
            assert_eq!(log.readable_versions(), expected, "{case}");
        }
    }
}
