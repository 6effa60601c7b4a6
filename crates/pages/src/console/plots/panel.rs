//! A plot that is as wide as there is room, with texts of one size: places along the bottom
//! are parts of a hundred, and lines are stretched without their width.

use std::fmt::Write;

use evidence::Measure;
use maud::{Markup, html};

use crate::axis::{Scale, Tick, part, ticks};

/// The width and the height that lines are drawn in before they are stretched.
const ACROSS: f64 = 1000.0;
const UP: f64 = 100.0;

const TOP: f64 = 8.0;

/// What stands below the bottom line: ticks, and their days.
const BOTTOM: f64 = 36.0;

/// The longest label at the end of an axis, in bytes.
const LABEL_AT_END: usize = 6;

/// One end of an axis and the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Axis {
    /// Where a value lies, from 0 to 1.
    pub(super) fn part(&self, value: f64) -> f64 {
        part(value, self.low, self.high)
    }
}

/// A plot without what is drawn in it.
pub(super) struct Panel<'a> {
    /// What no other plot of the page is called.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// What it shows, in words.
    pub(super) describes: &'a str,
    /// The height of what is drawn, in pixels.
    pub(super) height: f64,
    pub(super) x: Axis,
    /// About how many ticks the bottom has; of plots above one another the last one's has
    /// some.
    pub(super) ticks: u32,
    pub(super) y: Axis,
    /// Whether what stands upwards are counts, which have no fractions.
    pub(super) are_counts: bool,
}

impl Panel<'_> {
    /// The plot as an `<svg>` element.
    pub(super) fn svg(&self, drawn: &Markup) -> Markup {
        let bottom = TOP + self.height;
        let height = bottom + if self.ticks > 0 { BOTTOM } else { 8.0 };
        let (title, describes) = (format!("{}-title", self.id), format!("{}-words", self.id));
        let named = format!("{title} {describes}");
        html! {
            svg class="fluid" role="img" aria-labelledby=(named) width="100%" height=(height) {
                title id=(title) { (self.title) }
                desc id=(describes) { (self.describes) }
                @for tick in self.upward_ticks() {
                    @let y = self.up(tick.at);
                    line class="rule" x1="0" x2="100%" y1=(y) y2=(y) {}
                    text class="tick end" x="-8" y=(format!("{:.1}", y + 4.0)) { (tick.label) }
                }
                (drawn)
                line class="axis" x1="0" x2="100%" y1=(bottom) y2=(bottom) {}
                @if self.ticks > 0 { (self.ticks(bottom)) }
            }
        }
    }

    fn ticks(&self, bottom: f64) -> Markup {
        html! {
            @let all = ticks(self.x.scale, self.x.low, self.x.high, self.ticks);
            @for (place, tick) in all.iter().enumerate() {
                @let at = self.x.part(tick.at);
                @let x = percent(at);
                @let anchor = if at > 0.92 { "end" } else { "middle" };
                // Every second one goes where there is little room.
                @let class = format!("tick {anchor}{}", if place % 2 == 1 && all.len() > 3 { " second" } else { "" });
                line class="axis" x1=(x) x2=(x) y1=(bottom) y2=(bottom + 4.0) {}
                // A long one at the end would meet the one before it.
                @if at <= 0.92 || tick.label.len() <= LABEL_AT_END {
                    text class=(class) x=(x) y=(bottom + 18.0) { (tick.label) }
                }
                @if let Some(day) = &tick.day { text class=(format!("tick {anchor}")) x=(x) y=(bottom + 32.0) { (day) } }
            }
        }
    }

    /// So few that they fit above one another.
    fn upward_ticks(&self) -> Vec<Tick> {
        const TICKS_MAX: usize = 4;
        let all = [3, 2, 1].map(|count| ticks(self.y.scale, self.y.low, self.y.high, count));
        let fitting = all.into_iter().find(|ticks| ticks.len() <= TICKS_MAX);
        let mut fitting = fitting.unwrap_or_default();
        fitting.retain(|tick| !self.are_counts || tick.at.fract() == 0.0);
        fitting
    }

    /// The height of a value, in pixels from the top.
    fn up(&self, value: f64) -> f64 {
        TOP + (1.0 - self.y.part(value)) * self.height
    }

    /// A bar between two values along the bottom; `class` says whether there is room for
    /// gaps.
    pub(super) fn bar(&self, class: &str, from: f64, to: f64, value: f64, says: &str) -> Markup {
        let (from, to) = (self.x.part(from), self.x.part(to));
        let top = self.up(value);
        html! {
            @if value > 0.0 {
                // What is there can be seen.
                @let height = (TOP + self.height - top).max(1.0);
                rect class=(class) x=(percent(from)) width=(percent(to - from)) y=(format!("{:.1}", TOP + self.height - height)) height=(format!("{height:.1}")) { title { (says) } }
            }
        }
    }

    /// Lines that are stretched with the plot. `paths` are classes and what is drawn.
    pub(super) fn stretched(&self, paths: &[(&str, String)]) -> Markup {
        html! {
            svg x="0" y=(TOP) width="100%" height=(self.height) viewBox=(format!("0 0 {ACROSS} {UP}")) preserveAspectRatio="none" {
                @for (class, d) in paths { path class=(class) d=(d) vector-effect="non-scaling-stroke" {} }
            }
        }
    }

    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.part(x) * ACROSS, (1.0 - self.y.part(y)) * UP)
    }

    /// A line through points, or a dot for each.
    pub(super) fn line(&self, points: &[(f64, f64)], are_dots: bool, d: &mut String) {
        for (index, (x, y)) in points.iter().enumerate() {
            let (x, y) = self.place(*x, *y);
            // Writing to a String cannot fail.
            _ = match are_dots {
                true => write!(d, "M{x:.1} {y:.1}h.01"),
                false => write!(d, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" }),
            };
        }
    }

    /// The ground between two values at each place.
    pub(super) fn band(&self, points: &[(f64, f64, f64)], d: &mut String) {
        let there = points.iter().map(|(x, low, _)| (*x, *low));
        let back = points.iter().rev().map(|(x, _, high)| (*x, *high));
        self.line(&there.chain(back).collect::<Vec<_>>(), false, d);
        if !points.is_empty() {
            d.push('Z');
        }
    }
}

/// The axis that a measure is drawn on.
pub(super) fn scale(measure: Measure) -> Scale {
    match measure {
        Measure::Number => Scale::Number,
        Measure::Instant => Scale::Instant,
        Measure::Elapsed => Scale::Elapsed,
    }
}

fn percent(part: f64) -> String {
    format!("{:.2}%", part * 100.0)
}
