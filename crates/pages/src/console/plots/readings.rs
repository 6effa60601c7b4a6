//! Numbers over time: plots above one another, on one axis of time.

use evidence::{Point, Readings, Spread};
use maud::{Markup, html};

use super::panel::{Axis, Panel, scale};
use crate::axis::{self, Scale, range};
use crate::console::parts::{tall_sheet, th, th_number};
use crate::number::grouped;

/// The height of each plot, in pixels.
const HEIGHT: f64 = 88.0;

/// About how many ticks the bottom has.
const TICKS: u32 = 7;

/// Up to so many points, each is marked.
const DOTS_MAX: usize = 60;

/// A line breaks where nothing was read for so many times the usual distance.
const GAP: f64 = 8.0;

/// One plot for each column of numbers, and the figures as a table that opens.
pub(super) fn small_multiples(readings: &Readings) -> Markup {
    let times = || readings.points.iter().map(|point| point.at);
    let (low, high) = range(times());
    let x = Axis {
        scale: scale(readings.measure),
        low,
        high,
    };
    let last = readings.series.len().saturating_sub(1);
    let sources = sources(readings);
    html! {
        @for (place, series) in readings.series.iter().enumerate() {
            @let found = runs(readings, place);
            @let source = sources.iter().position(|source| Some(*source) == series.source.as_deref());
            figure class=(format!("panel k{}", source.unwrap_or(0) % 3)) {
                figcaption {
                    code { (series.column) }
                    @if sources.len() > 1 { @if let Some(source) = &series.source { span class="source" { " " (source) } } }
                    @if let Some(spread) = whole(&readings.points, place) { span class="faint" { " " (words(&spread)) } }
                }
                @if found.is_empty() { p class="faint" { "No value at these times." } }
                @else { (panel(readings, place, x, place == last, &found)) }
            }
        }
        details { summary { "As a table" } (table(readings)) }
    }
}

/// The landing tables that the numbers come from.
pub(super) fn sources(readings: &Readings) -> Vec<&str> {
    let mut sources: Vec<&str> = Vec::new();
    for source in readings.series.iter().filter_map(|of| of.source.as_deref()) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}

fn panel(
    readings: &Readings,
    place: usize,
    x: Axis,
    is_last: bool,
    runs: &[Vec<(f64, Spread)>],
) -> Markup {
    let values = runs.iter().flatten();
    let (low, high) = range(values.flat_map(|(_, spread)| [spread.least, spread.greatest]));
    let series = &readings.series[place];
    let id = format!("plot-series-{place}");
    let title = format!("{} over time", series.column);
    let describes = whole(&readings.points, place).map(|spread| {
        format!(
            "{} steps of time from {} to {}, values {}.",
            readings.points.len(),
            axis::value(x.scale, x.low),
            axis::value(x.scale, x.high),
            words(&spread)
        )
    });
    let panel = Panel {
        id: &id,
        title: &title,
        describes: describes.as_deref().unwrap_or_default(),
        height: HEIGHT,
        x,
        ticks: if is_last { TICKS } else { 0 },
        y: Axis {
            scale: Scale::Number,
            low,
            high,
        },
        are_counts: false,
    };
    let (mut band, mut line, mut dots) = (String::new(), String::new(), String::new());
    let are_few = runs.iter().map(Vec::len).sum::<usize>() <= DOTS_MAX;
    for run in runs {
        let means: Vec<(f64, f64)> = run.iter().map(|(at, of)| (*at, of.mean)).collect();
        if run.iter().any(|(_, of)| of.least < of.greatest) {
            let ends = run.iter().map(|(at, of)| (*at, of.least, of.greatest));
            panel.band(&ends.collect::<Vec<_>>(), &mut band);
        }
        panel.line(&means, false, &mut line);
        // What stands alone is no line.
        if are_few || run.len() == 1 {
            panel.line(&means, true, &mut dots);
        }
    }
    panel.svg(&panel.stretched(&[("band", band), ("line", line), ("line dots", dots)]))
}

/// The values of a column over time, in pieces without a gap.
fn runs(readings: &Readings, place: usize) -> Vec<Vec<(f64, Spread)>> {
    let value = |point: &Point| Some((point.at, (*point.values.get(place)?)?));
    let values: Vec<(f64, Spread)> = readings.points.iter().filter_map(value).collect();
    let mut gaps: Vec<f64> = values
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .collect();
    gaps.sort_by(f64::total_cmp);
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or(f64::INFINITY);
    let mut runs: Vec<Vec<(f64, Spread)>> = Vec::new();
    for (at, spread) in values {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|(last, _)| at - last <= GAP * usual) => {
                run.push((at, spread));
            }
            _ => runs.push(vec![(at, spread)]),
        }
    }
    runs
}

/// The ends of all values of a column.
fn whole(points: &[Point], place: usize) -> Option<Spread> {
    let spreads = points.iter().filter_map(|point| *point.values.get(place)?);
    spreads.reduce(|all, of| Spread {
        least: all.least.min(of.least),
        greatest: all.greatest.max(of.greatest),
        ..all
    })
}

fn words(spread: &Spread) -> String {
    let [least, greatest] = [spread.least, spread.greatest].map(axis::number);
    match least == greatest {
        true => least,
        false => format!("{least} to {greatest}"),
    }
}

fn table(readings: &Readings) -> Markup {
    let scale = scale(readings.measure);
    let head = html! {
        (th(&readings.time)) (th_number("rows"))
        @for series in &readings.series { (th_number(&series.column)) }
    };
    let body = html! {
        @for point in &readings.points { tr {
            th scope="row" { (axis::value(scale, point.at)) }
            td class="number" { (grouped(point.rows)) }
            @for value in &point.values { td class="number" { @match value {
                None => span class="faint" { "–" },
                Some(spread) => {
                    (axis::number(spread.mean))
                    @if spread.least < spread.greatest { span class="faint" { " (" (words(spread)) ")" } }
                },
            } } }
        } }
    };
    tall_sheet(
        "Numbers over time: the mean of each step of time",
        &head,
        &body,
    )
}
