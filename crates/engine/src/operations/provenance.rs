//! The report of `stedi lineage`: which columns and landing fields a column comes from.
//! `contract::lineage` traces columns through one SELECT; this module puts the SELECTs of a
//! project together.

use std::collections::BTreeSet;

use catalog::{LandingTable, Model, Table};
use query::{Session, Setup, redaction, system};
use serde::Serialize;

use super::no_table::no_table;
use crate::Error;
use crate::contract::lineage::{Flow, Influence, Lineage, Origin};
use crate::contract::planning;

/// What `stedi lineage` shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Provenance {
    /// Of all columns of a table.
    Table(TableProvenance),
    /// Of one column.
    Column(ColumnProvenance),
}

/// Where the columns of a table come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableProvenance {
    /// `landing`, `trusted`, `curated` or `system`.
    pub zone: String,
    /// Bare name.
    pub table: String,
    /// In order.
    pub columns: Vec<ColumnSources>,
    /// Columns that decide which rows the SELECT outputs: filters, join keys, group keys.
    pub rows: Vec<Source>,
    /// The landing fields behind them.
    pub rows_landing: Vec<Source>,
}

/// Where one column of a table comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSources {
    /// Lower case.
    pub column: String,
    /// Whether it holds personal values.
    pub personal: bool,
    /// Columns of the tables that the table's SELECT reads.
    pub from: Vec<Source>,
    /// The landing fields behind them; columns of system tables count as such.
    pub landing: Vec<Source>,
}

/// A column that another one comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Source {
    /// The column.
    #[serde(flatten)]
    pub origin: Origin,
    /// Whether it holds personal values.
    pub personal: bool,
    /// How it influences the result.
    pub influence: Influence,
    /// Columns of CTEs in between, the outermost first.
    pub through: Vec<String>,
}

/// A column, and the tree of those that it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnProvenance {
    /// `landing`, `trusted`, `curated` or `system`.
    pub zone: String,
    /// The column itself, then its origins in depth-first order.
    pub tree: Vec<Node>,
    /// Columns that decide which rows the SELECT of the table outputs.
    pub rows: Vec<Source>,
}

/// One column of a tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Steps away from the column that was asked for.
    pub depth: usize,
    /// The column.
    #[serde(flatten)]
    pub origin: Origin,
    /// Whether it holds personal values.
    pub personal: bool,
    /// How it influences the column above it; `None` for the first.
    pub influence: Option<Influence>,
    /// Columns of CTEs in between, the outermost first.
    pub through: Vec<String>,
    /// Whether the origins of this column were already listed above.
    pub told: bool,
}

/// The origin of the columns of a table or, for `TABLE.COLUMN`, of one column. Only
/// the project is read.
///
/// # Errors
/// [`Error::Query`] for an unknown table or column; [`Error::Model`] for a model that cannot
/// be planned.
pub async fn lineage(setup: &Setup, name: &str) -> Result<Provenance, Error> {
    let name = name.to_lowercase();
    let (asked, column) = find(setup, &name)?;
    let lineage = match asked {
        Asked::Model(model) => {
            // No statement is run, so that no key of pseudonyms is needed.
            let session = Session::to_plan_in(setup)?;
            let models = setup.project.needed_for(std::slice::from_ref(&model.name));
            planning::plan_and_trace(&session, &models).await?.1
        }
        Asked::Landing(_) | Asked::System(_) => Lineage::of(&setup.project),
    };
    let rows = match asked {
        Asked::Model(model) => lineage.model(model.name.as_ref()).map(|known| &known.rows),
        _ => None,
    };
    let rows_of = |flow: Option<&Flow>| flow.map_or(Vec::new(), |flow| sources(&lineage, flow));
    let columns = asked.columns(&lineage);
    let Some(column) = column else {
        let columns = columns.into_iter().map(|column| {
            let origin = asked.origin(column);
            let known = lineage.column(&origin);
            ColumnSources {
                personal: lineage.is_personal(&origin),
                from: rows_of(known.map(|known| &known.direct)),
                landing: rows_of(known.map(|known| &known.first)),
                column: origin.column,
            }
        });
        return Ok(Provenance::Table(TableProvenance {
            zone: asked.zone(),
            table: asked.name(),
            columns: columns.collect(),
            rows: rows_of(rows.map(|rows| &rows.direct)),
            rows_landing: rows_of(rows.map(|rows| &rows.first)),
        }));
    };
    if !columns.iter().any(|known| known == column) {
        let known: Vec<&str> = columns.iter().map(String::as_str).collect();
        let (message, hint) = redaction::no_column(column, Some(&asked.name()), &known);
        return Err(Error::Query(query::Error::Sql {
            message,
            hint,
            place: None,
        }));
    }
    let origin = asked.origin(column.to_owned());
    let mut tree = vec![Node {
        depth: 0,
        personal: lineage.is_personal(&origin),
        influence: None,
        through: Vec::new(),
        told: false,
        origin: origin.clone(),
    }];
    grow(&lineage, &origin, &mut BTreeSet::new(), &mut tree);
    Ok(Provenance::Column(ColumnProvenance {
        zone: asked.zone(),
        tree,
        rows: rows_of(rows.map(|rows| &rows.direct)),
    }))
}

/// Adds what the last node of the tree comes from.
fn grow(lineage: &Lineage, of: &Origin, told: &mut BTreeSet<Origin>, tree: &mut Vec<Node>) {
    let Some(known) = lineage.column(of) else {
        return;
    };
    told.insert(of.clone());
    let depth = tree.last().map_or(0, |node| node.depth + 1);
    for source in sources(lineage, &known.direct) {
        let origin = source.origin.clone();
        let told_before = told.contains(&origin);
        tree.push(Node {
            depth,
            origin: source.origin,
            personal: source.personal,
            influence: Some(source.influence),
            through: source.through,
            told: told_before,
        });
        if !told_before {
            grow(lineage, &origin, told, tree);
        }
    }
}

/// The strongest first.
fn sources(lineage: &Lineage, flow: &Flow) -> Vec<Source> {
    let mut sources: Vec<Source> = flow
        .iter()
        .map(|(origin, step)| Source {
            personal: lineage.is_personal(origin),
            influence: step.influence,
            through: step.through.iter().rev().cloned().collect(),
            origin: origin.clone(),
        })
        .collect();
    sources.sort_by_key(|source| std::cmp::Reverse(source.influence));
    sources
}

/// What was asked about.
#[derive(Clone, Copy)]
enum Asked<'a> {
    Landing(&'a LandingTable),
    Model(&'a Model),
    /// By its bare name.
    System(&'a str),
}

impl Asked<'_> {
    fn zone(self) -> String {
        match self {
            Asked::Landing(_) => "landing".to_owned(),
            Asked::Model(model) => model.zone.to_string(),
            Asked::System(_) => system::ZONE.to_owned(),
        }
    }

    fn name(self) -> String {
        match self {
            Asked::Landing(table) => table.name.to_string(),
            Asked::Model(model) => model.name.to_string(),
            Asked::System(name) => name.to_owned(),
        }
    }

    fn origin(self, column: String) -> Origin {
        let table = match self {
            Asked::System(name) => format!("{}.{name}", system::ZONE),
            _ => self.name(),
        };
        Origin { table, column }
    }

    fn columns(self, lineage: &Lineage) -> Vec<String> {
        match self {
            Asked::Landing(table) => {
                let columns = table.columns.iter();
                columns.map(|column| column.name.clone()).collect()
            }
            Asked::Model(model) => {
                let known = lineage.model(model.name.as_ref());
                let columns = known.iter().flat_map(|known| &known.columns);
                columns.map(|column| column.name.clone()).collect()
            }
            Asked::System(name) => {
                let schema = system::schema(name);
                let fields = schema.iter().flat_map(|schema| schema.fields());
                fields.map(|field| field.name().clone()).collect()
            }
        }
    }
}

/// The table, by any of its names, and the column after it.
fn find<'a>(setup: &'a Setup, name: &'a str) -> Result<(Asked<'a>, Option<&'a str>), Error> {
    let table = |name: &'a str| match name.strip_prefix("system.") {
        Some(bare) => system::schema(bare).map(|_| Asked::System(bare)),
        None => setup.project.find(name).map(|table| match table {
            Table::Landing(table) => Asked::Landing(table),
            Table::Model(model) => Asked::Model(model),
        }),
    };
    if let Some(asked) = table(name) {
        return Ok((asked, None));
    }
    let Some((before, column)) = name.rsplit_once('.') else {
        return Err(no_table(setup, name));
    };
    if let Some(asked) = table(before) {
        return Ok((asked, Some(column)));
    }
    let zones = ["landing", "trusted", "curated", system::ZONE];
    Err(no_table(
        setup,
        if zones.contains(&before) {
            name
        } else {
            before
        },
    ))
}
