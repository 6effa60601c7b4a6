//! Sources: tables by name and by place. An option that changes which rows are read is
//! translated or refused.

use super::functions;
use super::interpreter::Interpreter;
use super::value::{Args, Value};
use crate::graph::Op;

/// Arguments of a source that do not change which rows it has.
const ARGUMENTS: [&str; 14] = [
    "additional_options",
    "catalog_id",
    "connection_options",
    "connection_type",
    "database",
    "database_name",
    "format",
    "format_options",
    "name_space",
    "push_down_predicate",
    "redshift_tmp_dir",
    "table_name",
    "transformation_ctx",
    "useSparkDataSource",
];

/// Keys of options that do not change which rows a source has. Text formats are told by their
/// content here.
const OPTIONS: [&str; 23] = [
    "attachFilename",
    "compression",
    "compressionType",
    "dateFormat",
    "delimiter",
    "encoding",
    "escaper",
    "groupFiles",
    "groupSize",
    "header",
    "inferSchema",
    "mergeSchema",
    "multiLine",
    "multiline",
    "optimizePerformance",
    "path",
    "paths",
    "quoteChar",
    "recurse",
    "sep",
    "separator",
    "useS3ListImplementation",
    "withHeader",
];

fn is_known(key: &str) -> bool {
    OPTIONS.iter().any(|known| known.eq_ignore_ascii_case(key))
}

fn refused(option: &str) -> String {
    format!("the option `{option}` of a source is not translated")
}

/// Why `spark.read.option(...)` and its siblings cannot be passed over.
pub(super) fn reader_fault(name: &str, args: &Args) -> Option<String> {
    match (name, args.positional.as_slice()) {
        ("option", [Value::Text(key), ..]) if is_known(key) => None,
        ("option", [Value::Text(key), ..]) => Some(refused(key)),
        ("option", _) => Some("an option of a source is not understood".to_owned()),
        ("options", []) => {
            let mut keys = args.keywords.iter().map(|(key, _)| key);
            keys.find(|key| !is_known(key)).map(|key| refused(key))
        }
        ("options", _) => Some("the options of a source are not understood".to_owned()),
        _ => None,
    }
}

/// Why the arguments of a Glue source cannot be passed over.
fn fault(args: &Args) -> Option<String> {
    let unclear = |what: &str| Some(format!("{what} of a source are not understood"));
    if args
        .positional
        .iter()
        .any(|arg| matches!(arg, Value::Unknown(_)))
    {
        return unclear("the arguments");
    }
    for (name, value) in &args.keywords {
        if !ARGUMENTS.contains(&name.as_str()) {
            return Some(refused(name));
        }
        if !name.ends_with("_options") {
            continue;
        }
        match value {
            Value::Dict(pairs) => {
                for (key, _) in pairs {
                    match key.text() {
                        Some(key) if is_known(key) => {}
                        Some(key) => return Some(refused(key)),
                        None => return unclear("the options"),
                    }
                }
            }
            Value::None => {}
            _ => return unclear("the options"),
        }
    }
    None
}

impl Interpreter {
    /// `create_dynamic_frame.from_catalog`.
    pub(super) fn source_of_catalog(&mut self, args: &Args) -> Value {
        if let Some(fault) = fault(args) {
            return self.unknown_node(fault);
        }
        let source = self.source_named(args.get(1, "table_name"));
        let input = match (&source, args.named("push_down_predicate")) {
            (_, None | Some(Value::None)) => return source,
            (_, Some(Value::Text(condition))) if condition.trim().is_empty() => return source,
            (Value::Frame(node), Some(_)) => *node,
            _ => return source,
        };
        // A condition on the columns by which the table is partitioned.
        let predicate = args.named("push_down_predicate");
        match predicate.map(|predicate| match predicate {
            Value::Text(condition) => functions::parsed(condition),
            other => Value::Unknown(other.reason("`push_down_predicate`")),
        }) {
            Some(Value::Column(condition, _)) if functions::is_condition(&condition) => {
                self.node(Op::Filter { input, condition })
            }
            Some(Value::Unknown(reason)) => self.unknown_node(reason),
            _ => self.unknown_node(refused("push_down_predicate")),
        }
    }

    pub(super) fn source_at(&mut self, args: &Args) -> Value {
        if let Some(fault) = fault(args) {
            return self.unknown_node(fault);
        }
        let options = args.get(1, "connection_options");
        let Some(options @ Value::Dict(_)) = options else {
            return self.unknown_node("the places of the source are not understood");
        };
        let paths = match options.get("paths") {
            Some(Value::List(paths)) => paths.clone(),
            Some(path) => vec![path.clone()],
            None => options.get("path").cloned().into_iter().collect(),
        };
        match paths.as_slice() {
            [path] => {
                let path = path.open_text().map(str::to_owned);
                self.source(None, path)
            }
            [] => self.unknown_node("the source is not in S3"),
            _ => self.unknown_node("the source has several places"),
        }
    }

    pub(super) fn source_named(&mut self, table: Option<&Value>) -> Value {
        let table = table.and_then(Value::open_text).map(str::to_owned);
        self.source(table, None)
    }

    pub(super) fn source(&mut self, table: Option<String>, path: Option<String>) -> Value {
        match table.is_none() && path.is_none() {
            true => {
                self.unknown_node("the name or place of the source is known only when the job runs")
            }
            false => self.node(Op::Source { table, path }),
        }
    }
}
