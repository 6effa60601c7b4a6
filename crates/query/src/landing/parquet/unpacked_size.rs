//! Bounds what a page unpacks to, for codecs of which the Parquet library does not.
//!
//! For gzip, Brotli and LZ4 frames, the library unpacks to the end and only then
//! compares the size with the one that the page's header names: a page of a mebibyte
//! could fill the memory. So such a page is unpacked here first, without keeping
//! anything, up to that size. Of the other codecs the library bounds the output itself.

use std::io::{self, Read};
use std::ops::Range;

use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;

use super::page_header::{PageBody, PageFault};

/// Columns of row groups whose pages are measured, by where they lie.
#[derive(Debug, Default)]
pub(super) struct PackedChunks(Vec<Chunk>);

#[derive(Debug)]
struct Chunk {
    range: Range<u64>,
    codec: Codec,
    /// The page whose header was read last: where its body lies, and what it is.
    next: Option<(u64, PageBody)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Gzip,
    Brotli,
    Lz4,
}

impl Codec {
    fn of(compression: Compression) -> Option<Self> {
        match compression {
            Compression::GZIP(_) => Some(Self::Gzip),
            Compression::BROTLI(_) => Some(Self::Brotli),
            Compression::LZ4 => Some(Self::Lz4),
            _ => None,
        }
    }

    /// Whether `packed` unpacks to at most `bytes_max` bytes, as far as it unpacks at
    /// all: where it does not, the library stops at the same byte. LZ4 that is not
    /// framed is among that, and is bounded by the library.
    fn is_within(self, packed: &[u8], bytes_max: u64) -> bool {
        const BUFFER_BYTES: usize = 64 << 10;
        let one_more = bytes_max.saturating_add(1);
        let unpacked: Box<dyn Read + '_> = match self {
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed)),
            Self::Brotli => Box::new(brotli::Decompressor::new(packed, BUFFER_BYTES)),
            Self::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(packed)),
        };
        match io::copy(&mut unpacked.take(one_more), &mut io::sink()) {
            Ok(bytes) => bytes <= bytes_max,
            Err(_) => true,
        }
    }
}

impl PackedChunks {
    /// Those of a file.
    ///
    /// # Errors
    /// [`PageFault::Corrupt`] where two lie at the same place: of a page there, nothing
    /// would tell its codec.
    pub(super) fn of(metadata: &ParquetMetaData) -> Result<Self, PageFault> {
        let groups = metadata.row_groups().iter();
        let columns = groups.flat_map(|group| group.columns());
        let mut chunks: Vec<Chunk> = columns
            .filter_map(|column| {
                let codec = Codec::of(column.compression())?;
                let (start, length) = column.byte_range();
                Some(Chunk {
                    range: start..start.saturating_add(length),
                    codec,
                    next: None,
                })
            })
            .collect();
        chunks.sort_unstable_by_key(|chunk| chunk.range.start);
        let overlap = |pair: &[Chunk]| pair[0].range.end > pair[1].range.start;
        match chunks.windows(2).any(overlap) {
            true => Err(PageFault::Corrupt),
            false => Ok(Self(chunks)),
        }
    }

    /// Takes in what the header at `start` says of the page's body.
    pub(super) fn announce(&mut self, start: u64, body: PageBody) {
        if let Some(chunk) = self.at(start) {
            chunk.next = Some((start.saturating_add(body.header_bytes), body));
        }
    }

    /// Checks the body of a page, at `start`.
    ///
    /// # Errors
    /// [`PageFault::Corrupt`] if it unpacks to more than its header says, or is of no
    /// page whose header was read.
    pub(super) fn check(&mut self, start: u64, body: &[u8]) -> Result<(), PageFault> {
        let Some(chunk) = self.at(start) else {
            return Ok(());
        };
        let announced = match chunk.next.take() {
            Some((due, announced)) if due == start => announced,
            _ => return Err(PageFault::Corrupt),
        };
        let Some((packed, bytes_max)) = announced.packed_part(body) else {
            return Ok(());
        };
        match chunk.codec.is_within(packed, bytes_max) {
            true => Ok(()),
            false => Err(PageFault::Corrupt),
        }
    }

    fn at(&mut self, start: u64) -> Option<&mut Chunk> {
        let behind = self.0.partition_point(|chunk| chunk.range.start <= start);
        let chunk = self.0.get_mut(behind.checked_sub(1)?)?;
        chunk.range.contains(&start).then_some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(codec: Codec, bytes: &[u8]) -> Vec<u8> {
        match codec {
            Codec::Gzip => {
                let fast = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), fast);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Codec::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 1, 20);
                encoder.write_all(bytes).unwrap();
                encoder.into_inner()
            }
            Codec::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    #[test]
    fn a_page_unpacks_to_no_more_than_its_header_says() {
        let page = |unpacked_bytes| PageBody {
            unpacked_bytes,
            header_bytes: 10,
            ..PageBody::default()
        };
        for codec in [Codec::Gzip, Codec::Brotli, Codec::Lz4] {
            let body = packed(codec, &[7; 100_000]);
            assert!(body.len() < 5_000, "{codec:?}: {}", body.len());
            let mut members = body.clone();
            members.extend_from_slice(&body);
            let cut = &body[..body.len() / 2];
            let levels = [&[1, 2, 3], body.as_slice()].concat();
            for (announced, at, body, expected) in [
                (page(100_000), 110, body.as_slice(), true),
                (page(99_999), 110, &body, false),
                (page(1), 110, &body, false),
                // The library unpacks nothing, and the sizes differ.
                (page(0), 110, &body, true),
                (page(100_000), 111, &body, false),
                (page(100_000), 99, &body, true),
                (page(100_000), 5_100, &body, true),
                (page(100_000), 110, &members, codec != Codec::Gzip),
                (page(100_000), 110, cut, true),
                (page(100_000), 110, b"what is this", true),
                (
                    PageBody {
                        level_bytes: 3,
                        ..page(100_003)
                    },
                    110,
                    &levels,
                    true,
                ),
                (
                    PageBody {
                        level_bytes: 3,
                        ..page(100_002)
                    },
                    110,
                    &levels,
                    false,
                ),
                (
                    PageBody {
                        is_plain: true,
                        ..page(5)
                    },
                    110,
                    &body,
                    true,
                ),
            ] {
                let mut chunks = PackedChunks(vec![Chunk {
                    range: 100..5_100,
                    codec,
                    next: None,
                }]);
                chunks.announce(100, announced);
                let found = chunks.check(at, body);
                assert_eq!(found.is_ok(), expected, "{codec:?} {announced:?} {at}");
            }
        }
    }
}
