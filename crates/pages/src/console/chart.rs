//! The chart of a result: several series, drawn on the server, and the form that asks
//! for it.

use maud::{Markup, html};

use super::grid::ResultColumn;
use super::plot::{Joined, Series, WIDTH, svg, unnamed_plot};
use crate::axis::{number, part, range};
use crate::number::grouped;

/// A chart of columns of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// How it is drawn.
    pub kind: ChartKind,
    /// What it shows, in words.
    pub label: String,
    /// What lies along the bottom.
    pub across: Across,
    /// What is drawn.
    pub series: Vec<ChartSeries>,
    /// Series that are not drawn, because there are too many.
    pub series_left_out: usize,
    /// Rows that it is drawn from.
    pub rows: u64,
    /// Rows of the result.
    pub rows_total: u64,
}

/// How a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChartKind {
    /// Whatever suits the columns.
    #[default]
    Auto,
    /// Points joined by lines.
    Line,
    /// A bar for each value.
    Bar,
    /// Points alone.
    Scatter,
}

/// What lies along the bottom of a chart.
#[derive(Debug, Clone, PartialEq)]
pub enum Across {
    /// Numbers.
    Numbers,
    /// Instants, as epoch milliseconds.
    Times,
    /// Names; a point has the place of its name.
    Names(Vec<String>),
}

/// One series of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartSeries {
    /// Its name.
    pub name: String,
    /// Points along the bottom and upwards; `None` is a gap.
    pub points: Vec<(f64, Option<f64>)>,
}

/// What a form of a chart asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChartForm {
    /// How it is drawn.
    pub kind: ChartKind,
    /// The column along the bottom.
    pub x: Option<String>,
    /// The columns upwards, a series each.
    pub y: Vec<String>,
    /// The column each value of which is a series of its own.
    pub by: Option<String>,
}

/// The most names that bars have; more could not be read.
const NAMES_MAX: usize = 40;

impl ChartKind {
    /// All kinds, in the order of the form.
    const ALL: [Self; 4] = [Self::Auto, Self::Line, Self::Bar, Self::Scatter];

    /// `auto`, `line`, `bar` or `scatter`.
    pub fn as_str(self) -> &'static str {
        match self {
            ChartKind::Auto => "auto",
            ChartKind::Line => "line",
            ChartKind::Bar => "bar",
            ChartKind::Scatter => "scatter",
        }
    }

    /// The kind of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The form that asks for a chart; nothing where no column has numbers.
pub(super) fn form(
    action: &str,
    offset: u64,
    columns: &[ResultColumn],
    asked: &ChartForm,
) -> Markup {
    let numbers: Vec<&ResultColumn> = columns.iter().filter(|column| column.is_number).collect();
    if numbers.is_empty() {
        return html! {};
    }
    let first_x = columns.iter().find(|column| is_time(column));
    let x = asked.x.as_deref().or(first_x.map(|x| x.name.as_str()));
    let first_y = numbers
        .iter()
        .find(|column| Some(column.name.as_str()) != x);
    let is_drawn = |column: &&ResultColumn| match asked.y.is_empty() {
        true => first_y.is_some_and(|first| first.name == column.name),
        false => asked.y.contains(&column.name),
    };
    html! {
        form class="chart-form" method="get" action=(format!("{action}#chart")) data-chart {
            input type="hidden" name="offset" value=(offset);
            fieldset class="choices" { legend { "Draw" } @for (place, column) in numbers.iter().enumerate() {
                @let id = format!("y-{place}");
                span {
                    input id=(id) type="checkbox" name="y" value=(column.name) checked[is_drawn(column)];
                    " " label for=(id) { (column.name) }
                }
            } }
            label for="x" { "by" }
            select #x name="x" { @for column in columns {
                option value=(column.name) selected[x == Some(column.name.as_str())] { (column.name) }
            } }
            label for="by" { "a series for each" }
            select #by name="by" {
                option value="" { "column" }
                @for column in columns {
                    option value=(column.name) selected[asked.by.as_ref() == Some(&column.name)] { "value of " (column.name) }
                }
            }
            label for="kind" { "as" }
            select #kind name="kind" { @for kind in ChartKind::ALL {
                option value=(kind.as_str()) selected[kind == asked.kind] { (kind.as_str()) }
            } }
            button type="submit" { "Draw" }
        }
    }
}

fn is_time(column: &ResultColumn) -> bool {
    column.kind.starts_with("timestamp") || column.kind.starts_with("date")
}

/// A chart, its legend, and what it does not show.
pub(super) fn chart(chart: &Chart) -> Markup {
    let names = match &chart.across {
        Across::Names(names) => names.as_slice(),
        _ => &[],
    };
    html! {
        @match &chart.across {
            Across::Names(names) => (bars(&chart.label, names, &chart.series)),
            across => {
                @let joined = if chart.kind == ChartKind::Scatter { Joined::Dots } else { Joined::Lines };
                (unnamed_plot(&chart.label, &lines(&chart.series), *across == Across::Times, joined))
            }
        }
        @if chart.series.len() > 1 { ul class="legend" { @for (place, series) in chart.series.iter().enumerate() {
            li { (swatch(place, !names.is_empty())) " " (series.name) }
        } } }
        p class="note" {
            (chart.label)
            @if chart.rows < chart.rows_total { ": the first " (grouped(chart.rows)) " of " (grouped(chart.rows_total)) " rows" }
            @if chart.series_left_out > 0 { "; the first " (chart.series.len()) " of " (grouped((chart.series.len() + chart.series_left_out) as u64)) " series" }
            @if names.len() > NAMES_MAX { "; the first " (NAMES_MAX) " of " (grouped(names.len() as u64)) " values" }
            "."
        }
    }
}

fn lines(series: &[ChartSeries]) -> Vec<Series> {
    let series = series.iter();
    series
        .map(|of| Series {
            name: of.name.clone(),
            points: of
                .points
                .iter()
                .map(|(x, y)| (*x, y.unwrap_or(f64::NAN)))
                .collect(),
        })
        .collect()
}

/// The style of a series, as the legend shows it.
fn swatch(place: usize, is_bar: bool) -> Markup {
    let style = place % 8;
    html! {
        svg class="swatch" width="28" height="12" viewBox="0 0 28 12" aria-hidden="true" {
            @if is_bar { rect class=(format!("bar s{style}")) x="8" width="12" height="12" {} }
            @else { path class=(format!("series s{style}")) d="M0 6H28" {} }
        }
    }
}

/// Bars from left to right, those of one name together.
fn bars(label: &str, names: &[String], all: &[ChartSeries]) -> Markup {
    const NAMES: f64 = 200.0;
    const GAP: f64 = 4.0;
    let thick = if all.len() > 1 { 10.0 } else { 16.0 };
    let shown = &names[..names.len().min(NAMES_MAX)];
    let drawn = |of: &ChartSeries| {
        let points = of.points.iter();
        let known = points.filter_map(|(at, value)| Some((*at as usize, (*value)?)));
        known
            .filter(|(at, value)| *at < shown.len() && value.is_finite())
            .collect::<Vec<_>>()
    };
    let series: Vec<Vec<(usize, f64)>> = all.iter().map(drawn).collect();
    let values = || series.iter().flatten().map(|(_, value)| *value);
    if values().next().is_none() {
        return html! { p class="faint" { "There is nothing to draw." } };
    }
    let (low, high) = range(values().chain([0.0]));
    let x = |value: f64| NAMES + part(value, low, high) * (WIDTH - NAMES - 96.0);
    let of_name = thick * all.len().max(1) as f64 + GAP;
    let height = of_name * shown.len() as f64 + 8.0;
    let top = |at: usize| of_name * at as f64 + GAP;
    svg(
        label,
        height,
        &html! {
            @for (at, name) in shown.iter().enumerate() {
                text class="tick end" x=(NAMES - 8.0) y=(format!("{:.1}", top(at) + (of_name - GAP) / 2.0 + 4.0)) { (shortened(name)) }
            }
            @for (place, bars) in series.iter().enumerate() { @for (at, value) in bars {
                @let top = top(*at) + thick * place as f64;
                @let (from, to) = (x(0.0_f64.min(*value)), x(0.0_f64.max(*value)));
                rect class=(format!("bar s{}", place % 8)) x=(format!("{from:.1}")) y=(format!("{top:.1}")) width=(format!("{:.1}", (to - from).max(1.0))) height=(thick) {}
                text class="tick" x=(format!("{:.1}", to + 6.0)) y=(format!("{:.1}", top + thick / 2.0 + 4.0)) { (number(*value)) }
            } }
        },
    )
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

    fn of(kind: ChartKind, across: Across, points: &[(f64, Option<f64>)]) -> String {
        let series = |name: &str| ChartSeries {
            name: name.to_owned(),
            points: points.to_vec(),
        };
        let drawn = chart(&Chart {
            kind,
            label: "<y>".to_owned(),
            across,
            series: vec![series("<a>"), series("b")],
            series_left_out: 5,
            rows: 1,
            rows_total: 2000,
        });
        drawn.into_string()
    }

    #[test]
    fn whatever_a_result_holds_can_be_drawn() {
        for points in [
            &[][..],
            &[(0.0, Some(0.0))],
            &[(0.0, None), (1.0, None)],
            &[(0.0, Some(f64::NAN)), (1.0, Some(f64::INFINITY))],
            &[(f64::MIN, Some(f64::MIN)), (f64::MAX, Some(f64::MAX))],
            &[(1.0, Some(5e-324)), (2.0, Some(0.0))],
            &[(3.0, Some(1.0)), (2.0, Some(-2.0)), (1.0, Some(f64::NAN))],
        ] {
            let names = || Across::Names(vec!["<x>".repeat(50), String::new()]);
            for drawn in [
                of(ChartKind::Line, Across::Numbers, points),
                of(ChartKind::Line, Across::Times, points),
                of(ChartKind::Scatter, Across::Numbers, points),
                of(ChartKind::Bar, names(), points),
                of(ChartKind::Bar, Across::Names(Vec::new()), points),
            ] {
                assert!(!drawn.contains("NaN"), "{points:?}: {drawn}");
                assert!(!drawn.contains("inf"), "{points:?}: {drawn}");
                assert!(!drawn.contains("<x>") && !drawn.contains("<a>"), "{drawn}");
                assert!(drawn.contains("the first 2 of 7 series"), "{drawn}");
                assert!(drawn.contains("the first 1 of 2,000 rows"), "{drawn}");
            }
        }
    }

    #[test]
    fn bars_of_one_name_stand_together_and_many_names_are_cut() {
        let names = (0..50).map(|number| number.to_string()).collect();
        let points: Vec<(f64, Option<f64>)> =
            (0..50).map(|at| (f64::from(at), Some(1.0))).collect();
        let drawn = of(ChartKind::Bar, Across::Names(names), &points);
        assert_eq!(drawn.matches("class=\"bar s0\"").count(), 41, "{drawn}");
        assert_eq!(drawn.matches("class=\"bar s1\"").count(), 41, "{drawn}");
        assert!(drawn.contains("the first 40 of 50 values"), "{drawn}");
    }
}
