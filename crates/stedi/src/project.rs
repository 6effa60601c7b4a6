//! The data product that is built into the binary, and where to find an edited
//! one.

use std::path::{Path, PathBuf};

use catalog::{Errors, Project, SourceFile};
use include_dir::{Dir, DirEntry, include_dir};

static LAKEHOUSE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../lakehouse");

/// The built-in data product, parsed.
///
/// # Errors
/// Errors in its files; a test keeps them out of a release.
pub(crate) fn built_in() -> Result<Project, Errors> {
    Project::parse(source_files())
}

/// Every built-in file, as the project reads it.
pub(crate) fn source_files() -> Vec<SourceFile> {
    let file = |(path, text): (String, &str)| SourceFile {
        path: format!("lakehouse/{path}"),
        text: text.to_owned(),
    };
    files().into_iter().map(file).collect()
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

/// The data product's folder: `--project` names it or the folder above it.
pub(crate) fn lakehouse_in(dir: &Path) -> PathBuf {
    let below = dir.join("lakehouse");
    // A working folder has landing data and a data product side by side.
    if below.join("landing").is_dir() {
        return below;
    }
    dir.to_owned()
}

/// The lake that holds `dir` or would hold it.
pub(crate) fn lake_around(dir: &Path) -> Option<PathBuf> {
    let is_lake = |dir: &Path| {
        let tables = std::fs::read_dir(dir.join("system"));
        let mut tables = tables.into_iter().flatten().flatten();
        dir.join("system/lake.json").exists()
            || dir.join("_delta_log").is_dir()
            || tables.any(|table| table.path().join("_delta_log").is_dir())
    };
    let dir = std::path::absolute(dir).ok()?;
    // A folder that does not exist yet would be in the nearest one that does.
    let there = dir.ancestors().find(|dir| dir.exists())?;
    let there = there.canonicalize().ok()?;
    let around = there.ancestors().find(|dir| is_lake(dir));
    around.map(Path::to_owned)
}

/// Whether `dir` itself is a data product.
pub(crate) fn is_project(dir: &Path) -> bool {
    ["landing", "trusted", "curated"].iter().any(|zone| {
        let files = std::fs::read_dir(dir.join(zone));
        let mut files = files.into_iter().flatten().flatten();
        files.any(|file| {
            file.path()
                .extension()
                .is_some_and(|ending| ending == "sql")
        })
    })
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
