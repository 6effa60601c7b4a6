//! The editor, and the statements of before.

use maud::{Markup, html};

use super::editor::{SavedAs, SqlError, editor};
use super::frame::Frame;
use super::parts::{empty, first_line, number, tall_sheet, th, th_number, when};
use super::query::QueryState;
use super::saved::{SavedQuery, saved};
use crate::time;

/// The editor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SqlPage {
    /// The statement in the editor.
    pub statement: String,
    /// Why it cannot be run.
    pub error: Option<SqlError>,
    /// What the form saves the statement as.
    pub saved_as: SavedAs,
    /// Saved statements, by name.
    pub saved: Vec<SavedQuery>,
    /// Why saved statements are not shown.
    pub saved_error: Option<SqlError>,
    /// Statements of before, newest first.
    pub history: Vec<PastQuery>,
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
        (editor(frame, &page.statement, &page.saved_as, page.error.as_ref()))
        (saved(frame, &page.saved, page.saved_as.id.as_deref(), page.saved_error.as_ref()))
        section {
            h2 #history { "History" }
            @if page.history.is_empty() { (empty("No statement yet.", &html! {
                p { "Try " code { "select * from system.runs" } ", or " a href="/tables" { "look at the tables" } "." }
            })) }
            @else { (history(frame, &page.history)) }
        }
    })
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
