//! Statements and expressions.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::functions;
use super::value::{Args, Body, Function, TEXT_MAX, Value};
use crate::graph::{Graph, Node, NodeId, Op, frame_column};
use crate::names::{self, snake};
use crate::python::{Expr, ExprKind, NotFollowed, Statement, StatementKind, TextPart};

/// How many statements and expressions one script may take: loops and calls multiply them.
const STEPS_MAX: u32 = 50_000;
/// How deep functions of the script may call each other.
const CALLS_MAX: usize = 24;
/// How many nodes one script may make.
const NODES_MAX: usize = 2_000;

/// The graph that the statements describe.
pub(super) fn interpret(statements: &[Statement]) -> Graph {
    let mut interpreter = Interpreter {
        graph: Graph::default(),
        scopes: vec![BTreeMap::new()],
        globals: vec![BTreeSet::new()],
        doubt: None,
        in_row: false,
        views: BTreeMap::new(),
        hidden_view: None,
        steps: 0,
        line: 1,
    };
    interpreter.run(statements);
    interpreter.graph
}

pub(super) struct Interpreter {
    pub(super) graph: Graph,
    pub(super) scopes: Vec<BTreeMap<String, Value>>,
    /// For each scope, the names that `global` gives to the script.
    globals: Vec<BTreeSet<String>>,
    /// Why it is not known whether, or how often, the statements at hand are run.
    pub(super) doubt: Option<String>,
    /// Whether a function of rows is read: its branches depend on the row.
    pub(super) in_row: bool,
    /// Temporary views, by lower-case name.
    pub(super) views: BTreeMap<String, NodeId>,
    /// Why there may be a view that is not among them.
    pub(super) hidden_view: Option<String>,
    steps: u32,
    /// The line of the statement that is read.
    pub(super) line: u32,
}

impl Interpreter {
    /// Runs statements; gives what a `return` returns.
    pub(super) fn run(&mut self, statements: &[Statement]) -> Option<Value> {
        for statement in statements {
            if !self.step() {
                return None;
            }
            if self.scopes.len() == 1 {
                self.line = statement.line;
            }
            if let Some(returned) = self.statement(statement) {
                return Some(returned);
            }
        }
        None
    }

    fn step(&mut self) -> bool {
        self.steps += 1;
        if self.steps == STEPS_MAX {
            let reason = "the script takes too many steps to follow".to_owned();
            self.graph.left_out.push((self.line, reason));
        }
        self.steps < STEPS_MAX
    }

    fn statement(&mut self, statement: &Statement) -> Option<Value> {
        match &statement.kind {
            StatementKind::Expr(expr) => {
                let before = self.graph.nodes.len();
                let reason = match self.eval(expr) {
                    Value::Unknown(reason) => Some(reason),
                    Value::Frame(node) if node >= before => match &self.graph.nodes[node].op {
                        Op::Unknown { reason } => Some(reason.clone()),
                        _ => None,
                    },
                    _ => None,
                };
                if let Some(reason) = reason
                    && functions::may_concern_data(expr)
                {
                    self.graph.left_out.push((statement.line, reason));
                }
            }
            StatementKind::Assign { target, value } => {
                let before = self.graph.nodes.len();
                let value = self.eval(value);
                self.assign(target, value, before);
            }
            StatementKind::Function { name, params, body } => {
                let function = Function {
                    params: params.clone(),
                    body: Body::Statements(body.clone()),
                };
                self.set(name, Value::Function(Rc::new(function)));
            }
            StatementKind::Return(value) => {
                return Some(value.as_ref().map_or(Value::None, |value| self.eval(value)));
            }
            StatementKind::For {
                target,
                iterable,
                body,
                assigns,
            } => {
                let values = match self.eval(iterable) {
                    Value::List(values) => values,
                    Value::Dict(pairs) => pairs.into_iter().map(|(key, _)| key).collect(),
                    _ => {
                        let left_out = NotFollowed {
                            what: "a loop over something that only a run knows".to_owned(),
                            assigns: assigns.clone(),
                            body: body.clone(),
                            concerns_data: true,
                            may_return: true,
                        };
                        return self.not_followed(&left_out, statement.line);
                    }
                };
                for value in values {
                    let before = self.graph.nodes.len();
                    self.assign(target, value, before);
                    if let Some(returned) = self.run(body) {
                        return Some(returned);
                    }
                }
            }
            StatementKind::If {
                condition,
                then,
                otherwise,
            } => return self.branch(condition, then, otherwise, statement.line),
            StatementKind::Block(statements) => return self.run(statements),
            StatementKind::Global(names) => {
                if let Some(globals) = self.globals.last_mut() {
                    globals.extend(names.iter().cloned());
                }
            }
            StatementKind::NotFollowed(left_out) => {
                return self.not_followed(left_out, statement.line);
            }
            StatementKind::Other => {}
        }
        None
    }

    fn branch(
        &mut self,
        condition: &Expr,
        then: &[Statement],
        otherwise: &[Statement],
        line: u32,
    ) -> Option<Value> {
        let condition = self.eval(condition);
        match functions::truth(&condition) {
            Some(true) => self.run(then),
            Some(false) => self.run(otherwise),
            None if self.in_row || matches!(condition, Value::Column(..)) => Some(Value::Unknown(
                "a branch that depends on a row is not translated".to_owned(),
            )),
            None => {
                if then.iter().chain(otherwise).any(functions::does_something) {
                    let reason = "a condition is known only when the job runs; it is taken to hold";
                    self.graph.left_out.push((line, reason.to_owned()));
                }
                self.run(then)
            }
        }
    }

    fn assign(&mut self, target: &Expr, value: Value, nodes_before: usize) {
        match &target.kind {
            ExprKind::Name(name) => {
                // A node that this statement made is named after its variable.
                if let Value::Frame(node) = value
                    && node >= nodes_before
                    && self.scopes.len() == 1
                {
                    self.graph.nodes[node].name = snake(name);
                }
                if let Value::Sink(sink) = value
                    && let Some(sink) = self.graph.sinks.get_mut(sink)
                    && sink.name.is_empty()
                {
                    sink.name = snake(name);
                }
                self.set(name, value);
            }
            ExprKind::Tuple(targets) => {
                let values = match value {
                    Value::List(values) => values,
                    _ => Vec::new(),
                };
                let mut values = values.into_iter();
                for target in targets {
                    let value = values.next();
                    let unknown = || Value::Unknown("several values are assigned at once".into());
                    self.assign(target, value.unwrap_or_else(unknown), nodes_before);
                }
            }
            ExprKind::Index { base, index } => {
                let (known, key) = (self.eval(base), self.eval(index));
                match (&base.kind, known, key) {
                    (ExprKind::Name(name), Value::Dict(mut pairs), key @ Value::Text(_)) => {
                        pairs.retain(|(known, _)| known.text() != key.text());
                        pairs.push((key, value));
                        self.set(name, Value::Dict(pairs).bounded());
                    }
                    _ => self.taint_root(base),
                }
            }
            ExprKind::Attribute { base, .. } => self.taint_root(base),
            _ => {}
        }
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        let is_global = self
            .globals
            .last()
            .is_some_and(|names| names.contains(name));
        let scope = match is_global {
            true => self.scopes.first_mut(),
            false => self.scopes.last_mut(),
        };
        if let Some(scope) = scope {
            let value = match &self.doubt {
                Some(reason) if is_global => Value::Unknown(reason.clone()),
                _ => value,
            };
            scope.insert(name.to_owned(), value);
        }
    }

    /// Whether no function of the script is being read.
    pub(super) fn is_in_script(&self) -> bool {
        self.scopes.len() == 1
    }

    pub(super) fn lookup(&self, name: &str) -> Option<&Value> {
        let local = self.scopes.last().and_then(|scope| scope.get(name));
        local.or_else(|| self.scopes.first().and_then(|scope| scope.get(name)))
    }

    /// Calls a function of the script.
    pub(super) fn call_function(&mut self, function: &Function, args: &Args) -> Value {
        if self.scopes.len() > CALLS_MAX {
            return Value::Unknown("functions call each other too deeply".to_owned());
        }
        let mut scope = BTreeMap::new();
        for (position, (name, default)) in function.params.iter().enumerate() {
            let name = name.trim_start_matches('*');
            let value = match (args.get(position, name), default) {
                (Some(value), _) => value.clone(),
                (None, Some(default)) => self.eval(default),
                (None, None) => Value::Unknown(format!("argument `{name}` is missing")),
            };
            scope.insert(name.to_owned(), value);
        }
        self.scopes.push(scope);
        self.globals.push(BTreeSet::new());
        let returned = match &function.body {
            Body::Statements(statements) => self.run(statements).unwrap_or(Value::None),
            Body::Expr(expr) => self.eval(expr),
        };
        self.scopes.pop();
        self.globals.pop();
        returned
    }

    /// Adds a node; the reason for one that is not understood is its operation.
    pub(super) fn node(&mut self, op: Op) -> Value {
        if self.graph.nodes.len() >= NODES_MAX {
            return Value::Unknown("the script makes too many nodes".to_owned());
        }
        self.graph.nodes.push(Node {
            name: op.kind().replace(' ', "_"),
            line: self.line,
            op,
            rulesets: Vec::new(),
        });
        Value::Frame(self.graph.nodes.len() - 1)
    }

    /// A node about which only the reason is known why nothing else is.
    pub(super) fn unknown_node(&mut self, reason: impl Into<String>) -> Value {
        self.node(Op::Unknown {
            reason: reason.into(),
        })
    }

    pub(super) fn eval(&mut self, expr: &Expr) -> Value {
        if !self.step() {
            return Value::Unknown("the script takes too many steps to follow".to_owned());
        }
        match &expr.kind {
            ExprKind::Name(name) => match self.lookup(name) {
                Some(value) => value.clone(),
                None => Value::Library(name.clone()),
            },
            ExprKind::Text(parts) => self.text(parts),
            ExprKind::Number(number) => Value::Number(number.clone()),
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::None => Value::None,
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                Value::List(self.items(items)).bounded()
            }
            ExprKind::Dict(pairs) => Value::Dict(
                pairs
                    .iter()
                    .map(|(key, value)| (self.eval(key), self.eval(value)))
                    .collect(),
            )
            .bounded(),
            ExprKind::Call {
                function,
                args,
                keywords,
            } => self.call(function, args, keywords),
            ExprKind::Attribute { base, name } => {
                let base = self.eval(base);
                self.attribute(base, name)
            }
            ExprKind::Index { base, index } => {
                let (base, index) = (self.eval(base), self.eval(index));
                self.index(&base, &index)
            }
            ExprKind::Lambda { params, body } => Value::Function(Rc::new(Function {
                params: params.iter().map(|name| (name.clone(), None)).collect(),
                body: Body::Expr((**body).clone()),
            })),
            ExprKind::Unary { op, operand } => {
                let operand = self.eval(operand);
                functions::unary(op, operand)
            }
            ExprKind::Binary { op, left, right } => {
                let (left, right) = (self.eval(left), self.eval(right));
                let has_column = |value: &Value| matches!(value, Value::Column(..));
                if self.in_row && op == "%" && (has_column(&left) || has_column(&right)) {
                    let reason = "Python's `%` differs from SQL's for negative numbers";
                    return Value::Unknown(reason.to_owned());
                }
                functions::binary(op, left, right)
            }
            ExprKind::IfElse {
                condition,
                then,
                otherwise,
            } => {
                let condition = self.eval(condition);
                match functions::truth(&condition) {
                    Some(true) => self.eval(then),
                    Some(false) => self.eval(otherwise),
                    None => Value::Unknown("a condition is known only when the job runs".into()),
                }
            }
            ExprKind::Named { name, value } => {
                let value = self.eval(value);
                self.set(name, value.clone());
                value
            }
            ExprKind::Star(inner) => self.eval(inner),
            ExprKind::Other(kind) => Value::Unknown(format!("Python's {kind} is not understood")),
        }
    }

    pub(super) fn items(&mut self, items: &[Expr]) -> Vec<Value> {
        let mut values = Vec::new();
        for item in items {
            match (&item.kind, self.eval(item)) {
                (ExprKind::Star(_), Value::List(inner)) => values.extend(inner),
                (_, value) => values.push(value),
            }
        }
        values
    }

    fn text(&mut self, parts: &[TextPart]) -> Value {
        let mut text = String::new();
        let mut is_open = false;
        for part in parts {
            match part {
                TextPart::Literal(literal) => text.push_str(literal),
                TextPart::Value(value) => match self.eval(value) {
                    Value::Text(known) | Value::Number(known) => text.push_str(&known),
                    Value::OpenText(known) => {
                        is_open = true;
                        text.push_str(&known);
                    }
                    _ => {
                        is_open = true;
                        text.push_str("{}");
                    }
                },
            }
        }
        match (is_open, text.len() > TEXT_MAX) {
            (_, true) => Value::Unknown("a text is too long".to_owned()),
            (true, false) => Value::OpenText(text),
            (false, false) => Value::Text(text),
        }
    }

    fn attribute(&mut self, base: Value, name: &str) -> Value {
        match base {
            Value::Library(path) => match name {
                "DataFrame" => Value::Library(path),
                _ => Value::Library(format!("{path}.{name}")),
            },
            Value::Frame(node) => match name {
                "write" | "writeTo" => Value::Writer(super::value::Writer {
                    frame: Ok(node),
                    path: None,
                }),
                "rdd" | "schema" | "columns" | "dtypes" => Value::Unknown(format!(
                    "`{name}` of a frame is known only when the job runs"
                )),
                "na" => Value::Unknown("`na` of a frame is not translated".to_owned()),
                column => Value::Column(frame_column(node, &names::column(column)), None),
            },
            Value::Unknown(reason) if name == "write" => Value::Writer(super::value::Writer {
                frame: Err(reason),
                path: None,
            }),
            Value::Unknown(reason) => Value::Unknown(reason),
            _ => Value::Unknown(format!("attribute `{name}` is not understood")),
        }
    }

    fn index(&mut self, base: &Value, index: &Value) -> Value {
        match (base, index) {
            (Value::Row, Value::Text(name)) => {
                Value::Column(functions::column(&names::column(name)), None)
            }
            (Value::Frame(node), Value::Text(name)) => {
                Value::Column(frame_column(*node, &names::column(name)), None)
            }
            (Value::Frame(node), Value::List(columns)) => {
                let args = Args {
                    positional: columns.clone(),
                    keywords: Vec::new(),
                };
                self.frame_method(*node, "select", &args)
            }
            (Value::Frame(node), condition @ Value::Column(..)) => {
                let args = Args {
                    positional: vec![condition.clone()],
                    keywords: Vec::new(),
                };
                self.frame_method(*node, "filter", &args)
            }
            (Value::List(values), Value::Number(at)) => {
                let value = at.parse::<usize>().ok().and_then(|at| values.get(at));
                let unknown = || Value::Unknown("an index is out of range".to_owned());
                value.cloned().unwrap_or_else(unknown)
            }
            (Value::Dict(_), Value::Text(key)) => {
                let unknown = || Value::Unknown(format!("there is no key `{key}`"));
                base.get(key).cloned().unwrap_or_else(unknown)
            }
            (Value::Library(_), Value::Text(key)) => Value::OpenText(format!("{{{key}}}")),
            (Value::Unknown(reason), _) => Value::Unknown(reason.clone()),
            _ => Value::Unknown("an index is not understood".to_owned()),
        }
    }
}
