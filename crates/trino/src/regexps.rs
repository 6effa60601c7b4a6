//! Regular expressions. Patterns are those of the `regex` crate, which knows Java's
//! syntax without look-around and back-references; a pattern with either is refused.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Captures, Regex, RegexBuilder};

use crate::fault::Fault;
use crate::function::Param::{Bigint, Text};
use crate::function::{Function, Returns, Row};

pub(crate) static FUNCTIONS: [Function; 7] = [
    Function::new("regexp_count", &[&[Text, Text]], Returns::Bigint(count)),
    Function::new(
        "regexp_extract",
        &[&[Text, Text], &[Text, Text, Bigint]],
        Returns::Text(extract),
    ),
    Function::new(
        "regexp_extract_all",
        &[&[Text, Text], &[Text, Text, Bigint]],
        Returns::Texts(extract_all),
    ),
    Function::new("regexp_like", &[&[Text, Text]], Returns::Boolean(like)),
    Function::new(
        "regexp_position",
        &[
            &[Text, Text],
            &[Text, Text, Bigint],
            &[Text, Text, Bigint, Bigint],
        ],
        Returns::Bigint(position),
    ),
    Function::new(
        "regexp_replace",
        &[&[Text, Text], &[Text, Text, Text]],
        Returns::Text(replace),
    ),
    Function::new("regexp_split", &[&[Text, Text]], Returns::Texts(split)),
];

/// What a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 4 << 20;

/// Patterns kept for each thread: most statements use one for all their rows.
const KEPT_MAX: usize = 32;

thread_local! {
    static PATTERNS: RefCell<HashMap<String, Regex>> = RefCell::default();
}

fn pattern(text: &str) -> Result<Regex, Fault> {
    PATTERNS.with_borrow_mut(|kept| {
        if let Some(known) = kept.get(text) {
            return Ok(known.clone());
        }
        let built = RegexBuilder::new(text)
            .size_limit(PATTERN_BYTES_MAX)
            .build();
        let built = built.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => Fault::new(
                "the regular expression is too large",
                "repeat less in it, such as {1,100} in the place of {1,100000}",
            ),
            _ => Fault::new(
                "the regular expression cannot be read",
                "look-around and back-references are not supported; write \\\\ before a \
                 character that shall mean itself",
            ),
        })?;
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(text.to_owned(), built.clone());
        Ok(built)
    })
}

fn count(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let pattern = pattern(row.text(1))?;
    Ok(Some(pattern.find_iter(row.text(0)).count() as i64))
}

fn like(row: &Row<'_>) -> Result<Option<bool>, Fault> {
    Ok(Some(pattern(row.text(1))?.is_match(row.text(0))))
}

/// The group that is asked for; the whole match without one.
fn group(row: &Row<'_>, pattern: &Regex) -> Result<usize, Fault> {
    let wanted = if row.len() > 2 { row.bigint(2) } else { 0 };
    let known = pattern.captures_len();
    usize::try_from(wanted)
        .ok()
        .filter(|group| *group < known)
        .ok_or_else(|| {
            Fault::new(
                format!(
                    "the regular expression has {} groups, and another one is asked for",
                    known - 1
                ),
                "groups count from 1; 0 is the whole match",
            )
        })
}

fn extract(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let pattern = pattern(row.text(1))?;
    let group = group(row, &pattern)?;
    let found = pattern.captures(row.text(0));
    Ok(found.and_then(|found| owned(&found, group)))
}

fn extract_all(row: &Row<'_>) -> Result<Option<Vec<Option<String>>>, Fault> {
    let pattern = pattern(row.text(1))?;
    let group = group(row, &pattern)?;
    let found = pattern.captures_iter(row.text(0));
    Ok(Some(found.map(|found| owned(&found, group)).collect()))
}

fn owned(found: &Captures<'_>, group: usize) -> Option<String> {
    found.get(group).map(|found| found.as_str().to_owned())
}

/// The position of a match, from 1; -1 if there is none.
fn position(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let (text, pattern) = (row.text(0), pattern(row.text(1))?);
    let start = if row.len() > 2 { row.bigint(2) } else { 1 };
    let occurrence = if row.len() > 3 { row.bigint(3) } else { 1 };
    let (Some(start), Some(occurrence)) = (
        usize::try_from(start).ok().filter(|start| *start > 0),
        usize::try_from(occurrence).ok().filter(|nth| *nth > 0),
    ) else {
        return Err(Fault::new(
            "start and occurrence of `regexp_position` must be positive",
            "both count from 1",
        ));
    };
    let Some((begin, _)) = text.char_indices().nth(start - 1) else {
        return Ok(Some(-1));
    };
    let found = pattern.find_iter(&text[begin..]).nth(occurrence - 1);
    Ok(Some(found.map_or(-1, |found| {
        text[..begin + found.start()].chars().count() as i64 + 1
    })))
}

/// All matches are replaced; `$1` and `${name}` stand for groups, `\$` for a dollar.
fn replace(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let pattern = pattern(row.text(1))?;
    let with = if row.len() > 2 {
        replacement(row.text(2), &pattern)?
    } else {
        String::new()
    };
    Ok(Some(
        pattern.replace_all(row.text(0), with.as_str()).into_owned(),
    ))
}

/// A replacement as Java writes it, in the `regex` crate's syntax.
fn replacement(text: &str, pattern: &Regex) -> Result<String, Fault> {
    let unknown = || {
        Fault::new(
            "the replacement of `regexp_replace` names a group that the pattern does not have",
            "write \\$ for a dollar",
        )
    };
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => return Err(unknown()),
            },
            '$' if rest.peek() == Some(&'{') => {
                rest.next();
                let name: String = rest.by_ref().take_while(|c| *c != '}').collect();
                if !pattern.capture_names().flatten().any(|known| known == name) {
                    return Err(unknown());
                }
                out.push_str(&format!("${{{name}}}"));
            }
            '$' => {
                let mut group = None;
                // As many digits as make a group that there is.
                while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
                    let next = group.unwrap_or(0) * 10 + digit as usize;
                    if next >= pattern.captures_len() {
                        break;
                    }
                    group = Some(next);
                    rest.next();
                }
                let group = group.ok_or_else(unknown)?;
                out.push_str(&format!("${{{group}}}"));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

fn split(row: &Row<'_>) -> Result<Option<Vec<Option<String>>>, Fault> {
    let pattern = pattern(row.text(1))?;
    let parts = pattern.split(row.text(0));
    Ok(Some(parts.map(|part| Some(part.to_owned())).collect()))
}
