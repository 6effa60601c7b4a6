//! The page of a lake as HTML: one file that loads nothing.

mod marks;
mod sections;
mod style;
mod tables;

use evidence::{Evidence, GENERATOR};
use maud::{DOCTYPE, PreEscaped, html};

use self::style::STYLE;
use crate::control::without_control;
use crate::graph::GRAPH_STYLE;

/// What a page begins with, so that it can be told from other files.
pub(crate) const MARK: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"generator\" content=\"stedi report\">";

/// What the browser may load: nothing but the page's own styles.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page.
pub fn html(evidence: &Evidence) -> String {
    let title = format!(
        "{}, release {}",
        evidence.heading.lake, evidence.heading.release
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(GENERATOR);
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(GRAPH_STYLE)) }
            }
            body {
                header {
                    p class="kind" { "Report of a lake" }
                    h1 { (evidence.heading.lake) }
                    (sections::heading(evidence))
                }
                main {
                    (sections::verdict(evidence))
                    (sections::counts(evidence))
                    (sections::consent(evidence))
                    (sections::checks(evidence))
                    (sections::graph(evidence))
                    (sections::left_out(evidence))
                    (sections::quarantine(evidence))
                    (tables::tables(evidence))
                    (sections::runs(evidence))
                }
                footer { (sections::reading_aid()) }
            }
        }
    };
    without_control(&page.into_string()).into_owned()
}
