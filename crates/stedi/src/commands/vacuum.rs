//! `stedi vacuum`: removes files that no retained version needs.

use std::time::Duration;

use anyhow::Result;

use crate::args::VacuumArgs;
use crate::failure::{Ending, Failure};
use crate::output::{Field, grouped, put_list, say};
use crate::runtime::runtime;
use crate::settings::Settings;

pub(crate) fn vacuum(settings: &Settings, args: &VacuumArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    let keep = duration_of(&args.keep)?;
    let vacuumed = runtime()?.block_on(engine::vacuum(&setup, keep, args.dry_run))?;
    let headings = ["zone", "table", "versions", "files", "bytes"];
    put_list(settings, &headings, &vacuumed, |table| {
        vec![
            Field::text(Some(&table.zone)),
            Field::text(Some(&table.table)),
            Field::count(table.versions),
            Field::count(table.files),
            Field::count(table.bytes),
        ]
    })?;
    let total = |of: fn(&engine::Vacuumed) -> u64| grouped(vacuumed.iter().map(of).sum());
    let (versions, files) = (total(|table| table.versions), total(|table| table.files));
    let bytes = total(|table| table.bytes);
    let done = match (vacuumed.is_empty(), args.dry_run) {
        (true, _) => format!(
            "nothing to remove; a version is retained for {} after a newer one",
            args.keep
        ),
        (false, true) => {
            format!("would remove {versions} versions and {files} files, {bytes} bytes")
        }
        (false, false) => format!("removed {versions} versions and {files} files, {bytes} bytes"),
    };
    say(settings, &done);
    Ok(Ending::Done)
}

/// Parses `2w`, `7d`, `12h`, `30m` or `90s`.
pub(super) fn duration_of(text: &str) -> Result<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        "d" => Some(24 * 60 * 60),
        "w" => Some(7 * 24 * 60 * 60),
        _ => None,
    };
    unit.zip(digits.parse::<u64>().ok())
        .and_then(|(unit, count)| count.checked_mul(unit))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            Failure::settings(
                format!("keep: `{text}` is not a duration"),
                "write 2w, 7d, 12h, 30m or 0s",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        for (text, expected) in [
            ("7d", Some(604_800)),
            ("2w", Some(1_209_600)),
            ("12h", Some(43_200)),
            ("30m", Some(1_800)),
            ("0s", Some(0)),
            ("7", None),
            ("-1d", None),
            ("1.5h", None),
            ("d", None),
            ("", None),
            ("99999999999999999d", None),
        ] {
            let seconds = duration_of(text).ok().map(|span| span.as_secs());
            assert_eq!(seconds, expected, "{text}");
        }
    }
}
