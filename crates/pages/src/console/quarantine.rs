//! Input that could not be read: how much, where and why; not what it holds.

use evidence::{QuarantinePage, Quarantined, QuarantinedEntry};
use maud::{Markup, html};

use super::frame::Frame;
use super::parts::{
    empty, named_table_link, rows_link, sheet, sql_text, tall_sheet, th, th_number,
};
use crate::number::grouped;

/// Input that could not be read.
pub fn quarantine(frame: &Frame<'_>, page: &QuarantinePage) -> String {
    frame.document(&html! {
        h1 { (frame.title) }
        @if page.totals.is_empty() {
            (empty("All landing input could be read.", &html! { p { "Every byte of it is in a row, or separates two." } }))
        } @else {
            p class="note" { "Landing input that is no row. A run removes an entry once its file is repaired. Bytes and names of files are not shown: they may hold personal values." }
            (totals(frame, page))
            section { h2 { "Entries" } (pages(page, "above")) (entries(page)) (pages(page, "below")) }
        }
    })
}

fn totals(frame: &Frame<'_>, page: &QuarantinePage) -> Markup {
    let head = html! { (th_number("places")) (th_number("bytes")) (th("reason")) (th("table")) (th("state")) };
    let body = html! { @for entry in &page.totals { (total(frame, entry)) } };
    sheet("By table and reason", &head, &body)
}

fn total(frame: &Frame<'_>, entry: &Quarantined) -> Markup {
    let sql = format!(
        "select id, table_name, byte_offset, byte_length, line, reason, detail, state from system.quarantine where table_name = {} and reason = {}",
        sql_text(&entry.table),
        sql_text(&entry.reason)
    );
    html! {
        tr {
            td class="number" { (rows_link(frame, &html! { (grouped(entry.places)) }, &sql)) }
            td class="number" { (grouped(entry.bytes)) }
            th scope="row" { code { (entry.reason) } }
            td { (named_table_link(&entry.table)) }
            td { (state(entry.is_dropped)) }
        }
    }
}

fn state(is_dropped: bool) -> Markup {
    html! { @match is_dropped { true => span class="faint" { "given up" }, false => span class="warn" { "! open" } } }
}

fn entries(page: &QuarantinePage) -> Markup {
    let head = html! {
        (th("entry")) (th("table")) (th_number("line")) (th_number("bytes")) (th_number("places"))
        (th("reason")) (th("detail")) (th("state"))
    };
    let body = html! { @for entry in &page.entries { (row(entry)) } };
    tall_sheet("Entries", &head, &body)
}

fn row(entry: &QuarantinedEntry) -> Markup {
    let short: String = entry.id.chars().take(12).collect();
    html! {
        tr {
            th scope="row" { code title=(entry.id) { (short) } }
            td { (named_table_link(&entry.table)) }
            td class="number" { (grouped(entry.line)) }
            td class="number" { (grouped(entry.bytes)) }
            td class="number" { (grouped(entry.places)) }
            td { code { (entry.reason) } }
            td class="words" { (entry.detail) }
            td { (state(entry.is_dropped)) }
        }
    }
}

fn pages(page: &QuarantinePage, place: &str) -> Markup {
    let shown = page.entries.len() as u64;
    if page.offset == 0 && shown >= page.count {
        return html! {};
    }
    let after = page.offset.saturating_add(shown);
    html! {
        nav class="row pages" aria-label=(format!("Pages of the entries, {place}")) {
            @if page.offset > 0 { a rel="prev" href=(format!("/quarantine?offset={}", page.offset.saturating_sub(shown.max(1)))) { "← previous" } }
            span { (grouped(page.offset + 1)) "–" (grouped(after)) " of " (grouped(page.count)) }
            @if after < page.count { a rel="next" href=(format!("/quarantine?offset={after}")) { "next →" } }
        }
    }
}
