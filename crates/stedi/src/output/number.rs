//! Numbers as people read them.

/// A number as people read it: `81,273`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

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

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
