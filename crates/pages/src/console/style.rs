//! The stylesheet.
//!
//! Distances are multiples of 8 pixels. One accent colour; zones and verdicts have a mark
//! besides their colour. Colours of text have a contrast of 4.5 or more on their ground.

use std::sync::LazyLock;

use crate::graph::GRAPH_STYLE;

/// The stylesheet, to be served at [`STYLE_PATH`](super::STYLE_PATH).
pub fn style() -> &'static str {
    static STYLE: LazyLock<String> = LazyLock::new(|| format!("{GRAPH_STYLE}{RULES}"));
    &STYLE
}

const RULES: &str = include_str!("stedi.css");
