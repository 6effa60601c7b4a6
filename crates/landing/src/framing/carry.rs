//! The framing state that passes from one segment of a file to the next.

use std::fmt;

use super::grammar::Automaton;
use super::recovery::{BrokenStretch, Unproven};
use crate::reject::Sink;

/// The framing state after all bytes before an offset: position, line, and the open
/// object or stretch. Its size is bounded by `object_bytes_max` for an object that
/// may still become a row, and by `quarantine_bytes_max` for one that cannot.
/// `Debug` shows no byte of it.
#[derive(Clone)]
pub struct Carry {
    pub(crate) offset: u64,
    /// Newlines before `offset`. They count from the beginning of the file, or from
    /// the offset of a guess.
    pub(crate) lines: u64,
    pub(crate) state: FramingState,
    /// Whether the position is inside a top-level array.
    pub(crate) array: bool,
    pub(crate) line_indent: LineIndent,
}

impl Carry {
    /// The start of a file, where a byte order mark may stand.
    pub fn start() -> Carry {
        Carry {
            offset: 0,
            lines: 0,
            state: FramingState::AtStart(0),
            array: false,
            line_indent: LineIndent::default(),
        }
    }

    /// The guess that `offset` is right after a newline, between objects, and not
    /// inside a top-level array. Lines count from `offset`.
    pub fn assumed(offset: u64) -> Carry {
        Carry {
            offset,
            state: FramingState::BetweenObjects,
            ..Carry::start()
        }
    }

    /// Like [`Carry::assumed`], for a file that begins with `head`: if these bytes
    /// open a top-level array, `offset` is assumed to be inside it.
    pub fn guessed(head: &[u8], offset: u64) -> Carry {
        let text = head
            .strip_prefix(&BYTE_ORDER_MARK)
            .unwrap_or(head)
            .trim_ascii_start();
        let array = text
            .strip_prefix(b"[")
            .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
        Carry {
            array,
            ..Carry::assumed(offset)
        }
    }

    /// Whether a segment decoded from `assumed` is valid for this, the true carry.
    /// If so, only line numbers differ, and [`crate::Decoded::follow`] corrects
    /// them. If not, the segment must be decoded again.
    pub fn agrees_with(&self, assumed: &Carry) -> bool {
        let same_state = match (&self.state, &assumed.state) {
            (FramingState::BetweenObjects, FramingState::BetweenObjects) => true,
            // The carry of a file's first segment is known, not guessed.
            (FramingState::AtStart(read), FramingState::AtStart(other)) => read == other,
            _ => false,
        };
        self.offset == assumed.offset
            && same_state
            && self.array == assumed.array
            && self.line_indent == assumed.line_indent
    }

    /// The offset in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The line of the offset, from 1.
    pub fn line(&self) -> u64 {
        self.lines + 1
    }

    /// Bytes held in memory for the open object or stretch.
    pub fn held_bytes(&self) -> usize {
        match &self.state {
            FramingState::InObject(open) | FramingState::AwaitingProof(open) => open.held.len(),
            FramingState::Recovering(broken) => broken.sink.bytes().map_or(0, <[u8]>::len),
            FramingState::AtStart(_) | FramingState::BetweenObjects => 0,
        }
    }

    /// Turns lines that count from the offset of a guess into lines of the file.
    pub(crate) fn shift_lines(&mut self, lines: u64) {
        self.lines += lines;
        match &mut self.state {
            FramingState::InObject(open) | FramingState::AwaitingProof(open) => open.line += lines,
            FramingState::Recovering(broken) => broken.line += lines,
            FramingState::AtStart(_) | FramingState::BetweenObjects => {}
        }
    }
}

impl fmt::Debug for Carry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            FramingState::AtStart(_) => "at the start",
            FramingState::BetweenObjects => "between objects",
            FramingState::InObject(_) => "inside an object",
            FramingState::AwaitingProof(_) => "after an object in doubt",
            FramingState::Recovering(_) => "in a stretch that cannot be read",
        };
        f.debug_struct("Carry")
            .field("offset", &self.offset)
            .field("lines", &self.lines)
            .field("state", &state)
            .field("array", &self.array)
            .field("held_bytes", &self.held_bytes())
            .finish()
    }
}

/// The byte order mark of UTF-8.
pub(crate) const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// The position of the decoder between two bytes.
#[derive(Clone)]
pub(crate) enum FramingState {
    /// At the start of the file, after this many bytes of a byte order mark.
    AtStart(usize),
    /// Outside of objects and rejected stretches.
    BetweenObjects,
    /// Inside an object that is valid so far.
    InObject(Box<OpenObject>),
    /// After a complete object that follows a broken one. It becomes a row only if
    /// the bytes after it prove that it is no part of the broken one.
    AwaitingProof(Box<OpenObject>),
    /// Inside a rejected stretch, looking for the next object.
    Recovering(Box<BrokenStretch>),
}

/// An object that [`Automaton`] follows byte by byte.
#[derive(Clone)]
pub(crate) struct OpenObject {
    pub(crate) start: u64,
    pub(crate) line: u64,
    /// Indentation of the line on which it begins.
    pub(crate) indent: u64,
    pub(crate) automaton: Automaton,
    /// Its bytes in earlier segments; empty if it is oversize.
    pub(crate) held: Vec<u8>,
    /// Set if it is longer than `object_bytes_max`: its bytes, for quarantine.
    pub(crate) oversize: Option<Sink>,
    /// Offset just after the closing quote of its last string.
    pub(crate) string_end: u64,
    /// The last byte that is not white space.
    pub(crate) previous: u8,
    /// The last field value that began a line.
    pub(crate) line_value: Option<LineValue>,
    /// Set if it follows a broken object.
    pub(crate) unproven: Option<Unproven>,
    /// Offset just after its closing brace, once it is complete.
    pub(crate) end: u64,
}

/// An object that is the value of a field, but begins a line that is indented no
/// further than the object around it. It is a record of its own if the object
/// around it turns out to be cut off just before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineValue {
    pub(crate) start: u64,
    /// Nesting depth inside it.
    pub(crate) depth: u64,
    pub(crate) end: Option<u64>,
}

/// The indentation of the current line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineIndent {
    /// White space before the first other byte.
    pub(crate) width: u64,
    /// Whether the line holds only white space so far.
    pub(crate) is_blank: bool,
}

impl Default for LineIndent {
    fn default() -> LineIndent {
        LineIndent {
            width: 0,
            is_blank: true,
        }
    }
}

impl LineIndent {
    /// Takes the next byte.
    pub(crate) fn feed(&mut self, byte: u8) {
        match byte {
            b'\n' => *self = LineIndent::default(),
            b' ' | b'\t' if self.is_blank => self.width += 1,
            b'\r' => {}
            _ => self.is_blank = false,
        }
    }

    /// Takes the next bytes.
    pub(crate) fn feed_all(&mut self, bytes: &[u8]) {
        let line = match memchr::memrchr(b'\n', bytes) {
            Some(newline) => {
                *self = LineIndent::default();
                &bytes[newline + 1..]
            }
            None => bytes,
        };
        for byte in line {
            if !self.is_blank {
                break;
            }
            self.feed(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression test: a file's first segment was decoded twice, and all later
    /// segments one by one. The result was right, but slow.
    #[test]
    fn a_carry_agrees_only_with_the_same_guess() {
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
