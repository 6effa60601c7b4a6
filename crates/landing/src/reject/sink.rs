//! Collects the bytes of one rejected stretch in bounded memory.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::rejected::{FOUND_BYTES_MAX, Finder, Found, Raw};

/// Collects a rejected stretch of any length in bounded memory: bytes up to a
/// limit, then a running hash. Trailing white space is left out, so that the line
/// ending after a broken object is a separator, as after a valid one.
///
/// The result does not depend on how the stretch is split into calls of `feed`.
#[derive(Clone)]
pub(crate) struct Sink {
    bytes: Vec<u8>,
    bytes_max: usize,
    hash: Option<Box<Sha256>>,
    search: Option<Search>,
    length: u64,
    /// Trailing white space, left out if nothing follows.
    trailing: Vec<u8>,
    /// The current run of white space has reached `WHITE_SPACE_MAX` and is content.
    trailing_full: bool,
}

/// A run of white space of this length is part of the stretch. A shorter one is
/// held until it is known what follows.
const WHITE_SPACE_MAX: usize = 1024;

/// Searches bytes that are not kept, window by window. Windows begin at fixed
/// offsets of the stretch, so that the result does not depend on how the stretch is
/// split.
#[derive(Clone)]
struct Search {
    finder: Arc<dyn Finder>,
    window: Vec<u8>,
    found: Found,
}

/// Size of a window.
const WINDOW_BYTES: usize = 64 << 10;

/// Overlap of two windows: longer than a key and an address with every letter
/// escaped.
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
            let free = WINDOW_BYTES - self.window.len();
            let (now, later) = bytes.split_at(bytes.len().min(free));
            self.window.extend_from_slice(now);
            bytes = later;
            if self.window.len() == WINDOW_BYTES {
                self.search_window();
                self.window.drain(..WINDOW_BYTES - OVERLAP_BYTES);
            }
        }
    }

    fn search_window(&mut self) {
        // After the first dropped text the result is incomplete anyway.
        if !self.found.is_cut {
            let texts = self.finder.find(&self.window);
            self.found.add(texts, FOUND_BYTES_MAX);
        }
    }

    fn finish(mut self) -> Found {
        self.search_window();
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
            trailing: Vec::new(),
            trailing_full: false,
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let content_end = bytes
            .iter()
            .rposition(|b| !is_white_space(*b))
            .map_or(0, |last| last + 1);
        let (content, mut blank) = bytes.split_at(content_end);
        if !content.is_empty() {
            let held = std::mem::take(&mut self.trailing);
            self.append(&held);
            self.append(content);
            self.trailing_full = false;
        }
        if !self.trailing_full {
            let free = WHITE_SPACE_MAX - self.trailing.len();
            let held = blank.len().min(free);
            self.trailing.extend_from_slice(&blank[..held]);
            blank = &blank[held..];
            if self.trailing.len() < WHITE_SPACE_MAX {
                return;
            }
            let full = std::mem::take(&mut self.trailing);
            self.append(&full);
            self.trailing_full = true;
        }
        self.append(blank);
    }

    fn append(&mut self, bytes: &[u8]) {
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

    /// Ends the stretch.
    pub(crate) fn finish(self) -> Collected {
        let (raw, found) = match self.hash {
            Some(hash) => (
                Raw::Hash(hex(&hash.finalize())),
                self.search.map(Search::finish).unwrap_or_default(),
            ),
            None => (Raw::Bytes(self.bytes), Found::default()),
        };
        Collected {
            length: self.length,
            trailing: self.trailing.len() as u64,
            raw,
            found,
        }
    }

    /// The bytes so far, unless there are too many.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.hash.is_none().then_some(self.bytes.as_slice())
    }
}

/// A stretch as a [`Sink`] collected it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Collected {
    /// Length without trailing white space.
    pub(crate) length: u64,
    /// Length of the trailing white space.
    pub(crate) trailing: u64,
    pub(crate) raw: Raw,
    pub(crate) found: Found,
}

/// Whether JSON counts the byte as white space.
pub(crate) fn is_white_space(byte: u8) -> bool {
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
    fn splitting_a_stretch_changes_nothing() {
        for blanks in [
            0,
            1,
            5,
            WHITE_SPACE_MAX - 1,
            WHITE_SPACE_MAX,
            WHITE_SPACE_MAX + 7,
        ] {
            let mut bytes = b"one \n two".to_vec();
            bytes.extend(std::iter::repeat_n(b' ', blanks));
            let mut whole = Sink::new(64, None);
            whole.feed(&bytes);
            let whole = whole.finish();
            for step in 1..40 {
                let mut pieces = Sink::new(64, None);
                bytes.chunks(step).for_each(|piece| pieces.feed(piece));
                assert_eq!(pieces.finish(), whole, "blanks {blanks} step {step}");
            }
            let left_out = if blanks < WHITE_SPACE_MAX { blanks } else { 0 };
            assert_eq!(whole.trailing as usize, left_out);
        }
    }
}
