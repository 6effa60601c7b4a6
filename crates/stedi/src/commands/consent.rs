//! `stedi consent`: shows, grants or withdraws one person's consent.
//!
//! The person's e-mail address is read from standard input or a file. Arguments
//! stay in the shell's history and in the list of processes, so an address in
//! them is refused: see [`crate::args::Cli::of_command_line`].

use std::io::{IsTerminal, Read};
use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, SecondsFormat};
use engine::{Consent, ConsentEntry, ConsentStatus};
use privacy::{ConsentInterval, Personal, Purpose};
use serde::Serialize;

use crate::args::{ConsentCommand, ConsentEntryArgs, ConsentStatusArgs, Format, PersonArgs};
use crate::failure::{Ending, Failure};
use crate::output::{Field, complain, put, put_list, say};
use crate::runtime::runtime;
use crate::settings::{Settings, instant_of};

pub(crate) fn consent(settings: &Settings, command: &ConsentCommand) -> Result<Ending> {
    match command {
        ConsentCommand::Status(args) => status(settings, args),
        ConsentCommand::Grant(args) => enter(settings, Consent::Grant, args),
        ConsentCommand::Withdraw(args) => enter(settings, Consent::Withdraw, args),
    }
}

fn enter(settings: &Settings, act: Consent, args: &ConsentEntryArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    let at_ms = match &args.at {
        Some(text) => instant_of("at", text)?,
        None => setup.now_ms,
    };
    let purpose = Purpose::from(args.purpose);
    let entry = ConsentEntry {
        email: person(&args.person)?,
        purpose,
        act,
        at_ms,
        who: who(args.who.as_deref())?,
        why: one_line("--why", args.why.as_deref())?,
        unknown: args.unknown,
    };
    let entered = runtime()?
        .block_on(engine::enter_consent(&setup, &entry))
        .map_err(|error| match error {
            engine::Error::Lake(lake::Error::Conflict { .. }) => Failure::busy(
                "other processes kept writing to the consent register; nothing was entered",
                "try again in a moment",
            ),
            error => error.into(),
        })?;
    let (done, opposite) = match act {
        Consent::Grant => ("granted", "a withdrawal"),
        Consent::Withdraw => ("withdrawn", "a grant"),
    };
    let at = instant(at_ms);
    say(
        settings,
        &format!(
            "{purpose} consent {done} as of {at}, entered by {}",
            entry.who
        ),
    );
    match entered.known_by {
        Some(by) => say(settings, &format!("the person is known by {}", by.as_str())),
        None => say(
            settings,
            "warning: nobody is known by this address; the entry applies to the person who arrives \
             with it",
        ),
    }
    if entered.lake_is_new {
        let lake = &setup.lake;
        say(
            settings,
            &format!("warning: there was no lake at {lake}; this entry creates it"),
        );
    }
    if let Some(later_ms) = entered.overtaken_at_ms {
        let later = instant(later_ms);
        let then = match act {
            Consent::Grant => "consent is in force until then",
            Consent::Withdraw => "consent is in force again from then on",
        };
        say(
            settings,
            &format!("warning: the register has {opposite} as of {later}: {then}"),
        );
    }
    if entered.suspended && act == Consent::Grant {
        say(
            settings,
            "warning: a customer record in quarantine suspends this person: no consent is in force \
             until the record is corrected or dropped; `stedi consent status` shows which",
        );
    }
    let when = if at_ms > setup.now_ms {
        format!("the first publication from {at} on")
    } else {
        "the next publication".to_owned()
    };
    say(
        settings,
        &format!("hint: it takes effect with {when}: `stedi run`"),
    );
    Ok(Ending::Done)
}

fn status(settings: &Settings, args: &ConsentStatusArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    let email = person(&args.person)?;
    let mut known = runtime()?.block_on(engine::consent_status(&setup, &email))?;
    let nothing_known = known.is_empty();
    let known_by = known.known_by;
    let asked = args.purpose.map(Purpose::from);
    let wanted = |purpose: Purpose| asked.is_none_or(|asked| asked == purpose);
    known.intervals.retain(|(purpose, _)| wanted(*purpose));
    known.entries.retain(|entry| wanted(entry.purpose));
    let now = Purpose::ALL
        .into_iter()
        .filter(|purpose| wanted(*purpose))
        .map(|purpose| Line::now(purpose, known.in_force(purpose, setup.now_ms)));
    let mut lines: Vec<Line> = now.collect();
    lines.extend(lines_of(&known, setup.now_ms, &email));
    if settings.format.value == Format::Table {
        put_for_people(settings, &lines)?;
    } else {
        put_list(settings, &HEADINGS, &lines, |line| line.fields(&HEADINGS))?;
    }
    match known_by {
        Some(by) if settings.format.value == Format::Table => {
            say(settings, &format!("the person is known by {}", by.as_str()));
        }
        Some(_) => {}
        None => say(
            settings,
            "warning: nobody is known by this address: no record and no reading with it has arrived\n\
             hint: check the spelling; give only the address, without characters around it",
        ),
    }
    if nothing_known {
        let lake = &setup.lake;
        say(
            settings,
            &format!(
                "{lake} has no consent of this person: no record gave it before the last run, and \
                 there is no manual entry"
            ),
        );
    }
    if !known.suspended_by.is_empty() {
        say(
            settings,
            "warning: suspended: a record in quarantine may have been a withdrawal\n\
             hint: correct the file, or drop the entry with `stedi quarantine drop`; then `stedi run`",
        );
    }
    if known.entries.iter().any(|entry| entry.waits) {
        say(
            settings,
            "hint: the last run did not include an entry; it takes effect with `stedi run`",
        );
    }
    Ok(Ending::Done)
}

/// One line of the status. Times are RFC 3339, to the millisecond.
#[derive(Serialize, Default)]
struct Line {
    /// `now`, `interval`, `entry` or `suspension`.
    kind: &'static str,
    purpose: Option<&'static str>,
    /// For `now` and `interval`.
    in_force: Option<bool>,
    valid_from: Option<String>,
    valid_to: Option<String>,
    /// For `interval`: `record` or `hand`.
    source: Option<&'static str>,
    /// For `entry`: `grant` or `withdraw`.
    act: Option<&'static str>,
    entered_at: Option<String>,
    who: Option<String>,
    why: Option<String>,
    /// For `suspension`: the file, below the landing table's folder.
    file: Option<String>,
    /// From 1.
    line: Option<i64>,
    /// The id of the quarantine entry.
    id: Option<String>,
}

const HEADINGS: [&str; 13] = [
    "kind",
    "purpose",
    "in_force",
    "valid_from",
    "valid_to",
    "source",
    "act",
    "entered_at",
    "who",
    "why",
    "file",
    "line",
    "id",
];

impl Line {
    fn now(purpose: Purpose, in_force: Option<ConsentInterval>) -> Self {
        Self {
            kind: "now",
            in_force: Some(in_force.is_some()),
            ..Self::of(purpose, in_force)
        }
    }

    fn of(purpose: Purpose, interval: Option<ConsentInterval>) -> Self {
        Self {
            kind: "interval",
            purpose: Some(purpose.as_str()),
            valid_from: interval.map(|interval| instant(interval.valid_from)),
            valid_to: interval.and_then(|interval| interval.valid_to).map(instant),
            source: interval.map(|interval| interval.source.as_str()),
            ..Self::default()
        }
    }

    fn fields(&self, headings: &[&str]) -> Vec<Field> {
        let field = |heading: &&str| match *heading {
            "kind" => Field::text(Some(self.kind)),
            "purpose" => Field::text(self.purpose),
            "in_force" => Field::text(self.in_force.map(|yes| if yes { "yes" } else { "no" })),
            "valid_from" => Field::text(self.valid_from.as_deref()),
            "valid_to" => Field::text(self.valid_to.as_deref()),
            "source" => Field::text(self.source),
            "act" => Field::text(self.act),
            "entered_at" => Field::text(self.entered_at.as_deref()),
            "who" => Field::text(self.who.as_deref()),
            "why" => Field::text(self.why.as_deref()),
            "file" => Field::text(self.file.as_deref()),
            // Plain, and empty if missing: only suspensions have a line.
            "line" => Field::Text(self.line.map(|line| line.to_string()).unwrap_or_default()),
            _ => Field::text(self.id.as_deref()),
        };
        headings.iter().map(field).collect()
    }
}

fn lines_of(known: &ConsentStatus, now_ms: i64, email: &Personal<String>) -> Vec<Line> {
    let person = privacy::normalize_subject(email.reveal());
    let intervals = known.intervals.iter().map(|(purpose, interval)| Line {
        in_force: Some(known.suspended_by.is_empty() && interval.holds_at(now_ms)),
        ..Line::of(*purpose, Some(*interval))
    });
    let entries = known.entries.iter().map(|entry| Line {
        kind: "entry",
        purpose: Some(entry.purpose.as_str()),
        valid_from: Some(instant(entry.at_ms)),
        act: Some(entry.act.as_str()),
        entered_at: Some(instant(entry.entered_ms)),
        who: Some(entry.who.clone()),
        why: entry.why.clone(),
        ..Line::default()
    });
    let suspensions = known.suspended_by.iter().map(|entry| {
        // The file may be named after the person.
        let named = entry.file.to_lowercase().contains(person.as_ref());
        Line {
            kind: "suspension",
            file: Some(if named { "***" } else { &entry.file }.to_owned()),
            line: Some(entry.line),
            id: Some(entry.id.clone()),
            ..Line::default()
        }
    });
    intervals.chain(entries).chain(suspensions).collect()
}

/// Prints one table for each kind of line.
fn put_for_people(settings: &Settings, lines: &[Line]) -> Result<()> {
    for (kind, title, headings) in [
        (
            "now",
            "",
            &["purpose", "in_force", "valid_from", "valid_to", "source"][..],
        ),
        (
            "interval",
            "\nintervals, as of the last run\n",
            &["purpose", "valid_from", "valid_to", "source"],
        ),
        (
            "entry",
            "\nmanual entries\n",
            &["purpose", "act", "valid_from", "entered_at", "who", "why"],
        ),
        (
            "suspension",
            "\nsuspended by records in quarantine\n",
            &["file", "line", "id"],
        ),
    ] {
        let of_kind: Vec<&Line> = lines.iter().filter(|line| line.kind == kind).collect();
        if !of_kind.is_empty() {
            put(title)?;
            put_list(settings, headings, &of_kind, |line| line.fields(headings))?;
        }
    }
    Ok(())
}

/// The person whose address is the only line of standard input or of a file.
fn person(args: &PersonArgs) -> Result<Personal<String>> {
    if !args.refused.is_empty() {
        return Err(crate::args::person_among_arguments());
    }
    let bytes = match &args.email_file {
        Some(file) if file != Path::new("-") => std::fs::read(file).map_err(|error| {
            Failure::failed(
                format!("cannot read the file of --email-file: {error}"),
                "name a file that holds one e-mail address",
            )
        })?,
        _ => from_standard_input()?,
    };
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::settings(
            "the e-mail address is not valid UTF-8",
            "give one e-mail address in UTF-8",
        )
    })?;
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    match (lines.next(), lines.next()) {
        (Some(email), None) => Ok(Personal::new(email.to_owned())),
        (None, _) => Err(Failure::settings(
            "no e-mail address was given",
            "give one on standard input, or in a file named with --email-file",
        )),
        (Some(_), Some(_)) => Err(Failure::settings(
            "more than one line was given; nothing was done",
            "give one e-mail address at a time",
        )),
    }
}

/// Reads one line from a terminal, or everything from a pipe or file.
fn from_standard_input() -> Result<Vec<u8>> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        complain("e-mail address of the person:");
        let mut line = String::new();
        stdin.read_line(&mut line)?;
        return Ok(line.into_bytes());
    }
    // No address is that long.
    const BYTES_MAX: u64 = 64 << 10;
    let mut bytes = Vec::new();
    stdin.lock().take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Who makes the entry: the value of `--who`, or the user's login name.
fn who(stated: Option<&str>) -> Result<String> {
    let who = match one_line("--who", stated)? {
        Some(who) => Some(who),
        None => login_name(),
    };
    who.ok_or_else(|| {
        Failure::settings(
            "it is not known who makes this entry",
            "say so with --who NAME",
        )
    })
}

fn login_name() -> Option<String> {
    let told = ["LOGNAME", "USER"].into_iter().find_map(|name| {
        let value = std::env::var(name).ok()?;
        (!value.trim().is_empty()).then(|| value.trim().to_owned())
    });
    told.or_else(|| {
        use std::os::unix::fs::MetadataExt;
        let own = std::fs::metadata("/proc/self").ok()?.uid().to_string();
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == own).then(|| name.to_owned())
        })
    })
}

/// A text for a row of the register; none if it is blank.
fn one_line(flag: &str, text: Option<&str>) -> Result<Option<String>> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.contains(char::is_control)) {
        return Err(Failure::settings(
            format!("the text of {flag} has line breaks or control characters"),
            "write it as one line",
        ));
    }
    Ok(text.map(str::to_owned))
}

/// RFC 3339, or epoch milliseconds if RFC 3339 cannot express the time.
fn instant(at_ms: i64) -> String {
    DateTime::from_timestamp_millis(at_ms).map_or_else(
        || at_ms.to_string(),
        |at| at.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}
