//! Pages about a lake: the figures of [`evidence`] as HTML with an SVG graph, and as
//! Markdown.
//!
//! - Pages load nothing: no script, no font, no link. Styles are in the page.
//! - Every value is escaped: markup characters where it is placed, control characters
//!   once for the whole page.
//! - Equal figures give equal pages, to the byte.

mod control;
mod graph;
mod html;
mod markdown;
mod number;
mod words;

pub use control::without_control;
pub use graph::{GRAPH_STYLE, graph};
pub use html::html;
pub use markdown::markdown;
pub use number::grouped;
