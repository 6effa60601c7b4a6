//! What could not be read, and why: the rows of `system.quarantine`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_128;

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
    /// A time that is not in the unit of its column.
    TimeUnit,
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
    /// A compressed file that unpacks to more than its size allows. Its length
    /// is zero, as the rest was not unpacked.
    CompressionRatio,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Reason; 17] = [
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
        Reason::TimeUnit,
        Reason::InvalidUtf8,
        Reason::UnpairedSurrogate,
        Reason::TooDeep,
        Reason::TooLarge,
        Reason::Unpackable,
        Reason::CompressionRatio,
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
            Reason::TimeUnit => "time_unit",
            Reason::InvalidUtf8 => "invalid_utf8",
            Reason::UnpairedSurrogate => "unpaired_surrogate",
            Reason::TooDeep => "too_deep",
            Reason::TooLarge => "too_large",
            Reason::Unpackable => "unpackable",
            Reason::CompressionRatio => "compression_ratio",
        }
    }

    /// Whether what is quarantined began as an object, so that it counts among
    /// the objects found.
    pub fn is_object(self) -> bool {
        !matches!(
            self,
            Reason::Garbage | Reason::NotAnObject | Reason::Unpackable | Reason::CompressionRatio
        )
    }
}

/// A stretch of the file that is in no row, or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Where it begins, in bytes of the decompressed file.
    pub offset: u64,
    /// Its length in bytes; of a range, the sum over its stretches. Zero only
    /// for notices about the end of a file, such as a top-level array that is
    /// not closed.
    pub length: u64,
    /// Just after its last byte.
    pub end: u64,
    /// Stretches that it stands for: 1, or those of a range, which all have one
    /// reason. Between them may be rows and separators.
    pub places: u64,
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
    /// What a [`Finder`] found in bytes that `raw` does not keep.
    pub found: Found,
}

/// Quarantined bytes, or a hash where they are too many. Printing shows no
/// byte of them: they are personal.
#[derive(Clone, PartialEq, Eq)]
pub enum Raw {
    /// The bytes.
    Bytes(Vec<u8>),
    /// SHA-256 of the bytes in hexadecimal.
    Hash(String),
    /// Of a range: the sum of its stretches' hashes, which tells it from another
    /// range at the same place. No proof against forgery.
    Sum(u128),
}

/// Looks for texts that must be known of rejected bytes that are not kept.
pub trait Finder: Send + Sync + fmt::Debug {
    /// Texts found in `bytes`, which may begin and end in the middle of one.
    fn find(&self, bytes: &[u8]) -> Vec<String>;
}

/// What a [`Finder`] found. Printing shows no text: they are personal.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The texts.
    pub texts: BTreeSet<String>,
    /// There were more than are kept.
    pub is_cut: bool,
    bytes: usize,
}

/// What is kept of the texts found in one stretch.
const FOUND_BYTES_MAX: usize = 64 << 10;

impl Found {
    fn take_in(&mut self, texts: impl IntoIterator<Item = String>, bytes_max: usize) {
        for text in texts {
            if self.texts.contains(&text) {
                continue;
            }
            if self.bytes + text.len() > bytes_max {
                self.is_cut = true;
                continue;
            }
            self.bytes += text.len();
            self.texts.insert(text);
        }
    }

    fn merge(&mut self, other: Found) {
        self.is_cut |= other.is_cut;
        self.take_in(other.texts, usize::MAX);
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found(*** {})", self.texts.len())
    }
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
    search: Option<Search>,
    length: u64,
    /// White space that is left out if nothing follows.
    blank: Vec<u8>,
    /// The present run of white space reached `BLANK_MAX` and is content.
    blank_full: bool,
}

/// A longer run of white space is part of what is quarantined; only the few
/// bytes of a shorter one need be held until it is known what follows.
const BLANK_MAX: usize = 1024;

/// A search through bytes that are not kept, window by window. Windows lie at
/// fixed places of the stretch, so that how it is cut makes no difference.
#[derive(Clone)]
struct Search {
    finder: Arc<dyn Finder>,
    window: Vec<u8>,
    found: Found,
}

/// Bytes searched at a time.
const WINDOW_BYTES: usize = 64 << 10;

/// What a window shares with the one before: longer than a key and an address
/// with every letter escaped.
const OVERLAP_BYTES: usize = 4 << 10;

impl Search {
    fn new(finder: &Arc<dyn Finder>) -> Search {
        Search {
            finder: Arc::clone(finder),
            window: Vec::new(),
            found: Found::default(),
        }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = WINDOW_BYTES - self.window.len();
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.window.extend_from_slice(now);
            bytes = later;
            if self.window.len() == WINDOW_BYTES {
                self.look();
                self.window.drain(..WINDOW_BYTES - OVERLAP_BYTES);
            }
        }
    }

    fn look(&mut self) {
        // What is cut off already may as well not be looked for.
        if !self.found.is_cut {
            let texts = self.finder.find(&self.window);
            self.found.take_in(texts, FOUND_BYTES_MAX);
        }
    }

    fn close(mut self) -> Found {
        self.look();
        self.found
    }
}

impl Sink {
    pub(crate) fn new(bytes_max: usize, finder: Option<&Arc<dyn Finder>>) -> Sink {
        Sink {
            bytes: Vec::new(),
            bytes_max,
            hash: None,
            search: finder.map(Search::new),
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
            Some(hash) => {
                hash.update(bytes);
                if let Some(search) = &mut self.search {
                    search.feed(bytes);
                }
            }
            None if self.bytes.len() + bytes.len() <= self.bytes_max => {
                self.bytes.extend_from_slice(bytes);
            }
            None => {
                let mut hash = Box::new(Sha256::new());
                let held = std::mem::take(&mut self.bytes);
                for bytes in [held.as_slice(), bytes] {
                    hash.update(bytes);
                    if let Some(search) = &mut self.search {
                        search.feed(bytes);
                    }
                }
                self.hash = Some(hash);
            }
        }
    }

    /// What it came to.
    pub(crate) fn close(self) -> Closed {
        let (raw, found) = match self.hash {
            Some(hash) => (
                Raw::Hash(hex(&hash.finalize())),
                self.search.map(Search::close).unwrap_or_default(),
            ),
            None => (Raw::Bytes(self.bytes), Found::default()),
        };
        Closed {
            length: self.length,
            blank: self.blank.len() as u64,
            raw,
            found,
        }
    }

    /// The bytes so far, unless there are too many.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.hash.is_none().then_some(self.bytes.as_slice())
    }
}

/// What a [`Sink`] came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// Without trailing white space.
    pub(crate) length: u64,
    /// Trailing white space.
    pub(crate) blank: u64,
    pub(crate) raw: Raw,
    pub(crate) found: Found,
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raw::Bytes(bytes) => write!(f, "Bytes(*** {})", bytes.len()),
            Raw::Hash(hash) => write!(f, "Hash({hash})"),
            Raw::Sum(sum) => write!(f, "Sum({sum:032x})"),
        }
    }
}

/// Rejected stretches of one file in bounded memory: the first ones each by
/// itself, those beyond in ranges, of which each stands for all stretches of one
/// reason that begin in the same block of the file.
///
/// What comes out does not depend on how the file was cut: ranges of a part of
/// the file may be pushed like stretches, as long as everything is pushed in the
/// order of the file.
#[derive(Clone, Debug, Default)]
pub struct Condenser {
    finder: Option<Arc<dyn Finder>>,
    singles: usize,
    bytes: usize,
    /// No stretch stands by itself any more.
    is_full: bool,
    /// The ranges of the present block.
    ranges: Vec<Rejected>,
    done: Vec<Rejected>,
}

/// Stretches of a file that stand by themselves.
const SINGLES_MAX: usize = 1000;

/// Bytes kept of those, all together.
const SINGLES_BYTES_MAX: usize = 1 << 20;

/// A range never reaches beyond stretches that begin in one block of so many
/// bytes.
const BLOCK_BYTES: u64 = 1 << 20;

impl Condenser {
    /// Begins with a file, or a part of it. The finder looks into stretches
    /// whose bytes are given up.
    pub fn new(finder: Option<Arc<dyn Finder>>) -> Condenser {
        Condenser {
            finder,
            ..Condenser::default()
        }
    }

    /// Takes the next stretch or range in.
    pub fn push(&mut self, rejected: Rejected) {
        let bytes = match &rejected.raw {
            Raw::Bytes(bytes) => bytes.len(),
            Raw::Hash(_) | Raw::Sum(_) => 0,
        };
        self.is_full |= rejected.places > 1
            || matches!(rejected.raw, Raw::Sum(_))
            || self.singles == SINGLES_MAX
            || self.bytes + bytes > SINGLES_BYTES_MAX;
        if !self.is_full {
            self.singles += 1;
            self.bytes += bytes;
            self.done.push(rejected);
            return;
        }
        let block = |rejected: &Rejected| rejected.offset / BLOCK_BYTES;
        if self
            .ranges
            .first()
            .is_some_and(|r| block(r) != block(&rejected))
        {
            self.done.append(&mut self.ranges);
        }
        let rejected = self.given_up(rejected);
        let mut ranges = self.ranges.iter_mut();
        match ranges.find(|range| range.kind == rejected.kind) {
            None => self.ranges.push(rejected),
            Some(range) => {
                range.length += rejected.length;
                range.end = rejected.end;
                range.places += rejected.places;
                if let (Raw::Sum(sum), Raw::Sum(other)) = (&mut range.raw, &rejected.raw) {
                    *sum = sum.wrapping_add(*other);
                }
                range.found.merge(rejected.found);
            }
        }
    }

    /// A stretch as a range of one.
    fn given_up(&self, mut rejected: Rejected) -> Rejected {
        let hash = match &rejected.raw {
            Raw::Bytes(bytes) => {
                if let Some(finder) = &self.finder {
                    let texts = finder.find(bytes);
                    rejected.found.take_in(texts, FOUND_BYTES_MAX);
                }
                xxh3_128(bytes)
            }
            Raw::Hash(hash) => xxh3_128(hash.as_bytes()),
            Raw::Sum(_) => return rejected,
        };
        let place = u128::from(rejected.offset).wrapping_mul(PLACE_FACTOR);
        rejected.raw = Raw::Sum(hash.wrapping_add(place));
        rejected
    }

    /// What is complete by now.
    pub fn take(&mut self) -> Vec<Rejected> {
        std::mem::take(&mut self.done)
    }

    /// The end of the file, or of the part of it.
    pub fn finish(mut self) -> Vec<Rejected> {
        self.done.append(&mut self.ranges);
        self.done
    }
}

/// Odd, with bits of both values all over: places of equal bytes differ.
const PLACE_FACTOR: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

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
            let mut whole = Sink::new(64, None);
            whole.feed(&bytes);
            let whole = whole.close();
            for step in 1..40 {
                let mut pieces = Sink::new(64, None);
                bytes.chunks(step).for_each(|piece| pieces.feed(piece));
                assert_eq!(pieces.close(), whole, "blanks {blanks} step {step}");
            }
            let left_out = if blanks < BLANK_MAX { blanks } else { 0 };
            assert_eq!(whole.blank as usize, left_out);
        }
    }
}
