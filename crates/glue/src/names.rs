//! Names: of Glue's nodes, columns, tables and places, in the form that models use.

/// A name of a table or node in lower snake case: `AccelerometerLanding_node1` becomes
/// `accelerometer_landing`.
pub(crate) fn snake(name: &str) -> String {
    let name = match name.rfind("_node") {
        Some(at) if name[at + 5..].chars().all(|c| c.is_ascii_digit()) => &name[..at],
        _ => name,
    };
    let mut snake = String::new();
    let mut before = ' ';
    let mut letters = name.chars().peekable();
    while let Some(c) = letters.next() {
        let begins_word = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_uppercase()
                    && letters.peek().is_some_and(char::is_ascii_lowercase));
        let is_part = c.is_ascii_alphanumeric();
        if (begins_word || !is_part) && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        if is_part {
            snake.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    let snake = snake.trim_end_matches('_');
    match snake.chars().next() {
        None => "node".to_owned(),
        Some(c) if c.is_ascii_digit() => format!("t_{snake}"),
        Some(_) => snake.to_owned(),
    }
}

/// The name of a table as the catalog has it: lower case, everything else than letters and
/// digits as `_`.
pub(crate) fn table(name: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '_',
    };
    let name: String = name.trim().chars().map(letter).collect();
    match name.chars().next() {
        Some(c) if c.is_ascii_lowercase() => name,
        _ => format!("t_{name}"),
    }
}

/// The name of a column: lower case. Glue marks columns of a join's right side that the left
/// side has too with `.` or `(right) `; here it is `right_`.
pub(crate) fn column(name: &str) -> String {
    let bare = name.trim().trim_matches('`').trim();
    let (prefix, rest) = match bare.strip_prefix("(right)") {
        Some(rest) => ("right_", rest.trim()),
        None => ("", bare),
    };
    let (dot, rest) = match rest.strip_prefix('.') {
        Some(rest) => ("right_", rest),
        None => ("", rest),
    };
    let letter = |c: char| match c.is_alphanumeric() {
        true => c.to_lowercase().next().unwrap_or(c),
        false => '_',
    };
    let rest: String = rest.chars().map(letter).collect();
    format!("{prefix}{dot}{rest}")
}

/// A table's name with what people vary taken away: separators, plurals, filler words.
/// `customers_curated` and `CustomerCurated` have one core.
pub(crate) fn core(name: &str) -> String {
    const FILLERS: [&str; 7] = ["zone", "table", "data", "stedi", "bucket", "node", "s3"];
    let snake = snake(name);
    let words = snake.split('_').filter(|word| !FILLERS.contains(word));
    words
        .map(|word| word.strip_suffix('s').unwrap_or(word))
        .collect()
}

/// The parts of a place without its scheme: the bucket first.
fn parts(path: &str) -> Vec<&str> {
    let rest = path.split_once("://").map_or(path, |(_, rest)| rest);
    rest.split('/').filter(|part| !part.is_empty()).collect()
}

/// A place without scheme, bucket and slashes at its ends.
pub(crate) fn place(path: &str) -> String {
    let parts = parts(path);
    let skip = usize::from(path.contains("://")).min(parts.len());
    parts[skip..].join("/").to_lowercase()
}

/// The table that a place holds by its words: `s3://b/customer/trusted/` is `customer_trusted`.
/// `None` where no zone is among them.
pub(crate) fn table_at(path: &str) -> Option<String> {
    let lower = path.to_lowercase();
    let parts = parts(&lower);
    let is_zone = |part: &str| {
        ["landing", "trusted", "curated"]
            .iter()
            .any(|z| part.contains(z))
    };
    let at = parts.iter().rposition(|part| is_zone(part))?;
    let words = snake(parts[at]);
    let words: Vec<&str> = words.split('_').filter(|word| *word != "zone").collect();
    match (words.as_slice(), at) {
        ([zone], 1..) => {
            // `curated/customer/` names the table below its zone.
            let below = parts.get(at + 1).copied().filter(|_| at == 1);
            let beside = below.unwrap_or(parts[at - 1]);
            Some(table(&format!("{}_{zone}", snake(beside))))
        }
        _ => Some(table(&words.join("_"))),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_of_nodes() {
        for (name, expected) in [
            ("AccelerometerLanding_node1", "accelerometer_landing"),
            ("S3bucket_node1675256368205", "s3bucket"),
            ("SQLQuery_node17", "sql_query"),
            ("customer_trusted", "customer_trusted"),
            ("1st", "t_1st"),
            ("", "node"),
        ] {
            assert_eq!(super::snake(name), expected, "{name}");
        }
    }

    #[test]
    fn names_of_columns() {
        for (name, expected) in [
            ("serialNumber", "serialnumber"),
            ("`.serialNumber`", "right_serialnumber"),
            (".serialNumber", "right_serialnumber"),
            ("(right) serialNumber", "right_serialnumber"),
            ("`(right) .serialNumber`", "right_right_serialnumber"),
            ("a b", "a_b"),
        ] {
            assert_eq!(super::column(name), expected, "{name}");
        }
    }

    #[test]
    fn tables_by_their_place() {
        for (path, expected) in [
            ("s3://b/customer/trusted/", Some("customer_trusted")),
            ("s3://b/customers/landing", Some("customers_landing")),
            (
                "s3://b/accelerometer_trusted/",
                Some("accelerometer_trusted"),
            ),
            (
                "s3://b/project/step_trainer/trusted/",
                Some("step_trainer_trusted"),
            ),
            ("s3://b/trusted/customer/", Some("customer_trusted")),
            (
                "s3://step-trainer-trusted-san/data/",
                Some("step_trainer_trusted_san"),
            ),
            (
                "s3://b/machine_learning/curated/",
                Some("machine_learning_curated"),
            ),
            ("s3://b/ml/", None),
            ("", None),
        ] {
            assert_eq!(super::table_at(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn cores_of_tables() {
        for (a, b, expected) in [
            ("customers_curated", "customer_curated", true),
            ("steptrainer_trusted", "step_trainer_trusted", true),
            ("customer_trusted_zone", "CustomerTrusted", true),
            ("customer_trusted", "customer_curated", false),
        ] {
            assert_eq!(super::core(a) == super::core(b), expected, "{a} {b}");
        }
    }
}
