//! What a script does with data: a graph of nodes, from sources to sinks.
//!
//! Expressions are in Spark's SQL until [`crate::models`] writes them out. A column of a certain
//! frame (`df["a"]`) is written as the compound identifier `#NODE.a`.

use std::collections::BTreeMap;

use sqlparser::ast::{Expr as Sql, Ident};

/// The number of a node in its [`Graph`].
pub(crate) type NodeId = usize;

/// One script's nodes and sinks.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) sinks: Vec<Sink>,
    /// Statements that are left out, each with its line and reason.
    pub(crate) left_out: Vec<(u32, String)>,
}

/// A step: what a variable of the script holds.
#[derive(Debug)]
pub(crate) struct Node {
    /// The variable's name without the number that Glue Studio appends.
    pub(crate) name: String,
    pub(crate) line: u32,
    pub(crate) op: Op,
    /// Rulesets of `EvaluateDataQuality` that were asked of the node.
    pub(crate) rulesets: Vec<String>,
}

/// A table that a script writes.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) name: String,
    pub(crate) line: u32,
    pub(crate) table: Option<String>,
    pub(crate) path: Option<String>,
    /// The frame that is written, or why it is not known.
    pub(crate) frame: Result<NodeId, String>,
}

/// What a node does.
#[derive(Debug)]
pub(crate) enum Op {
    Source {
        table: Option<String>,
        path: Option<String>,
    },
    Query {
        sql: String,
        /// The views that the query may read, by lower-case name.
        views: BTreeMap<String, NodeId>,
    },
    Join {
        left: NodeId,
        right: NodeId,
        on: JoinOn,
        how: How,
    },
    Filter {
        input: NodeId,
        condition: Sql,
    },
    Select {
        input: NodeId,
        columns: Vec<Item>,
    },
    Drop {
        input: NodeId,
        columns: Vec<Sql>,
    },
    Rename {
        input: NodeId,
        from: String,
        to: String,
    },
    /// `ApplyMapping`: columns with their new names and, where it changes, their type.
    Mapping {
        input: NodeId,
        columns: Vec<(String, String, Option<String>)>,
    },
    Distinct {
        input: NodeId,
        /// One row for each combination of these; `None`: of all columns.
        columns: Option<Vec<String>>,
    },
    With {
        input: NodeId,
        name: String,
        value: Sql,
    },
    Aggregate {
        input: NodeId,
        keys: Vec<String>,
        values: Vec<Item>,
    },
    Union {
        left: NodeId,
        right: NodeId,
        by_name: bool,
    },
    Alias {
        input: NodeId,
        name: String,
    },
    Unknown {
        reason: String,
    },
}

/// An item of a SELECT list.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) value: ItemValue,
    /// The name that the script gives it.
    pub(crate) name: Option<String>,
}

/// What an item gives.
#[expect(clippy::large_enum_variant, reason = "there are few of them at a time")]
#[derive(Debug, Clone)]
pub(crate) enum ItemValue {
    Expr(Sql),
    /// All columns of the input, or of one frame in it.
    All(Option<NodeId>),
}

/// What a join compares.
#[expect(clippy::large_enum_variant, reason = "there are few of them at a time")]
#[derive(Debug)]
pub(crate) enum JoinOn {
    /// Columns of the left and of the right side, all kept.
    Keys(Vec<(String, String)>),
    /// Columns that both sides have, kept once.
    Using(Vec<String>),
    Condition(Sql),
    Nothing,
}

/// The kind of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Inner,
    Left,
    Right,
    Full,
    Cross,
    LeftSemi,
    LeftAnti,
}

impl How {
    /// The kind that Spark knows by `name`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_lowercase().replace('_', "").as_str() {
            "inner" | "equijoin" => How::Inner,
            "left" | "leftouter" => How::Left,
            "right" | "rightouter" => How::Right,
            "outer" | "full" | "fullouter" => How::Full,
            "cross" => How::Cross,
            "semi" | "leftsemi" => How::LeftSemi,
            "anti" | "leftanti" => How::LeftAnti,
            _ => return None,
        })
    }

    /// The words of SQL.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            How::Inner => "join",
            How::Left => "left join",
            How::Right => "right join",
            How::Full => "full join",
            How::Cross => "cross join",
            How::LeftSemi => "left semi join",
            How::LeftAnti => "left anti join",
        }
    }
}

impl Op {
    /// What a user calls it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Op::Source { .. } => "source",
            Op::Query { .. } => "query",
            Op::Join { .. } => "join",
            Op::Filter { .. } => "filter",
            Op::Select { .. } => "select",
            Op::Drop { .. } => "drop columns",
            Op::Rename { .. } | Op::Mapping { .. } => "rename",
            Op::Distinct { .. } => "drop duplicates",
            Op::With { .. } => "compute a column",
            Op::Aggregate { .. } => "group",
            Op::Union { .. } => "union",
            Op::Alias { .. } => "alias",
            Op::Unknown { .. } => "unknown",
        }
    }
}

/// A column of the frame `node`.
pub(crate) fn frame_column(node: NodeId, column: &str) -> Sql {
    Sql::CompoundIdentifier(vec![Ident::new(format!("#{node}")), Ident::new(column)])
}

/// The frame whose column it is, as [`frame_column`] writes it.
pub(crate) fn frame_of(qualifier: &str) -> Option<NodeId> {
    qualifier.strip_prefix('#')?.parse().ok()
}
