//! Compares an export with its manifest, and with the lake.

use std::sync::Arc;

use futures::TryStreamExt;
use lake::{AsOf, DataFile, Lake, Location, TableId, store_reason};
use object_store::ObjectStoreExt;
use query::tables::lake_table::LakeTable;
use query::tables::store_url;
use query::{Session, Setup};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::decode::{Decoder, Malformed, typed};
use super::encode::hex;
use super::original::stream;
use super::place::Place;
use super::{ExportFormat, ExportedFile, Manifest};
use crate::content::{self, Content};
use crate::contract::report::Verdict;
use crate::error::{Error, ExportFault};

/// What came of comparing an export with its manifest and the lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportCheck {
    /// As the export was named.
    pub export: String,
    /// Zone and name.
    pub table: String,
    /// The version that was exported.
    pub version: Option<i64>,
    /// What was compared, in order.
    pub findings: Vec<Finding>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A file's name, `files`, `rows`, `content` or `lake`.
    pub what: String,
    /// `fail` where it differs, `warn` where it could not be compared.
    pub verdict: Verdict,
    /// In words, without values.
    pub detail: String,
}

impl ExportCheck {
    /// The worst of all findings.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.findings.iter().map(|finding| finding.verdict);
        verdicts.max().unwrap_or(Verdict::Ok)
    }

    fn found(&mut self, what: &str, verdict: Verdict, detail: impl Into<String>) {
        self.findings.push(Finding {
            what: what.to_owned(),
            verdict,
            detail: detail.into(),
        });
    }
}

/// Reads an export's files again and compares them with its manifest, and that
/// with the version it was made of, where the lake still has it.
///
/// # Errors
/// [`Error::Export`] where there is no manifest: what lies there is no export,
/// or one that was not finished.
pub async fn check_export(setup: &Setup, path: &str) -> Result<ExportCheck, Error> {
    let place = Place::of_made(path)?;
    let manifest = manifest(&place).await?;
    let session = Session::open(setup)?;
    let mut check = ExportCheck {
        export: path.to_owned(),
        table: format!("{}.{}", manifest.zone, manifest.table),
        version: manifest.version,
        findings: Vec::new(),
    };
    let schema = manifest
        .schema()
        .ok_or_else(|| no_export(&place, "its manifest names types that no table has"))?;

    let mut read = Some(Read::default());
    for file in &manifest.files {
        let found = examine(&session, &place, &manifest, &schema, file).await?;
        check.found(&file.file, found.verdict, found.detail);
        read = match (read, found.read) {
            (Some(sum), Some(part)) => Some(sum.and(part)),
            _ => None,
        };
    }
    others(&place, &manifest, &mut check).await?;
    let told = format!("{} rows in the manifest", manifest.rows);
    match &read {
        None => check.found("rows", Verdict::Fail, "the files cannot all be read"),
        Some(read) if read.rows == manifest.rows => check.found("rows", Verdict::Ok, told),
        Some(read) => check.found(
            "rows",
            Verdict::Fail,
            format!("{told}, {} in the files", read.rows),
        ),
    }
    if let Some(read) = &read {
        match read.content.to_text() == manifest.content {
            true => check.found("content", Verdict::Ok, manifest.content.clone()),
            false => check.found(
                "content",
                Verdict::Fail,
                "the files hold other rows than the manifest says",
            ),
        }
    }
    compare_with_lake(setup, &session, &manifest, &mut check).await?;
    Ok(check)
}

/// Rows that were read from a file.
#[derive(Debug, Default, Clone, Copy)]
struct Read {
    rows: u64,
    content: Content,
}

impl Read {
    fn and(mut self, other: Self) -> Self {
        self.rows += other.rows;
        self.content.merge(other.content);
        self
    }

    fn take(&mut self, batch: &arrow::array::RecordBatch) {
        self.rows += batch.num_rows() as u64;
        self.content.add(content::hashes(batch));
    }
}

struct Examined {
    verdict: Verdict,
    detail: String,
    /// None where it could not be read.
    read: Option<Read>,
}

async fn manifest(place: &Place) -> Result<Manifest, Error> {
    let folder = place.folder();
    let path = folder.child(&place.manifest_name());
    let read = async { folder.store().get(&path).await?.bytes().await };
    let bytes = match read.await {
        Ok(bytes) => bytes,
        Err(object_store::Error::NotFound { .. }) => {
            return Err(no_export(
                place,
                "it has no manifest: nothing was exported there, or not to its end",
            ));
        }
        Err(error) => return Err(no_export(place, &store_reason(&error))),
    };
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|_| no_export(place, "its manifest is not one that stedi writes"))?;
    let plain = |file: &ExportedFile| !file.file.contains(['/', '\\']) && file.file != "..";
    if manifest.manifest != 1 || !manifest.files.iter().all(plain) {
        return Err(no_export(
            place,
            "its manifest is not one that this program reads",
        ));
    }
    Ok(manifest)
}

fn no_export(place: &Place, reason: &str) -> Error {
    Error::Export(ExportFault::NotRead {
        place: place.text().to_owned(),
        reason: reason.to_owned(),
    })
}

async fn examine(
    session: &Session,
    place: &Place,
    manifest: &Manifest,
    schema: &arrow::datatypes::SchemaRef,
    file: &ExportedFile,
) -> Result<Examined, Error> {
    let bad = |detail: &str| Examined {
        verdict: Verdict::Fail,
        detail: detail.to_owned(),
        read: None,
    };
    let path = place.folder().child(&file.file);
    let got = match place.folder().store().get(&path).await {
        Ok(got) => got,
        Err(object_store::Error::NotFound { .. }) => return Ok(bad("it is missing")),
        Err(error) => return Ok(bad(&store_reason(&error))),
    };
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut read = Read::default();
    let mut decoder = Decoder::new(manifest.format, schema);
    let mut sound = true;
    let mut pieces = got.into_stream();
    loop {
        let piece = match pieces.try_next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => return Ok(bad(&store_reason(&error))),
        };
        bytes += piece.len() as u64;
        hash.update(&piece);
        if let Some(decoder) = &mut decoder
            && sound
        {
            sound = decoder.feed(&piece, |batch| read.take(batch)).is_ok();
        }
    }
    if manifest.format == ExportFormat::Parquet {
        let data = DataFile {
            path,
            name: file.file.clone(),
            bytes,
            rows: file.rows,
            stats: None,
        };
        match parquet(session, place.folder(), data, schema).await {
            Ok(found) => read = found,
            Err(Malformed) => sound = false,
        }
    } else if sound && let Some(decoder) = decoder {
        sound = decoder.finish(|batch| read.take(batch)).is_ok();
    }
    let read = sound.then_some(read);
    if bytes == file.bytes && hex(&hash.finalize()) == file.sha256 {
        return Ok(Examined {
            verdict: if sound { Verdict::Ok } else { Verdict::Fail },
            detail: if sound {
                file.sha256.clone()
            } else {
                "it cannot be read".to_owned()
            },
            read,
        });
    }
    Ok(Examined {
        verdict: Verdict::Fail,
        detail: "its bytes are not those that were written".to_owned(),
        read,
    })
}

/// The rows of a Parquet file, which may be broken in any way.
async fn parquet(
    session: &Session,
    folder: &Location,
    file: DataFile,
    schema: &arrow::datatypes::SchemaRef,
) -> Result<Read, Malformed> {
    let url = store_url(folder).map_err(|_| Malformed)?;
    let runtime = Arc::clone(session.state().runtime_env());
    runtime.register_object_store(url.as_ref(), Arc::clone(folder.store()));
    let id = TableId::new("export", "");
    let table = LakeTable::new(&id, url, Arc::clone(schema), &[file]);
    let mut stream = stream(session, &table, "the export")
        .await
        .map_err(|_| Malformed)?;
    let mut read = Read::default();
    while let Some(batch) = stream.try_next().await.map_err(|_| Malformed)? {
        read.take(&typed(schema, batch.columns().to_vec())?);
    }
    Ok(read)
}

/// A file that the manifest does not name would be read with the others.
async fn others(place: &Place, manifest: &Manifest, check: &mut ExportCheck) -> Result<(), Error> {
    if !place.is_folder() {
        return Ok(());
    }
    let folder = place.folder();
    let listed = folder
        .store()
        .list_with_delimiter(Some(folder.prefix()))
        .await;
    let listed = listed.map_err(|error| no_export(place, &store_reason(&error)))?;
    let names = listed
        .objects
        .iter()
        .filter_map(|meta| meta.location.filename());
    let more = names.filter(|name| {
        ExportFormat::of_ending(name).is_some()
            && !manifest.files.iter().any(|file| file.file == *name)
    });
    match more.count() {
        0 => check.found("files", Verdict::Ok, "no other data files beside them"),
        more => check.found(
            "files",
            Verdict::Fail,
            format!("{more} data files that the manifest does not name"),
        ),
    }
    Ok(())
}

async fn compare_with_lake(
    setup: &Setup,
    session: &Session,
    manifest: &Manifest,
    check: &mut ExportCheck,
) -> Result<(), Error> {
    let mut unknown =
        |reason: &str| check.found("lake", Verdict::Warn, format!("not compared: {reason}"));
    let Some(number) = manifest.version else {
        unknown("the export is of no version");
        return Ok(());
    };
    let lake = Lake::at(setup.lake.clone());
    let id = match lake.id().await {
        Ok(id) => id.map(|id| id.to_string()),
        Err(error) => {
            unknown(&error.to_string());
            return Ok(());
        }
    };
    if id != manifest.lake {
        unknown("this is not the lake that the export was made of");
        return Ok(());
    }
    let table = TableId::new(&manifest.zone, &manifest.table);
    let version = match lake.version(&table, AsOf::Version(number)).await {
        Ok(Some(version)) => version,
        Ok(None) | Err(lake::Error::NoVersion { .. } | lake::Error::VersionRemoved { .. }) => {
            unknown("the lake has that version no more");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let tables = session.tables();
    let rows = tables.in_files(&version.table, &version.schema, &version.files)?;
    let mut stream = stream(session, &rows, &manifest.table).await?;
    let mut read = Read::default();
    let failed = |error| Error::execution(&manifest.table, error);
    while let Some(batch) = stream.try_next().await.map_err(failed)? {
        read.take(&batch);
    }
    match (read.rows, read.content.to_text()) == (manifest.rows, manifest.content.clone()) {
        true => check.found(
            "lake",
            Verdict::Ok,
            format!("version {number} holds the same rows"),
        ),
        false => check.found(
            "lake",
            Verdict::Fail,
            format!("version {number} holds other rows"),
        ),
    }
    Ok(())
}
