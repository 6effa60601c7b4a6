//! The page of a lake as Markdown, as GitHub and CommonMark read it.

use std::fmt::Write;

use evidence::{Cell, Evidence, Table, Zone};

use crate::control::without_control;
use crate::number::{grouped, grouped_or_dash, grouped_signed};
use crate::words;

/// The first line of a page, so that it can be told from other files.
pub(crate) const MARK: &str = "<!-- stedi report -->";

/// The page. Its graph is a table.
pub fn markdown(evidence: &Evidence) -> String {
    let mut page = Page::default();
    page.line(MARK);
    page.line("");
    heading(&mut page, evidence);
    counts(&mut page, evidence);
    consent(&mut page, evidence);
    checks(&mut page, evidence);
    edges(&mut page, evidence);
    left_out(&mut page, evidence);
    quarantine(&mut page, evidence);
    for table in &evidence.tables {
        of_table(&mut page, table);
    }
    runs(&mut page, evidence);
    without_control(&page.text).into_owned()
}

/// Text that grows.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn paragraph(&mut self, text: &str) {
        self.line(&escaped(text));
        self.line("");
    }

    fn title(&mut self, level: usize, text: &str) {
        self.line(&format!("{} {}\n", "#".repeat(level), escaped(text)));
    }

    fn item(&mut self, text: &str) {
        self.line(&format!("- {}", escaped(text)));
    }

    fn table(&mut self, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        self.line(&row(columns.iter().map(|name| escaped(name)).collect()));
        self.line(&row(columns.iter().map(|_| "---".to_owned()).collect()));
        for cells in rows {
            self.line(&row(cells.iter().map(|cell| escaped(cell)).collect()));
        }
        self.line("");
    }
}

/// A text that Markdown shows as it is, in a cell too: no markup, no HTML, no link made
/// of an address.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        let is_markup = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '@' | '$' => true,
            // Between letters it is a letter.
            '_' => !(before.is_alphanumeric() && after.is_alphanumeric()),
            // The beginning of an address, of a picture, of a title.
            ':' => after == '/',
            '!' => after == '[',
            '#' | '+' | '-' => out.is_empty(),
            _ => false,
        };
        if is_markup {
            out.push('\\');
        }
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c => out.push(c),
        }
        before = c;
    }
    // `www.` makes a link as well.
    out.replace("www.", "www\\.")
}

fn heading(page: &mut Page, evidence: &Evidence) {
    let heading = &evidence.heading;
    page.title(1, &format!("{}, release {}", heading.lake, heading.release));
    let headline = words::headline(evidence.verdict);
    page.line(&format!(
        "**{} {headline}.**\n",
        words::mark(evidence.verdict)
    ));
    page.paragraph(&words::verdict(evidence));
    if let Some(changed) = words::changed_models(evidence) {
        page.paragraph(&format!("Note: {changed}."));
    }
    for note in &evidence.notes {
        page.paragraph(&format!("Note: {note}."));
    }
    page.item(&format!("published by {}", heading.published_by));
    page.item(&format!("run {}, at {}", heading.run, heading.run_at));
    if let Some(id) = &heading.lake_id {
        page.item(&format!("lake {id}"));
    }
    page.item(&format!("project {}", heading.project));
    page.item(&format!(
        "now {}, shown by {}",
        heading.now, heading.program
    ));
    page.line("");
}

fn counts(page: &mut Page, evidence: &Evidence) {
    page.title(2, "Counts");
    if let Some(file) = &evidence.expected_from {
        page.paragraph(&format!("Expected counts are from {file}."));
    }
    let tables = evidence
        .tables
        .iter()
        .filter(|table| table.zone != Zone::System);
    page.table(
        &[
            "zone",
            "table",
            "rows",
            "expected",
            "verdict",
            "version",
            "one row is",
        ],
        tables.map(|table| {
            vec![
                table.zone.as_str().to_owned(),
                table.table.clone(),
                grouped_or_dash(table.rows),
                grouped_or_dash(table.expected),
                format!("{} {}", words::mark(table.verdict), table.verdict),
                table
                    .version
                    .map_or_else(|| "–".to_owned(), |version| version.to_string()),
                table.grain.clone().unwrap_or_default(),
            ]
        }),
    );
}

fn consent(page: &mut Page, evidence: &Evidence) {
    let consent = &evidence.consent;
    page.title(2, "People and consent");
    if let Some(people) = consent.people {
        page.item(&format!("{} people with records", grouped(people)));
    }
    for purpose in &consent.purposes {
        page.item(&format!(
            "consent to {}: {} in force, {} ended, {} not begun",
            purpose.purpose,
            grouped(purpose.in_force),
            grouped(purpose.ended),
            grouped(purpose.later)
        ));
    }
    page.item(&format!("{} entered by hand", grouped(consent.by_hand)));
    page.item(&format!("{} people suspended", grouped(consent.suspended)));
    page.item(&format!(
        "{} files of records that nobody can be told from",
        grouped(consent.undecodable)
    ));
    for devices in &consent.devices {
        page.item(&format!(
            "{} devices, owner {}",
            grouped(devices.devices),
            devices.evidence
        ));
    }
    page.line("");
    let tables = evidence.tables.iter();
    page.table(
        &["zone", "table", "whose", "came and went", "without consent"],
        tables.filter_map(|table| {
            let subjects = table.subjects.as_ref()?;
            Some(vec![
                table.zone.as_str().to_owned(),
                table.table.clone(),
                words::subjects(subjects),
                words::change(subjects).unwrap_or_else(|| "–".to_owned()),
                words::without_consent(evidence, table),
            ])
        }),
    );
}

fn checks(page: &mut Page, evidence: &Evidence) {
    page.title(2, "Checks");
    page.table(
        &[
            "table",
            "check",
            "violations",
            "verdict",
            "if violated",
            "in the last runs",
        ],
        evidence.checks.iter().map(|check| {
            let in_runs = check.in_runs.iter().map(|count| grouped_or_dash(*count));
            vec![
                check.table.clone(),
                check.check.clone(),
                grouped(check.violations),
                format!("{} {}", words::mark(check.verdict), check.verdict),
                words::action(&check.action).to_owned(),
                in_runs.collect::<Vec<_>>().join(" · "),
            ]
        }),
    );
}

fn edges(page: &mut Page, evidence: &Evidence) {
    page.title(2, "Where rows come from");
    page.table(
        &["from", "to", "how", "rows"],
        evidence.edges.iter().map(|edge| {
            let how = match edge.is_main {
                true => "rows come from it",
                false => "joined or looked up",
            };
            vec![
                edge.from.clone(),
                edge.to.clone(),
                how.to_owned(),
                edge.rows.map_or_else(|| "–".to_owned(), grouped_signed),
            ]
        }),
    );
}

fn left_out(page: &mut Page, evidence: &Evidence) {
    page.title(2, "What was left out, and why");
    for table in &evidence.tables {
        let Some(account) = &table.account else {
            continue;
        };
        page.item(&format!(
            "{}: {}",
            table.table,
            words::account(evidence, table, account)
        ));
        for left_out in &account.left_out {
            let rows = grouped_signed(left_out.rows);
            page.line(&format!(
                "  - {}",
                escaped(&format!("{rows}: {}", left_out.words))
            ));
        }
    }
    page.line("");
}

fn quarantine(page: &mut Page, evidence: &Evidence) {
    page.title(2, "Quarantine");
    if evidence.quarantine.is_empty() {
        page.paragraph("All landing input could be read.");
        return;
    }
    page.table(
        &["table", "reason", "places", "bytes", "state"],
        evidence.quarantine.iter().map(|entry| {
            let state = if entry.is_dropped { "given up" } else { "open" };
            vec![
                entry.table.clone(),
                entry.reason.clone(),
                grouped(entry.places),
                grouped(entry.bytes),
                state.to_owned(),
            ]
        }),
    );
}

fn of_table(page: &mut Page, table: &Table) {
    page.title(2, &format!("{}.{}", table.zone.as_str(), table.table));
    if let Some(grain) = &table.grain {
        page.paragraph(grain);
    }
    let preview = &table.preview;
    if let Some(why) = &preview.absent {
        page.paragraph(&format!("No preview: {why}."));
    } else if preview.rows.is_empty() {
        page.paragraph("No rows.");
    } else {
        let names: Vec<&str> = preview.columns.iter().map(String::as_str).collect();
        page.table(
            &names,
            preview
                .rows
                .iter()
                .map(|row| row.iter().map(cell).collect()),
        );
    }
    let counted = table.columns.iter().filter(|column| column.nulls.is_some());
    let mut counted = counted.peekable();
    if counted.peek().is_some() {
        page.table(
            &["column", "type", "nulls"],
            counted.map(|column| {
                vec![
                    column.column.clone(),
                    column.kind.clone(),
                    grouped_or_dash(column.nulls),
                ]
            }),
        );
    }
    if !table.versions.is_empty() {
        page.table(
            &["version", "published", "rows", "operation", "run"],
            table.versions.iter().map(|version| {
                vec![
                    version.version.to_string(),
                    version.at.clone(),
                    grouped_or_dash(version.rows),
                    version.operation.clone(),
                    version
                        .run
                        .clone()
                        .unwrap_or_else(|| "another program".to_owned()),
                ]
            }),
        );
    }
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::Masked { .. } => "•••".to_owned(),
        Cell::Value(text) => text.clone(),
    }
}

fn runs(page: &mut Page, evidence: &Evidence) {
    page.title(2, "Runs");
    page.table(
        &["run", "began to build", "took"],
        evidence.runs.iter().map(|run| {
            vec![
                run.run.clone(),
                run.started.clone().unwrap_or_else(|| "–".to_owned()),
                run.elapsed_ms
                    .map_or_else(|| "–".to_owned(), |ms| words::seconds(ms as f64 / 1000.0)),
            ]
        }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_make_no_markup() {
        for (text, expected) in [
            ("plain text 0.5", "plain text 0.5"),
            ("a|b", "a\\|b"),
            ("<script>", "\\<script\\>"),
            ("[x](y)", "\\[x\\](y)"),
            ("line\nend", "line end"),
            ("http://x www.y a@b", "http\\://x www\\.y a\\@b"),
            ("at 10:30, snake_case", "at 10:30, snake_case"),
            ("_a_ ![x] # b", "\\_a\\_ \\!\\[x\\] # b"),
            ("# a", "\\# a"),
            ("`*_~", "\\`\\*\\_\\~"),
            ("&lt;", "\\&lt;"),
        ] {
            assert_eq!(escaped(text), expected, "{text}");
        }
    }
}
