//! JSON, which is text here: `json_parse` checks it and writes it in one form.
//!
//! Paths are those of `json_extract`: `$`, `.name`, `["name"]` and `[0]`.

use serde_json::Value;

use crate::fault::Fault;
use crate::function::Param::{Bigint, Boolean, Double, Text};
use crate::function::{Function, Returns, Row};

pub(crate) static FUNCTIONS: [Function; 9] = [
    Function::new("json_extract", &[&[Text, Text]], Returns::Text(extract)),
    Function::new(
        "json_extract_scalar",
        &[&[Text, Text]],
        Returns::Text(extract_scalar),
    ),
    Function::new("json_parse", &[&[Text]], Returns::Text(parse)),
    Function::new("json_format", &[&[Text]], Returns::Text(parse)),
    Function::new(
        "json_array_length",
        &[&[Text]],
        Returns::Bigint(array_length),
    ),
    Function::new(
        "json_array_contains",
        &[
            &[Text, Text],
            &[Text, Boolean],
            &[Text, Bigint],
            &[Text, Double],
        ],
        Returns::Boolean(array_contains),
    ),
    Function::new(
        "json_array_get",
        &[&[Text, Bigint]],
        Returns::Text(array_get),
    ),
    Function::new("json_size", &[&[Text, Text]], Returns::Bigint(size)),
    Function::new("is_json_scalar", &[&[Text]], Returns::Boolean(is_scalar)),
];

/// One step of a path.
enum Step {
    Name(String),
    Index(usize),
}

fn path(text: &str) -> Result<Vec<Step>, Fault> {
    let wrong = || {
        Fault::new(
            "the JSON path cannot be read",
            "write $.name, $[\"name\"] or $[0]; wildcards and filters are not supported",
        )
    };
    let mut rest = text.trim().strip_prefix('$').ok_or_else(wrong)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let name = &after[..end];
            if name.is_empty() || name.contains(['*', '?', '@']) {
                return Err(wrong());
            }
            steps.push(Step::Name(name.to_owned()));
            rest = &after[end..];
            continue;
        }
        let after = rest.strip_prefix('[').ok_or_else(wrong)?;
        if let Some(quoted) = after.strip_prefix('"') {
            let end = quoted.find('"').ok_or_else(wrong)?;
            steps.push(Step::Name(quoted[..end].to_owned()));
            rest = quoted[end + 1..].strip_prefix(']').ok_or_else(wrong)?;
        } else {
            let end = after.find(']').ok_or_else(wrong)?;
            steps.push(Step::Index(
                after[..end].trim().parse().map_err(|_| wrong())?,
            ));
            rest = &after[end + 1..];
        }
    }
    Ok(steps)
}

/// The value at a path; `None` where the text is no JSON or has none.
fn at(text: &str, steps: &[Step]) -> Option<Value> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    for step in steps {
        let next = match step {
            Step::Name(name) => value.get_mut(name.as_str()),
            Step::Index(index) => value.get_mut(index),
        };
        value = next?.take();
    }
    Some(value)
}

fn extract(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let steps = path(row.text(1))?;
    Ok(at(row.text(0), &steps).map(|value| value.to_string()))
}

fn extract_scalar(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let steps = path(row.text(1))?;
    Ok(match at(row.text(0), &steps) {
        Some(Value::String(text)) => Some(text),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => Some(value.to_string()),
        _ => None,
    })
}

fn parse(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let value: Result<Value, _> = serde_json::from_str(row.text(0));
    value.map(|value| Some(value.to_string())).map_err(|_| {
        Fault::new(
            "a text that is not JSON was given to a JSON function",
            "write TRY(json_parse(text)) for null in its place",
        )
    })
}

fn array(text: &str) -> Option<Vec<Value>> {
    match serde_json::from_str(text).ok()? {
        Value::Array(elements) => Some(elements),
        _ => None,
    }
}

fn array_length(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    Ok(array(row.text(0)).map(|elements| elements.len() as i64))
}

fn array_contains(row: &Row<'_>) -> Result<Option<bool>, Fault> {
    let Some(elements) = array(row.text(0)) else {
        return Ok(None);
    };
    let wanted = |element: &Value| match element {
        Value::String(text) => row.is_text(1) && text == row.text(1),
        Value::Bool(value) => row.is_boolean(1) && *value == row.boolean(1),
        Value::Number(number) => match row.is_bigint(1) {
            true => number.as_i64() == Some(row.bigint(1)),
            false => row.is_double(1) && number.as_f64() == Some(row.double(1)),
        },
        _ => false,
    };
    Ok(Some(elements.iter().any(wanted)))
}

/// Negative positions count from the end.
fn array_get(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let Some(elements) = array(row.text(0)) else {
        return Ok(None);
    };
    let index = row.bigint(1);
    let index = match index < 0 {
        true => elements.len().checked_sub(index.unsigned_abs() as usize),
        false => usize::try_from(index).ok(),
    };
    let element = index.and_then(|index| elements.get(index));
    Ok(element.map(|element| match element {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }))
}

fn size(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let steps = path(row.text(1))?;
    Ok(at(row.text(0), &steps).map(|value| match value {
        Value::Array(elements) => elements.len() as i64,
        Value::Object(members) => members.len() as i64,
        _ => 0,
    }))
}

fn is_scalar(row: &Row<'_>) -> Result<Option<bool>, Fault> {
    let value: Result<Value, _> = serde_json::from_str(row.text(0));
    Ok(value
        .ok()
        .map(|value| !value.is_array() && !value.is_object()))
}
