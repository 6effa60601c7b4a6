//! The plots of a table. Each is drawn of figures that whoever looks could ask for in SQL.

mod histogram;
mod panel;
mod readings;

use evidence::{
    Distinct, Distribution, Figure, OverTime, PerParty, Ranked, Readings, TablePlots, Values,
};
use maud::{Markup, html};

use self::histogram::{Bars, bars, few, left_out, range, step_words};
use self::readings::{small_multiples, sources};
use super::frame::Frame;
use super::parts::{percent, rows_link, sql_name, sql_quoted, table_path, zone_tag};
use crate::axis::value;
use crate::number::grouped;
use crate::words::counted;

/// The height of wide plots and of small ones, in pixels.
const WIDE: f64 = 144.0;
const SMALL: f64 = 96.0;

/// About how many ticks they have.
const WIDE_TICKS: u32 = 7;
const SMALL_TICKS: u32 = 4;

/// The plots of one table.
pub fn plots(frame: &Frame<'_>, plots: &TablePlots) -> String {
    let path = table_path(plots.zone, &plots.table);
    frame.document(&html! {
        h1 { (zone_tag(plots.zone)) " " (plots.table) " in plots" }
        p class="row" { a href=(path) { "The table" } }
        div data-plots-content {
            (lead(plots))
            @if plots.rows > 0 {
                (over_time(frame, plots))
                (numbers(frame, plots))
                (per_party(frame, plots))
                (distributions(frame, plots))
            }
        }
    })
}

fn lead(plots: &TablePlots) -> Markup {
    html! {
        p class="note" {
            @match plots.rows {
                0 => "The table has no row to draw.",
                rows => { "Drawn of " (counted(rows, "row")) @if let Some(version) = plots.version { ", version " (version) } ", as your role sees them." },
            }
        }
    }
}

/// What was gathered, or why not.
fn shown<T>(figure: &Figure<T>, show: impl FnOnce(&T) -> Markup) -> Markup {
    html! {
        @match figure {
            Figure::Ready(figures) => (show(figures)),
            Figure::Failed { message, hint } => div class="fault" role="alert" {
                p { "These figures are missing: " (message) "." }
                @if let Some(hint) = hint { p class="faint" { (hint) } }
            },
        }
    }
}

fn table_in_sql(plots: &TablePlots) -> String {
    sql_name(plots.zone, &plots.table)
}

fn over_time(frame: &Frame<'_>, plots: &TablePlots) -> Markup {
    let Some(figure) = &plots.over_time else {
        return html! {};
    };
    let title = match figure {
        Figure::Ready(of) => format!("Rows per {}", step_words(&of.histogram)),
        Figure::Failed { .. } => "Rows over time".to_owned(),
    };
    let show = |of: &OverTime| {
        let left_out = left_out(&of.histogram);
        let sql = format!(
            "select {0}, count(*) as n from {1} group by 1 order by 1 limit 1000",
            sql_quoted(&of.column),
            table_in_sql(plots)
        );
        let drawn = Bars {
            id: "plot-over-time",
            title: &title,
            counted: "rows",
            height: WIDE,
            ticks: WIDE_TICKS,
        };
        html! {
            p class="note" {
                "By " (rows_link(frame, &html! { code { (of.column) } }, &sql)) ", " (range(&of.histogram))
                @if !left_out.is_empty() { "; not drawn: " (left_out.join(", ")) } "."
            }
            figure class="panel" { (bars(&drawn, &of.histogram)) }
        }
    };
    html! { section { h2 #over-time { (title) } (shown(figure, show)) } }
}

fn numbers(frame: &Frame<'_>, plots: &TablePlots) -> Markup {
    let Some(figure) = &plots.readings else {
        return html! {};
    };
    let title = match figure {
        Figure::Ready(of) => match (sources(of).as_slice(), of.series.as_slice()) {
            ([first, .., last], _) => format!("{first} and {last} on one time axis"),
            (_, [only]) => format!("{} over time", only.column),
            _ => "Numbers over time".to_owned(),
        },
        Figure::Failed { .. } => "Numbers over time".to_owned(),
    };
    let show = |of: &Readings| {
        html! {
            @match &of.of {
                Some(ranked) => (picked(frame, plots, of, ranked)),
                None => p class="note" { "All rows together. " (explained(of)) },
            }
            @match of.points.is_empty() {
                true => p class="faint" { "No row has a time that can be drawn." },
                false => (small_multiples(of)),
            }
            @if of.series_more > 0 { p class="note" { "and " (counted(of.series_more, "more column")) " of numbers" } }
        }
    };
    html! { section { h2 #numbers { (title) } (shown(figure, show)) } }
}

/// Whose readings are drawn, and ways to the others. By rank: an address holds no name.
fn picked(frame: &Frame<'_>, plots: &TablePlots, of: &Readings, ranked: &Ranked) -> Markup {
    let path = format!("{}/plots", table_path(plots.zone, &plots.table));
    let to = |rank: u64| {
        let by = percent(&ranked.column);
        format!("{path}?by={by}&rank={rank}#numbers")
    };
    let (name, table) = (sql_quoted(&ranked.column), table_in_sql(plots));
    let sql = format!(
        "select * from {table} where {name} = (select {name} from {table} where {name} is not null group by 1 order by count(*) desc, 1 limit 1 offset {}) order by {}",
        ranked.rank - 1,
        sql_quoted(&of.time)
    );
    let others = plots
        .parties
        .iter()
        .filter(|party| **party != ranked.column);
    html! {
        nav class="row pick" aria-label="Whose readings" {
            @match ranked.rank { 1 => span class="faint" { "← previous" }, rank => a href=(to(rank - 1)) { "← previous" } }
            span { code { (ranked.column) } " " b { (grouped(ranked.rank)) } " of " (grouped(ranked.of)) ", by readings" }
            @match ranked.rank < ranked.of { true => a href=(to(ranked.rank + 1)) { "next →" }, false => span class="faint" { "next →" } }
            form method="get" action=(format!("{path}#numbers")) {
                input type="hidden" name="by" value=(ranked.column);
                label for="rank" { "go to" } " "
                input id="rank" name="rank" type="number" min="1" max=(ranked.of) value=(ranked.rank) required;
                " " button type="submit" { "Draw" }
            }
            @for other in others { a href=(format!("{path}?by={}#numbers", percent(other))) { "by " (other) } }
        }
        p class="note" {
            (rows_link(frame, &html! { (counted(of.rows, "row")) }, &sql)) ". " (explained(of))
        }
    }
}

/// The time that is drawn, and what is not.
fn explained(of: &Readings) -> Markup {
    let times = of.points.first().zip(of.points.last());
    let are_put_together = of.points.iter().any(|point| point.rows > 1);
    let scale = panel::scale(of.measure);
    html! {
        @if let Some((first, last)) = times {
            code { (of.time) } " " (value(scale, first.at)) " to " (value(scale, last.at))
            @if of.measure == evidence::Measure::Instant { " UTC" }
            ". "
        }
        @if are_put_together { "Lines are means of a step of time, bands its least to greatest values. " }
        @if of.undated > 0 { (counted(of.undated, "row")) " without a time that can be drawn." }
    }
}

fn per_party(frame: &Frame<'_>, plots: &TablePlots) -> Markup {
    let Some(figure) = &plots.per_party else {
        return html! {};
    };
    let title = match figure {
        Figure::Ready(of) => format!("Rows per {}", of.column),
        Figure::Failed { .. } => "Rows per person or device".to_owned(),
    };
    let show = |of: &PerParty| {
        let name = sql_quoted(&of.column);
        let sql = format!(
            "select n, count(*) as parties from (select {name}, count(*) as n from {} where {name} is not null group by 1) as per group by 1 order by 1",
            table_in_sql(plots)
        );
        let drawn = Bars {
            id: "plot-per-party",
            title: &title,
            counted: &of.column,
            height: WIDE,
            ticks: WIDE_TICKS,
        };
        html! {
            p class="note" {
                (rows_link(frame, &html! { (grouped(of.parties)) }, &sql)) " different " code { (of.column) }
                ", each with " (range(&of.histogram)) @if of.histogram.greatest == 1.0 { " row" } @else { " rows" }
                @if of.histogram.least < of.histogram.greatest { ", " (grouped(of.median)) " in the middle" }
                @if of.unnamed > 0 { "; " (counted(of.unnamed, "row")) " without one" } "."
            }
            @if of.histogram.least < of.histogram.greatest { figure class="panel" { (bars(&drawn, &of.histogram)) } }
        }
    };
    html! { section { h2 #per-party { (title) } (shown(figure, show)) } }
}

fn distributions(frame: &Frame<'_>, plots: &TablePlots) -> Markup {
    let show = |columns: &Vec<Distribution>| {
        html! {
            @let (drawn, others): (Vec<_>, Vec<_>) = columns.iter().enumerate().partition(|(_, of)| is_drawn(&of.values));
            @if !drawn.is_empty() { div class="multiples" {
                @for (place, column) in drawn { (distribution(frame, plots, place, column)) }
            } }
            @if !others.is_empty() { h3 { "Not drawn" } dl class="pairs" {
                @for (_, column) in others {
                    dt { code { (column.column) } " " (column.kind) }
                    dd { (instead(&column.values)) }
                }
            } }
            @if plots.columns_more > 0 { p class="note" { "and " (counted(plots.columns_more, "more column")) } }
        }
    };
    html! { section { h2 #distributions { "Distribution of each column" } (shown(&plots.distributions, show)) } }
}

fn distribution(frame: &Frame<'_>, plots: &TablePlots, place: usize, of: &Distribution) -> Markup {
    let sql = format!(
        "select {0}, count(*) as n from {1} group by 1 order by 2 desc limit 1000",
        sql_quoted(&of.column),
        table_in_sql(plots)
    );
    let note = match &of.values {
        Values::Histogram(histogram) => {
            let mut parts = left_out(histogram);
            if !histogram.counts.is_empty() {
                parts.insert(0, range(histogram));
            }
            parts.join(" · ")
        }
        _ => String::new(),
    };
    html! {
        figure class="multiple" {
            figcaption {
                (rows_link(frame, &html! { code { (of.column) } }, &sql)) " "
                span class="faint" { (of.kind) @if let Some(comment) = &of.comment { " · " (comment) } }
            }
            @if !note.is_empty() { p class="note" { (note) } }
            @match &of.values {
                Values::Few { values, others, nulls } => (few(&of.column, values, *others, *nulls)),
                Values::Histogram(histogram) => div class="panel" {
                    (bars(&Bars { id: &format!("plot-column-{place}"), title: &format!("Distribution of {}", of.column), counted: "rows", height: SMALL, ticks: SMALL_TICKS }, histogram))
                },
                _ => (instead(&of.values)),
            }
        }
    }
}

fn is_drawn(values: &Values) -> bool {
    matches!(values, Values::Few { .. } | Values::Histogram(_))
}

/// What is said of values that are not drawn.
fn instead(values: &Values) -> Markup {
    html! {
        @match values {
            Values::Personal(distinct) => {
                span class="personal" { "personal" }
                @if let Some(distinct) = distinct { " " (different(distinct)) }
            },
            Values::Many(distinct) => (different(distinct)),
            Values::None => "null in every row",
            Values::Few { .. } | Values::Histogram(_) | Values::Undrawn => "nested values or bytes",
        }
    }
}

fn different(distinct: &Distinct) -> Markup {
    html! {
        @if !distinct.is_exact { "about " }
        (counted(distinct.values, "different value"))
        @if distinct.nulls > 0 { ", " (grouped(distinct.nulls)) " null" }
    }
}
