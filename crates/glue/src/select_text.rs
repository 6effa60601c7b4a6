//! The text of SELECTs over one relation.

use sqlparser::ast::Expr as Sql;

use crate::query::Relation;
use crate::spark::ident;

/// Takes the brackets around a whole expression away.
pub(crate) fn unnested(expr: Sql) -> Sql {
    match expr {
        Sql::Nested(inner) => unnested(*inner),
        other => other,
    }
}

/// A column as an item of a SELECT list, and its name.
pub(crate) fn own(column: &str) -> (String, String) {
    (ident(column).to_string(), column.to_owned())
}

/// # Errors
/// If the relation has no such column.
pub(crate) fn missing(column: &str, relation: &Relation) -> Result<(), String> {
    match relation.columns.iter().any(|known| known == column) {
        true => Ok(()),
        false => Err(format!("there is no column `{column}` in {}", relation.sql)),
    }
}

/// `select COLUMNS from FROM`.
pub(crate) fn select(columns: &[String], from: &str) -> String {
    select_named(columns.iter().map(|column| own(column)).collect(), from).0
}

/// `select ITEMS from FROM`, and the names of the columns.
pub(crate) fn select_named(pairs: Vec<(String, String)>, from: &str) -> (String, Vec<String>) {
    let (items, columns) = named_items(pairs);
    (
        format!("select\n    {items}\nfrom {}", ident(from)),
        columns,
    )
}

/// The items of a SELECT list, with their names where these are not the columns' own.
pub(crate) fn named_items(pairs: Vec<(String, String)>) -> (String, Vec<String>) {
    let items = pairs.iter().map(|(value, name)| {
        let quoted = ident(name).to_string();
        let own = value.rsplit('.').next() == Some(quoted.as_str()) && !value.contains(['(', ' ']);
        match own {
            true => value.clone(),
            false => format!("{value} as {quoted}"),
        }
    });
    let items = items.collect::<Vec<_>>().join(",\n    ");
    (items, pairs.into_iter().map(|(_, name)| name).collect())
}

/// Equal rows once, or one row for each combination of `keys`: the first in the order of the
/// other columns, so that every run keeps the same one.
pub(crate) fn first_of_each(
    keys: Option<&[String]>,
    relation: &Relation,
) -> Result<(String, Vec<String>), String> {
    let columns = &relation.columns;
    let Some(keys) = keys else {
        let body = select(columns, &relation.sql).replacen("select", "select distinct", 1);
        return Ok((body, columns.clone()));
    };
    for key in keys {
        missing(key, relation)?;
    }
    let list = |names: Vec<&String>| {
        let names: Vec<String> = names
            .into_iter()
            .map(|name| ident(name).to_string())
            .collect();
        names.join(", ")
    };
    let others: Vec<&String> = columns
        .iter()
        .filter(|column| !keys.contains(column))
        .collect();
    if others.is_empty() {
        let body = select(columns, &relation.sql).replacen("select", "select distinct", 1);
        return Ok((body, columns.clone()));
    }
    let body = format!(
        "{}\nqualify row_number() over (\n    partition by {}\n    order by {}\n) = 1",
        select(columns, &relation.sql),
        list(keys.iter().collect()),
        list(others)
    );
    Ok((body, columns.clone()))
}
