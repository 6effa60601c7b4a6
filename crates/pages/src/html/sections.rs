//! The sections of the page but for the single tables.

use evidence::{Evidence, Zone};
use maud::{Markup, PreEscaped, html};

use super::marks::{verdict as verdict_mark, zone};
use crate::number::{grouped, grouped_or_dash, grouped_signed};
use crate::words;

/// What is shown, and when.
pub(super) fn heading(evidence: &Evidence) -> Markup {
    let heading = &evidence.heading;
    html! {
        dl {
            dt { "release" } dd { (heading.release) ", published by " (heading.published_by) }
            dt { "run" } dd { code { (heading.run) } @if !heading.run_at.is_empty() { ", at " (heading.run_at) } }
            @if let Some(id) = &heading.lake_id { dt { "lake" } dd { code { (id) } } }
            dt { "project" } dd { code { (heading.project) } }
            dt { "now" } dd { (heading.now) }
            dt { "shown by" } dd { (heading.program) }
        }
    }
}

/// The result, before all figures.
pub(super) fn verdict(evidence: &Evidence) -> Markup {
    html! {
        section class=(format!("result is-{}", evidence.verdict)) aria-label="Verdict" {
            p { (words::mark(evidence.verdict)) " " (words::headline(evidence.verdict)) }
            p { (words::verdict(evidence)) }
            @if let Some(changed) = words::changed_models(evidence) { p { "Note: " (changed) "." } }
            @for note in &evidence.notes { p { "Note: " (note) "." } }
        }
    }
}

/// Rows of each table beside the expected ones.
pub(super) fn counts(evidence: &Evidence) -> Markup {
    let shown = evidence.tables.iter().enumerate();
    let shown = shown.filter(|(_, table)| table.zone != Zone::System);
    html! {
        section {
            h2 { "Counts" }
            @match &evidence.expected_from {
                Some(file) => p class="note" { "Expected counts are from " code { (file) } ". Landing tables are counted as the last run read them." },
                None => p class="note" { "No counts are expected. Landing tables are counted as the last run read them." },
            }
            div class="scroll" { table {
                thead { tr {
                    th { "zone" } th { "table" } th class="number" { "rows" } th class="number" { "expected" }
                    th { "verdict" } th class="number" { "version" } th class="extra" { "one row is" }
                } }
                tbody { @for (place, table) in shown { tr {
                    td { (zone(table.zone)) }
                    td { a href=(format!("#table-{place}")) { (table.table) } }
                    td class="number" { (grouped_or_dash(table.rows)) }
                    td class="number" { (grouped_or_dash(table.expected)) }
                    td { (verdict_mark(table.verdict)) }
                    td class="number" { @match table.version { Some(version) => (version), None => "–" } }
                    td class="words extra" { (table.grain.as_deref().unwrap_or_default()) }
                } } }
            } }
        }
    }
}

/// Who agrees, and whose rows are where.
pub(super) fn consent(evidence: &Evidence) -> Markup {
    let consent = &evidence.consent;
    html! {
        section {
            h2 { "People and consent" }
            dl {
                @if let Some(people) = consent.people { dt { "people with records" } dd { (grouped(people)) } }
                @for purpose in &consent.purposes {
                    dt { "consent to " (purpose.purpose) }
                    dd {
                        (grouped(purpose.in_force)) " in force, " (grouped(purpose.ended)) " ended"
                        @if purpose.later > 0 { ", " (grouped(purpose.later)) " not begun" }
                    }
                }
                dt { "entered by hand" } dd { (grouped(consent.by_hand)) }
                dt { "suspended" } dd { (grouped(consent.suspended)) " people named in records that cannot be read" }
                @if consent.undecodable > 0 {
                    dt { "unknown" } dd { (grouped(consent.undecodable)) " files of records that nobody can be told from" }
                }
                @for devices in &consent.devices {
                    dt { "devices, owner " (devices.evidence) } dd { (grouped(devices.devices)) }
                }
            }
            (subjects(evidence))
        }
    }
}

fn subjects(evidence: &Evidence) -> Markup {
    let of_people = evidence
        .tables
        .iter()
        .filter(|table| table.subjects.is_some());
    html! {
        div class="scroll" { table {
            caption { "Whose rows each table holds, and how many of them have no consent in force" }
            thead { tr { th { "zone" } th { "table" } th { "whose" } th { "came and went" } th class="number" { "without consent" } } }
            tbody { @for table in of_people { @if let Some(subjects) = &table.subjects { tr {
                td { (zone(table.zone)) } td { (table.table) }
                td { (words::subjects(subjects)) }
                td { (words::change(subjects).unwrap_or_else(|| "–".to_owned())) }
                td class="number" { (words::without_consent(evidence, table)) }
            } } } }
        } }
    }
}

/// Every check, with its history.
pub(super) fn checks(evidence: &Evidence) -> Markup {
    let runs = evidence.runs.len();
    html! {
        section {
            h2 { "Checks" }
            @if evidence.checks.is_empty() { p { "There are no checks." } }
            @else { div class="scroll" { table {
                thead { tr {
                    th { "table" } th { "check" } th class="number" { "violations" } th { "verdict" } th { "if violated" }
                    @if runs > 0 { th { "in the last " (runs) " runs, newest first" } }
                } }
                tbody { @for check in &evidence.checks { tr {
                    td { (check.table) } td { code { (check.check) } }
                    td class="number" { (grouped(check.violations)) }
                    td { (verdict_mark(check.verdict)) }
                    td class="words" { (words::action(&check.action)) }
                    @if runs > 0 { td { (history(&check.in_runs)) } }
                } } }
            } } }
        }
    }
}

fn history(in_runs: &[Option<u64>]) -> String {
    let counts: Vec<String> = in_runs
        .iter()
        .map(|count| grouped_or_dash(*count))
        .collect();
    counts.join(" · ")
}

/// The graph, and the same as a table.
pub(super) fn graph(evidence: &Evidence) -> Markup {
    html! {
        section {
            h2 { "Where rows come from" }
            div class="drawing" tabindex="0" role="region" aria-label="Graph of the tables" {
                (PreEscaped(crate::graph(&evidence.tables, &evidence.edges)))
            }
            p class="note" {
                "A solid line: rows are made of rows of that table; the number is how many were read. "
                "A dashed line: rows are joined with that table, or looked up in it; the number is how many rows went on. "
                "L landing, T trusted, C curated, S system."
            }
            details {
                summary { "The same as a table" }
                div class="scroll" { table {
                    thead { tr { th { "from" } th { "to" } th { "how" } th class="number" { "rows" } } }
                    tbody { @for edge in &evidence.edges { tr {
                        td { (edge.from) } td { (edge.to) }
                        td { @if edge.is_main { "rows come from it" } @else { "joined or looked up" } }
                        td class="number" { @match edge.rows { Some(rows) => (grouped_signed(rows)), None => "–" } }
                    } } }
                } }
            }
        }
    }
}

/// What became of every row.
pub(super) fn left_out(evidence: &Evidence) -> Markup {
    let accounts = evidence.tables.iter();
    let accounts = accounts.filter_map(|table| Some((table, table.account.as_ref()?)));
    html! {
        section {
            h2 { "What was left out, and why" }
            p class="note" { "Rows in and rows that joins added are rows out and all that were left out." }
            @for (table, account) in accounts {
                p { (zone(table.zone)) " " strong { (table.table) } ": " (words::account(evidence, table, account)) }
                @if !account.left_out.is_empty() {
                    ul { @for left_out in &account.left_out {
                        li { (grouped_signed(left_out.rows)) ": " (left_out.words) }
                    } }
                }
            }
        }
    }
}

/// Input that could not be read.
pub(super) fn quarantine(evidence: &Evidence) -> Markup {
    html! {
        section {
            h2 { "Quarantine" }
            @if evidence.quarantine.is_empty() { p { "All landing input could be read." } }
            @else { div class="scroll" { table {
                thead { tr { th { "table" } th { "reason" } th class="number" { "places" } th class="number" { "bytes" } th { "state" } } }
                tbody { @for entry in &evidence.quarantine { tr {
                    td { (entry.table) } td { code { (entry.reason) } }
                    td class="number" { (grouped(entry.places)) } td class="number" { (grouped(entry.bytes)) }
                    td { @if entry.is_dropped { "given up" } @else { "open" } }
                } } }
            } } }
        }
    }
}

/// The runs that checks have results of.
pub(super) fn runs(evidence: &Evidence) -> Markup {
    html! {
        section {
            h2 { "Runs" }
            div class="scroll" { table {
                thead { tr { th { "run" } th { "began to build" } th class="number" { "took" } } }
                tbody { @for run in &evidence.runs { tr {
                    td { code { (run.run) } }
                    td { (run.started.as_deref().unwrap_or("–")) }
                    td class="number" { @match run.elapsed_ms { Some(ms) => (words::seconds(ms as f64 / 1000.0)), None => "–" } }
                } } }
            } }
        }
    }
}

/// How the page is to be read.
pub(super) fn reading_aid() -> Markup {
    html! {
        p {
            "All tables are read as one release left them. Checks, who agrees, nulls and people were computed for this page, at the time it calls now; "
            "counts of landing tables and what was left out are those that runs noted in the lake. "
            "Masked values are shown as " span class="masked" { "•••" } ". Of rows as they were sent, all texts are masked. Times in previews are cut to the day."
        }
    }
}
