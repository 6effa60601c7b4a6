//! What could not be read, and why: the rows of `system.quarantine`.

use std::fmt;

use sha2::{Digest, Sha256};

/// Why bytes are quarantined. The names given by [`Reason::as_str`] are stored
/// in tables: they may grow in number, but never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// An object that stops before its end: the file ends, its line ends
    /// inside a string, or another object begins where none can.
    Truncated,
    /// An object that is not valid JSON.
    Syntax,
    /// Bytes between objects that are not JSON.
    Garbage,
    /// JSON between objects that is not an object: a number, a string, an
    /// array of scalars.
    NotAnObject,
    /// A complete object in the wake of a broken one, of which it may be a
    /// part.
    Ambiguous,
    /// A column is given twice, perhaps in another letter case.
    DuplicateKey,
    /// A required column is absent or null.
    MissingField,
    /// A value of a kind that its column does not take.
    TypeMismatch,
    /// A number or date beyond what its column can hold.
    OutOfRange,
    /// A number with a fraction where an integer is due, or a time finer than
    /// a millisecond.
    LossyNumber,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// A `\u` escape of half a surrogate pair.
    UnpairedSurrogate,
    /// Nested deeper than `depth_max`.
    TooDeep,
    /// Longer than `object_bytes_max`.
    TooLarge,
    /// A compressed file that cannot be unpacked any further. Its length is
    /// zero: what was packed in the rest, nobody knows.
    Unpackable,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Reason; 15] = [
        Reason::Truncated,
        Reason::Syntax,
        Reason::Garbage,
        Reason::NotAnObject,
        Reason::Ambiguous,
        Reason::DuplicateKey,
        Reason::MissingField,
        Reason::TypeMismatch,
        Reason::OutOfRange,
        Reason::LossyNumber,
        Reason::InvalidUtf8,
        Reason::UnpairedSurrogate,
        Reason::TooDeep,
        Reason::TooLarge,
        Reason::Unpackable,
    ];

    /// The name stored in `system.quarantine`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Truncated => "truncated",
            Reason::Syntax => "syntax",
            Reason::Garbage => "garbage",
            Reason::NotAnObject => "not_an_object",
            Reason::Ambiguous => "ambiguous",
            Reason::DuplicateKey => "duplicate_key",
            Reason::MissingField => "missing_field",
            Reason::TypeMismatch => "type_mismatch",
            Reason::OutOfRange => "out_of_range",
            Reason::LossyNumber => "lossy_number",
            Reason::InvalidUtf8 => "invalid_utf8",
            Reason::UnpairedSurrogate => "unpaired_surrogate",
            Reason::TooDeep => "too_deep",
            Reason::TooLarge => "too_large",
            Reason::Unpackable => "unpackable",
        }
    }

    /// Whether what is quarantined began as an object, so that it counts among
    /// the objects found.
    pub fn is_object(self) -> bool {
        !matches!(
            self,
            Reason::Garbage | Reason::NotAnObject | Reason::Unpackable
        )
    }
}

/// A stretch of the file that is in no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Where it begins, in bytes of the decompressed file.
    pub offset: u64,
    /// Its length in bytes. Zero only for the notice that a top-level array
    /// is not closed at the end of the file.
    pub length: u64,
    /// The line it begins on, from 1. After [`crate::Carry::start`] lines are
    /// those of the file; after an assumed carry they count from the place
    /// assumed, until [`crate::Decoded::follow`] makes them the file's.
    pub line: u64,
    /// Why.
    pub kind: Reason,
    /// Why, in words. Names columns of the schema at most: never a value or
    /// the name of an unknown field, which may be personal.
    pub detail: String,
    /// What stands there.
    pub raw: Raw,
}

/// Quarantined bytes, or a hash where they are too many. Printing shows no
/// byte of them: they are personal.
#[derive(Clone, PartialEq, Eq)]
pub enum Raw {
    /// The bytes.
    Bytes(Vec<u8>),
    /// SHA-256 of the bytes in hexadecimal.
    Hash(String),
}

/// Collects a quarantined stretch of any length in bounded memory: bytes up to
/// a limit, then a running hash. Trailing white space is left out, so that the
/// line ending after a broken object is a separator, as after a good one.
///
/// How a stretch is cut into calls of `feed` makes no difference.
#[derive(Clone)]
pub(crate) struct Sink {
    bytes: Vec<u8>,
    bytes_max: usize,
    hash: Option<Box<Sha256>>,
    length: u64,
    /// White space that is left out if nothing follows.
    blank: Vec<u8>,
    /// The present run of white space reached `BLANK_MAX` and is content.
    blank_full: bool,
}

/// A longer run of white space is part of what is quarantined; only the few
/// bytes of a shorter one need be held until it is known what follows.
const BLANK_MAX: usize = 1024;

impl Sink {
    pub(crate) fn new(bytes_max: usize) -> Sink {
        Sink {
            bytes: Vec::new(),
            bytes_max,
            hash: None,
            length: 0,
            blank: Vec::new(),
            blank_full: false,
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let kept = bytes
            .iter()
            .rposition(|b| !is_blank(*b))
            .map_or(0, |last| last + 1);
        let (content, mut blank) = bytes.split_at(kept);
        if !content.is_empty() {
            let held = std::mem::take(&mut self.blank);
            self.take(&held);
            self.take(content);
            self.blank_full = false;
        }
        if !self.blank_full {
            let room = BLANK_MAX - self.blank.len();
            let held = blank.len().min(room);
            self.blank.extend_from_slice(&blank[..held]);
            blank = &blank[held..];
            if self.blank.len() < BLANK_MAX {
                return;
            }
            let full = std::mem::take(&mut self.blank);
            self.take(&full);
            self.blank_full = true;
        }
        self.take(blank);
    }

    fn take(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        match &mut self.hash {
            Some(hash) => hash.update(bytes),
            None if self.bytes.len() + bytes.len() <= self.bytes_max => {
                self.bytes.extend_from_slice(bytes);
            }
            None => {
                let mut hash = Box::new(Sha256::new());
                hash.update(std::mem::take(&mut self.bytes));
                hash.update(bytes);
                self.hash = Some(hash);
            }
        }
    }

    /// The length without trailing white space, the length of that, and the
    /// bytes or their hash.
    pub(crate) fn close(self) -> (u64, u64, Raw) {
        let raw = match self.hash {
            Some(hash) => Raw::Hash(hex(&hash.finalize())),
            None => Raw::Bytes(self.bytes),
        };
        (self.length, self.blank.len() as u64, raw)
    }

    /// The bytes so far, unless there are too many.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.hash.is_none().then_some(self.bytes.as_slice())
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raw::Bytes(bytes) => write!(f, "Bytes(*** {})", bytes.len()),
            Raw::Hash(hash) => write!(f, "Hash({hash})"),
        }
    }
}

impl Raw {
    /// The bytes, or their hash where they are more than `bytes_max`.
    pub(crate) fn of(bytes: &[u8], bytes_max: usize) -> Raw {
        if bytes.len() <= bytes_max {
            Raw::Bytes(bytes.to_vec())
        } else {
            Raw::Hash(hex(&Sha256::digest(bytes)))
        }
    }
}

/// White space as JSON has it.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_the_same_however_it_is_fed() {
        for blanks in [0, 1, 5, BLANK_MAX - 1, BLANK_MAX, BLANK_MAX + 7] {
            let mut bytes = b"one \n two".to_vec();
            bytes.extend(std::iter::repeat_n(b' ', blanks));
            let mut whole = Sink::new(64);
            whole.feed(&bytes);
            let whole = whole.close();
            for step in 1..40 {
                let mut pieces = Sink::new(64);
                bytes.chunks(step).for_each(|piece| pieces.feed(piece));
                assert_eq!(pieces.close(), whole, "blanks {blanks} step {step}");
            }
            let left_out = if blanks < BLANK_MAX { blanks } else { 0 };
            assert_eq!(whole.1 as usize, left_out);
        }
    }
}
