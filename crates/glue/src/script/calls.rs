//! Calls: who is called, and with what.

use super::functions;
use super::interpreter::Interpreter;
use super::value::{Args, TEXT_MAX, Value};
use crate::graph::Sink;
use crate::python::{Expr, ExprKind};

/// Methods of lists and dictionaries that change nothing.
const READING: [&str; 7] = ["items", "keys", "values", "select", "get", "index", "count"];

impl Interpreter {
    pub(super) fn call(
        &mut self,
        function: &Expr,
        args: &[Expr],
        keywords: &[(String, Expr)],
    ) -> Value {
        let args = Args {
            positional: self.items(args),
            keywords: keywords
                .iter()
                .map(|(name, value)| (name.clone(), self.eval(value)))
                .collect(),
        };
        match &function.kind {
            ExprKind::Attribute { base, name } => {
                let receiver = self.eval(base);
                if let (Value::List(_), "append", ExprKind::Name(list)) =
                    (&receiver, name.as_str(), &base.kind)
                {
                    return self.append(list, receiver, &args);
                }
                if let (Value::List(_) | Value::Dict(_), ExprKind::Name(changed)) =
                    (&receiver, &base.kind)
                    && !READING.contains(&name.as_str())
                {
                    let reason = format!("`{name}` changes it, which is not followed");
                    self.taint(std::slice::from_ref(changed), &reason);
                }
                self.method(receiver, name, &args)
            }
            ExprKind::Name(name) => match self.eval(function) {
                Value::Function(function) => match name.as_str() {
                    "sparkAggregate" => self.aggregate_helper(&args),
                    _ => self.call_function(&function, &args),
                },
                Value::Library(path) => self.library(&path, &args),
                Value::Unknown(reason) => Value::Unknown(reason),
                _ => Value::Unknown(format!("`{name}` is not a function")),
            },
            _ => match self.eval(function) {
                Value::Function(function) => self.call_function(&function, &args),
                Value::Library(path) => self.library(&path, &args),
                other => Value::Unknown(other.reason("a function")),
            },
        }
    }

    fn append(&mut self, list: &str, receiver: Value, args: &Args) -> Value {
        if !self.is_in_script() {
            // It may be the list of another variable.
            let reason = "a function adds to a list, which is not followed";
            self.taint_lists(reason);
            self.taint(&[list.to_owned()], reason);
            return Value::None;
        }
        if let (Value::List(mut values), Some(value)) = (receiver, args.positional.first()) {
            values.push(value.clone());
            self.set(list, Value::List(values).bounded());
        }
        Value::None
    }

    fn method(&mut self, receiver: Value, name: &str, args: &Args) -> Value {
        match receiver {
            Value::Library(path) => self.library(&format!("{path}.{name}"), args),
            Value::Frame(node) => self.frame_method(node, name, args),
            Value::Column(column, alias) => functions::column_method(column, alias, name, args),
            Value::Sink(sink) => self.sink_method(sink, name, args),
            Value::Writer(writer) => self.writer_method(writer, name, args),
            Value::Grouped(node, keys) => self.grouped_method(node, keys, name, args),
            Value::Dict(pairs) => match name {
                "items" => Value::List(
                    pairs
                        .into_iter()
                        .map(|(key, value)| Value::List(vec![key, value]))
                        .collect(),
                ),
                "keys" => Value::List(pairs.into_iter().map(|(key, _)| key).collect()),
                "values" => Value::List(pairs.into_iter().map(|(_, value)| value).collect()),
                "select" | "get" => {
                    let key = args.positional.first().and_then(Value::text);
                    let dict = Value::Dict(pairs.clone());
                    let found = key.and_then(|key| dict.get(key)).cloned();
                    found.unwrap_or_else(|| Value::Unknown("a key is not there".to_owned()))
                }
                _ => Value::Unknown(format!("`{name}` of a dictionary is not understood")),
            },
            Value::Text(text) => text_method(&text, name, args),
            Value::OpenText(text) => Value::OpenText(text),
            Value::Row => match (name, args.positional.first()) {
                ("get", Some(Value::Text(column))) => {
                    Value::Column(functions::column(&crate::names::column(column)), None)
                }
                _ => Value::Unknown(format!("`{name}` of a row is not understood")),
            },
            Value::Unknown(reason) => Value::Unknown(reason),
            _ => Value::Unknown(format!("`{name}(...)` is not understood")),
        }
    }

    fn sink_method(&mut self, sink: usize, name: &str, args: &Args) -> Value {
        let line = self.line;
        let Some(found) = self.graph.sinks.get_mut(sink) else {
            return Value::None;
        };
        match name {
            "setCatalogInfo" => {
                let table = args.get(1, "catalogTableName");
                found.table = table.and_then(Value::open_text).map(str::to_owned);
            }
            "writeFrame" | "writeDynamicFrame" => {
                found.line = line;
                found.frame = match (&self.doubt, args.get(0, "frame")) {
                    (Some(reason), _) => Err(reason.clone()),
                    (None, Some(Value::Frame(node))) => Ok(*node),
                    (None, Some(other)) => Err(other.reason("the frame that is written")),
                    (None, None) => Err("no frame is written".to_owned()),
                };
            }
            _ => {}
        }
        Value::None
    }

    pub(super) fn sink(
        &mut self,
        table: Option<&str>,
        path: Option<&str>,
        frame: Result<usize, String>,
    ) -> Value {
        self.graph.sinks.push(Sink {
            name: String::new(),
            line: self.line,
            table: table.map(str::to_owned),
            path: path.map(str::to_owned),
            frame: match &self.doubt {
                Some(reason) => Err(reason.clone()),
                None => frame,
            },
        });
        Value::Sink(self.graph.sinks.len() - 1)
    }
}

fn text_method(text: &str, name: &str, args: &Args) -> Value {
    let argument = |at: usize| args.positional.get(at).and_then(Value::text);
    Value::Text(match (name, argument(0), argument(1)) {
        ("strip", None, _) => text.trim().to_owned(),
        ("lower", ..) => text.to_lowercase(),
        ("upper", ..) => text.to_uppercase(),
        ("rstrip", Some(end), _) => text.trim_end_matches(|c| end.contains(c)).to_owned(),
        ("replace", Some(from), Some(to)) if !from.is_empty() => {
            let replaced = text.replace(from, to);
            if replaced.len() > TEXT_MAX {
                return Value::Unknown("a text is too long".to_owned());
            }
            replaced
        }
        ("format", ..) => {
            let values: Option<Vec<&str>> = args.positional.iter().map(Value::text).collect();
            let mut filled = text.to_owned();
            for value in values.unwrap_or_default() {
                filled = filled.replacen("{}", value, 1);
            }
            for (name, value) in &args.keywords {
                if let Some(value) = value.text() {
                    filled = filled.replacen(&format!("{{{name}}}"), value, 8);
                }
            }
            return match (filled.contains('{'), filled.len() > TEXT_MAX) {
                (_, true) => Value::Unknown("a text is too long".to_owned()),
                (true, false) => Value::OpenText(filled),
                (false, false) => Value::Text(filled),
            };
        }
        ("join", ..) => match args.positional.first().and_then(Value::texts) {
            Some(texts) => texts.join(text),
            None => return Value::Unknown("a list of texts is not known".to_owned()),
        },
        _ => return Value::Unknown(format!("`{name}` of a text is not understood")),
    })
}
