//! Puts the project together: which table each source and sink is, and the text of the models.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Zone;

use crate::graph::{Graph, NodeId, Sink};
use crate::landing::{self, Kind, Landing};
use crate::model_file::ImportedModel;
use crate::models::{self, FindTable, Written};
use crate::names;
use crate::quality;
use crate::query::Relation;
use crate::script;
use crate::step::{Outcome, SourceText, Step};

/// A project made from scripts.
#[derive(Debug, Default)]
pub struct Imported {
    /// Path below the project's folder, and text, of each landing table.
    pub landing: Vec<SourceText>,
    /// The models.
    pub models: Vec<ImportedModel>,
    /// What became of each node of each script, by script and line.
    pub steps: Vec<Step>,
}

/// Translates scripts. `ddl` holds definitions of landing tables, `shipped` those that stand in
/// where there are none.
pub fn import(scripts: &[SourceText], ddl: &[SourceText], shipped: &[SourceText]) -> Imported {
    let mut steps = Vec::new();
    let landing = landing::read(ddl, shipped, &mut steps);
    let mut graphs = Vec::new();
    for file in scripts {
        match script::read(&file.text) {
            Ok(graph) => graphs.push((file.path.clone(), graph)),
            Err(fault) => steps.push(Step {
                script: file.path.clone(),
                line: fault.line,
                node: String::new(),
                outcome: Outcome::NotTranslated(fault.message),
            }),
        }
    }
    let mut importer = Importer {
        graphs: &graphs,
        landing: &landing,
        targets: targets(&graphs, &landing),
        states: BTreeMap::new(),
    };
    for target in 0..importer.targets.len() {
        importer.build(target);
    }
    let models = importer.models();
    steps.extend(importer.steps());
    steps.sort_by(|a, b| (&a.script, a.line).cmp(&(&b.script, b.line)));
    Imported {
        landing: landing
            .iter()
            .map(|landing| SourceText {
                path: format!("landing/{}.sql", landing.table.name),
                text: landing.text.clone(),
            })
            .collect(),
        models,
        steps,
    }
}

/// A table that a script writes.
struct Target {
    script: usize,
    sink: usize,
    table: String,
    zone: Zone,
    path: Option<String>,
    /// Why it cannot be a model.
    fault: Option<String>,
}

/// The longest name of a table: a file is called so.
const NAME_BYTES_MAX: usize = 128;

fn targets(graphs: &[(String, Graph)], landing: &[Landing]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for (script, (path, graph)) in graphs.iter().enumerate() {
        for (number, sink) in graph.sinks.iter().enumerate() {
            let table = table_of(sink, path, graph.sinks.len());
            let zone = zone_of(&table, sink.path.as_deref());
            let earlier = targets.iter().find(|known| known.table == table);
            let fault = match (
                earlier,
                landing.iter().any(|l| l.table.name == *table.as_str()),
            ) {
                (Some(earlier), _) => Some(format!(
                    "{table} is written by {} already",
                    graphs[earlier.script].0
                )),
                (None, true) => Some(format!("{table} is a landing table")),
                (None, false) if table.len() > NAME_BYTES_MAX => Some(format!(
                    "the name of the table is longer than {NAME_BYTES_MAX} letters"
                )),
                (None, false) => None,
            };
            targets.push(Target {
                script,
                sink: number,
                table,
                zone,
                path: sink.path.clone(),
                fault,
            });
        }
    }
    targets
}

/// The name of the table that a sink writes: the catalog's, or that of the place, or the script's.
fn table_of(sink: &Sink, script: &str, sinks: usize) -> String {
    let stem = script.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = stem.strip_suffix(".py").unwrap_or(stem);
    let known = |name: &&str| !name.is_empty() && !name.contains('{');
    if let Some(table) = sink.table.as_deref().filter(known) {
        // saveAsTable("db.table").
        let bare = table.rsplit('.').next().unwrap_or(table);
        return names::table(bare);
    }
    let place = sink.path.as_deref().and_then(names::table_at);
    let place = place.filter(|place| !place.contains("landing"));
    place.unwrap_or_else(|| match (after_to(stem), sinks) {
        (name, 1) => name,
        (_, _) if !sink.name.is_empty() => sink.name.clone(),
        (name, _) => name,
    })
}

/// `customer_landing_to_trusted` writes `customer_trusted`.
fn after_to(stem: &str) -> String {
    let stem = names::snake(stem);
    match stem.split_once("_to_") {
        Some((from, zone)) if ["trusted", "curated"].contains(&zone) => {
            let subject = from.rsplit_once('_').map_or(from, |(subject, _)| subject);
            format!("{subject}_{zone}")
        }
        _ => stem,
    }
}

fn zone_of(table: &str, path: Option<&str>) -> Zone {
    let of = |text: &str| match (text.contains("trusted"), text.contains("curated")) {
        (true, false) => Some(Zone::Trusted),
        (false, true) => Some(Zone::Curated),
        _ => None,
    };
    let path = path.unwrap_or_default().to_lowercase();
    of(table).or_else(|| of(&path)).unwrap_or(Zone::Curated)
}

enum State {
    InProgress,
    Done(Box<Written>),
    Failed(Option<NodeId>, String),
}

struct Importer<'a> {
    graphs: &'a [(String, Graph)],
    landing: &'a [Landing],
    targets: Vec<Target>,
    states: BTreeMap<usize, State>,
}

impl Importer<'_> {
    fn build(&mut self, target: usize) {
        if self.states.contains_key(&target) {
            return;
        }
        self.states.insert(target, State::InProgress);
        let graphs = self.graphs;
        let graph = &graphs[self.targets[target].script].1;
        let sink = &graph.sinks[self.targets[target].sink];
        let state = match (&self.targets[target].fault, &sink.frame) {
            (Some(fault), _) => State::Failed(None, fault.clone()),
            (None, Err(reason)) => State::Failed(None, reason.clone()),
            (None, Ok(node)) => match models::write(graph, *node, self) {
                Ok(written) => State::Done(Box::new(written)),
                Err(stop) => State::Failed(stop.node, stop.reason),
            },
        };
        self.states.insert(target, state);
    }

    fn target(&mut self, target: usize) -> Result<Relation, String> {
        self.build(target);
        let table = self.targets[target].table.clone();
        match self.states.get(&target) {
            Some(State::Done(written)) => Ok(Relation {
                sql: table,
                columns: written.columns.clone(),
            }),
            Some(State::InProgress) => Err(format!("{table} would be made from itself")),
            _ => Err(format!("it reads {table}, which is not translated")),
        }
    }

    fn find_target(&self, is_wanted: impl Fn(&Target) -> bool) -> Option<usize> {
        let mut targets = self.targets.iter();
        targets.position(|target| target.fault.is_none() && is_wanted(target))
    }

    fn find_landing(&self, is_wanted: impl Fn(&Landing) -> bool) -> Option<Relation> {
        let found = self.landing.iter().find(|landing| is_wanted(landing))?;
        Some(Relation {
            sql: found.table.name.to_string(),
            columns: found
                .table
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
        })
    }

    /// The table of a name that may be spelled another way.
    fn named(&mut self, name: &str) -> Option<Result<Relation, String>> {
        if let Some(target) = self.find_target(|target| target.table == name) {
            return Some(self.target(target));
        }
        if let Some(landing) = self.find_landing(|landing| landing.table.name == *name) {
            return Some(Ok(landing));
        }
        let core = names::core(name);
        if let Some(target) = self.find_target(|target| names::core(&target.table) == core) {
            return Some(self.target(target));
        }
        let is_core = |landing: &Landing| names::core(landing.table.name.as_str()) == core;
        if let Some(landing) = self.find_landing(is_core) {
            return Some(Ok(landing));
        }
        let kind = Kind::spoken_of(name)?;
        let zone = [Zone::Trusted, Zone::Curated]
            .into_iter()
            .find(|zone| name.contains(zone.as_str()));
        match zone {
            // A table of the same kind and zone, if there is one only.
            Some(zone) => {
                let is_near = |target: &Target| {
                    target.zone == zone && Kind::spoken_of(&target.table) == Some(kind)
                };
                let near = self.find_target(is_near)?;
                let last = self.targets.iter().rposition(is_near);
                (last == Some(near)).then(|| self.target(near))
            }
            None => {
                let landing = self.find_landing(|landing| landing.kind == Some(kind))?;
                Some(Ok(landing))
            }
        }
    }

    fn models(&self) -> Vec<ImportedModel> {
        let mut models = Vec::new();
        for (number, target) in self.targets.iter().enumerate() {
            if target.fault.is_some() {
                continue;
            }
            let (script, graph) = &self.graphs[target.script];
            let sink = &graph.sinks[target.sink];
            models.push(match self.states.get(&number) {
                Some(State::Done(written)) => self.model(target, script, graph, sink, written),
                Some(State::Failed(_, reason)) => ImportedModel {
                    sql: Err(reason.clone()),
                    ..empty(target, script, sink)
                },
                _ => continue,
            });
        }
        models
    }

    fn model(
        &self,
        target: &Target,
        script: &str,
        graph: &Graph,
        sink: &Sink,
        written: &Written,
    ) -> ImportedModel {
        let rulesets = written
            .nodes
            .iter()
            .flat_map(|node| &graph.nodes[*node].rulesets);
        let rulesets: Vec<String> = rulesets.cloned().collect();
        let quality = quality::checks(&rulesets, &target.table, &written.columns);
        let is_landing = |table: &String| {
            let mut landing = self.landing.iter();
            landing.any(|landing| landing.table.name == *table.as_str())
        };
        let mentions = |column: &str| written.sql.contains(column);
        let research = mentions("sharewithresearchasofdate is not null")
            || mentions("sharewithresearchasofdate <>")
            || mentions("sharewithresearchasofdate >");
        let others = quality.others.iter();
        ImportedModel {
            sql: Ok(written.sql.clone()),
            grain: grain(written),
            drops_duplicates: written.drops_duplicates,
            checks: quality.checks,
            asks_for_research: research && written.reads.iter().any(is_landing),
            asks_nobody: !research
                && !written.reads.is_empty()
                && written.reads.iter().all(is_landing),
            comments: others
                .map(|rule| format!("Not translated: the data quality rule {rule}"))
                .collect(),
            ..empty(target, script, sink)
        }
    }

    /// What became of each node and sink.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (number, (script, graph)) in self.graphs.iter().enumerate() {
            let step = |line: u32, node: &str, outcome: Outcome| Step {
                script: script.clone(),
                line,
                node: node.to_owned(),
                outcome,
            };
            if graph.sinks.is_empty() {
                let is_read_whole = graph.nodes.is_empty() && graph.left_out.is_empty();
                let outcome = match is_read_whole {
                    true => Outcome::LeftOut("the script reads and writes no table".to_owned()),
                    false => Outcome::NotTranslated(
                        "no table that the script writes is known".to_owned(),
                    ),
                };
                steps.push(step(1, "", outcome));
            }
            for (line, reason) in &graph.left_out {
                steps.push(step(*line, "", Outcome::NotTranslated(reason.clone())));
            }
            let mut translated = BTreeSet::new();
            let mut stopped: BTreeMap<NodeId, &str> = BTreeMap::new();
            for (at, target) in self.targets.iter().enumerate() {
                if target.script != number {
                    continue;
                }
                let sink = &graph.sinks[target.sink];
                let outcome = match self.states.get(&at) {
                    Some(State::Done(written)) => {
                        translated.extend(written.nodes.iter().copied());
                        Outcome::Written {
                            file: file_of(target),
                            note: None,
                        }
                    }
                    Some(State::Failed(node, reason)) => {
                        if let Some(node) = node {
                            stopped.insert(*node, reason);
                        }
                        Outcome::NotTranslated(reason.clone())
                    }
                    _ => continue,
                };
                steps.push(step(sink.line, &target.table, outcome));
            }
            for (node, known) in graph.nodes.iter().enumerate() {
                let outcome = match stopped.get(&node) {
                    Some(reason) => Outcome::NotTranslated((*reason).to_owned()),
                    None if translated.contains(&node) => Outcome::Translated,
                    None => continue,
                };
                steps.push(step(known.line, &known.name, outcome));
            }
        }
        steps
    }
}

fn file_of(target: &Target) -> String {
    format!("{}/{}.sql", target.zone, target.table)
}

fn empty(target: &Target, script: &str, sink: &Sink) -> ImportedModel {
    ImportedModel {
        file: file_of(target),
        table: target.table.clone(),
        script: script.to_owned(),
        line: sink.line,
        sql: Ok(String::new()),
        asks_for_research: false,
        asks_nobody: false,
        grain: format!("One row of {}, as {} writes it.", target.table, script),
        drops_duplicates: false,
        checks: String::new(),
        comments: Vec::new(),
    }
}

/// What one row is, as far as the statement tells.
fn grain(written: &Written) -> String {
    let tables = match written.reads.as_slice() {
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        many => many.join(", "),
    };
    let is_distinct = written.drops_duplicates || written.sql.contains("select distinct");
    match (is_distinct, written.reads.len()) {
        (true, 1) => format!("One distinct row of {tables}."),
        (true, _) => format!("One distinct combination of rows of {tables}."),
        (false, 1) if written.sql.contains("group by") => format!("One group of rows of {tables}."),
        (false, 1) => format!("One row of {tables} that the conditions let through."),
        (false, _) => {
            format!("One combination of rows of {tables} that the conditions let through.")
        }
    }
}

impl FindTable for Importer<'_> {
    fn find(&mut self, table: Option<&str>, path: Option<&str>) -> Result<Relation, String> {
        let table = table.filter(|table| !table.contains('{'));
        if let Some(table) = table {
            let bare = names::table(table.rsplit('.').next().unwrap_or(table));
            return self.named(&bare).unwrap_or_else(|| {
                Err(format!(
                    "no script writes the table {bare}, and no landing table is called so"
                ))
            });
        }
        let Some(path) = path else {
            return Err("the name of the table is known only when the job runs".to_owned());
        };
        let place = names::place(path);
        // Without its bucket, `landing/` may be anything's place.
        let is_telling = Kind::spoken_of(&place).is_some();
        let same = |other: &str| {
            let (a, b) = (path.trim_end_matches('/'), other.trim_end_matches('/'));
            a.eq_ignore_ascii_case(b) || is_telling && names::place(other) == place
        };
        if let Some(target) = self.find_target(|t| t.path.as_deref().is_some_and(same)) {
            return self.target(target);
        }
        if let Some(landing) = self.find_landing(|landing| same(&landing.table.location)) {
            return Ok(landing);
        }
        let found = names::table_at(path).and_then(|table| self.named(&table));
        let found = found.or_else(|| {
            // A place without a zone in its name, of data that no script writes.
            let words = names::table(path);
            let is_made = ["trusted", "curated"]
                .iter()
                .any(|word| words.contains(word));
            let kind = Kind::spoken_of(&words).filter(|_| !is_made)?;
            self.find_landing(|landing| landing.kind == Some(kind))
                .map(Ok)
        });
        found.unwrap_or_else(|| {
            Err(format!(
                "no script writes to {path}, and no landing table is there"
            ))
        })
    }
}
