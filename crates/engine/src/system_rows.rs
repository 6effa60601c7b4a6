//! Writes rows of system tables into files for their next version. Runs, entries
//! by hand and quarantine use it.

use arrow::array::RecordBatch;
use lake::{CommitInfo, Lake, Publication, RemovedFiles, Version};
use query::system::Definition;

use crate::Error;
use crate::content::{self, Content};

/// Writes rows into a file for the next version of the table. Gives the
/// publication of that version, or `None` where the published version already holds
/// the same.
pub(crate) async fn stage(
    table: &Definition,
    lake: &Lake,
    run: &str,
    batch: &RecordBatch,
    mode: WriteMode<'_>,
) -> Result<Option<Publication>, Error> {
    let mut content = Content::default();
    content.add(content::hashes(batch));
    let mut count = batch.num_rows() as u64;
    let removes = match mode {
        WriteMode::Append(standing) => {
            if batch.num_rows() == 0 {
                return Ok(None);
            }
            let before = standing.and_then(|standing| standing.commit_info.as_ref());
            if let Some(before) = before {
                content.merge(Content::from_text(&before.content).unwrap_or_default());
            }
            count += standing.map_or(0, Version::rows);
            RemovedFiles::None
        }
        WriteMode::Replace(standing) => {
            let same = match standing.map(|standing| &standing.commit_info) {
                Some(Some(standing)) => standing.content == content.to_text(),
                Some(None) => false,
                // A table that would be empty need not be made.
                None => batch.num_rows() == 0,
            };
            if same {
                return Ok(None);
            }
            RemovedFiles::All
        }
        WriteMode::Rebuild => RemovedFiles::All,
    };
    let layout = table.layout()?;
    let mut writer = lake.writer(&layout, run);
    writer.write(batch).await?;
    Ok(Some(Publication {
        layout,
        description: table.grain().to_owned(),
        commit_info: commit_info(run, count, content),
        files: writer.finish().await?,
        removed: removes,
        changes_rows: true,
    }))
}

/// How the written rows relate to the published ones.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WriteMode<'a> {
    /// They are added.
    Append(Option<&'a Version>),
    /// They replace them.
    Replace(Option<&'a Version>),
    /// They replace them, whatever the table's log says it holds.
    Rebuild,
}

/// What every commit of this program carries.
pub(crate) fn commit_info(run: &str, rows: u64, content: Content) -> CommitInfo {
    CommitInfo {
        run: run.to_owned(),
        program: program(),
        rows,
        content: content.to_text(),
        note: None,
    }
}

/// This program, as commits name it.
pub(crate) fn program() -> String {
    format!("stedi {}", env!("CARGO_PKG_VERSION"))
}
