//! What a run would do: rows and people that enter and leave each table.

use evidence::{Change, Current, Operation, PlannedTable, Zone};
use maud::{Markup, html};

use super::frame::{Frame, Refresh};
use super::operation::{checks, is_going, messages, project_notice, start_forms};
use super::parts::{empty, fact, number, sheet, table_link, th, th_number, when, zone_tag};
use crate::number::grouped;
use crate::time;

/// How soon the page asks again while something goes on, in seconds.
const REFRESH_SECONDS: u32 = 2;

/// The last plan that was made.
pub fn plan(frame: &Frame<'_>, plan: Option<&Operation>, current: &Current) -> String {
    let is_going = is_going(current);
    let tables = plan.and_then(|plan| Some((plan, plan.plan.as_deref()?)));
    frame.refreshed(
        Refresh::while_going(is_going, REFRESH_SECONDS),
        &html! {
            h1 { "What a run would do" }
            (project_notice(current))
            @match tables {
                None => (empty("No plan was made since the server began.", &html! {
                    p { "A plan computes and checks everything as a run does, compares it with what is published, and changes nothing." }
                })),
                Some((plan, tables)) => (shown(frame, plan, tables)),
            }
            @if is_going { p class="row" { a class="button" href="/runs/current" { "Follow what is going" } } }
            @else { (start_forms(frame)) }
        },
    )
}

fn shown(frame: &Frame<'_>, plan: &Operation, tables: &[PlannedTable]) -> Markup {
    let is_changed = |table: &&PlannedTable| table.change != Change::Nothing;
    let changed = tables.iter().filter(is_changed).count() as u64;
    let entering: u64 = tables.iter().map(|table| table.rows_entering).sum();
    let leaving: u64 = tables.iter().map(|table| table.rows_leaving).sum();
    html! {
        dl class="facts" {
            (fact(&html! { (grouped(changed)) " of " (grouped(tables.len() as u64)) }, "tables would change"))
            (fact(&html! { (grouped(entering)) }, "rows would enter"))
            (fact(&html! { (grouped(leaving)) }, "rows would leave"))
            (fact(&html! { (when(frame, plan.started_ms)) span class="ago" { " · took " (time::duration(i64::try_from(plan.elapsed_ms).unwrap_or(i64::MAX))) } }, "planned"))
            (fact(&html! { (plan.by) }, "by"))
        }
        (messages(plan))
        @if !plan.checks.is_empty() { (checks(plan)) }
        @if tables.is_empty() { (empty("Nothing is new: a run would change no table.", &html! {})) }
        @else { (sheet_of(tables)) }
        p class="note" { "It holds for what was there when it was planned: what arrives later, and consent that is given or withdrawn later, is not in it." }
    }
}

fn sheet_of(tables: &[PlannedTable]) -> Markup {
    let head = html! {
        (th("table")) (th("why")) (th_number("rows now")) (th_number("enter")) (th_number("leave"))
        (th_number("rows then")) (th_number("people enter")) (th_number("people leave"))
    };
    let body = html! { @for table in tables { tr {
        th scope="row" { @match zone(&table.zone) {
            Some(zone) => { (zone_tag(zone)) " " (table_link(zone, &table.table)) },
            None => (table.table),
        } }
        td { (why(table.change)) }
        td class="number" { (number(table.rows_now)) }
        td class="number" { (signed("+", table.rows_entering)) }
        td class="number" { (signed("−", table.rows_leaving)) }
        td class="number" { (grouped(table.rows)) }
        td class="number" { (people("+", table.people_entering)) }
        td class="number" { (people("−", table.people_leaving)) }
    } } };
    sheet("Tables in the order of the run", &head, &body)
}

fn zone(name: &str) -> Option<Zone> {
    [Zone::Landing, Zone::Trusted, Zone::Curated, Zone::System]
        .into_iter()
        .find(|zone| zone.as_str() == name)
}

fn why(change: Change) -> Markup {
    html! { @match change {
        Change::New => "new table",
        Change::Columns => "other columns",
        Change::Rows => "other rows",
        Change::Contract => "another contract",
        Change::Nothing => span class="faint" { "unchanged" },
    } }
}

fn signed(sign: &str, count: u64) -> Markup {
    html! { @match count { 0 => span class="faint" { "0" }, count => { (sign) (grouped(count)) } } }
}

/// Of a table that is nobody's, nothing is told.
fn people(sign: &str, count: Option<u64>) -> Markup {
    html! { @match count { Some(count) => (signed(sign, count)), None => span class="faint" { "–" } } }
}
