//! SQL syntax errors for people: the parser's message without literals and
//! jargon, its place, and the keyword that was probably meant.

use sqlparser::parser::ParserError;

use crate::suggest::nearest;

/// Why a statement could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxFault {
    /// The message, without the text of any string literal.
    pub reason: String,
    /// Line and column in the statement, from 1, where the parser knows them.
    pub place: Option<(u64, u64)>,
    /// The keyword that was probably meant.
    pub near: Option<&'static str>,
}

impl SyntaxFault {
    /// Explains the parser's error about `sql`.
    pub fn explain(sql: &str, error: ParserError) -> SyntaxFault {
        let (reason, place) = reason_and_place(error);
        SyntaxFault {
            near: near_keyword(sql, place),
            reason,
            place,
        }
    }
}

/// The parser's message without the place at its end, and without the text of a
/// string literal, which may be personal.
fn reason_and_place(error: ParserError) -> (String, Option<(u64, u64)>) {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => "nested too deeply".to_owned(),
    };
    let (reason, place) = match message.rsplit_once(" at Line: ") {
        Some((reason, place)) => {
            let place = place.split_once(", Column: ").and_then(|(line, column)| {
                Some((line.trim().parse().ok()?, column.trim().parse().ok()?))
            });
            (reason, place)
        }
        None => (message.as_str(), None),
    };
    // The parser prints its own token type here.
    let reason = match reason.starts_with("No infix parser for token") {
        true => "Expected: an operator or the end",
        false => reason,
    };
    let reason = match reason.split_once("found: ") {
        Some((expected, found)) if found.contains('\'') => format!("{expected}found: a string"),
        Some((expected, "EOF")) => format!("{expected}found: the end"),
        _ => reason.to_owned(),
    };
    // In the middle of our line, "Expected: x" becomes "expected x".
    let reason = match reason.strip_prefix("Expected: ") {
        Some(rest) => format!("expected {}", rest.replace(", found: ", ", found ")),
        None => reason,
    };
    (reason, place)
}

/// The keyword that the word at or right before a place was probably meant to be.
/// The word before counts because the parser takes `form` in `select a form t` for
/// an alias and stops only after it.
fn near_keyword(sql: &str, place: Option<(u64, u64)>) -> Option<&'static str> {
    const KEYWORDS: &[&str] = &[
        "select", "from", "where", "group", "order", "having", "join", "left", "inner", "limit",
        "union", "distinct", "between", "case", "when", "then", "else",
    ];
    let at = match place {
        Some((line, column)) => {
            let line = usize::try_from(line).ok()?.checked_sub(1)?;
            let column = usize::try_from(column).ok()?.checked_sub(1)?;
            let before: usize = sql.split_inclusive('\n').take(line).map(str::len).sum();
            let within = sql[before..].char_indices().nth(column);
            before + within.map_or(sql.len() - before, |(at, _)| at)
        }
        None => sql.len(),
    };
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let found = sql[at..].split(|c| !is_part(c)).next();
    let before = sql[..at].trim_end().rsplit(|c| !is_part(c)).next();
    let mut words = before.into_iter().chain(found);
    words.find_map(|word| {
        let exact = KEYWORDS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(word));
        // Short words are similar to too many keywords.
        let misspelt = word.len() >= 4 && !exact;
        nearest(word, KEYWORDS.iter().copied()).filter(|_| misspelt)
    })
}
