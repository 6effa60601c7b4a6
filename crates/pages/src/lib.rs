//! Pages about a lake: the figures of [`evidence`] as HTML with an SVG graph, and as
//! Markdown ([`html()`], [`markdown()`]); and the views of a live lake ([`console`]).
//!
//! - A report loads nothing: no script, no font, no link. Styles are in the page.
//! - Every value is escaped: markup characters where it is placed, control characters
//!   once for the whole page.
//! - Equal figures give equal pages, to the byte.
//! - A report tells by its first bytes that it is one: see [`is_page`].

mod axis;
pub mod console;
mod control;
mod graph;
mod html;
mod markdown;
mod number;
mod time;
mod words;

pub use axis::{round_step, round_time_step};
pub use control::without_control;
pub use graph::{GRAPH_STYLE, graph};
pub use html::html;
pub use markdown::markdown;
pub use number::grouped;

/// Whether a file that begins with `head` is a report of this crate, or figures as JSON.
/// 256 bytes are enough.
pub fn is_page(head: &[u8]) -> bool {
    let json = format!("{{\"generator\":\"{}\"", evidence::GENERATOR);
    let marks = [html::MARK, markdown::MARK, json.as_str()];
    marks.iter().any(|mark| head.starts_with(mark.as_bytes()))
}
