//! Rules of `EvaluateDataQuality` (DQDL) as checks of a contract.
//!
//! Glue publishes what a ruleset finds and writes the rows all the same, so that the checks
//! warn.

/// The checks, in TOML, and the rules that have no check.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Quality {
    pub(crate) checks: String,
    pub(crate) others: Vec<String>,
}

/// The checks of rulesets for a table with these columns.
pub(crate) fn checks(rulesets: &[String], table: &str, columns: &[String]) -> Quality {
    let mut quality = Quality::default();
    let (mut not_null, mut unique) = (Vec::new(), Vec::new());
    let mut accepted: Vec<String> = Vec::new();
    let mut has_rows = false;
    for rule in rulesets.iter().flat_map(|ruleset| rules(ruleset)) {
        let words: Vec<&str> = rule.split_whitespace().collect();
        let column = words
            .get(1)
            .map(|word| crate::names::column(word.trim_matches('"')));
        let column = column.filter(|column| columns.contains(column));
        match (words.as_slice(), column) {
            // The columns of a model are known before it runs.
            (["ColumnCount" | "ColumnExists", ..], _) => {}
            (["RowCount", ">", "0"], _) => has_rows = true,
            (["IsComplete", _], Some(column)) => not_null.push(format!("\"{column}\"")),
            (["IsUnique" | "IsPrimaryKey", _], Some(column)) => {
                unique.push(format!("\"{column}\""))
            }
            (["ColumnValues", _, op @ (">=" | "<="), bound], Some(column))
                if bound.parse::<f64>().is_ok() =>
            {
                let key = if *op == ">=" { "min" } else { "max" };
                accepted.push(format!(
                    "{column} = {{ {key} = {bound}, action = \"warn\" }}"
                ));
            }
            (["ColumnValues", _, "between", low, "and", high], Some(column))
                if low.parse::<f64>().is_ok() && high.parse::<f64>().is_ok() =>
            {
                accepted.push(format!(
                    "{column} = {{ min = {low}, max = {high}, action = \"warn\" }}"
                ));
            }
            _ => quality.others.push(rule),
        }
    }
    let mut toml = String::new();
    for (key, mut columns) in [("not_null", not_null), ("unique", unique)] {
        columns.dedup();
        if !columns.is_empty() {
            let columns = columns.join(", ");
            toml.push_str(&format!(
                "{key} = {{ columns = [{columns}], action = \"warn\" }}\n"
            ));
        }
    }
    if !toml.is_empty() {
        toml.insert_str(0, "\n[checks]\n");
    }
    if !accepted.is_empty() {
        toml.push_str(&format!("\n[checks.accepted]\n{}\n", accepted.join("\n")));
    }
    if has_rows {
        toml.push_str(&format!(
            "\n[[checks.sql]]\nname = \"there are rows\"\nviolations = \"select 1 where (select \
             count(*) from {table}) = 0\"\naction = \"warn\"\n"
        ));
    }
    quality.checks = toml;
    quality
}

/// The rules of a ruleset: `Rules = [ a, b ]`, with one rule a line or between commas.
fn rules(ruleset: &str) -> Vec<String> {
    let inner = ruleset.split_once('[').map_or("", |(_, rest)| rest);
    let inner = inner.rsplit_once(']').map_or(inner, |(inner, _)| inner);
    let mut rules = Vec::new();
    let (mut rule, mut depth) = (String::new(), 0_i32);
    for c in inner.chars() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth -= 1,
            _ => {}
        }
        match c {
            ',' | '\n' if depth == 0 => rules.push(std::mem::take(&mut rule)),
            c => rule.push(c),
        }
    }
    rules.push(rule);
    let rules = rules.iter().map(|rule| rule.trim().to_owned());
    rules
        .filter(|rule| !rule.is_empty() && !rule.starts_with('#'))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn rules_become_checks() {
        let check = |ruleset: &str, checks: &str, others: &[&str]| {
            let columns = ["email".to_owned(), "x".to_owned()];
            let found = super::checks(&[ruleset.to_owned()], "t", &columns);
            assert_eq!(found.checks.trim(), checks, "{ruleset}");
            assert_eq!(found.others, others, "{ruleset}");
        };
        check("Rules = [ ColumnCount > 0 ]", "", &[]);
        check(
            "Rules = [ IsComplete \"email\", IsUnique \"email\" ]",
            "[checks]\nnot_null = { columns = [\"email\"], action = \"warn\" }\n\
             unique = { columns = [\"email\"], action = \"warn\" }",
            &[],
        );
        check(
            "Rules = [\n ColumnValues \"x\" >= 0\n ColumnLength \"email\" > 1\n]",
            "[checks.accepted]\nx = { min = 0, action = \"warn\" }",
            &["ColumnLength \"email\" > 1"],
        );
        check(
            "Rules = [ IsComplete \"gone\" ]",
            "",
            &["IsComplete \"gone\""],
        );
    }
}
