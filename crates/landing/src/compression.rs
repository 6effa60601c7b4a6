//! Decompresses gzip and Zstandard streams, and names the faults of packed files.
//!
//! [`Container`](crate::Container) chooses the format. A gzip file of many members
//! or a Zstandard file of many frames is one stream.

use std::io::{self, Read};

use flate2::{FlushDecompress, Status};
use zstd::stream::raw::{InBuffer, Operation, OutBuffer};

/// A compression format that is one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Gzip, `.gz`.
    Gzip,
    /// Zstandard, `.zst`.
    Zstd,
}

/// Error of a packed file that cannot be unpacked any further. Readers return it
/// inside an [`io::Error`] of kind `InvalidData`, after all bytes that could be
/// unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} after {offset} compressed bytes")]
pub struct Unreadable {
    /// The fault.
    pub what: Fault,
    /// Compressed bytes read before the fault.
    pub offset: u64,
}

impl Unreadable {
    /// The error of a reader.
    pub fn error(what: Fault, offset: u64) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Unreadable { what, offset })
    }
}

/// Why a packed file cannot be unpacked any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The stream ends inside a member or frame.
    #[error("the compressed stream ends too early")]
    Truncated,
    /// The stream is not valid, or a checksum does not match.
    #[error("the compressed stream is corrupt")]
    Corrupt,
    /// The stream unpacks to more than [`unpacked_bytes_max`].
    #[error("the compressed stream unpacks to more than {RATIO_MAX} times its size")]
    Excessive,
    /// The file has a format that is not read.
    #[error("{0} files are not read")]
    Foreign(&'static str),
    /// The file begins as a Parquet file and cannot be read as one.
    #[error("the Parquet file is corrupt or cut off")]
    Parquet,
}

impl Fault {
    /// Whether the fault lies at a certain byte of a stream.
    pub fn is_of_stream(self) -> bool {
        matches!(self, Fault::Truncated | Fault::Corrupt)
    }
}

/// Maximum ratio of unpacked to packed bytes, beyond [`UNPACKED_BYTES_FREE`]. JSON
/// of sensors compresses to a tenth, at most to a fiftieth.
pub const RATIO_MAX: u64 = 250;

/// Any compressed file may unpack to this many bytes: small files harm nobody.
pub const UNPACKED_BYTES_FREE: u64 = 16 << 20;

/// Maximum number of bytes unpacked from a file of `packed` bytes. It depends on
/// nothing else, so that every reading ends at the same byte.
pub fn unpacked_bytes_max(packed: u64) -> u64 {
    packed.saturating_mul(RATIO_MAX).max(UNPACKED_BYTES_FREE)
}

/// Reader of the decompressed bytes of a stream.
pub struct Decompress<R> {
    source: R,
    codec: Codec,
    input: Box<[u8]>,
    /// The part of `input` that is not decompressed yet.
    from: usize,
    to: usize,
    /// Compressed bytes consumed so far.
    offset: u64,
    /// Inside a member or frame: the stream must not end here.
    in_member: bool,
    /// Set at the end of the stream or at a fault.
    end: Option<Result<(), Unreadable>>,
}

enum Codec {
    Gzip(Box<flate2::Decompress>),
    Zstd(Box<zstd::stream::raw::Decoder<'static>>),
}

/// Size of the input buffer.
const INPUT_BYTES: usize = 128 << 10;

/// Gzip's largest window.
const WINDOW_BITS: u8 = 15;

impl<R: Read> Decompress<R> {
    /// A reader of `source`, which is compressed in this format.
    ///
    /// # Errors
    /// If there is no memory for the decompressor.
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
            in_member: true,
            end: None,
        })
    }

    fn stop(&mut self, what: Fault) {
        let offset = self.offset;
        self.end = Some(Err(Unreadable { what, offset }));
    }
}

impl<R: Read> Read for Decompress<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match &self.end {
                Some(Ok(())) => return Ok(0),
                Some(Err(error)) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error.clone()));
                }
                None if out.is_empty() => return Ok(0),
                None => {}
            }
            let mut at_source_end = false;
            if self.from == self.to {
                self.from = 0;
                self.to = loop {
                    match self.source.read(&mut self.input) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        result => break result?,
                    }
                };
                at_source_end = self.to == 0;
            }
            let step = self.codec.step(&self.input[self.from..self.to], out);
            self.from += step.consumed;
            self.offset += step.consumed as u64;
            match step.outcome {
                Ok(false) => self.in_member |= step.consumed > 0 || step.produced > 0,
                Ok(true) => {
                    self.in_member = false;
                    self.codec.restart();
                }
                Err(()) => self.stop(Fault::Corrupt),
            }
            if at_source_end && step.produced == 0 && self.end.is_none() {
                if self.in_member {
                    self.stop(Fault::Truncated);
                } else {
                    self.end = Some(Ok(()));
                }
            }
            if step.produced > 0 {
                return Ok(step.produced);
            }
        }
    }
}

/// The result of one call of a codec.
struct Progress {
    consumed: usize,
    produced: usize,
    /// Whether a member or frame ended; `Err` if it is corrupt. The bytes produced
    /// before the fault are valid.
    outcome: Result<bool, ()>,
}

impl Codec {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Progress {
        match self {
            Codec::Gzip(gzip) => {
                let (in_before, out_before) = (gzip.total_in(), gzip.total_out());
                let status = gzip.decompress(input, out, FlushDecompress::None);
                Progress {
                    consumed: (gzip.total_in() - in_before) as usize,
                    produced: (gzip.total_out() - out_before) as usize,
                    outcome: match status {
                        Ok(status) => Ok(status == Status::StreamEnd),
                        Err(_) => Err(()),
                    },
                }
            }
            Codec::Zstd(zstd) => {
                let mut input = InBuffer::around(input);
                let mut out = OutBuffer::around(out);
                let remaining = zstd.run(&mut input, &mut out);
                Progress {
                    consumed: input.pos(),
                    produced: out.pos(),
                    // Without input and output no frame has begun: at the very end
                    // the decoder asks for the next frame's header.
                    outcome: match remaining {
                        Ok(0) => Ok(true),
                        Ok(_) => Ok(false),
                        Err(_) => Err(()),
                    },
                }
            }
        }
    }

    /// Prepares for the next member. Zstandard's decoder does so by itself.
    fn restart(&mut self) {
        if let Codec::Gzip(gzip) = self {
            **gzip = flate2::Decompress::new_gzip(WINDOW_BITS);
        }
    }
}
