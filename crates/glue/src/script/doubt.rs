//! What is not followed: the variables, views and tables that depend on it are not known.

use std::collections::BTreeMap;

use super::interpreter::Interpreter;
use super::value::Value;
use crate::python::{Expr, ExprKind, NotFollowed};

impl Interpreter {
    /// Takes what the statement may assign for unknown, and the tables that it writes.
    pub(super) fn not_followed(&mut self, left_out: &NotFollowed, line: u32) -> Option<Value> {
        let reason = format!("{} is not followed", left_out.what);
        if self.in_row {
            return Some(Value::Unknown(reason));
        }
        let outer = self.doubt.clone();
        let lines = self.graph.left_out.len();
        self.doubt = Some(reason.clone());
        self.taint(&left_out.assigns, &reason);
        let returned = self.run(&left_out.body);
        self.taint(&left_out.assigns, &reason);
        self.doubt = outer;
        // One line for all of it.
        self.graph.left_out.truncate(lines);
        if left_out.concerns_data
            || self
                .graph
                .sinks
                .last()
                .is_some_and(|sink| sink.line == line)
        {
            self.graph.left_out.push((line, reason.clone()));
        }
        returned
            .filter(|_| left_out.may_return)
            .map(|_| Value::Unknown(reason))
    }

    /// Makes variables unknown, in whatever scope they are.
    pub(super) fn taint(&mut self, names: &[String], reason: &str) {
        for name in names {
            let unknown = || Value::Unknown(reason.to_owned());
            self.set(name, unknown());
            for scope in self.scopes.iter_mut().skip(1) {
                if let Some(value) = scope.get_mut(name) {
                    *value = unknown();
                }
            }
        }
    }

    /// The variable of `name`, `name.a` and `name["a"]` is not known any more.
    pub(super) fn taint_root(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) if self.lookup(name).is_some_and(is_changed_in_place) => {
                let reason = "a part of it is assigned, which is not followed";
                self.taint(std::slice::from_ref(name), reason);
            }
            ExprKind::Attribute { base, .. } | ExprKind::Index { base, .. } => {
                self.taint_root(base);
            }
            _ => {}
        }
    }

    /// Makes all lists unknown.
    pub(super) fn taint_lists(&mut self, reason: &str) {
        for value in self.scopes.iter_mut().flat_map(BTreeMap::values_mut) {
            if matches!(value, Value::List(_)) {
                *value = Value::Unknown(reason.to_owned());
            }
        }
    }
}

/// Whether an assignment to a part of the value changes it.
fn is_changed_in_place(value: &Value) -> bool {
    !matches!(value, Value::Library(_))
}
