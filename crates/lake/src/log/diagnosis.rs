//! Finds out why a table cannot be opened, by reading its log.

use serde_json::Value;

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;

impl Lake {
    /// Turns `error` of the Delta library into [`Error::Damaged`] with the faulty
    /// object, if the log has one. A store failure stays as it is.
    pub(crate) async fn diagnose(&self, table: &TableId, error: Error) -> Error {
        if !matches!(&error, Error::Table { .. } | Error::UnsupportedType { .. })
            || error.is_store_failure()
        {
            return error;
        }
        match self.fault_in_log(table).await {
            Ok(what) => Error::Damaged {
                table: table.clone(),
                what,
            },
            Err(store_failure) => store_failure,
        }
    }

    /// The first fault in the log after its last checkpoint, in words.
    async fn fault_in_log(&self, table: &TableId) -> Result<String, Error> {
        let log = self.list_log(table).await?;
        let from = log.checkpoints.last().copied();
        let first = from.map_or(0, |from| from + 1);
        for (next, (version, meta)) in (first..).zip(log.entries.range(first..)) {
            if *version != next {
                return Ok(format!("log entry {next:020}.json is missing"));
            }
            let name = meta.location.filename().unwrap_or_default();
            let Some(body) = self.location().read_if_exists(&meta.location).await? else {
                return Ok(format!("log entry {name} is missing"));
            };
            let mut lines = body
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty());
            let is_action = |line: &[u8]| matches!(serde_json::from_slice(line), Ok(Value::Object(action)) if !action.is_empty());
            if body.is_empty() {
                return Ok(format!("log entry {name} is empty"));
            }
            if !lines.all(is_action) {
                return Ok(format!("log entry {name} cannot be read"));
            }
        }
        Ok(match from {
            Some(version) => format!(
                "the checkpoint of version {version} cannot be read, or the log does not continue it"
            ),
            None => "its log has no metadata of the table".to_owned(),
        })
    }
}
