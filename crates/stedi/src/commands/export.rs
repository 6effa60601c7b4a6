//! `stedi export`: writes one version of a table to files, or checks such files.

use anyhow::Result;
use engine::{ExportOptions, Manifest, Verdict};

use crate::args::{ExportArgs, Format};
use crate::failure::Ending;
use crate::output::{Field, grouped, put_json, put_list, say};
use crate::progress;
use crate::runtime::runtime;
use crate::settings::Settings;
use crate::watchdog::interrupt;

pub(crate) fn export(settings: &Settings, args: &ExportArgs) -> Result<Ending> {
    match (&args.check, &args.table, &args.to) {
        (None, Some(table), Some(to)) => {
            let options = ExportOptions {
                table: table.clone(),
                to: to.clone(),
                version: args.version,
                format: args.files_format.map(Into::into),
                personal: args.personal,
            };
            make(settings, &options)
        }
        // The command line has either the path of `--check` or table and `--to`.
        (path, _, _) => check(settings, path.as_deref().unwrap_or_default()),
    }
}

fn make(settings: &Settings, options: &ExportOptions) -> Result<Ending> {
    let setup = settings.setup()?;
    let progress = progress::shown(settings);
    let manifest = runtime()?
        .block_on(async { engine::export(&setup, options, progress, interrupt()).await })?;
    if settings.format.value == Format::Json {
        put_json(&manifest)?;
    } else {
        let headings = ["file", "rows", "bytes", "sha256"];
        put_list(settings, &headings, &manifest.files, |file| {
            vec![
                Field::text(Some(&file.file)),
                Field::count(file.rows),
                Field::count(file.bytes),
                Field::text(Some(&file.sha256)),
            ]
        })?;
    }
    conclude(settings, options, &manifest);
    Ok(Ending::Done)
}

fn conclude(settings: &Settings, options: &ExportOptions, manifest: &Manifest) {
    let left_out: u64 = match manifest.zone.as_str() {
        "landing" => manifest.landing.iter().map(|read| read.quarantined).sum(),
        _ => 0,
    };
    if left_out > 0 {
        say(
            settings,
            &format!(
                "warning: {} objects in landing files cannot be read and were left out",
                grouped(left_out)
            ),
        );
    }
    let version = manifest
        .version
        .map(|version| format!(" version {version}"))
        .unwrap_or_default();
    say(
        settings,
        &format!(
            "exported {}.{}{version}: {} rows to {}, content {}\n\
             hint: `stedi export --check {}` checks the files",
            manifest.zone,
            manifest.table,
            grouped(manifest.rows),
            options.to,
            manifest.content,
            options.to,
        ),
    );
}

fn check(settings: &Settings, path: &str) -> Result<Ending> {
    let setup = settings.setup()?;
    let check = runtime()?.block_on(engine::check_export(&setup, path))?;
    if settings.format.value == Format::Json {
        put_json(&check)?;
    } else {
        let headings = ["what", "verdict", "detail"];
        put_list(settings, &headings, &check.findings, |finding| {
            vec![
                Field::text(Some(&finding.what)),
                Field::Verdict(finding.verdict),
                Field::text(Some(&finding.detail)),
            ]
        })?;
    }
    Ok(match check.verdict() {
        Verdict::Fail => Ending::Check,
        Verdict::Ok | Verdict::Warn => Ending::Done,
    })
}
