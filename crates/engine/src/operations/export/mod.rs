//! `stedi export`: one version of one table, out of the lake, with a manifest by
//! which the same export can be made again and proved equal.
//!
//! - Personal values leave only where the user asked for them explicitly.
//! - Rows stream: memory holds only what a file's writer buffers.
//! - Exports of one version by one program are equal to the byte but for the time
//!   in the manifest; whatever their order and format, exports of equal rows have
//!   the same content.
//! - Until all is written there is no manifest, and without one it is no export.

mod check;
mod decode;
mod draft;
mod encode;
mod format;
mod input_versions;
mod manifest;
mod original;
mod parts;
mod place;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use catalog::{Project, Table};
use futures::TryStreamExt;
use lake::{AsOf, Lake};
use sha2::{Digest, Sha256};

pub use self::check::{ExportCheck, Finding, check_export};
use self::decode::{Malformed, typed};
use self::draft::Draft;
pub use self::format::ExportFormat;
pub(super) use self::manifest::instant;
use self::manifest::{ExportedColumn, LandingRead, Policy};
pub use self::manifest::{ExportedFile, Manifest};
use self::original::Original;
pub(super) use self::original::stream as rows_in_order;
use self::parts::{PART_BYTES, Parts};
use self::place::Place;
use crate::Interrupt;
use crate::content;
use crate::content::Content;
use crate::error::{Error, ExportFault};
use crate::progress::Progress;
use crate::stop::Stop;
use query::Session;
use query::Setup;
use query::sql_types;

/// How long an export that was asked to stop is waited for.
const PATIENCE: Duration = Duration::from_millis(300);

/// What to export.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The table, by any of its names.
    pub table: String,
    /// A folder, or a file that ends with a format's name; or a URL of either.
    pub to: String,
    /// The version; the newest where none is given.
    pub version: Option<i64>,
    /// The format; that of the path's ending where none is given, or Parquet.
    pub format: Option<ExportFormat>,
    /// Whether personal values may leave the lake.
    pub personal: bool,
}

/// Exports a table and gives the manifest that lies beside its files.
/// `interrupt` ends it early; nothing stays behind then.
///
/// # Errors
/// [`Error::Refused`] for a table with personal values, without leave for them;
/// [`Error::Settings`] where something lies in the way, or in lake or landing;
/// [`Error::Export`] where it cannot be written; any other [`Error`] of reading.
pub async fn export(
    setup: &Setup,
    options: &ExportOptions,
    progress: Arc<dyn Progress>,
    interrupt: Arc<Interrupt>,
) -> Result<Manifest, Error> {
    let mut setup = setup.clone();
    if let Some(number) = options.version {
        setup.as_of = AsOf::Version(number);
    }
    let place = Place::of(&options.to)?;
    let format = place.format(options.format)?;
    place.apart(&setup)?;
    let session = Session::open(&setup)?;
    let original = Original::find(&setup, &session, &options.table).await?;
    original.must_be_allowed(options.personal)?;

    let draft = Draft::begin(place).await?;
    let mut parts = Parts::new(&draft, &original.layout, format, PART_BYTES);
    let stop = Stop::default();
    let written = {
        let work = async {
            let read = write(&session, &original, &mut parts, &progress, &stop).await?;
            let files = parts.finish().await?;
            describe(&setup, &session, &original, read, format, files).await
        };
        let mut work = std::pin::pin!(work);
        tokio::select! {
            written = &mut work => written,
            () = interrupt.requested() => {
                stop.request();
                let _ = tokio::time::timeout(PATIENCE, &mut work).await;
                Err(Error::Interrupted)
            }
        }
    };
    let manifest = match written {
        Ok(manifest) => manifest,
        Err(error) => {
            let names = parts.abort().await;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            draft.abandon(&names).await;
            return Err(error);
        }
    };
    drop(parts);
    let names: Vec<&str> = manifest
        .files
        .iter()
        .map(|file| file.file.as_str())
        .collect();
    draft.finish(&names, manifest.to_bytes()).await?;
    Ok(manifest)
}

/// Rows that went out.
struct Read {
    rows: u64,
    content: Content,
}

async fn write(
    session: &Session,
    original: &Original,
    parts: &mut Parts<'_>,
    progress: &Arc<dyn Progress>,
    stop: &Stop,
) -> Result<Read, Error> {
    let table = &original.table().name;
    progress.plan(std::slice::from_ref(table));
    progress.begin(table);
    let failed = |error| Error::execution(table, error);
    let mut stream = original.stream(session).await?;
    let mut read = Read {
        rows: 0,
        content: Content::default(),
    };
    while let Some(batch) = stream.try_next().await.map_err(failed)? {
        stop.check()?;
        let batch = typed(original.schema(), batch.columns().to_vec());
        let batch = batch.map_err(|Malformed| {
            Error::Query(query::Error::Execution {
                what: table.clone(),
                message: "a value does not fit its column".to_owned(),
            })
        })?;
        read.rows += batch.num_rows() as u64;
        read.content.add(content::hashes(&batch));
        parts.write(&batch).await?;
        progress.rows(table, batch.num_rows() as u64);
    }
    progress.end(table, read.rows);
    must_be_as_published(original, &read)?;
    Ok(read)
}

/// A version whose files hold other rows than its commit says is not passed on.
/// Where a commit appended, it speaks of its own rows alone.
fn must_be_as_published(original: &Original, read: &Read) -> Result<(), Error> {
    let Some((version, _)) = &original.version else {
        return Ok(());
    };
    match &version.commit_info {
        Some(commit_info)
            if commit_info.rows == read.rows && commit_info.content != read.content.to_text() =>
        {
            Err(Error::Export(ExportFault::OtherRows {
                table: original.table().to_string(),
                version: version.number,
            }))
        }
        _ => Ok(()),
    }
}

async fn describe(
    setup: &Setup,
    session: &Session,
    original: &Original,
    read: Read,
    format: ExportFormat,
    files: Vec<ExportedFile>,
) -> Result<Manifest, Error> {
    let lake = Lake::at(setup.lake.clone());
    let table = original.table();
    let version = original.version.as_ref();
    let commit = version.and_then(|(_, commit)| commit.as_ref());
    let run = version.and_then(|(version, _)| Some(version.commit_info.as_ref()?.run.clone()));
    let model = match setup.project.find(&table.name) {
        Some(Table::Model(model)) => Some(model),
        _ => None,
    };
    let built_from = match (model, commit) {
        (Some(model), Some(commit)) => {
            input_versions::built_from(&lake, &setup.project, model, commit).await?
        }
        _ => Vec::new(),
    };
    let landing = match (&run, model, table.zone.as_str()) {
        (Some(run), Some(_), _) => landing_of(setup, run).await?,
        (_, _, "landing") => landing_read(session),
        _ => Vec::new(),
    };
    let personal = original.layout.personal();
    let fields = original.schema().fields().iter();
    Ok(Manifest {
        manifest: 1,
        table: table.name.clone(),
        zone: table.zone.clone(),
        grain: original.grain.clone(),
        lake: lake.id().await?.map(|id| id.to_string()),
        version: version.map(|(version, _)| version.number),
        committed_at: commit.map(|commit| instant(commit.timestamp)),
        run,
        built_from,
        landing,
        rows: read.rows,
        content: read.content.to_text(),
        columns: fields
            .map(|field| ExportedColumn {
                column: field.name().clone(),
                kind: sql_types::name(field.data_type()),
                personal: personal.contains(field.name()),
            })
            .collect(),
        policy: Policy::of(&table.zone),
        models: models(&setup.project),
        format,
        files,
        program: format!("stedi {}", env!("CARGO_PKG_VERSION")),
        made_at: instant(setup.now_ms),
    })
}

/// The ledger speaks of all runs; an older version of it need not know this one.
async fn landing_of(setup: &Setup, run: &str) -> Result<Vec<LandingRead>, Error> {
    let setup = Setup {
        as_of: AsOf::Latest,
        ..setup.clone()
    };
    input_versions::landing_of_run(&Session::open(&setup)?, run).await
}

/// What this session read.
fn landing_read(session: &Session) -> Vec<LandingRead> {
    let tables = session.intake().tables().into_iter();
    tables
        .map(|(table, intake)| LandingRead {
            table,
            files: intake.files.len() as u64,
            rows: intake.rows(),
            bytes: intake.tally.bytes(),
            quarantined: intake.tally.rejected_objects,
        })
        .collect()
}

/// Names the data product. Each text goes in behind its length, so that no two
/// products make one stream of bytes.
pub(super) fn models(project: &Project) -> String {
    let mut hash = Sha256::new();
    for part in project
        .definitions()
        .flat_map(|(table, text)| [table, text])
    {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    encode::hex(&hash.finalize())
}
