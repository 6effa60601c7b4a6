//! A run: landing JSON to published tables.
//!
//! 1. Everything that can be wrong before a row is read is found: places,
//!    sources, models, contracts.
//! 2. Models are built, each as soon as what it reads is there, into files
//!    that nobody sees.
//! 3. All checks run on those files.
//! 4. If all passed, tables are published, each by one commit. A table whose
//!    rows are those it has already is left alone.

mod derived;
mod full;
mod incremental;
mod inputs;
mod plan;
mod publish;
mod records;
mod remarks;
mod selection;
mod state;
mod unchanged;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use catalog::{Expectations, TableName};
use futures::future::join_all;
use lake::{Lake, Version};
use serde::Serialize;

use crate::Class;
use crate::Error;
use crate::Interrupt;
use crate::contract::planning as models;
use crate::contract::planning::Planned;
use crate::contract::report::{Report, Verdict};
use crate::integrity::{Depth, Integrity};
use crate::lock::Held;
use crate::progress::Progress;
use crate::removed_tables;
use crate::stop::Stop;
use crate::write::build::Built;
use full::{Anew, Which};
use incremental::TakenIn;
use inputs::{apart, sources};
use query::Session;
use query::Setup;
use query::landing::Source;
use query::system;
use remarks::{refuse_undecodable, remark_on};
use selection::selected;
use state::Arrived;

pub use plan::{Plan, PlannedTable, plan};

/// What a run shall do.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Build these and what they need; all where empty.
    pub select: Vec<TableName>,
    /// Row counts that must come out.
    pub expect: Option<Expectations>,
    /// Publish nothing if any landing input cannot be read.
    pub strict: bool,
    /// Build everything anew, also where nothing is new.
    pub full: bool,
    /// What becomes of what landing files fed that changed or went since.
    pub changed: ChangedFiles,
    /// Go on without entries of the register of consent that are lost.
    pub accept_lost: bool,
    /// What becomes of the run if a file of customer records cannot be decoded.
    pub undecodable: Undecodable,
}

/// What a run does about a file of customer records of which nobody can tell
/// whom it names, so that a withdrawal in it suspends nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undecodable {
    /// It says so and goes on.
    #[default]
    Warn,
    /// It publishes nothing.
    Stop,
}

/// What a run does about landing files that are not as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChangedFiles {
    /// Everything is built anew, from what lies there now.
    #[default]
    Rebuild,
    /// What they fed is kept as it is; only what is new is taken in.
    Keep,
}

/// How long tasks that were asked to stop are waited for. Ctrl-C shall end the
/// program within a second.
const PATIENCE: Duration = Duration::from_millis(300);

/// Builds, checks and publishes. With a failed check the report says so and
/// nothing was published. `interrupt` ends it early; once publication has
/// begun, which takes a moment, it is finished first.
///
/// # Errors
/// Any [`Error`]; nothing was published then, unless it is
/// [`lake::Error::Conflict`] with another writer, who published instead.
pub async fn run(
    setup: &Setup,
    options: &RunOptions,
    progress: Arc<dyn Progress>,
    interrupt: Arc<Interrupt>,
) -> Result<Report, Error> {
    let work = Work::open(setup, options, progress, "run", &interrupt).await?;
    let prepared = work.prepare_until(options, &interrupt).await;
    interrupt.finish_first();
    let drafted = match prepared {
        Ok(prepared) if prepared.report.verdict() != Verdict::Fail => work.draft(prepared).await,
        Ok(prepared) => Ok((prepared.report, None)),
        Err(error) => Err(error),
    };
    let (report, draft) = match drafted {
        Ok((report, Some(draft))) => (report, draft),
        Err(error) if work.is_cut_off(&error) => {
            work.held.abandon();
            return Err(error);
        }
        unpublished => {
            if let Ok((report, _)) = &unpublished
                && report.verdict() != Verdict::Fail
            {
                work.tidy(false).await;
            }
            work.close().await;
            return unpublished.map(|(report, _)| report);
        }
    };
    match work.make_visible(&draft).await {
        Ok(()) => {
            work.tidy(true).await;
            work.held.let_go().await;
            Ok(report)
        }
        Err(error @ Error::Lake(lake::Error::ReleaseConflict)) => {
            work.close().await;
            Err(error)
        }
        // The release may stand, and then the next run finishes it.
        Err(error) => {
            work.held.abandon();
            Err(error)
        }
    }
}

/// A key that is missing is told before a row is read.
async fn provide_key(session: &Session, planned: &[Planned]) -> Result<(), Error> {
    for planned in planned {
        session.provide_key_for(&planned.model.sql).await?;
    }
    Ok(())
}

/// Finds out what is broken in the lake. The register of consent is mended at
/// once where `mends` says so.
async fn look_into(
    session: &Session,
    held: &Held,
    options: &RunOptions,
    mends: bool,
) -> Result<Integrity, Error> {
    let tables = session.tables().of_lake();
    let depth = match options.full {
        true => Depth::All,
        false => Depth::Touched,
    };
    let release = held.release.as_ref();
    let mut integrity = Integrity::of(session, &tables, release, depth).await?;
    if release.is_some() && held.lacks_marker() {
        integrity.note_marker();
    }
    if !options.accept_lost {
        integrity.refuse_lost_entries()?;
    }
    if let (true, false, Some(damage)) = (
        integrity.asks_for_everything(),
        options.select.is_empty(),
        integrity.damages.first(),
    ) {
        return Err(Error::Query(query::Error::Execution {
            what: "a run of some tables".to_owned(),
            message: format!("the lake is damaged ({damage}), and all tables must be built"),
        }));
    }
    match mends {
        true => integrity.mend_register(session).await?,
        false => integrity.shield_register(session)?,
    }
    integrity.shield(session)?;
    Ok(integrity)
}

struct Work {
    setup: Setup,
    session: Arc<Session>,
    held: Held,
    progress: Arc<dyn Progress>,
    planned: Vec<Planned>,
    sources: HashMap<String, Arc<Source>>,
    now_ms: i64,
    stop: Stop,
    /// Tables that were not selected and are built all the same, see
    /// [`Work::take_along`].
    along: Vec<String>,
    /// What was found broken.
    integrity: Integrity,
}

/// What a table that was built changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// There is no such table yet.
    New,
    /// Its columns are others.
    Columns,
    /// Its rows are others.
    Rows,
    /// Its rows are those that stand, its contract is another.
    Contract,
    /// Nothing.
    Nothing,
}

/// Everything computed and checked, nothing visible.
struct Prepared {
    report: Report,
    made: Made,
}

/// What a run made of what it found.
enum Made {
    /// Nothing was new.
    Nothing,
    /// What was new.
    Some(Box<TakenIn>),
    /// All tables, or those that a changed model bears on.
    Anew(Box<Anew>),
}

impl Work {
    /// Finds everything that can be wrong before a row is read.
    async fn open(
        setup: &Setup,
        options: &RunOptions,
        progress: Arc<dyn Progress>,
        command: &str,
        interrupt: &Interrupt,
    ) -> Result<Self, Error> {
        apart(setup)?;
        let session = Arc::new(Session::open(setup)?);
        let models = selected(setup, options)?;
        let planned = models::plan_to_publish(&Session::to_plan_in(setup)?, &models).await?;
        let seen = Lake::at(setup.lake.clone()).newest_release().await;
        let sources = sources(&session, &planned).await?;
        match provide_key(&session, &planned).await {
            // What is wrong with the lake is told better by preparing it.
            Ok(()) | Err(Error::Lake(_)) => {}
            Err(error) => return Err(error),
        }
        let held = Held::take(setup, command).await?;
        let unchanged = matches!(&seen, Ok(seen) if *seen == held.release);
        let mends = command != "plan";
        let pinned = async {
            let integrity = look_into(&session, &held, options, mends).await?;
            session
                .tables()
                .pin_for_writer(integrity.unopened())
                .await?;
            let sources = match unchanged {
                true => sources,
                // What another run has read meanwhile must be in the list.
                false => inputs::sources(&session, &planned).await?,
            };
            Ok((integrity, sources))
        };
        // A store far away may take long; whoever asks for the end gets the lock back.
        let pinned = async {
            tokio::select! {
                found = pinned => found,
                () = interrupt.requested() => Err(Error::Interrupted),
            }
        };
        let (integrity, sources) = match pinned.await {
            Ok(found) => found,
            Err(error) => {
                held.let_go().await;
                return Err(error);
            }
        };
        let mut work = Self {
            setup: setup.clone(),
            session,
            held,
            progress,
            planned,
            sources,
            now_ms: setup.now_ms,
            stop: Stop::default(),
            along: Vec::new(),
            integrity,
        };
        match work.take_along(options).await {
            Ok(()) => Ok(work),
            Err(error) => {
                work.held.let_go().await;
                Err(error)
            }
        }
    }

    /// Whether the store may be away: to tidy up would take as long again for
    /// each table, and the next run does it.
    fn is_cut_off(&self, error: &Error) -> bool {
        let is_remote = self.held.lake.location().folder().is_none();
        is_remote && error.class() == Class::Failed
    }

    /// Takes away what was not published, and gives the lake back.
    async fn close(self) {
        self.sweep().await;
        self.held.let_go().await;
    }

    /// Prepares, unless `interrupt` ends it.
    async fn prepare_until(
        &self,
        options: &RunOptions,
        interrupt: &Interrupt,
    ) -> Result<Prepared, Error> {
        let mut prepare = std::pin::pin!(self.prepare(options));
        tokio::select! {
            prepared = &mut prepare => prepared,
            () = interrupt.requested() => {
                self.stop.request();
                // A join may be building its table and hear nothing for long.
                let _ = tokio::time::timeout(PATIENCE, &mut prepare).await;
                Err(Error::Interrupted)
            }
        }
    }

    async fn prepare(&self, options: &RunOptions) -> Result<Prepared, Error> {
        let mut prepared = self.prepare_some(options).await?;
        if options.undecodable == Undecodable::Stop {
            refuse_undecodable(&prepared.report)?;
        }
        let (project, lake) = (&self.session.tables().project, &self.held.lake);
        let removed = removed_tables::warning_of_removed(project, lake).await?;
        prepared.report.warnings.extend(removed);
        if let (Some(how), false) = (&mut prepared.report.how, self.along.is_empty()) {
            let along = self.along.join(", ");
            how.push_str(&format!(
                "; something is new about people, so that it reaches {along} as well"
            ));
        }
        prepared.report.damages = self.integrity.damages.clone();
        Ok(prepared)
    }

    /// As little as what is new asks for.
    async fn prepare_some(&self, options: &RunOptions) -> Result<Prepared, Error> {
        let arrived = match options.full {
            true => None,
            false => Some(self.arrived(options.changed).await?),
        };
        if let Some(Arrived::Nothing { kept }) = &arrived
            && let Some(mut prepared) = self.unchanged(options).await?
        {
            prepared.report.warnings.extend(remark_on(kept, "was kept"));
            return Ok(prepared);
        }
        let (reason, changed) = match arrived {
            Some(Arrived::Some(new)) => {
                let (kept, how) = (new.kept.clone(), new.in_words("took"));
                if let Some(mut prepared) = self.take_in(new, options).await? {
                    prepared
                        .report
                        .warnings
                        .extend(remark_on(&kept, "was kept"));
                    prepared.report.how = Some(how);
                    return Ok(prepared);
                }
                self.sweep().await;
                (Some("what is new bears on everything"), kept)
            }
            Some(Arrived::Models(changed)) => {
                if let Some(mut prepared) = self.prepare_models(&changed, options).await? {
                    let how = self.in_words("rebuilt", &changed);
                    prepared.report.how = Some(how);
                    return Ok(prepared);
                }
                (Some(state::OTHER_MODELS), Vec::new())
            }
            Some(Arrived::Anew { reason, changed }) => (reason, changed),
            Some(Arrived::Nothing { kept }) => (Some("it was asked for"), kept),
            None => (None, Vec::new()),
        };
        if let (Some(first), ChangedFiles::Keep) = (changed.first(), options.changed) {
            return Err(Error::Query(query::Error::Landing {
                message: format!(
                    "what {first} fed cannot be kept: the file changed or went after it was read, and everything must be built anew"
                ),
                hint: "leave --changed keep away to build it from what lies there now".to_owned(),
            }));
        }
        let mut prepared = self.prepare_anew(options, Which::All).await?;
        let remark = remark_on(&changed, "was built anew from what lies there now");
        prepared.report.warnings.extend(remark);
        prepared.report.how = reason.map(|reason| format!("built everything anew: {reason}"));
        Ok(prepared)
    }

    /// Tells whoever watches which tables will be built.
    fn announce<'a>(&self, planned: impl IntoIterator<Item = &'a Planned>) {
        let planned = planned.into_iter();
        let names: Vec<String> = planned.map(|p| p.model.name.to_string()).collect();
        self.progress.plan(&names);
    }

    /// Writes what is kept twice and stands once, and what belongs to no table and
    /// is broken. Best effort: the next run does it as well.
    async fn tidy(&self, is_published: bool) {
        let tidied = async {
            if !is_published && self.held.release.is_some() {
                self.held.write_marker().await?;
                if self.integrity.is_touched {
                    self.held.lake.touch_release().await?;
                }
            }
            self.integrity.complete_copies(&self.session).await
        };
        if let Err(error) = tidied.await {
            tracing::warn!(%error, "what people decided is not kept twice yet");
        }
    }

    /// Takes this run's files away, none of which was published.
    ///
    /// Tasks that did not hear a request to stop in time may have a write under
    /// way that lands a moment later, so the sweep is repeated until it has
    /// found nothing twice.
    async fn sweep(&self) {
        const ROUNDS: u32 = 12;
        let mut clean = 0;
        for _ in 0..ROUNDS {
            let models = self.planned.iter();
            let models = models.map(|planned| planned.layout.table().clone());
            let (lake, run) = (&self.held.lake, self.held.run.as_str());
            let tables = models.chain(system::ids());
            let swept =
                tables.map(|table| async move { lake.remove_files_of_run(&table, run).await });
            let swept: usize = join_all(swept).await.into_iter().sum();
            clean = if swept == 0 { clean + 1 } else { 0 };
            if clean == 2 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// The version that stands, and what the one that was built changes.
    async fn standing(
        &self,
        planned: &Planned,
        built: &Built,
    ) -> Result<(Option<Version>, Change), Error> {
        let table = planned.layout.table();
        let Some(current) = self.version(table).await? else {
            return Ok((None, Change::New));
        };
        let same_rows = current
            .commit_info
            .as_ref()
            .is_some_and(|info| info.content == built.content.to_text() && info.rows == built.rows);
        let grain = planned.model.contract.grain.as_str();
        let change = if self.integrity.is_damaged(table) {
            Change::Rows
        } else if current.schema != *planned.layout.schema() {
            Change::Columns
        } else if !same_rows {
            Change::Rows
        } else if current.personal != planned.layout.personal()
            || current.description.as_deref() != Some(grain)
        {
            Change::Contract
        } else {
            Change::Nothing
        };
        Ok((Some(current), change))
    }
}
