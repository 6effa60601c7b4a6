//! The files of a project's folder, tests among them.

use std::path::Path;

use crate::errors::{Error, ErrorKind, Errors};
use crate::names::Zone;
use crate::project_files::SourceFile;

/// Every file of the project in `dir` that is SQL: landing tables, models and
/// their tests, by folder and name. The project itself has been read and found
/// without fault.
///
/// # Errors
/// Files that cannot be read.
pub fn read_source_files(dir: &Path) -> Result<Vec<SourceFile>, Errors> {
    let mut files = Vec::new();
    let mut errors = Vec::new();
    for zone in Zone::ALL {
        let Ok(entries) = std::fs::read_dir(dir.join(zone.as_str())) else {
            continue;
        };
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') || !name.ends_with(".sql") {
                continue;
            }
            let shown = path.display().to_string();
            match std::fs::read_to_string(&path) {
                Ok(text) => files.push(SourceFile { path: shown, text }),
                Err(reason) => {
                    let reason = reason.to_string();
                    errors.push(Error::whole(&shown, ErrorKind::Unreadable { reason }));
                }
            }
        }
    }
    Errors::unless_empty(files, errors)
}
