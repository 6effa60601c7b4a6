//! Recovery: finds the next object after a broken one.
//!
//! Two errors must never happen: that a part of a broken object becomes a row, and
//! that a broken object costs its neighbour. The rules are in the crate's
//! documentation, ordered by the strength of their proof. This module holds the
//! state that they need about the bytes since the break; `decode::segment` applies
//! them.

use super::grammar::Nesting;
use crate::reject::{Reason, Sink};

/// Open brackets since a break. A stray quote may have swapped the inside and the
/// outside of strings, so the tracker follows both readings. A line end tells which
/// one is right, since no string holds a raw newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BracketTracker {
    in_string: bool,
    escaped: bool,
    /// A quote was seen: the bytes after it may be the inside of a string.
    quoted: bool,
    /// Brackets outside of strings.
    direct: Nesting,
    /// Brackets inside of strings, for the swapped reading; `None` once it is
    /// refuted.
    swapped: Option<Nesting>,
    /// The last byte closed all brackets of the swapped reading.
    swapped_closed: bool,
    /// The last byte that is not white space.
    previous: u8,
}

/// The effect of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BracketStep {
    More,
    /// The byte closed the last open bracket.
    Closed,
    /// The byte before it closed the last open bracket.
    ClosedBefore,
}

impl BracketTracker {
    /// A tracker outside of any object.
    pub(crate) fn outside() -> BracketTracker {
        BracketTracker::inside(Nesting::default(), false, 0)
    }

    /// A tracker at a break.
    pub(crate) fn inside(direct: Nesting, in_string: bool, previous: u8) -> BracketTracker {
        BracketTracker {
            in_string,
            escaped: false,
            quoted: direct.depth() > 0,
            direct,
            swapped: Some(direct),
            swapped_closed: false,
            previous,
        }
    }

    pub(crate) fn in_array(&self) -> bool {
        self.direct.in_array()
    }

    /// What must follow an object that begins here.
    pub(crate) fn required_proof(&self) -> RequiredProof {
        if self.in_array() || self.previous == b':' {
            RequiredProof::NextObject
        } else {
            RequiredProof::EndOfLine
        }
    }

    /// Whether none of the bytes so far can be a part of an object.
    pub(crate) fn is_clear(&self) -> bool {
        !self.quoted && self.direct.depth() == 0
    }

    /// Whether a brace here may be an element of an array.
    pub(crate) fn at_element(&self) -> bool {
        self.in_array() && matches!(self.previous, b'[' | b',')
    }

    /// Whether a brace here may be a value.
    pub(crate) fn at_value(&self) -> bool {
        self.in_array() || matches!(self.previous, b':' | b'[' | b',')
    }

    pub(crate) fn feed(&mut self, byte: u8) -> BracketStep {
        if std::mem::take(&mut self.swapped_closed) {
            // The swapped reading is a hypothesis: it counts if the end of a record
            // follows.
            if matches!(byte, b'{' | b',' | b']' | b'\n' | b'\r') {
                return BracketStep::ClosedBefore;
            }
            self.swapped = None;
        }
        if byte == b'\n' {
            if self.in_string
                && let Some(swapped) = self.swapped
            {
                self.direct = swapped;
            }
            self.in_string = false;
            self.escaped = false;
            self.swapped = Some(self.direct);
            return BracketStep::More;
        }
        if !matches!(byte, b' ' | b'\t' | b'\r') {
            self.previous = byte;
        }
        if std::mem::take(&mut self.escaped) {
            return BracketStep::More;
        }
        match byte {
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = !self.in_string;
                self.quoted = true;
            }
            b'{' | b'[' => {
                if let Some(nesting) = self.active_nesting() {
                    nesting.push(byte == b'[');
                }
            }
            b'}' | b']' => {
                let in_swapped = self.in_string;
                if let Some(nesting) = self.active_nesting()
                    && nesting.depth() > 0
                {
                    nesting.pop();
                    if nesting.depth() == 0 {
                        if !in_swapped {
                            return BracketStep::Closed;
                        }
                        self.swapped_closed = true;
                    }
                }
            }
            _ => {}
        }
        BracketStep::More
    }

    /// The brackets of the reading for which the current byte is outside of
    /// strings.
    fn active_nesting(&mut self) -> Option<&mut Nesting> {
        if self.in_string {
            self.swapped.as_mut()
        } else {
            Some(&mut self.direct)
        }
    }
}

/// What must follow an object found after a broken one before it counts as an
/// object of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequiredProof {
    /// The end of its line, another object, or the end of the file.
    EndOfLine,
    /// Another object, on any line, or the end of the file. Required where the
    /// object may be an element of an array or the value of a field, which may
    /// stand on lines of their own.
    NextObject,
}

/// The proof that an object after a broken one needs, and the state of the broken
/// one, to continue from if the proof fails.
#[derive(Clone, Debug)]
pub(crate) struct Unproven {
    pub(crate) proof: RequiredProof,
    pub(crate) outer: BracketTracker,
    pub(crate) indent: u64,
}

/// A rejected stretch that has not ended yet.
#[derive(Clone)]
pub(crate) struct BrokenStretch {
    pub(crate) start: u64,
    pub(crate) line: u64,
    pub(crate) kind: Reason,
    pub(crate) detail: &'static str,
    /// Its bytes so far.
    pub(crate) sink: Sink,
    pub(crate) brackets: BracketTracker,
    /// Indentation of the line on which the broken object began: only lines
    /// indented no further can begin a new object.
    pub(crate) indent: u64,
    /// The stretch ends where its brackets close. Garbage does not.
    pub(crate) ends_at_bracket: bool,
    /// The last byte was a brace that begins a new object if a quote follows. It is
    /// not in `sink` yet.
    pub(crate) held_brace: bool,
    /// The stretch so far is an opening bracket and white space: a top-level array
    /// if an object or the closing bracket follows.
    pub(crate) maybe_array: bool,
}
