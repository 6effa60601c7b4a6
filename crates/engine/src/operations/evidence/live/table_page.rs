//! The figures of one table.

use std::collections::BTreeMap;

use catalog::{LandingTable, Model, Table};
use evidence::{
    CheckHistory, ColumnFigures, ColumnOrigin, Edge, Gate, RunAt, TableFigures, TablePage, Verdict,
    VersionChange,
};
use lake::{AsOf, Commit, TableId, Version};
use query::system::{self, Definition};
use query::tables::model_id;
use query::{Setup, sql_types};

use super::results::NewestResults;
use super::snapshot::LakeSnapshot;
use super::table_figures::{Figures, grow, with_version, zone_of};
use crate::Error;
use crate::contract::lineage::Influence;
use crate::contract::report::CheckKind;
use crate::operations::describe::describe;
use crate::operations::evidence::rows::Rows;
use crate::operations::evidence::{checks, graph, masking};
use crate::operations::no_table::no_table;
use crate::operations::provenance::{ColumnSources, Provenance, Source, TableProvenance, lineage};

/// How many runs the history of checks goes back.
const RUNS_MAX: usize = 10;

/// Everything that is known of one table, by any of its names, without reading its rows. Its
/// figures are those of the version of `setup.as_of`.
///
/// # Errors
/// [`Error::Query`] for an unknown table; [`Error::Lake`] for a version that is not there, and
/// where the store does not answer.
pub async fn table_page(setup: &Setup, name: &str) -> Result<TablePage, Error> {
    let name = name.to_lowercase();
    let asked = Asked::find(setup, &name)?;
    let lake = LakeSnapshot::open(setup).await?;
    let results = match lake.rows(&system::CHECKS) {
        0 => NewestResults::default(),
        _ => NewestResults::read(&lake.session).await?,
    };
    let figures = Figures::new(&lake, &results, None);
    let page = Gathering {
        setup,
        lake: &lake,
        figures: &figures,
        results: &results,
    };
    page.gather(asked).await
}

/// What was asked about.
enum Asked<'a> {
    Landing(&'a LandingTable),
    Model(&'a Model),
    System(&'static Definition),
}

impl<'a> Asked<'a> {
    fn find(setup: &'a Setup, name: &str) -> Result<Self, Error> {
        if let Some(bare) = name.strip_prefix("system.") {
            let mut all = system::all();
            let found = all.find(|table| table.name() == bare);
            return found
                .map(Asked::System)
                .ok_or_else(|| no_table(setup, name));
        }
        match setup.project.find(name) {
            Some(Table::Landing(table)) => Ok(Asked::Landing(table)),
            Some(Table::Model(model)) => Ok(Asked::Model(model)),
            None => Err(no_table(setup, name)),
        }
    }
}

struct Gathering<'a> {
    setup: &'a Setup,
    lake: &'a LakeSnapshot,
    figures: &'a Figures<'a>,
    results: &'a NewestResults,
}

impl Gathering<'_> {
    async fn gather(&self, asked: Asked<'_>) -> Result<TablePage, Error> {
        match asked {
            Asked::Landing(table) => self.landing(table).await,
            Asked::Model(model) => self.model(model).await,
            Asked::System(table) => self.system(table).await,
        }
    }

    async fn landing(&self, table: &LandingTable) -> Result<TablePage, Error> {
        let name = table.name.as_ref();
        let place = query::landing::place(&self.setup.landing, table);
        let location =
            place.map_or_else(|_| table.location.clone(), |place| place.text().to_owned());
        let columns = table.columns.iter().map(|column| ColumnFigures {
            column: column.name.clone(),
            kind: column.kind.to_string(),
            personal: table.personal().contains(&column.name),
            comment: column.comment.as_deref().map(masking::of_note),
            from: Vec::new(),
            landing: Vec::new(),
        });
        Ok(TablePage {
            location,
            file: Some(table.file.clone()),
            sql: self.definition("landing", name).map(masking::of_source),
            columns: columns.collect(),
            ..self.blank(self.figures.landing(table), name)
        })
    }

    async fn model(&self, model: &Model) -> Result<TablePage, Error> {
        let name = model.name.as_ref();
        let id = model_id(model);
        let mut figures = self.figures.model(model);
        let version = self.version(&id).await?;
        figures = with_version(figures, version.as_ref());
        let (commits, older) = self.commits(&id, version.as_ref()).await?;
        grow(&mut figures, &commits);
        // A model that cannot be planned has no lineage; everything else is known.
        let provenance = match lineage(self.setup, &model.name.as_ref().to_lowercase()).await {
            Ok(Provenance::Table(table)) => Some(table),
            _ => None,
        };
        let (checks, runs) = self.checks(model).await?;
        let zone = zone_of(model).as_str();
        Ok(TablePage {
            location: self.place(zone, name),
            also: model
                .contract
                .also
                .iter()
                .map(ToString::to_string)
                .collect(),
            file: Some(model.file.clone()),
            contract: self.definition(zone, name).and_then(contract_of),
            sql: Some(masking::of_source(model.sql.trim())),
            is_anonymous: model.contract.anonymous,
            columns: self
                .columns(model, version.as_ref(), provenance.as_ref())
                .await,
            row_origins: provenance.map_or_else(Vec::new, |table| origins(&table.rows)),
            checks,
            runs,
            versions: changes(&commits),
            versions_more: older as u64,
            ..self.blank(figures, name)
        })
    }

    async fn system(&self, table: &Definition) -> Result<TablePage, Error> {
        let id = table.id();
        let mut figures = self.figures.system(table);
        let version = self.version(&id).await?;
        figures = with_version(figures, version.as_ref());
        let (commits, older) = self.commits(&id, version.as_ref()).await?;
        grow(&mut figures, &commits);
        let schema = table.schema();
        let personal = system::personal(table.name());
        let columns = schema.fields().iter().map(|field| ColumnFigures {
            column: field.name().clone(),
            kind: sql_types::name(field.data_type()),
            personal: personal.contains(&field.name().as_str()),
            comment: None,
            from: Vec::new(),
            landing: Vec::new(),
        });
        Ok(TablePage {
            location: self.place(system::ZONE, table.name()),
            columns: columns.collect(),
            versions: changes(&commits),
            versions_more: older as u64,
            ..self.blank(figures, &table.full_name())
        })
    }

    fn blank(&self, figures: TableFigures, edge_name: &str) -> TablePage {
        let edges = graph::edges(&self.setup.project, &self.lake.accounts).into_iter();
        let is_its_own = |edge: &Edge| edge.from == edge_name || edge.to == edge_name;
        TablePage {
            figures,
            location: String::new(),
            also: Vec::new(),
            file: None,
            contract: None,
            sql: None,
            is_anonymous: false,
            columns: Vec::new(),
            row_origins: Vec::new(),
            checks: Vec::new(),
            runs: Vec::new(),
            versions: Vec::new(),
            versions_more: 0,
            edges: edges.filter(is_its_own).collect(),
        }
    }

    fn place(&self, zone: &str, table: &str) -> String {
        let place = self.setup.lake.join(&format!("{zone}/{table}"));
        place.text().to_owned()
    }

    /// The text of a definition's file.
    fn definition(&self, zone: &str, table: &str) -> Option<&str> {
        let name = format!("{zone}/{table}");
        let mut definitions = self.setup.project.definitions();
        definitions
            .find(|(known, _)| *known == name)
            .map(|(_, text)| text)
    }

    /// The version that was asked for.
    async fn version(&self, id: &TableId) -> Result<Option<Version>, Error> {
        match self.setup.as_of {
            AsOf::Latest => Ok(self.lake.version(id).cloned()),
            as_of => Ok(self.lake.lake().version(id, as_of).await?),
        }
    }

    /// The newest commits; the one of an older version that was asked for is among them.
    async fn commits(
        &self,
        id: &TableId,
        version: Option<&Version>,
    ) -> Result<(Vec<Commit>, usize), Error> {
        let (mut commits, older) = self.lake.commits(id).await?;
        let number = version.map(|version| version.number);
        if let Some(number) =
            number.filter(|number| commits.iter().all(|commit| commit.version != *number))
        {
            let all = self.lake.lake().history(id).await?;
            commits.extend(all.into_iter().filter(|commit| commit.version == number));
        }
        Ok((commits, older))
    }

    async fn columns(
        &self,
        model: &Model,
        version: Option<&Version>,
        provenance: Option<&TableProvenance>,
    ) -> Vec<ColumnFigures> {
        let sources = |column: &str| -> Option<&ColumnSources> {
            provenance?
                .columns
                .iter()
                .find(|known| known.column == column)
        };
        let figures = |column: &str, kind: String| {
            let known = sources(column);
            let is_logged =
                version.is_some_and(|version| version.personal.iter().any(|name| name == column));
            ColumnFigures {
                personal: is_logged
                    || model.contract.is_personal(column)
                    || known.is_some_and(|known| known.personal),
                from: known.map_or_else(Vec::new, |known| origins(&known.from)),
                landing: known.map_or_else(Vec::new, |known| origins(&known.landing)),
                column: column.to_owned(),
                kind,
                comment: None,
            }
        };
        if let Some(version) = version {
            let fields = version.schema.fields().iter();
            return fields
                .map(|field| figures(field.name(), sql_types::name(field.data_type())))
                .collect();
        }
        // Of a table that is not built yet, its SELECT tells the columns.
        let described = describe(self.setup, model.name.as_ref()).await;
        let columns = described.map_or_else(|_| Vec::new(), |described| described.columns);
        columns
            .into_iter()
            .map(|column| figures(&column.column, column.kind))
            .collect()
    }

    /// The checks in the order of the contract, then privacy gates, with their results; and
    /// the runs of these.
    async fn checks(&self, model: &Model) -> Result<(Vec<CheckHistory>, Vec<RunAt>), Error> {
        let table = model.name.as_ref();
        let (runs, noted) = self.noted(table).await?;
        let mut names: Vec<String> = model
            .contract
            .checks
            .iter()
            .map(catalog::Check::name)
            .collect();
        let newest = self.results.of(table);
        let gates = newest.iter().map(|result| result.check.clone());
        names.extend(gates.filter(|check| Gate::of_name(check).is_some()));
        let checks = names.into_iter().map(|name| {
            let kind = match Gate::of_name(&name) {
                Some(_) => CheckKind::Privacy,
                None => CheckKind::Contract,
            };
            let shown = masking::of_note(&name);
            let in_runs = runs
                .iter()
                .map(|run| noted.get(&(run.run.clone(), name.clone())).copied());
            CheckHistory {
                action: checks::action(&self.setup.project, table, &name, kind).to_owned(),
                verdict: verdict(newest, &shown),
                in_runs: in_runs.collect(),
                check: shown,
            }
        });
        Ok((checks.collect(), runs))
    }

    /// The last runs that noted checks of a table, newest first, and the violations by run
    /// and check.
    async fn noted(&self, table: &str) -> Result<(Vec<RunAt>, Noted), Error> {
        let (mut runs, mut noted) = (Vec::new(), Noted::new());
        if self.lake.rows(&system::CHECKS) == 0 {
            return Ok((runs, noted));
        }
        // The names of tables are those of files, and may hold a quote.
        let table = table.replace('\'', "''");
        let sql = format!(
            "with began as (select run, min(started_at) as at from system.runs group by run),
            newest as (
                select c.run, b.at
                from (select distinct run from system.checks where table_name = '{table}') c
                left join began b on b.run = c.run
                order by coalesce(b.at, 0) desc, c.run limit {RUNS_MAX}
            )
            select n.run, n.at, c.check_name, c.violations
            from newest n join system.checks c on c.run = n.run
            where c.table_name = '{table}'
            order by coalesce(n.at, 0) desc, n.run"
        );
        for row in Rows::of(&self.lake.session, &sql).await?.iter() {
            let run = row.text(0);
            if runs.last().is_none_or(|last: &RunAt| last.run != run) {
                runs.push(RunAt {
                    run: run.clone(),
                    started_ms: row.number(1),
                });
            }
            noted.insert((run, row.text(2)), row.count(3));
        }
        Ok((runs, noted))
    }
}

/// Violations by run and check.
type Noted = BTreeMap<(String, String), u64>;

fn verdict(newest: &[evidence::RunCheck], check: &str) -> Option<Verdict> {
    let mut newest = newest.iter();
    newest
        .find(|result| result.check == check)
        .map(|result| result.verdict)
}

fn origins(sources: &[Source]) -> Vec<ColumnOrigin> {
    let origins = sources.iter().map(|source| ColumnOrigin {
        table: source.origin.table.clone(),
        column: source.origin.column.clone(),
        personal: source.personal,
        influence: match source.influence {
            Influence::Direct => "direct",
            Influence::Masked => "masked",
            Influence::Indirect => "indirect",
        }
        .to_owned(),
    });
    origins.collect()
}

/// What each commit changed; the newest comes first.
fn changes(commits: &[Commit]) -> Vec<VersionChange> {
    let info = |commit: &Commit| commit.commit_info.clone();
    let changes = commits.iter().enumerate().map(|(place, commit)| {
        let before = commits.get(place + 1);
        let before = before
            .filter(|before| before.version + 1 == commit.version)
            .and_then(info);
        let own = info(commit);
        let both = own.as_ref().zip(before.as_ref());
        VersionChange {
            version: commit.version,
            at_ms: commit.timestamp,
            run: own.as_ref().map(|own| own.run.clone()),
            operation: masking::of_note(&commit.operation),
            rows: own.as_ref().map(|own| own.rows),
            rows_change: both.and_then(|(own, before)| {
                i64::try_from(i128::from(own.rows) - i128::from(before.rows)).ok()
            }),
            is_same_content: both.map(|(own, before)| own.content == before.content),
            files_added: commit.files_added,
            rows_added: commit.rows_added,
            files_removed: commit.files_removed,
        }
    });
    changes.collect()
}

/// The contract in a model's file: the comment that opens it.
fn contract_of(text: &str) -> Option<String> {
    let (_, after) = text.split_once("/*")?;
    let (contract, _) = after.split_once("*/")?;
    Some(masking::of_source(
        contract.trim_matches(['\n', '\r', '*', ' ']),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_is_the_comment_that_opens_the_file() {
        assert_eq!(
            contract_of("/*\ngrain = \"x\"\n*/\nselect 1"),
            Some("grain = \"x\"".to_owned())
        );
        assert_eq!(contract_of("select 1"), None);
    }
}
