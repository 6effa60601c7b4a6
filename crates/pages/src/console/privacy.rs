//! People and consent, without personal values.

use evidence::{PeopleFlow, PrivacyPage, SinglingOut};
use maud::{Markup, html};

use super::frame::Frame;
use super::parts::{
    empty, fact, named_table_link, number, rows_link, sheet, sql_name, table_link, th, th_number,
    verdict, zone_tag,
};
use super::plot::{Joined, Series, plot};
use super::steps::{TableSteps, sheet_of};
use crate::number::grouped;
use crate::time;

/// The page about people and consent. `singling_out` is known once it was asked for: it
/// reads the tables.
pub fn privacy(
    frame: &Frame<'_>,
    page: &PrivacyPage,
    singling_out: Option<&[SinglingOut]>,
) -> String {
    frame.document(&html! {
        h1 { (frame.title) }
        (facts(page))
        @if frame.nav.person { (look_up(frame)) }
        (findings(frame, page))
        (over_time(frame, page))
        (suspended(frame, page))
        (flows(frame, page))
        (telling(singling_out))
        (personal(page))
    })
}

fn facts(page: &PrivacyPage) -> Markup {
    let consent = &page.consent;
    html! {
        dl class="facts" {
            @if let Some(people) = consent.people { (fact(&html! { (grouped(people)) }, "people who ever agreed")) }
            @for purpose in &consent.purposes {
                (fact(&html! {
                    (grouped(purpose.in_force))
                    span class="small" {
                        @if purpose.ended > 0 { " " (grouped(purpose.ended)) " ended" }
                        @if purpose.later > 0 { " " (grouped(purpose.later)) " not begun" }
                    }
                }, &format!("agree to {}", purpose.purpose)))
            }
            (fact(&html! { (grouped(consent.by_hand)) }, "entries by hand"))
            (fact(&html! { (grouped(consent.suspended)) }, "people suspended"))
            @for devices in &consent.devices {
                (fact(&html! { (grouped(devices.devices)) }, &format!("devices, owner {}", devices.evidence)))
            }
        }
    }
}

/// The form that finds one person. The value goes in the body, not in the address.
fn look_up(frame: &Frame<'_>) -> Markup {
    html! {
        form class="row" method="post" action="/privacy/person" autocomplete="off" {
            (frame.csrf_field())
            label for="email" { "Look one person up" }
            input #email name="email" type="email" required maxlength="320" placeholder="e-mail address" spellcheck="false";
            button type="submit" { "Look up" }
        }
    }
}

fn findings(frame: &Frame<'_>, page: &PrivacyPage) -> Markup {
    let violated = page.gates.iter().filter(|gate| gate.violations > 0).count();
    let head = html! { (th("result")) (th_number("violations")) (th("gate")) (th("table")) };
    let body = html! { @for gate in &page.gates { tr {
        td { (verdict(gate.verdict)) }
        td class="number" { (grouped(gate.violations)) }
        th scope="row" { (gate.check) }
        td { (named_table_link(&gate.table)) }
    } } };
    html! {
        section {
            h2 #findings { "Findings" }
            (asked_now(frame))
            @if page.gates.is_empty() { p class="faint" { "No run has noted a privacy gate yet." } }
            @else {
                p class="note" {
                    @if violated == 0 { "All " (page.gates.len()) " privacy gates held when each table was last built. " }
                    "No contract can switch them off: nothing is published while one is violated."
                }
                (sheet("Privacy gates, as the last runs noted them", &head, &body))
            }
        }
    }
}

/// What has changed since the last run is asked in SQL.
fn asked_now(frame: &Frame<'_>) -> Markup {
    let link = |words: &str, sql: &str| rows_link(frame, &html! { (words) }, sql);
    let violations = "select * from privacy.violations";
    let consents =
        "select purpose, in_force, count(*) as people from privacy.consents group by 1, 2";
    let audit = "select * from system.audit order by at desc limit 100";
    html! {
        p {
            "At this moment: "
            (link("whose rows are published without consent", violations)) ", "
            (link("who agrees", consents)) ", "
            (link("who asked what", audit)) "."
        }
    }
}

fn over_time(frame: &Frame<'_>, page: &PrivacyPage) -> Markup {
    let series: Vec<Series> = page
        .curves
        .iter()
        .map(|curve| Series {
            name: curve.purpose.clone(),
            points: curve
                .points
                .iter()
                .map(|point| (point.at_ms as f64, point.in_force as f64))
                .collect(),
        })
        .collect();
    let sql = "select purpose, count(*) from system.consent group by purpose";
    let head = html! { (th("purpose")) (th("until")) (th_number("people")) };
    let body = html! { @for curve in &page.curves { @for point in &curve.points { tr {
        th scope="row" { (curve.purpose) }
        td { (time::to_second(point.at_ms)) }
        td class="number" { (rows_link(frame, &html! { (grouped(point.in_force)) }, sql)) }
    } } } };
    html! {
        section {
            h2 #consent { "Consent over time" }
            @if page.curves.is_empty() { (empty("Nobody has agreed to anything yet.", &html! {})) }
            @else {
                (plot("People with a consent in force, by purpose", &series, true, Joined::Steps))
                details { summary { "The same as a table" } (sheet("People with a consent in force", &head, &body)) }
            }
        }
    }
}

fn suspended(frame: &Frame<'_>, page: &PrivacyPage) -> Markup {
    let consent = &page.consent;
    let head = html! { (th("reason")) (th_number("places")) (th_number("bytes")) };
    let body = html! { @for entry in &page.suspending { tr {
        th scope="row" { code { (entry.reason) } }
        td class="number" { @match frame.nav.quarantine {
            true => a class="rows" href="/quarantine" { (grouped(entry.places)) },
            false => (grouped(entry.places)),
        } }
        td class="number" { (grouped(entry.bytes)) }
    } } };
    html! {
        section {
            h2 #suspended { "Suspended people" }
            @match (consent.suspended, consent.undecodable) {
                (0, 0) => p class="calm" { span class="mark ok" { "✓" } " Nobody is suspended: every person record can be read." },
                (people, files) => p {
                    strong { (grouped(people)) } " people are named in records that cannot be read. Until these are repaired or given up, no consent of theirs counts."
                    @if files > 0 { " In " strong { (grouped(files)) } " more files nobody can be told from the records: a withdrawal may be in them." }
                },
            }
            @if !page.suspending.is_empty() {
                p class="note" { "What suspends them: input of " @if let Some(table) = &page.person_records { (named_table_link(table)) } " that cannot be read." }
                (sheet("Person records that cannot be read", &head, &body))
            }
        }
    }
}

fn flows(frame: &Frame<'_>, page: &PrivacyPage) -> Markup {
    let head = html! { (th("table")) (th("its rows are of")) (th_number("rows")) };
    let body = html! { @for flow in &page.flows { (flow_row(frame, flow)) } };
    let steps: Vec<TableSteps<'_>> = page
        .flows
        .iter()
        .map(|flow| TableSteps {
            zone: Some(flow.zone),
            table: &flow.table,
            steps: &flow.steps,
        })
        .collect();
    html! {
        section {
            h2 #flows { "Whose rows came in, whose were left out" }
            @if page.flows.is_empty() { p class="faint" { "No table holds rows of people or devices." } }
            @else {
                (sheet("Tables with rows of people or devices", &head, &body))
                (sheet_of(frame, "What came in, and what was left out", &steps))
            }
        }
    }
}

fn flow_row(frame: &Frame<'_>, flow: &PeopleFlow) -> Markup {
    let sql = format!("select count(*) from {}", sql_name(flow.zone, &flow.table));
    html! {
        tr {
            th scope="row" { (zone_tag(flow.zone)) " " (table_link(flow.zone, &flow.table)) }
            td { (flow.whose) }
            td class="number" { @match flow.rows {
                Some(rows) => (rows_link(frame, &html! { (grouped(rows)) }, &sql)),
                None => (number(None)),
            } }
        }
    }
}

fn telling(tables: Option<&[SinglingOut]>) -> Markup {
    html! {
        section {
            h2 #singling-out { "Singling out" }
            p class="note" { "How many rows have a value that only one person has: whoever knows that value from elsewhere knows whose row it is." }
            @match tables {
                None => p { a class="button" href="/privacy?singling_out=1#singling-out" { "Compute it now" } span class="note" { " It reads the curated tables." } },
                Some([]) => p class="faint" { "No curated table holds rows of people." },
                Some(tables) => (telling_sheet(tables)),
            }
        }
    }
}

fn telling_sheet(tables: &[SinglingOut]) -> Markup {
    let head = html! {
        (th("table")) (th("column")) (th_number("rows that tell")) (th_number("share")) (th_number("of rows"))
        (th_number("people told")) (th_number("of people")) (th_number("groups of at least"))
    };
    let body = html! { @for table in tables {
        @if table.columns.is_empty() { tr {
            th scope="row" { (named_table_link(&table.table)) }
            td colspan="3" class="faint" { "no column that others may know" }
            td class="number" { (grouped(table.rows)) } td {} td class="number" { (number(table.people)) }
            td class="number" { (number(table.groups_of_at_least)) }
        } }
        @for column in &table.columns { tr {
            th scope="row" { (named_table_link(&table.table)) }
            td { code { (column.column) } }
            td class="number" { (grouped(column.rows)) }
            td class="number" { (share(column.rows, table.rows)) }
            td class="number" { (grouped(table.rows)) }
            td class="number" { (grouped(column.people)) }
            td class="number" { (number(table.people)) }
            td class="number" { (number(table.groups_of_at_least)) }
        } }
    } };
    sheet("Rows whose value alone tells one person", &head, &body)
}

/// `12.5 %`.
fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "–".to_owned(),
        whole => format!("{:.1} %", part as f64 / whole as f64 * 100.0),
    }
}

fn personal(page: &PrivacyPage) -> Markup {
    let head = html! { (th("table")) (th("personal columns")) };
    let body = html! { @for table in &page.personal { tr {
        th scope="row" { (zone_tag(table.zone)) " " (table_link(table.zone, &table.table)) }
        td class="words" { @for (place, column) in table.columns.iter().enumerate() { @if place > 0 { ", " } code { (column) } } }
    } } };
    html! {
        section {
            h2 #personal { "Where personal values are" }
            @if page.personal.is_empty() { p class="faint" { "No table has a column that is called personal." } }
            @else { (sheet("Personal columns", &head, &body)) }
        }
    }
}
