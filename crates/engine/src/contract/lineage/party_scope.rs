//! Finds the parties that expressions name.

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{Expr, Operator};

use super::parties::{Kind, Parties, Party};
use query::functions::SUBJECT;

/// The columns that an expression can name, with their parties.
#[derive(Clone, Copy)]
pub(super) struct ColumnScope<'a> {
    inputs: &'a [(&'a DFSchema, &'a [Option<Party>])],
    outer: Option<&'a ColumnScope<'a>>,
}

impl<'a> ColumnScope<'a> {
    pub(super) fn of(
        inputs: &'a [(&'a DFSchema, &'a [Option<Party>])],
        outer: Option<&'a ColumnScope<'a>>,
    ) -> Self {
        Self { inputs, outer }
    }

    /// The party of a column; `None` if a name without a table is ambiguous.
    fn find(&self, column: &Column) -> Option<Party> {
        let mut found = Vec::new();
        for (schema, columns) in self.inputs {
            if column.relation.is_some() {
                let index = schema.maybe_index_of_column(column);
                found.extend(index.and_then(|index| columns.get(index)));
            } else {
                let fields = schema.fields().iter().zip(*columns);
                found.extend(
                    fields
                        .filter(|(field, _)| field.name() == column.name())
                        .map(|(_, party)| party),
                );
            }
        }
        match found.as_slice() {
            [Some(party)] => Some(*party),
            _ => None,
        }
    }

    /// All parties of this query's columns.
    pub(super) fn all(&self) -> impl Iterator<Item = Party> {
        let columns = self.inputs.iter().flat_map(|(_, columns)| *columns);
        columns.copied().flatten()
    }

    /// All parties of the outer queries' columns.
    pub(super) fn all_outer(&self) -> impl Iterator<Item = Party> {
        let outer = std::iter::successors(self.outer, |scope| scope.outer);
        outer.flat_map(ColumnScope::all)
    }
}

/// The party that an expression names: a column, or a function of it that keeps its party.
/// `lower`, `trim` and `subject` keep a person, but not a device. Other functions name no
/// party: they may give one value, or null, for several people, who would then be one
/// group.
pub(super) fn named_party(expr: &Expr, scope: ColumnScope<'_>, parties: &Parties) -> Option<Party> {
    let mut expr = expr;
    let mut is_normalized = false;
    loop {
        match expr {
            Expr::Alias(alias) => expr = &alias.expr,
            Expr::Cast(cast) if cast.field.data_type().is_string() => expr = &cast.expr,
            Expr::TryCast(cast) if cast.field.data_type().is_string() => expr = &cast.expr,
            Expr::ScalarFunction(call)
                if matches!(
                    (call.name(), call.args.len()),
                    (SUBJECT | "lower" | "btrim" | "ltrim" | "rtrim", 1)
                ) =>
            {
                is_normalized = true;
                expr = &call.args[0];
            }
            Expr::Column(column) => {
                let party = scope.find(column)?;
                return (!is_normalized || parties.kind(party) != Kind::Device).then_some(party);
            }
            Expr::OuterReferenceColumn(_, column) => {
                let outer = std::iter::successors(scope.outer, |scope| scope.outer);
                let party = outer.filter_map(|scope| scope.find(column)).next()?;
                return (!is_normalized || parties.kind(party) != Kind::Device).then_some(party);
            }
            _ => return None,
        }
    }
}

/// Whether an expression uses a column of an outer query.
pub(super) fn uses_outer_query(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(matches!(expr, Expr::OuterReferenceColumn(..))))
        .unwrap_or(true)
}

/// The pairs of expressions that are equal where a condition is true.
pub(super) fn equal_pairs(condition: &Expr) -> Vec<(&Expr, &Expr)> {
    let mut open = vec![condition];
    let mut pairs = Vec::new();
    while let Some(expr) = open.pop() {
        match expr {
            Expr::Alias(alias) => open.push(&alias.expr),
            Expr::BinaryExpr(binary) if binary.op == Operator::And => {
                open.extend([&*binary.left, &*binary.right]);
            }
            Expr::BinaryExpr(binary) if binary.op == Operator::Eq => {
                pairs.push((&*binary.left, &*binary.right));
            }
            _ => {}
        }
    }
    pairs
}

pub(super) fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
