//! `stedi doctor`: shows versions and settings, and checks the places.

use anyhow::Result;
use engine::{Class, Verdict};
use lake::{Lake, Location};
use serde::Serialize;

use super::key::Told;
use crate::failure::Ending;
use crate::output::{Field, grouped, put_list};
use crate::runtime::runtime;
use crate::settings::{Origin, Settings};

/// One thing that was checked.
#[derive(Serialize)]
struct Finding {
    what: &'static str,
    found: String,
    origin: Option<String>,
    verdict: Verdict,
}

pub(crate) fn doctor(settings: &Settings) -> Result<Ending> {
    let mut findings = versions();
    findings.extend(plain_settings(settings));
    findings.push(project(settings));
    let runtime = runtime()?;
    findings.push(runtime.block_on(landing(settings)));
    findings.push(runtime.block_on(lake(settings)));
    findings.push(runtime.block_on(key(settings)));
    findings.push(temporary_folder());
    let headings = ["what", "found", "from", "verdict"];
    put_list(settings, &headings, &findings, |finding| {
        vec![
            Field::text(Some(finding.what)),
            Field::text(Some(&finding.found)),
            Field::text(finding.origin.as_deref()),
            Field::Verdict(finding.verdict),
        ]
    })?;
    let failed = findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Fail);
    Ok(if failed { Ending::Failed } else { Ending::Done })
}

fn versions() -> Vec<Finding> {
    let version = |what, found: &str| Finding {
        what,
        found: found.to_owned(),
        origin: None,
        verdict: Verdict::Ok,
    };
    vec![
        version("stedi", env!("CARGO_PKG_VERSION")),
        version("datafusion", engine::datafusion_version()),
        version("delta", lake::delta_version()),
    ]
}

fn plain_settings(settings: &Settings) -> Vec<Finding> {
    let setting = |what, found: String, origin: &Origin| Finding {
        what,
        found,
        origin: Some(origin.to_string()),
        verdict: Verdict::Ok,
    };
    let memory = settings.memory_bytes.value >> 20;
    let format = format!("{:?}", settings.format.value).to_lowercase();
    let undecodable = format!("{:?}", settings.undecodable.value).to_lowercase();
    let now = settings
        .now_ms
        .value
        .map_or_else(|| "the clock".to_owned(), |now| now.to_string());
    let databases = match settings.databases.value.is_empty() {
        true => "those that landing definitions name".to_owned(),
        false => settings.databases.value.join(", "),
    };
    vec![
        setting(
            "memory",
            format!("{} MiB", grouped(memory as u64)),
            &settings.memory_bytes.origin,
        ),
        setting("format", format, &settings.format.origin),
        setting("undecodable", undecodable, &settings.undecodable.origin),
        setting("now", now, &settings.now_ms.origin),
        setting("databases", databases, &settings.databases.origin),
    ]
}

fn project(settings: &Settings) -> Finding {
    let place = match &settings.project.value {
        Some(dir) => dir.display().to_string(),
        None => "built-in".to_owned(),
    };
    let (found, verdict) = match settings.project() {
        Ok(project) => {
            let tables = project.landing().len() + project.models().len();
            (format!("{place}: {tables} tables"), Verdict::Ok)
        }
        Err(error) => (format!("{place}: {error}"), Verdict::Fail),
    };
    Finding {
        what: "project",
        found,
        origin: Some(settings.project.origin.to_string()),
        verdict,
    }
}

async fn landing(settings: &Settings) -> Finding {
    let place = &settings.landing.value;
    let tables = async {
        let setup = settings.setup()?;
        let unreadable = engine::unreadable_landing(&setup).await;
        Ok::<_, anyhow::Error>((engine::tables(&setup).await?, unreadable))
    };
    let (found, verdict) = match tables.await {
        Ok((_, unreadable)) if !unreadable.is_empty() => {
            (format!("{place}: {}", unreadable.join("; ")), Verdict::Warn)
        }
        Ok((tables, _)) => {
            let landing = tables.iter().filter(|table| table.zone == "landing");
            let missing: Vec<&str> = landing
                .clone()
                .filter(|table| table.files.is_none_or(|files| files == 0))
                .map(|table| table.table.as_str())
                .collect();
            let files: u64 = landing.filter_map(|table| table.files).sum();
            if missing.is_empty() {
                (format!("{place}: {} files", grouped(files)), Verdict::Ok)
            } else {
                (
                    format!("{place}: nothing for {}", missing.join(", ")),
                    Verdict::Warn,
                )
            }
        }
        Err(error) => (format!("{place}: {error}"), Verdict::Fail),
    };
    Finding {
        what: "landing",
        found,
        origin: Some(settings.landing.origin.to_string()),
        verdict,
    }
}

/// Checks that the lake can be reached and written, and is safe for commits.
/// Does not create a missing lake.
async fn lake(settings: &Settings) -> Finding {
    let place = &settings.lake.value;
    let (found, verdict) = match Location::parse(place) {
        Err(error) => (format!("{place}: {error}"), Verdict::Fail),
        Ok(location) if location.folder().is_some_and(|folder| !folder.exists()) => (
            format!("{place}: not there yet; the first run creates it"),
            Verdict::Ok,
        ),
        Ok(location) => match lake::check_conditional_put(&location).await {
            Err(error) => (format!("{place}: {error}"), Verdict::Fail),
            Ok(()) => match Lake::at(location).tables().await {
                Ok(tables) => (
                    format!(
                        "{place}: {} tables; conditional PUT is atomic",
                        tables.len()
                    ),
                    Verdict::Ok,
                ),
                Err(error) => (format!("{place}: {error}"), Verdict::Fail),
            },
        },
    };
    Finding {
        what: "lake",
        found,
        origin: Some(settings.lake.origin.to_string()),
        verdict,
    }
}

/// Many projects need no key, so a missing place for it is only a warning.
async fn key(settings: &Settings) -> Finding {
    let told = async {
        let keys = settings.keys()?;
        Ok::<_, anyhow::Error>((keys.origin().to_string(), Told::of(&keys).await))
    };
    let (origin, found, verdict) = match told.await {
        Ok((origin, Ok(told))) => (origin, told.line(), Verdict::Ok),
        Ok((origin, Err(error))) => {
            let verdict = match error.class() {
                Class::Settings => Verdict::Fail,
                _ => Verdict::Warn,
            };
            (origin, error.to_string(), verdict)
        }
        // The places themselves are wrong, which a finding above says.
        Err(error) => (
            settings.key_file.origin.to_string(),
            error.to_string(),
            Verdict::Warn,
        ),
    };
    Finding {
        what: "key",
        found,
        origin: Some(origin),
        verdict,
    }
}

fn temporary_folder() -> Finding {
    let dir = std::env::temp_dir();
    let probe = dir.join(format!("stedi-doctor-{}", std::process::id()));
    let (note, verdict) =
        match std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)) {
            Ok(()) => ("writable".to_owned(), Verdict::Ok),
            Err(error) => (error.to_string(), Verdict::Fail),
        };
    Finding {
        what: "temporary files",
        found: format!("{}: {note}", dir.display()),
        origin: std::env::var_os("TMPDIR").map(|_| "TMPDIR".to_owned()),
        verdict,
    }
}
