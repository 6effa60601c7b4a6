//! Splits text into SQL statements and tells their kind. It knows quotes and
//! comments, but no grammar. The shell, models and landing files use it.

use std::ops::Range;

use crate::text::Spot;

/// The statements of `text`, each without its `;`, and the line of each (from 1).
/// A `;` inside quotes or comments does not end a statement; comments alone are no
/// statement. Comments before a statement belong to it.
pub fn split_statements(text: &str) -> Vec<(String, u32)> {
    statement_ranges(text)
        .into_iter()
        .map(|range| {
            let line = Spot::START.after(text, range.start).line;
            (text[range].to_owned(), line)
        })
        .collect()
}

/// The ranges of the statements in `text`, as [`split_statements`] returns them.
pub(crate) fn statement_ranges(text: &str) -> Vec<Range<usize>> {
    let mut statements = Vec::new();
    let mut start = skip_blank(text, 0);
    while start < text.len() {
        let end = statement_end(text, start);
        if skip_blank_and_comments(text, start) < end {
            statements.push(start..start + text[start..end].trim_end().len());
        }
        start = skip_blank(text, (end + 1).min(text.len()));
    }
    statements
}

/// Whether a statement is `CREATE EXTERNAL TABLE`: not SQL for the engine, but a
/// landing table for [`crate::parse_external_table`].
pub fn is_external_table(statement: &str) -> bool {
    let mut at = 0;
    ["create", "external", "table"].into_iter().all(|expected| {
        at = skip_blank_and_comments(statement, at);
        let word = word_at(statement, at);
        at += word.len();
        word.eq_ignore_ascii_case(expected)
    })
}

/// The table whose partitions a statement tells Athena to look for: that of `MSCK
/// REPAIR TABLE`, and of `ALTER TABLE ... ADD PARTITION`.
pub fn table_of_added_partitions(statement: &str) -> Option<String> {
    let mut at = 0;
    let mut next = || {
        at = skip_blank_and_comments(statement, at);
        let rest = &statement[at..];
        let length = rest.find(|c: char| c.is_whitespace() || "(;".contains(c));
        let word = &rest[..length.unwrap_or(rest.len())];
        at += word.len();
        word.to_lowercase()
    };
    let first = next();
    if first == "msck" {
        if next() != "repair" {
            return None;
        }
    } else if first != "alter" {
        return None;
    }
    if next() != "table" {
        return None;
    }
    let table = next();
    if first == "alter" {
        let mut words = [next(), next()];
        if words[1] == "if" {
            let _not_exists = [next(), next()];
            words[1] = next();
        }
        if words != ["add", "partition"] {
            return None;
        }
    }
    let name = table.rsplit('.').next()?;
    Some(name.trim_matches(['`', '"']).to_owned())
}

/// Columns of landing tables that tell the place of a row's file, for queries: where it
/// lies, its bytes, its time.
pub const HIDDEN_COLUMNS: [&str; 3] = ["$path", "$file_size", "$file_modified_time"];

/// Whether a column is one that tells the place of a row's file, such as `$path`.
pub fn is_hidden_column(name: &str) -> bool {
    HIDDEN_COLUMNS
        .iter()
        .any(|hidden| hidden.eq_ignore_ascii_case(name))
}

/// The first word of a statement after blanks and comments; empty if something
/// else comes first.
pub(crate) fn first_word(statement: &str) -> &str {
    word_at(statement, skip_blank_and_comments(statement, 0))
}

/// The next offset from `at` on that is neither blank nor in a comment.
pub(crate) fn skip_blank_and_comments(text: &str, mut at: usize) -> usize {
    loop {
        at = skip_blank(text, at);
        let rest = &text[at..];
        if rest.starts_with("--") {
            at = line_end(text, at);
        } else if rest.starts_with("/*") {
            at = comment_end(text, at).unwrap_or(text.len());
        } else {
            return at;
        }
    }
}

/// The offset after the comment that opens at `at`; `None` if it is not closed.
/// Comments nest, as in the SQL standard.
pub(crate) fn comment_end(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0;
    let mut at = at;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// The offset of the line break that ends the line of `at`.
pub(crate) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |found| at + found)
}

/// The offset after the quoted text that opens at `at` with `'`, `"` or a
/// back-quote; `None` if it is not closed. A doubled quote stands for itself, and
/// with `backslash` so does a quote after a backslash.
pub(crate) fn quote_end(text: &str, at: usize, backslash: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = bytes[at];
    let mut at = at + 1;
    while at < bytes.len() {
        if backslash && bytes[at] == b'\\' {
            at += 2;
        } else if bytes[at] != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Some(at + 1);
        }
    }
    None
}

/// The offset after blanks. A byte order mark counts as blank.
fn skip_blank(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    text.len()
        - rest
            .trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
            .len()
}

/// The offset of the `;` that ends the statement beginning at `start`, or the
/// end of the text.
fn statement_end(text: &str, start: usize) -> usize {
    // In table definitions Hive, and so Athena, takes a backslash in strings as an
    // escape; SQL for the engine does so only in E'...'.
    let hive = is_external_table(&text[start..]);
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        at = match bytes[at] {
            b';' => return at,
            b'\'' | b'"' => {
                let backslash = hive || (bytes[at] == b'\'' && is_escape_prefix(&bytes[..at]));
                quote_end(text, at, backslash).unwrap_or(text.len())
            }
            b'`' => quote_end(text, at, false).unwrap_or(text.len()),
            b'-' if bytes.get(at + 1) == Some(&b'-') => line_end(text, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => comment_end(text, at).unwrap_or(text.len()),
            _ => at + 1,
        };
    }
    text.len()
}

/// Whether the text before a quote ends in the E of E'...', not in a name that
/// ends in e.
fn is_escape_prefix(before: &[u8]) -> bool {
    match before {
        [.., previous, b'e' | b'E'] => !previous.is_ascii_alphanumeric() && *previous != b'_',
        [b'e' | b'E'] => true,
        _ => false,
    }
}

fn word_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    &rest[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statements_end_at_semicolons_outside_quotes_and_comments() {
        let check = |text: &str, expected: &[(&str, u32)]| {
            let found = split_statements(text);
            let found: Vec<_> = found.iter().map(|(s, l)| (s.as_str(), *l)).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("", &[]);
        check(" \n ;; ; \n", &[]);
        check("select 1", &[("select 1", 1)]);
        check(
            "select 1;\n\nselect 2 ;",
            &[("select 1", 1), ("select 2", 3)],
        );
        check("select ';' ; x", &[("select ';'", 1), ("x", 1)]);
        check("select 'it''s; ok'", &[("select 'it''s; ok'", 1)]);
        check(
            "select \"a;\"\"b\" ; x",
            &[("select \"a;\"\"b\"", 1), ("x", 1)],
        );
        check("select `a;b` ; x", &[("select `a;b`", 1), ("x", 1)]);
        check(
            "-- a; b\nselect 1 -- c;\n;x",
            &[("-- a; b\nselect 1 -- c;", 1), ("x", 3)],
        );
        check(
            "/* a; /* b; */ c; */ x; y",
            &[("/* a; /* b; */ c; */ x", 1), ("y", 1)],
        );
        check("-- only a comment;", &[]);
        check("select 1; -- done", &[("select 1", 1)]);
        check("/* never closed ; x", &[]);
        check(
            "select 'never closed ; x",
            &[("select 'never closed ; x", 1)],
        );
        check("select '\\'; x", &[("select '\\'", 1), ("x", 1)]); // no escape in SQL
        check("select E'\\'; x'", &[("select E'\\'; x'", 1)]); // but one in E'...'
        check("select name'\\'; x", &[("select name'\\'", 1), ("x", 1)]);
        check(
            "create external table t (a int comment 'it\\'s; so'); x",
            &[
                ("create external table t (a int comment 'it\\'s; so')", 1),
                ("x", 1),
            ],
        );
        check("\u{feff}select 1;", &[("select 1", 1)]);
        check("a\r\n;\r\nb", &[("a", 1), ("b", 3)]);
    }

    #[test]
    fn external_tables_are_told_from_other_statements() {
        let check = |text: &str, expected: bool| {
            assert_eq!(is_external_table(text), expected, "{text:?}");
        };
        check("CREATE EXTERNAL TABLE t (a int)", true);
        check(
            "  -- why\n/* and */ create /* x */ External\n\ttable `t`",
            true,
        );
        check("create external table", true);
        check("create external tables", false);
        check("create table t (a int)", false);
        check("select 'create external table'", false);
        check("-- create external table t", false);
        check("", false);
    }

    proptest! {
        #[test]
        fn any_text_splits_without_loss(text in "(?s)([ -~é;'\"`\\\\\n]|--|/\\*|\\*/|;){0,60}") {
            for (statement, line) in split_statements(&text) {
                prop_assert!(text.contains(&statement));
                prop_assert!(line >= 1 && (line as usize) <= text.lines().count());
                let _ = is_external_table(&statement);
            }
        }
    }
}
