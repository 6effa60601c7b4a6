//! Plots over two axes, drawn on the server.

use std::fmt::Write;

use maud::{Markup, html};

use crate::axis::{Scale, part, range, ticks};

/// A line of a plot.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// How the points of a plot are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    /// By straight lines.
    Lines,
    /// A value holds until the next one.
    Steps,
    /// Not at all.
    Dots,
}

pub(super) const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 96.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 32.0;

/// Styles of series that the stylesheet has; beyond, they begin again.
const STYLES: usize = 8;

/// The most points that a line is drawn of.
const POINTS_MAX: usize = 4000;

/// Lines over one axis of numbers or times, with their names at their ends.
pub(super) fn plot(label: &str, all: &[Series], is_time: bool, joined: Joined) -> Markup {
    plotted(label, all, is_time, joined, true)
}

/// As [`plot`], without names. A value that is not finite is a gap.
pub(super) fn unnamed_plot(label: &str, all: &[Series], is_time: bool, joined: Joined) -> Markup {
    plotted(label, all, is_time, joined, false)
}

fn plotted(label: &str, all: &[Series], is_time: bool, joined: Joined, has_names: bool) -> Markup {
    let points = || {
        all.iter()
            .flat_map(|of| &of.points)
            .filter(|(x, y)| x.is_finite() && y.is_finite())
    };
    if points().next().is_none() {
        return html! { p class="faint" { "There is nothing to draw." } };
    }
    let (left, right) = range(points().map(|(x, _)| *x));
    let (low, high) = range(
        points()
            .map(|(_, y)| *y)
            .chain((joined == Joined::Steps).then_some(0.0)),
    );
    let x = |value: f64| LEFT + part(value, left, right) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - part(value, low, high) * (HEIGHT - TOP - BOTTOM);
    html! {
        (svg(label, HEIGHT, &html! {
            @for tick in ticks(Scale::Number, low, high, 5) {
                path class="grid" d=(format!("M{LEFT} {:.1}H{}", y(tick.at), WIDTH - RIGHT)) {}
                text class="tick end" x=(LEFT - 8.0) y=(format!("{:.1}", y(tick.at) + 4.0)) { (tick.label) }
            }
            (bottom_ticks(left, right, is_time, &x))
            @for (place, of) in all.iter().enumerate() {
                (line(of, place, joined, &x, &y))
            }
            @if has_names { (names(all, &y)) }
        }))
    }
}

pub(super) fn svg(label: &str, height: f64, content: &Markup) -> Markup {
    html! {
        div class="scroll plot" tabindex="0" role="region" aria-label=(label) {
            svg class="chart" role="img" aria-label=(label) width=(WIDTH) height=(height) viewBox=(format!("0 0 {WIDTH} {height}")) {
                title { (label) }
                (content)
            }
        }
    }
}

/// Ends every line.
const END: (f64, f64) = (f64::NAN, f64::NAN);

fn line(
    of: &Series,
    place: usize,
    joined: Joined,
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
) -> Markup {
    let step = of.points.len().div_ceil(POINTS_MAX).max(1);
    let mut d = String::new();
    // How many points the line has since its last gap.
    let mut length = 0;
    for (at, value) in of.points.iter().step_by(step).chain([&END]) {
        if !at.is_finite() || !value.is_finite() {
            // A point alone is a line that could not be seen.
            d.push_str(if length == 1 { "h2" } else { "" });
            length = 0;
            continue;
        }
        let (at, value) = (x(*at), y(*value));
        // Writing to a String cannot fail.
        _ = match (joined, length) {
            (Joined::Dots, _) => write!(d, "M{at:.1} {value:.1}h.01"),
            (_, 0) => write!(d, "M{at:.1} {value:.1}"),
            (Joined::Steps, _) => write!(d, "H{at:.1}V{value:.1}"),
            (Joined::Lines, _) => write!(d, "L{at:.1} {value:.1}"),
        };
        length += usize::from(joined != Joined::Dots);
    }
    let dots = if joined == Joined::Dots { " dots" } else { "" };
    html! { path class=(format!("series s{}{dots}", place % STYLES)) d=(d) {} }
}

/// The name of each line at its end, moved apart where they meet.
fn names(all: &[Series], y: &impl Fn(f64) -> f64) -> Markup {
    if all.len() < 2 {
        return html! {};
    }
    let mut ends: Vec<(f64, usize)> = all
        .iter()
        .enumerate()
        .filter_map(|(place, of)| Some((y(of.points.last()?.1), place)))
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut above = 0.0_f64;
    for (at, _) in &mut ends {
        *at = at.max(above + 14.0);
        above = *at;
    }
    html! {
        @for (at, place) in ends {
            text class=(format!("series-name n{}", place % 4)) x=(WIDTH - RIGHT + 8.0) y=(format!("{:.1}", at + 4.0)) { (all[place].name) }
        }
    }
}

fn bottom_ticks(left: f64, right: f64, is_time: bool, x: &impl Fn(f64) -> f64) -> Markup {
    let scale = if is_time {
        Scale::Instant
    } else {
        Scale::Number
    };
    html! {
        path class="axis" d=(format!("M{LEFT} {}H{}", HEIGHT - BOTTOM, WIDTH - RIGHT)) {}
        @for tick in ticks(scale, left, right, 5) {
            text class="tick middle" x=(format!("{:.1}", x(tick.at))) y=(HEIGHT - 14.0) { (tick.label) }
            @if let Some(day) = tick.day {
                text class="tick middle" x=(format!("{:.1}", x(tick.at))) y=(HEIGHT - 2.0) { (day) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_finite_is_a_gap() {
        for (points, expected) in [
            (&[1.0, 2.0, 3.0][..], "M0.0 1.0L1.0 2.0L2.0 3.0"),
            (&[1.0, f64::NAN, 3.0, 4.0], "M0.0 1.0h2M2.0 3.0L3.0 4.0"),
            (&[f64::INFINITY, 2.0], "M1.0 2.0h2"),
            (&[f64::NAN], ""),
        ] {
            let of = Series {
                name: String::new(),
                points: (0..).map(f64::from).zip(points.iter().copied()).collect(),
            };
            let drawn = line(&of, 0, Joined::Lines, &|x| x, &|y| y).into_string();
            assert!(drawn.contains(&format!("d=\"{expected}\"")), "{drawn}");
        }
    }
}
