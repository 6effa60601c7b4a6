//! Values counted in steps, as bars, as words and as a table.

use evidence::{Histogram, Measure};
use maud::{Markup, html};

use super::panel::{Axis, Panel, scale};
use crate::axis::{self, Scale, elapsed};
use crate::console::parts::{sheet, th, th_number};
use crate::number::grouped;

/// How a histogram is drawn.
pub(super) struct Bars<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// What is counted: `rows`, `people`.
    pub(super) counted: &'a str,
    /// In pixels.
    pub(super) height: f64,
    /// About how many ticks the bottom has.
    pub(super) ticks: u32,
}

/// Up to so many bars have gaps between them.
const GAPS_MAX: usize = 100;

/// Where doubles begin to leave out whole numbers.
const EXACT_END: f64 = (1u64 << 53) as f64;

/// The bars, and the same as a table that opens.
pub(super) fn bars(of: &Bars<'_>, histogram: &Histogram) -> Markup {
    match histogram.counts.as_slice() {
        [] => return html! { p class="faint" { "No value that can be drawn." } },
        // Larger numbers are not told apart.
        [count] if histogram.least == histogram.greatest && histogram.least.abs() < EXACT_END => {
            let counted = of.counted;
            return html! { p class="faint" { "The same for all " (grouped(*count)) " " (counted) "." } };
        }
        _ => {}
    }
    let most = histogram.counts.iter().copied().max().unwrap_or_default();
    let describes = describes(of, histogram, most);
    // A whole number stands in the middle of its bar.
    let shift = if is_single(histogram) { 0.5 } else { 0.0 };
    let panel = Panel {
        id: of.id,
        title: of.title,
        describes: &describes,
        height: of.height,
        x: Axis {
            scale: scale(histogram.measure),
            low: histogram.low - shift,
            high: histogram.high() - shift,
        },
        ticks: ticks(of, histogram),
        y: Axis {
            scale: Scale::Number,
            low: 0.0,
            high: most.max(1) as f64,
        },
        are_counts: true,
    };
    let class = match histogram.counts.len() {
        0..=GAPS_MAX => "bar",
        _ => "bar close",
    };
    let drawn = html! {
        @for (step, count) in histogram.counts.iter().enumerate() {
            @let (from, to) = histogram.ends(step);
            @let says = format!("{}: {} {}", step_name(histogram, step), grouped(*count), of.counted);
            (panel.bar(class, from - shift, to - shift, *count as f64, &says))
        }
    };
    html! {
        (panel.svg(&drawn))
        details { summary { "As a table" } (table(of, histogram)) }
    }
}

/// Where each step holds one value, there is no tick between two of them.
fn ticks(of: &Bars<'_>, histogram: &Histogram) -> u32 {
    let steps = u32::try_from(histogram.counts.len()).unwrap_or(u32::MAX);
    match is_single(histogram) {
        true => of.ticks.min(steps),
        false => of.ticks,
    }
}

fn describes(of: &Bars<'_>, histogram: &Histogram, most: u64) -> String {
    let counts = &histogram.counts;
    let highest = counts.iter().position(|count| *count == most);
    let highest = highest.map_or_else(String::new, |step| step_name(histogram, step));
    format!(
        "{} {} in {} steps, {}. Most, {}, at {highest}.",
        grouped(counts.iter().sum()),
        of.counted,
        counts.len(),
        range(histogram),
        grouped(most),
    )
}

/// From the least value to the greatest, in words.
pub(super) fn range(histogram: &Histogram) -> String {
    let scale = scale(histogram.measure);
    let [least, greatest] =
        [histogram.least, histogram.greatest].map(|value| axis::value(scale, value));
    let unit = match histogram.measure {
        Measure::Instant => " UTC",
        Measure::Number | Measure::Elapsed => "",
    };
    match least == greatest {
        true => format!("{least}{unit}"),
        false => format!("{least} to {greatest}{unit}"),
    }
}

/// What is in no step, with its reason.
pub(super) fn left_out(histogram: &Histogram) -> Vec<String> {
    let parts = [
        (histogram.nulls, "null"),
        (histogram.not_finite, "NaN or infinite"),
        (histogram.outside, "before 2001 or after 2099"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    parts
        .map(|(count, what)| format!("{} {what}", grouped(count)))
        .collect()
}

/// The width of a step: `minute`, `2 h`, `20`.
pub(super) fn step_words(histogram: &Histogram) -> String {
    match histogram.measure {
        Measure::Number => axis::number(histogram.step),
        _ => match elapsed(histogram.step).as_str() {
            "1 s" => "second".to_owned(),
            "1 min" => "minute".to_owned(),
            "1 h" => "hour".to_owned(),
            "1 d" => "day".to_owned(),
            "7 d" => "week".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// Whether each step holds one value.
fn is_single(histogram: &Histogram) -> bool {
    histogram.measure == Measure::Number && histogram.is_whole && histogram.step == 1.0
}

fn step_name(histogram: &Histogram, step: usize) -> String {
    let (from, to) = histogram.ends(step);
    let scale = scale(histogram.measure);
    let from_text = axis::value(scale, from);
    match histogram.measure {
        _ if is_single(histogram) => from_text,
        Measure::Number if histogram.is_whole => {
            format!("{from_text} to {}", axis::value(scale, to - 1.0))
        }
        Measure::Instant => from_text,
        _ => format!("{from_text} up to {}", axis::value(scale, to)),
    }
}

fn table(of: &Bars<'_>, histogram: &Histogram) -> Markup {
    let head = html! { (th_number("from")) (th_number(of.counted)) };
    let body = html! {
        @for (step, count) in histogram.counts.iter().enumerate() {
            tr { th scope="row" class="number" { (step_name(histogram, step)) } td class="number" { (grouped(*count)) } }
        }
        @for (count, what) in [(histogram.nulls, "null"), (histogram.not_finite, "NaN or infinite"), (histogram.outside, "not drawn")] {
            @if count > 0 { tr { th scope="row" class="number" { (what) } td class="number" { (grouped(count)) } } }
        }
    };
    sheet(of.title, &head, &body)
}

/// A few values as a table with a bar each.
pub(super) fn few(title: &str, values: &[(String, u64)], others: u64, nulls: u64) -> Markup {
    let counts = values.iter().map(|(_, count)| *count);
    let most = counts.chain([others, nulls]).max().unwrap_or(1).max(1);
    let row = |name: &Markup, count: u64| {
        let width = format!("{:.2}%", count as f64 / most as f64 * 100.0);
        html! {
            tr {
                th scope="row" { (name) }
                td class="number" { (grouped(count)) }
                td class="extent" aria-hidden="true" { svg width="100%" height="12" { rect class="bar" x="0" y="0" width=(width) height="12" {} } }
            }
        }
    };
    let head = html! { (th("value")) (th_number("rows")) td {} };
    let body = html! {
        @for (value, count) in values { (row(&html! { (shortened(value)) }, *count)) }
        @if others > 0 { (row(&html! { span class="faint" { "rarer values" } }, others)) }
        @if nulls > 0 { (row(&html! { span class="null" { "null" } }, nulls)) }
    };
    html! { div class="few" { (sheet(title, &head, &body)) } }
}

fn shortened(value: &str) -> String {
    const CHARS_MAX: usize = 40;
    match value.char_indices().nth(CHARS_MAX) {
        _ if value.is_empty() => "(empty)".to_owned(),
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}
