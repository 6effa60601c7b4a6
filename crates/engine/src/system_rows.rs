//! Writes rows of a system table into files, and prepares the publication of its next
//! version. Runs, `stedi consent` and `stedi quarantine` use it.

use arrow::array::RecordBatch;
use lake::{CommitInfo, Lake, Publication, RemovedFiles, Version};
use query::system::Definition;

use crate::Error;
use crate::content::{self, Content};

/// Writes rows into a file for the next version of the table. Returns the publication of
/// that version; `None` if nothing would change.
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
    let removed = match mode {
        WriteMode::Append(published) => {
            if batch.num_rows() == 0 {
                return Ok(None);
            }
            let before = published.and_then(|published| published.commit_info.as_ref());
            if let Some(before) = before {
                content.merge(Content::from_text(&before.content).unwrap_or_default());
            }
            count += published.map_or(0, Version::rows);
            RemovedFiles::None
        }
        WriteMode::Replace(published) => {
            let same = match published.map(|published| &published.commit_info) {
                Some(Some(published)) => published.content == content.to_text(),
                Some(None) => false,
                // An empty table is not created.
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
        removed,
        changes_rows: true,
    }))
}

/// How the written rows relate to the published ones.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WriteMode<'a> {
    /// The rows are appended to the published ones.
    Append(Option<&'a Version>),
    /// The rows replace the published ones.
    Replace(Option<&'a Version>),
    /// As `Replace`, even if the log says that the content is the same.
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
