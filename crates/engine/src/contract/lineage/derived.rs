//! The lineage of derived system tables. It is written out here, because no SELECT computes
//! them.

use catalog::{PersonRecords, Project, Readings, TableName};

use super::flow::{Flow, Influence, Origin};
use super::model_lineage::{ColumnOrigins, ModelLineage, Origins};
use query::system::{CONSENT, DEVICE_CLAIM, DEVICE_OWNER, Definition, ZONE};

/// The derived tables by name. A landing table that the project lacks is no origin.
pub(super) fn tables(project: &Project) -> Vec<(String, ModelLineage)> {
    let roles = project.roles();
    let records = roles.person_records();
    let record_column = |column: &dyn Fn(&PersonRecords) -> Option<String>| -> Vec<Origin> {
        let column = records.and_then(|records| Some((records, column(records)?)));
        column
            .map(|(records, column)| origin(&records.table, &column))
            .into_iter()
            .collect()
    };
    let person = || record_column(&|records| Some(records.subject.clone()));
    let claimed = || record_column(&|records| records.device.clone());
    let times = || {
        let mut times = record_column(&|records| Some(records.time.clone()));
        for (_, date) in records.iter().flat_map(|records| records.consents()) {
            times.extend(record_column(&|_| Some(date.to_owned())));
        }
        times
    };
    let (of_devices, of_people) = (roles.device_readings(), roles.person_readings());
    let names = |tables: &[Readings]| -> Vec<Origin> {
        let tables = tables.iter();
        tables
            .map(|readings| origin(&readings.table, &readings.name))
            .collect()
    };
    let instants = || -> Vec<Origin> {
        let tables = of_devices.iter().chain(of_people);
        tables
            .map(|readings| origin(&readings.table, &readings.time))
            .collect()
    };
    vec![
        derived(&CONSENT, |column| match column {
            "subject" => person(),
            "valid_from" | "valid_to" => times(),
            _ => Vec::new(),
        }),
        derived(&DEVICE_CLAIM, |column| match column {
            "serialnumber" => claimed(),
            "subject" => person(),
            _ => Vec::new(),
        }),
        derived(&DEVICE_OWNER, |column| match column {
            "serialnumber" => [names(of_devices), claimed()].concat(),
            "subject" => [person(), names(of_people)].concat(),
            "evidence" => Vec::new(),
            _ => instants(),
        }),
    ]
}

fn origin(table: &TableName, column: &str) -> Origin {
    Origin {
        table: table.to_string(),
        column: column.to_owned(),
    }
}

fn derived(table: &Definition, from: impl Fn(&str) -> Vec<Origin>) -> (String, ModelLineage) {
    let schema = table.schema();
    let mut rows = Flow::default();
    let columns = schema.fields().iter().map(|field| {
        let mut flow = Flow::default();
        for origin in from(field.name()) {
            flow.add(&Flow::of(origin.clone()), Influence::Direct);
            rows.add(&Flow::of(origin), Influence::Indirect);
        }
        ColumnOrigins {
            name: field.name().clone(),
            origins: landing_origins(flow),
        }
    });
    let columns = columns.collect();
    let lineage = ModelLineage {
        columns,
        rows: landing_origins(rows),
    };
    (format!("{ZONE}.{}", table.name()), lineage)
}

/// Landing fields are both the direct and the first origins.
fn landing_origins(flow: Flow) -> Origins {
    Origins {
        direct: flow.clone(),
        first: flow,
    }
}
