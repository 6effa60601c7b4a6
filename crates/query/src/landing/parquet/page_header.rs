//! Reads the header of a Parquet page as far as it decides how much memory the page
//! takes: a structure in Thrift's compact protocol.
//!
//! The Parquet library allocates what a header claims before it looks at the page. So
//! each header is read here first.

use super::thrift::{DEPTH_MAX, FALSE, I32, STRUCT, Stop, TRUE, Thrift};

/// What a page's header claims. Where a field is given twice, the larger value.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageHeader {
    unpacked_bytes: i64,
    packed_bytes: i64,
    dictionary_values: i64,
    has_delta_text: bool,
    is_second_version: bool,
    body: PageBody,
}

/// What a page's header says of the body.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageBody {
    /// Bytes of the header, which the body follows.
    pub(super) header_bytes: u64,
    /// Bytes of levels before the packed part, in pages of the second version.
    pub(super) level_bytes: u64,
    /// Whether a page of the second version says that it is not packed.
    pub(super) is_plain: bool,
    /// Bytes of levels and packed part, unpacked.
    pub(super) unpacked_bytes: u64,
}

/// Why a page is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageFault {
    /// The header is not one, or claims what cannot be.
    Corrupt,
    /// Text of which each value repeats the start of the one before: a few bytes can
    /// stand for any length.
    DeltaText,
}

/// Maximum size of a page, packed and unpacked. Writers make pages of about 1 MiB.
const PAGE_BYTES_MAX: i64 = 32 << 20;

/// Encodings of text by differences, as the format numbers them.
const DELTA_LENGTH_BYTE_ARRAY: i64 = 6;
const DELTA_BYTE_ARRAY: i64 = 7;

impl PageHeader {
    /// The header that `bytes` begins with; `None` if it goes on beyond them.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<PageHeader>, PageFault> {
        let mut header = PageHeader::default();
        let mut thrift = Thrift::new(bytes);
        match thrift.page_header(&mut header) {
            Ok(()) => {
                header.body.header_bytes = bytes.len() as u64 - thrift.bytes_left();
                Ok(Some(header))
            }
            Err(Stop::Short) => Ok(None),
            Err(Stop::Corrupt) => Err(PageFault::Corrupt),
        }
    }

    /// The body, if the page may be read.
    pub(super) fn check(self) -> Result<PageBody, PageFault> {
        let sizes = [self.unpacked_bytes, self.packed_bytes];
        if sizes
            .iter()
            .any(|size| !(0..=PAGE_BYTES_MAX).contains(size))
        {
            return Err(PageFault::Corrupt);
        }
        // A value of the smallest type that has a dictionary takes two bytes.
        if !(0..=self.unpacked_bytes / 2).contains(&self.dictionary_values) {
            return Err(PageFault::Corrupt);
        }
        match self.has_delta_text {
            true => Err(PageFault::DeltaText),
            false => Ok(PageBody {
                unpacked_bytes: self.unpacked_bytes.unsigned_abs(),
                ..self.body
            }),
        }
    }
}

impl PageBody {
    /// The part of `body` that the library unpacks, and how many bytes that must give;
    /// `None` if it unpacks nothing.
    pub(super) fn packed_part(self, body: &[u8]) -> Option<(&[u8], u64)> {
        let bytes = self.unpacked_bytes.checked_sub(self.level_bytes)?;
        let packed = body.get(usize::try_from(self.level_bytes).ok()?..)?;
        (!self.is_plain && bytes > 0).then_some((packed, bytes))
    }
}

/// Numbers of fields in the header of a kind of page.
struct Page {
    encoding: i64,
    /// The fields from 1 to this one are numbers of 32 bits.
    last_number: i64,
    is_dictionary: bool,
    is_second_version: bool,
}

const DATA: Page = Page {
    encoding: 2,
    last_number: 4,
    is_dictionary: false,
    is_second_version: false,
};

const DATA_V2: Page = Page {
    encoding: 4,
    last_number: 6,
    is_dictionary: false,
    is_second_version: true,
};

const DICTIONARY: Page = Page {
    encoding: 2,
    last_number: 2,
    is_dictionary: true,
    is_second_version: false,
};

impl Thrift<'_> {
    fn page_header(&mut self, header: &mut PageHeader) -> Result<(), Stop> {
        let mut last = 0;
        while let Some((id, kind)) = self.field(&mut last)? {
            match (id, kind) {
                (2, I32) => header.unpacked_bytes = header.unpacked_bytes.max(self.size()?),
                (3, I32) => header.packed_bytes = header.packed_bytes.max(self.size()?),
                (1 | 4, I32) | (6, STRUCT) => self.skip(kind, DEPTH_MAX)?,
                (5, STRUCT) => self.page(header, &DATA)?,
                (8, STRUCT) => self.page(header, &DATA_V2)?,
                (7, STRUCT) => self.page(header, &DICTIONARY)?,
                // The library goes by the number alone.
                (1..=8, _) => return Err(Stop::Corrupt),
                _ => self.skip(kind, DEPTH_MAX)?,
            }
        }
        Ok(())
    }

    /// The part of a header that depends on the kind of page.
    fn page(&mut self, header: &mut PageHeader, page: &Page) -> Result<(), Stop> {
        if page.is_second_version && std::mem::replace(&mut header.is_second_version, true) {
            return Err(Stop::Corrupt);
        }
        let mut last = 0;
        // Numbers of fields that must not be given twice: the last one would count.
        let mut once: Vec<i64> = Vec::new();
        while let Some((id, kind)) = self.field(&mut last)? {
            if page.is_second_version && (5..=7).contains(&id) {
                if once.contains(&id) {
                    return Err(Stop::Corrupt);
                }
                once.push(id);
                match (id, kind) {
                    (5 | 6, I32) => header.body.level_bytes += self.size()?.unsigned_abs(),
                    (7, TRUE | FALSE) => header.body.is_plain = kind == FALSE,
                    _ => return Err(Stop::Corrupt),
                }
                continue;
            }
            match kind {
                I32 if id == page.encoding => {
                    let encoding = self.size()?;
                    header.has_delta_text |=
                        matches!(encoding, DELTA_LENGTH_BYTE_ARRAY | DELTA_BYTE_ARRAY);
                }
                I32 if id == 1 => {
                    let values = self.size()?;
                    if page.is_dictionary {
                        header.dictionary_values = header.dictionary_values.max(values);
                    }
                }
                kind if kind != I32 && (1..=page.last_number).contains(&id) => {
                    return Err(Stop::Corrupt);
                }
                _ => self.skip(kind, DEPTH_MAX)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        const CORRUPT: Result<(), PageFault> = Err(PageFault::Corrupt);
        // Numbers are doubled: 0x14 is 10.
        let size = |id: u8, size: &[u8]| [&[id << 4 | I32][..], size].concat();
        let page = |sizes: &[u8], more: &[u8]| [&[0x15, 0], sizes, more, &[0]].concat();
        let small = [size(1, &[0x14]), size(1, &[0x14])].concat();
        let huge = [size(1, &[0xFE, 0xFF, 0xFF, 0xFF, 0x0F]), size(1, &[0x14])].concat();
        let negative = [size(1, &[0x13]), size(1, &[0x14])].concat();
        for (bytes, expected) in [
            (page(&small, &[]), Ok(())),
            // A dictionary of 5 values, and of 8,192.
            (page(&small, &[0x4C, 0x15, 0x0A, 0]), Ok(())),
            (page(&small, &[0x4C, 0x15, 0x80, 0x80, 0x01, 0]), CORRUPT),
            // A data page, plain and with differences of text.
            (page(&small, &[0x2C, 0x15, 0x14, 0x15, 0, 0]), Ok(())),
            (
                page(&small, &[0x2C, 0x15, 0x14, 0x15, 0x0E, 0]),
                Err(PageFault::DeltaText),
            ),
            (page(&huge, &[]), CORRUPT),
            (page(&negative, &[]), CORRUPT),
            (vec![0x1D, 0], CORRUPT),
            // Sizes of another type, or with a number that is too large by 65,536.
            (vec![0x15, 0, 0x16, 0x14, 0x15, 0x14, 0], CORRUPT),
            (vec![0x15, 0, 0x15, 0x14, 0x13, 0x14, 0], CORRUPT),
            (
                vec![0x15, 0, 0x05, 0x84, 0x80, 0x08, 0x14, 0x15, 0x14, 0],
                CORRUPT,
            ),
            // The kind of page and the checksum, as another type.
            ([&[0x16, 0][..], &small, &[0]].concat(), CORRUPT),
            (page(&small, &[0x15, 0]), Ok(())),
            (page(&small, &[0x18, 0]), CORRUPT),
            // Kinds of pages that are no structures.
            (page(&small, &[0x25, 0]), CORRUPT),
            (page(&small, &[0x45, 0]), CORRUPT),
            (page(&small, &[0x55, 0]), CORRUPT),
            // Their numbers as other types; a boolean and statistics where they belong.
            (page(&small, &[0x2C, 0x16, 0x14, 0]), CORRUPT),
            (page(&small, &[0x2C, 0x45, 0, 0x1C, 0, 0]), Ok(())),
            (page(&small, &[0x2C, 0x46, 0, 0]), CORRUPT),
            (page(&small, &[0x4C, 0x16, 0x0A, 0]), CORRUPT),
            (page(&small, &[0x4C, 0x15, 0x0A, 0x15, 0, 0x11, 0]), Ok(())),
            (page(&small, &[0x5C, 0x65, 0, 0x11, 0x1C, 0, 0]), Ok(())),
            (page(&small, &[0x5C, 0x66, 0, 0]), CORRUPT),
            // Levels and whether it is packed: once, and of their types.
            (page(&small, &[0x5C, 0x55, 2, 0x15, 2, 0x12, 0]), Ok(())),
            (page(&small, &[0x5C, 0x55, 2, 0x05, 10, 2, 0]), CORRUPT),
            (page(&small, &[0x5C, 0x72, 0x02, 14, 0]), CORRUPT),
            (page(&small, &[0x5C, 0x75, 2, 0]), CORRUPT),
            (page(&small, &[0x5C, 0x55, 3, 0]), CORRUPT),
            (page(&small, &[0x5C, 0, 0x0C, 16, 0]), CORRUPT),
            // An unknown field, and a list of booleans in one.
            (page(&small, &[0x69, 0x13, 7]), Ok(())),
            (page(&small, &[0x69, 0x11, 1]), CORRUPT),
            ([&[0x5C; 40][..], &[0; 60]].concat(), CORRUPT),
        ] {
            let read = PageHeader::read(&bytes);
            let found =
                read.and_then(|header| header.map_or(Ok(()), |header| header.check().map(drop)));
            assert_eq!(found, expected, "{bytes:x?}");
        }
        let whole = page(&small, &[0x2C, 0x15, 0x14, 0x15, 0, 0]);
        for length in 0..whole.len() {
            assert_eq!(PageHeader::read(&whole[..length]), Ok(None), "{length}");
        }
    }
}
