//! Writes what leads to a sink as one SELECT: a CTE for each node, columns spelled out.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::Expr as Sql;

use crate::graph::{Graph, How, Item, ItemValue, JoinOn, NodeId, Op};
use crate::query::{Relation, free_name, rewrite};
use crate::select_text::{first_of_each, missing, named_items, own, select, select_named};
use crate::spark::{self, ident};

/// Why a model cannot be written, and the node that stops it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stop {
    pub(crate) node: Option<NodeId>,
    pub(crate) reason: String,
}

/// A model's statement.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) sql: String,
    pub(crate) columns: Vec<String>,
    /// The tables that it reads, in order.
    pub(crate) reads: Vec<String>,
    /// Whether equal rows are to be dropped after the statement.
    pub(crate) drops_duplicates: bool,
    /// The nodes that are in it.
    pub(crate) nodes: BTreeSet<NodeId>,
}

/// Finds a table by the name or the place that a script gives.
pub(crate) trait FindTable {
    /// # Errors
    /// Why no table can be meant.
    fn find(&mut self, table: Option<&str>, path: Option<&str>) -> Result<Relation, String>;
}

/// Writes the statement that gives the rows of `sink`.
///
/// # Errors
/// A [`Stop`].
pub(crate) fn write(
    graph: &Graph,
    sink: NodeId,
    tables: &mut dyn FindTable,
) -> Result<Written, Stop> {
    let mut writer = Writer {
        depth: 0,
        graph,
        tables,
        ctes: Vec::new(),
        relations: BTreeMap::new(),
        joined: BTreeMap::new(),
        reads: Vec::new(),
    };
    let mut last = sink;
    let mut drops_duplicates = false;
    // The contract drops equal rows.
    while let Op::Distinct {
        input,
        columns: None,
    } = graph.nodes[last].op
    {
        drops_duplicates = true;
        last = input;
    }
    let (body, columns) = writer.body(last)?;
    let mut sql = String::new();
    for (at, (name, body)) in writer.ctes.iter().enumerate() {
        sql.push_str(if at == 0 { "with " } else { ",\n\n" });
        sql.push_str(&format!("{} as (\n{}\n)", ident(name), indented(body)));
    }
    if !writer.ctes.is_empty() {
        sql.push_str("\n\n");
    }
    sql.push_str(&body);
    sql.push('\n');
    let mut nodes: BTreeSet<NodeId> = writer.relations.keys().copied().collect();
    nodes.extend([last, sink]);
    Ok(Written {
        sql,
        columns,
        reads: writer.reads,
        drops_duplicates,
        nodes,
    })
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line.is_empty() {
        true => String::new(),
        false => format!("    {line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// How many steps one model may have, and how many columns each of them.
const STEPS_MAX: usize = 100;
const COLUMNS_MAX: usize = 500;

/// Writes one model.
pub(crate) struct Writer<'a> {
    depth: usize,
    pub(crate) graph: &'a Graph,
    tables: &'a mut dyn FindTable,
    ctes: Vec<(String, String)>,
    relations: BTreeMap<NodeId, Relation>,
    /// For each join, the names of the right side's columns in its result.
    pub(crate) joined: BTreeMap<NodeId, BTreeMap<String, String>>,
    reads: Vec<String>,
}

/// An input in a FROM clause: its node, its name there and its columns.
pub(crate) struct Input {
    pub(crate) node: NodeId,
    pub(crate) relation: Relation,
    pub(crate) qualifier: Option<String>,
}

impl Input {
    fn column(&self, name: &str) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}.{}", ident(qualifier), ident(name)),
            None => ident(name).to_string(),
        }
    }
}

impl Writer<'_> {
    fn stop(node: NodeId, reason: impl Into<String>) -> Stop {
        Stop {
            node: Some(node),
            reason: reason.into(),
        }
    }

    /// The relation that holds the node's rows: a table, or a CTE.
    fn relation(&mut self, node: NodeId) -> Result<Relation, Stop> {
        if let Some(relation) = self.relations.get(&node) {
            return Ok(relation.clone());
        }
        let relation = match &self.graph.nodes[node].op {
            Op::Source { table, path } => {
                let found = self.tables.find(table.as_deref(), path.as_deref());
                let relation = found.map_err(|reason| Self::stop(node, reason))?;
                self.note_read(&relation.sql);
                relation
            }
            Op::Alias { input, .. } => self.relation(*input)?,
            _ => {
                let (body, columns) = self.body(node)?;
                let sql = self.free_cte(&self.graph.nodes[node].name);
                self.ctes.push((sql.clone(), body));
                Relation { sql, columns }
            }
        };
        self.relations.insert(node, relation.clone());
        Ok(relation)
    }

    fn note_read(&mut self, table: &str) {
        if !self.reads.iter().any(|read| read == table) {
            self.reads.push(table.to_owned());
        }
    }

    /// A name for a CTE that no table that is read and no other CTE has.
    fn free_cte(&self, wanted: &str) -> String {
        let is_taken =
            |name: &str| self.ctes.iter().any(|(cte, _)| cte == name) || self.tables_have(name);
        let wanted = match spark::is_word_of_sql(wanted) {
            true => format!("{wanted}_rows"),
            false => wanted.to_owned(),
        };
        let mut name = wanted.clone();
        let mut number = 1;
        while is_taken(&name) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        name
    }

    fn tables_have(&self, name: &str) -> bool {
        // A CTE with a table's name would hide it; most tables have a zone in theirs.
        ["landing", "trusted", "curated"]
            .iter()
            .any(|zone| name.ends_with(zone))
            || self.reads.iter().any(|read| read == name)
    }

    fn input(&mut self, node: NodeId) -> Result<Input, Stop> {
        let relation = self.relation(node)?;
        Ok(Input {
            node,
            relation,
            qualifier: None,
        })
    }

    /// The SELECT that gives the node's rows, and its columns, within the limits of a model.
    fn body(&mut self, node: NodeId) -> Result<(String, Vec<String>), Stop> {
        self.depth += 1;
        if self.depth > STEPS_MAX || self.ctes.len() >= STEPS_MAX {
            return Err(Self::stop(node, "the table is made in too many steps"));
        }
        let (body, columns) = self.unbounded_body(node)?;
        self.depth -= 1;
        match columns.len() > COLUMNS_MAX {
            true => Err(Self::stop(node, "it has too many columns")),
            false => Ok((body, columns)),
        }
    }

    fn unbounded_body(&mut self, node: NodeId) -> Result<(String, Vec<String>), Stop> {
        let graph = self.graph;
        let stop = |reason: String| Self::stop(node, reason);
        match &graph.nodes[node].op {
            Op::Unknown { reason } => Err(Self::stop(node, reason.clone())),
            Op::Source { .. } | Op::Alias { .. } => {
                let input = self.input(node)?;
                Ok((
                    select(&input.relation.columns, &input.relation.sql),
                    input.relation.columns,
                ))
            }
            Op::Query { sql, views } => self.query(node, sql, views),
            Op::Join {
                left,
                right,
                on,
                how,
            } => self.join(node, *left, *right, on, *how),
            Op::Filter { input, condition } => {
                let input = self.input(*input)?;
                let condition = self.expr(condition, &[&input]).map_err(stop)?;
                let columns = input.relation.columns;
                let from = select(&columns, &input.relation.sql);
                Ok((format!("{from}\nwhere {condition}"), columns))
            }
            Op::Select { input, columns } => {
                let input = self.input(*input)?;
                self.select_items(columns, &input).map_err(stop)
            }
            Op::Drop { input, columns } => {
                let input = self.input(*input)?;
                let dropped = columns
                    .iter()
                    .filter_map(|column| self.dropped(column, &input));
                let dropped: Vec<String> = dropped.collect();
                let mut kept = input.relation.columns;
                kept.retain(|column| !dropped.contains(column));
                match kept.is_empty() {
                    true => Err(stop("no column is left".to_owned())),
                    false => Ok((select(&kept, &input.relation.sql), kept)),
                }
            }
            Op::Rename { input, from, to } => {
                let input = self.input(*input)?;
                let pairs = input.relation.columns.iter().map(|column| {
                    let name = if column == from { to } else { column };
                    (ident(column).to_string(), name.clone())
                });
                Ok(select_named(pairs.collect(), &input.relation.sql))
            }
            Op::Mapping { input, columns } => {
                let input = self.input(*input)?;
                let mut pairs = Vec::new();
                for (from, to, kind) in columns {
                    // As Glue does, a column that is not there is passed over.
                    if !input.relation.columns.contains(from) {
                        continue;
                    }
                    let column = ident(from).to_string();
                    pairs.push(match kind {
                        None => (column, to.clone()),
                        Some(kind) => {
                            let value = spark::mapped(&column, kind).map_err(stop)?;
                            (value, to.clone())
                        }
                    });
                }
                match pairs.is_empty() {
                    true => Err(stop("none of the mapped columns is there".to_owned())),
                    false => Ok(select_named(pairs, &input.relation.sql)),
                }
            }
            Op::Distinct { input, columns } => {
                let input = self.input(*input)?;
                first_of_each(columns.as_deref(), &input.relation).map_err(stop)
            }
            Op::With { input, name, value } => {
                let input = self.input(*input)?;
                let value = self.expr(value, &[&input]).map_err(stop)?;
                let mut pairs: Vec<_> = input
                    .relation
                    .columns
                    .iter()
                    .map(|column| own(column))
                    .collect();
                match pairs.iter_mut().find(|(_, column)| column == name) {
                    Some(pair) => pair.0 = value,
                    None => pairs.push((value, name.clone())),
                }
                Ok(select_named(pairs, &input.relation.sql))
            }
            Op::Aggregate {
                input,
                keys,
                values,
            } => {
                let input = self.input(*input)?;
                self.aggregate(keys, values, &input).map_err(stop)
            }
            Op::Union {
                left,
                right,
                by_name,
            } => {
                let (left, right) = (self.relation(*left)?, self.relation(*right)?);
                let mut same = right.columns.clone();
                if *by_name {
                    same.retain(|column| left.columns.contains(column));
                    same.sort_by_key(|column| left.columns.iter().position(|c| c == column));
                }
                match left.columns.len() == right.columns.len() && same.len() == right.columns.len()
                {
                    true => Ok((
                        format!(
                            "{}\nunion all\n{}",
                            select(&left.columns, &left.sql),
                            select(&same, &right.sql)
                        ),
                        left.columns,
                    )),
                    false => Err(stop(
                        "the sides of the union have different columns".to_owned(),
                    )),
                }
            }
        }
    }

    fn query(
        &mut self,
        node: NodeId,
        sql: &str,
        views: &BTreeMap<String, NodeId>,
    ) -> Result<(String, Vec<String>), Stop> {
        let mut stopped = None;
        let mut resolve = |name: &str| match views.get(name) {
            Some(view) => self.relation(*view).map_err(|stop| {
                let reason = stop.reason.clone();
                stopped = Some(stop);
                reason
            }),
            None => {
                let relation = self.tables.find(Some(name), None)?;
                self.note_read(&relation.sql);
                Ok(relation)
            }
        };
        let rewritten = rewrite(sql, &mut resolve);
        rewritten.map_err(|reason| stopped.unwrap_or_else(|| Self::stop(node, reason)))
    }

    fn join(
        &mut self,
        node: NodeId,
        left: NodeId,
        right: NodeId,
        on: &JoinOn,
        how: How,
    ) -> Result<(String, Vec<String>), Stop> {
        let stop = |reason: String| Self::stop(node, reason);
        let (mut left, mut right) = (self.input(left)?, self.input(right)?);
        let is_same = left.relation.sql == right.relation.sql;
        let name = |input: &Input, other: &str| match is_same {
            true => other.to_owned(),
            false => input.relation.sql.clone(),
        };
        left.qualifier = Some(name(&left, "l"));
        right.qualifier = Some(name(&right, "r"));
        let condition = match on {
            JoinOn::Keys(pairs) => {
                let mut equal = Vec::new();
                for (a, b) in pairs {
                    missing(a, &left.relation).map_err(stop)?;
                    missing(b, &right.relation).map_err(stop)?;
                    equal.push(format!("{} = {}", left.column(a), right.column(b)));
                }
                Some(equal.join("\n    and "))
            }
            JoinOn::Using(keys) => {
                let mut equal = Vec::new();
                for key in keys {
                    missing(key, &left.relation).map_err(stop)?;
                    missing(key, &right.relation).map_err(stop)?;
                    equal.push(format!("{} = {}", left.column(key), right.column(key)));
                }
                Some(equal.join("\n    and "))
            }
            JoinOn::Condition(condition) => {
                Some(self.expr(condition, &[&left, &right]).map_err(stop)?)
            }
            JoinOn::Nothing => None,
        };
        if condition.is_none() && how != How::Cross {
            return Err(stop("the join has no condition".to_owned()));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut taken: Vec<String> = Vec::new();
        for column in &left.relation.columns {
            let is_shared = matches!(on, JoinOn::Using(keys) if keys.contains(column));
            let value = match how {
                How::Right if is_shared => right.column(column),
                How::Full if is_shared => {
                    format!(
                        "coalesce({}, {})",
                        left.column(column),
                        right.column(column)
                    )
                }
                _ => left.column(column),
            };
            taken.push(column.clone());
            pairs.push((value, column.clone()));
        }
        let mut renamed = BTreeMap::new();
        for column in &right.relation.columns {
            let is_shared = matches!(on, JoinOn::Using(keys) if keys.contains(column));
            if matches!(how, How::LeftSemi | How::LeftAnti) || is_shared {
                renamed.insert(column.clone(), column.clone());
                continue;
            }
            let name = free_name(column.clone(), &taken);
            renamed.insert(column.clone(), name.clone());
            taken.push(name.clone());
            pairs.push((right.column(column), name));
        }
        self.joined.insert(node, renamed);
        let (items, columns) = named_items(pairs);
        let alias = |input: &Input, qualifier: &str| match is_same {
            true => format!("{} {qualifier}", ident(&input.relation.sql)),
            false => ident(&input.relation.sql).to_string(),
        };
        let mut body = format!(
            "select\n    {items}\nfrom {}\n{} {}",
            alias(&left, "l"),
            how.sql(),
            alias(&right, "r")
        );
        if let Some(condition) = condition {
            body.push_str(&format!(" on {condition}"));
        }
        Ok((body, columns))
    }

    fn select_items(&self, items: &[Item], input: &Input) -> Result<(String, Vec<String>), String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for item in items {
            match &item.value {
                ItemValue::All(frame) => {
                    let columns = match frame.map(|frame| (frame, self.relations.get(&frame))) {
                        None => input.relation.columns.clone(),
                        Some((_, None)) => return Err("a frame is not among the inputs".into()),
                        Some((frame, Some(relation))) => {
                            let columns = relation.columns.iter();
                            let is_frame = |at| at == frame;
                            columns
                                .filter_map(|name| self.carried(input.node, &is_frame, name))
                                .collect()
                        }
                    };
                    pairs.extend(columns.iter().map(|column| own(column)));
                }
                ItemValue::Expr(expr) => {
                    let value = self.expr(expr, &[input])?;
                    let name = item.name.clone().or_else(|| match expr {
                        Sql::Identifier(name) => Some(name.value.clone()),
                        Sql::CompoundIdentifier(parts) => Some(parts.last()?.value.clone()),
                        _ => None,
                    });
                    let name = name.unwrap_or_else(|| format!("column_{}", pairs.len() + 1));
                    pairs.push((value, crate::names::column(&name)));
                }
            }
        }
        let mut taken = Vec::new();
        for (_, name) in &mut pairs {
            *name = free_name(name.clone(), &taken);
            taken.push(name.clone());
        }
        Ok(select_named(pairs, &input.relation.sql))
    }

    fn aggregate(
        &self,
        keys: &[String],
        values: &[Item],
        input: &Input,
    ) -> Result<(String, Vec<String>), String> {
        for key in keys {
            missing(key, &input.relation)?;
        }
        let all = keys.iter().map(|key| Item {
            value: ItemValue::Expr(Sql::Identifier(sqlparser::ast::Ident::new(key))),
            name: None,
        });
        let all: Vec<Item> = all.chain(values.iter().cloned()).collect();
        let (mut body, columns) = self.select_items(&all, input)?;
        if !keys.is_empty() {
            let keys: Vec<String> = keys.iter().map(|key| ident(key).to_string()).collect();
            body.push_str(&format!("\ngroup by {}", keys.join(", ")));
        }
        Ok((body, columns))
    }
}
