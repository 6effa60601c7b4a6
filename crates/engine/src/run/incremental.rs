//! An incremental run: reads new landing files alone, computes which rows of each
//! table come and go, and leaves all other rows as they are. Where that is not
//! possible, it says why by a [`Fallback`] and everything is built.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use catalog::{Duplicates, Model, ReadBy, Rule};
use datafusion::catalog::TableProvider;
use datafusion::physical_plan::execute_stream;
use futures::{StreamExt, TryStreamExt};
use lake::{Layout, TableId, Version};
use query::landing::{Intake, LandingTable, Source, TableIntake};
use query::{Query, Session, system};

use super::fallback::{Fallback, Halt};
use super::inputs::{owners_table, reads_owners, restore};
use super::options::RunOptions;
use super::prepared::{IncrementalBuild, Outcome, Prepared, Step};
use super::remarks::warnings;
use super::state::{NewInput, RunState};
use super::work::Work;
use crate::Error;
use crate::contract::planning::{Planned, are_as_shipped};
use crate::contract::report::{CheckReport, Report, TableReport};
use crate::contract::time_use::TimeUse;
use crate::contract::{checks, leave_out, privacy_gates, shipped, subject_columns};
use crate::incremental::{
    Applier, Computed, Difference, EvaluationGoal, PeopleChanges, PeopleSource, PublishedTable,
    Statement, TableChanges,
};
use crate::stored::stored;
use crate::subjects::quarantine::{self, QuarantineState};
use crate::subjects::quarantine_writer::QuarantineWriter;
use crate::subjects::{consent, landing_files};
use crate::write::ledger::{self, Reason, Totals};

/// New input beyond this is not held in memory to be joined: everything is
/// computed from the files instead.
const BYTES_MAX: u64 = 512 << 20;

/// Up to so much is always taken in, however little there was before.
const BYTES_MIN: u64 = 64 << 20;

/// Rows beyond so many of a table are not held in memory to be compared.
const ROWS_MAX: u64 = 2_000_000;

/// System tables that are written between runs, too.
const ENTERED: [&system::Definition; 2] = [&system::CONSENT_REGISTER, &system::QUARANTINE];

/// System tables that every run adds to. What follows from them is built anew with
/// whatever is new.
const OF_RUNS: [&system::Definition; 4] = [
    &system::CHECKS,
    &system::LANDING_FILES,
    &system::LEDGER,
    &system::RUNS,
];

/// A model's rows that went and came, and its account before and after.
struct Changed {
    difference: Difference,
    ledger: Totals,
    duplicates: u64,
}

impl Work {
    /// Computes what is `new` and what follows from it, and leaves all other rows as
    /// they are.
    ///
    /// # Errors
    /// A [`Fallback`] where that takes everything; nothing of it counts then.
    pub(super) async fn prepare_incremental(
        &self,
        new: NewInput,
        options: &RunOptions,
    ) -> Result<Prepared, Halt> {
        let last_run = RunState::of_last(self).ok_or(Fallback::NoState)?;
        self.require_incremental(&new)?;
        let entered_before = self.entered_before(&last_run).await?;
        let after = self.session.beside(&self.setup, self.now_ms, &[])?;
        let before = self
            .session
            .beside(&self.setup, last_run.now_ms, &entered_before)?;
        // What lies there is what was listed.
        restore(&after, &self.sources);
        let (is_entered, consent_crossed) = (new.is_entered, new.consent_crossed);
        let known_again = new.known_again.clone();
        let known = quarantine::state(&self.session).await?;
        let quarantine = QuarantineWriter::begin(&self.locked.lake, &self.locked.run)?;
        let intake = Arc::new(Intake::new(self.setup.project.roles()));
        intake.begin(
            Arc::clone(&known.dropped),
            Some(Arc::clone(&quarantine) as _),
        );
        let (mut tables, intake) = self.read_new(new, before, &after, intake).await?;
        if tables.affects_more_rows_than(ROWS_MAX)? {
            return Err(Fallback::ManyRows { table: None }.into());
        }
        let places: u64 = known.places + intake.values().map(|read| read.places).sum::<u64>();
        // A strict run names the first place that cannot be read, so it reads all.
        if options.strict && places > 0 {
            return Err(Fallback::Strict.into());
        }
        let register = consent::register(&self.session).await?;
        self.note_entered(&mut tables, &after, entered_before, &quarantine)
            .await?;
        let mut suspended = known.named.all()?.clone();
        let records = self.setup.project.roles().person_records();
        let new_entries = records.and_then(|records| intake.get(records.table.as_ref()));
        let new_entries = new_entries.map(|read| &read.named);
        if let Some(named) = new_entries {
            suspended.extend(named.all()?.iter().cloned());
        }
        let is_quarantined = new_entries.is_some_and(|named| !named.is_empty());
        let mut entered = entered(is_entered, is_quarantined, &register, &known, &suspended)?;
        if last_run.now_ms != self.now_ms {
            entered.extend(suspended.iter().cloned());
        }
        let from = PeopleSource {
            now_ms: self.now_ms,
            last_ms: last_run.now_ms,
            register: &register,
            suspended: &suspended,
            entered: &entered,
            consent_began_or_ended: consent_crossed,
            trusted_are_complete: are_as_shipped(&self.planned, &shipped::OF_READINGS),
        };
        let changes = tables.update_people(&from).await?;
        let changes = changes.ok_or(Fallback::PeopleUnclear)?;

        self.announce(&self.planned);
        let mut increment = IncrementalBuild {
            ledger: Totals::default(),
            steps: Vec::new(),
            undecodable: self.undecodable(&known, &intake),
            places,
            quarantine,
            intake,
            known_again,
        };
        for (table, read) in &increment.intake {
            increment
                .ledger
                .add_read(table, read.files.len() as u64, &read.tally, 1);
        }
        for table in system::DERIVED {
            let name = table.full_name();
            let derived = Table {
                layout: table.layout()?,
                description: system::grain(table.name()).unwrap_or_default(),
                subject_column: None,
                name,
            };
            self.apply(&after, &mut tables, derived, 0, &mut increment)
                .await?;
        }
        for planned in &self.planned {
            self.stop.check()?;
            let name = planned.model.name.as_ref();
            self.progress.begin(name);
            let changed = self.change(&mut tables, &after, planned).await?;
            increment.ledger.merge(&changed.ledger, 1);
            tables.record(name.to_owned(), changed.difference);
            let table = Table {
                name: name.to_owned(),
                layout: planned.layout.clone(),
                description: &planned.model.contract.grain,
                subject_column: subject_columns::column(&planned.model).map(|(_, column)| column),
            };
            let duplicates = changed.duplicates;
            self.apply(&after, &mut tables, table, duplicates, &mut increment)
                .await?;
            let rows = increment.steps.last().map_or(0, |step| step.applied.rows);
            self.progress.end(name, rows);
        }
        self.progress.check();
        let report = self
            .report_incremental(options, &tables, &increment, &last_run, &after, &changes)
            .await?;
        Ok(Prepared {
            report,
            outcome: Outcome::Incremental(Box::new(increment)),
        })
    }

    /// What is seen without reading a row: whether an incremental run is possible.
    ///
    /// # Errors
    /// The [`Fallback`] that rules it out.
    fn require_incremental(&self, new: &NewInput) -> Result<(), Fallback> {
        let bytes: u64 = new.files.values().flatten().map(|file| file.bytes).sum();
        let all: u64 = self.sources.values().map(|source| source.bytes()).sum();
        if bytes > BYTES_MAX || bytes > BYTES_MIN.max(all / 4) {
            return Err(Fallback::ManyBytes { bytes });
        }
        if self.setup.project.roles().person_records().is_none() {
            return Err(Fallback::NoRecords);
        }
        if !reads_owners(&self.planned) {
            return Err(Fallback::NoOwners);
        }
        for planned in &self.planned {
            let name = planned.model.name.as_ref();
            let table = || name.to_owned();
            let of_run = |read: &catalog::Reference| {
                OF_RUNS.iter().any(|table| table.full_name() == read.table)
            };
            if planned.model.reads().iter().any(of_run) {
                return Err(Fallback::ReadsRunTables { table: table() });
            }
            if planned.is_training_set() && !are_as_shipped(&self.planned, &shipped::OF_TRAINING) {
                return Err(Fallback::OwnTrainingSet);
            }
            if leave_out::leaving_out(&planned.model).next().is_some() {
                return Err(Fallback::LeavesOut { table: table() });
            }
        }
        Ok(())
    }

    /// The versions of what is written between runs that the last run read.
    async fn entered_before(
        &self,
        last_run: &RunState,
    ) -> Result<Vec<(TableId, Option<Version>)>, Halt> {
        let mut entered = Vec::new();
        for table in self.entered_and_read() {
            let version = match last_run.entered_version(table) {
                None => None,
                Some(number) => match self.version_numbered(table, number).await? {
                    Some(version) => Some(version),
                    None => {
                        let table = table.full_name();
                        return Err(Fallback::VersionRemoved { table }.into());
                    }
                },
            };
            entered.push((table.id(), version));
        }
        Ok(entered)
    }

    /// Those of the tables written between runs that models or checks read.
    fn entered_and_read(&self) -> impl Iterator<Item = &'static system::Definition> {
        let tables = ENTERED.into_iter();
        tables.filter(|table| self.any_reads(&[table], |_| true))
    }

    /// Keeps by which rows those tables differ. `quarantine` is what this run leaves
    /// there.
    async fn note_entered(
        &self,
        tables: &mut TableChanges,
        after: &Session,
        entered: Vec<(TableId, Option<Version>)>,
        quarantine: &QuarantineWriter,
    ) -> Result<(), Error> {
        for (table, (_, version)) in self.entered_and_read().zip(entered) {
            let name = table.full_name();
            let now = if table.name() == system::QUARANTINE.name() {
                let mut now = all_rows(after, table).await?;
                let files = quarantine.files().await?;
                let new = after
                    .tables()
                    .in_files(&table.id(), &table.schema(), &files)?;
                after.tables().put_system(table.name(), Arc::new(new));
                now.extend(all_rows(after, table).await?);
                let rows = concat_batches(&table.schema(), &now)
                    .map_err(|error| Error::execution(&name, error.into()))?;
                after.tables().put_derived(table, &rows)?;
                vec![rows]
            } else {
                all_rows(after, table).await?
            };
            let published = all_rows(&tables.before, table).await?;
            let difference = Difference::between(&published, &now)
                .map_err(|error| Error::execution(&name, error.into()))?;
            tables.record(name.clone(), difference);
            tables
                .published
                .insert(name, PublishedTable::of_system(table, version));
        }
        Ok(())
    }

    /// Reads what is new.
    async fn read_new(
        &self,
        new: NewInput,
        before: Session,
        after: &Session,
        intake: Arc<Intake>,
    ) -> Result<(TableChanges, BTreeMap<String, TableIntake>), Halt> {
        let mut tables = TableChanges::new(before, new.known, new.kept_files);
        for (table, source) in &self.sources {
            let fresh = new.files.get(table).map_or(&[][..], Vec::as_slice);
            let fresh_names: HashSet<&str> = fresh.iter().map(|file| file.name.as_str()).collect();
            let old = source
                .files
                .iter()
                .filter(|file| !fresh_names.contains(file.name.as_str()))
                .cloned();
            tables.landing.insert(
                table.clone(),
                Arc::new(Source {
                    files: old.collect(),
                    ..Source::clone(source)
                }),
            );
            if fresh.is_empty() {
                continue;
            }
            let rows = self
                .read_files(after, table, source, fresh, &intake)
                .await?;
            tables.record(table.clone(), Difference::of_added(rows));
        }
        for planned in &self.planned {
            let id = planned.layout.table();
            let published = PublishedTable::new(
                id.clone(),
                Arc::clone(planned.layout.schema()),
                self.version(id).await?,
            );
            tables
                .published
                .insert(planned.model.name.to_string(), published);
        }
        for table in system::DERIVED {
            let published = PublishedTable::of_system(table, self.version(&table.id()).await?);
            let name = table.full_name();
            tables.published.insert(name, published);
        }
        let intake = intake.tables();
        let all_read = new.files.iter().all(|(table, files)| {
            intake
                .get(table)
                .is_some_and(|read| read.files.len() == files.len())
        });
        match all_read {
            true => Ok((tables, intake)),
            false => Err(Fallback::FileUnfinished.into()),
        }
    }

    async fn read_files(
        &self,
        session: &Session,
        table: &str,
        source: &Source,
        files: &[query::landing::SourceFile],
        intake: &Arc<Intake>,
    ) -> Result<Vec<RecordBatch>, Halt> {
        let landing = session.tables().project.landing();
        let Some(definition) = landing.iter().find(|known| known.name.as_ref() == table) else {
            return Ok(Vec::new());
        };
        let source = Source {
            files: files.to_vec(),
            ..source.clone()
        };
        let project = &self.setup.project;
        let landing = &self.setup.landing;
        let mut provider =
            LandingTable::new(definition, project.roles(), landing, Arc::clone(intake))
                .with_source(Arc::new(source));
        if let Some((column, of_people)) = landing_files::party(project, table) {
            provider = provider.noting(column, of_people);
        }
        let failed = |error| Error::execution(table, error);
        let state = session.state();
        let scan = provider
            .scan(&state, None, &[], None)
            .await
            .map_err(failed)?;
        let mut batches = execute_stream(scan, session.task_context()).map_err(failed)?;
        let mut rows = Vec::new();
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(failed)?;
            // Packed files may hold far more than they are long.
            if intake.bytes_of(table) > BYTES_MAX {
                let bytes = intake.bytes_of(table);
                return Err(Fallback::ManyBytes { bytes }.into());
            }
            if batch.num_rows() > 0 {
                rows.push(batch);
            }
        }
        Ok(rows)
    }

    /// The rows by which a model differs now.
    async fn change(
        &self,
        tables: &mut TableChanges,
        after: &Session,
        planned: &Planned,
    ) -> Result<Changed, Halt> {
        let name = planned.model.name.as_ref();
        let nothing = || Changed {
            difference: Difference::default(),
            ledger: Totals::default(),
            duplicates: 0,
        };
        let reads: Vec<&str> = planned
            .model
            .reads()
            .iter()
            .filter(|read| read.by == ReadBy::Select)
            .map(|read| read.table.as_str())
            .collect();
        if !tables.may_affect(planned.time, reads.iter()) {
            return Ok(nothing());
        }
        let statement = Statement::of(after, name, &planned.sql).await?;
        let Some(statement) = statement else {
            return self.change_whole(tables, after, planned, &reads).await;
        };
        tables.record_origins(name, planned.layout.schema(), &statement);
        let goal = EvaluationGoal::Model {
            reads: &reads,
            distinct: planned.model.contract.duplicates == Duplicates::Drop,
        };
        let found = tables
            .evaluate(after, &statement, planned.layout.schema(), goal)
            .await?;
        let Some(mut found) = found else {
            return self.change_whole(tables, after, planned, &reads).await;
        };
        if found.partitioning.is_none() {
            return Ok(nothing());
        }
        let mut duplicates = [0, 0];
        if planned.model.contract.duplicates == Duplicates::Drop {
            let dropped = tables
                .drop_duplicates(name, &mut found.before, &mut found.after)
                .await?;
            let Some(dropped) = dropped else {
                return Err(Fallback::NotDivisible {
                    table: name.to_owned(),
                }
                .into());
            };
            duplicates = dropped;
        }
        let mut ledger = Totals::default();
        for (side, sign, left_out) in [
            (&found.before, -1, duplicates[0]),
            (&found.after, 1, duplicates[1]),
        ] {
            ledger.add_model(name, &account(side, &reads, left_out), sign);
        }
        let difference = Difference::between(&found.before.rows, &found.after.rows)
            .map_err(|error| Error::execution(name, error.into()))?;
        Ok(Changed {
            difference,
            ledger,
            duplicates: duplicates[1],
        })
    }

    /// By which rows a model differs now whose SELECT cannot be divided: computed
    /// from all that it reads, and compared with what stands.
    async fn change_whole(
        &self,
        tables: &TableChanges,
        after: &Session,
        planned: &Planned,
        reads: &[&str],
    ) -> Result<Changed, Halt> {
        let name = planned.model.name.as_ref();
        let mut landing = planned.landing.keys();
        let (Some(published), true) = (
            tables.published.get(name),
            landing.all(|table| tables.is_unchanged_since_read(table)),
        ) else {
            return Err(Fallback::NotDivisible {
                table: name.to_owned(),
            }
            .into());
        };
        let too_large = || Fallback::ManyRows {
            table: Some(name.to_owned()),
        };
        let before = published.rows(after, ROWS_MAX).await?;
        let before = before.ok_or_else(too_large)?;
        let now = Computed::full(after, planned, ROWS_MAX).await?;
        let mut now = now.ok_or_else(too_large)?;
        let mut duplicates = 0;
        if planned.model.contract.duplicates == Duplicates::Drop {
            duplicates = now.drop_duplicates(name)?;
        }
        let mut ledger = Totals::default();
        ledger.add_model(name, &account(&now, reads, duplicates), 1);
        let published = Totals::published(&self.session).await?;
        ledger.merge(&published.of_model(name), -1);
        let difference = Difference::between(&before, &now.rows)
            .map_err(|error| Error::execution(name, error.into()))?;
        Ok(Changed {
            difference,
            ledger,
            duplicates,
        })
    }

    /// Writes what changes of a table, and lets its name mean that.
    async fn apply(
        &self,
        after: &Session,
        tables: &mut TableChanges,
        table: Table<'_>,
        duplicates: u64,
        increment: &mut IncrementalBuild,
    ) -> Result<(), Halt> {
        let started = Instant::now();
        let started_ms = chrono::Utc::now().timestamp_millis();
        let (Some(difference), Some(published)) = (
            tables.differences.get(&table.name),
            tables.published.get(&table.name),
        ) else {
            return Ok(());
        };
        let applier = Applier {
            session: after,
            lake: &self.locked.lake,
            run: &self.locked.run,
            changes: tables,
            layout: &table.layout,
            description: table.description,
            subject_column: table.subject_column,
        };
        let Some(applied) = applier.apply(published, difference).await? else {
            return Err(Fallback::NotDivisible { table: table.name }.into());
        };
        let provider = Arc::new(published.in_files(after, &applied.files)?);
        after.tables().put(&table.name, provider);
        if let Some(published) = tables.published.get_mut(&table.name) {
            published.files.clone_from(&applied.files);
        }
        increment.steps.push(Step {
            table: table.layout.table().clone(),
            applied,
            duplicates,
            started_ms,
            ended_ms: chrono::Utc::now().timestamp_millis(),
            seconds: started.elapsed().as_secs_f64(),
        });
        Ok(())
    }

    /// The report of an incremental run, with every check.
    async fn report_incremental(
        &self,
        options: &RunOptions,
        tables: &TableChanges,
        increment: &IncrementalBuild,
        last_run: &RunState,
        after: &Session,
        changes: &PeopleChanges,
    ) -> Result<Report, Halt> {
        let mut report = Report {
            warnings: warnings(&self.sources, &increment.intake),
            quarantined: increment.places,
            undecodable: increment.undecodable.clone(),
            tables: self.published_tables(options).await?,
            ..Report::default()
        };
        for table in &mut report.tables {
            self.recount(table, increment);
        }
        let known = self.checks_of(&last_run.run).await?;
        for planned in &self.planned {
            let name = || planned.model.name.to_string();
            let checks = planned.model.contract.checks.iter();
            for (check, time) in checks.zip(&planned.checks) {
                let named = |known: &&CheckReport| {
                    known.table == planned.model.name.as_ref() && known.check == check.name()
                };
                let known = known.iter().find(named);
                let known = known.ok_or_else(|| Fallback::CheckUnknown { table: name() })?;
                // What passes with time alone passes over rows that did not change.
                let time_tells = *time == TimeUse::Other && last_run.now_ms != self.now_ms;
                let violations = async {
                    match time_tells {
                        true => checks::violations(after, &planned.model, check).await,
                        false => {
                            let known = known.violations;
                            self.violations(tables, after, &planned.model, (check, *time), known)
                                .await
                        }
                    }
                };
                report
                    .checks
                    .push(checks::report(&planned.model, check, violations.await?));
            }
            for (by, column) in subject_columns::columns(&planned.model) {
                let refused = tables
                    .count_refused(
                        planned.model.name.as_ref(),
                        by,
                        column,
                        changes,
                        self.now_ms,
                    )
                    .await?;
                let refused = refused.ok_or_else(|| Fallback::NotDivisible { table: name() })?;
                report
                    .checks
                    .push(privacy_gates::consent_verdict(&planned.model, by, refused));
            }
            // Rows that stand may not be there any more where one of several owners
            // has withdrawn: the model as shipped sees to that itself.
            if !planned.is_as_shipped
                && privacy_gates::takes_readings(self.setup.project.roles(), &planned.model)
                && self.is_any_passed_on(after).await?
            {
                return Err(Fallback::DevicePassedOn { table: name() }.into());
            }
            if planned.group_lineage.is_some() {
                let reads = planned.model.reads().iter();
                let reads = reads.map(|read| read.table.as_str());
                let groups = match tables.may_affect(planned.time, reads) {
                    true => privacy_gates::groups(after, planned).await?,
                    false => Some(privacy_gates::groups_verdict(&planned.model, 0)),
                };
                report.checks.extend(groups);
            }
        }
        report.set_table_verdicts();
        Ok(report)
    }

    /// Whether any device had several owners one after the other.
    async fn is_any_passed_on(&self, after: &Session) -> Result<bool, Error> {
        let owners = owners_table();
        let sql = format!(
            "select count(*) from {owners} where valid_from is not null or valid_to is not null"
        );
        Ok(checks::count(after, &sql).await? > 0)
    }

    fn recount(&self, table: &mut TableReport, increment: &IncrementalBuild) {
        if table.zone == query::scan::LANDING {
            let read = increment
                .intake
                .get(&table.table)
                .map_or(0, TableIntake::rows);
            table.rows = table.rows.map(|rows| rows + read);
            return;
        }
        let step = increment
            .steps
            .iter()
            .find(|step| step.table.zone == table.zone && step.table.name == table.table);
        if let Some(step) = step {
            table.rows = Some(step.applied.rows);
            table.seconds = step.seconds;
        }
    }

    /// How many rows violate a check now, where `known` did before.
    async fn violations(
        &self,
        tables: &TableChanges,
        after: &Session,
        model: &Model,
        (check, time): (&catalog::Check, TimeUse),
        known: u64,
    ) -> Result<u64, Error> {
        let name = model.name.as_ref();
        let by_checks = model.reads().iter().filter(|read| read.by == ReadBy::Check);
        let read = by_checks.map(|read| read.table.as_str()).chain([name]);
        if !tables.may_affect(time, read) {
            return Ok(known);
        }
        if let (Rule::NotNull { column }, Some(difference)) =
            (&check.rule, tables.differences.get(name))
        {
            let (removed, added) = difference.null_counts(column);
            return Ok((known + added).saturating_sub(removed));
        }
        if let Some(sql) = checks::rows_in_violation(model, check)
            && let Some(statement) = Statement::of(after, name, &sql).await?
        {
            let schema = statement.schema()?;
            if let Some(found) = tables
                .evaluate(after, &statement, &schema, EvaluationGoal::Rows)
                .await?
            {
                return Ok(
                    (known + found.after.row_count()).saturating_sub(found.before.row_count())
                );
            }
        }
        checks::violations(after, model, check).await
    }
}

/// People of whom something was entered by hand, dropped or quarantined since
/// the last run.
fn entered(
    is_entered: bool,
    is_quarantined: bool,
    register: &consent::Register,
    known: &QuarantineState,
    suspended: &HashSet<String>,
) -> Result<HashSet<String>, Error> {
    let mut people = HashSet::new();
    if is_entered || is_quarantined {
        people.extend(suspended.iter().cloned());
        people.extend(known.named_in_dropped.all()?.iter().cloned());
    }
    if is_entered {
        people.extend(register.keys().map(|(person, _)| person.clone()));
    }
    Ok(people)
}

/// All rows of a system table, as a statement gives them.
pub(super) async fn all_rows(
    session: &Session,
    table: &system::Definition,
) -> Result<Vec<RecordBatch>, Error> {
    let all = format!("select * from {}", table.full_name());
    let stream = session.query(&all).await?.stream()?;
    let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(Query::failed)?;
    let schema = table.schema();
    let batches = batches.iter().map(|batch| stored(&schema, batch));
    batches
        .collect::<Result<_, _>>()
        .map_err(|error| Error::execution(table.full_name(), error.into()))
}

/// A table that a difference is applied to.
struct Table<'a> {
    name: String,
    layout: Layout,
    description: &'a str,
    subject_column: Option<&'a str>,
}

/// What became of the rows that one side was computed from.
fn account(side: &Computed, reads: &[&str], duplicates: u64) -> Vec<ledger::Entry> {
    let Some(plan) = &side.plan else {
        return Vec::new();
    };
    let mut entries = ledger::account(plan, reads);
    if let Some(whole) = entries.last_mut() {
        whole.leave_out(Reason::Duplicate, duplicates);
        whole.rows_out = side.row_count();
    }
    entries
}
