//! Tables in one line.

use catalog::{Expectations, LandingTable, Model};
use evidence::{Growth, TableFigures, Verdict, Zone};
use futures::stream::{self, StreamExt, TryStreamExt};
use lake::{Commit, TableId, Version};
use query::system::{self, Definition};
use query::tables::model_id;

use super::results::NewestResults;
use super::snapshot::LakeSnapshot;
use crate::Error;
use crate::operations::evidence::expected::landing_is_published;
use crate::operations::evidence::masking;

/// Of how many tables the commits are read at the same time.
const CONCURRENT_READS: usize = 8;

/// Makes the figures of tables.
pub(super) struct Figures<'a> {
    pub(super) lake: &'a LakeSnapshot,
    pub(super) results: &'a NewestResults,
    /// The expected rows, and how much a difference matters.
    pub(super) expected: Option<(&'a Expectations, Verdict)>,
}

impl<'a> Figures<'a> {
    /// Without `expect`, counts are compared with the published ones if the landing tables
    /// have the published rows and nobody entered a consent by hand; a difference is then a
    /// warning.
    pub(super) fn new(
        lake: &'a LakeSnapshot,
        results: &'a NewestResults,
        expect: Option<&'a Expectations>,
    ) -> Self {
        let project = &lake.session.tables().project;
        let is_reference = lake.rows(&system::CONSENT_REGISTER) == 0
            && landing_is_published(project, &lake.accounts);
        let published = project.published().filter(|_| is_reference);
        Self {
            lake,
            results,
            expected: match expect {
                None => published.map(|expected| (expected, Verdict::Warn)),
                Some(expected) => Some((expected, Verdict::Fail)),
            },
        }
    }

    /// Landing tables, models in build order, system tables.
    ///
    /// # Errors
    /// [`Error::Lake`].
    pub(super) async fn all(&self) -> Result<Vec<TableFigures>, Error> {
        let project = &self.lake.session.tables().project;
        let mut tables: Vec<TableFigures> = project
            .landing()
            .iter()
            .map(|table| self.landing(table))
            .collect();
        let models = project
            .models()
            .iter()
            .map(|model| (self.model(model), model_id(model)));
        let of_system = system::all().map(|table| (self.system(table), table.id()));
        let of_lake: Vec<(TableFigures, TableId)> = models.chain(of_system).collect();
        let grown = stream::iter(of_lake)
            .map(|(mut table, id)| async move {
                let (commits, _) = self.lake.commits(&id).await?;
                grow(&mut table, &commits);
                Ok::<_, Error>(table)
            })
            .buffered(CONCURRENT_READS);
        tables.extend(grown.try_collect::<Vec<TableFigures>>().await?);
        Ok(tables)
    }

    pub(super) fn landing(&self, table: &LandingTable) -> TableFigures {
        let name = table.name.as_ref();
        let read = self.lake.accounts.landing_files(name);
        self.judged(TableFigures {
            rows: self.lake.accounts.landing_rows(name),
            files: read.map(|(files, _)| files),
            bytes: read.map(|(_, bytes)| bytes),
            ..self.named(Zone::Landing, name, table.comment.as_deref())
        })
    }

    pub(super) fn model(&self, model: &Model) -> TableFigures {
        let zone = zone_of(model);
        let table = self.named(zone, model.name.as_ref(), Some(&model.contract.grain));
        self.judged(with_version(table, self.lake.version(&model_id(model))))
    }

    pub(super) fn system(&self, table: &Definition) -> TableFigures {
        let figures = self.named(Zone::System, table.name(), Some(table.grain()));
        with_version(figures, self.lake.version(&table.id()))
    }

    fn named(&self, zone: Zone, table: &str, grain: Option<&str>) -> TableFigures {
        let steps = match zone {
            Zone::System => Vec::new(),
            _ => {
                let project = &self.lake.session.tables().project;
                self.lake.accounts.steps_of(project, table)
            }
        };
        TableFigures {
            zone,
            table: table.to_owned(),
            grain: grain.map(masking::of_note),
            rows: None,
            expected: None,
            verdict: Verdict::Ok,
            checks: 0,
            version: None,
            published_ms: None,
            files: None,
            bytes: None,
            steps,
            growth: Vec::new(),
        }
    }

    fn judged(&self, table: TableFigures) -> TableFigures {
        let results = self.results.of(&table.table);
        let of_checks = results.iter().map(|result| result.verdict).max();
        let expected = self
            .expected
            .and_then(|(counts, severity)| Some((counts.get(&table.table)?, severity)));
        let of_rows = match expected {
            Some((expected, severity)) if table.rows != Some(expected) => severity,
            _ => Verdict::Ok,
        };
        TableFigures {
            expected: expected.map(|(rows, _)| rows),
            verdict: of_checks.unwrap_or(Verdict::Ok).max(of_rows),
            checks: results.len() as u64,
            ..table
        }
    }
}

/// Where a model's table stands.
pub(super) fn zone_of(model: &Model) -> Zone {
    match model.zone {
        catalog::Zone::Curated => Zone::Curated,
        _ => Zone::Trusted,
    }
}

pub(super) fn with_version(table: TableFigures, version: Option<&Version>) -> TableFigures {
    TableFigures {
        rows: version.map(Version::rows),
        version: version.map(|version| version.number),
        files: version.map(|version| version.files.len() as u64),
        bytes: version.map(Version::bytes),
        ..table
    }
}

/// Adds what the commits tell: when the version was published, and how rows grew.
pub(super) fn grow(table: &mut TableFigures, commits: &[Commit]) {
    let own = commits
        .iter()
        .find(|commit| Some(commit.version) == table.version);
    table.published_ms = own.map(|commit| commit.timestamp);
    let known = commits.iter().rev().filter_map(|commit| {
        Some(Growth {
            version: commit.version,
            at_ms: commit.timestamp,
            rows: commit.commit_info.as_ref()?.rows,
        })
    });
    table.growth = known.collect();
}
