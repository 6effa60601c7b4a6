//! Messages to standard error.

use std::io::{self, Write};

use super::escape::escaped;
use super::events::{tell_message, writes_events};
use super::terminal;
use crate::settings::Settings;

/// Begins a line that continues a list.
const INDENT: &str = "  ";

/// Prints a message to standard error. On a terminal, long lists are broken at
/// their commas; in a log a message stays one line, so that it can be searched.
pub(crate) fn complain(text: &str) {
    if writes_events() {
        return tell_message(text);
    }
    let text = match terminal::of_stderr() {
        Some(size) => {
            let lines = text.split('\n');
            let lines = lines.map(|line| broken_at_commas(line, size.columns));
            lines.collect::<Vec<_>>().join("\n")
        }
        None => text.to_owned(),
    };
    // If standard error cannot be written, there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{}", escaped(&text));
}

/// Prints a message to standard error, unless the user wants quiet.
pub(crate) fn say(settings: &Settings, line: &str) {
    if !settings.quiet {
        complain(line);
    }
}

/// `line` with a list of names that is too long broken at its commas. Prose is
/// left to the terminal: a command or a path in it must stay in one piece to
/// be copied.
fn broken_at_commas(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut text = String::new();
    let mut filled = 0;
    for part in parts_at_commas(line) {
        let length = part.trim_end().chars().count();
        if filled > INDENT.len() && filled + length > width {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(INDENT);
            filled = INDENT.len();
        }
        text.push_str(part);
        filled += part.chars().count();
    }
    text
}

/// `line` cut behind each comma that has a name before it and a name behind it.
fn parts_at_commas(line: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_alphanumeric() || "_.`\"#*".contains(c);
    let mut parts = Vec::new();
    let mut begin = 0;
    for (comma, _) in line.match_indices(", ") {
        let behind = comma + ", ".len();
        let before = line[..comma].trim_end_matches(is_name);
        let after = line[behind..].trim_start_matches(is_name);
        let follows_a_name =
            before.len() < comma && (before.is_empty() || before.ends_with([' ', '(']));
        let precedes_a_name = after.len() < line.len() - behind
            && (after.is_empty()
                || after.starts_with([',', ';', ':', ')'])
                || after.starts_with(" and "));
        if follows_a_name && precedes_a_name {
            parts.push(&line[begin..behind]);
            begin = behind;
        }
    }
    parts.push(&line[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_are_broken_and_prose_is_not() {
        for (line, expected) in [
            ("published a, b", "published a, b"),
            (
                "published customer_trusted, customer_curated, training_set",
                "published customer_trusted,\n  customer_curated,\n  training_set",
            ),
            (
                "tables no longer in the project: one, two.three, four and five",
                "tables no longer in the project:\u{20}one,\n  two.three, four and five",
            ),
            (
                "a long sentence, which has commas, goes on",
                "a long sentence, which has commas, goes on",
            ),
            (
                "cannot read /data/a, b, c/customer-1.json here",
                "cannot read /data/a, b, c/customer-1.json here",
            ),
        ] {
            assert_eq!(broken_at_commas(line, 30), expected, "{line}");
        }
    }
}
