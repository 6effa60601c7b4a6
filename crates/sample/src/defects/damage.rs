//! `malformed`: bytes that are no object, and objects in other spellings.
//!
//! What is broken arrives whole as well, so every row counted before can be
//! read, and each broken stretch is one more for quarantine. Damage is far
//! enough apart that no two stretches become one and no row stands between
//! two of them: what the reader promises about the neighbours of a broken
//! object holds for each.

use crate::random::Random;

/// What can drift in each source's lines.
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

/// Between two damages lie this many lines, and up to as many again.
const LINES_BETWEEN: u64 = 12;

/// A key, and how its value is spelled instead.
pub(super) type Drift = (&'static str, Spelling);

/// Another spelling of a value that means the same.
#[derive(Clone, Copy)]
pub(super) enum Spelling {
    /// In quotes.
    Text,
    /// Without its quotes.
    Bare,
    /// A whole number with a fraction of zero.
    Float,
    /// A whole number with an exponent of zero.
    Exponent,
}

/// Text between objects, with and without a line of its own.
const GARBAGE: [&str; 4] = [
    "2023-08-06T18:57:11Z WARN delivery resumed\n",
    "<br/>\n",
    "-- 8< -- ",
    "null\n",
];

/// Damages the lines of one source as they pass.
pub(super) struct Damage {
    drifts: &'static [Drift],
    /// Lines that pass before the next damage.
    until_next: u64,
    /// Damages done.
    done: usize,
    stretches: u64,
}

impl Damage {
    /// `drifts` are the source's, of [`SOURCES`].
    pub(super) fn new(drifts: &'static [Drift]) -> Self {
        Damage {
            drifts,
            until_next: LINES_BETWEEN / 2,
            done: 0,
            stretches: 0,
        }
    }

    /// Stretches written so far that no reader can read.
    pub(super) fn stretches(&self) -> u64 {
        self.stretches
    }

    /// Appends a line, damaged where it is its turn. `in_force` says whether
    /// the consent of the person it is of is in force.
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
            // A comma behind the object separates it from the next.
            3 => {
                to.extend_from_slice(object);
                to.extend_from_slice(b",\n");
            }
            // A comma inside breaks it; without it, delivered again.
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

/// The key of what says who a customer record is about.
const EMAIL: &str = "\"email\"";

/// How many bytes of an object are left when it is cut off: before the e-mail
/// if it must not be known whose it is, and otherwise anywhere but directly
/// behind a colon, where the object on the next line becomes part of this one.
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

/// Appends a line with the value of `key` spelled another way; as it is where
/// it has none.
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
    // What was not given is not a number to be spelled otherwise.
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
