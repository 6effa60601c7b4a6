//! What passes from one segment of a file to the next.

use std::fmt;

use super::grammar::Automaton;
use super::recovery::{Broken, Doubt};
use crate::reject::Sink;

/// What the bytes before an offset left open. Its size is bounded: by
/// `object_bytes_max` for an object that may still become a row, by
/// `quarantine_bytes_max` for one that cannot. Printing shows no byte of it.
#[derive(Clone)]
pub struct Carry {
    pub(crate) offset: u64,
    /// Newlines counted before `offset`.
    pub(crate) lines: u64,
    pub(crate) place: Place,
    /// Inside a top-level array.
    pub(crate) array: bool,
    pub(crate) margin: Margin,
}

impl Carry {
    /// The start of a file, where a byte order mark may stand.
    pub fn start() -> Carry {
        Carry {
            offset: 0,
            lines: 0,
            place: Place::Mark(0),
            array: false,
            margin: Margin::default(),
        }
    }

    /// A guess: `offset` lies right after a newline, between objects, and not
    /// inside a top-level array. Lines count from `offset`.
    pub fn assumed(offset: u64) -> Carry {
        Carry {
            offset,
            place: Place::Between,
            ..Carry::start()
        }
    }

    /// [`Carry::assumed`] for a file of which the first bytes are known: if
    /// they open a top-level array, `offset` is taken to lie inside it.
    pub fn guessed(head: &[u8], offset: u64) -> Carry {
        let text = head.strip_prefix(&MARK).unwrap_or(head).trim_ascii_start();
        let array = text
            .strip_prefix(b"[")
            .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
        Carry {
            array,
            ..Carry::assumed(offset)
        }
    }

    /// Whether a segment decoded with `assumed` need not be decoded again with
    /// this, the true carry: what comes out is the same but for the numbers
    /// of lines, which [`crate::Decoded::follow`] corrects.
    pub fn agrees_with(&self, assumed: &Carry) -> bool {
        let same_place = match (&self.place, &assumed.place) {
            (Place::Between, Place::Between) => true,
            // A file's first segment is not guessed at.
            (Place::Mark(read), Place::Mark(other)) => read == other,
            _ => false,
        };
        self.offset == assumed.offset
            && same_place
            && self.array == assumed.array
            && self.margin == assumed.margin
    }

    /// How many bytes of the file lie before it.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The line it is on, from 1.
    pub fn line(&self) -> u64 {
        self.lines + 1
    }

    /// Bytes held in memory for what is open.
    pub fn held_bytes(&self) -> usize {
        match &self.place {
            Place::Object(open) | Place::Proof(open) => open.before.len(),
            Place::Broken(broken) => broken.sink.bytes().map_or(0, <[u8]>::len),
            Place::Mark(_) | Place::Between => 0,
        }
    }

    /// Lines counted from a place assumed become lines of the file.
    pub(crate) fn shift_lines(&mut self, lines: u64) {
        self.lines += lines;
        match &mut self.place {
            Place::Object(open) | Place::Proof(open) => open.line += lines,
            Place::Broken(broken) => broken.line += lines,
            Place::Mark(_) | Place::Between => {}
        }
    }
}

impl fmt::Debug for Carry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.place {
            Place::Mark(_) => "at the start",
            Place::Between => "between objects",
            Place::Object(_) => "inside an object",
            Place::Proof(_) => "after an object in doubt",
            Place::Broken(_) => "in a stretch that cannot be read",
        };
        f.debug_struct("Carry")
            .field("offset", &self.offset)
            .field("lines", &self.lines)
            .field("place", &place)
            .field("array", &self.array)
            .field("held_bytes", &self.held_bytes())
            .finish()
    }
}

/// The byte order mark of UTF-8.
pub(crate) const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Where the reader stands.
#[derive(Clone)]
pub(crate) enum Place {
    /// At the start of the file, after so many bytes of a byte order mark.
    Mark(usize),
    /// Between objects.
    Between,
    /// Inside an object that is valid so far.
    Object(Box<Open>),
    /// After a complete object that is taken only if what follows proves that
    /// it is not a part of a broken one.
    Proof(Box<Open>),
    /// In a stretch that cannot be read.
    Broken(Box<Broken>),
}

/// An object that the byte automaton follows.
#[derive(Clone)]
pub(crate) struct Open {
    pub(crate) start: u64,
    pub(crate) line: u64,
    /// White space before the first thing on the line it began on.
    pub(crate) indent: u64,
    pub(crate) automaton: Automaton,
    /// Its bytes in earlier segments; empty if it is oversize.
    pub(crate) before: Vec<u8>,
    /// It is longer than `object_bytes_max`: what it comes to.
    pub(crate) oversize: Option<Sink>,
    /// Just after the closing quote of its last string.
    pub(crate) string_end: u64,
    /// The last byte that is not white space.
    pub(crate) previous: u8,
    /// The last field value that began a line.
    pub(crate) line_value: Option<LineValue>,
    /// It came after a broken object.
    pub(crate) doubt: Option<Doubt>,
    /// Just after its closing brace, once it has one.
    pub(crate) end: u64,
}

/// An object that stands as a field's value, but begins a line that is
/// indented no further than the object it stands in: a record of its own if
/// that object turns out to be cut off just before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineValue {
    pub(crate) start: u64,
    /// Depth inside it.
    pub(crate) depth: u64,
    pub(crate) end: Option<u64>,
}

/// The white space that a line begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Margin {
    pub(crate) indent: u64,
    /// Only white space so far.
    pub(crate) blank: bool,
}

impl Default for Margin {
    fn default() -> Margin {
        Margin {
            indent: 0,
            blank: true,
        }
    }
}

impl Margin {
    /// Goes on by a byte.
    pub(crate) fn feed(&mut self, byte: u8) {
        match byte {
            b'\n' => *self = Margin::default(),
            b' ' | b'\t' if self.blank => self.indent += 1,
            b'\r' => {}
            _ => self.blank = false,
        }
    }

    /// Goes on by many bytes.
    pub(crate) fn feed_all(&mut self, bytes: &[u8]) {
        let line = match memchr::memrchr(b'\n', bytes) {
            Some(newline) => {
                *self = Margin::default();
                &bytes[newline + 1..]
            }
            None => bytes,
        };
        for byte in line {
            if !self.blank {
                break;
            }
            self.feed(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file's first segment was once decoded twice, and all that followed
    /// one by one: nothing was wrong but the time it took.
    #[test]
    fn what_agrees_with_what_was_assumed() {
        let lines = Carry {
            lines: 7,
            ..Carry::assumed(100)
        };
        for (carry, assumed, expected) in [
            (Carry::start(), Carry::start(), true),
            (Carry::start(), Carry::guessed(b"{", 0), false),
            (lines.clone(), Carry::guessed(b"{", 100), true),
            (lines.clone(), Carry::guessed(b"{", 101), false),
            (lines, Carry::guessed(b"[{", 100), false),
        ] {
            assert_eq!(
                carry.agrees_with(&assumed),
                expected,
                "{carry:?} {assumed:?}"
            );
        }
    }
}
