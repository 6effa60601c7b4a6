//! The run state: what a run records for the next one, and how the next run decides from
//! it how much to compute.
//!
//! `system.landing_files` lists the landing files that were read. [`RunState`], in the
//! release, records everything else that tables depend on. If nothing changed, a run
//! computes nothing. If only landing files or facts about people are new, it computes their
//! effects. If only models changed, it computes these models. Otherwise it rebuilds
//! everything and gives the reason, a [`Fallback`]. See [`RunScope`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use catalog::Model;
use lake::{AsOf, Release, TableId, Version};
use query::landing::{Likeness, Source, SourceFile, TableIntake, fault_of};
use query::system::{self, LANDING_FILES};
use query::tables::model_id;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::fallback::Fallback;
use super::options::ChangedFiles;
use super::work::Work;
use crate::Error;
use crate::commit_note::RegisterState;
use crate::contract::time_use::TimeUse;
use crate::subjects::in_force;
use crate::subjects::landing_files::{self, KnownFile};
use crate::subjects::quarantine;

/// The format of [`RunState`]. A lake with another format is rebuilt. Increase it when what
/// is recorded, or how tables are computed, changes.
const FORMAT: u32 = 3;

/// What a run records for the next one, in addition to the files it read. It is stored in
/// the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunState {
    format: u32,
    /// The run.
    pub(crate) run: String,
    /// Its start, epoch milliseconds.
    pub(crate) now_ms: i64,
    /// The models that it built, by table: their SQL and contract as a hash.
    models: BTreeMap<String, String>,
    /// The definitions of landing tables, as a hash.
    landing: String,
    /// A fingerprint of the key of pseudonyms, where one was used.
    key: Option<String>,
    /// What tables held after it, by [`lake::CommitInfo::content`].
    contents: BTreeMap<String, String>,
    /// Versions of the tables that people write to between runs: consent register and
    /// quarantine.
    entered: BTreeMap<String, Option<i64>>,
    /// The register of consent, as the run knew it.
    #[serde(default)]
    register: RegisterState,
    /// Higher than in any earlier release, lost ones included. It is compared with the
    /// generation in table logs, see [`CommitNote`](crate::commit_note::CommitNote).
    #[serde(default)]
    generation: u64,
}

/// How much a run must compute.
#[derive(Debug)]
pub(crate) enum RunScope {
    /// Nothing.
    Unchanged {
        /// As in [`NewInput::kept`].
        kept: Vec<String>,
    },
    /// Files, or entries about people.
    Incremental(NewInput),
    /// Only models: those whose SQL or contract changed, or that the last run did not
    /// build.
    ChangedModels(BTreeSet<String>),
    /// Every table.
    Full {
        /// Why; `None` in a lake without a run.
        fallback: Option<Fallback>,
        /// Files that changed or were removed after they were read, for messages.
        changed: Vec<String>,
    },
}

/// The input of an incremental run: what is new since the last run.
#[derive(Debug, Default)]
pub(crate) struct NewInput {
    /// Files that were not read yet, by landing table.
    pub(crate) files: BTreeMap<String, Vec<SourceFile>>,
    /// What was read before.
    pub(crate) known: Vec<KnownFile>,
    /// Something was entered by hand, or a quarantine entry dropped.
    pub(crate) is_entered: bool,
    /// Somebody's consent began or ended between the last run and this one, or may have.
    pub(crate) consent_crossed: bool,
    /// Files that changed or were removed after they were read, for messages. An incremental
    /// run keeps their rows.
    pub(crate) kept: Vec<String>,
    /// Table and name of each file in `kept`.
    pub(crate) kept_files: BTreeSet<(String, String)>,
    /// New tags of files whose content is as it was read, although their time or location
    /// differs, by table and name.
    pub(crate) known_again: BTreeMap<(String, String), String>,
}

impl NewInput {
    /// Describes it for the user; `takes` is the verb: `takes` or `took`.
    pub(super) fn in_words(&self, takes: &str) -> String {
        let count = self.files.values().flatten().count();
        match count {
            0 => format!("{takes} in what is new about people"),
            1 => format!("{takes} in 1 new file"),
            _ => format!("{takes} in {count} new files"),
        }
    }
}

impl RunState {
    /// The state that the last run recorded; `None` if there is none, or one of another
    /// format.
    pub(super) fn of_last(work: &Work) -> Option<Self> {
        Self::of_release(work.locked.release.as_ref()?)
    }

    /// What the run that made a release left; `None` if it is of another format.
    pub(crate) fn of_release(release: &Release) -> Option<Self> {
        let last_run: Self = serde_json::from_value(release.state.clone()).ok()?;
        (last_run.format == FORMAT).then_some(last_run)
    }

    /// Whether the run built `model` as it is now.
    pub(crate) fn has_built(&self, model: &Model) -> bool {
        self.models.get(&model_id(model).to_string()) == Some(&fingerprint(model))
    }

    /// The version of a table written between runs that the run read, or that it
    /// left.
    pub(super) fn entered_version(&self, table: &system::Definition) -> Option<i64> {
        self.entered.get(table.name()).copied().flatten()
    }

    /// A table whose content differs from what `last` recorded, or that had rows then and is
    /// gone.
    fn changed_table(&self, last: &Self) -> Option<String> {
        let differs =
            |(table, content): &(&String, &String)| last.contents.get(*table) != Some(*content);
        if let Some((table, _)) = self.contents.iter().find(differs) {
            return Some(table.clone());
        }
        let derived = system::DERIVED
            .into_iter()
            .chain([&LANDING_FILES, &system::LEDGER])
            .map(|table| table.id().to_string());
        let mut tables = self.models.keys().cloned().chain(derived);
        tables.find(|table| last.contents.contains_key(table) && !self.contents.contains_key(table))
    }

    /// Whether both states are equal, apart from the run itself.
    pub(super) fn equals_but_for_run(&self, other: &Self) -> bool {
        let own = Self {
            run: other.run.clone(),
            now_ms: other.now_ms,
            generation: other.generation,
            ..self.clone()
        };
        own == *other
    }
}

impl Work {
    /// What this run would leave, with `contents` of the tables that it changes.
    pub(super) async fn run_state(
        &self,
        contents: &BTreeMap<TableId, String>,
    ) -> Result<RunState, Error> {
        let mut all = BTreeMap::new();
        for table in self.remembered() {
            let content = match contents.get(&table) {
                Some(content) => Some(content.clone()),
                None => content_of(self.version(&table).await?.as_ref()),
            };
            all.extend(content.map(|content| (table.to_string(), content)));
        }
        let mut entered = BTreeMap::new();
        for table in [&system::CONSENT_REGISTER, &system::QUARANTINE] {
            let version = match contents.contains_key(&table.id()) {
                // This run writes it: there is one more then.
                true => Some(self.version(&table.id()).await?.map_or(0, |v| v.number + 1)),
                false => self
                    .version(&table.id())
                    .await?
                    .map(|version| version.number),
            };
            entered.insert(table.name().to_owned(), version);
        }
        let models = self.planned.iter().map(|planned| {
            let table = planned.layout.table().to_string();
            (table, fingerprint(&planned.model))
        });
        let tables = self.session.tables().project.landing().iter();
        let definitions: String = tables
            .map(|table| without_path(format!("{table:?}"), &table.file))
            .collect();
        Ok(RunState {
            format: FORMAT,
            run: self.locked.run.clone(),
            now_ms: self.now_ms,
            models: models.collect(),
            landing: hex(definitions.as_bytes()),
            key: self.session.key_fingerprint(),
            contents: all,
            entered,
            register: self.integrity.remembered(),
            generation: self.integrity.noted().generation,
        })
    }

    /// The tables whose contents a run relies on.
    fn remembered(&self) -> Vec<TableId> {
        let models = self.planned.iter();
        let mut tables: Vec<TableId> = models
            .map(|planned| planned.layout.table().clone())
            .collect();
        tables.extend(system::DERIVED.map(system::Definition::id));
        tables.extend([LANDING_FILES.id(), system::LEDGER.id()]);
        tables
    }

    /// The version of a table that this run reads: the latest one when it locked the lake.
    pub(super) async fn version(&self, table: &TableId) -> Result<Option<Version>, Error> {
        Ok(self
            .session
            .tables()
            .version_as_of(table, AsOf::Latest)
            .await?)
    }

    /// An earlier version of a system table; `None` where it is not there any more.
    pub(super) async fn version_numbered(
        &self,
        table: &system::Definition,
        number: i64,
    ) -> Result<Option<Version>, Error> {
        let id = table.id();
        let published = self.version(&id).await?;
        if published
            .as_ref()
            .is_some_and(|version| version.number == number)
        {
            return Ok(published);
        }
        match self.locked.lake.version(&id, AsOf::Version(number)).await {
            Ok(version) => Ok(version),
            Err(lake::Error::NoVersion { .. } | lake::Error::VersionRemoved { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Compares the input with what the last run noted, and decides how much to
    /// compute.
    pub(super) async fn decide_scope(
        &self,
        changed_files: ChangedFiles,
    ) -> Result<RunScope, Error> {
        if self.integrity.requires_full_build() {
            let mut new = NewInput {
                known: landing_files::known(&self.session).await?,
                ..NewInput::default()
            };
            Self::compare_files(&self.sources, &mut new).await;
            return Ok(RunScope::Full {
                fallback: Some(Fallback::Damaged),
                changed: new.kept,
            });
        }
        let Some(last_run) = RunState::of_last(self) else {
            let release = self.locked.release.as_ref();
            let other = release.is_some_and(|release| release.state.get("format").is_some());
            return Ok(RunScope::Full {
                fallback: other.then_some(Fallback::OtherProgram),
                changed: Vec::new(),
            });
        };
        let mut new = NewInput {
            known: landing_files::known(&self.session).await?,
            ..NewInput::default()
        };
        Self::compare_files(&self.sources, &mut new).await;
        let own = self.run_state(&BTreeMap::new()).await?;
        let is_known = |own: &BTreeMap<String, String>, of: &BTreeMap<String, String>| {
            own.iter().all(|(table, is)| of.get(table) == Some(is))
        };
        let mut fallback = if own.landing != last_run.landing {
            Some(Fallback::LandingDefinitions)
        } else if own.key.is_some() && own.key != last_run.key {
            Some(Fallback::OtherKey)
        } else if let Some(table) = own.changed_table(&last_run) {
            Some(Fallback::TableChanged { table })
        } else if let Some(table) = self.table_that_depends_on_time(&last_run) {
            Some(Fallback::TimeDependent { table })
        } else if !new.kept.is_empty() && changed_files == ChangedFiles::Rebuild {
            Some(Fallback::FilesChanged)
        } else {
            None
        };
        new.is_entered = own.entered != last_run.entered;
        new.consent_crossed = self.crosses_since(&last_run).await?;
        let is_new = !new.files.is_empty() || new.is_entered || new.consent_crossed;
        if fallback.is_none() && !is_known(&own.models, &last_run.models) {
            let models = self.changed_models(&own, &last_run);
            if !is_new && new.kept.is_empty() {
                return Ok(RunScope::ChangedModels(models));
            }
            let mut built = own.models.keys();
            fallback = Some(
                match built.all(|table| last_run.models.contains_key(table)) {
                    true => Fallback::ModelsAndInput {
                        models: models.into_iter().collect(),
                    },
                    false => Fallback::OtherTables,
                },
            );
        }
        if fallback.is_some() {
            return Ok(RunScope::Full {
                fallback,
                changed: new.kept,
            });
        }
        if !is_new {
            return Ok(RunScope::Unchanged { kept: new.kept });
        }
        // Tables outside the selection would miss the new input.
        if own.models.len() < last_run.models.len() {
            return Ok(RunScope::Full {
                fallback: Some(Fallback::OtherTables),
                changed: new.kept,
            });
        }
        Ok(RunScope::Incremental(new))
    }

    /// Models of this run whose SQL or contract differs from what the last run built.
    fn changed_models(&self, own: &RunState, last_run: &RunState) -> BTreeSet<String> {
        let planned = self.planned.iter();
        planned
            .filter(|planned| {
                let table = planned.layout.table().to_string();
                own.models.get(&table) != last_run.models.get(&table)
            })
            .map(|planned| planned.model.name.to_string())
            .collect()
    }

    /// Refuses to read everything anew while a file that an earlier run read cannot be
    /// read: its rows would be missing.
    ///
    /// # Errors
    /// [`Error::Query`] about the file.
    pub(super) async fn refuse_unreadable(&self) -> Result<(), Error> {
        let mut sources = self.sources.values();
        if sources.all(|source| source.unreadable.is_empty()) {
            return Ok(());
        }
        let known = landing_files::names(&self.session).await?;
        for source in self.sources.values() {
            let Some(known) = known.get(&source.table) else {
                continue;
            };
            let mut unreadable = known.iter().filter_map(|name| source.unreadable_at(name));
            if let Some(entry) = unreadable.next() {
                return Err(fault_of(entry).into());
            }
        }
        Ok(())
    }

    /// Sorts listed files into new, known and changed ones.
    pub(super) async fn compare_files(sources: &HashMap<String, Arc<Source>>, new: &mut NewInput) {
        let mut read: HashMap<(&str, &str), &KnownFile> = HashMap::new();
        for file in &new.known {
            read.insert((file.table.as_str(), file.name.as_str()), file);
        }
        let known_again = &mut new.known_again;
        let mut changed = |table: &str, name: &str, shown: String| {
            new.kept.push(shown);
            new.kept_files.insert((table.to_owned(), name.to_owned()));
        };
        for (table, source) in sources {
            for file in &source.files {
                let known = read.remove(&(table.as_str(), file.name.as_str()));
                let alike = known.map(|known| known.compare(file));
                if let Some(Likeness::IfContentIs(hash)) = alike
                    && source.content_of(file).await == Ok(hash)
                {
                    let name = (table.clone(), file.name.clone());
                    known_again.insert(name, file.tag.noted(Some(hash)));
                    continue;
                }
                match alike {
                    Some(Likeness::Same) => {}
                    Some(_) => changed(table, &file.name, file.shown.clone()),
                    None => {
                        let files = new.files.entry(table.clone()).or_default();
                        files.push(file.clone());
                    }
                }
            }
        }
        let mut unreadable = Vec::new();
        // Files that were read and are not listed are gone.
        for file in read.values() {
            if let Some(source) = sources.get(&file.table) {
                // Its rows stay as they were read; whoever needs them fails.
                if source.unreadable_at(&file.name).is_some() {
                    unreadable.push((file.table.clone(), file.name.clone()));
                    continue;
                }
                let path = source.location.child(&file.name);
                changed(&file.table, &file.name, source.location.display(&path));
            }
        }
        new.kept_files.extend(unreadable);
        new.kept.sort();
    }

    /// A model that uses the time of the run for more than which consents are in force, if
    /// the last run had another time.
    fn table_that_depends_on_time(&self, last_run: &RunState) -> Option<String> {
        if last_run.now_ms == self.now_ms {
            return None;
        }
        let mut planned = self.planned.iter();
        let found = planned.find(|planned| planned.time == TimeUse::Other)?;
        Some(found.model.name.to_string())
    }

    /// Whether something was entered by hand since that run, or dropped from
    /// quarantine.
    pub(super) async fn is_entered_since(&self, last_run: &RunState) -> Result<bool, Error> {
        Ok(self.run_state(&BTreeMap::new()).await?.entered != last_run.entered)
    }

    /// Whether consent began or ended between that run and this, or may have.
    pub(super) async fn crosses_since(&self, last_run: &RunState) -> Result<bool, Error> {
        Ok(last_run.now_ms != self.now_ms
            && (self.people_crossing(last_run.now_ms).await? || self.is_anyone_suspended().await?))
    }

    /// Whether anybody is suspended. `system.consent` has the suspended consents that
    /// ended before the run; nothing tells beforehand when they end.
    async fn is_anyone_suspended(&self) -> Result<bool, Error> {
        let known = quarantine::state(&self.session).await?;
        Ok(!known.named.is_empty())
    }

    /// Whether anybody's consent begins or ends between the last run and this.
    async fn people_crossing(&self, last_ms: i64) -> Result<bool, Error> {
        let sql = in_force::began_or_ended("count(*)", last_ms, self.now_ms);
        Ok(crate::contract::checks::count(&self.session, &sql).await? > 0)
    }
}

pub(super) fn content_of(version: Option<&Version>) -> Option<String> {
    Some(version?.commit_info.as_ref()?.content.clone())
}

/// A hash of a model: its SQL and its contract.
fn fingerprint(model: &Model) -> String {
    let contract = without_path(format!("{:?}", model.contract), &model.file);
    hex(format!("{}\n{contract}", model.sql).as_bytes())
}

/// Removes the path of the model's file: moving a project changes nothing.
fn without_path(text: String, file: &str) -> String {
    text.replace(file, "")
}

fn hex(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

/// Whether every file of every source was read exactly once.
pub(super) fn is_complete(
    sources: &HashMap<String, Arc<Source>>,
    intake: &BTreeMap<String, TableIntake>,
) -> bool {
    sources.iter().all(|(table, source)| {
        let read = intake.get(table).map_or(&[][..], |read| &read.files);
        let names: BTreeSet<&str> = read.iter().map(|file| file.name.as_str()).collect();
        names.len() == read.len() && read.len() == source.files.len()
    })
}
