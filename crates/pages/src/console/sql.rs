//! The editor, and the statements of before.

use maud::{Markup, html};

use super::frame::Frame;
use super::parts::{empty, number, tall_sheet, th, th_number, when};
use super::query::QueryState;
use crate::time;

/// The editor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SqlPage {
    /// The statement in the editor.
    pub statement: String,
    /// Why it cannot be run.
    pub error: Option<SqlError>,
    /// Statements of before, newest first.
    pub history: Vec<PastQuery>,
}

/// What is wrong with a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SqlError {
    /// What.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The line of the statement, from 1.
    pub line: Option<u64>,
    /// The character of the line, from 1.
    pub column: Option<u64>,
}

/// A statement of before.
#[derive(Debug, Clone, PartialEq)]
pub struct PastQuery {
    /// The query.
    pub id: String,
    /// Its statement.
    pub statement: String,
    /// What became of it.
    pub state: QueryState,
    /// Rows of its result so far.
    pub rows: u64,
    /// How long it took so far.
    pub ms: u64,
    /// When it was asked, epoch milliseconds.
    pub at: i64,
}

/// The editor and the statements of before.
pub fn sql(frame: &Frame<'_>, page: &SqlPage) -> String {
    frame.document(&html! {
        h1 { (frame.title) }
        (editor(frame, &page.statement, page.error.as_ref()))
        section {
            h2 #history { "History" }
            @if page.history.is_empty() { (empty("No statement yet.", &html! {
                p { "Try " code { "select * from system.runs" } ", or " a href="/tables" { "look at the tables" } "." }
            })) }
            @else { (history(frame, &page.history)) }
        }
    })
}

/// The form with the statement, what is wrong with it, and where.
pub(super) fn editor(frame: &Frame<'_>, statement: &str, error: Option<&SqlError>) -> Markup {
    let lines = statement.lines().count().clamp(6, 24);
    html! {
        form #editor class="editor" method="post" action="/sql" data-editor {
            (frame.csrf_field())
            label for="sql" { "Statement" }
            textarea #sql name="sql" rows=(lines) spellcheck="false" autocapitalize="off" autocomplete="off"
                aria-invalid=[error.map(|_| "true")] aria-describedby=[error.map(|_| "sql-error")]
                data-error-line=[error.and_then(|error| error.line)] data-error-column=[error.and_then(|error| error.column)] { "\n" (statement) }
            div class="row" {
                button class="primary" type="submit" { "Run" }
                span class="note" { "It may only read, and sees one release from beginning to end." }
            }
        }
        @if let Some(error) = error { (fault(statement, error)) }
    }
}

/// An error, with its place in the statement.
pub(super) fn fault(statement: &str, error: &SqlError) -> Markup {
    html! {
        div #sql-error class="fault" role="alert" {
            p { span class="mark fail" { "✗" } " " (error.message) }
            @if let Some(hint) = &error.hint { p { "hint: " (hint) } }
            @if let Some((line, before, at, after)) = error.line.and_then(|line| place(statement, line, error.column)) {
                pre class="code" { code { span class="line-number" { (line) } (before) mark { (at) } (after) } }
            }
        }
    }
}

/// The faulty line: its number, what stands before the place, at it, and after it.
fn place(statement: &str, line: u64, column: Option<u64>) -> Option<(u64, String, String, String)> {
    let index = usize::try_from(line.checked_sub(1)?).ok()?;
    let text: Vec<char> = statement.lines().nth(index)?.chars().collect();
    let from = match column {
        Some(column) => usize::try_from(column.saturating_sub(1))
            .ok()?
            .min(text.len()),
        None => 0,
    };
    let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
    let word = text[from..].iter().take_while(|c| is_word(c)).count();
    let end = match column {
        None => text.len(),
        Some(_) => (from + word.max(1)).min(text.len()),
    };
    let of = |part: &[char]| part.iter().collect::<String>();
    let at = match from == end {
        true => " ".to_owned(),
        false => of(&text[from..end]),
    };
    Some((line, of(&text[..from]), at, of(&text[end..])))
}

fn history(frame: &Frame<'_>, history: &[PastQuery]) -> Markup {
    let head = html! { (th("state")) (th("statement")) (th_number("rows")) (th_number("took")) (th("asked")) };
    let body = html! { @for past in history { tr {
        td { (past.state.shown()) }
        th scope="row" class="statement" { a href=(format!("/queries/{}", super::parts::percent(&past.id))) { (first_line(&past.statement)) } }
        td class="number" { (number(Some(past.rows))) }
        td class="number" { (time::duration(i64::try_from(past.ms).unwrap_or(i64::MAX))) }
        td { (when(frame, past.at)) }
    } } };
    tall_sheet("Statements, newest first", &head, &body)
}

/// A statement in one line.
fn first_line(statement: &str) -> String {
    const CHARS_MAX: usize = 120;
    let words: Vec<&str> = statement.split_whitespace().collect();
    let line = words.join(" ");
    match line.chars().count() > CHARS_MAX {
        true => line.chars().take(CHARS_MAX - 1).chain(['…']).collect(),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_is_found() {
        let statement = "select nmae\nfrom läden l";
        for (line, column, expected) in [
            (1, Some(8), Some(("select ", "nmae", ""))),
            (2, Some(6), Some(("from ", "läden", " l"))),
            (2, Some(13), Some(("from läden l", " ", ""))),
            (2, Some(u64::MAX), Some(("from läden l", " ", ""))),
            (2, None, Some(("", "from läden l", ""))),
            (0, Some(1), None),
            (9, Some(1), None),
        ] {
            let found = place(statement, line, column);
            let found = found
                .as_ref()
                .map(|(_, a, b, c)| (a.as_str(), b.as_str(), c.as_str()));
            assert_eq!(found, expected, "{line} {column:?}");
        }
    }
}
