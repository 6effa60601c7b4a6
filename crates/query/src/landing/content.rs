//! Content hashes of landing files, which recognise a file after its inode or times
//! have changed.
//!
//! The hash of a file is the hash of its pieces' hashes, in order. So the reader's
//! tasks can each hash the piece that they read.

use std::io::{self, Read};
use std::sync::Arc;

use lake::BufferPool;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{Source, SourceFile};

/// Bytes of a piece; the last is shorter.
pub(super) const PIECE_BYTES: u64 = 1 << 20;

/// The hash of a file, built piece by piece.
#[derive(Default)]
pub(super) struct ContentHash(Xxh3);

impl ContentHash {
    /// The hash of one piece.
    pub(super) fn piece(bytes: &[u8]) -> u64 {
        xxh3_64(bytes)
    }

    /// Adds the hash of the next piece.
    pub(super) fn add(&mut self, piece: u64) {
        self.0.update(&piece.to_le_bytes());
    }

    pub(super) fn finish(&self) -> u64 {
        self.0.digest()
    }
}

/// A reader that hashes the bytes read through it.
pub(super) struct Hashed<R> {
    source: R,
    whole: ContentHash,
    piece: Xxh3,
    filled: u64,
    pieces: u64,
}

impl<R: Read> Hashed<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            whole: ContentHash::default(),
            piece: Xxh3::new(),
            filled: 0,
            pieces: 0,
        }
    }

    /// Reads to the end and returns the hash of all bytes.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        io::copy(&mut self, &mut io::sink())?;
        if self.filled > 0 || self.pieces == 0 {
            self.end_piece();
        }
        Ok(self.whole.finish())
    }

    fn end_piece(&mut self) {
        self.whole.add(self.piece.digest());
        self.piece.reset();
        self.filled = 0;
        self.pieces += 1;
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(out)?;
        let mut rest = &out[..read];
        while !rest.is_empty() {
            let room = usize::try_from(PIECE_BYTES - self.filled).unwrap_or(usize::MAX);
            let (own, later) = rest.split_at(room.min(rest.len()));
            self.piece.update(own);
            self.filled += own.len() as u64;
            rest = later;
            if self.filled == PIECE_BYTES {
                self.end_piece();
            }
        }
        Ok(read)
    }
}

impl Source {
    /// The hash of a file's current content.
    ///
    /// # Errors
    /// The message of the system or the store.
    pub async fn content_of(&self, file: &SourceFile) -> Result<u64, String> {
        let buffers = Arc::<BufferPool>::default();
        let object = self.location.open(&file.path, &buffers)?;
        let object = object.with_etag(file.tag.on_store());
        let mut hash = ContentHash::default();
        let mut at = 0;
        loop {
            let bytes = object.read(at..at + PIECE_BYTES).await?;
            if !bytes.is_empty() || at == 0 {
                hash.add(ContentHash::piece(&bytes));
            }
            if (bytes.len() as u64) < PIECE_BYTES {
                return Ok(hash.finish());
            }
            at += PIECE_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_the_hash_of_its_pieces() {
        let piece = PIECE_BYTES as usize;
        for length in [0, 1, piece - 1, piece, piece + 1, 2 * piece, 3 * piece + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut whole = ContentHash::default();
            for own in bytes.chunks(piece) {
                whole.add(ContentHash::piece(own));
            }
            if bytes.is_empty() {
                whole.add(ContentHash::piece(&[]));
            }
            let mut stream = Hashed::new(bytes.as_slice());
            // Part of it was read before.
            let mut some = vec![0; length / 3];
            stream.read_exact(&mut some).unwrap();
            assert_eq!(stream.finish().unwrap(), whole.finish(), "{length}");
        }
    }
}
