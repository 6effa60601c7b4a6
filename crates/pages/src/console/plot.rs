//! Plots, drawn on the server.

use std::fmt::Write;

use maud::{Markup, html};

use crate::axis::{Scale, number, part, range, ticks};

/// A chart of two columns of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The column along the bottom.
    pub x: String,
    /// The column upwards.
    pub y: String,
    /// What is drawn.
    pub points: ChartPoints,
}

/// The points of a chart.
#[derive(Debug, Clone, PartialEq)]
pub enum ChartPoints {
    /// Two numbers each.
    Numbers(Vec<(f64, f64)>),
    /// An instant in epoch milliseconds, and a number.
    Times(Vec<(i64, f64)>),
    /// A bar for each value of a column that is no number.
    Bars(Vec<(String, f64)>),
}

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

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 96.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 32.0;

/// The most bars that a chart has; more could not be read.
const BARS_MAX: usize = 40;

/// The most points that a line is drawn of.
const POINTS_MAX: usize = 4000;

/// A chart as an `<svg>` element.
pub(super) fn chart(chart: &Chart) -> Markup {
    let label = format!("{} by {}", chart.y, chart.x);
    match &chart.points {
        ChartPoints::Bars(bars) => bar_chart(&label, bars),
        ChartPoints::Times(points) => {
            let points = points.iter().map(|(x, y)| (*x as f64, *y)).collect();
            plot(&label, &[series(&chart.y, points)], true, Joined::Lines)
        }
        ChartPoints::Numbers(points) => {
            // Points that go back along the bottom are no line.
            let is_line = points.windows(2).all(|pair| pair[0].0 <= pair[1].0);
            let joined = if is_line { Joined::Lines } else { Joined::Dots };
            plot(&label, &[series(&chart.y, points.clone())], false, joined)
        }
    }
}

fn series(name: &str, points: Vec<(f64, f64)>) -> Series {
    Series {
        name: name.to_owned(),
        points,
    }
}

/// Lines over one axis of numbers or times.
pub(super) fn plot(label: &str, all: &[Series], is_time: bool, joined: Joined) -> Markup {
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
            (names(all, &y))
        }))
    }
}

fn svg(label: &str, height: f64, content: &Markup) -> Markup {
    html! {
        div class="scroll plot" tabindex="0" role="region" aria-label=(label) {
            svg class="chart" role="img" aria-label=(label) width=(WIDTH) height=(height) viewBox=(format!("0 0 {WIDTH} {height}")) {
                title { (label) }
                (content)
            }
        }
    }
}

fn line(
    of: &Series,
    place: usize,
    joined: Joined,
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
) -> Markup {
    let drawn = of
        .points
        .iter()
        .filter(|(x, y)| x.is_finite() && y.is_finite());
    let step = of.points.len().div_ceil(POINTS_MAX).max(1);
    let mut d = String::new();
    for (index, (at, value)) in drawn.step_by(step).enumerate() {
        let (at, value) = (x(*at), y(*value));
        // Writing to a String cannot fail.
        _ = match (joined, index) {
            (Joined::Dots, _) => write!(d, "M{at:.1} {value:.1}h.01"),
            (_, 0) => write!(d, "M{at:.1} {value:.1}"),
            (Joined::Steps, _) => write!(d, "H{at:.1}V{value:.1}"),
            (Joined::Lines, _) => write!(d, "L{at:.1} {value:.1}"),
        };
    }
    let dots = if joined == Joined::Dots { " dots" } else { "" };
    html! { path class=(format!("series s{}{dots}", place % 4)) d=(d) {} }
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

fn bar_chart(label: &str, bars: &[(String, f64)]) -> Markup {
    const BAR: f64 = 20.0;
    const NAMES: f64 = 200.0;
    let shown = &bars[..bars.len().min(BARS_MAX)];
    let (low, high) = range(shown.iter().map(|(_, value)| *value).chain([0.0]));
    let x = |value: f64| NAMES + part(value, low, high) * (WIDTH - NAMES - 96.0);
    let height = BAR * shown.len() as f64 + 8.0;
    html! {
        (svg(label, height, &html! {
            @for (place, (name, value)) in shown.iter().enumerate() {
                @let top = BAR * place as f64 + 4.0;
                @let (from, to) = (x(0.0_f64.min(*value)), x(0.0_f64.max(*value)));
                text class="tick end" x=(NAMES - 8.0) y=(format!("{:.1}", top + 12.0)) { (shortened(name)) }
                rect class="bar s0" x=(format!("{from:.1}")) y=(format!("{:.1}", top)) width=(format!("{:.1}", (to - from).max(1.0))) height="16" {}
                text class="tick" x=(format!("{:.1}", to + 6.0)) y=(format!("{:.1}", top + 12.0)) { (number(*value)) }
            }
        }))
        @if bars.len() > shown.len() { p class="note" { "The first " (shown.len()) " of " (bars.len()) " values." } }
    }
}

fn shortened(name: &str) -> String {
    match name.chars().count() {
        0 => "(empty)".to_owned(),
        1..=28 => name.to_owned(),
        _ => name.chars().take(27).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_result_holds_can_be_drawn() {
        for points in [
            vec![],
            vec![(0.0, 0.0)],
            vec![(f64::NAN, 1.0), (f64::INFINITY, 2.0)],
            vec![(f64::MIN, f64::MIN), (f64::MAX, f64::MAX)],
            vec![(1.0, 5e-324), (2.0, 0.0)],
            vec![(3.0, 1.0), (2.0, 2.0), (1.0, f64::NAN)],
        ] {
            let drawn = chart(&Chart {
                x: "<x>".to_owned(),
                y: "y".to_owned(),
                points: ChartPoints::Numbers(points.clone()),
            });
            let drawn = drawn.into_string();
            assert!(
                !drawn.contains("NaN") && !drawn.contains("inf"),
                "{points:?}: {drawn}"
            );
            assert!(!drawn.contains("<x>"), "{drawn}");
        }
        let bars = ChartPoints::Bars(vec![("a".repeat(100), -1.0), (String::new(), f64::NAN)]);
        let of = Chart {
            x: "x".to_owned(),
            y: "y".to_owned(),
            points: bars,
        };
        assert!(chart(&of).into_string().contains("(empty)"));
    }
}
