//! Which topics go to which landing tables, and where these are.

use anyhow::Result;
use catalog::{LandingTable, Project};
use ingest::{Route, Target};
use lake::Location;

use crate::failure::Failure;

/// The topics of the command line, then those of the landing definitions.
pub(crate) fn routes(project: &Project, topics: &[String]) -> Result<Vec<Route>> {
    let mut routes = Vec::new();
    for topic in topics {
        let (filter, table) = topic.rsplit_once('=').ok_or_else(|| {
            Failure::settings(
                format!("--topic: `{topic}` names no landing table"),
                "write --topic 'trainers/+/reading=step_trainer_landing'",
            )
        })?;
        if !project.landing().iter().any(|known| known.name == *table) {
            return Err(no_table(project, table));
        }
        check_filter("--topic", filter)?;
        routes.push(route(filter, table));
    }
    for table in project.landing() {
        for filter in table.topics() {
            check_filter(
                &format!("{}:{}: stedi.topic", table.file, table.line),
                filter,
            )?;
            // The command line decides about a filter that it has, too.
            if !routes.iter().any(|route: &Route| route.filter == filter) {
                routes.push(route(filter, table.name.as_ref()));
            }
        }
    }
    if routes.is_empty() {
        return Err(Failure::settings(
            "no landing table takes messages of a topic",
            "write --topic 'FILTER=TABLE', or 'stedi.topic' = 'FILTER' in the TBLPROPERTIES of a landing table",
        ));
    }
    Ok(routes)
}

fn route(filter: &str, table: &str) -> Route {
    Route {
        filter: filter.to_owned(),
        table: table.to_owned(),
    }
}

fn check_filter(place: &str, filter: &str) -> Result<()> {
    match ingest::is_filter(filter) {
        true => Ok(()),
        false => Err(Failure::settings(
            format!("{place}: `{filter}` is not a topic filter"),
            "`+` stands for one level between slashes, `#` for all that follow: trainers/+/reading, trainers/#",
        )),
    }
}

pub(crate) fn no_table(project: &Project, table: &str) -> anyhow::Error {
    let names: Vec<&str> = project
        .landing()
        .iter()
        .map(|table| table.name.as_ref())
        .collect();
    Failure::settings(
        format!("there is no landing table `{table}`"),
        format!("the landing tables are {}", names.join(", ")),
    )
}

/// Where records go: the tables that messages are for, or all that programs may post to.
pub(crate) fn targets(
    project: &Project,
    landing: &Location,
    all: bool,
    routes: &[Route],
) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for table in project.landing() {
        let is_routed = routes
            .iter()
            .any(|route| table.name == route.table.as_str());
        let is_partitioned = !table.partition_columns().is_empty();
        if is_routed && is_partitioned {
            return Err(partitioned(table));
        }
        if is_routed || (all && !is_partitioned) {
            let place = query::landing::place(landing, table).map_err(engine::Error::from)?;
            targets.push(Target {
                table: table.name.to_string(),
                place,
            });
        }
    }
    Ok(targets)
}

fn partitioned(table: &LandingTable) -> anyhow::Error {
    Failure::settings(
        format!(
            "{}:{}: {} is partitioned, and messages name no partition",
            table.file, table.line, table.name
        ),
        "leave PARTITIONED BY out, or let messages go to another table",
    )
}
