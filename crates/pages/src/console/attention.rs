//! What needs attention, in words and with the way to it.

use evidence::Attention;
use maud::{Markup, html};

use super::frame::Frame;
use super::parts::{named_table_link, rows_link, sql_text, verdict_mark, when};
use crate::number::grouped;
use crate::words::counted;

/// The list, the most urgent first.
pub(super) fn list(frame: &Frame<'_>, attention: &[Attention]) -> Markup {
    html! {
        ul class="attention" { @for entry in attention {
            li class=(format!("is-{}", entry.verdict())) {
                @match entry {
                    Attention::Writing { .. } => span class="mark busy" aria-hidden="true" { "▸" },
                    _ => (verdict_mark(entry.verdict())),
                }
                " " span { (words(frame, entry)) }
            }
        } }
    }
}

fn words(frame: &Frame<'_>, entry: &Attention) -> Markup {
    match entry {
        Attention::Check {
            table,
            check,
            violations,
            ..
        } => {
            let sql = format!(
                "select * from system.checks where table_name = {} and check_name = {}",
                sql_text(table),
                sql_text(check)
            );
            html! {
                (rows_link(frame, &html! { (counted(*violations, "violation")) }, &sql))
                " of " code { (check) } " in " (named_table_link(table))
            }
        }
        Attention::Count {
            table,
            rows,
            expected,
        } => html! {
            (rows.map_or_else(|| "no".to_owned(), grouped)) " rows in " (named_table_link(table))
            ", " (grouped(*expected)) " expected"
        },
        Attention::NotBuilt { table } => {
            html! { (named_table_link(table)) " has a model and was not built yet" }
        }
        Attention::Changed { table } => {
            html! { "the model of " (named_table_link(table)) " changed; the next run builds it" }
        }
        Attention::Damaged { table } => {
            html! { "the log of " (named_table_link(table)) " cannot be read; the next run mends it" }
        }
        Attention::Writing {
            run,
            command,
            since_ms,
        } => html! {
            (link(frame.nav.runs, "/runs/current", &format!("A {command} is going"))) ": it has been writing to the lake since " (when(frame, *since_ms)) ", run " code { (short(run)) }
        },
        Attention::Died {
            run,
            command,
            since_ms,
        } => html! {
            @match command {
                Some(command) => { code { (command) } " ended before its work was done" },
                None => "a writer ended before its work was done",
            }
            @if let Some(since_ms) = since_ms { ", begun " (when(frame, *since_ms)) }
            ", run " code { (short(run)) } "; nothing of it is visible, and the next run cleans up"
        },
        Attention::HalfPublished { release } => html! {
            "a run ended while it published release " (release) "; until the next run finishes it, tables may be of two releases"
        },
        Attention::Suspended { people } => html! {
            (link(frame.nav.privacy, "/privacy#suspended", &people_are(*people)))
            " suspended: records that name them cannot be read, so no consent of theirs counts"
        },
        Attention::Undecodable { files } => html! {
            (counted(*files, "file")) " of person records that nobody can be told from; a withdrawal may be in them"
        },
        Attention::Quarantine { table, places } => html! {
            (link(frame.nav.quarantine, "/quarantine", &counted(*places, "place")))
            " of " (named_table_link(table)) " cannot be read; in quarantine"
        },
    }
}

/// The run that builds right now, if one does.
pub(super) fn is_writing(attention: &[Attention]) -> bool {
    let mut entries = attention.iter();
    entries.any(|entry| matches!(entry, Attention::Writing { .. }))
}

/// Runs that noted nothing have no page.
fn short(run: &str) -> String {
    run.chars().take(8).collect()
}

fn people_are(people: u64) -> String {
    match people {
        1 => "1 person is".to_owned(),
        people => format!("{} people are", grouped(people)),
    }
}

fn link(is_open: bool, path: &str, text: &str) -> Markup {
    html! { @match is_open { true => a href=(path) { (text) }, false => (text) } }
}
