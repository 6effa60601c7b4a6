//! `stedi report --out FILE`: a page for reviewers and auditors.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use engine::Setup;
use evidence::{Check, Evidence, Verdict};

use super::run::expectations;
use crate::args::{Format, PageFormat, ReportArgs};
use crate::failure::{Ending, Failure};
use crate::output::{put, put_json, say};
use crate::runtime::runtime;
use crate::settings::Settings;

/// How much of a file tells whether it is a page.
const HEAD_BYTES: u64 = 256;

pub(crate) fn report(settings: &Settings, args: &ReportArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    let target = Target::of(settings, args, &setup)?;
    let expect = expectations(&setup.project, args.expect.as_deref())?;
    let evidence = runtime()?.block_on(engine::evidence(&setup, expect.as_ref()))?;
    let ending = ending(&evidence);
    match target {
        Target::Stdout(PageFormat::Json) => put_json(&evidence)?,
        Target::Stdout(format) => put(&page(&evidence, format)?)?,
        Target::File(path, format, existing) => {
            write(&path, &page(&evidence, format)?, existing, settings.yes)?;
            say(
                settings,
                &format!("wrote {}: {}", path.display(), sentence(evidence.verdict)),
            );
        }
    }
    Ok(ending)
}

/// As `verify` ends: a privacy gate counts for more than a check.
fn ending(evidence: &Evidence) -> Ending {
    let mut checks = evidence.checks.iter();
    let refuses = |check: &Check| check.verdict == Verdict::Fail && check.action == "refuse";
    match evidence.verdict {
        Verdict::Fail if checks.any(refuses) => Ending::Refused,
        Verdict::Fail => Ending::Check,
        Verdict::Ok | Verdict::Warn => Ending::Done,
    }
}

fn sentence(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "everything holds",
        Verdict::Warn => "something is to be looked at",
        Verdict::Fail => "something does not hold",
    }
}

fn page(evidence: &Evidence, format: PageFormat) -> Result<String> {
    Ok(match format {
        PageFormat::Html => pages::html(evidence),
        PageFormat::Md => pages::markdown(evidence),
        PageFormat::Json => format!("{}\n", serde_json::to_string(evidence)?),
    })
}

/// Where the page goes.
enum Target {
    Stdout(PageFormat),
    File(PathBuf, PageFormat, Existing),
}

impl Target {
    /// Decided before anything is read.
    fn of(settings: &Settings, args: &ReportArgs, setup: &Setup) -> Result<Self> {
        let wants_json = settings.format.value == Format::Json;
        let Some(out) = &args.out else {
            if wants_json {
                return Ok(Target::Stdout(PageFormat::Json));
            }
            return Err(Failure::settings(
                "there is no file for the report",
                "name one, such as `--out report.html` or `--out report.md`; `--out -` prints the page, `--format json` the figures",
            ));
        };
        if out == "-" {
            let default = match wants_json {
                true => PageFormat::Json,
                false => PageFormat::Html,
            };
            return Ok(Target::Stdout(args.page_format.unwrap_or(default)));
        }
        if out.contains("://") {
            return Err(Failure::settings(
                "a report is written to a file of this machine",
                "name a local file with --out, and copy it",
            ));
        }
        let path = PathBuf::from(out);
        let format = format_of(&path, args.page_format)?;
        require_room(&path, setup)?;
        let existing = Existing::at(&path, settings.yes)?;
        Ok(Target::File(path, format, existing))
    }
}

/// Whether a file is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing {
    /// There is none: one that comes up meanwhile is kept.
    None,
    /// One of which nothing is lost, or that the user gives up.
    Replaced,
}

impl Existing {
    /// Only an earlier page is replaced unasked: any other file may be the only copy of
    /// what it holds, such as a key.
    fn at(path: &Path, yes: bool) -> Result<Self> {
        if std::fs::symlink_metadata(path).is_err() {
            return Ok(Self::None);
        }
        let mut head = Vec::new();
        let read = File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
        if yes || (read.is_ok() && (head.is_empty() || pages::is_page(&head))) {
            return Ok(Self::Replaced);
        }
        Err(Failure::settings(
            format!("{} exists and is no report", path.display()),
            "name another file with --out, or give --yes to replace it",
        ))
    }
}

/// The format asked for, or that of the file's ending.
fn format_of(path: &Path, asked: Option<PageFormat>) -> Result<PageFormat> {
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    let by_ending = match ending.as_ref().and_then(|ending| ending.to_str()) {
        Some("html" | "htm") => Some(PageFormat::Html),
        Some("md" | "markdown") => Some(PageFormat::Md),
        Some("json") => Some(PageFormat::Json),
        _ => None,
    };
    asked.or(by_ending).ok_or_else(|| {
        Failure::settings(
            format!("the ending of {} tells no format", path.display()),
            "end the name with .html, .md or .json, or give --as",
        )
    })
}

/// Refuses what is no place for a file: a folder, a device, lake and landing.
fn require_room(path: &Path, setup: &Setup) -> Result<()> {
    let shown = path.display();
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => {
            let what = match there.is_dir() {
                true => "a folder",
                false => "no regular file",
            };
            return Err(Failure::settings(
                format!("{shown} is {what}"),
                "name a file with --out; `--out -` prints the page",
            ));
        }
        _ => {}
    }
    for (what, other) in [("lake", &setup.lake), ("landing folder", &setup.landing)] {
        if other.contains(path) {
            return Err(Failure::settings(
                format!("{shown} is in the {what} ({other})"),
                "name a file outside of it with --out",
            ));
        }
    }
    Ok(())
}

/// Writes the whole file or nothing: readers see the old page until the new one is
/// complete.
fn write(path: &Path, text: &str, existing: Existing, yes: bool) -> Result<()> {
    let failed = |error: std::io::Error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => "create the folder first",
            ErrorKind::AlreadyExists => "another program has written it meanwhile",
            ErrorKind::PermissionDenied => "check that you can write to the folder",
            _ => "check the path, and that there is free space",
        };
        Failure::failed(format!("cannot write {}: {error}", path.display()), hint)
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Others may read it as far as the user's umask lets them: it is made to be shown.
    let mut file = tempfile::Builder::new()
        .prefix(".report-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| failed(without_path(error)))?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    let placed = match existing {
        Existing::None => file.persist_noclobber(path),
        Existing::Replaced => {
            // Another program may have put a file of its own there meanwhile.
            Existing::at(path, yes)?;
            file.persist(path)
        }
    };
    placed.map_err(|error| failed(error.error))?;
    Ok(())
}

/// The error without the name of the temporary file, which tells the user nothing.
fn without_path(error: std::io::Error) -> std::io::Error {
    std::io::Error::from(error.kind())
}
