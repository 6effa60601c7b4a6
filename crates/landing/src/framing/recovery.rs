//! Finding the next object after a stretch that cannot be read.
//!
//! Two things must never happen: that a part of a broken object becomes a row,
//! and that a broken object takes its neighbour with it. The rules, by the
//! strength of what they prove, are in the crate's documentation; here is
//! what they need to know about each byte since the break.

use super::grammar::Nest;
use crate::reject::{Reason, Sink};

/// Brackets since a break, read loosely. A break may have turned inside and
/// outside of strings around, so that both readings are followed; a line end
/// settles which one is right, since no string holds a raw newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loose {
    in_string: bool,
    escaped: bool,
    /// A quote was seen: what follows may be the inside of a string.
    quoted: bool,
    /// Brackets outside strings.
    plain: Nest,
    /// Brackets inside what we take for strings, as long as that reading
    /// holds.
    inverse: Option<Nest>,
    /// The reading inside out closed all brackets with the last byte.
    inverse_closed: bool,
    /// The last byte that is not white space.
    previous: u8,
}

/// What a byte did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loosely {
    More,
    /// The byte closed the last open bracket.
    Closed,
    /// The byte before it did.
    ClosedBefore,
}

impl Loose {
    /// Outside of any object.
    pub(crate) fn outside() -> Loose {
        Loose::inside(Nest::default(), false, 0)
    }

    /// At a break.
    pub(crate) fn inside(plain: Nest, in_string: bool, previous: u8) -> Loose {
        Loose {
            in_string,
            escaped: false,
            quoted: plain.depth() > 0,
            plain,
            inverse: Some(plain),
            inverse_closed: false,
            previous,
        }
    }

    pub(crate) fn in_array(&self) -> bool {
        self.plain.in_array()
    }

    /// What must follow an object that begins here.
    pub(crate) fn proof(&self) -> Proof {
        if self.in_array() || self.previous == b':' {
            Proof::Next
        } else {
            Proof::Line
        }
    }

    /// Nothing seen so far could be a part of an object.
    pub(crate) fn is_clear(&self) -> bool {
        !self.quoted && self.plain.depth() == 0
    }

    /// Whether a brace here would stand where an array's element may.
    pub(crate) fn at_element(&self) -> bool {
        self.in_array() && matches!(self.previous, b'[' | b',')
    }

    /// Whether a brace here would stand where some value may.
    pub(crate) fn at_value(&self) -> bool {
        self.in_array() || matches!(self.previous, b':' | b'[' | b',')
    }

    pub(crate) fn feed(&mut self, byte: u8) -> Loosely {
        if std::mem::take(&mut self.inverse_closed) {
            // A hypothesis: believed if what follows fits the end of a record.
            if matches!(byte, b'{' | b',' | b']' | b'\n' | b'\r') {
                return Loosely::ClosedBefore;
            }
            self.inverse = None;
        }
        if byte == b'\n' {
            if self.in_string
                && let Some(inverse) = self.inverse
            {
                self.plain = inverse;
            }
            self.in_string = false;
            self.escaped = false;
            self.inverse = Some(self.plain);
            return Loosely::More;
        }
        if !matches!(byte, b' ' | b'\t' | b'\r') {
            self.previous = byte;
        }
        if std::mem::take(&mut self.escaped) {
            return Loosely::More;
        }
        match byte {
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = !self.in_string;
                self.quoted = true;
            }
            b'{' | b'[' => {
                if let Some(nest) = self.reading() {
                    nest.push(byte == b'[');
                }
            }
            b'}' | b']' => {
                let inverted = self.in_string;
                if let Some(nest) = self.reading()
                    && nest.depth() > 0
                {
                    nest.pop();
                    if nest.depth() == 0 {
                        if !inverted {
                            return Loosely::Closed;
                        }
                        self.inverse_closed = true;
                    }
                }
            }
            _ => {}
        }
        Loosely::More
    }

    /// The reading that takes the present byte to be outside of strings.
    fn reading(&mut self) -> Option<&mut Nest> {
        if self.in_string {
            self.inverse.as_mut()
        } else {
            Some(&mut self.plain)
        }
    }
}

/// How sure the end of an object found in the wake of a broken one must be
/// before it is taken for an object of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Its line ends after it, or another object begins, or the file ends.
    Line,
    /// Another object begins after it, on whatever line, or the file ends:
    /// asked for where it may be an element of an array or a field's value,
    /// which may stand on lines of their own.
    Next,
}

/// An object found in the wake of a broken one, and where the broken one
/// stood, to go on from if the proof fails.
#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    pub(crate) proof: Proof,
    pub(crate) outer: Loose,
    pub(crate) indent: u64,
}

/// A stretch that cannot be read, not yet at its end.
#[derive(Clone)]
pub(crate) struct Broken {
    pub(crate) start: u64,
    pub(crate) line: u64,
    pub(crate) kind: Reason,
    pub(crate) detail: &'static str,
    pub(crate) sink: Sink,
    pub(crate) loose: Loose,
    /// White space before the first thing on the line where the broken object
    /// began: only lines indented no further can begin a new object.
    pub(crate) indent: u64,
    /// Ends where its brackets close. Garbage does not.
    pub(crate) closes: bool,
    /// The last byte was a brace that begins a new object if a quote follows;
    /// it is not yet in the sink.
    pub(crate) held: bool,
    /// So far an opening bracket and white space: a top-level array if an
    /// object or the closing bracket comes next.
    pub(crate) array: bool,
}
