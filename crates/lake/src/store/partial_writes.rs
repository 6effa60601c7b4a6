//! Files of unfinished writes in a local folder.
//!
//! The object store library writes an object to `NAME#1` first, then renames it.
//! A killed process leaves such files behind. Clean-up and vacuum remove them.

use std::path::{Path, PathBuf};

/// The files of unfinished writes below `folder`, at any depth.
pub(crate) fn partial_writes(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(partial_writes(&entry.path()));
            continue;
        }
        let name = entry.file_name();
        let name = name.to_str().and_then(|name| name.rsplit_once('#'));
        if name.is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) {
            found.push(entry.path());
        }
    }
    found
}
