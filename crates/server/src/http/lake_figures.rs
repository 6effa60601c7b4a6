//! The figures of the lake, as far as a role may see them.

use std::collections::HashSet;

use chrono::Utc;
use engine::Setup;
use evidence::{Overview, SinglingOut, TablePage};

use super::app::App;
use super::asker::Asker;
use crate::desk::{VisibleTable, is_computed};
use crate::fault::{Fault, Kind};
use crate::principal::Door;

impl App {
    /// The setup at the present.
    pub(super) fn now(&self) -> Setup {
        Setup {
            now_ms: Utc::now().timestamp_millis(),
            ..self.desk.setup().clone()
        }
    }

    /// The figures of all tables that the asker may read.
    pub(super) async fn overview(&self, asker: &Asker) -> Result<Overview, Fault> {
        let gather =
            async || Ok::<_, Fault>(engine::overview(&self.now(), self.expect.as_ref()).await?);
        let mut overview = self.overview.of(gather).await?.as_ref().clone();
        if !asker.principal.role.sees_definitions() {
            overview
                .tables
                .retain(|table| table.zone == evidence::Zone::Curated);
            let tables = overview.tables.iter();
            let shown: HashSet<String> = tables.map(|table| table.table.clone()).collect();
            let edges = &mut overview.edges;
            edges.retain(|edge| shown.contains(&edge.from) && shown.contains(&edge.to));
            // Steps and findings name tables and columns that do not exist for the role.
            overview.attention.clear();
            for table in &mut overview.tables {
                table.steps.clear();
            }
        }
        Ok(overview)
    }

    /// The risk of singling people out. It reads tables, so it takes its turn among the
    /// statements.
    pub(super) async fn singling_out(&self, asker: &Asker) -> Result<Vec<SinglingOut>, Fault> {
        let setup = self.now();
        let read = async move {
            let risk = engine::singling_out(&setup).await?;
            Ok((risk.len() as u64, risk))
        };
        let (desk, who) = (&self.desk, &asker.principal);
        desk.aside(who, Door::Page, "singling out", read).await
    }

    /// The figures of one table, with the columns that the asker sees.
    pub(super) async fn table(&self, asker: &Asker, name: &str) -> Result<TablePage, Fault> {
        let visible = self.visible(asker, name).await?;
        let mut page = self.known(&visible).await?;
        page.columns
            .retain(|column| visible.columns.index_of(&column.column).is_ok());
        if !asker.principal.role.sees_definitions() {
            without_definition(&mut page);
        }
        Ok(page)
    }

    /// The table of that name that the asker may read.
    pub(super) async fn visible(&self, asker: &Asker, name: &str) -> Result<VisibleTable, Fault> {
        let name = name.to_lowercase();
        let (schema, bare) = match name.split_once('.') {
            Some((schema, bare)) => (Some(schema), bare),
            None => (None, name.as_str()),
        };
        let visible = self.desk.tables(&asker.principal).await?;
        let is_meant = |table: &VisibleTable| {
            table.table == bare && schema.is_none_or(|schema| schema == table.zone)
        };
        let missing = || {
            Fault::new(
                Kind::Missing,
                "there is no table of that name that you may read",
            )
            .with_hint("the list of tables shows all that there are")
        };
        visible.into_iter().find(is_meant).ok_or_else(missing)
    }

    /// Everything that is known of a table, whoever asks.
    pub(super) async fn known(&self, table: &VisibleTable) -> Result<TablePage, Fault> {
        if is_computed(table) {
            let name = format!("{}.{}", table.schema, table.table);
            return Err(Fault::new(
                Kind::Missing,
                format!("{name} is computed whenever a statement reads it"),
            )
            .with_hint("it has columns, but no files, versions or checks: ask for it in SQL"));
        }
        let name = match table.schema == query::system::ZONE {
            true => format!("{}.{}", table.schema, table.table),
            false => table.table.clone(),
        };
        Ok(engine::table_page(&self.now(), &name).await?)
    }
}

/// Leaves out what names tables and columns that do not exist for a scientist.
fn without_definition(page: &mut TablePage) {
    page.location.clear();
    page.file = None;
    page.contract = None;
    page.sql = None;
    page.row_origins.clear();
    page.checks.clear();
    page.edges.clear();
    page.figures.steps.clear();
    for column in &mut page.columns {
        column.from.clear();
        column.landing.clear();
    }
}
