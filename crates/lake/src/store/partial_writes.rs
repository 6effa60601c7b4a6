//! Files of a folder that were not written to their end.

use std::path::{Path, PathBuf};

/// What the library writes beside an object's own name, `NAME#1`, below `folder`.
pub(crate) fn staged(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(staged(&entry.path()));
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
