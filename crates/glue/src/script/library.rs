//! What Glue's and Spark's libraries do: sources, transforms, sinks.

use std::rc::Rc;

use super::interpreter::Interpreter;
use super::value::{Args, Function, Value};
use super::{functions, lists, sources};
use crate::graph::{How, JoinOn, NodeId, Op};
use crate::names;

impl Interpreter {
    /// A call of a library's function by its dotted name.
    pub(super) fn library(&mut self, path: &str, args: &Args) -> Value {
        let mut ends = path.rsplit('.');
        let name = ends.next().unwrap_or_default();
        let owner = ends.next().unwrap_or_default();
        match (owner, name) {
            ("create_dynamic_frame" | "create_data_frame", "from_options")
            | (_, "create_dynamic_frame_from_options" | "create_data_frame_from_options") => {
                self.source_at(args)
            }
            ("create_dynamic_frame" | "create_data_frame", "from_catalog")
            | (_, "create_dynamic_frame_from_catalog" | "create_data_frame_from_catalog") => {
                self.source_of_catalog(args)
            }
            ("write_dynamic_frame" | "write_data_frame", "from_options")
            | (_, "write_dynamic_frame_from_options") => {
                let path = args
                    .named("connection_options")
                    .or(args.get(2, "connection_options"));
                let path = path.and_then(|options| options.get("path"));
                let path = path.and_then(Value::open_text).map(str::to_owned);
                self.written(None, path.as_deref(), args.get(0, "frame"))
            }
            ("write_dynamic_frame" | "write_data_frame", "from_catalog")
            | (_, "write_dynamic_frame_from_catalog") => {
                let table = args.get(2, "table_name").and_then(Value::open_text);
                let table = table.map(str::to_owned);
                self.written(table.as_deref(), None, args.get(0, "frame"))
            }
            (_, "getSink") => {
                let path = args
                    .named("path")
                    .and_then(Value::open_text)
                    .map(str::to_owned);
                self.sink(
                    None,
                    path.as_deref(),
                    Err("nothing is written to it".to_owned()),
                )
            }
            (_, "sql") => self.query(args.get(0, "sqlQuery")),
            (_, "sparkSqlQuery") => self.query_helper(args),
            (_, "sparkAggregate") => self.aggregate_helper(args),
            (_, "table") => self.source_named(args.get(0, "tableName")),
            ("read", "json" | "parquet" | "csv" | "orc" | "text") | (_, "load") => {
                let path = args.get(0, "path").and_then(Value::open_text);
                let path = path.map(str::to_owned);
                self.source(None, path)
            }
            (_, "format" | "option" | "options" | "schema") if path.contains(".read") => {
                match sources::reader_fault(name, args) {
                    None => Value::Library(path[..path.len() - name.len() - 1].to_owned()),
                    Some(fault) => Value::Unknown(fault),
                }
            }
            (_, "apply") => self.transform(owner, args),
            ("EvaluateDataQuality()" | "EvaluateDataQualityMultiframe()", "process_rows") => {
                self.data_quality(args)
            }
            (_, "range" | "enumerate" | "zip") if owner.is_empty() => lists::of(name, args),
            (_, "broadcast") => self.same(args.get(0, "df")),
            ("DynamicFrame", "fromDF") => self.same(args.get(0, "dataframe")),
            (_, "DynamicFrameCollection") => self.same(args.get(0, "dynamic_frames")),
            (_, "dict" | "list" | "str") if owner.is_empty() => self.same(args.get(0, "object")),
            (_, "len") if owner.is_empty() => match args.positional.first() {
                Some(Value::List(values)) => Value::Number(values.len().to_string()),
                _ => Value::Unknown("a length is not known".to_owned()),
            },
            ("re", "match" | "search" | "fullmatch") => functions::matches(name, args),
            (_, "bool") if owner.is_empty() => self.same(args.get(0, "x")),
            (_, "getattr") if owner.is_empty() => match args.positional.as_slice() {
                [Value::Library(path), Value::Text(name)] => {
                    Value::Library(format!("{path}.{name}"))
                }
                _ => Value::Unknown("`getattr` is not understood".to_owned()),
            },
            (_, "getResolvedOptions" | "SparkContext" | "GlueContext" | "Job") => {
                Value::Library(format!("{path}()"))
            }
            (_, "EvaluateDataQuality" | "EvaluateDataQualityMultiframe" | "getOrCreate") => {
                Value::Library(format!("{path}()"))
            }
            _ => match functions::of_columns(name, args) {
                Some(value) => value,
                None if args.have_frames() => Value::Unknown(format!(
                    "`{path}` is given a frame, and what it does is not known"
                )),
                None => Value::Library(format!("{path}()")),
            },
        }
    }

    fn same(&mut self, value: Option<&Value>) -> Value {
        let unknown = || Value::Unknown("an argument is missing".to_owned());
        value.cloned().unwrap_or_else(unknown)
    }

    fn written(&mut self, table: Option<&str>, path: Option<&str>, frame: Option<&Value>) -> Value {
        let frame = match frame {
            Some(Value::Frame(node)) => Ok(*node),
            Some(other) => Err(other.reason("the frame that is written")),
            None => Err("no frame is written".to_owned()),
        };
        self.sink(table, path, frame)
    }

    fn query(&mut self, sql: Option<&Value>) -> Value {
        if let Some(reason) = self.hidden_view.clone() {
            return self.unknown_node(reason);
        }
        match sql {
            Some(Value::Text(sql)) if !is_query(sql) => {
                let word = sql.split_whitespace().next().unwrap_or_default();
                let word = word.to_uppercase();
                match HARMLESS.contains(&word.as_str()) {
                    true => Value::Library(format!("{word}()")),
                    // It may make, change or fill a table or a view.
                    false => {
                        let reason = format!("the statement {word} of `sql` is not translated");
                        if sql.to_lowercase().contains(" view ") {
                            self.hidden_view = Some(reason.clone());
                        }
                        self.unknown_node(reason)
                    }
                }
            }
            Some(Value::Text(sql)) => {
                let views = self.views.clone();
                self.node(Op::Query {
                    sql: sql.clone(),
                    views,
                })
            }
            Some(Value::OpenText(_)) => self
                .unknown_node("the query is put together when the job runs (f-string or format)"),
            Some(other) => self.unknown_node(other.reason("the query")),
            None => self.unknown_node("there is no query"),
        }
    }

    /// Glue Studio's `sparkSqlQuery`, in a script that does not define it.
    fn query_helper(&mut self, args: &Args) -> Value {
        if let Some(Value::Dict(mapping)) = args.get(2, "mapping") {
            for (alias, frame) in mapping {
                if let (Some(alias), Value::Frame(frame)) = (alias.text(), frame) {
                    self.views.insert(alias.to_lowercase(), *frame);
                }
            }
        }
        self.query(args.get(1, "query"))
    }

    /// Glue Studio's `sparkAggregate`: lists of columns and of (column, function).
    pub(super) fn aggregate_helper(&mut self, args: &Args) -> Value {
        let Some(Value::Frame(input)) = args.get(1, "parentFrame").cloned() else {
            return self.unknown_node("the frame that is grouped is not understood");
        };
        let keys = args.get(2, "groups").and_then(Value::texts);
        let mut values = Vec::new();
        if let Some(Value::List(aggregates)) = args.get(3, "aggs") {
            for aggregate in aggregates {
                let pair = aggregate.texts().unwrap_or_default();
                let [column, function] = pair.as_slice() else {
                    return self.unknown_node("an aggregate is not understood");
                };
                let args = Args {
                    positional: vec![Value::Text(column.clone())],
                    keywords: Vec::new(),
                };
                match functions::of_columns(function, &args) {
                    Some(value) => values.push(value),
                    None => {
                        return self
                            .unknown_node(format!("function `{function}` is not translated"));
                    }
                }
            }
        }
        self.grouped_method(
            input,
            keys.unwrap_or_default(),
            "agg",
            &Args {
                positional: values,
                keywords: Vec::new(),
            },
        )
    }

    /// `Transform.apply(...)` of Glue.
    fn transform(&mut self, transform: &str, args: &Args) -> Value {
        if transform == "Join" {
            return self.glue_join(args);
        }
        let frame = match args.get(0, "frame").or(args.get(0, "dfc")) {
            Some(Value::Frame(node)) => *node,
            Some(dict @ Value::Dict(_)) => {
                let key = args.named("key").and_then(Value::text).unwrap_or_default();
                return dict.get(key).cloned().unwrap_or_else(|| dict.clone());
            }
            Some(other) => {
                let reason = other.reason(&format!("the input of {transform}"));
                return self.unknown_node(reason);
            }
            None => return self.unknown_node(format!("{transform} has no input")),
        };
        match transform {
            "Filter" => self.frame_method(frame, "filter", &shifted(args, "f")),
            "DropFields" => self.frame_method(frame, "drop_fields", &shifted(args, "paths")),
            "SelectFields" => self.frame_method(frame, "select_fields", &shifted(args, "paths")),
            "ApplyMapping" => self.frame_method(frame, "apply_mapping", &shifted(args, "mappings")),
            "RenameField" => {
                let names = [args.get(1, "old_name"), args.get(2, "new_name")];
                let args = Args {
                    positional: names.into_iter().flatten().cloned().collect(),
                    keywords: Vec::new(),
                };
                self.frame_method(frame, "rename_field", &args)
            }
            "DropDuplicates" => self.frame_method(frame, "dropDuplicates", &Args::default()),
            "DropNullFields" | "ResolveChoice" | "Repartition" => Value::Frame(frame),
            "EvaluateDataQuality" => self.data_quality(args),
            other => self.unknown_node(format!("the transform {other} is not translated")),
        }
    }

    fn glue_join(&mut self, args: &Args) -> Value {
        let frames = [args.get(0, "frame1"), args.get(1, "frame2")];
        let [Some(Value::Frame(left)), Some(Value::Frame(right))] = frames else {
            let unknown = frames.into_iter().flatten();
            let mut unknown = unknown.filter(|frame| !matches!(frame, Value::Frame(_)));
            let reason = unknown
                .next()
                .map(|value| value.reason("an input of the join"));
            return self
                .unknown_node(reason.unwrap_or_else(|| "the join has no two inputs".into()));
        };
        let (left, right) = (*left, *right);
        let keys = [args.get(2, "keys1"), args.get(3, "keys2")];
        self.join_by_keys(left, right, keys)
    }

    /// A join of Glue's on lists of columns.
    pub(super) fn join_by_keys(
        &mut self,
        left: NodeId,
        right: NodeId,
        keys: [Option<&Value>; 2],
    ) -> Value {
        let [left_keys, right_keys] = keys.map(|keys| keys.and_then(Value::texts));
        match (left_keys, right_keys) {
            (Some(a), Some(b)) if a.len() == b.len() && !a.is_empty() => {
                let name = |name: String| names::column(&name);
                let pairs = a.into_iter().map(name).zip(b.into_iter().map(name));
                self.node(Op::Join {
                    left,
                    right,
                    on: JoinOn::Keys(pairs.collect()),
                    how: How::Inner,
                })
            }
            _ => self.unknown_node("the keys of the join are not understood"),
        }
    }

    /// A check of data quality gives the frame that it is asked of.
    fn data_quality(&mut self, args: &Args) -> Value {
        let Some(Value::Frame(node)) = args.get(0, "frame") else {
            return Value::Unknown("the frame of a data quality check is not known".to_owned());
        };
        if let Some(ruleset) = args.get(1, "ruleset").and_then(Value::text) {
            self.graph.nodes[*node].rulesets.push(ruleset.to_owned());
        }
        Value::Frame(*node)
    }

    /// The condition of a lambda over rows.
    pub(super) fn row_condition(&mut self, function: &Rc<Function>) -> Value {
        let args = Args {
            positional: vec![Value::Row],
            keywords: Vec::new(),
        };
        let outer = std::mem::replace(&mut self.in_row, true);
        let value = self.call_function(function, &args);
        self.in_row = outer;
        value
    }
}

/// Statements of SQL that change no rows.
const HARMLESS: [&str; 9] = [
    "ANALYZE", "CACHE", "DESC", "DESCRIBE", "EXPLAIN", "MSCK", "REFRESH", "SHOW", "USE",
];

/// Whether a text is a query, as far as its first word tells.
fn is_query(sql: &str) -> bool {
    let bare = sql.trim_start_matches(|c: char| c == '(' || c.is_whitespace());
    let word = bare.split(|c: char| !c.is_alphanumeric()).next();
    let word = word.unwrap_or_default().to_lowercase();
    // A comment may stand before it.
    ["select", "with", "from", "values", "table", ""].contains(&word.as_str())
}

/// The arguments of a frame's method that does what `Transform.apply(frame, argument)` does.
fn shifted(args: &Args, name: &str) -> Args {
    Args {
        positional: args.get(1, name).cloned().into_iter().collect(),
        keywords: Vec::new(),
    }
}
