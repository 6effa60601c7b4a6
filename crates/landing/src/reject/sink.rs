//! The bytes of one stretch while they come in.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::rejected::{FOUND_BYTES_MAX, Finder, Found, Raw};

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

/// White space as JSON has it.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
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
