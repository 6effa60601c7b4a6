//! The graph of tables: what came through, and what was left out and why.

use std::collections::{BTreeMap, BTreeSet};

use evidence::{Edge, Overview, TableFigures, Zone};
use maud::{Markup, PreEscaped, html};

use super::frame::Frame;
use super::parts::{empty, percent, table_path};
use super::steps::{TableSteps, sheet_of};
use crate::graph::{Flow, Node, Note, edge_name, graph_of};
use crate::number::{grouped, grouped_signed};

/// How many tables a graph has at most, so that one can read it.
const TABLES_MAX: usize = 40;

/// How many tables are equally far from the one that a graph starts from: they stand side by
/// side.
const ABREAST_MAX: usize = 8;

/// How many reasons a box shows.
const REASONS_MAX: usize = 3;

/// The graph: of all tables, or of those around the one that the reader starts from.
pub fn pipeline(frame: &Frame<'_>, overview: &Overview, from: Option<&str>) -> String {
    let shown = Shown::of(overview, from);
    let nodes: Vec<Node> = shown.tables.iter().map(|table| shown.node(table)).collect();
    let steps: Vec<TableSteps<'_>> = shown
        .tables
        .iter()
        .filter(|table| !table.steps.is_empty())
        .map(|table| TableSteps {
            zone: Some(table.zone),
            table: &table.table,
            steps: &table.steps,
        })
        .collect();
    frame.document(&html! {
        h1 { (frame.title) }
        (start(overview, &shown))
        @if nodes.is_empty() { (empty("The project has no table.", &html! {})) }
        @else {
            div class="drawing" tabindex="0" role="region" aria-label="Graph of the tables" {
                (PreEscaped(graph_of(&nodes, &shown.edges, Flow::Down)))
            }
            (legend())
        }
        section {
            h2 { "What came through, and what was left out" }
            p class="note" { "Rows in and rows that joins added are rows out and all that were left out. Sums over all runs, as the ledger has them." }
            @if steps.is_empty() { p class="faint" { "No run has noted a step yet." } }
            @else { (sheet_of(frame, "Steps", &steps)) }
        }
    })
}

fn legend() -> Markup {
    html! {
        p class="note" {
            span class="zone-tag landing" { "L" } " landing "
            span class="zone-tag trusted" { "T" } " trusted "
            span class="zone-tag curated" { "C" } " curated "
            span class="zone-tag system" { "S" } " system, as ⋈ in the boxes of those that look them up. "
            "A solid line: rows are made of rows of that table, with the number of rows read. A dashed line with ⋈: a join or a lookup, with the rows that went on. "
            span class="left-out" { "−" } " rows left out, and why; " span class="added" { "+" } " rows that joins added."
        }
    }
}

/// Where the graph starts, and a form to start elsewhere.
fn start(overview: &Overview, shown: &Shown<'_>) -> Markup {
    let all = overview.tables.iter();
    let mut names: Vec<String> = all.map(name_of).collect();
    names.sort();
    html! {
        form class="row" method="get" action="/pipeline" {
            label for="from" { "Around" }
            select #from name="from" {
                option value="" selected[shown.from.is_none()] { "all tables" }
                @for name in &names {
                    option value=(name) selected[shown.from.as_deref() == Some(name)] { (name) }
                }
            }
            button type="submit" { "Show" }
            span class="note" {
                (grouped(shown.tables.len() as u64)) " of " (grouped(shown.all as u64)) " tables shown"
                @if shown.is_chosen { "; all do not fit, these are around the one with most neighbours" }
            }
        }
    }
}

/// The tables of the graph.
struct Shown<'a> {
    tables: Vec<&'a TableFigures>,
    edges: Vec<Edge>,
    /// Reads of system tables, which are notes in the boxes: their lines would cross all
    /// others.
    looked_up: Vec<Edge>,
    /// How many there are.
    all: usize,
    /// How many neighbours of each table are not shown, before and after it.
    hidden: BTreeMap<String, (usize, usize)>,
    /// The table that the reader, or this page, starts from.
    from: Option<String>,
    /// Whether the page chose it.
    is_chosen: bool,
}

impl<'a> Shown<'a> {
    fn of(overview: &'a Overview, from: Option<&str>) -> Self {
        let with_system = from.is_some_and(is_system);
        let edges: Vec<Edge> = overview
            .edges
            .iter()
            .filter(|edge| with_system || !is_system(&edge.from))
            .cloned()
            .collect();
        let is_read = |name: &str| edges.iter().any(|edge| edge.from == name);
        let all: Vec<&TableFigures> = overview
            .tables
            .iter()
            .filter(|of| of.zone != Zone::System || is_read(&name_of(of)))
            .collect();
        let looked_up = overview
            .edges
            .iter()
            .filter(|edge| !with_system && is_system(&edge.from));
        let known = from.filter(|from| all.iter().any(|table| name_of(table) == *from));
        let is_chosen = known.is_none() && all.len() > TABLES_MAX;
        let start = match known {
            Some(known) => Some(known.to_owned()),
            None if is_chosen => busiest(&all, &edges),
            None => None,
        };
        let near = start.as_ref().map(|start| near(start, &edges));
        let is_shown = |table: &&&TableFigures| match &near {
            Some(near) => near.contains(&name_of(table)),
            None => true,
        };
        let tables: Vec<&TableFigures> = all.iter().filter(is_shown).copied().collect();
        let names: BTreeSet<String> = tables.iter().map(|table| name_of(table)).collect();
        let mut hidden: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for edge in &edges {
            match (names.contains(&edge.from), names.contains(&edge.to)) {
                (false, true) => hidden.entry(edge.to.clone()).or_default().0 += 1,
                (true, false) => hidden.entry(edge.from.clone()).or_default().1 += 1,
                _ => {}
            }
        }
        Self {
            all: all.len(),
            looked_up: looked_up.cloned().collect(),
            edges,
            tables,
            hidden,
            from: start,
            is_chosen,
        }
    }

    fn node(&self, table: &TableFigures) -> Node {
        let name = name_of(table);
        let mut notes = left_out(table);
        let mut href = table_path(table.zone, &table.table);
        for edge in self.looked_up.iter().filter(|edge| edge.to == name) {
            let rows = edge.rows.map(|rows| format!("{} ", grouped_signed(rows)));
            let rows = rows.unwrap_or_default();
            notes.push(Note::Hidden(format!("⋈ {rows}{}", edge.from)));
        }
        if let Some((before, after)) = self.hidden.get(&name) {
            let text = match (before, after) {
                (before, 0) => format!("… {before} more before it"),
                (0, after) => format!("… {after} more after it"),
                (before, after) => format!("… {before} more before, {after} after"),
            };
            notes.push(Note::Hidden(text));
            href = format!("/pipeline?from={}", percent(&name));
        }
        if self.from.as_ref() == Some(&name) {
            href = table_path(table.zone, &table.table);
        }
        Node {
            zone: table.zone,
            rows: table.rows,
            notes,
            href: Some(href),
            name,
        }
    }
}

fn name_of(table: &TableFigures) -> String {
    edge_name(table.zone, &table.table)
}

fn is_system(name: &str) -> bool {
    name.starts_with("system.")
}

/// What was left out on the way into a table, and what joins added.
fn left_out(table: &TableFigures) -> Vec<Note> {
    let mut reasons: Vec<(&str, i64)> = Vec::new();
    let mut added = 0;
    for step in table.steps.iter().filter(|step| step.step != "join") {
        added += step.account.fan_out;
        for reason in &step.account.left_out {
            reasons.push((&reason.reason, reason.rows));
        }
    }
    reasons.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let mut notes = Vec::new();
    if added != 0 {
        notes.push(Note::Added(format!("+{} by joins", grouped_signed(added))));
    }
    for (reason, rows) in reasons.iter().take(REASONS_MAX) {
        let rows = grouped_signed(rows.saturating_neg());
        notes.push(Note::LeftOut(format!(
            "{rows} {}",
            reason.replace('_', " ")
        )));
    }
    if let Some(more) = reasons
        .len()
        .checked_sub(REASONS_MAX)
        .filter(|more| *more > 0)
    {
        notes.push(Note::LeftOut(format!("… {more} more reasons")));
    }
    notes
}

/// The table with most neighbours.
fn busiest(tables: &[&TableFigures], edges: &[Edge]) -> Option<String> {
    let mut neighbours: BTreeMap<&str, usize> = BTreeMap::new();
    for edge in edges {
        *neighbours.entry(&edge.from).or_default() += 1;
        *neighbours.entry(&edge.to).or_default() += 1;
    }
    let names = tables.iter().map(|table| name_of(table));
    names.max_by_key(|name| neighbours.get(name.as_str()).copied().unwrap_or(0))
}

/// The tables around `start`, the nearest first, as many as a graph has side by side and in
/// all: those before it and those after it, but not what else these are read by.
fn near(start: &str, edges: &[Edge]) -> BTreeSet<String> {
    let mut near: BTreeSet<String> = BTreeSet::from([start.to_owned()]);
    let mut before = vec![start.to_owned()];
    let mut after = before.clone();
    while !before.is_empty() || !after.is_empty() {
        let step = |of: &[String], forwards: bool| -> Vec<String> {
            let ends = edges.iter().filter_map(|edge| match forwards {
                true => of.contains(&edge.from).then(|| edge.to.clone()),
                false => of.contains(&edge.to).then(|| edge.from.clone()),
            });
            ends.collect()
        };
        let mut add = |found: Vec<String>| -> Vec<String> {
            let mut new = Vec::new();
            for name in found {
                let has_room = near.len() < TABLES_MAX && new.len() < ABREAST_MAX;
                if has_room && near.insert(name.clone()) {
                    new.push(name);
                }
            }
            new
        };
        before = add(step(&before, false));
        after = add(step(&after, true));
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: String) -> Edge {
        Edge {
            from: from.to_owned(),
            to,
            is_main: true,
            rows: None,
        }
    }

    #[test]
    fn a_table_with_many_neighbours_shows_a_few_of_them() {
        let mut edges: Vec<Edge> = (0..100).map(|n| edge("hub", format!("t{n}"))).collect();
        edges.extend((0..3).map(|n| edge("hub", format!("t{n}"))));
        let shown = near("hub", &edges);
        assert_eq!(shown.len(), 1 + ABREAST_MAX);
        let few: Vec<Edge> = (0..3).map(|n| edge("hub", format!("t{n}"))).collect();
        assert_eq!(near("hub", &few).len(), 4);
    }
}
