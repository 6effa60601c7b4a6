//! Sentences that HTML and Markdown share.

use evidence::{Account, Evidence, Gate, Subjects, Table, Verdict, Zone};

use crate::number::{grouped, grouped_or_dash, grouped_signed};

/// The result of everything, in one sentence.
pub(crate) fn verdict(evidence: &Evidence) -> String {
    let compared = evidence
        .tables
        .iter()
        .filter(|table| table.expected.is_some());
    let (equal, other): (Vec<&Table>, Vec<&Table>) =
        compared.partition(|table| table.rows == table.expected);
    let counts = match (equal.len(), other.len()) {
        (0, 0) => "No counts are expected".to_owned(),
        (all, 0) => format!("All {all} expected counts are met"),
        (met, missed) => format!("{missed} of {} expected counts are not met", met + missed),
    };
    let failed = count(evidence, Verdict::Fail);
    let warned = count(evidence, Verdict::Warn);
    let checks = evidence.checks.len();
    let checks = match (failed, warned) {
        _ if checks == 0 => "there is no check".to_owned(),
        (0, 0) => format!("all {checks} checks hold"),
        (0, warned) => format!("{warned} of {checks} checks warn"),
        (failed, _) => format!("{failed} of {checks} checks fail"),
    };
    format!(
        "{counts}; {checks}. The rows of every table were read and are those that were published."
    )
}

fn count(evidence: &Evidence, verdict: Verdict) -> usize {
    let checks = evidence.checks.iter();
    checks.filter(|check| check.verdict == verdict).count()
}

/// The headline of the result.
pub(crate) fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "Everything holds",
        Verdict::Warn => "Something is to be looked at",
        Verdict::Fail => "Something does not hold",
    }
}

/// A mark that tells a verdict without its colour.
pub(crate) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "✓",
        Verdict::Warn => "!",
        Verdict::Fail => "✗",
    }
}

/// A mark that tells a zone without its colour.
pub(crate) fn zone_letter(zone: Zone) -> &'static str {
    match zone {
        Zone::Landing => "L",
        Zone::Trusted => "T",
        Zone::Curated => "C",
        Zone::System => "S",
    }
}

/// What a violation of a check does.
pub(crate) fn action(action: &str) -> &'static str {
    match action {
        "refuse" => "nothing is published; no contract can switch it off",
        "warn" => "the run warns",
        "report" => "counted, nothing is wrong with the rows",
        "leave out" => "the rows are left out",
        _ => "nothing is published",
    }
}

/// What became of the rows that a table was made of, in one sentence.
pub(crate) fn account(evidence: &Evidence, table: &Table, account: &Account) -> String {
    let rows = grouped_signed;
    let mut text = match table.zone {
        Zone::Landing => format!("{} objects were found", rows(account.rows_in)),
        _ => format!("{} rows of {}", rows(account.rows_in), account.source),
    };
    if account.fan_out != 0 {
        text += &format!(", {} more by joins", rows(account.fan_out));
    }
    text += &match table.zone {
        Zone::Landing => format!("; {} are rows", rows(account.rows_out)),
        _ => format!("; {} were written", rows(account.rows_out)),
    };
    let uncounted = match table.zone {
        Zone::Landing => unreadable_places(evidence, table),
        _ => 0,
    };
    if uncounted > 0 {
        // Nobody can tell how many objects a file holds that cannot be unpacked.
        let places = counted(uncounted, "place");
        text += &format!("; in {places} input cannot be read and was left out");
    } else if account.left_out.is_empty() {
        text += "; none was left out";
    }
    text + "."
}

/// In how many places input of a table cannot be read.
fn unreadable_places(evidence: &Evidence, table: &Table) -> u64 {
    let of_table = evidence.quarantine.iter();
    let of_table = of_table.filter(|entry| entry.table == table.table);
    of_table.map(|entry| entry.places).sum()
}

/// How many people or devices a table is about.
pub(crate) fn subjects(subjects: &Subjects) -> String {
    let kind = match (subjects.kind.as_str(), subjects.count) {
        ("people", 1) => "person",
        ("devices", 1) => "device",
        (kind, _) => kind,
    };
    format!("{} {kind}", grouped(subjects.count))
}

/// Who came and went since the version before.
pub(crate) fn change(subjects: &Subjects) -> Option<String> {
    let change = subjects.change.as_ref()?;
    Some(format!(
        "{} in, {} out since version {}",
        grouped(change.entered),
        grouped(change.left),
        change.since_version
    ))
}

/// How many people or devices of a table its privacy gates refuse now; rows, where the
/// gate judges rows; a dash for tables without gates.
pub(crate) fn without_consent(evidence: &Evidence, table: &Table) -> String {
    let refused = |by_rows: bool| {
        let checks = evidence.checks.iter();
        let of_table = checks.filter(|check| check.table == table.table);
        let gates = of_table.filter(|check| match Gate::of_name(&check.check) {
            Some(Gate::Consent | Gate::OwnersConsent) => !by_rows,
            Some(Gate::TrainingRows) => by_rows,
            Some(Gate::OwnersConsentThen | Gate::Groups) | None => false,
        });
        gates.map(|check| check.violations).max()
    };
    match (refused(false), refused(true)) {
        (None, Some(rows)) => counted(rows, "row"),
        (people, _) => grouped_or_dash(people),
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// Seconds with two digits.
pub(crate) fn seconds(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

/// What a project that is not the lake's means for the page.
pub(crate) fn changed_models(evidence: &Evidence) -> Option<String> {
    let changed = &evidence.heading.changed_models;
    (!changed.is_empty()).then(|| {
        format!(
            "the project is not the one that the lake was built with; the next run builds {}",
            changed.join(", ")
        )
    })
}
