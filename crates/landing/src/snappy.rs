//! Unpacks Snappy in the three forms in which files are written: Snappy's own
//! framing, Hadoop's blocks, and those of the Java library (`SnappyOutputStream`).
//!
//! Hadoop's form has no magic number. It begins with the length of a block, of
//! which the first byte is zero for every block below 16 MiB; no JSON begins with a
//! zero byte.

use std::io::{self, Read};

use snap::raw::{Decoder, decompress_len, max_compress_len};
use snap::read::FrameDecoder;

use crate::compression::{Fault, Unreadable};

/// A form of Snappy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnappyFormat {
    /// Snappy's framing format.
    Framed,
    /// Blocks of chunks, as Hadoop's `SnappyCodec` writes.
    Hadoop,
    /// Chunks behind a header, as the Java library writes.
    Java,
}

const FRAMED: &[u8] = b"\xFF\x06\x00\x00sNaPpY";
const JAVA: &[u8] = b"\x82SNAPPY\0";
/// The header of the Java library: magic, version, oldest version that reads it.
const JAVA_HEADER_BYTES: usize = 16;

/// Maximum length of a block, unpacked. Writers use 64 or 256 KiB.
const BLOCK_BYTES_MAX: usize = (16 << 20) - 1;

impl SnappyFormat {
    /// The form of an object that begins with `head`.
    pub(crate) fn of(head: &[u8]) -> Option<SnappyFormat> {
        if head.starts_with(FRAMED) {
            return Some(SnappyFormat::Framed);
        }
        if head.starts_with(JAVA) {
            return Some(SnappyFormat::Java);
        }
        let (block, rest) = head.split_first_chunk()?;
        let (chunk, data) = rest.split_first_chunk()?;
        let block = u32::from_be_bytes(*block) as usize;
        let chunk = u32::from_be_bytes(*chunk) as usize;
        let is_block = (1..=BLOCK_BYTES_MAX).contains(&block)
            && (1..=max_compress_len(block)).contains(&chunk)
            && decompress_len(data).is_ok_and(|length| (1..=block).contains(&length));
        is_block.then_some(SnappyFormat::Hadoop)
    }
}

/// Reader of the unpacked bytes.
pub(crate) struct Snappy<R: Read>(Form<R>);

enum Form<R: Read> {
    Framed(Box<FrameDecoder<Counted<R>>>),
    Chunks(Chunks<R>),
}

impl<R: Read> Snappy<R> {
    pub(crate) fn new(source: R, format: SnappyFormat) -> Snappy<R> {
        let source = Counted { source, offset: 0 };
        Snappy(match format {
            SnappyFormat::Framed => Form::Framed(Box::new(FrameDecoder::new(source))),
            SnappyFormat::Hadoop | SnappyFormat::Java => Form::Chunks(Chunks {
                source,
                format,
                block_left: 0,
                packed: Vec::new(),
                plain: Vec::new(),
                at: 0,
            }),
        })
    }
}

impl<R: Read> Read for Snappy<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Form::Framed(frames) => {
                let read = frames.read(out);
                read.map_err(|error| fault(error, frames.get_ref().offset))
            }
            Form::Chunks(chunks) => {
                let read = chunks.read(out);
                read.map_err(|error| fault(error, chunks.source.offset))
            }
        }
    }
}

/// A fault of the stream as [`Unreadable`]; a fault of the source stays as it is.
fn fault(error: io::Error, offset: u64) -> io::Error {
    let is_of_format = error
        .get_ref()
        .is_some_and(|inner| inner.is::<snap::Error>());
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Unreadable::error(Fault::Truncated, offset),
        io::ErrorKind::InvalidData => Unreadable::error(Fault::Corrupt, offset),
        _ if is_of_format => Unreadable::error(Fault::Corrupt, offset),
        _ => error,
    }
}

/// A reader that counts its bytes.
struct Counted<R> {
    source: R,
    offset: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(out)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// Chunks, each behind its length.
struct Chunks<R> {
    source: Counted<R>,
    format: SnappyFormat,
    /// Unpacked bytes of Hadoop's block that are still due.
    block_left: usize,
    packed: Vec<u8>,
    plain: Vec<u8>,
    /// The part of `plain` that was given out.
    at: usize,
}

impl<R: Read> Chunks<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.plain.len() {
            if !self.next_chunk()? {
                return Ok(0);
            }
        }
        let length = out.len().min(self.plain.len() - self.at);
        out[..length].copy_from_slice(&self.plain[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }

    /// Unpacks the next chunk; false at the end.
    fn next_chunk(&mut self) -> io::Result<bool> {
        let corrupt = || io::Error::from(io::ErrorKind::InvalidData);
        let Some(mut length) = self.length()? else {
            return match self.block_left {
                0 => Ok(false),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        };
        let plain_max = match self.format {
            SnappyFormat::Hadoop => {
                if self.block_left == 0 {
                    self.block_left = length;
                    if length == 0 {
                        return Ok(true);
                    }
                    if length > BLOCK_BYTES_MAX {
                        return Err(corrupt());
                    }
                    length = self.length()?.ok_or(io::ErrorKind::UnexpectedEof)?;
                }
                self.block_left
            }
            // Files that were appended to each other repeat the header.
            _ if length.to_be_bytes().ends_with(&JAVA[..4]) => {
                let mut rest = [0; JAVA_HEADER_BYTES - 4];
                self.source.read_exact(&mut rest)?;
                return Ok(true);
            }
            _ => BLOCK_BYTES_MAX,
        };
        if length > max_compress_len(plain_max) {
            return Err(corrupt());
        }
        self.packed.clear();
        let mut chunk = (&mut self.source).take(length as u64);
        if chunk.read_to_end(&mut self.packed)? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let plain = decompress_len(&self.packed).map_err(|_| corrupt())?;
        if plain > plain_max {
            return Err(corrupt());
        }
        let unpacked = Decoder::new().decompress_vec(&self.packed);
        self.plain = unpacked.map_err(|_| corrupt())?;
        self.at = 0;
        self.block_left = self.block_left.saturating_sub(self.plain.len());
        // A chunk of nothing would keep Hadoop's block open for ever.
        match plain == 0 && self.format == SnappyFormat::Hadoop {
            true => Err(corrupt()),
            false => Ok(true),
        }
    }

    /// The next length of four bytes; `None` at the end.
    fn length(&mut self) -> io::Result<Option<usize>> {
        let mut bytes = Vec::with_capacity(4);
        match (&mut self.source).take(4).read_to_end(&mut bytes)? {
            0 => Ok(None),
            _ => match bytes.try_into() {
                Ok(bytes) => Ok(Some(u32::from_be_bytes(bytes) as usize)),
                Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            },
        }
    }
}
