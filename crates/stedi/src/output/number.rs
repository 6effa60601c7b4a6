//! Numbers as people read them.

pub(crate) use pages::grouped;

/// A number that may be missing.
pub(crate) fn grouped_or_dash(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), grouped)
}

/// `1 place`, `2 places`.
pub(crate) fn places(count: u64) -> String {
    let noun = if count == 1 { "place" } else { "places" };
    format!("{} {noun}", grouped(count))
}

/// `1 row`, `2 rows`.
pub(crate) fn rows(count: u64) -> String {
    let noun = if count == 1 { "row" } else { "rows" };
    format!("{} {noun}", grouped(count))
}
