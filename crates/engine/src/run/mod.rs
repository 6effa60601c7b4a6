//! A run: landing JSON to published tables.
//!
//! 1. Everything that can be wrong before a row is read is found: places,
//!    sources, models, contracts.
//! 2. Models are built, each as soon as what it reads is there, into files
//!    that nobody sees.
//! 3. All checks run on those files.
//! 4. If all passed, tables are published, each by one commit. A table whose
//!    rows are those it has already is left alone.

mod memory;
mod plan;
mod publication;
mod taking_in;
mod unchanged;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use catalog::{Expectations, Model, ReadBy, TableName};
use datafusion::common::runtime::JoinSet;
use datafusion::datasource::MemTable;
use datafusion::physical_plan::execution_plan::collect_partitioned;
use futures::future::join_all;
use lake::{Lake, TableId, Version};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::Notify;

use crate::build::{Built, build};
use crate::consent::{self, Consents};
use crate::devices::Search;
use crate::gate::By;
use crate::hold::Held;
use crate::lake_table::LakeTable;
use crate::landing::{LandingTable, Listener, Source, TableIntake};
use crate::models::{self, Planned};
use crate::report::{Report, TableReport, Verdict};
use crate::stop::{self, Stop};
use crate::{
    Class, Error, Session, Setup, care, checks, devices, gate, landing_files, ledger, quarantine,
    system,
};
use memory::Arrived;
use taking_in::TakenIn;

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

/// Told how a run gets on; a terminal draws bars of it.
pub trait Progress: Send + Sync {
    /// All tables that will be built, in order.
    fn plan(&self, tables: &[String]);
    /// A table is being built now.
    fn begin(&self, table: &str);
    /// So many further rows were written to it.
    fn rows(&self, table: &str, rows: u64);
    /// It is built.
    fn end(&self, table: &str, rows: u64);
}

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
    interrupt: Arc<Notify>,
) -> Result<Report, Error> {
    let work = Work::open(setup, options, progress, "run").await?;
    let drafted = match work.prepare_until(options, &interrupt).await {
        Ok(prepared) if prepared.report.verdict() != Verdict::Fail => work.draft(prepared).await,
        Ok(prepared) => Ok((prepared.report, None)),
        Err(error) => Err(error),
    };
    let (report, draft) = match drafted {
        Ok((report, Some(draft))) => (report, draft),
        Err(error) if work.is_cut_off(&error) => {
            work.held.leave();
            return Err(error);
        }
        unpublished => {
            work.close().await;
            return unpublished.map(|(report, _)| report);
        }
    };
    match work.make_visible(&draft).await {
        Ok(()) => {
            work.held.let_go().await;
            Ok(report)
        }
        Err(error @ Error::Lake(lake::Error::Overtaken)) => {
            work.close().await;
            Err(error)
        }
        // The release may stand, and then the next run finishes it.
        Err(error) => {
            work.held.leave();
            Err(error)
        }
    }
}

/// Words about landing files that are not as they were read, and about what
/// became of what they fed.
fn remark_on(changed: &[String], became: &str) -> Option<String> {
    let first = changed.first()?;
    let more = match changed.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "{first}{more} changed or went after it was read; what it fed {became}"
    ))
}

/// A key that is missing is told before a row is read.
async fn provide_key(session: &Session, planned: &[Planned]) -> Result<(), Error> {
    for planned in planned {
        session.provide_key_for(&planned.model.sql).await?;
    }
    Ok(())
}

/// Landing and lake must not lie in each other: a run would read what it wrote.
fn apart(setup: &Setup) -> Result<(), Error> {
    if !setup.landing.overlaps(&setup.lake) {
        return Ok(());
    }
    Err(Error::Settings {
        message: format!(
            "the lake ({}) and the landing folder ({}) lie in each other or are the same",
            setup.lake, setup.landing
        ),
        hint: "give the lake a folder of its own with --lake".to_owned(),
    })
}

fn selected<'a>(setup: &'a Setup, options: &RunOptions) -> Result<Vec<&'a Model>, Error> {
    let project = &setup.project;
    if options.select.is_empty() {
        return Ok(project.models().iter().collect());
    }
    let mut names = Vec::new();
    for name in &options.select {
        match project.find(name.as_ref()) {
            Some(catalog::Table::Model(model)) => names.push(model.name.clone()),
            Some(catalog::Table::Landing(_)) => {
                return Err(Error::Settings {
                    message: format!(
                        "{name} is a landing table, which a run reads and does not build"
                    ),
                    hint: "select a trusted or curated table".to_owned(),
                });
            }
            None => {
                let near = catalog::nearest(name.as_ref(), project.names());
                return Err(Error::Settings {
                    message: format!("there is no table `{name}` to select"),
                    hint: near.map_or_else(
                        || "`stedi tables` lists what there is".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    ),
                });
            }
        }
    }
    Ok(project.needed_for(&names))
}

/// Lists the files of every landing table that will be read, so that a missing
/// one is said before anything begins.
async fn sources(
    session: &Session,
    planned: &[Planned],
) -> Result<HashMap<String, Arc<Source>>, Error> {
    let mut needed: BTreeSet<&str> = planned
        .iter()
        .flat_map(|planned| planned.landing.keys().map(String::as_str))
        .collect();
    needed.extend(consent::records(session).map(|table| table.name.as_ref()));
    if reads_owners(planned) {
        needed.extend([devices::DEVICES.0, devices::PHONES.0]);
    }
    let mut sources = HashMap::new();
    for table in session.tables().project.landing() {
        if needed.contains(table.name.as_ref()) {
            let provider = session.tables().landing_table(table);
            sources.insert(table.name.to_string(), Arc::new(provider.list().await?));
        }
    }
    restore(session, &sources);
    Ok(sources)
}

/// Whether any model asks whose a device is, or must be asked.
fn reads_owners(planned: &[Planned]) -> bool {
    let table = owners_table();
    let claims = format!("{}.{}", system::ZONE, system::DEVICE_CLAIM.name());
    let mut models = planned.iter().map(|planned| &planned.model);
    models.any(|model| {
        let by_device = matches!(gate::column(model), Some((By::Device, _)));
        let reads = |table: &str| model.reads().iter().any(|read| read.table == table);
        by_device || reads(&table) || reads(&claims)
    })
}

/// What models call the table of owners.
fn owners_table() -> String {
    format!("{}.{}", system::ZONE, system::DEVICE_OWNER.name())
}

/// Lets landing tables mean the files that were listed, and all their rows.
fn restore(session: &Session, sources: &HashMap<String, Arc<Source>>) {
    for table in sources.keys() {
        if let Some(provider) = listed(session, sources, table) {
            session.tables().put(table, Arc::new(provider));
        }
    }
}

/// A landing table that means the files that were listed.
fn listed(
    session: &Session,
    sources: &HashMap<String, Arc<Source>>,
    table: &str,
) -> Option<LandingTable> {
    let tables = session.tables();
    let mut landing = tables.project.landing().iter();
    let definition = landing.find(|known| known.name.as_ref() == table)?;
    let source = Arc::clone(sources.get(table)?);
    let provider = tables.landing_table(definition).with_source(source);
    Some(match landing_files::whose(table) {
        Some((column, of_people)) => provider.noting(column, of_people),
        None => provider,
    })
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
    /// Versions of tables as they stood when the run took hold of the lake.
    standing: Mutex<HashMap<TableId, Option<Version>>>,
}

/// Models by name, and the rows of `system.device_claim` and
/// `system.device_owner` if they were asked for.
type AllBuilt = (BTreeMap<String, Built>, Option<(RecordBatch, RecordBatch)>);

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
    /// All tables.
    Anew(Box<Anew>),
}

/// All tables, built anew.
struct Anew {
    built: BTreeMap<String, Built>,
    intake: BTreeMap<String, TableIntake>,
    consents: Option<Consents>,
    /// Rows of `system.device_claim` and `system.device_owner`, where they were
    /// asked for.
    devices: Option<(RecordBatch, RecordBatch)>,
}

impl Work {
    /// Finds everything that can be wrong before a row is read.
    async fn open(
        setup: &Setup,
        options: &RunOptions,
        progress: Arc<dyn Progress>,
        command: &str,
    ) -> Result<Self, Error> {
        apart(setup)?;
        let session = Arc::new(Session::open(setup)?);
        let models = selected(setup, options)?;
        let planned = models::plan(&Session::to_plan_in(setup)?, &models).await?;
        let seen = Lake::at(setup.lake.clone()).release().await;
        let mut sources = sources(&session, &planned).await?;
        match provide_key(&session, &planned).await {
            // What is wrong with the lake is told better by preparing it.
            Ok(()) | Err(Error::Lake(_)) => {}
            Err(error) => return Err(error),
        }
        let held = Held::take(setup, command).await?;
        let unchanged = matches!(&seen, Ok(seen) if *seen == held.release);
        if !unchanged {
            // What another run has read meanwhile must be in the list.
            sources = match self::sources(&session, &planned).await {
                Ok(sources) => sources,
                Err(error) => {
                    held.let_go().await;
                    return Err(error);
                }
            };
        }
        let work = Self {
            setup: setup.clone(),
            session,
            held,
            progress,
            planned,
            sources,
            now_ms: setup.now_ms,
            stop: Stop::default(),
            standing: Mutex::default(),
        };
        Ok(work)
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
        interrupt: &Notify,
    ) -> Result<Prepared, Error> {
        let mut prepare = std::pin::pin!(self.prepare(options));
        tokio::select! {
            prepared = &mut prepare => prepared,
            () = interrupt.notified() => {
                self.stop.request();
                // A join may be building its table and hear nothing for long.
                let _ = tokio::time::timeout(PATIENCE, &mut prepare).await;
                Err(Error::Interrupted)
            }
        }
    }

    async fn prepare(&self, options: &RunOptions) -> Result<Prepared, Error> {
        let mut prepared = self.prepare_some(options).await?;
        let (project, lake) = (&self.session.tables().project, &self.held.lake);
        let removed = care::warning_of_removed(project, lake).await?;
        prepared.report.warnings.extend(removed);
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
            Some(Arrived::Anew { reason, changed }) => (reason, changed),
            Some(Arrived::Nothing { kept }) => (Some("it was asked for"), kept),
            None => (None, Vec::new()),
        };
        if let (Some(first), ChangedFiles::Keep) = (changed.first(), options.changed) {
            return Err(Error::Landing {
                message: format!(
                    "what {first} fed cannot be kept: the file changed or went after it was read, and everything must be built anew"
                ),
                hint: "leave --changed keep away to build it from what lies there now".to_owned(),
            });
        }
        let mut prepared = self.prepare_anew(options).await?;
        let remark = remark_on(&changed, "was built anew from what lies there now");
        prepared.report.warnings.extend(remark);
        prepared.report.how = reason.map(|reason| format!("built everything anew: {reason}"));
        Ok(prepared)
    }

    /// Tells whoever watches which tables will be built.
    fn announce(&self) {
        let planned = self.planned.iter();
        let names: Vec<String> = planned.map(|p| p.model.name.to_string()).collect();
        self.progress.plan(&names);
    }

    async fn prepare_anew(&self, options: &RunOptions) -> Result<Prepared, Error> {
        self.announce();
        let seconds = self.share().await?;
        let consents = self.derive_consent().await?;
        let search = self.search_owners(consents.as_ref()).await?;
        let (built, devices) = self.build_all(search).await?;
        let intake = self.session.intake().tables();
        // Checks see landing tables whole again, not as a model needed them.
        restore(&self.session, &self.sources);
        if options.strict {
            refuse_malformed(&intake)?;
        }
        let mut warnings = warnings(&self.sources, &intake);
        warnings.extend(
            built
                .iter()
                .flat_map(|(table, built)| remarks(table, &built.ledger)),
        );
        let mut report = Report {
            warnings,
            quarantined: intake
                .values()
                .map(|table| table.rejections.len() as u64)
                .sum(),
            tables: self.count_tables(options, &built, &intake, &seconds),
            ..Report::default()
        };
        let owned = match (&devices, &consents) {
            (Some((_, owners)), Some(consents)) => gate::owned(owners, consents),
            _ => gate::Known::default(),
        };
        let as_shipped = gate::are_as_shipped(&self.planned);
        for planned in &self.planned {
            let name = planned.model.name.as_ref();
            let built = built.get(name);
            report.add_left_out(name, built.map_or(&[], |built| &built.left_out));
            let known = built.map(|built| (&planned.layout, built));
            report
                .checks
                .extend(checks::run(&self.session, &planned.model, known).await?);
            let people = built.and_then(|built| built.people.as_ref());
            let whose = gate::column(&planned.model);
            if let (Some((by, _)), Some(people), Some(consents)) = (whose, people, &consents) {
                let allowed = match by {
                    By::Subject => &consents.research,
                    By::Device => &owned,
                };
                let gate = gate::consent(&planned.model, by, people, allowed);
                report.checks.push(gate);
            }
            if !as_shipped {
                let gate = gate::training(&self.session, &planned.model).await?;
                report.checks.extend(gate);
            }
        }
        report.judge();
        Ok(Prepared {
            report,
            made: Made::Anew(Box::new(Anew {
                built,
                intake,
                consents,
                devices,
            })),
        })
    }

    /// A landing table that several models read is read once, for all of them:
    /// the columns that any of them needs are kept until the run ends.
    async fn share(&self) -> Result<HashMap<String, f64>, Error> {
        let mut columns: BTreeMap<&str, (u32, BTreeSet<usize>)> = BTreeMap::new();
        for (table, needed) in self.planned.iter().flat_map(|planned| &planned.landing) {
            let (readers, union) = columns.entry(table).or_default();
            *readers += needed.scans;
            union.extend(&needed.columns);
        }
        let owners = reads_owners(&self.planned);
        if let Some(table) = consent::records(&self.session) {
            let (readers, union) = columns.entry(table.name.as_ref()).or_default();
            *readers += 1;
            let wanted = |name: &str| {
                consent::RECORD_COLUMNS.contains(&name)
                    || owners && devices::CLAIM_COLUMNS.contains(&name)
            };
            let places = table.columns.iter().enumerate();
            union.extend(
                places
                    .filter(|(_, column)| wanted(&column.name))
                    .map(|(place, _)| place),
            );
        }
        let mut seconds = HashMap::new();
        for (table, (readers, union)) in columns {
            if readers < 2 {
                continue;
            }
            let started = Instant::now();
            let union: Vec<usize> = union.into_iter().collect();
            let failed = |error| Error::execution(table, error);
            let Some(provider) = self.session.tables().find(Some("landing"), table).await? else {
                continue;
            };
            let state = self.session.state();
            let scan = provider
                .scan(&state, Some(&union), &[], None)
                .await
                .map_err(failed)?;
            let schema = scan.schema();
            let batches = collect_partitioned(scan, self.session.task_context())
                .await
                .map_err(failed)?;
            let schema = ledger::named(&schema, ledger::LANDING, table);
            let shared = MemTable::try_new(schema, batches).map_err(failed)?;
            self.session.tables().put(table, Arc::new(shared));
            seconds.insert(table.to_owned(), started.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }

    /// Finds out who agreed to what, and lets `system.consent` mean that.
    async fn derive_consent(&self) -> Result<Option<Consents>, Error> {
        if consent::records(&self.session).is_none() {
            return Ok(None);
        }
        let intake = self.session.intake().tables();
        let known = quarantine::read(&self.session).await?;
        let suspended = consent::suspended(intake.get(consent::RECORDS), &known);
        let register = consent::register(&self.session).await?;
        let consents = consent::derive(&self.session, self.now_ms, &register, &suspended).await?;
        let tables = self.session.tables();
        tables.put_derived(&system::CONSENT, &consents.rows)?;
        Ok(Some(consents))
    }

    /// Begins to find out whose the devices are, if a model asks. The models
    /// that read phones are listened to.
    async fn search_owners(&self, consents: Option<&Consents>) -> Result<Option<Search>, Error> {
        let Some(consents) = consents.filter(|_| reads_owners(&self.planned)) else {
            return Ok(None);
        };
        let search = Search::begin(&self.session, &self.sources, consents).await?;
        if let Some(search) = &search {
            let tables = self.session.tables();
            tables.put_derived(&system::DEVICE_CLAIM, search.claims())?;
        }
        if let Some(listener) = search.as_ref().and_then(Search::listener) {
            self.let_phones_be_read(Some(listener));
        }
        Ok(search)
    }

    /// Lets the landing table of phones mean its files, heard by `listener`.
    fn let_phones_be_read(&self, listener: Option<Arc<dyn Listener>>) {
        let phones = devices::PHONES.0;
        if let Some(mut provider) = listed(&self.session, &self.sources, phones) {
            if let Some(listener) = listener {
                provider = provider.heard_by(listener);
            }
            self.session.tables().put(phones, Arc::new(provider));
        }
    }

    /// Lets `system.device_owner` mean what the search has found.
    async fn end_search(&self, search: Search) -> Result<(RecordBatch, RecordBatch), Error> {
        self.let_phones_be_read(None);
        let claims = search.claims().clone();
        let rows = search.end(&self.session).await?;
        let tables = self.session.tables();
        tables.put_derived(&system::DEVICE_OWNER, &rows)?;
        Ok((claims, rows))
    }

    /// Builds every model as soon as all that it reads is built. The search for
    /// owners ends once it has heard what it needs, or nothing else is left to
    /// do: a model that asks whose a device is waits for it.
    async fn build_all(&self, mut search: Option<Search>) -> Result<AllBuilt, Error> {
        let of_run: BTreeSet<&str> = self.planned.iter().map(|p| p.model.name.as_ref()).collect();
        let owners = owners_table();
        let mut waiting: Vec<(&Planned, BTreeSet<&str>)> = self
            .planned
            .iter()
            .map(|planned| {
                let reads = planned.model.reads().iter();
                let needs = reads
                    .filter(|read| read.by != ReadBy::Check)
                    .map(|read| read.table.as_str())
                    .filter(|table| of_run.contains(table) || *table == owners);
                (planned, needs.collect())
            })
            .collect();
        let mut built: BTreeMap<String, Built> = BTreeMap::new();
        let mut devices = None;
        let mut underway = JoinSet::new();
        loop {
            let searching = search.is_some();
            waiting.retain(|(planned, needs)| {
                let is_there = |table: &&str| match *table == owners {
                    true => !searching,
                    false => built.contains_key(*table),
                };
                let ready = needs.iter().all(is_there);
                if ready {
                    underway.spawn(self.build_one((*planned).clone()));
                }
                !ready
            });
            let has_heard = search.as_ref().is_some_and(Search::has_heard);
            if (has_heard || underway.is_empty())
                && let Some(search) = search.take()
            {
                devices = Some(self.end_search(search).await?);
                continue;
            }
            let next = stop::next(&mut underway, "the run", &self.stop).await?;
            let Some((planned, done)) = next else {
                return Ok((built, devices));
            };
            let name = planned.model.name.to_string();
            let staged = self.staged(&planned, &done)?;
            self.session.tables().put(&name, Arc::new(staged));
            self.progress.end(&name, done.rows);
            built.insert(name, done);
        }
    }

    fn build_one(
        &self,
        planned: Planned,
    ) -> impl Future<Output = Result<(Planned, Built), Error>> + use<> {
        let (session, lake) = (Arc::clone(&self.session), self.held.lake.clone());
        let (run, progress) = (self.held.run.clone(), Arc::clone(&self.progress));
        let stop = self.stop.clone();
        async move {
            stop.check()?;
            progress.begin(planned.model.name.as_ref());
            let built = build(&session, &lake, &run, &planned, &progress, &stop).await?;
            Ok((planned, built))
        }
    }

    fn staged(&self, planned: &Planned, built: &Built) -> Result<LakeTable, Error> {
        let store = self.session.tables().store_url().map_err(Error::planning)?;
        Ok(LakeTable::new(
            planned.layout.table(),
            store,
            Arc::clone(planned.layout.schema()),
            &built.files,
        ))
    }

    fn count_tables(
        &self,
        options: &RunOptions,
        built: &BTreeMap<String, Built>,
        intake: &BTreeMap<String, TableIntake>,
        seconds: &HashMap<String, f64>,
    ) -> Vec<TableReport> {
        let counted = |zone: &str, table: &str, rows: u64, seconds: f64| TableReport {
            zone: zone.to_owned(),
            table: table.to_owned(),
            rows: Some(rows),
            expected: options.expect.as_ref().and_then(|expect| expect.get(table)),
            verdict: Verdict::Ok,
            seconds,
        };
        let landing = self
            .session
            .tables()
            .project
            .landing()
            .iter()
            .filter_map(|table| {
                let name = table.name.as_ref();
                let read = intake.get(name)?;
                let seconds = seconds.get(name).copied().unwrap_or_default();
                Some(counted("landing", name, read.rows(), seconds))
            });
        let models = self.planned.iter().filter_map(|planned| {
            let model = &planned.model;
            let built = built.get(model.name.as_ref())?;
            Some(counted(
                &model.zone.to_string(),
                model.name.as_ref(),
                built.rows,
                built.seconds,
            ))
        });
        landing.chain(models).collect()
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
            let swept = tables.map(|table| async move { lake.sweep(&table, run).await });
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
        let same_rows = current.origin.as_ref().is_some_and(|origin| {
            origin.content == built.content.to_text() && origin.rows == built.rows
        });
        let grain = planned.model.contract.grain.as_str();
        let change = if current.schema != *planned.layout.schema() {
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

fn warnings(
    sources: &HashMap<String, Arc<Source>>,
    intake: &BTreeMap<String, TableIntake>,
) -> Vec<String> {
    let mut warnings: Vec<String> = sources
        .values()
        .filter_map(|source| {
            let example = source.other_example.as_ref()?;
            let others = source.other_files - 1;
            let more = if others > 0 {
                format!(" and {others} more")
            } else {
                String::new()
            };
            Some(format!(
                "{}: {example}{more} left aside, as only *.json, *.json.gz and *.json.zst are read",
                source.table
            ))
        })
        .collect();
    warnings.extend(intake.iter().filter_map(|(table, read)| {
        let unknown = read.tally.unknown;
        let names: Vec<&str> = read.tally.unknown_fields.keys().map(|name| field_name(name)).collect();
        (unknown > 0).then(|| {
            format!(
                "{table}: {unknown} values stand in fields that the table does not have ({}); they were left aside",
                shown(&names)
            )
        })
    }));
    warnings.sort();
    warnings
}

/// Words for joins that gave more rows than they read, and for rows that nobody
/// can account for.
fn remarks(table: &str, entries: &[ledger::Entry]) -> Vec<String> {
    let faults = entries
        .iter()
        .filter(|entry| !entry.balances())
        .map(|entry| {
            format!(
                "{table}: the ledger's {} of {} does not balance, which is a fault in this program",
                entry.step, entry.source
            )
        });
    let joins = entries
        .iter()
        .filter(|entry| entry.step == "join" && entry.fan_out > 0);
    joins
        .map(|join| {
            format!(
                "{table}: the join with {} multiplies rows: {} came of {} with a partner",
                join.source,
                join.rows_out,
                join.rows_out - join.fan_out
            )
        })
        .chain(faults)
        .collect()
}

/// The first few names, and how many more there are.
fn shown(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let first = names
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

/// An unknown field's name comes from the data: what does not look like a name
/// given by a programmer is not shown.
fn field_name(name: &str) -> &str {
    let plain = name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name } else { "***" }
}

fn refuse_malformed(intake: &BTreeMap<String, TableIntake>) -> Result<(), Error> {
    let stretches: u64 = intake
        .values()
        .map(|table| table.rejections.len() as u64)
        .sum();
    let Some(first) = intake.values().find_map(|table| table.rejections.first()) else {
        return Ok(());
    };
    let rejected = &first.rejected;
    Err(Error::Malformed {
        stretches,
        first: format!(
            "{}, line {}, byte {}: {}",
            first.shown, rejected.line, rejected.offset, rejected.detail
        ),
    })
}
