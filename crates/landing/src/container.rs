//! What a landing object holds, told by its first bytes, and the reader of its
//! unpacked bytes.
//!
//! Objects arrive under names that say little: Firehose and IoT rules give none of
//! them an ending. So the bytes decide. The name decides only where the bytes are
//! neither JSON nor a known format, so that a `.gz` that is not gzip is reported as
//! corrupt.

use std::io::{self, Read};

use crate::compression::{Compression, Decompress, Fault, Unreadable};
use crate::snappy::{Snappy, SnappyFormat};
use crate::zip::Zip;

/// How many of an object's first bytes tell what it holds.
pub const HEAD_BYTES: usize = 64;

/// What an object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// JSON text, or bytes that are quarantined as no JSON.
    Json,
    /// A gzip or Zstandard stream.
    Compressed(Compression),
    /// A zip archive; its entries are read one after the other.
    Zip,
    /// Snappy blocks.
    Snappy(SnappyFormat),
    /// A Parquet file.
    Parquet,
    /// A known format that is not read, by its name.
    Foreign(&'static str),
}

/// Formats that are known and not read.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"BZh", "bzip2"),
    (b"\xFD7zXZ\0", "xz"),
    (b"\x04\x22\x4D\x18", "LZ4"),
    (b"7z\xBC\xAF\x27\x1C", "7z"),
    (b"ORC", "ORC"),
    (b"Obj\x01", "Avro"),
    (b"PARE", "encrypted Parquet"),
    (b"%PDF", "PDF"),
];

impl Container {
    /// What an object holds, by its first bytes ([`HEAD_BYTES`] of them, or all),
    /// else by its name. An empty object is empty whatever its name.
    pub fn of(name: &str, head: &[u8]) -> Container {
        match head {
            [] | [b'{' | b'[' | b' ' | b'\n' | b'\r' | b'\t', ..] => return Container::Json,
            [0x1F, 0x8B, ..] => return Container::Compressed(Compression::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => {
                return Container::Compressed(Compression::Zstd);
            }
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => return Container::Zip,
            [b'P', b'A', b'R', b'1', ..] => return Container::Parquet,
            _ => {}
        }
        if let Some(format) = SnappyFormat::of(head) {
            return Container::Snappy(format);
        }
        let is_foreign = |(magic, _): &&(&[u8], &str)| head.starts_with(magic);
        if let Some((_, what)) = FOREIGN.iter().find(is_foreign) {
            return Container::Foreign(what);
        }
        Container::of_name(name).unwrap_or(Container::Json)
    }

    /// What an object should hold by the ending of its name; `None` for JSON and
    /// where the name does not say.
    pub fn of_name(name: &str) -> Option<Container> {
        let (_, ending) = name.rsplit_once('.')?;
        Some(match ending.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Container::Compressed(Compression::Gzip),
            "zst" | "zstd" => Container::Compressed(Compression::Zstd),
            "zip" => Container::Zip,
            "snappy" | "sz" => Container::Snappy(SnappyFormat::Framed),
            "parquet" => Container::Parquet,
            _ => return None,
        })
    }

    /// A reader of the bytes of `source` unpacked, at most `bytes_max` of them. It
    /// ends with an [`Unreadable`] inside an [`io::Error`] of kind `InvalidData`
    /// where they cannot be unpacked any further.
    ///
    /// # Errors
    /// If there is no memory for a decompressor, and for Parquet, which is no
    /// stream.
    pub fn unpacked<'a, R: Read + Send + 'a>(
        self,
        source: R,
        bytes_max: u64,
    ) -> io::Result<Box<dyn Read + Send + 'a>> {
        Ok(match self {
            Container::Json => Box::new(source),
            Container::Compressed(compression) => Box::new(Limited::new(
                Decompress::new(source, compression)?,
                bytes_max,
            )),
            Container::Zip => Box::new(Limited::new(Zip::new(source, bytes_max), bytes_max)),
            Container::Snappy(format) => {
                Box::new(Limited::new(Snappy::new(source, format), bytes_max))
            }
            Container::Foreign(what) => Box::new(Refused(what)),
            Container::Parquet => {
                return Err(io::Error::other("Parquet is read by its own reader"));
            }
        })
    }
}

/// Reader of an object that is not read.
struct Refused(&'static str);

impl Read for Refused {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(Unreadable::error(Fault::Foreign(self.0), 0))
    }
}

/// A reader that fails with [`Fault::Excessive`] beyond a number of bytes, always
/// after the same byte.
pub struct Limited<R> {
    source: R,
    bytes_left: u64,
}

impl<R: Read> Limited<R> {
    /// At most `bytes` of `source`.
    pub fn new(source: R, bytes: u64) -> Limited<R> {
        Limited {
            source,
            bytes_left: bytes,
        }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.bytes_left == 0 {
            // One byte more tells whether the limit is exceeded.
            return match self.source.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(Unreadable::error(Fault::Excessive, 0)),
            };
        }
        let length = usize::try_from(self.bytes_left).unwrap_or(usize::MAX);
        let length = out.len().min(length);
        let read = self.source.read(&mut out[..length])?;
        self.bytes_left -= read as u64;
        Ok(read)
    }
}
