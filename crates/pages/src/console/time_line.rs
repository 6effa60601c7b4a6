//! What was done when: bars on one time axis.

use maud::{Markup, html};

use crate::time;

/// One bar. Times are in milliseconds from the beginning of the axis.
pub(super) struct Bar<'a> {
    /// The colour: a zone, or `system`.
    pub(super) zone: &'a str,
    pub(super) name: &'a str,
    /// `None` if nothing is known of it.
    pub(super) span: Option<(i64, i64)>,
    /// Whether it goes on.
    pub(super) is_open: bool,
}

/// The bars, on an axis of `length_ms`.
pub(super) fn time_line(label: &str, length_ms: i64, bars: &[Bar<'_>]) -> Markup {
    const NAMES: i64 = 216;
    const WIDTH: i64 = 760;
    const BAR: i64 = 24;
    let length_ms = length_ms.max(1);
    let place = |at_ms: i64| {
        let part = at_ms.clamp(0, length_ms) as f64 / length_ms as f64;
        (part * (WIDTH - NAMES - 72) as f64) as i64 + NAMES
    };
    let height = BAR * i64::try_from(bars.len()).unwrap_or_default() + 24;
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(label) {
            svg class="time-line" role="img" aria-label=(label) width=(WIDTH) height=(height) viewBox=(format!("0 0 {WIDTH} {height}")) {
                @for (line, bar) in (0..).zip(bars) { (one(bar, line * BAR, &place)) }
                path class="axis" d=(format!("M{NAMES} {}H{}", height - 20, place(length_ms))) {}
                text class="tick" x=(NAMES) y=(height - 6) { "0" }
                text class="tick end" x=(place(length_ms)) y=(height - 6) { (time::duration(length_ms)) }
            }
        }
    }
}

fn one(bar: &Bar<'_>, y: i64, place: &impl Fn(i64) -> i64) -> Markup {
    let name: String = bar.name.chars().take(28).collect();
    let open = if bar.is_open { " open" } else { "" };
    html! {
        text class="tick" x="0" y=(y + 14) { (name) }
        @if let Some((from, to)) = bar.span {
            @let took = time::duration(to.saturating_sub(from));
            rect class=(format!("bar {}{open}", bar.zone)) x=(place(from)) y=(y + 3) width=((place(to) - place(from)).max(2)) height="14" rx="2" {
                title { (bar.name) ", " (took) }
            }
            text class="tick" x=(place(to).max(place(from) + 2) + 6) y=(y + 14) { (took) }
        }
    }
}
