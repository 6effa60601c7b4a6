//! What went wrong, and what to do about it.

use maud::html;

use super::frame::Frame;

/// What went wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Failure<'a> {
    /// The status code of the answer.
    pub status: u16,
    /// What went wrong.
    pub what: &'a str,
    /// What to do.
    pub hint: Option<&'a str>,
}

/// The page of a failure.
pub fn failure(frame: &Frame<'_>, failure: &Failure<'_>) -> String {
    frame.document(&html! {
        div class="narrow" {
            p class="status" { (failure.status) }
            h1 { (frame.title) }
            p class="lead" { (failure.what) }
            @if let Some(hint) = failure.hint { p { "hint: " (hint) } }
            p { a href="/" { "To the first page" } }
        }
    })
}
