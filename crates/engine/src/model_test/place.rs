//! Where a case runs: a folder that goes with it, with landing files and a lake.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use catalog::{LandingTable, Project, SourceFile};
use lake::Location;
use tempfile::TempDir;

use crate::error::{Error, SettingsFault};

/// Memory that looks like a folder: what is written there waits for no disk.
const MEMORY: &str = "/dev/shm";

/// The folder of one case.
#[derive(Debug)]
pub(super) struct Place {
    dir: TempDir,
    /// How many files each landing table has been given.
    given: HashMap<String, u32>,
}

impl Place {
    /// A fresh folder with an empty file for each landing table of `project`.
    pub(super) fn make(project: &Project) -> Result<Self, Error> {
        let named = |dir: &Path| {
            tempfile::Builder::new()
                .prefix("stedi-test-")
                .tempdir_in(dir)
        };
        let dir = named(Path::new(MEMORY)).or_else(|_| named(&std::env::temp_dir()));
        let place = Self {
            dir: dir.map_err(refused)?,
            given: HashMap::new(),
        };
        for table in project.landing() {
            // A run refuses a landing table without a file.
            place.write(table, "0.json", "")?;
        }
        Ok(place)
    }

    /// The landing folder.
    pub(super) fn landing(&self) -> Result<Location, Error> {
        self.location("landing")
    }

    /// The lake.
    pub(super) fn lake(&self) -> Result<Location, Error> {
        self.location("lake")
    }

    fn location(&self, name: &str) -> Result<Location, Error> {
        Ok(Location::parse(
            &self.dir.path().join(name).to_string_lossy(),
        )?)
    }

    /// One more landing file.
    pub(super) fn give(&mut self, table: &LandingTable, text: &str) -> Result<(), Error> {
        let number = self.given.entry(table.name.to_string()).or_default();
        *number += 1;
        let name = format!("{number}.json");
        if table.partition_columns().is_empty() {
            return self.write(table, &name, text);
        }
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for line in text.split_inclusive('\n') {
            let file = files.entry(partition_folder(table, line)).or_default();
            file.push_str(line);
        }
        for (folder, text) in files {
            self.write(table, &format!("{folder}{name}"), &text)?;
        }
        Ok(())
    }

    fn write(&self, table: &LandingTable, name: &str, text: &str) -> Result<(), Error> {
        let file = self.folder(table).join(name);
        let folder = file.parent().unwrap_or(&file);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&file, text))
            .map_err(refused)
    }

    fn folder(&self, table: &LandingTable) -> PathBuf {
        self.dir.path().join("landing").join(table.path())
    }
}

/// The folder of the partition that a line's values name, with `/` at its end.
fn partition_folder(table: &LandingTable, line: &str) -> String {
    let object: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    let folders = table.partition_columns().iter().map(|column| {
        let value = match &object[&column.name] {
            serde_json::Value::Null => "__HIVE_DEFAULT_PARTITION__".to_owned(),
            serde_json::Value::String(text) => text.replace('%', "%25").replace('/', "%2F"),
            other => other.to_string(),
        };
        format!("{}={value}/", column.name)
    });
    folders.collect()
}

/// The project and its files with every landing table below the landing folder;
/// `None` where all are in any case. A test never reads the files that a table
/// with a place of its own names.
///
/// # Errors
/// [`Error::Settings`] for a table whose place cannot be replaced.
pub(super) fn moved(
    project: &Project,
    files: &[SourceFile],
) -> Result<Option<(Project, Vec<SourceFile>)>, Error> {
    let elsewhere: Vec<&LandingTable> = elsewhere_of(project).collect();
    if elsewhere.is_empty() {
        return Ok(None);
    }
    let mut files = files.to_vec();
    for table in &elsewhere {
        let name = format!("landing/{}.sql", table.name);
        let file = files.iter_mut().find(|file| file.path.ends_with(&name));
        let Some(file) = file else {
            continue;
        };
        // Tables of one place go on to share it.
        let first = elsewhere.iter().find(|first| first.path() == table.path());
        let place = format!(
            "elsewhere/{}",
            first.map_or(table.name.as_str(), |t| t.name.as_str())
        );
        for scheme in ["file://", "file:"] {
            let written = format!("{scheme}{}", table.path());
            file.text = file.text.replace(&written, &place);
        }
    }
    let moved = Project::parse(files.clone())?;
    let unmoved = elsewhere_of(&moved).next();
    if let Some(table) = unmoved {
        return Err(Error::Settings(SettingsFault::TestOfPlacedTable {
            table: table.name.to_string(),
        }));
    }
    Ok(Some((moved, files)))
}

fn elsewhere_of(project: &Project) -> impl Iterator<Item = &LandingTable> {
    project.landing().iter().filter(|table| table.is_absolute())
}

fn refused(error: std::io::Error) -> Error {
    Error::Settings(SettingsFault::TestFolder {
        memory: MEMORY,
        reason: error.to_string(),
    })
}
