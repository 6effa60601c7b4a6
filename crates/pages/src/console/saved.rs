//! Saved statements: the list, and what opens and deletes one.

use maud::{Markup, html};

use super::editor::SqlError;
use super::frame::Frame;
use super::parts::{first_line, percent, tall_sheet, th, when};

/// A saved statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedQuery {
    /// What names it in addresses.
    pub id: String,
    /// What its user calls it.
    pub name: String,
    /// The statement.
    pub statement: String,
    /// When it was saved last, epoch milliseconds.
    pub at: i64,
}

/// The list of saved statements, or why there is none.
pub(super) fn saved(
    frame: &Frame<'_>,
    saved: &[SavedQuery],
    current: Option<&str>,
    error: Option<&SqlError>,
) -> Markup {
    html! {
        section #saved {
            h2 { "Saved" }
            @if let Some(error) = error {
                div class="fault" role="alert" {
                    p { span class="mark fail" { "✗" } " " (error.message) }
                    @if let Some(hint) = &error.hint { p { "hint: " (hint) } }
                }
            }
            @else if saved.is_empty() { p class="faint" { "Nothing yet: give the statement a name, and save it." } }
            @else { (list(frame, saved, current)) }
        }
    }
}

fn list(frame: &Frame<'_>, saved: &[SavedQuery], current: Option<&str>) -> Markup {
    let head = html! { (th("name")) (th("statement")) (th("saved")) (th("delete")) };
    let body = html! { @for one in saved { tr aria-current=[(current == Some(one.id.as_str())).then_some("true")] {
        th scope="row" { a href=(format!("/saved/{}", percent(&one.id))) { (one.name) } }
        td class="statement" { (first_line(&one.statement)) }
        td { (when(frame, one.at)) }
        td { details class="inline" {
            summary aria-label=(format!("Delete {}", one.name)) { "Delete" }
            form method="post" action=(format!("/saved/{}/delete", percent(&one.id))) {
                (frame.csrf_field())
                button type="submit" { "Delete it for good" }
            }
        } }
    } } };
    tall_sheet("Saved statements, by name", &head, &body)
}
