//! People of whom a record lies in quarantine.
//!
//! What could not be read may have been the withdrawal, so that nobody's
//! consent counts whose e-mail stands in a quarantined customer record, until
//! somebody mends the file or drops the entry.
//!
//! An e-mail is looked for in two ways, and both count: behind the key that
//! names it, and by its shape anywhere in the bytes. A record may be broken at
//! that very key. To suspend one person too many is seen, told by `stedi
//! consent status` and undone; to miss one keeps somebody who withdrew.
//!
//! Of bytes that are too many to keep, the e-mails found in them are kept, see
//! [`finder`]. How many people are held has a limit: beyond it nobody can be
//! told from those suspended, and nothing is published.

use std::collections::HashSet;
use std::sync::Arc;

use catalog::TableRoles;
use landing::Finder;
use memchr::memchr_iter;
use privacy::normalize_subject;

use super::quarantine_entry::QuarantineEntry;
use crate::error::{Error, LandingFault};

/// Finds the people in records of which no byte is kept; nothing is looked for
/// in other tables.
pub(super) fn finder(roles: &TableRoles) -> Option<Arc<dyn Finder>> {
    let subject = roles.subject.clone().filter(|_| roles.has_consent())?;
    Some(Arc::new(People { subject }))
}

#[derive(Debug)]
struct People {
    /// The key before a person's name.
    subject: String,
}

impl Finder for People {
    fn find(&self, bytes: &[u8]) -> Vec<String> {
        people_in(bytes, &self.subject).into_iter().collect()
    }
}

/// People named in what cannot be read.
#[derive(Debug, Clone, Default)]
pub struct Named {
    people: HashSet<String>,
    bytes: usize,
    is_cut: bool,
}

/// What is held of their names: a million people, or so.
const NAMED_BYTES_MAX: usize = 64 << 20;

impl Named {
    /// People named in one entry, of records that name a person in column `subject`.
    pub fn of(entry: &QuarantineEntry, subject: &str) -> Self {
        let mut named = Self::default();
        named.take_in(entry, subject);
        named
    }

    /// Adds the people named in an entry. Returns whether anybody is named by a text in the
    /// form of an address, because not everything around an `@` is one.
    pub fn take_in(&mut self, entry: &QuarantineEntry, subject: &str) -> bool {
        const FIXED: usize = 48;
        if entry.is_misfit() {
            return false;
        }
        let kept = entry.subjects.iter().flat_map(|subjects| subjects.lines());
        let raw = entry.raw.as_deref();
        let raw = raw.map(|raw| people_in(raw, subject)).unwrap_or_default();
        let mut names_any = false;
        for person in kept.map(str::to_owned).chain(raw) {
            names_any |= is_address(&person);
            let bytes = person.len() + FIXED;
            if self.bytes + bytes > NAMED_BYTES_MAX {
                self.is_cut |= !self.people.contains(&person);
            } else if self.people.insert(person) {
                self.bytes += bytes;
            }
        }
        names_any
    }

    /// Whether anybody is named.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Whether `person` is.
    pub fn contains(&self, person: &str) -> bool {
        self.people.contains(person)
    }

    /// All of them.
    ///
    /// # Errors
    /// [`Error::Landing`] where there are more than can be held.
    pub fn all(&self) -> Result<&HashSet<String>, Error> {
        if self.is_cut {
            return Err(Error::Landing(LandingFault::TooManySuspended));
        }
        Ok(&self.people)
    }
}

/// Whether an entry of a table of person records may be about somebody whose name cannot be
/// known: see [`QuarantineEntry::hides_people`]; or it is a record that stops before the
/// text in column `subject` ends, or whose bytes are not kept. `m0@gym.ex` may be the
/// beginning of anybody's address.
pub fn may_be_about_anybody(entry: &QuarantineEntry, subject: &str) -> bool {
    // Where the bytes are not kept, the texts found in them may be beginnings of
    // addresses, or stand behind other keys.
    let raw = entry.raw.as_deref();
    let is_known = || raw.is_some_and(|raw| names_completely(raw, subject));
    entry.hides_people() || (entry.is_truncated() && !is_known())
}

/// Whether `raw` has a complete text behind the key `subject`.
fn names_completely(raw: &[u8], subject: &str) -> bool {
    values_of_key(raw, subject).any(|value| {
        let value = value.strip_prefix(b"\"");
        value.is_some_and(|value| value.get(text_at(value).len()) == Some(&b'"'))
    })
}

/// Whether this is most likely somebody's address. Others are suspended all the
/// same; bytes of a file that is no text hold many.
fn is_address(person: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "@.-_+%'".contains(c);
    let host = person.split_once('@').map(|(_, host)| host);
    let ending = host.and_then(|host| host.rsplit_once('.'));
    person.chars().all(plain)
        && ending
            .is_some_and(|(_, ending)| ending.len() > 1 && ending.chars().all(char::is_alphabetic))
}

/// Every subject that stands in `raw`.
fn people_in(raw: &[u8], subject: &str) -> HashSet<String> {
    let mut found: Vec<String> = behind_the_key(raw, subject).collect();
    let text = unescaped(raw);
    // Between spaces and the signs of JSON, and, where other signs stand
    // around it, as much as an address mostly consists of.
    found.extend(addresses(&text, |c| {
        c.is_whitespace() || c.is_control() || "\"\\,:;{}[]<>()\u{fffd}".contains(c)
    }));
    found.extend(addresses(&text, |c| {
        !c.is_alphanumeric() && !"@.-_+%".contains(c)
    }));
    found
        .iter()
        .map(|email| normalize_subject(email).into_owned())
        .filter(|person| !person.is_empty())
        .collect()
}

/// The parts of `text` that have the shape of an address.
fn addresses(text: &str, divides: impl Fn(char) -> bool) -> impl Iterator<Item = String> {
    text.split(divides)
        .map(|part| part.trim_matches(['\'', '.', '`']))
        .filter(|part| {
            part.split_once('@')
                .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        })
        .map(str::to_owned)
}

/// Every text behind the key of the e-mail, whatever surrounds it. A text that is cut off
/// counts as far as it goes: it may lack only its quote.
fn behind_the_key<'a>(raw: &'a [u8], subject: &'a str) -> impl Iterator<Item = String> + 'a {
    values_of_key(raw, subject).filter_map(|value| {
        let text = text_at(value.strip_prefix(b"\"")?);
        Some(unescaped(text))
    })
}

/// The bytes behind each key `subject` and its colon.
fn values_of_key<'a>(raw: &'a [u8], subject: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
    // Every letter of the key may be written as \u and four digits.
    let key_bytes_max = subject.len() * r"\u0065".len();
    memchr_iter(b'"', raw).filter_map(move |quote| {
        let rest = &raw[quote + 1..];
        let key = text_at(&rest[..rest.len().min(key_bytes_max + 1)]);
        let value = rest.get(key.len() + 1..)?.trim_ascii_start();
        let is_email = unescaped(key).eq_ignore_ascii_case(subject);
        let value = value.strip_prefix(b":").filter(|_| is_email)?;
        Some(value.trim_ascii_start())
    })
}

/// The bytes of the JSON text that `rest` begins with, up to its quote, or to
/// where it is cut off.
fn text_at(rest: &[u8]) -> &[u8] {
    let mut escaped = false;
    let end = rest.iter().position(|byte| {
        let ends = (*byte == b'"' && !escaped) || byte.is_ascii_control();
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    &rest[..end.unwrap_or(rest.len())]
}

/// `raw` with every escape of JSON in it written out. What is no escape stays
/// as it is, and what is no text becomes U+FFFD.
fn unescaped(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(at) = rest.find('\\') {
        units.extend(rest[..at].encode_utf16());
        rest = &rest[at + 1..];
        let Some(escape) = rest.chars().next() else {
            break;
        };
        rest = &rest[escape.len_utf8()..];
        let plain = match escape {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            // Cut off in the middle.
            'u' if rest.len() < 4 => {
                rest = "";
                break;
            }
            'u' => {
                let digits = rest
                    .get(..4)
                    .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
                if let Some(unit) = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
                    units.push(unit);
                    rest = &rest[4..];
                }
                continue;
            }
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    units.extend(rest.encode_utf16());
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &[u8], expected: &[&str]) {
        let mut found: Vec<String> = people_in(raw, "email").into_iter().collect();
        found.sort();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(raw));
    }

    #[test]
    fn people_are_found_in_broken_records() {
        for (raw, expected) in [
            (r#"{"email":"a@x.org","phone":"1"#, &["a@x.org"][..]),
            (r#"{"customerName":"A","EMail" : "A@x.org" ,"#, &["a@x.org"]),
            (
                r#"{"email":"a@x.org","email":"b@x.org"}"#,
                &["a@x.org", "b@x.org"],
            ),
            // Escapes, in the value and in the key.
            (r#"{"email":"a\u0040x.org","#, &["a@x.org"]),
            (r#"{"email":"\u0041@X\u002eORG","#, &["a@x.org"]),
            (
                r#"{"\u0065\u006d\u0061\u0069\u006c":"nobody","#,
                &["nobody"],
            ),
            (r#"{"email":"\ud83d\ude00@x.org","#, &["\u{1f600}@x.org"]),
            (r#"{"email":" a@x.org\n\t","#, &["a@x.org"]),
            // Cut off.
            (r#"{"email":"a@x.org"#, &["a@x.org"]),
            (r#"{"email":"a@x.o"#, &["a@x.o"]),
            (r#"{"email":"a@x.org\u00"#, &["a@x.org"]),
            ("{\"email\":\"a@x.org\n", &["a@x.org"]),
            (r#"{"email":"a"#, &["a"]),
            (r#"{"email":""#, &[]),
            (r#"{"email":"#, &[]),
            (r#"{"email"#, &[]),
            // Broken at the key itself.
            (r#"{email:"a@x.org","#, &["a@x.org"]),
            (r#"{'email':'a@x.org','phone"#, &["a@x.org"]),
            (r#"{"e-mail":"a@x.org""#, &["a@x.org"]),
            (r#"{"email""a@x.org","#, &["a@x.org"]),
            (r#"{"email":"a@x.org,"phone":"#, &["a@x.org", "a@x.org,"]),
            ("a@x.org\t2022-06-18", &["a@x.org"]),
            ("Ann|a@x.org|1", &["a@x.org", "ann|a@x.org|1"]),
            ("email=a@x.org&name=A", &["a@x.org", "email=a@x.org&name=a"]),
            (r#"{"email":"o'b@x.org","#, &["b@x.org", "o'b@x.org"]),
            // Nobody.
            (r#"{"email":17,"phone":"#, &[]),
            (r#"garbage "email""#, &[]),
            (r#"{"phone":"@","x":"a@","y":"@b""#, &[]),
            ("", &[]),
            ("\\", &[]),
        ] {
            check(raw.as_bytes(), expected);
        }
        check(b"{\"email\":\"a@x.org\",\"n\":\"\xff", &["a@x.org"]);
        check(
            b"\xff{\"email\":\"a@x.org\xff\",",
            &["a@x.org", "a@x.org\u{fffd}"],
        );
    }

    #[test]
    fn a_name_that_is_cut_off_is_not_known() {
        for (raw, expected) in [
            (r#"{"email":"a@x.org","phone":"1"#, true),
            (r#"{"EMail" : "A@x.org" ,"#, true),
            (r#"{"email":"a@x.org""#, true),
            (r#"{"email":"a\"@x.org""#, true),
            (r#"{"email":"a@x.org"#, false),
            (r#"{"email":"a@x.o"#, false),
            (r#"{"email":"a@x.org\""#, false),
            (r#"{"email":17,"#, false),
            (r#"{"email":"#, false),
            (r#"{"phone":"1","em"#, false),
            (r#"{"contact":"a@x.org","phone":"1"#, false),
            ("", false),
        ] {
            let names = names_completely(raw.as_bytes(), "email");
            assert_eq!(names, expected, "{raw}");
        }
    }

    #[test]
    fn many_quotes_take_no_time() {
        for unit in [r#"\""#, r#"""#, r#""email":"#, r#"\u0022"#] {
            let raw = unit.repeat(65_536 / unit.len());
            let started = std::time::Instant::now();
            people_in(raw.as_bytes(), "email");
            assert!(started.elapsed().as_secs() < 2, "{unit}");
        }
    }
}
