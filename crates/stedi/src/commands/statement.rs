//! One statement of `stedi sql` or of its shell.

use anyhow::Result;
use engine::{Query, Session};
use futures::StreamExt;

use crate::output::{Rows, say};
use crate::settings::Settings;

/// Runs one statement of `name`, where it stands at `line`.
pub(super) async fn run_statement(
    settings: &Settings,
    session: &Session,
    name: &str,
    statement: &str,
    line: u32,
) -> Result<()> {
    if catalog::is_external_table(statement) {
        let table = catalog::parse_external_table(name, statement, line)?;
        say(
            settings,
            &format!("{} is a table of this session", table.name),
        );
        session.create_external_table(table);
        return Ok(());
    }
    let query = session.query_of_one_release(statement).await?;
    let mut rows = Rows::begin(settings, query.schema());
    let mut stream = query.stream()?;
    while let Some(batch) = stream.next().await {
        rows.add(batch.map_err(Query::failed)?)?;
        if rows.is_full() {
            break;
        }
        // Who asked to stop is heard also where each batch is there at once.
        tokio::task::yield_now().await;
    }
    drop(stream);
    rows.end(settings)
}
