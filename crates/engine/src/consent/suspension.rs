//! People of whom a record lies in quarantine.
//!
//! What could not be read may have been the withdrawal, so that nobody's
//! consent counts whose e-mail stands in a quarantined customer record, until
//! somebody mends the file or drops the entry.

use std::collections::HashSet;

use memchr::memmem;
use privacy::subject;

use super::{RECORD_COLUMNS, RECORDS};
use crate::landing::TableIntake;
use crate::quarantine::QuarantineEntry;

/// Who is suspended: subjects named in records that a run could not read, or
/// that were found by earlier ones and are still `open`.
pub(crate) fn suspended(read: Option<&TableIntake>, known: &[QuarantineEntry]) -> HashSet<String> {
    let of_records = || known.iter().filter(|entry| entry.table == RECORDS);
    let mut emails = Vec::new();
    match read {
        Some(read) => {
            let dropped: HashSet<&str> = of_records()
                .filter(|entry| !entry.is_open())
                .map(|entry| entry.id.as_str())
                .collect();
            for rejection in &read.rejections {
                let entry = QuarantineEntry::of(RECORDS, rejection);
                if !dropped.contains(entry.id.as_str()) {
                    emails.extend(entry.raw.iter().flat_map(|raw| emails_in(raw)));
                }
            }
        }
        None => {
            let open = of_records().filter(|entry| entry.is_open());
            emails.extend(
                open.filter_map(|entry| entry.raw.as_deref())
                    .flat_map(emails_in),
            );
        }
    }
    emails
        .iter()
        .map(|email| subject(email).into_owned())
        .collect()
}

/// Every text that stands behind the key of the e-mail, whatever surrounds it.
fn emails_in(raw: &[u8]) -> Vec<String> {
    let lower = raw.to_ascii_lowercase();
    let key = format!("\"{}\"", RECORD_COLUMNS[0]);
    memmem::find_iter(&lower, key.as_bytes())
        .filter_map(|at| text_behind(&raw[at + key.len()..]))
        .collect()
}

/// The JSON text behind a colon.
fn text_behind(rest: &[u8]) -> Option<String> {
    let rest = rest
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start();
    let mut escaped = false;
    let end = rest.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    serde_json::from_slice(&rest[..end + 2]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_are_found_in_broken_records() {
        for (raw, expected) in [
            (r#"{"email":"a@x.org","phone":"1"#, vec!["a@x.org"]),
            (
                r#"{"customerName":"A","EMail" : "A@x.org" ,"#,
                vec!["A@x.org"],
            ),
            (r#"{"email":"a\u0040x.org","#, vec!["a@x.org"]),
            (r#"{"email":"a@x.o"#, vec![]),
            (r#"{"email":17,"phone":"#, vec![]),
            (r#"{"e-mail":"a@x.org""#, vec![]),
            (
                r#"{"email":"a@x.org","email":"b@x.org"}"#,
                vec!["a@x.org", "b@x.org"],
            ),
            (r#"garbage "email""#, vec![]),
            ("", vec![]),
        ] {
            assert_eq!(emails_in(raw.as_bytes()), expected, "{raw}");
        }
    }
}
