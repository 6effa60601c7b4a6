//! One person, for the privacy officer. The only view with a personal value: the address
//! that was asked for.

use maud::html;

use super::frame::Frame;
use super::parts::{empty, sheet, th, when, when_known};

/// What is known of one person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonPage {
    /// The address that was asked for, in normal form.
    pub email: String,
    /// What names the person first, in words; `None` if nothing does.
    pub known_by: Option<String>,
    /// Past and present consent: purpose, from when, until when, what began it.
    pub intervals: Vec<(String, i64, Option<i64>, String)>,
    /// Entries by hand: when it was entered, purpose, `given` or `withdrawn`, from when.
    pub entries: Vec<(i64, String, String, i64)>,
    /// Reasons of quarantined records that name the person, with how many there are.
    pub suspended_by: Vec<(String, u64)>,
}

/// One person.
pub fn person(frame: &Frame<'_>, page: &PersonPage) -> String {
    let intervals = html! { @for (purpose, from, to, source) in &page.intervals { tr {
        th scope="row" { (purpose) }
        td { (when(frame, *from)) }
        td { @match to { Some(_) => (when_known(frame, *to)), None => "in force" } }
        td { (source) }
    } } };
    let entries = html! { @for (at_ms, purpose, act, from) in &page.entries { tr {
        td { (when(frame, *at_ms)) } th scope="row" { (purpose) } td { (act) } td { (when(frame, *from)) }
    } } };
    frame.document(&html! {
        h1 { (frame.title) }
        p class="lead" { (page.email) }
        @match &page.known_by {
            Some(known_by) => p { "Known by " (known_by) "." },
            None => (empty("Nothing names this person.", &html! { p { "No record, no entry by hand, no quarantined record." } })),
        }
        @if !page.suspended_by.is_empty() { p class="notice" {
            "Suspended: no consent counts, because of records that cannot be read: "
            @for (place, (reason, count)) in page.suspended_by.iter().enumerate() {
                @if place > 0 { ", " } (count) " " code { (reason) }
            }
        } }
        section {
            h2 { "Consent" }
            @if page.intervals.is_empty() { p class="faint" { "Never given, or not yet published by a run." } }
            @else { (sheet("Consent, by purpose", &html! { (th("purpose")) (th("from")) (th("until")) (th("begun by")) }, &intervals)) }
        }
        section {
            h2 { "Entered by hand" }
            @if page.entries.is_empty() { p class="faint" { "Nothing." } }
            @else { (sheet("Entries by hand", &html! { (th("entered")) (th("purpose")) (th("act")) (th("from")) }, &entries)) }
        }
        p { a href="/privacy" { "Back to people and consent" } }
    })
}
