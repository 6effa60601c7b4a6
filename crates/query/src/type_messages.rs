//! Messages about types, which DataFusion words with Arrow's names.

/// A message about types of a statement, in SQL's words, and what to do; `None` for a
/// message about something else.
pub(crate) fn explain(text: &str) -> Option<(String, String)> {
    if let Some((name, _)) = text.split_once(" expected a list as first argument") {
        let name = name.rsplit(' ').next().unwrap_or_default();
        let name = name.strip_prefix("array_").unwrap_or(name);
        return Some((
            format!("`{name}` takes an array as its first argument"),
            "write an array, such as split(text, ',')".to_owned(),
        ));
    }
    if [
        "non-boolean predicate",
        "Join condition must be boolean",
        "requires a boolean expression",
    ]
    .iter()
    .any(|part| text.contains(part))
    {
        return Some((
            "a condition is no boolean".to_owned(),
            "write a comparison, such as value > 0 or value IS NOT NULL".to_owned(),
        ));
    }
    if text.starts_with("Too many columns! The subquery should only return one column") {
        return Some((
            "a subquery that stands for a value gives several columns".to_owned(),
            "select one column in it".to_owned(),
        ));
    }
    if text.starts_with("Expected LIMIT to be an integer") {
        return Some((
            "LIMIT and OFFSET take an integer".to_owned(),
            "write LIMIT 10".to_owned(),
        ));
    }
    const SIGNS: [&str; 8] = [
        "Cannot coerce ",
        "Cannot infer common ",
        "Cannot automatically convert ",
        "Can not find compatible types to compare ",
        "Failed to coerce types ",
        "Failed to coerce then ",
        "Failed to coerce case ",
        "Cannot get result type for ",
    ];
    let rest = SIGNS.iter().find_map(|sign| text.strip_prefix(sign))?;
    let rest = rest.split(" to valid types").next().unwrap_or_default();
    // Behind "operation" or "expression" stand the types themselves.
    let types = [" operation ", " expression "]
        .iter()
        .find_map(|word| Some(rest.split_once(word)?.1))
        .filter(|types| !types.is_empty())
        .unwrap_or(rest);
    Some((
        format!(
            "these types cannot be computed with each other: {}",
            in_sql(types)
        ),
        "convert one with CAST(value AS type)".to_owned(),
    ))
}

/// A message with the names of Arrow's types in SQL.
pub(crate) fn in_sql(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if end == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, behind) = rest.split_at(end);
        rest = behind;
        match name(word) {
            Some(Name::Plain(name)) => out.push_str(name),
            Some(Name::Nested(name)) if behind.starts_with('(') => {
                out.push_str(name);
                rest = &behind[closing(behind)..];
            }
            _ => out.push_str(word),
        }
    }
    out
}

enum Name {
    Plain(&'static str),
    /// With brackets behind it that say more than SQL has names for.
    Nested(&'static str),
}

fn name(word: &str) -> Option<Name> {
    Some(match word {
        "Utf8" | "LargeUtf8" | "Utf8View" => Name::Plain("varchar"),
        "Boolean" => Name::Plain("boolean"),
        "Int8" => Name::Plain("tinyint"),
        "Int16" | "UInt8" => Name::Plain("smallint"),
        "Int32" | "UInt16" => Name::Plain("integer"),
        "Int64" | "UInt32" | "UInt64" => Name::Plain("bigint"),
        "Float16" | "Float32" => Name::Plain("real"),
        "Float64" => Name::Plain("double"),
        "Date32" | "Date64" => Name::Plain("date"),
        "Binary" | "LargeBinary" | "BinaryView" => Name::Plain("varbinary"),
        "List" | "LargeList" | "FixedSizeList" | "ListView" => Name::Nested("array"),
        "Map" => Name::Nested("map"),
        "Struct" => Name::Nested("row"),
        "Timestamp" => Name::Nested("timestamp"),
        "Interval" | "Duration" => Name::Nested("interval"),
        "Time32" | "Time64" => Name::Nested("time"),
        "Decimal32" | "Decimal64" | "Decimal128" | "Decimal256" => Name::Nested("decimal"),
        "FixedSizeBinary" => Name::Nested("varbinary"),
        "Dictionary" | "RunEndEncoded" | "Union" => Name::Nested("value"),
        _ => return None,
    })
}

/// Where the bracket closes with which a text begins.
fn closing(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_names_in_sql() {
        for (text, expected) in [
            ("Int64 + Utf8View", "bigint + varchar"),
            ("List(Struct(\"a\": Int64)) = Boolean", "array = boolean"),
            ("Timestamp(ns, \"+00:00\")", "timestamp"),
            ("no type here", "no type here"),
            ("a List of things", "a List of things"),
        ] {
            assert_eq!(in_sql(text), expected);
        }
    }

    #[test]
    fn messages_about_types_are_told_in_words() {
        for (text, expected) in [
            (
                "Cannot coerce arithmetic expression Utf8View + Boolean to valid types",
                Some("these types cannot be computed with each other: varchar + boolean"),
            ),
            (
                "Cannot infer common argument type for comparison operation Date32 < Int64",
                Some("these types cannot be computed with each other: date < bigint"),
            ),
            (
                "array_filter expected a list as first argument, got Utf8",
                Some("`filter` takes an array as its first argument"),
            ),
            ("Projections require unique expression names", None),
        ] {
            let message = explain(text).map(|(message, _)| message);
            assert_eq!(message.as_deref(), expected, "{text}");
        }
    }
}
