//! Where columns of derived system tables come from: no SELECT tells it.

use catalog::{PersonRecords, Project, Readings, TableName};

use super::flow::{Flow, Influence, Origin};
use super::model_lineage::{ColumnOrigins, ModelLineage, Origins};
use query::system::{CONSENT, DEVICE_CLAIM, DEVICE_OWNER, Definition, ZONE};

/// Derived tables by name, as far as the project has what they come from.
pub(super) fn tables(project: &Project) -> Vec<(String, ModelLineage)> {
    let roles = project.roles();
    let records = roles.person_records();
    let of_records = |column: &dyn Fn(&PersonRecords) -> Option<String>| -> Vec<Origin> {
        let column = records.and_then(|records| Some((records, column(records)?)));
        column
            .map(|(records, column)| origin(&records.table, &column))
            .into_iter()
            .collect()
    };
    let person = || of_records(&|records| Some(records.subject.clone()));
    let claimed = || of_records(&|records| records.device.clone());
    let times = || {
        let mut times = of_records(&|records| Some(records.time.clone()));
        for (_, date) in records.iter().flat_map(|records| records.consents()) {
            times.extend(of_records(&|_| Some(date.to_owned())));
        }
        times
    };
    let (devices, phones) = (roles.device_readings(), roles.person_readings());
    let names = |tables: &[Readings]| -> Vec<Origin> {
        let tables = tables.iter();
        tables.map(|own| origin(&own.table, &own.name)).collect()
    };
    let instants = || -> Vec<Origin> {
        let tables = devices.iter().chain(phones);
        tables.map(|own| origin(&own.table, &own.time)).collect()
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
            "serialnumber" => [names(devices), claimed()].concat(),
            "subject" => [person(), names(phones)].concat(),
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
