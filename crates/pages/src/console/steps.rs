//! What came through each step, what was left out, and why.

use evidence::{Step, Zone};
use maud::{Markup, html};

use super::frame::Frame;
use super::parts::{
    named_table_link, reasons, rows_link, sheet, sql_text, table_link, th, th_number, zone_tag,
};
use crate::number::grouped_signed;

/// The steps of one table.
pub(super) struct TableSteps<'a> {
    pub(super) zone: Option<Zone>,
    pub(super) table: &'a str,
    pub(super) steps: &'a [Step],
}

/// How many rows were left out, for all reasons; a join is part of its model's build.
pub(super) fn left_out(steps: &[Step]) -> i64 {
    let whole = steps.iter().filter(|step| step.step != "join");
    let reasons = whole.flat_map(|step| &step.account.left_out);
    reasons.map(|reason| reason.rows).sum()
}

/// All steps as a table.
pub(super) fn sheet_of(frame: &Frame<'_>, caption: &str, tables: &[TableSteps<'_>]) -> Markup {
    // Of one table, it need not be said which.
    let with_name = tables.len() > 1;
    let head = html! {
        @if with_name { (th("into")) } (th("step")) (th("from")) (th_number("in")) (th_number("joins added"))
        (th_number("out")) (th("left out, and why"))
    };
    let body = html! {
        @for table in tables { @for step in table.steps { (row(frame, table, step, with_name)) } }
    };
    sheet(caption, &head, &body)
}

fn row(frame: &Frame<'_>, table: &TableSteps<'_>, step: &Step, with_name: bool) -> Markup {
    let account = &step.account;
    let sql = format!(
        "select * from system.ledger where table_name = {} and step = {}",
        sql_text(table.table),
        sql_text(&step.step)
    );
    // A join is part of the build of its model.
    let is_part = step.step == "join";
    let count = |rows: i64| rows_link(frame, &html! { (grouped_signed(rows)) }, &sql);
    html! {
        tr class=[is_part.then_some("part")] {
            @if with_name { th scope="row" { @match table.zone {
                Some(zone) => { (zone_tag(zone)) " " (table_link(zone, table.table)) },
                None => (table.table),
            } } }
            td class="step" { (step.step) }
            td { @match step.step.as_str() {
                "read" => span class="faint" { "files" },
                _ => @for (place, source) in account.source.split(", ").enumerate() {
                    @if place > 0 { ", " } (named_table_link(source))
                },
            } }
            td class="number" { (count(account.rows_in)) }
            td class="number" { @match account.fan_out { 0 => span class="faint" { "0" }, rows => { "+" (grouped_signed(rows)) } } }
            td class="number" { (count(account.rows_out)) }
            td class="words" { (reasons(account)) }
        }
    }
}
