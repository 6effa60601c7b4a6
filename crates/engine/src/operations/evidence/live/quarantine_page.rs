//! The figures of input that could not be read.

use evidence::{QuarantinePage, QuarantinedEntry};
use query::{Setup, system};

use super::snapshot::LakeSnapshot;
use crate::Error;
use crate::operations::evidence::rows::Rows;
use crate::operations::evidence::{masking, subjects};

/// Input that could not be read, with `max` single entries after the first `offset`.
///
/// # Errors
/// [`Error::Lake`] where the store does not answer; [`Error::Query`].
pub async fn quarantine_page(
    setup: &Setup,
    offset: u64,
    max: u64,
) -> Result<QuarantinePage, Error> {
    let lake = LakeSnapshot::open(setup).await?;
    let count = lake.rows(&system::QUARANTINE);
    if count == 0 {
        return Ok(QuarantinePage::default());
    }
    let sql = format!(
        "select id, table_name, reason, detail, line, byte_length, coalesce(places, 1), state \
         from system.quarantine order by table_name, file, byte_offset, id \
         limit {max} offset {offset}",
        offset = offset.min(count)
    );
    let rows = Rows::of(&lake.session, &sql).await?;
    let entries = rows.iter().map(|row| QuarantinedEntry {
        id: row.text(0),
        table: row.text(1),
        reason: row.text(2),
        detail: masking::of_note(&row.text(3)),
        line: row.count(4),
        bytes: row.count(5),
        places: row.count(6),
        is_dropped: row.text(7) == query::landing::DROPPED,
    });
    Ok(QuarantinePage {
        totals: subjects::quarantined(&lake.session).await?,
        entries: entries.collect(),
        offset: offset.min(count),
        count,
    })
}
