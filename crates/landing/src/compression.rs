//! Compressed files: which ones are, and their bytes as a stream.
//!
//! The engine asks [`Compression::of`] about a file's name and first bytes and
//! reads it through [`Decompress`]. Gzip files of many members and Zstandard
//! files of many frames are one stream.

use std::io::{self, Read};

use flate2::{FlushDecompress, Status};
use zstd::stream::raw::{InBuffer, Operation, OutBuffer};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Gzip, `.gz`.
    Gzip,
    /// Zstandard, `.zst`.
    Zstd,
}

impl Compression {
    /// How a file is compressed, by its first bytes, else by its name. The
    /// bytes go first: a file that was decompressed in place still reads, and
    /// no JSON begins like this. The name is asked where the bytes say
    /// nothing, so that a `.gz` that is none is reported as corrupt; an empty
    /// file is empty whatever its name.
    pub fn of(name: &str, head: &[u8]) -> Option<Compression> {
        match head {
            [] => None,
            [0x1F, 0x8B, ..] => Some(Compression::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => {
                Some(Compression::Zstd)
            }
            [b'{' | b'[' | b' ' | b'\n' | b'\r' | b'\t', ..] => None,
            _ => Compression::of_name(name),
        }
    }

    /// How a file is compressed, by its name alone.
    pub fn of_name(name: &str) -> Option<Compression> {
        let (_, ending) = name.rsplit_once('.')?;
        if ending.eq_ignore_ascii_case("gz") || ending.eq_ignore_ascii_case("gzip") {
            Some(Compression::Gzip)
        } else if ending.eq_ignore_ascii_case("zst") || ending.eq_ignore_ascii_case("zstd") {
            Some(Compression::Zstd)
        } else {
            None
        }
    }
}

/// A compressed stream that cannot be read on. Comes out of [`Decompress`]
/// inside an [`io::Error`] of the kind `InvalidData`, after all bytes that
/// could be decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} after {offset} compressed bytes")]
pub struct Unreadable {
    /// What is wrong.
    pub what: Fault,
    /// Compressed bytes that were read before.
    pub offset: u64,
}

/// What is wrong with a compressed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It ends too early.
    #[error("the compressed stream ends too early")]
    Truncated,
    /// It is not what was compressed.
    #[error("the compressed stream is corrupt")]
    Corrupt,
    /// It unpacks to more than [`unpacked_bytes_max`].
    #[error("the compressed stream unpacks to more than {RATIO_MAX} times its size")]
    Excessive,
}

/// How many times its size a compressed file may unpack to, beyond
/// [`FREE_BYTES`]: JSON of sensors compresses to a tenth, at most to a fiftieth.
pub const RATIO_MAX: u64 = 250;

/// So much may come of any compressed file: small ones harm nobody.
pub const FREE_BYTES: u64 = 16 << 20;

/// Bytes that are unpacked at most of a file that is `packed` bytes long. It
/// depends on nothing else, so that every reading ends at the same byte.
pub fn unpacked_bytes_max(packed: u64) -> u64 {
    packed.saturating_mul(RATIO_MAX).max(FREE_BYTES)
}

/// The decompressed bytes of a stream.
pub struct Decompress<R> {
    source: R,
    codec: Codec,
    input: Box<[u8]>,
    /// What of `input` is yet to be decompressed.
    from: usize,
    to: usize,
    /// Compressed bytes taken.
    offset: u64,
    /// Decompressed bytes that may still be given.
    room: u64,
    /// Inside a member or frame, so that the stream may not end here.
    open: bool,
    /// Set once nothing more can come.
    done: Option<Result<(), Unreadable>>,
}

enum Codec {
    Gzip(Box<flate2::Decompress>),
    Zstd(Box<zstd::stream::raw::Decoder<'static>>),
}

/// Compressed bytes read at a time.
const INPUT_BYTES: usize = 128 << 10;

/// Gzip's largest window.
const WINDOW_BITS: u8 = 15;

impl<R: Read> Decompress<R> {
    /// Reads `source` as compressed this way.
    ///
    /// # Errors
    /// If the decompressor has no memory.
    pub fn new(source: R, compression: Compression) -> io::Result<Decompress<R>> {
        let codec = match compression {
            Compression::Gzip => Codec::Gzip(Box::new(flate2::Decompress::new_gzip(WINDOW_BITS))),
            Compression::Zstd => Codec::Zstd(Box::new(zstd::stream::raw::Decoder::new()?)),
        };
        Ok(Decompress {
            source,
            codec,
            input: vec![0; INPUT_BYTES].into_boxed_slice(),
            from: 0,
            to: 0,
            offset: 0,
            room: u64::MAX,
            open: true,
            done: None,
        })
    }

    /// Gives at most `bytes`, and [`Fault::Excessive`] where there are more.
    pub fn limited(mut self, bytes: u64) -> Decompress<R> {
        self.room = bytes;
        self
    }

    /// Compressed bytes decompressed so far.
    pub fn compressed_offset(&self) -> u64 {
        self.offset
    }

    fn stop(&mut self, what: Fault) {
        let offset = self.offset;
        self.done = Some(Err(Unreadable { what, offset }));
    }
}

impl<R: Read> Read for Decompress<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match &self.done {
                Some(Ok(())) => return Ok(0),
                Some(Err(error)) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error.clone()));
                }
                None if out.is_empty() => return Ok(0),
                None => {}
            }
            let mut at_end = false;
            if self.from == self.to {
                self.from = 0;
                self.to = loop {
                    match self.source.read(&mut self.input) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        read => break read?,
                    }
                };
                at_end = self.to == 0;
            }
            // Whether there is more than may be is told by one byte more.
            let mut beyond = [0];
            let room = usize::try_from(self.room).unwrap_or(usize::MAX);
            let is_spent = room == 0;
            let into = match is_spent {
                true => &mut beyond[..],
                false => {
                    let length = out.len().min(room);
                    &mut out[..length]
                }
            };
            let step = self.codec.step(&self.input[self.from..self.to], into);
            self.from += step.taken;
            self.offset += step.taken as u64;
            match step.outcome {
                Ok(false) => self.open |= step.taken > 0 || step.given > 0,
                Ok(true) => {
                    self.open = false;
                    self.codec.restart();
                }
                Err(()) => self.stop(Fault::Corrupt),
            }
            if is_spent && step.given > 0 {
                self.stop(Fault::Excessive);
                continue;
            }
            self.room -= step.given as u64;
            if at_end && step.given == 0 && self.done.is_none() {
                if self.open {
                    self.stop(Fault::Truncated);
                } else {
                    self.done = Some(Ok(()));
                }
            }
            if step.given > 0 {
                return Ok(step.given);
            }
        }
    }
}

/// What a call of a codec did.
struct Progress {
    taken: usize,
    given: usize,
    /// Whether a member or frame ended; `Err` if it is corrupt. What was
    /// given before is good all the same.
    outcome: Result<bool, ()>,
}

impl Codec {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Progress {
        match self {
            Codec::Gzip(gzip) => {
                let (taken, given) = (gzip.total_in(), gzip.total_out());
                let status = gzip.decompress(input, out, FlushDecompress::None);
                Progress {
                    taken: (gzip.total_in() - taken) as usize,
                    given: (gzip.total_out() - given) as usize,
                    outcome: match status {
                        Ok(status) => Ok(status == Status::StreamEnd),
                        Err(_) => Err(()),
                    },
                }
            }
            Codec::Zstd(zstd) => {
                let mut input = InBuffer::around(input);
                let mut out = OutBuffer::around(out);
                let left = zstd.run(&mut input, &mut out);
                Progress {
                    taken: input.pos(),
                    given: out.pos(),
                    // Without input and output nothing has begun: at the very
                    // end the decoder asks for the next frame's header.
                    outcome: match left {
                        Ok(0) => Ok(true),
                        Ok(_) => Ok(false),
                        Err(_) => Err(()),
                    },
                }
            }
        }
    }

    /// Ready for the next member; Zstandard's decoder is by itself.
    fn restart(&mut self) {
        if let Codec::Gzip(gzip) = self {
            **gzip = flate2::Decompress::new_gzip(WINDOW_BITS);
        }
    }
}
