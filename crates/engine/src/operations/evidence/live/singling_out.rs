//! How easily a person can be told from the rows of curated tables.

use arrow::datatypes::{DataType, Schema};
use catalog::Model;
use evidence::{GROUP_PEOPLE_MIN, INSTANTS, SinglingOut, TellingColumn};
use query::sql::parse::quote;
use query::tables::model_id;
use query::{Session, Setup};

use super::snapshot::LakeSnapshot;
use crate::Error;
use crate::contract::subject_columns::{self, SubjectKind};
use crate::operations::evidence::rows::Rows;

/// How many columns of a table are looked at.
const COLUMNS_MAX: usize = 16;

/// How many rows of each curated table have a value that only one person has, for columns
/// whose values others may know: times and birthdays. It reads the tables, within the memory
/// of `setup`.
///
/// # Errors
/// [`Error::Lake`] where the store does not answer; [`Error::Query`], also if the memory does
/// not suffice.
pub async fn singling_out(setup: &Setup) -> Result<Vec<SinglingOut>, Error> {
    let lake = LakeSnapshot::open(setup).await?;
    let mut tables = Vec::new();
    for model in setup.project.models() {
        if model.zone != catalog::Zone::Curated {
            continue;
        }
        let Some(version) = lake.version(&model_id(model)) else {
            continue;
        };
        if let Some(person) = person(model, &version.schema) {
            tables.push(of_table(&lake.session, model, &version.schema, &person).await?);
        } else if model.contract.anonymous {
            tables.push(SinglingOut {
                table: model.name.to_string(),
                rows: version.rows(),
                people: None,
                groups_of_at_least: u64::try_from(GROUP_PEOPLE_MIN).ok(),
                columns: Vec::new(),
            });
        }
    }
    Ok(tables)
}

/// What tells the people of a model's rows apart, in SQL.
fn person(model: &Model, schema: &Schema) -> Option<String> {
    let fields: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    if subject_columns::is_training_set(model, &fields) {
        return Some("subject".to_owned());
    }
    let mut columns = subject_columns::columns(model);
    let (kind, column) = columns.next()?;
    Some(match kind {
        SubjectKind::Subject => format!("subject({})", quote(column)),
        // A device stands for its owner.
        SubjectKind::Device => quote(column).to_string(),
    })
}

async fn of_table(
    session: &Session,
    model: &Model,
    schema: &Schema,
    person: &str,
) -> Result<SinglingOut, Error> {
    let table = format!("{}.{}", model.zone, quote(model.name.as_ref()));
    let all = format!("select count(*), count(distinct {person}) from {table}");
    let all = Rows::of(session, &all).await?;
    let all = all
        .iter()
        .next()
        .map_or((0, 0), |row| (row.count(0), row.count(1)));
    let mut columns = Vec::new();
    for column in telling(session, &table, schema).await? {
        let quoted = quote(&column);
        let sql = format!(
            "select coalesce(sum(rows), 0), count(distinct person) from (
                select count(*) as rows, min({person}) as person from {table}
                where {quoted} is not null
                group by {quoted} having min({person}) = max({person})
            ) as told"
        );
        if let Some(row) = Rows::of(session, &sql).await?.iter().next() {
            columns.push(TellingColumn {
                column,
                rows: row.count(0),
                people: row.count(1),
            });
        }
    }
    Ok(SinglingOut {
        table: model.name.to_string(),
        rows: all.0,
        people: Some(all.1),
        groups_of_at_least: None,
        columns,
    })
}

/// Columns with times or birthdays.
async fn telling(session: &Session, table: &str, schema: &Schema) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for field in schema.fields() {
        let name = field.name();
        if field.data_type().is_temporal() || name.to_lowercase().contains("birth") {
            found.push(name.clone());
        } else if *field.data_type() == DataType::Int64 {
            let quoted = quote(name);
            let sql = format!("select min({quoted}), max({quoted}) from {table}");
            let ends = Rows::of(session, &sql).await?;
            let ends = ends
                .iter()
                .next()
                .and_then(|row| row.number(0).zip(row.number(1)));
            if ends
                .is_some_and(|(least, most)| INSTANTS.contains(&least) && INSTANTS.contains(&most))
            {
                found.push(name.clone());
            }
        }
        if found.len() == COLUMNS_MAX {
            break;
        }
    }
    Ok(found)
}
