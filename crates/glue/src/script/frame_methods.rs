//! Methods of DynamicFrames and DataFrames.

use super::column_methods::{item, items};
use super::functions;
use super::interpreter::Interpreter;
use super::value::{Args, Value, Writer};
use crate::graph::{How, Item, ItemValue, JoinOn, NodeId, Op};
use crate::names;

impl Interpreter {
    pub(super) fn frame_method(&mut self, input: NodeId, name: &str, args: &Args) -> Value {
        let op = match name {
            "toDF" if args.positional.is_empty() => return Value::Frame(input),
            "cache" | "persist" | "repartition" | "coalesce" | "unpersist" | "checkpoint"
            | "resolveChoice" | "hint" | "drop_null_fields" => return Value::Frame(input),
            "show" | "printSchema" | "count" | "head" | "take" | "collect" | "first"
            | "explain" | "isEmpty" | "describe" => {
                return Value::Library(format!("{name}()"));
            }
            "createOrReplaceTempView"
            | "registerTempTable"
            | "createTempView"
            | "createGlobalTempView"
            | "createOrReplaceGlobalTempView" => {
                return self.view(input, args.get(0, "name"));
            }
            "filter" | "where" => self.filter(input, args.get(0, "f").or(args.named("condition"))),
            "join" => return self.frame_join(input, args),
            "crossJoin" => match args.positional.first() {
                Some(Value::Frame(right)) => Ok(Op::Join {
                    left: input,
                    right: *right,
                    on: JoinOn::Nothing,
                    how: How::Cross,
                }),
                _ => Err("the right side of the join is not understood".to_owned()),
            },
            "select" | "select_fields" | "selectExpr" => select(input, name, args),
            "drop" | "drop_fields" => {
                let columns: Option<Vec<_>> =
                    args.flat().iter().map(functions::as_column).collect();
                let columns =
                    columns.ok_or_else(|| "the dropped columns are not understood".to_owned());
                columns.map(|columns| Op::Drop { input, columns })
            }
            "withColumn" => match (args.get(0, "colName"), args.get(1, "col")) {
                (Some(Value::Text(name)), Some(value)) => functions::as_expression(value)
                    .map(|value| Op::With {
                        input,
                        name: names::column(name),
                        value,
                    })
                    .ok_or_else(|| value.reason("the value of the column")),
                _ => Err("the new column is not understood".to_owned()),
            },
            "withColumnRenamed" | "rename_field" => {
                let names = [args.positional.first(), args.positional.get(1)];
                match names.map(|name| name.and_then(Value::text)) {
                    [Some(from), Some(to)] => Ok(Op::Rename {
                        input,
                        from: names::column(from),
                        to: names::column(to),
                    }),
                    _ => Err("the new name of the column is not understood".to_owned()),
                }
            }
            "apply_mapping" | "applyMapping" => mapping(input, args.get(0, "mappings")),
            "distinct" => Ok(Op::Distinct {
                input,
                columns: None,
            }),
            "dropDuplicates" | "drop_duplicates" => match args.positional.first() {
                None | Some(Value::None) => Ok(Op::Distinct {
                    input,
                    columns: None,
                }),
                Some(columns) => columns
                    .texts()
                    .map(|columns| Op::Distinct {
                        input,
                        columns: Some(columns.iter().map(|name| names::column(name)).collect()),
                    })
                    .ok_or_else(|| columns.reason("the columns of the duplicates")),
            },
            "union" | "unionAll" | "unionByName" => match args.positional.first() {
                Some(Value::Frame(right)) => Ok(Op::Union {
                    left: input,
                    right: *right,
                    by_name: name == "unionByName",
                }),
                _ => Err("the other side of the union is not understood".to_owned()),
            },
            "groupBy" | "groupby" => {
                let keys: Option<Vec<String>> = args.flat().iter().map(column_name).collect();
                return match keys {
                    Some(keys) => Value::Grouped(input, keys),
                    None => self.unknown_node("the columns of the grouping are not understood"),
                };
            }
            "agg" => return self.grouped_method(input, Vec::new(), "agg", args),
            "alias" => match args.get(0, "alias").and_then(Value::text) {
                Some(name) => Ok(Op::Alias {
                    input,
                    name: name.to_lowercase(),
                }),
                None => Err("the alias is not understood".to_owned()),
            },
            "orderBy" | "sort" => return Value::Frame(input),
            other => Err(format!("`{other}` of a frame is not translated")),
        };
        match op {
            Ok(op) => self.node(op),
            Err(reason) => self.unknown_node(reason),
        }
    }

    /// A view has the frame's rows, unless it is not known whether it is made.
    fn view(&mut self, input: NodeId, name: Option<&Value>) -> Value {
        let Some(name) = name.and_then(Value::text).map(str::to_lowercase) else {
            let reason = "a view has a name that only a run knows";
            self.hidden_view = Some(reason.to_owned());
            return Value::Unknown(reason.to_owned());
        };
        let frame = match self.doubt.clone() {
            Some(reason) => self.unknown_node(reason),
            None => Value::Frame(input),
        };
        if let Value::Frame(node) = frame {
            self.views.insert(name, node);
        }
        Value::None
    }

    fn filter(&mut self, input: NodeId, condition: Option<&Value>) -> Result<Op, String> {
        let value = match condition {
            Some(Value::Function(function)) => {
                let function = std::rc::Rc::clone(function);
                self.row_condition(&function)
            }
            Some(Value::Text(sql)) => functions::parsed(sql),
            Some(other) => other.clone(),
            None => return Err("there is no condition".to_owned()),
        };
        match value {
            Value::Column(condition, _) if functions::is_condition(&condition) => {
                Ok(Op::Filter { input, condition })
            }
            Value::Column(..) => Err("a column alone is no condition".to_owned()),
            other => Err(other.reason("the condition")),
        }
    }

    fn frame_join(&mut self, left: NodeId, args: &Args) -> Value {
        // DynamicFrame: join(paths1, paths2, frame2).
        let glue = args.get(2, "frame2").or(args.named("frame2"));
        if let Some(Value::Frame(right)) = glue {
            let keys = [args.get(0, "paths1"), args.get(1, "paths2")];
            return self.join_by_keys(left, *right, keys);
        }
        let Some(Value::Frame(right)) = args.get(0, "other") else {
            let reason = args
                .get(0, "other")
                .map(|value| value.reason("the right side of the join"));
            return self
                .unknown_node(reason.unwrap_or_else(|| "the join has no right side".into()));
        };
        let right = *right;
        let how = match args.get(2, "how") {
            None => Some(How::Inner),
            Some(how) => how.text().and_then(How::named),
        };
        let Some(how) = how else {
            return self.unknown_node("the kind of the join is not understood");
        };
        let on = match args.get(1, "on") {
            None => Some(JoinOn::Nothing),
            Some(Value::Column(condition, _)) => Some(JoinOn::Condition(condition.clone())),
            Some(Value::List(values)) if values.iter().all(|v| matches!(v, Value::Column(..))) => {
                let conditions = values.iter().filter_map(functions::as_expression);
                conditions.reduce(functions::and).map(JoinOn::Condition)
            }
            Some(value) => value
                .texts()
                .map(|names| JoinOn::Using(names.iter().map(|name| names::column(name)).collect())),
        };
        match on {
            Some(on) => self.node(Op::Join {
                left,
                right,
                on,
                how,
            }),
            None => self.unknown_node("the condition of the join is not understood"),
        }
    }

    pub(super) fn grouped_method(
        &mut self,
        input: NodeId,
        keys: Vec<String>,
        name: &str,
        args: &Args,
    ) -> Value {
        let keys: Vec<String> = keys.iter().map(|key| names::column(key)).collect();
        let values = match name {
            "agg" => args
                .flat()
                .iter()
                .map(aggregate)
                .collect::<Option<Vec<Vec<Item>>>>(),
            "count" => functions::of_columns("count", &Args::default())
                .and_then(|count| item(&count))
                .map(|count| {
                    vec![vec![Item {
                        name: Some("count".to_owned()),
                        ..count
                    }]]
                }),
            _ => None,
        };
        match values {
            Some(values) => self.node(Op::Aggregate {
                input,
                keys,
                values: values.concat(),
            }),
            None => self.unknown_node(format!("`{name}` of a grouping is not translated")),
        }
    }

    pub(super) fn writer_method(&mut self, mut writer: Writer, name: &str, args: &Args) -> Value {
        let argument = args.positional.first().and_then(Value::open_text);
        let argument = argument.map(str::to_owned);
        match name {
            "save" | "json" | "parquet" | "csv" | "orc" => {
                let path = args
                    .named("path")
                    .and_then(Value::open_text)
                    .map(str::to_owned);
                let path = argument.or(path).or(writer.path);
                self.sink(None, path.as_deref(), writer.frame)
            }
            "saveAsTable" | "insertInto" => {
                let table = args
                    .named("name")
                    .and_then(Value::open_text)
                    .map(str::to_owned);
                let table = argument.or(table);
                self.sink(table.as_deref(), writer.path.as_deref(), writer.frame)
            }
            "option" => {
                if let [Value::Text(key), value] = args.positional.as_slice()
                    && key == "path"
                {
                    writer.path = value.open_text().map(str::to_owned);
                }
                Value::Writer(writer)
            }
            "mode" | "format" | "options" | "partitionBy" | "bucketBy" | "sortBy" | "using"
            | "tableProperty" => Value::Writer(writer),
            other => {
                let reason = format!("`{other}` of a writer is not translated");
                self.sink(None, writer.path.as_deref(), Err(reason))
            }
        }
    }
}

/// `select` of columns, names or, in `selectExpr`, SQL.
fn select(input: NodeId, name: &str, args: &Args) -> Result<Op, String> {
    let mut args = args.flat();
    // select_fields(paths=[...]).
    if args.is_empty() {
        return Err("the selected columns are not understood".to_owned());
    }
    let mut columns = Vec::new();
    for value in &mut args {
        let found = match (name, &value) {
            ("selectExpr", Value::Text(sql)) => items(sql),
            _ => item(value).map(|item| vec![item]),
        };
        match found {
            Some(found) => columns.extend(found),
            None => return Err(value.reason("a selected column")),
        }
    }
    Ok(Op::Select { input, columns })
}

fn mapping(input: NodeId, mappings: Option<&Value>) -> Result<Op, String> {
    let unknown = || "the mappings are not understood".to_owned();
    let Some(Value::List(mappings)) = mappings else {
        return Err(unknown());
    };
    let columns = mappings.iter().map(|mapping| {
        let parts = mapping.texts()?;
        let (from, to, kind) = match parts.as_slice() {
            [from, before, to, kind] => (from, to, (before != kind).then(|| kind.clone())),
            [from, to, kind] => (from, to, Some(kind.clone())),
            [from, to] => (from, to, None),
            _ => return None,
        };
        Some((names::column(from), names::column(to), kind))
    });
    let columns: Option<Vec<_>> = columns.collect();
    let columns = columns.ok_or_else(unknown)?;
    Ok(Op::Mapping { input, columns })
}

fn column_name(value: &Value) -> Option<String> {
    match item(value)? {
        Item {
            value: ItemValue::Expr(sqlparser::ast::Expr::Identifier(name)),
            name: None,
        } => Some(name.value),
        Item {
            value: ItemValue::Expr(sqlparser::ast::Expr::CompoundIdentifier(parts)),
            name: None,
        } => Some(parts.last()?.value.clone()),
        _ => None,
    }
}

/// Aggregates in an `agg` call: expressions, or a dictionary of columns and functions.
fn aggregate(value: &Value) -> Option<Vec<Item>> {
    let Value::Dict(pairs) = value else {
        return Some(vec![item(value)?]);
    };
    pairs
        .iter()
        .map(|(column, function)| {
            let args = Args {
                positional: vec![column.clone()],
                keywords: Vec::new(),
            };
            item(&functions::of_columns(function.text()?, &args)?)
        })
        .collect()
}
