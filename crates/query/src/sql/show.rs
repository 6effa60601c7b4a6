//! `SHOW`, `DESCRIBE` and `USE`, as queries of constant rows.

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::sql::parser::Statement;
use sqlparser::ast::{
    ObjectName, ObjectNamePart, ShowCreateObject, ShowStatementFilter, ShowStatementFilterPosition,
    ShowStatementOptions, Statement as Ast, Use,
};

use crate::sql::definitions::Definitions;
use crate::tables::{OWN_SCHEMAS, Tables};
use crate::{Error, redaction};

/// What there is to show.
pub(crate) struct Shown<'s> {
    pub(crate) tables: &'s Tables,
    pub(crate) definitions: &'s Definitions,
    /// Gives names of functions, and what they are: there are hundreds, and most
    /// statements do not show them.
    pub(crate) functions: &'s (dyn Fn() -> Vec<(String, &'static str)> + Sync),
}

/// The name that a DESCRIBE asks for, if it has no dots.
pub(crate) fn described(statement: &Statement) -> Option<String> {
    match statement {
        Statement::Statement(statement) => match statement.as_ref() {
            Ast::ExplainTable { table_name, .. } if table_name.0.len() == 1 => last(table_name),
            _ => None,
        },
        _ => None,
    }
}

/// The query that lists the columns of a schema with their types.
pub(crate) fn columns(schema: &Schema) -> String {
    let columns = schema.fields().iter();
    let columns =
        columns.map(|field| vec![field.name().clone(), trino::type_name(field.data_type())]);
    rows_of(&["col_name", "data_type"], columns.collect())
}

/// The query that answers a statement; `None` for a statement that is none of these.
///
/// # Errors
/// [`Error::NoTable`], [`Error::Sql`] for a database that does not exist.
pub(crate) async fn query_of(
    statement: &Statement,
    shown: &Shown<'_>,
) -> Result<Option<String>, Error> {
    let tables = shown.tables;
    let Statement::Statement(statement) = statement else {
        return Ok(None);
    };
    Ok(Some(match statement.as_ref() {
        Ast::ShowDatabases { show_options, .. } | Ast::ShowSchemas { show_options, .. } => {
            let names = tables.databases();
            rows(&["database_name"], matching(names, show_options))
        }
        Ast::ShowTables { show_options, .. } => {
            let database = parent(show_options).and_then(last);
            let mut names = tables.names_in(database.as_deref())?;
            if database.is_none() {
                names.extend(shown.definitions.views());
                names.sort();
            }
            rows(&["tab_name"], matching(names, show_options))
        }
        Ast::ShowColumns { show_options, .. } => {
            let Some(name) = parent(show_options) else {
                return Ok(None);
            };
            let schema = schema(tables, name).await?;
            let names = schema.fields().iter().map(|field| field.name().clone());
            rows(&["column_name"], matching(names.collect(), show_options))
        }
        Ast::ExplainTable { table_name, .. } => {
            let schema = schema(tables, table_name).await?;
            columns(&schema)
        }
        Ast::ShowCreate {
            obj_type: ShowCreateObject::View,
            obj_name,
        } => {
            let name = last(obj_name).unwrap_or_default();
            let definition = shown.definitions.definition(&name).ok_or_else(|| {
                Error::sql(
                    format!("there is no view `{}`", redaction::shown(&name)),
                    "`show views` lists all views of the session",
                )
            })?;
            let lines = definition.lines().map(str::to_owned).collect();
            rows(&["create_view"], lines)
        }
        Ast::ShowViews { show_options, .. } => rows(
            &["view_name"],
            matching(shown.definitions.views(), show_options),
        ),
        Ast::ShowFunctions { filter } => {
            let patterns = filter.as_ref().map(patterns);
            let asked = |name: &str| {
                let patterns = patterns.as_ref().and_then(Option::as_ref);
                patterns.is_none_or(|patterns| patterns.iter().any(|one| is_like(name, one)))
            };
            let functions = (shown.functions)().into_iter();
            let found = functions.filter(|(name, _)| asked(name));
            let found = found.map(|(name, kind)| vec![name, kind.to_owned()]);
            rows_of(&["function", "function_type"], found.collect())
        }
        Ast::ShowCreate { obj_name, .. } => {
            let name = last(obj_name).unwrap_or_default();
            let definition = tables
                .definition(&name)
                .ok_or_else(|| tables.no_table(&name))?;
            let lines = definition.lines().map(str::to_owned).collect();
            rows(&["createtab_stmt"], lines)
        }
        Ast::Use(Use::Object(name) | Use::Database(name) | Use::Schema(name)) => {
            // Every name is found from every database.
            let database = last(name).unwrap_or_default();
            tables.names_in(Some(&database))?;
            rows(&["database_name"], vec![database])
        }
        Ast::ShowVariable { variable } => match variable.as_slice() {
            [what, .., name] if what.value.eq_ignore_ascii_case("tblproperties") => {
                let name = name.value.to_lowercase();
                let properties = tables
                    .landing_properties(&name)
                    .ok_or_else(|| tables.no_table(&name))?;
                let rows = properties.into_iter().map(|(key, value)| vec![key, value]);
                rows_of(&["prpt_name", "prpt_value"], rows.collect())
            }
            [what, .., name] if what.value.eq_ignore_ascii_case("partitions") => {
                let name = name.value.to_lowercase();
                rows(&["partition"], tables.partitions(&name).await?)
            }
            _ => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

fn parent(options: &ShowStatementOptions) -> Option<&ObjectName> {
    options.show_in.as_ref()?.parent_name.as_ref()
}

/// The last part of a name.
fn last(name: &ObjectName) -> Option<String> {
    match name.0.last()? {
        ObjectNamePart::Identifier(ident) => Some(ident.value.to_lowercase()),
        ObjectNamePart::Function(_) => None,
    }
}

/// The columns of a table.
async fn schema(tables: &Tables, name: &ObjectName) -> Result<SchemaRef, Error> {
    let table = last(name).unwrap_or_default();
    let zone = name.0.iter().rev().nth(1).and_then(|part| match part {
        ObjectNamePart::Identifier(ident) => Some(ident.value.to_lowercase()),
        ObjectNamePart::Function(_) => None,
    });
    if let Some(zone) = &zone
        && !tables.names_in(Some(zone))?.contains(&table)
    {
        return Err(tables.no_table(&table));
    }
    let zone = zone.filter(|zone| OWN_SCHEMAS.contains(&zone.as_str()));
    match tables.find(zone.as_deref(), &table).await? {
        Some(table) => Ok(table.schema()),
        None => Err(tables.no_table(&table)),
    }
}

/// The names that a LIKE asks for: `*` and `%` stand for anything, `|` for another one.
fn matching(names: Vec<String>, options: &ShowStatementOptions) -> Vec<String> {
    let filter = match &options.filter_position {
        Some(
            ShowStatementFilterPosition::Infix(filter)
            | ShowStatementFilterPosition::Suffix(filter),
        ) => filter,
        None => return names,
    };
    let Some(patterns) = patterns(filter) else {
        return names;
    };
    let asked = |name: &String| patterns.iter().any(|pattern| is_like(name, pattern));
    names.into_iter().filter(asked).collect()
}

/// The patterns of a LIKE, in lower case.
fn patterns(filter: &ShowStatementFilter) -> Option<Vec<String>> {
    match filter {
        ShowStatementFilter::Like(pattern)
        | ShowStatementFilter::ILike(pattern)
        | ShowStatementFilter::NoKeyword(pattern) => {
            Some(pattern.split('|').map(str::to_lowercase).collect())
        }
        ShowStatementFilter::Where(_) => None,
    }
}

fn is_like(name: &str, pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split(['*', '%']).collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return name == pattern;
    };
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

fn rows(columns: &[&str], values: Vec<String>) -> String {
    rows_of(
        columns,
        values.into_iter().map(|value| vec![value]).collect(),
    )
}

/// A SELECT of constant texts; of no rows, one that gives none.
fn rows_of(columns: &[&str], rows: Vec<Vec<String>>) -> String {
    let names = columns.join(", ");
    let text = |value: &String| format!("'{}'", value.replace('\'', "''"));
    let tuple =
        |row: &Vec<String>| format!("({})", row.iter().map(text).collect::<Vec<_>>().join(", "));
    if rows.is_empty() {
        let nothing: Vec<&str> = columns.iter().map(|_| "''").collect();
        let nothing = nothing.join(", ");
        return format!("select * from (values ({nothing})) t({names}) where false");
    }
    let tuples: Vec<String> = rows.iter().map(tuple).collect();
    format!("select * from (values {}) t({names})", tuples.join(", "))
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn names_are_asked_for_by_patterns() {
        for (name, pattern, expected) in [
            ("customer_trusted", "customer_trusted", true),
            ("customer_trusted", "cust*", true),
            ("customer_trusted", "%trusted", true),
            ("customer_trusted", "*mer*sted", true),
            ("customer_trusted", "*mer*x", false),
            ("customer_trusted", "customer", false),
            ("ab", "ab*b", false),
        ] {
            assert_eq!(is_like(name, pattern), expected, "{name} like {pattern}");
        }
    }
}
