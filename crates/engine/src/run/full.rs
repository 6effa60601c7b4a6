//! Builds tables from all their input: all tables, or changed models and the models
//! that follow from them. Each model starts as soon as its input is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use catalog::{Check, ReadBy, Table};
use datafusion::common::runtime::{JoinSet, SpawnedTask};
use datafusion::physical_plan::execution_plan::{ExecutionPlan, execute_stream_partitioned};
use futures::{StreamExt, TryStreamExt};
use query::landing::TableIntake;
use query::tables::lake_table::LakeTable;
use query::tables::memory_table::MemoryTable;
use query::{Query, system};

use super::derived::Derived;
use super::fallback::{Fallback, Halt};
use super::inputs::{listed, owners_table, reads_owners, restore, restore_one};
use super::options::RunOptions;
use super::prepared::{FullBuild, Outcome, Prepared};
use super::remarks::{refuse_malformed, remarks, warnings};
use super::state::RunState;
use super::work::Work;
use crate::contract::checks::{self, KnownViolations};
use crate::contract::planning::{Planned, are_as_shipped};
use crate::contract::privacy_gates;
use crate::contract::report::{CheckReport, Report, TableReport, Verdict};
use crate::contract::shipped;
use crate::contract::subject_columns::{self, SubjectKind};
use crate::subjects::consent::{self, Consents};
use crate::subjects::devices::OwnerSearch;
use crate::subjects::landing_files;
use crate::subjects::name_hashes::NameHashes;
use crate::subjects::quarantine;
use crate::subjects::quarantine_writer::QuarantineWriter;
use crate::write::build::{Built, build};
use crate::{Error, stop};

/// System tables about the landing input. Models see their state after this run's reading,
/// not before.
const INTAKE_TABLES: [&system::Definition; 2] = [&system::QUARANTINE, &system::LANDING_FILES];

fn is_one_of(tables: &[&system::Definition], name: &str) -> bool {
    tables.iter().any(|table| table.full_name() == name)
}

/// Models by name, and the devices of consenting owners, if owners were derived.
type AllBuilt = (BTreeMap<String, Built>, Option<NameHashes>);

/// Which models are built.
pub(super) enum ModelSet<'a> {
    All,
    /// These models, with all that follows from them. The others keep their tables and
    /// the verdicts of the last run.
    Only(&'a BTreeSet<String>, &'a [CheckReport]),
}

impl ModelSet<'_> {
    fn contains(&self, table: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names, _) => names.contains(table),
        }
    }
}

impl Work {
    /// The models whose names are given, and all that follows from them.
    pub(super) fn following(&self, changed: &BTreeSet<String>) -> BTreeSet<String> {
        let mut following = changed.clone();
        // Models are listed in build order, but a check may read what is built later.
        loop {
            let before = following.len();
            for planned in &self.planned {
                let mut reads = planned.model.reads().iter();
                if reads.any(|read| following.contains(&read.table)) {
                    following.insert(planned.model.name.to_string());
                }
            }
            if following.len() == before {
                return following;
            }
        }
    }

    /// Describes the rebuild of changed models for the user; `rebuilds` is the verb:
    /// `rebuilds` or `rebuilt`.
    pub(super) fn in_words(&self, rebuilds: &str, changed: &BTreeSet<String>) -> String {
        let names = |names: Vec<&str>| names.join(", ");
        let following = self.following(changed);
        let others = following.difference(changed).map(String::as_str).collect();
        let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
        let have = if changed.len() == 1 { "has" } else { "have" };
        let what = format!("{rebuilds} {}, which {have} changed", names(changed));
        match names(others) {
            none if none.is_empty() => what,
            others => format!("{what}, and what follows: {others}"),
        }
    }

    /// Rebuilds models that changed, and the models that follow from them.
    ///
    /// # Errors
    /// A [`Fallback`] where everything must be built.
    pub(super) async fn prepare_changed_models(
        &self,
        changed: &BTreeSet<String>,
        options: &RunOptions,
    ) -> Result<Prepared, Halt> {
        let quarantined = quarantine::state(&self.session).await?;
        let last_run = RunState::of_last(self).ok_or(Fallback::NoState)?;
        if options.strict && quarantined.places > 0 {
            return Err(Fallback::Strict.into());
        }
        // The last run did not derive owners of devices.
        let owners = system::DEVICE_OWNER.id();
        if reads_owners(&self.planned) && self.version(&owners).await?.is_none() {
            return Err(Fallback::OwnersUnknown.into());
        }
        let names = self.following(changed);
        let checks = self.checks_of(&last_run.run).await?;
        let kept = self
            .planned
            .iter()
            .filter(|p| !names.contains(p.model.name.as_ref()));
        for planned in kept {
            Self::require_checks(&planned.model, &checks)?;
        }
        let mut prepared = self
            .prepare_full(options, ModelSet::Only(&names, &checks))
            .await?;
        prepared.report.quarantined = quarantined.places;
        prepared.report.undecodable = self.undecodable(&quarantined, &BTreeMap::new());
        Ok(prepared)
    }

    pub(super) async fn prepare_full(
        &self,
        options: &RunOptions,
        models_to_build: ModelSet<'_>,
    ) -> Result<Prepared, Error> {
        self.refuse_unreadable().await?;
        let planned = self.planned.iter();
        let to_build: Vec<&Planned> = planned
            .filter(|planned| models_to_build.contains(planned.model.name.as_ref()))
            .collect();
        let builds_all = matches!(models_to_build, ModelSet::All);
        self.announce(to_build.iter().copied());
        let deferred = match builds_all {
            true => self.deferred(),
            // Nothing is read that was not before.
            false => BTreeSet::new(),
        };
        let known = quarantine::state(&self.session).await?;
        let quarantine = QuarantineWriter::begin(&self.locked.lake, &self.locked.run)?;
        self.session.intake().begin(
            Arc::clone(&known.dropped),
            Some(Arc::clone(&quarantine) as _),
        );
        let shared = self.share(&to_build, &deferred).await?;
        let mut derived = Derived::default();
        let agreed = self.derive_consent(&mut derived).await?;
        let search = match (&agreed, builds_all && reads_owners(&self.planned)) {
            (Some(agreed), true) => self.search_owners(agreed, &shared, &mut derived).await?,
            (None, true) => {
                self.empty_owners(&mut derived).await?;
                None
            }
            _ => None,
        };
        let search = search.zip(agreed.as_ref());
        let (built, devices) = self
            .build_all(
                &to_build,
                search,
                (&shared, &deferred),
                &quarantine,
                &mut derived,
            )
            .await?;
        if builds_all && self.any_reads(&INTAKE_TABLES, |_| true) {
            self.put_intake_tables(&quarantine).await?;
        }
        let intake = self.session.intake().tables();
        // What only checks read does not count as input of this run.
        let dropped = Arc::clone(&known.dropped);
        self.session.intake().begin(dropped, None);
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
            quarantined: intake.values().map(|table| table.places).sum(),
            undecodable: self.undecodable(&known, &intake),
            tables: match builds_all {
                true => self.count_tables(options, &built, &intake, &shared),
                false => self.count_some(options, &built).await?,
            },
            ..Report::default()
        };
        let owned = match (devices, &agreed) {
            (Some(owned), _) => owned,
            (None, Some(agreed)) if !builds_all && reads_owners(&self.planned) => {
                privacy_gates::devices_of_consenting_owners(&self.published_owners().await?, agreed)
            }
            _ => NameHashes::default(),
        };
        self.progress.check();
        self.check(
            &models_to_build,
            &built,
            agreed.as_ref(),
            &owned,
            &mut report,
        )
        .await?;
        report.set_table_verdicts();
        let derived = self.end_derived(derived).await?;
        Ok(Prepared {
            report,
            outcome: Outcome::Full(Box::new(FullBuild {
                built,
                intake,
                derived,
                quarantine,
                builds_all,
            })),
        })
    }

    /// Checks what was built; other tables keep their verdicts.
    async fn check(
        &self,
        models_to_build: &ModelSet<'_>,
        built: &BTreeMap<String, Built>,
        agreed: Option<&NameHashes>,
        owned: &NameHashes,
        report: &mut Report,
    ) -> Result<(), Error> {
        let as_shipped = are_as_shipped(&self.planned, &shipped::OF_TRAINING);
        for planned in &self.planned {
            let name = planned.model.name.as_ref();
            if let (ModelSet::Only(_, known), false) =
                (models_to_build, models_to_build.contains(name))
            {
                self.add_published(planned, known, report).await?;
                continue;
            }
            let built = built.get(name);
            report.add_left_out(name, built.map_or(&[], |built| &built.left_out));
            let known =
                built.map(|built| |check: &Check| built.known_violations(check, &planned.layout));
            let known = known.as_ref().map(|known| known as &KnownViolations);
            report
                .checks
                .extend(checks::run(&self.session, &planned.model, known).await?);
            // Where there are no records, nobody has agreed.
            let nobody = NameHashes::default();
            let people = built.map_or(&[][..], |built| &built.people);
            for ((by, _), people) in subject_columns::columns(&planned.model).zip(people) {
                let allowed = match by {
                    SubjectKind::Subject => agreed.unwrap_or(&nobody),
                    SubjectKind::Device => owned,
                };
                let gate = privacy_gates::consent(&planned.model, by, people, allowed);
                report.checks.push(gate);
            }
            let agreed = agreed.unwrap_or(&nobody);
            let gate = privacy_gates::passed_on(&self.session, planned, agreed).await?;
            report.checks.extend(gate);
            report
                .checks
                .extend(privacy_gates::groups(&self.session, planned).await?);
            if !as_shipped {
                let gate = privacy_gates::training(&self.session, planned).await?;
                report.checks.extend(gate);
            }
        }
        Ok(())
    }

    /// The rows of `system.device_owner` as published.
    async fn published_owners(&self) -> Result<RecordBatch, Error> {
        let sql = format!("select * from {}", owners_table());
        let stream = self.session.query(&sql).await?.stream()?;
        let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(Query::failed)?;
        concat_batches(&system::DEVICE_OWNER.schema(), &batches)
            .map_err(|error| Error::execution(owners_table(), error.into()))
    }

    /// All tables as published, with new counts for those that were built.
    async fn count_some(
        &self,
        options: &RunOptions,
        built: &BTreeMap<String, Built>,
    ) -> Result<Vec<TableReport>, Error> {
        let mut tables = self.published_tables(options).await?;
        for table in &mut tables {
            if let Some(built) = built.get(&table.table) {
                (table.rows, table.seconds) = (Some(built.rows), built.seconds);
            }
        }
        Ok(tables)
    }

    /// Models that read [`INTAKE_TABLES`], and the models that depend on them. They are
    /// built once all landing input has been read.
    fn deferred(&self) -> BTreeSet<String> {
        let models = self.planned.iter().filter(|planned| {
            let mut reads = planned.model.reads().iter();
            reads.any(|read| read.by != ReadBy::Check && is_one_of(&INTAKE_TABLES, &read.table))
        });
        self.following(&models.map(|p| p.model.name.to_string()).collect())
    }

    /// Whether any model reads one of these system tables in a way that `by` accepts.
    pub(super) fn any_reads(
        &self,
        tables: &[&system::Definition],
        by: impl Fn(ReadBy) -> bool,
    ) -> bool {
        let mut reads = self.planned.iter().flat_map(|p| p.model.reads());
        reads.any(|read| by(read.by) && is_one_of(tables, &read.table))
    }

    /// Registers the intake tables with what this run has read.
    async fn put_intake_tables(&self, quarantine: &QuarantineWriter) -> Result<(), Error> {
        let intake = self.session.intake().tables();
        quarantine
            .copy_unread_tables(&self.session, |table| intake.contains_key(table))
            .await?;
        let files = quarantine.files().await?;
        let tables = self.session.tables();
        let schema = system::QUARANTINE.schema();
        let entries = tables.in_files(&system::QUARANTINE.id(), &schema, &files)?;
        tables.put_system(system::QUARANTINE.name(), Arc::new(entries));
        tables.put_derived(&system::LANDING_FILES, &landing_files::rows_of(&intake))?;
        Ok(())
    }

    /// Reads each landing table that several models read once, for all of them: the columns
    /// that any of them needs stay in memory until the last model is built. The same holds
    /// for a table that only deferred models read.
    async fn share(
        &self,
        to_build: &[&Planned],
        deferred: &BTreeSet<String>,
    ) -> Result<HashMap<String, f64>, Error> {
        let mut columns: BTreeMap<&str, (u32, BTreeSet<usize>)> = BTreeMap::new();
        let early: BTreeSet<&str> = to_build
            .iter()
            .filter(|planned| !deferred.contains(planned.model.name.as_ref()))
            .flat_map(|planned| planned.landing.keys().map(String::as_str))
            .collect();
        for (table, needed) in to_build.iter().flat_map(|planned| &planned.landing) {
            let (readers, union) = columns.entry(table).or_default();
            *readers += needed.scans;
            union.extend(&needed.columns);
        }
        let owners = reads_owners(&self.planned);
        if let Some(records) = self.setup.project.roles().person_records()
            && let Some(Table::Landing(table)) = self.setup.project.find(records.table.as_ref())
        {
            let (readers, union) = columns.entry(table.name.as_ref()).or_default();
            *readers += 1;
            let device = records.device.as_deref().filter(|_| owners);
            let dates = records.consents().map(|(_, column)| column);
            let wanted: BTreeSet<&str> = [records.subject.as_str(), &records.time]
                .into_iter()
                .chain(dates)
                .chain(device)
                .collect();
            let columns = table.columns.iter().enumerate();
            let columns = columns.filter(|(_, column)| wanted.contains(column.name.as_str()));
            union.extend(columns.map(|(index, _)| index));
        }
        let mut seconds = HashMap::new();
        for (table, (readers, union)) in columns {
            if readers < 2 && (deferred.is_empty() || early.contains(table)) {
                continue;
            }
            let started = Instant::now();
            // A batch without columns cannot be kept in memory, so one column is added.
            let union = if union.is_empty() {
                BTreeSet::from([0])
            } else {
                union
            };
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
            let has_early_reader = early.contains(table);
            let Some(batches) = self
                .collect_in_memory(scan, table, has_early_reader)
                .await?
            else {
                continue;
            };
            let shared = MemoryTable::new(query::scan::LANDING, table, schema, batches);
            let shared = shared.of_columns(provider.schema(), union);
            self.session.tables().put(table, Arc::new(shared));
            seconds.insert(table.to_owned(), started.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }

    /// The rows of a landing table; `None` if they exceed the memory for joins and sorts:
    /// then each model reads the table itself. If no early model will read it, it is still
    /// read to its end here, to collect its quarantine entries.
    async fn collect_in_memory(
        &self,
        scan: Arc<dyn ExecutionPlan>,
        table: &str,
        has_early_reader: bool,
    ) -> Result<Option<Vec<Vec<RecordBatch>>>, Error> {
        let failed = |error| Error::execution(table, error);
        let context = self.session.task_context();
        let partitions = execute_stream_partitioned(scan, context).map_err(failed)?;
        let bytes_max = self.setup.memory_bytes as u64;
        let collected = partitions.into_iter().map(|mut batches| {
            let (intake, table) = (Arc::clone(self.session.intake()), table.to_owned());
            SpawnedTask::spawn(async move {
                let mut held = Some(Vec::new());
                while let Some(batch) = batches.next().await {
                    let batch = batch?;
                    if intake.bytes_of(&table) > bytes_max {
                        held = None;
                        if has_early_reader {
                            return Ok(None);
                        }
                    }
                    if let Some(held) = &mut held {
                        held.push(batch);
                    }
                }
                Ok(held)
            })
        });
        let collected: Vec<SpawnedTask<_>> = collected.collect();
        let mut all = Some(Vec::new());
        for one in collected {
            let one: datafusion::error::Result<Option<Vec<RecordBatch>>> =
                one.await.map_err(|_| stop::task_panicked(table))?;
            match (one.map_err(failed)?, &mut all) {
                (Some(held), Some(all)) => all.push(held),
                _ => all = None,
            }
        }
        Ok(all)
    }

    /// Derives `system.consent`. Gives the people who agree to research now.
    async fn derive_consent(&self, derived: &mut Derived) -> Result<Option<NameHashes>, Error> {
        let Some(records) = self.setup.project.roles().person_records() else {
            self.empty_derived(&system::CONSENT, derived).await?;
            return Ok(None);
        };
        let mut read = self.session.intake().tables();
        let suspended = match read.remove(records.table.as_ref()) {
            Some(read) => read.named,
            None => Arc::new(quarantine::state(&self.session).await?.named),
        };
        let register = consent::register(&self.session).await?;
        let Consents { rows, research } = consent::derive(
            &self.session,
            records,
            self.now_ms,
            &register,
            suspended.all()?,
        )
        .await?;
        self.begin_derived(&system::CONSENT, rows, derived).await?;
        Ok(Some(research))
    }

    /// Empties the tables of claims and owners: no landing table names owners any more.
    async fn empty_owners(&self, derived: &mut Derived) -> Result<(), Error> {
        self.empty_derived(&system::DEVICE_CLAIM, derived).await?;
        self.empty_derived(&system::DEVICE_OWNER, derived).await
    }

    /// Begins the search for owners of devices. A listener collects people's readings while
    /// models read them.
    async fn search_owners(
        &self,
        agreed: &NameHashes,
        shared: &HashMap<String, f64>,
        derived: &mut Derived,
    ) -> Result<Option<OwnerSearch>, Error> {
        let begun = OwnerSearch::begin(&self.session, &self.sources, agreed).await?;
        let Some((search, claims)) = begun else {
            self.empty_owners(derived).await?;
            return Ok(None);
        };
        self.begin_derived(&system::DEVICE_CLAIM, claims, derived)
            .await?;
        // A table in memory was already read, so no listener sees its rows.
        if let Some((person_readings, listener)) = search.listener()
            && !shared.contains_key(person_readings)
            && let Some(provider) = listed(&self.session, &self.sources, person_readings)
        {
            let observed = Arc::new(provider.with_listener(listener));
            self.session.tables().put(person_readings, observed);
        }
        Ok(Some(search))
    }

    /// Registers the owners that the search found as `system.device_owner`. Returns the
    /// devices of people who `agreed`.
    async fn end_search(
        &self,
        (search, agreed): (OwnerSearch, &NameHashes),
        shared: &HashMap<String, f64>,
        derived: &mut Derived,
    ) -> Result<NameHashes, Error> {
        if let Some((person_readings, _)) = search.listener()
            && !shared.contains_key(person_readings)
        {
            restore_one(&self.session, &self.sources, person_readings);
        }
        let rows = search.end(&self.session).await?;
        let owned = privacy_gates::devices_of_consenting_owners(&rows, agreed);
        self.begin_derived(&system::DEVICE_OWNER, rows, derived)
            .await?;
        Ok(owned)
    }

    /// Builds every model as soon as all that it reads is built. The search for owners ends
    /// when it has all the readings it needs, or when no model is running. Models that read
    /// owners wait for it.
    async fn build_all(
        &self,
        to_build: &[&Planned],
        mut search: Option<(OwnerSearch, &NameHashes)>,
        (shared, deferred): (&HashMap<String, f64>, &BTreeSet<String>),
        quarantine: &QuarantineWriter,
        derived: &mut Derived,
    ) -> Result<AllBuilt, Error> {
        let of_run: BTreeSet<&str> = to_build.iter().map(|p| p.model.name.as_ref()).collect();
        let owners = owners_table();
        let mut waiting: Vec<(&Planned, BTreeSet<&str>)> = to_build
            .iter()
            .map(|&planned| {
                let reads = planned.model.reads().iter();
                let needs = reads
                    .filter(|read| read.by != ReadBy::Check)
                    .map(|read| read.table.as_str())
                    .filter(|table| of_run.contains(table) || *table == owners);
                (planned, needs.collect())
            })
            .collect();
        let mut readers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for planned in to_build {
            let landing = planned.landing.keys().map(String::as_str);
            for table in landing.filter(|table| shared.contains_key(*table)) {
                readers
                    .entry(table)
                    .or_default()
                    .insert(planned.model.name.as_ref());
            }
        }
        let mut built: BTreeMap<String, Built> = BTreeMap::new();
        let mut devices = None;
        let mut all_read = deferred.is_empty();
        let mut running = JoinSet::new();
        loop {
            self.release_written(derived)?;
            let searching = search.is_some();
            let mut early = of_run.iter().filter(|name| !deferred.contains(**name));
            if !all_read && early.all(|name| built.contains_key(*name)) {
                self.put_intake_tables(quarantine).await?;
                all_read = true;
            }
            waiting.retain(|(planned, needs)| {
                let is_there = |table: &&str| match *table == owners {
                    true => !searching,
                    false => built.contains_key(*table),
                };
                let may_begin = all_read || !deferred.contains(planned.model.name.as_ref());
                let ready = may_begin && needs.iter().all(is_there);
                if ready {
                    running.spawn(self.build_one(Planned::clone(planned)));
                }
                !ready
            });
            let has_read_claimants = search
                .as_ref()
                .is_some_and(|(search, _)| search.has_read_claimants());
            if (has_read_claimants || running.is_empty())
                && let Some(search) = search.take()
            {
                devices = Some(self.end_search(search, shared, derived).await?);
                continue;
            }
            let next = stop::next_finished(&mut running, "the run", &self.stop).await?;
            let Some((planned, done)) = next else {
                return Ok((built, devices));
            };
            let name = planned.model.name.to_string();
            let staged = self.staged(&planned, &done)?;
            self.session.tables().put(&name, Arc::new(staged));
            self.progress.end(&name, done.rows);
            readers.retain(|table, models| {
                models.remove(name.as_str());
                if models.is_empty() {
                    // Frees its rows.
                    restore_one(&self.session, &self.sources, table);
                }
                !models.is_empty()
            });
            built.insert(name, done);
        }
    }

    fn build_one(
        &self,
        planned: Planned,
    ) -> impl Future<Output = Result<(Planned, Built), Error>> + use<> {
        let (session, lake) = (Arc::clone(&self.session), self.locked.lake.clone());
        let (run, progress) = (self.locked.run.clone(), Arc::clone(&self.progress));
        let stop = self.stop.clone();
        async move {
            stop.check()?;
            progress.begin(planned.model.name.as_ref());
            let built = build(&session, &lake, &run, &planned, &progress, &stop).await?;
            Ok((planned, built))
        }
    }

    pub(super) fn staged(&self, planned: &Planned, built: &Built) -> Result<LakeTable, Error> {
        let (id, schema) = (planned.layout.table(), planned.layout.schema());
        Ok(self.session.tables().in_files(id, schema, &built.files)?)
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
}
