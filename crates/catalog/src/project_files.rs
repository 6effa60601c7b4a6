//! Lists and reads the files of a project's folder, for `project_reader`.

use std::path::{Path, PathBuf};

use crate::errors::{Error, ErrorKind};

/// A file of a project, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path shown in errors. Its last two parts say what the file is, for
    /// example `lakehouse/trusted/customer_trusted.sql`.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// How a file of tests ends its name: `TABLE.test.sql`.
pub(crate) const TEST_SUFFIX: &str = ".test.sql";

/// Whether a file in a project is ignored: tests beside models, READMEs, and
/// hidden files.
pub(crate) fn is_ignored(name: &str) -> bool {
    name.ends_with(TEST_SUFFIX)
        || name.ends_with(".slt")
        || name.starts_with("README")
        || name.starts_with('.')
}

pub(crate) struct DirEntry {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) is_dir: bool,
}

impl DirEntry {
    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn stray(&self) -> Error {
        let what = if self.is_dir { "folder" } else { "file" };
        Error::whole(&self.shown(), ErrorKind::Stray { what })
    }
}

/// The entries of a folder by name, without hidden ones.
pub(crate) fn list(dir: &Path, errors: &mut Vec<Error>) -> Vec<DirEntry> {
    let unreadable = |reason: std::io::Error| {
        let reason = reason.to_string();
        Error::whole(&dir.display().to_string(), ErrorKind::Unreadable { reason })
    };
    let listed = std::fs::read_dir(dir).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries: Vec<_> = match listed {
        Ok(entries) => entries
            .iter()
            .map(|entry| DirEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_dir: entry.path().is_dir(),
                path: entry.path(),
            })
            .filter(|entry| !entry.name.starts_with('.'))
            .collect(),
        Err(reason) => {
            errors.push(unreadable(reason));
            Vec::new()
        }
    };
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

pub(crate) fn read_file(entry: &DirEntry, files: &mut Vec<SourceFile>, errors: &mut Vec<Error>) {
    if is_ignored(&entry.name) {
        return;
    }
    let path = entry.shown();
    match std::fs::read_to_string(&entry.path) {
        Ok(text) => files.push(SourceFile { path, text }),
        Err(reason) => {
            let reason = reason.to_string();
            errors.push(Error::whole(&path, ErrorKind::Unreadable { reason }));
        }
    }
}
