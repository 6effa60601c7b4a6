//! Why a table cannot be opened.

use object_store::ObjectStoreExt;
use serde_json::Value;

use crate::error::Error;
use crate::ids::TableId;
use crate::lake::Lake;

impl Lake {
    /// Why a table cannot be opened, as far as its log tells: `error` is what the
    /// Delta library said. A store that fails remains that.
    pub(crate) async fn diagnosed(&self, table: &TableId, error: Error) -> Error {
        if !matches!(&error, Error::Table { .. } | Error::UnsupportedType { .. })
            || error.is_of_store()
        {
            return error;
        }
        match self.fault_in_log(table).await {
            Ok(what) => Error::Damaged {
                table: table.clone(),
                what,
            },
            Err(of_store) => of_store,
        }
    }

    async fn fault_in_log(&self, table: &TableId) -> Result<String, Error> {
        let log = self.log(table).await?;
        let from = log.checkpoints.last().copied();
        let first = from.map_or(0, |from| from + 1);
        for (next, (version, meta)) in (first..).zip(log.entries.range(first..)) {
            if *version != next {
                return Ok(format!("log entry {next:020}.json is missing"));
            }
            let name = meta.location.filename().unwrap_or_default();
            let read = async {
                self.location()
                    .store()
                    .get(&meta.location)
                    .await?
                    .bytes()
                    .await
            };
            let body = match read.await {
                Ok(body) => body,
                Err(object_store::Error::NotFound { .. }) => {
                    return Ok(format!("log entry {name} is missing"));
                }
                Err(error) => {
                    let object = self.location().display(&meta.location);
                    return Err(Error::store("read", object, &error));
                }
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
                "the checkpoint of version {version} cannot be read, or the log does not follow on it"
            ),
            None => "its log does not say what the table is".to_owned(),
        })
    }
}
