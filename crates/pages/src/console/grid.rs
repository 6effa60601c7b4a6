//! Rows of a result as a table.

use maud::{Markup, html};

use crate::words::counted;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultColumn {
    /// Its name.
    pub name: String,
    /// SQL's name of its type.
    pub kind: String,
    /// Whether its values are numbers.
    pub is_number: bool,
}

/// Rows of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultRows<'a> {
    /// The columns.
    pub columns: &'a [ResultColumn],
    /// The cells, by row; `None` is null.
    pub cells: &'a [Vec<Option<String>>],
}

/// Rows as a table; numbers at the right.
pub(super) fn grid(caption: &str, rows: ResultRows<'_>) -> Markup {
    let class = |place: usize| match rows.columns.get(place) {
        Some(column) if column.is_number => "number",
        _ => "value",
    };
    html! {
        div class="scroll tall grid" tabindex="0" role="region" aria-label=(caption) data-grid { table {
            caption class="visually-hidden" { (caption) ", " (counted(rows.cells.len() as u64, "row")) }
            thead { tr { @for (place, column) in rows.columns.iter().enumerate() {
                th scope="col" class=(class(place)) { (column.name) span class="type" { (column.kind) } }
            } } }
            tbody { @for row in rows.cells { tr { @for (place, cell) in row.iter().enumerate() {
                td class=(class(place)) { @match cell { Some(text) => (text), None => span class="null" { "null" } } }
            } } } }
        } }
    }
}
