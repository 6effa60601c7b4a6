//! One statement of `stedi sql` or of its shell.

use anyhow::Result;
use engine::{Query, Request, Session};
use futures::StreamExt;

use crate::output::{Out, Page, Rows, say};
use crate::settings::Settings;

/// Runs one statement, which begins at `line` of `origin`. Rows are written to
/// `out`; a table for people is returned instead, for the caller to show.
pub(super) async fn run_statement(
    settings: &Settings,
    session: &Session,
    origin: &str,
    (statement, line): (&str, u32),
    out: &Out,
) -> Result<Option<Page>> {
    if catalog::is_external_table(statement) {
        let table = catalog::parse_external_table(origin, statement, line)?;
        say(settings, &session.create_external_table(table, statement)?);
        return Ok(None);
    }
    if let Some(table) = catalog::table_of_added_partitions(statement)
        && session.tables().is_landing(&table)
    {
        let message = format!("{table}: partitions are found by their folders; nothing was done");
        say(settings, &message);
        return Ok(None);
    }
    let statement = match session.request(statement)? {
        Request::Query(sql) => sql,
        Request::Done(message) => {
            say(settings, &message);
            return Ok(None);
        }
    };
    let query = session.query_of_one_release(&statement).await?;
    for database in session.tables().take_accepted_databases() {
        let note =
            format!("note: the settings read database `{database}` as the whole data product");
        say(settings, &note);
    }
    let mut rows = Rows::begin(settings, query.schema(), out);
    let mut stream = query.stream()?;
    while let Some(batch) = stream.next().await {
        rows.add(batch.map_err(Query::failed)?)?;
        if rows.is_full() {
            break;
        }
        // A request to stop must be heard even if every batch is ready at once.
        tokio::task::yield_now().await;
    }
    drop(stream);
    rows.end()
}
