//! The form with a statement, and what is wrong with it.

use maud::{Markup, html};

use super::frame::Frame;

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

/// What a statement is saved as.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SavedAs {
    /// The saved statement that was opened, or that is to be replaced.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
}

/// The form with the statement, what is wrong with it, and where. It runs the statement,
/// or saves it.
pub(super) fn editor(
    frame: &Frame<'_>,
    statement: &str,
    saved_as: &SavedAs,
    error: Option<&SqlError>,
) -> Markup {
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
                span class="save" data-save {
                    input type="hidden" name="saved" value=(saved_as.id.as_deref().unwrap_or_default());
                    label for="saved-name" { "Name" }
                    input #saved-name name="name" maxlength="100" autocomplete="off" value=(saved_as.name);
                    button type="submit" formaction="/saved" { "Save" }
                    @if saved_as.id.is_some() { button type="submit" formaction="/saved" name="as" value="new" { "Save as new" } }
                }
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
                pre class="code" tabindex="0" { code { span class="line-number" { (line) } (before) mark { (at) } (after) } }
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
