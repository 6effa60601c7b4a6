//! Reads tables as any other Delta reader does: log and Parquet files, without the
//! program. It is fast enough to compare complete lakes after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch, StructArray};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// The rows of a table: columns by name, values as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    /// The values of `column`.
    pub(crate) fn of(&self, column: &str) -> impl Iterator<Item = Option<&str>> {
        let place = self.place(column);
        self.rows.iter().map(move |row| row[place?].as_deref())
    }

    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known == column)
    }

    /// The number of each row, as text with column names.
    pub(crate) fn counted(&self, columns: Option<&[&str]>) -> BTreeMap<String, u64> {
        let mut places: Vec<(&str, usize)> = self
            .columns
            .iter()
            .enumerate()
            .map(|(place, name)| (name.as_str(), place))
            .filter(|(name, _)| columns.is_none_or(|wanted| wanted.contains(name)))
            .collect();
        places.sort_unstable();
        let mut counted = BTreeMap::new();
        for row in &self.rows {
            let words: Vec<String> = places
                .iter()
                .map(|(name, place)| match &row[*place] {
                    Some(value) => format!("{name}={value:?}"),
                    None => format!("{name}=-"),
                })
                .collect();
            *counted.entry(words.join(" ")).or_default() += 1;
        }
        counted
    }
}

/// The newest version of the table at `lake/table`; `None` if there is no table.
pub(crate) fn read(lake: &Path, table: &str) -> Result<Option<Rows>, String> {
    let dir = lake.join(table);
    let Some(log) = Log::read(&dir)? else {
        return Ok(None);
    };
    let mut rows = Rows {
        columns: log.columns.clone(),
        rows: Vec::new(),
    };
    for file in &log.files {
        for batch in batches(&dir.join(file))? {
            rows.append(&batch)
                .map_err(|error| format!("{table}: {error}"))?;
        }
    }
    Ok(Some(rows))
}

impl Rows {
    fn append(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let options = FormatOptions::new();
        let mut columns = Vec::new();
        for name in &self.columns {
            // A file older than the column has no such values.
            let column = batch.column_by_name(name);
            let formatter = column
                .map(|column| ArrayFormatter::try_new(column, &options))
                .transpose()
                .map_err(|error| error.to_string())?;
            columns.push(column.zip(formatter));
        }
        for row in 0..batch.num_rows() {
            let values = columns.iter().map(|column| {
                let (array, formatter) = column.as_ref()?;
                array
                    .is_valid(row)
                    .then(|| formatter.value(row).to_string())
            });
            self.rows.push(values.collect());
        }
        Ok(())
    }
}

/// The state of a table after all entries of its log.
pub(crate) struct Log {
    /// Files of the newest version.
    pub(crate) files: BTreeSet<String>,
    /// Files of all versions in the log.
    pub(crate) ever: BTreeSet<String>,
    columns: Vec<String>,
}

impl Log {
    /// `None` if `dir` has no table.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, String> {
        let mut commits = BTreeMap::new();
        let mut checkpoints = BTreeMap::new();
        for entry in fs::read_dir(dir.join("_delta_log"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((number, kind)) = name.split_once('.') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match kind {
                "json" => commits.insert(number, entry.path()),
                "checkpoint.parquet" => checkpoints.insert(number, entry.path()),
                _ => None,
            };
        }
        let Some(last) = commits.keys().chain(checkpoints.keys()).max().copied() else {
            return Ok(None);
        };
        let mut log = Self {
            files: BTreeSet::new(),
            ever: BTreeSet::new(),
            columns: Vec::new(),
        };
        let mut next = 0;
        // Older commits may have been taken away behind a checkpoint.
        if !commits.contains_key(&0) {
            let Some((number, checkpoint)) = checkpoints.last_key_value() else {
                return Err(format!("{}: its log has no beginning", dir.display()));
            };
            log.begin_at(checkpoint)?;
            next = number + 1;
        }
        for number in next..=last {
            let Some(commit) = commits.get(&number) else {
                return Err(format!("{}: no commit {number} of {last}", dir.display()));
            };
            log.play(commit)?;
        }
        // Commits before a checkpoint still tell of older versions' files.
        for commit in commits.range(..next).map(|(_, commit)| commit) {
            for action in actions(commit)? {
                log.ever.extend(path_in(&action["add"]));
            }
        }
        Ok(Some(log))
    }

    fn play(&mut self, commit: &Path) -> Result<(), String> {
        for action in actions(commit)? {
            if let Some(path) = path_in(&action["remove"]) {
                self.files.remove(&path);
                self.ever.insert(path);
            }
            if let Some(path) = path_in(&action["add"]) {
                if !self.files.insert(path.clone()) {
                    return Err(format!("{}: adds {path} again", commit.display()));
                }
                self.ever.insert(path);
            }
            if let Some(schema) = action["metaData"]["schemaString"].as_str() {
                self.columns = columns(schema)?;
            }
        }
        Ok(())
    }

    fn begin_at(&mut self, checkpoint: &Path) -> Result<(), String> {
        for batch in batches(checkpoint)? {
            let text = |of: &str, field: &str| -> Vec<String> {
                let of = batch.column_by_name(of).and_then(|of| of.as_struct_opt());
                let values = of.map(|of: &StructArray| {
                    let of_field = of.column_by_name(field);
                    let texts = of_field.map(|of| of.as_string::<i32>());
                    texts
                        .into_iter()
                        .flat_map(|texts| texts.iter().flatten().map(str::to_owned))
                        .collect()
                });
                values.unwrap_or_default()
            };
            self.files.extend(text("add", "path"));
            self.ever.extend(text("add", "path"));
            self.ever.extend(text("remove", "path"));
            for schema in text("metaData", "schemaString") {
                self.columns = columns(&schema)?;
            }
        }
        Ok(())
    }
}

/// Zones and names of all tables of a lake.
pub(crate) fn tables(lake: &Path) -> Vec<String> {
    let folders = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect()
    };
    let mut tables: Vec<String> = folders(lake)
        .iter()
        .flat_map(|zone| folders(zone))
        .filter(|table| table.join("_delta_log").is_dir())
        .filter_map(|table| Some(table.strip_prefix(lake).ok()?.display().to_string()))
        .collect();
    tables.sort();
    tables
}

/// Rows and bytes of each row group of a table's newest version.
pub(crate) fn row_groups(lake: &Path, table: &str) -> Result<Vec<(i64, i64)>, String> {
    let mut found = Vec::new();
    let dir = lake.join(table);
    for file in Log::read(&dir)?.into_iter().flat_map(|log| log.files) {
        let opened = File::open(dir.join(file)).map_err(|error| error.to_string())?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(opened);
        let reader = reader.map_err(|error| error.to_string())?;
        let groups = reader.metadata().row_groups().iter();
        found.extend(groups.map(|group| (group.num_rows(), group.compressed_size())));
    }
    Ok(found)
}

fn actions(commit: &Path) -> Result<Vec<Value>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", commit.display());
    let text = fs::read_to_string(commit).map_err(|error| failed(&error))?;
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).map_err(|error| failed(&error)))
        .collect()
}

fn path_in(action: &Value) -> Option<String> {
    action["path"].as_str().map(str::to_owned)
}

fn columns(schema: &str) -> Result<Vec<String>, String> {
    let schema: Value = serde_json::from_str(schema).map_err(|error| error.to_string())?;
    let fields = schema["fields"].as_array().cloned().unwrap_or_default();
    Ok(fields
        .iter()
        .filter_map(|field| field["name"].as_str().map(str::to_owned))
        .collect())
}

fn batches(file: &Path) -> Result<Vec<RecordBatch>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let opened = File::open(file).map_err(|error| failed(&error))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(opened)
        .and_then(|builder| builder.build())
        .map_err(|error| failed(&error))?;
    reader
        .map(|batch| batch.map_err(|error| failed(&error)))
        .collect()
}
