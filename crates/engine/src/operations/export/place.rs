//! Where an export lies: a folder of its own, or one file.
//!
//! - A folder holds `TABLE.parquet` (then `TABLE.2.parquet` and so on, where the
//!   table is large) and `manifest.json`.
//! - A path that ends with a format's name is one file, however large, and its
//!   manifest lies beside it: `people.csv` and `people.csv.manifest.json`.

use lake::Location;
use query::Setup;

use super::ExportFormat;
use crate::error::{Error, SettingsFault};

const MANIFEST: &str = "manifest.json";

/// Where an export lies.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// As the user wrote it.
    text: String,
    /// What was written, to be compared with other places.
    whole: Location,
    folder: Location,
    /// The only data file, where the export is one.
    file: Option<String>,
}

impl Place {
    /// The place that `text` names.
    ///
    /// # Errors
    /// [`Error::Lake`] for what is no location.
    pub(super) fn of(text: &str) -> Result<Self, Error> {
        let whole = Location::parse(text)?;
        let (parent, name) = text.rsplit_once('/').unwrap_or((".", text));
        let is_folder = || whole.folder().is_some_and(std::path::Path::is_dir);
        if ExportFormat::of_ending(name).is_none() || is_folder() {
            return Ok(Self {
                text: text.to_owned(),
                folder: whole.clone(),
                whole,
                file: None,
            });
        }
        let parent = match parent {
            "" => "/".to_owned(),
            bucket if bucket.ends_with('/') => format!("{bucket}/"),
            parent => format!("{parent}/"),
        };
        Ok(Self {
            text: text.to_owned(),
            folder: Location::parse(&parent)?,
            whole,
            file: Some(name.to_owned()),
        })
    }

    /// The place of an export that was made: also by its manifest.
    ///
    /// # Errors
    /// As [`Place::of`].
    pub(super) fn of_made(text: &str) -> Result<Self, Error> {
        let text = match text.strip_suffix(MANIFEST) {
            Some("") => ".",
            Some(rest) if rest.ends_with('/') => rest,
            Some(rest) => rest.strip_suffix('.').unwrap_or(text),
            None => text,
        };
        Self::of(text)
    }

    /// The format wanted: the one asked for, the one that the path ends with,
    /// or Parquet.
    ///
    /// # Errors
    /// [`Error::Settings`] where the former two are not the same.
    pub(super) fn format(&self, asked: Option<ExportFormat>) -> Result<ExportFormat, Error> {
        let ending = self.file.as_deref().and_then(ExportFormat::of_ending);
        match (asked, ending) {
            (Some(asked), Some(ending)) if asked != ending => {
                Err(Error::Settings(SettingsFault::ExportEnding {
                    place: self.text.clone(),
                    asked: asked.to_string(),
                    ending: ending.to_string(),
                }))
            }
            (asked, ending) => Ok(asked.or(ending).unwrap_or(ExportFormat::Parquet)),
        }
    }

    /// Nothing may be exported into lake or landing, nor around them.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(super) fn apart(&self, setup: &Setup) -> Result<(), Error> {
        for (what, place) in [("lake", &setup.lake), ("landing folder", &setup.landing)] {
            if self.whole.overlaps(place) {
                return Err(Error::Settings(SettingsFault::ExportOverlap {
                    place: self.text.clone(),
                    other: what,
                    other_place: place.to_string(),
                }));
            }
        }
        Ok(())
    }

    /// As the user wrote it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The folder that holds the export's files.
    pub(super) fn folder(&self) -> &Location {
        &self.folder
    }

    /// Whether the folder is the export, and holds nothing else.
    pub(super) fn is_folder(&self) -> bool {
        self.file.is_none()
    }

    /// The name of the data file counted from 1, in the folder.
    pub(super) fn data_name(&self, table: &str, format: ExportFormat, part: usize) -> String {
        match &self.file {
            Some(name) => name.clone(),
            None if part == 1 => format!("{table}.{format}"),
            None => format!("{table}.{part}.{format}"),
        }
    }

    /// The name of the manifest, in the folder.
    pub(super) fn manifest_name(&self) -> String {
        match &self.file {
            Some(name) => format!("{name}.{MANIFEST}"),
            None => MANIFEST.to_owned(),
        }
    }

    /// The name of the folder that files lie in until all are written.
    pub(super) fn staging_name(&self) -> String {
        match &self.file {
            Some(name) => format!(".{name}.unfinished"),
            None => ".unfinished".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_files_of_an_export() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().to_str().unwrap();
        std::fs::create_dir(dir.path().join("made.csv")).unwrap();
        for (text, first, third, manifest) in [
            ("out", "t.csv", "t.3.csv", "out/manifest.json"),
            ("out/", "t.csv", "t.3.csv", "out/manifest.json"),
            ("out.d", "t.csv", "t.3.csv", "out.d/manifest.json"),
            ("made.csv", "t.csv", "t.3.csv", "made.csv/manifest.json"),
            ("p.csv", "p.csv", "p.csv", "p.csv.manifest.json"),
            ("a/p.CSV", "p.CSV", "p.CSV", "a/p.CSV.manifest.json"),
        ] {
            let place = Place::of(&format!("{base}/{text}")).unwrap();
            let name = |part| place.data_name("t", ExportFormat::Csv, part);
            assert_eq!(
                (name(1).as_str(), name(3).as_str()),
                (first, third),
                "{text}"
            );
            let found = place.folder().folder().unwrap().join(place.manifest_name());
            assert_eq!(found, dir.path().join(manifest), "{text}");
            let again = Place::of_made(found.to_str().unwrap()).unwrap();
            assert_eq!(again.manifest_name(), place.manifest_name(), "{text}");
            assert_eq!(again.folder().url(), place.folder().url(), "{text}");
        }
    }

    #[test]
    fn which_format_is_meant() {
        use ExportFormat::{Csv, Ndjson, Parquet};
        for (text, asked, expected) in [
            ("out", None, Some(Parquet)),
            ("out", Some(Csv), Some(Csv)),
            ("x.ndjson", None, Some(Ndjson)),
            ("x.csv", Some(Csv), Some(Csv)),
            ("x.csv", Some(Parquet), None),
            ("s3://bucket/x.csv", None, Some(Csv)),
            ("s3://bucket/x", None, Some(Parquet)),
        ] {
            let format = Place::of(text).unwrap().format(asked);
            assert_eq!(format.ok(), expected, "{text} {asked:?}");
        }
    }
}
