//! The files of an import: those that are read, and the folder that is written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use glue::{Outcome, SourceText, Step};

use crate::failure::Failure;
use crate::project;

/// How many files an import reads at most.
const FILES_MAX: usize = 2_000;
/// The longest file that is read, in bytes.
const BYTES_MAX: u64 = 4 << 20;
/// How deep folders may be nested.
const DEPTH_MAX: usize = 16;

/// What there is to import.
#[derive(Default)]
pub(super) struct Found {
    pub(super) scripts: Vec<SourceText>,
    pub(super) definitions: Vec<SourceText>,
    /// A line for each file that is too long to read.
    pub(super) too_long: Vec<Step>,
}

/// Refuses a folder that holds something, or lies in a lake.
///
/// # Errors
/// A [`Failure`].
pub(super) fn refuse_target(dir: &Path) -> Result<()> {
    let shown = dir.display();
    if let Some(lake) = project::lake_around(dir) {
        return Err(Failure::failed(
            format!(
                "{shown} is inside a lake ({}), which holds only tables; nothing was written",
                lake.display()
            ),
            "name a folder outside the lake with --to",
        ));
    }
    match fs::read_dir(dir).map(|entries| entries.count()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(0) => Ok(()),
        Ok(_) => Err(Failure::failed(
            format!("{shown} is not empty; nothing was written"),
            "name another folder with --to",
        )),
        Err(error) => Err(Failure::failed(
            format!("{shown} cannot be written to: {error}"),
            "name another folder with --to",
        )),
    }
}

/// Reads scripts and definitions. Folders are searched; links in them are not followed.
///
/// # Errors
/// A [`Failure`] for what cannot be read, and beyond the limits.
pub(super) fn collect(from: &[PathBuf]) -> Result<Found> {
    let mut found = Found::default();
    for path in from {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => search(path, &mut found, 0)?,
            Ok(_) => read(path, &mut found)?,
            Err(error) => return Err(unreadable(path, &error)),
        }
    }
    Ok(found)
}

fn unreadable(path: &Path, error: &io::Error) -> anyhow::Error {
    Failure::failed(
        format!("cannot read {}: {error}", path.display()),
        "check the path and its permissions; nothing was written",
    )
}

fn search(dir: &Path, found: &mut Found, depth: usize) -> Result<()> {
    if depth == DEPTH_MAX {
        return Err(Failure::failed(
            format!("{} lies too deep", dir.display()),
            "name the folder of the scripts",
        ));
    }
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.map_err(|error| unreadable(dir, &error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry
            .file_type()
            .map_err(|error| unreadable(&path, &error))?;
        match (is_hidden, kind.is_dir()) {
            (true, _) => {}
            (false, true) => search(&path, found, depth + 1)?,
            (false, false) if kind.is_file() && kind_of(&path).is_some() => read(&path, found)?,
            (false, false) => {}
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Kind {
    Script,
    Definitions,
}

fn kind_of(path: &Path) -> Option<Kind> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "py" => Some(Kind::Script),
        "sql" | "ddl" | "hql" => Some(Kind::Definitions),
        _ => None,
    }
}

fn read(path: &Path, found: &mut Found) -> Result<()> {
    let shown = path.display().to_string();
    let Some(kind) = kind_of(path) else {
        return Err(Failure::failed(
            format!("{shown} is neither a script nor a definition"),
            "name *.py and *.sql files, or their folder",
        ));
    };
    if found.scripts.len() + found.definitions.len() == FILES_MAX {
        return Err(Failure::failed(
            format!("there are more than {FILES_MAX} files"),
            "name the folder of the scripts",
        ));
    }
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(Failure::failed(
            format!("{shown} is no file"),
            "leave it out",
        ));
    }
    if metadata.len() > BYTES_MAX {
        found.too_long.push(Step {
            script: shown,
            line: 1,
            node: String::new(),
            outcome: Outcome::NotTranslated("the file is longer than 4 MiB".to_owned()),
        });
        return Ok(());
    }
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    let file = SourceText {
        path: shown,
        text: text.trim_start_matches('\u{feff}').to_owned(),
    };
    match kind {
        Kind::Script => found.scripts.push(file),
        Kind::Definitions => found.definitions.push(file),
    }
    Ok(())
}

/// Writes all files, or none: they are put into a folder of their own first, beside the
/// folder that they make or in the one that is there.
///
/// # Errors
/// A [`Failure`].
pub(super) fn write(dir: &Path, files: &[SourceText]) -> Result<()> {
    let failed = |error: io::Error| {
        Failure::failed(
            format!(
                "cannot write {}: {error}; nothing was written",
                dir.display()
            ),
            "check that you can write to the folder",
        )
    };
    let absolute = std::path::absolute(dir).map_err(failed)?;
    let is_there = absolute.exists();
    if is_there && fs::read_dir(&absolute).map_err(failed)?.next().is_some() {
        return Err(failed(io::ErrorKind::DirectoryNotEmpty.into()));
    }
    let around = match is_there {
        true => &absolute,
        false => absolute.parent().unwrap_or(&absolute),
    };
    fs::create_dir_all(around).map_err(failed)?;
    // Removes itself unless it is renamed.
    let draft = tempfile::Builder::new()
        .prefix(".import-")
        .tempdir_in(around)
        .map_err(failed)?;
    let inner = draft.path().join("project");
    for file in files {
        let path = inner.join(&file.path);
        let folder = path.parent().unwrap_or(&inner);
        fs::create_dir_all(folder).map_err(failed)?;
        fs::write(&path, &file.text).map_err(failed)?;
    }
    match is_there {
        true => move_into(&inner, &absolute).map_err(failed),
        false => fs::rename(&inner, &absolute).map_err(failed),
    }
}

/// Moves what is in `from` into the folder `to`, all of it or nothing. The folder itself
/// stays: it may be the one that the user's shell is in, or a mount.
fn move_into(from: &Path, to: &Path) -> io::Result<()> {
    let mut moved = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if let Err(error) = fs::rename(entry.path(), &place) {
            for (place, origin) in moved {
                let _: io::Result<()> = fs::rename(place, origin);
            }
            return Err(error);
        }
        moved.push((place, entry.path()));
    }
    Ok(())
}
