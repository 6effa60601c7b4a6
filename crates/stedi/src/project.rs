//! The data product that the program carries, and where an edited one lies.

use std::path::{Path, PathBuf};

use catalog::{Errors, Project, SourceFile};
use include_dir::{Dir, DirEntry, include_dir};

static LAKEHOUSE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../lakehouse");

/// The built-in data product, parsed.
///
/// # Errors
/// Faults of its files; a test keeps them out of a release.
pub(crate) fn built_in() -> Result<Project, Errors> {
    let sources = files()
        .into_iter()
        .map(|(path, text)| SourceFile {
            path: format!("lakehouse/{path}"),
            text: text.to_owned(),
        })
        .collect();
    Project::parse(sources)
}

/// Path and text of every built-in file.
pub(crate) fn files() -> Vec<(String, &'static str)> {
    fn walk(dir: &Dir<'static>, files: &mut Vec<(String, &'static str)>) {
        for entry in dir.entries() {
            match entry {
                DirEntry::Dir(dir) => walk(dir, files),
                DirEntry::File(file) => files.extend(
                    file.contents_utf8()
                        .map(|text| (file.path().display().to_string(), text)),
                ),
            }
        }
    }
    let mut files = Vec::new();
    walk(&LAKEHOUSE, &mut files);
    files.sort();
    files
}

/// `--project` names the data product's folder or the one above it.
pub(crate) fn lakehouse_in(dir: &Path) -> PathBuf {
    let below = dir.join("lakehouse");
    // A folder of work has landing data and a data product side by side.
    if below.join("landing").is_dir() {
        return below;
    }
    dir.to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_built_in_data_product_is_without_fault() {
        let project = super::built_in().unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(project.landing().len(), 3);
        assert!(project.published().is_some());
    }
}
