//! Pieces that several views have: marks, times, links, tables.

use std::fmt::Write;

use evidence::{Account, Growth, TableFigures, Verdict, Zone};
use maud::{Markup, html};

use super::frame::Frame;
use crate::graph::edge_name;
use crate::number::{grouped, grouped_signed};
use crate::{time, words};

/// The mark of a verdict, with its word for those who cannot see it.
pub(super) fn verdict_mark(verdict: Verdict) -> Markup {
    html! {
        span class=(format!("mark {verdict}")) role="img" aria-label=(verdict) title=(verdict) { (words::mark(verdict)) }
    }
}

/// A verdict in words, with its mark.
pub(super) fn verdict(verdict: Verdict) -> Markup {
    html! { span class=(verdict.as_str()) { (words::mark(verdict)) " " (verdict) } }
}

/// The letter of a zone, in its colour and shape.
pub(super) fn zone_tag(zone: Zone) -> Markup {
    html! {
        span class=(format!("zone-tag {}", zone.as_str())) role="img" aria-label=(zone.as_str()) title=(zone.as_str()) { (words::zone_letter(zone)) }
    }
}

/// A number, at the right.
pub(super) fn number(value: Option<u64>) -> Markup {
    html! { @match value { Some(value) => (grouped(value)), None => span class="faint" { "–" } } }
}

/// An instant, and how long ago it was.
pub(super) fn when(frame: &Frame<'_>, at_ms: i64) -> Markup {
    html! {
        (instant(at_ms)) span class="ago" { " · " (time::relative(at_ms, frame.now_ms)) }
    }
}

/// As [`when`]; a dash if it is not known.
pub(super) fn when_known(frame: &Frame<'_>, at_ms: Option<i64>) -> Markup {
    html! { @match at_ms { Some(at_ms) => (when(frame, at_ms)), None => span class="faint" { "–" } } }
}

fn instant(at_ms: i64) -> Markup {
    let shown = time::to_second(at_ms);
    let machine = format!("{}Z", shown.replace(' ', "T"));
    html! { time datetime=(machine) { (shown) " UTC" } }
}

/// How long something took; a dash if that is not known.
pub(super) fn took(started_ms: Option<i64>, ended_ms: Option<i64>) -> String {
    let elapsed = started_ms
        .zip(ended_ms)
        .map(|(from, to)| to.saturating_sub(from));
    elapsed.map_or_else(|| "–".to_owned(), time::duration)
}

/// The name of a table, which leads to its page.
pub(super) fn table_link(zone: Zone, table: &str) -> Markup {
    html! { a class="name" href=(table_path(zone, table)) { (edge_name(zone, table)) } }
}

/// The path of a table's page.
pub(super) fn table_path(zone: Zone, table: &str) -> String {
    format!("/tables/{}", percent(&edge_name(zone, table)))
}

/// As [`table_link`], of a name as edges have it.
pub(super) fn named_table_link(name: &str) -> Markup {
    html! { a class="name" href=(format!("/tables/{}", percent(name))) { (name) } }
}

/// The id of a run, which leads to its page if the role may open it.
pub(super) fn run_link(frame: &Frame<'_>, run: &str) -> Markup {
    let short: String = run.chars().take(8).collect();
    html! {
        @match frame.nav.runs {
            true => (html! { a class="id" href=(format!("/runs/{}", percent(run))) title=(run) { (short) } }),
            false => (html! { span class="id" title=(run) { (short) } }),
        }
    }
}

/// `text`, which leads to the rows behind it, if the role may ask for them.
pub(super) fn rows_link(frame: &Frame<'_>, text: &Markup, sql: &str) -> Markup {
    html! {
        @match frame.nav.sql {
            true => a class="rows" href=(sql_path(sql)) title="the rows behind it" { (text) },
            false => (text),
        }
    }
}

/// The path that opens a statement.
pub(super) fn sql_path(sql: &str) -> String {
    format!("/sql?sql={}", percent(sql))
}

/// A table's name in a statement, with its zone.
pub fn sql_name(zone: Zone, table: &str) -> String {
    format!("{}.{}", zone.as_str(), sql_quoted(table))
}

/// A name in a statement.
pub(super) fn sql_quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A text of a statement.
pub(super) fn sql_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `text` as a part of a path or a query.
pub fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte as char);
            }
            // Writing to a String cannot fail.
            _ => _ = write!(out, "%{byte:02X}"),
        }
    }
    out
}

/// Bytes as people read them: `242 kB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1000, "kB"),
    ];
    match UNITS.iter().find(|(size, _)| count >= *size) {
        None => format!("{count} B"),
        Some((size, unit)) => match count / size {
            whole @ 0..=9 => format!("{whole}.{} {unit}", count % size * 10 / size),
            whole => format!("{} {unit}", grouped(whole)),
        },
    }
}

/// A table that scrolls by itself where it does not fit.
pub(super) fn sheet(caption: &str, head: &Markup, body: &Markup) -> Markup {
    framed_sheet("scroll", caption, head, body)
}

/// As [`sheet`], of many rows: the head stays in sight.
pub(super) fn tall_sheet(caption: &str, head: &Markup, body: &Markup) -> Markup {
    framed_sheet("scroll tall", caption, head, body)
}

fn framed_sheet(class: &str, caption: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        div class=(class) tabindex="0" role="region" aria-label=(caption) { table {
            caption { (caption) }
            thead { tr { (head) } }
            tbody { (body) }
        } }
    }
}

/// The head of a column.
pub(super) fn th(text: &str) -> Markup {
    html! { th scope="col" { (text) } }
}

/// The head of a column of numbers.
pub(super) fn th_number(text: &str) -> Markup {
    html! { th scope="col" class="number" { (text) } }
}

/// What stands where there is nothing to show, and what to do about it.
pub(super) fn empty(what: &str, next: &Markup) -> Markup {
    html! { div class="empty" { p { (what) } (next) } }
}

/// A figure and what it is of, the number first.
pub(super) fn fact(value: &Markup, name: &str) -> Markup {
    html! { div class="fact" { dt { (name) } dd { (value) } } }
}

/// Rows that were left out, each reason with its count.
pub(super) fn reasons(account: &Account) -> Markup {
    html! {
        @if account.left_out.is_empty() { span class="faint" { "none" } }
        @else { ul class="reasons" { @for reason in &account.left_out {
            li { span class="count" { (grouped_signed(reason.rows.saturating_neg())) } " " (reason.words) }
        } } }
    }
}

/// A line of how a table's rows grew.
pub(super) fn sparkline(growth: &[Growth]) -> Markup {
    const WIDTH: f64 = 96.0;
    const HEIGHT: f64 = 20.0;
    if growth.len() < 2 {
        return html! {};
    }
    let rows = growth.iter().map(|point| point.rows);
    let (least, most) = (rows.clone().min().unwrap_or(0), rows.max().unwrap_or(0));
    let (span, last) = ((most - least) as f64, (growth.len() - 1) as f64);
    let place = |index: usize, rows: u64| {
        let up = match span > 0.0 {
            true => (rows - least) as f64 / span,
            false => 0.5,
        };
        let x = 2.0 + index as f64 / last * (WIDTH - 6.0);
        (x, 3.0 + (1.0 - up) * (HEIGHT - 6.0))
    };
    let mut d = String::new();
    let mut end = (0.0, 0.0);
    for (index, point) in growth.iter().enumerate() {
        end = place(index, point.rows);
        // Writing to a String cannot fail.
        _ = match index {
            0 => write!(d, "M{:.1} {:.1}", end.0, end.1),
            // Rows stay until the next version.
            _ => write!(d, "H{:.1}V{:.1}", end.0, end.1),
        };
    }
    let label = format!(
        "rows at the last {} versions, between {} and {}",
        growth.len(),
        grouped(least),
        grouped(most)
    );
    html! {
        svg class="spark" role="img" aria-label=(label) width="96" height="20" viewBox="0 0 96 20" {
            title { (label) }
            path d=(d) {}
            circle cx=(format!("{:.1}", end.0)) cy=(format!("{:.1}", end.1)) r="2" {}
        }
    }
}

/// A table's rows beside the expected ones, in words.
pub(super) fn expectation(table: &TableFigures) -> Option<Markup> {
    let expected = table.expected?;
    Some(html! {
        @match table.rows == Some(expected) {
            true => span class="faint" { "as expected" },
            false => span class="warn" { (grouped(expected)) " expected" },
        }
    })
}

/// A statement in one line.
pub(super) fn first_line(statement: &str) -> String {
    const CHARS_MAX: usize = 120;
    let words: Vec<&str> = statement.split_whitespace().collect();
    let line = words.join(" ");
    match line.chars().count() > CHARS_MAX {
        true => line.chars().take(CHARS_MAX - 1).chain(['…']).collect(),
        false => line,
    }
}
