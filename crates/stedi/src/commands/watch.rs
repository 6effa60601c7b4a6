//! `stedi watch`: stays, and runs whenever new landing files are whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use engine::{
    CheckReport, Class, Interrupt, MissingTables, NoProgress, ReadableFiles, Report, RunOptions,
    Setup, Verdict,
};
use futures::FutureExt;
use ingest::watch::{AtLeast, Batch, Pace, Place, Queue, QueueError, Step, Watcher};
use query::LandingFault;
use serde::Serialize;

use super::run;
use super::run_report::remark;
use super::vacuum::duration_of;
use crate::args::{Format, WatchArgs};
use crate::errors;
use crate::failure::{Ending, Failure};
use crate::output::{grouped, put_escaped, put_json, say};
use crate::runtime::runtime;
use crate::settings::{Settings, seconds_of, size_of};
use crate::watchdog::interrupt;

/// Small files are merged after so many runs that published something. A run adds at most a
/// few files to a table, so a table has few dozens of small ones.
const COMPACT_AFTER: u32 = 16;

/// How long a run waits for another writer before it is tried again later.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Whoever enters consent by hand adds an entry to this log.
const REGISTER_LOG: &str = "system/consent_register/_delta_log";

/// What a watch does beside running.
struct Upkeep {
    /// Whether small files of tables are merged.
    compacts: bool,
    /// How long versions are kept; `None` removes none.
    keep: Option<Duration>,
}

pub(crate) fn watch(settings: &Settings, args: &WatchArgs) -> Result<Ending> {
    let pace = Pace {
        every: seconds_of("every", &args.every)?.max(Duration::from_millis(50)),
        at_least: at_least_of(&args.at_least)?,
        at_most_wait: seconds_of("at-most-wait", &args.at_most_wait)?,
        settle: seconds_of("settle", &args.settle)?,
    };
    let options = RunOptions {
        changed: run::changed_files(args.changed),
        undecodable: run::undecodable(settings, args.undecodable),
        missing: MissingTables::Empty,
        ..RunOptions::default()
    };
    let upkeep = Upkeep {
        compacts: !args.no_compact,
        keep: args.keep.as_deref().map(duration_of).transpose()?,
    };
    let setup = settings.setup()?;
    let queue = args.sqs_queue.as_deref();
    let queue = queue.map(|url| queue_of(&setup, url)).transpose()?;
    runtime()?.block_on(watch_landing(settings, setup, queue, pace, options, upkeep))
}

/// The queue that tells of new objects in landing.
fn queue_of(setup: &Setup, url: &str) -> Result<Queue> {
    if setup.landing.folder().is_some() {
        return Err(Failure::settings(
            "--sqs-queue is for a landing zone in a bucket",
            "leave it out: the system tells of new files in a folder",
        ));
    }
    Queue::parse(url).map_err(|error| {
        let hint = match error {
            QueueError::Region => "set AWS_REGION",
            QueueError::Client | QueueError::Credentials => "check the AWS_* variables",
            _ => "write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME",
        };
        Failure::settings(format!("--sqs-queue: {error}"), hint)
    })
}

/// Watches as without a flag, but so often.
pub(super) async fn follow(settings: &Settings, setup: Setup, every: Duration) -> Result<Ending> {
    let pace = Pace {
        every,
        at_least: AtLeast::Files(1),
        at_most_wait: Duration::from_secs(60),
        settle: Duration::from_secs(2),
    };
    let upkeep = Upkeep {
        compacts: true,
        keep: None,
    };
    let options = RunOptions {
        missing: MissingTables::Empty,
        ..RunOptions::default()
    };
    watch_landing(settings, setup, None, pace, options, upkeep).await
}

/// Runs whenever something has arrived, until the program is asked to stop.
async fn watch_landing(
    settings: &Settings,
    setup: Setup,
    queue: Option<Queue>,
    pace: Pace,
    options: RunOptions,
    upkeep: Upkeep,
) -> Result<Ending> {
    let places = setup.project.landing().iter().map(|table| {
        Ok(Place {
            table: table.name.to_string(),
            location: query::landing::place(&setup.landing, table)?,
        })
    });
    let places = places.collect::<Result<Vec<_>, query::Error>>()?;
    let signals = vec![setup.lake.join(REGISTER_LOG)];
    let mut watcher = Watcher::new(places, signals, queue, pace);
    let mut runs = Runs {
        settings,
        setup,
        options,
        upkeep,
        said: BTreeSet::new(),
        warned: Vec::new(),
        published: 0,
        is_busy: false,
    };
    say(settings, &format!("watching {}", runs.setup.landing));
    let mut asked = interrupt();
    loop {
        let step = tokio::select! {
            step = watcher.next() => step,
            () = asked.requested() => return Ok(Ending::Interrupted),
        };
        let batch = match step {
            Step::Notice(notice) => {
                say(settings, &notice);
                continue;
            }
            Step::Run(batch) => batch,
        };
        let next = runs.run(&batch, &asked).await?;
        match next {
            Next::Done => watcher.done(&batch),
            Next::Again { is_busy } => {
                watcher.failed(is_busy);
            }
            Next::End => return Ok(Ending::Interrupted),
        }
        if matches!(next, Next::Done) && !runs.maintain(&asked).await {
            return Ok(Ending::Interrupted);
        }
        // A publication that has begun is finished first, and may have been asked to stop. A
        // signal between these lines ends the next wait.
        let before = std::mem::replace(&mut asked, interrupt());
        if before.requested().now_or_never().is_some() {
            return Ok(Ending::Interrupted);
        }
    }
}

/// What follows on a run.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// It took in what had arrived, or refuses it.
    Done,
    /// It is tried again after a pause.
    Again { is_busy: bool },
    /// The program was asked to stop.
    End,
}

/// The runs of a watch.
struct Runs<'a> {
    settings: &'a Settings,
    setup: Setup,
    options: RunOptions,
    upkeep: Upkeep,
    /// Warnings and errors of the last run, which are not said again.
    said: BTreeSet<String>,
    /// Checks that warned in the last run, likewise.
    warned: Vec<CheckReport>,
    /// Runs that published something since small files were merged.
    published: u32,
    /// Another writer held the lake when the last run was to begin.
    is_busy: bool,
}

/// A line about a run.
#[derive(Debug, Default, Serialize)]
struct Line {
    /// When the run ended.
    time: String,
    outcome: &'static str,
    /// Landing files that it read, and their size.
    files: u64,
    bytes: u64,
    /// All rows of each table after it.
    rows: BTreeMap<String, u64>,
    /// Places in landing files that cannot be read, those of earlier runs included.
    quarantined: u64,
    seconds: f64,
    /// The release that it published.
    release: Option<u64>,
    /// Why it built everything anew, or what else is to be said of it.
    how: Option<String>,
    /// Why it failed.
    error: Option<String>,
}

impl Runs<'_> {
    /// Runs once, and prints a line about it.
    ///
    /// # Errors
    /// Where no later run can do better: settings and project files that are wrong.
    async fn run(&mut self, batch: &Batch, interrupt: &Arc<Interrupt>) -> Result<Next> {
        let started = Instant::now();
        let setup = self.setup_now();
        let chosen = batch.clone();
        let options = RunOptions {
            readable: ReadableFiles::those(move |table, file| {
                chosen.may_read(table, &file.name, file.bytes)
            }),
            ..self.options.clone()
        };
        let (progress, interrupt) = (Arc::new(NoProgress), Arc::clone(interrupt));
        let ran = run::execute_until(self.settings, &setup, &options, progress, interrupt).await;
        let mut line = Line {
            time: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            seconds: (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            ..Line::default()
        };
        self.is_busy &= ran.is_err();
        let next = match ran {
            Ok(report) => {
                self.take_report(&report, &mut line);
                Next::Done
            }
            Err(engine::Error::Interrupted) => return Ok(Next::End),
            Err(error) if error.class() == Class::Busy => {
                // It may be so for hours, and is no run.
                if !std::mem::replace(&mut self.is_busy, true) {
                    say(self.settings, &format!("{error}; waiting for it"));
                }
                return Ok(Next::Again { is_busy: true });
            }
            Err(error) => self.take_error(error, batch, &mut line)?,
        };
        self.put(&line)?;
        Ok(next)
    }

    fn setup_now(&self) -> Setup {
        let fixed = self.settings.now_ms.value;
        Setup {
            now_ms: fixed.unwrap_or_else(|| chrono::Utc::now().timestamp_millis()),
            wait: self.settings.wait.max(LOCK_WAIT),
            ..self.setup.clone()
        }
    }

    fn take_report(&mut self, report: &Report, line: &mut Line) {
        line.outcome = if report.is_refused() {
            "refused"
        } else if report.verdict() == Verdict::Fail {
            "check_failed"
        } else if report.release.is_some() {
            "published"
        } else {
            "unchanged"
        };
        line.files = report.files_read;
        line.bytes = report.bytes_read;
        line.quarantined = report.quarantined;
        line.release = report.release;
        line.how = report.how.clone();
        let rows = report.tables.iter();
        line.rows = rows
            .filter_map(|table| Some((table.table.clone(), table.rows?)))
            .collect();
        self.published += u32::from(report.release.is_some());
        let warnings: BTreeSet<String> = report.warnings.iter().cloned().collect();
        let mut unsaid = report.clone();
        unsaid
            .warnings
            .retain(|warning| !self.said.contains(warning));
        // The line says how many there are.
        unsaid.quarantined = 0;
        unsaid.undecodable.retain(|file| !self.said.contains(file));
        unsaid.left_out.clear();
        let is_known = |check: &CheckReport| self.warned.contains(check);
        unsaid.checks.retain(|check| !is_known(check));
        remark(self.settings, &self.setup.project, &unsaid);
        let is_warning = |check: &&CheckReport| check.verdict == Verdict::Warn;
        self.warned = report.checks.iter().filter(is_warning).cloned().collect();
        self.said = warnings;
        self.said.extend(report.undecodable.iter().cloned());
    }

    /// What follows on an error, which is told unless it is that of the last run.
    fn take_error(&mut self, error: engine::Error, batch: &Batch, line: &mut Line) -> Result<Next> {
        let (class, message) = (error.class(), error.to_string());
        if class == Class::Settings {
            return Err(error.into());
        }
        line.files = batch.files;
        line.bytes = batch.bytes;
        line.error = Some(message.clone());
        let is_nothing_there = matches!(
            &error,
            engine::Error::Query(query::Error::Landing(
                LandingFault::NoFile { .. } | LandingFault::NoFolder { .. }
            ))
        );
        let is_new = self.said.insert(message);
        if is_new {
            errors::report(&error.into());
        }
        let (outcome, next) = match class {
            // Only other input, or an entry by hand, can change these.
            Class::Refused => ("refused", Next::Done),
            Class::Check => ("check_failed", Next::Done),
            _ if is_nothing_there => ("failed", Next::Done),
            _ => ("failed", Next::Again { is_busy: false }),
        };
        line.outcome = outcome;
        Ok(next)
    }

    fn put(&self, line: &Line) -> Result<()> {
        match self.settings.format.value {
            Format::Json | Format::Ndjson => put_json(line),
            Format::Table | Format::Csv => put_escaped(&format!("{}\n", line.for_people())),
        }
    }

    /// Merges small files once enough runs have added some, and removes old versions if
    /// the user asked for it. Returns false if the program was asked to stop.
    ///
    /// What fails is done after later runs.
    async fn maintain(&mut self, interrupt: &Arc<Interrupt>) -> bool {
        if self.published < COMPACT_AFTER {
            return true;
        }
        self.published = 0;
        let setup = self.setup_now();
        if self.upkeep.compacts {
            match engine::compact_young(&setup, Arc::clone(interrupt)).await {
                Ok(merged) if !merged.is_empty() => {
                    let before: u64 = merged.iter().map(|table| table.files_before).sum();
                    let after: u64 = merged.iter().map(|table| table.files_after).sum();
                    let (before, after) = (grouped(before), grouped(after));
                    say(
                        self.settings,
                        &format!("merged small files: {before} files became {after}"),
                    );
                }
                Ok(_) => {}
                Err(engine::Error::Interrupted) => return false,
                Err(error) => self.say_of_upkeep("small files were not merged", &error),
            }
        }
        if let Some(keep) = self.upkeep.keep
            && let Err(error) = engine::vacuum(&setup, keep, false).await
        {
            self.say_of_upkeep("old versions were not removed", &error);
        }
        true
    }

    fn say_of_upkeep(&self, what: &str, error: &engine::Error) {
        if error.class() != Class::Busy {
            say(self.settings, &format!("warning: {what}: {error}"));
        }
    }
}

impl Line {
    /// As one line of text.
    fn for_people(&self) -> String {
        let mut text = format!("{} {}", self.time, self.outcome);
        if let Some(release) = self.release {
            text += &format!(" release {release}");
        }
        let noun = if self.files == 1 { "file" } else { "files" };
        text += &format!(
            ": {} {noun}, {} bytes, {:.1} s",
            grouped(self.files),
            grouped(self.bytes),
            self.seconds
        );
        if self.quarantined > 0 {
            text += &format!(", {} quarantined", grouped(self.quarantined));
        }
        if let Some(how) = &self.how {
            text += &format!("; {how}");
        }
        if let Some(error) = &self.error {
            let first = error.lines().next().unwrap_or_default();
            text += &format!("; {first}");
        }
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|(table, rows)| format!("{table} {}", grouped(*rows)))
            .collect();
        if !rows.is_empty() {
            text += &format!("; {}", rows.join(", "));
        }
        text
    }
}

/// `100` and `100files` are a number of files, `64MB` a size.
fn at_least_of(text: &str) -> Result<AtLeast> {
    let count = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let at_least = match text[count.len()..].trim().to_ascii_uppercase().as_str() {
        "" | "FILE" | "FILES" => count.parse().ok().map(AtLeast::Files),
        _ => size_of(text).map(|bytes| AtLeast::Bytes(bytes as u64)),
    };
    at_least.ok_or_else(|| {
        Failure::settings(
            format!("at-least: `{text}` is neither a number of files nor a size"),
            "write --at-least 100 or --at-least 64MB",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_as_people_write_them() {
        for (text, expected) in [
            ("1", Some(AtLeast::Files(1))),
            ("100 files", Some(AtLeast::Files(100))),
            ("64MB", Some(AtLeast::Bytes(64 << 20))),
            ("2 gib", Some(AtLeast::Bytes(2 << 30))),
            ("many", None),
            ("3 apples", None),
            ("-1", None),
            ("99999999999999999999", None),
            ("99999999999GB", None),
        ] {
            assert_eq!(at_least_of(text).ok(), expected, "{text}");
        }
    }
}
