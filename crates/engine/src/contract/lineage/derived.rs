//! Where columns of derived system tables come from: no SELECT tells it.

use catalog::{Project, Table};

use super::flow::{Flow, Influence, Origin};
use super::model_lineage::{ColumnOrigins, ModelLineage, Origins};
use query::roles::{CLAIM_COLUMNS, DEVICES, PHONES};
use query::roles::{RECORD_COLUMNS, RECORDS};
use query::system::{CONSENT, DEVICE_CLAIM, DEVICE_OWNER, Definition, ZONE};

/// Derived tables by name, as far as the project has what they come from.
pub(super) fn tables(project: &Project) -> Vec<(String, ModelLineage)> {
    let [email, updated, dates @ ..] = RECORD_COLUMNS;
    let [_, _, claimed] = CLAIM_COLUMNS;
    let (devices, [serial, reported]) = DEVICES;
    let (phones, [user, heard]) = PHONES;
    let times: Vec<(&str, &str)> = [updated]
        .iter()
        .chain(&dates)
        .map(|column| (RECORDS, *column))
        .collect();
    let instants = vec![(devices, reported), (phones, heard)];
    vec![
        derived(project, &CONSENT, |column| match column {
            "subject" => vec![(RECORDS, email)],
            "valid_from" | "valid_to" => times.clone(),
            _ => Vec::new(),
        }),
        derived(project, &DEVICE_CLAIM, |column| match column {
            "serialnumber" => vec![(RECORDS, claimed)],
            "subject" => vec![(RECORDS, email)],
            _ => Vec::new(),
        }),
        derived(project, &DEVICE_OWNER, |column| match column {
            "serialnumber" => vec![(devices, serial), (RECORDS, claimed)],
            "subject" => vec![(RECORDS, email), (phones, user)],
            "evidence" => Vec::new(),
            _ => instants.clone(),
        }),
    ]
}

fn derived(
    project: &Project,
    table: &Definition,
    from: impl Fn(&str) -> Vec<(&'static str, &'static str)>,
) -> (String, ModelLineage) {
    let schema = table.schema();
    let mut rows = Flow::default();
    let columns = schema.fields().iter().map(|field| {
        let mut flow = Flow::default();
        for (table, column) in from(field.name()) {
            if matches!(project.find(table), Some(Table::Landing(_))) {
                let origin = Origin {
                    table: table.to_owned(),
                    column: column.to_owned(),
                };
                flow.add(&Flow::of(origin.clone()), Influence::Direct);
                rows.add(&Flow::of(origin), Influence::Indirect);
            }
        }
        ColumnOrigins {
            name: field.name().clone(),
            origins: both(flow),
        }
    });
    let columns = columns.collect();
    let lineage = ModelLineage {
        columns,
        rows: both(rows),
    };
    (format!("{ZONE}.{}", table.name()), lineage)
}

/// Landing fields are read directly, and are where it begins.
fn both(flow: Flow) -> Origins {
    Origins {
        direct: flow.clone(),
        first: flow,
    }
}
