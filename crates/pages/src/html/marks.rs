//! Verdicts and zones as words that have a colour too.

use evidence::{Verdict, Zone};
use maud::{Markup, html};

use crate::words;

/// A verdict with its mark.
pub(super) fn verdict(verdict: Verdict) -> Markup {
    html! {
        span class=(verdict.as_str()) { (words::mark(verdict)) " " (verdict.as_str()) }
    }
}

/// A zone.
pub(super) fn zone(zone: Zone) -> Markup {
    html! { span class=(format!("zone {}", zone.as_str())) { (zone.as_str()) } }
}
