//! The values that variables of a script hold.

use std::ops::ControlFlow;
use std::rc::Rc;

use sqlparser::ast::{Expr as Sql, visit_expressions};

use crate::graph::NodeId;
use crate::python::{Expr, Statement};

/// The longest text that is put together, in bytes.
pub(super) const TEXT_MAX: usize = 1 << 16;
/// The largest list, dictionary or expression, in elements and pieces of 64 bytes.
const VALUE_MAX: usize = 4_096;

/// What is known of a variable.
#[expect(clippy::large_enum_variant, reason = "there are few of them at a time")]
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    /// A text with pieces that only a run knows, such as a job's arguments; they are `{}`.
    OpenText(String),
    Number(String),
    Bool(bool),
    None,
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Frame(NodeId),
    /// A column or an expression of columns, and the name it is given.
    Column(Sql, Option<String>),
    /// The row that a lambda is given.
    Row,
    /// `getSink(...)`: the number of the sink in the graph.
    Sink(usize),
    /// `df.write`.
    Writer(Writer),
    Grouped(NodeId, Vec<String>),
    Function(Rc<Function>),
    /// Something of a library, by its dotted name: `glueContext.create_dynamic_frame`.
    Library(String),
    /// Not known, and why.
    Unknown(String),
}

/// `df.write` and what was said to it.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    /// The frame that is written, or why it is not known.
    pub(super) frame: Result<NodeId, String>,
    pub(super) path: Option<String>,
}

/// A function of the script, or a lambda.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) params: Vec<(String, Option<Expr>)>,
    pub(super) body: Body,
}

/// What a function does.
#[derive(Debug)]
pub(super) enum Body {
    Statements(Vec<Statement>),
    Expr(Expr),
}

impl Value {
    /// The text, if it is known.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text, with `{}` for what is not known of it.
    pub(super) fn open_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::OpenText(text) => Some(text),
            _ => None,
        }
    }

    /// The value as a list: a text is a list of one.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        match self {
            Value::Text(text) => Some(vec![text.clone()]),
            Value::List(values) => values
                .iter()
                .map(|value| value.text().map(str::to_owned))
                .collect(),
            _ => None,
        }
    }

    /// The value itself, unless it holds too much: values are copied wherever they are read.
    pub(super) fn bounded(self) -> Value {
        match self.takes(VALUE_MAX).is_some() {
            true => self,
            false => Value::Unknown("a list, dictionary or expression is too large".to_owned()),
        }
    }

    /// What is left of `room` beside the value; `None` if it needs more.
    fn takes(&self, room: usize) -> Option<usize> {
        let room = room.checked_sub(1)?;
        match self {
            Value::Text(text) | Value::OpenText(text) => room.checked_sub(text.len() / 64),
            Value::List(values) => values
                .iter()
                .try_fold(room, |room, value| value.takes(room)),
            Value::Dict(pairs) => pairs
                .iter()
                .try_fold(room, |room, (key, value)| value.takes(key.takes(room)?)),
            Value::Column(expr, _) => {
                let mut room = Some(room);
                let _ = visit_expressions(expr, |_| {
                    room = room.and_then(|room| room.checked_sub(1));
                    match room {
                        Some(_) => ControlFlow::Continue(()),
                        None => ControlFlow::Break(()),
                    }
                });
                room
            }
            _ => Some(room),
        }
    }

    fn has_frame(&self) -> bool {
        match self {
            Value::Frame(_) | Value::Writer(_) | Value::Grouped(..) => true,
            Value::List(values) => values.iter().any(Value::has_frame),
            Value::Dict(pairs) => pairs.iter().any(|(_, value)| value.has_frame()),
            _ => false,
        }
    }

    /// The value of a key of a dictionary.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let Value::Dict(pairs) = self else {
            return None;
        };
        let mut pairs = pairs.iter();
        let found = pairs.find(|(name, _)| name.text().is_some_and(|name| name == key));
        found.map(|(_, value)| value)
    }

    /// Why it is not what is needed.
    pub(super) fn reason(&self, needed: &str) -> String {
        match self {
            Value::Unknown(reason) => reason.clone(),
            Value::OpenText(_) => format!("{needed} is put together when the job runs"),
            Value::Library(name) if !name.contains(['.', '(']) => {
                format!("{needed} is `{name}`, which the script sets nowhere")
            }
            _ => format!("{needed} is not understood"),
        }
    }
}

/// The arguments of a call.
#[derive(Debug, Default)]
pub(super) struct Args {
    pub(super) positional: Vec<Value>,
    pub(super) keywords: Vec<(String, Value)>,
}

impl Args {
    /// The argument of that name or, where it has none, at that position.
    pub(super) fn get(&self, position: usize, name: &str) -> Option<&Value> {
        let mut keywords = self.keywords.iter();
        let named = keywords.find(|(keyword, _)| keyword == name);
        named
            .map(|(_, value)| value)
            .or_else(|| self.positional.get(position))
    }

    /// The argument of that name.
    pub(super) fn named(&self, name: &str) -> Option<&Value> {
        self.get(usize::MAX, name)
    }

    /// Whether a frame is among them.
    pub(super) fn have_frames(&self) -> bool {
        let keywords = self.keywords.iter().map(|(_, value)| value);
        self.positional.iter().chain(keywords).any(Value::has_frame)
    }

    /// Positional arguments, with a list among them as its elements.
    pub(super) fn flat(&self) -> Vec<Value> {
        let mut flat = Vec::new();
        for value in &self.positional {
            match value {
                Value::List(values) => flat.extend(values.iter().cloned()),
                other => flat.push(other.clone()),
            }
        }
        flat
    }
}
