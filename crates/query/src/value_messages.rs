//! Messages about values that a statement cannot compute with, and what to write instead.

pub(crate) const DIVISION: &str = "division by zero";
pub(crate) const NOT_CONVERTED: &str = "a value cannot be converted to ";
pub(crate) const TOO_LARGE: &str = "a number is too large for its type";

/// What to write instead, for a message of an error that a value caused.
pub(crate) fn advice(message: &str) -> Option<&'static str> {
    Some(match message {
        DIVISION => "write value / nullif(divisor, 0) for null in its place",
        TOO_LARGE => "write CAST(value AS double), or TRY(...) for null in its place",
        other if other.starts_with(NOT_CONVERTED) => {
            "write TRY_CAST(value AS type) for null in its place"
        }
        _ => return None,
    })
}
