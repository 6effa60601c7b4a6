//! The `malformed` defect: bytes that are no object, and objects in other framings
//! and types.
//!
//! Every object that is broken is also delivered undamaged. So every row counted
//! before can be read, and each broken stretch is one more entry in quarantine.
//! Damaged lines are far enough apart that no two stretches merge and no row lies
//! between two of them. So the reader's promise about the neighbours of a broken
//! object holds for each.

use crate::random::Random;

/// The schema drifts of each source.
pub(super) const SOURCES: [&[Drift]; 3] = [
    &[
        ("lastUpdateDate", Spelling::Text),
        ("registrationDate", Spelling::Float),
        ("phone", Spelling::Bare),
        ("lastUpdateDate", Spelling::Exponent),
        ("shareWithResearchAsOfDate", Spelling::Text),
        ("shareWithResearchAsOfDate", Spelling::Float),
    ],
    &[
        ("timestamp", Spelling::Text),
        ("x", Spelling::Text),
        ("timestamp", Spelling::Float),
        ("timestamp", Spelling::Exponent),
    ],
    &[
        ("sensorReadingTime", Spelling::Text),
        ("distanceFromObject", Spelling::Float),
        ("sensorReadingTime", Spelling::Float),
        ("distanceFromObject", Spelling::Text),
    ],
];

/// Minimum number of lines between two damaged lines; there are up to twice as
/// many.
const LINES_BETWEEN: u64 = 12;

/// Schema drift: a key, and the other spelling of its value.
pub(super) type Drift = (&'static str, Spelling);

/// Another spelling of the same value.
#[derive(Clone, Copy)]
pub(super) enum Spelling {
    /// In quotes.
    Text,
    /// Without its quotes.
    Bare,
    /// An integer with a fraction of zero.
    Float,
    /// An integer with an exponent of zero.
    Exponent,
}

/// Garbage between objects, on a line of its own or not.
const GARBAGE: [&str; 4] = [
    "2023-08-06T18:57:11Z WARN delivery resumed\n",
    "<br/>\n",
    "-- 8< -- ",
    "null\n",
];

/// Damages the lines of one source as they are written.
pub(super) struct Damage {
    drifts: &'static [Drift],
    /// Lines to write before the next damage.
    until_next: u64,
    /// Number of damaged lines.
    done: usize,
    stretches: u64,
}

impl Damage {
    /// `drifts` are those of the source in [`SOURCES`].
    pub(super) fn new(drifts: &'static [Drift]) -> Self {
        Damage {
            drifts,
            until_next: LINES_BETWEEN / 2,
            done: 0,
            stretches: 0,
        }
    }

    /// Number of unreadable stretches written so far.
    pub(super) fn stretches(&self) -> u64 {
        self.stretches
    }

    /// Appends a line, damaged if it is the turn of one. `in_force` tells whether
    /// the consent of the line's person is in force.
    pub(super) fn write(
        &mut self,
        line: &[u8],
        in_force: bool,
        random: &mut Random,
        to: &mut Vec<u8>,
    ) {
        if self.until_next > 0 {
            self.until_next -= 1;
            to.extend_from_slice(line);
            return;
        }
        self.until_next = LINES_BETWEEN + random.below(LINES_BETWEEN);
        let object = &line[..line.len() - 1];
        match self.done % 6 {
            // Cut off, and delivered again.
            0 => {
                self.stretches += 1;
                to.extend_from_slice(&object[..cut(object, in_force, random)]);
                to.push(b'\n');
                to.extend_from_slice(line);
            }
            // The next object follows on the same line.
            1 => to.extend_from_slice(object),
            2 => {
                self.stretches += 1;
                let garbage = GARBAGE[self.done / 6 % GARBAGE.len()];
                to.extend_from_slice(garbage.as_bytes());
                to.extend_from_slice(line);
            }
            // A comma after the object separates it from the next.
            3 => {
                to.extend_from_slice(object);
                to.extend_from_slice(b",\n");
            }
            // A comma inside breaks the object; it is delivered again without it.
            4 if !(in_force && position(object, EMAIL).is_some()) => {
                self.stretches += 1;
                to.extend_from_slice(&object[..object.len() - 1]);
                to.extend_from_slice(b",}\n");
                to.extend_from_slice(line);
            }
            _ => {
                let (key, spelling) = self.drifts[self.done / 6 % self.drifts.len()];
                respell(line, key, spelling, to);
            }
        }
        self.done += 1;
    }
}

/// The key of the e-mail address, which names the person of a customer record.
const EMAIL: &str = "\"email\"";

/// The length at which an object is cut off. It is before the e-mail address if the
/// person must not be known. It is never directly after a colon, where the object
/// on the next line would become part of this one.
fn cut(object: &[u8], nameless: bool, random: &mut Random) -> usize {
    let end = match position(object, EMAIL) {
        Some(email) if nameless => email,
        _ => object.len(),
    };
    let length = 2 + random.below(end as u64 - 2) as usize;
    let behind_colon = object[..length].trim_ascii_end().ends_with(b":");
    match behind_colon {
        true => object[..length].trim_ascii_end().len() - 1,
        false => length,
    }
}

/// Appends a line with another spelling of the value of `key`. A line without the
/// key is appended as it is.
fn respell(line: &[u8], key: &str, spelling: Spelling, to: &mut Vec<u8>) {
    let key = format!("\"{key}\":");
    let Some(at) = position(line, &key) else {
        to.extend_from_slice(line);
        return;
    };
    let start = at + key.len();
    let start = start + usize::from(line[start] == b' ');
    let value = line[start..].split(|byte| b",}".contains(byte)).next();
    let value = value.unwrap_or_default();
    let end = start + value.len();
    // A value that was not given is no number.
    let digits = value.first().is_some_and(u8::is_ascii_digit);
    to.extend_from_slice(&line[..start]);
    match spelling {
        Spelling::Text if value.first() != Some(&b'"') && value != b"null" => {
            to.push(b'"');
            to.extend_from_slice(value);
            to.push(b'"');
        }
        Spelling::Bare => to.extend(value.iter().filter(|byte| **byte != b'"')),
        Spelling::Float if digits => {
            to.extend_from_slice(value);
            to.extend_from_slice(b".0");
        }
        Spelling::Exponent if digits => {
            to.extend_from_slice(value);
            to.extend_from_slice(b"e0");
        }
        _ => to.extend_from_slice(value),
    }
    to.extend_from_slice(&line[end..]);
}

fn position(line: &[u8], text: &str) -> Option<usize> {
    let text = text.as_bytes();
    line.windows(text.len()).position(|window| window == text)
}
