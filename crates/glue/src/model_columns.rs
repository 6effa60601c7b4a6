//! Finds the columns that expressions name: by name, by frame (`df["a"]`) or by alias.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr as Sql, visit_expressions_mut};

use crate::graph::{NodeId, Op, frame_of};
use crate::models::{Input, Writer};
use crate::select_text::unnested;
use crate::spark::{self, ident};

impl Writer<'_> {
    /// The column that is dropped, if it is there.
    pub(crate) fn dropped(&self, column: &Sql, input: &Input) -> Option<String> {
        match column {
            Sql::Identifier(name) => Some(name.value.clone()),
            Sql::CompoundIdentifier(parts) => {
                let [qualifier, name] = parts.as_slice() else {
                    return None;
                };
                self.carried_by(input.node, &qualifier.value, &name.value)
            }
            _ => None,
        }
    }

    /// An expression over `inputs`, in the SQL of models.
    pub(crate) fn expr(&self, expr: &Sql, inputs: &[&Input]) -> Result<String, String> {
        let mut expr = expr.clone();
        let placed = visit_expressions_mut(&mut expr, |part| match self.placed(part, inputs) {
            Ok(()) => ControlFlow::Continue(()),
            Err(reason) => ControlFlow::Break(reason),
        });
        if let ControlFlow::Break(reason) = placed {
            return Err(reason);
        }
        spark::translate(&mut expr)?;
        let text = spark::lower(&unnested(expr).to_string());
        Ok(text)
    }

    /// Gives a column the name that it has in the inputs.
    fn placed(&self, expr: &mut Sql, inputs: &[&Input]) -> Result<(), String> {
        let (qualifier, name) = match expr {
            Sql::Identifier(name) => (None, crate::names::column(&name.value)),
            Sql::CompoundIdentifier(parts) => match parts.as_slice() {
                [qualifier, name] => (
                    Some(qualifier.value.clone()),
                    crate::names::column(&name.value),
                ),
                _ => return Err(format!("column `{expr}` is not understood")),
            },
            Sql::Exists { .. } | Sql::Subquery(_) | Sql::InSubquery { .. } => {
                return Err("a subquery in an expression is not translated".to_owned());
            }
            _ => return Ok(()),
        };
        let mut found = inputs.iter().filter_map(|input| {
            let name = match &qualifier {
                Some(qualifier) => self.carried_by(input.node, qualifier, &name)?,
                None => name.clone(),
            };
            input
                .relation
                .columns
                .contains(&name)
                .then_some((*input, name))
        });
        let (input, name) = match (found.next(), found.next()) {
            (Some(found), None) => found,
            (Some(_), Some(_)) => {
                return Err(format!("column `{name}` is on both sides of the join"));
            }
            (None, _) => return Err(format!("there is no column `{name}`")),
        };
        *expr = match &input.qualifier {
            Some(qualifier) => Sql::CompoundIdentifier(vec![ident(qualifier), ident(&name)]),
            None => Sql::Identifier(ident(&name)),
        };
        Ok(())
    }

    /// The name that a column of the frame or alias `qualifier` has at `node`.
    fn carried_by(&self, node: NodeId, qualifier: &str, column: &str) -> Option<String> {
        match frame_of(qualifier) {
            Some(frame) => self.carried(node, &|at| at == frame, column),
            None => {
                let is_alias = |at: NodeId| matches!(&self.graph.nodes[at].op, Op::Alias { name, .. } if name == qualifier);
                self.carried(node, &is_alias, column)
            }
        }
    }

    /// The name that a column of the wanted node has at `at`; `None` if it does not come
    /// from there.
    pub(crate) fn carried(
        &self,
        at: NodeId,
        is_wanted: &dyn Fn(NodeId) -> bool,
        column: &str,
    ) -> Option<String> {
        self.carried_to(at, is_wanted, column, &mut BTreeMap::new(), 0)
    }

    /// `known` has the answers for nodes that were met: both sides of a join may come from
    /// one frame, again and again.
    fn carried_to(
        &self,
        at: NodeId,
        is_wanted: &dyn Fn(NodeId) -> bool,
        column: &str,
        known: &mut BTreeMap<NodeId, Option<String>>,
        depth: usize,
    ) -> Option<String> {
        if is_wanted(at) {
            return Some(column.to_owned());
        }
        if depth > 200 {
            return None;
        }
        if let Some(known) = known.get(&at) {
            return known.clone();
        }
        let mut carried = |node: NodeId| self.carried_to(node, is_wanted, column, known, depth + 1);
        let name = match &self.graph.nodes[at].op {
            Op::Join { left, right, .. } => match carried(*left) {
                Some(name) => Some(name),
                None => carried(*right).and_then(|name| self.joined.get(&at)?.get(&name).cloned()),
            },
            Op::Rename { input, from, to } => carried(*input).map(|name| match name == *from {
                true => to.clone(),
                false => name,
            }),
            Op::Filter { input, .. }
            | Op::Select { input, .. }
            | Op::Drop { input, .. }
            | Op::Distinct { input, .. }
            | Op::With { input, .. }
            | Op::Alias { input, .. }
            | Op::Aggregate { input, .. } => carried(*input),
            _ => None,
        };
        known.insert(at, name.clone());
        name
    }
}
