//! Reads Thrift's compact protocol, in which Parquet's footers and headers of pages
//! are written.

/// Structures nested deeper than in any header.
pub(super) const DEPTH_MAX: u32 = 16;

/// Why reading stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end.
    Short,
    /// They are not of the protocol, or not what was expected.
    Corrupt,
}

/// Reads Thrift's compact protocol.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
}

/// Types of the protocol.
const STOP: u8 = 0;
/// A boolean: whether it is true is in the type.
pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;
pub(super) const BYTE: u8 = 3;
pub(super) const I16: u8 = 4;
pub(super) const I32: u8 = 5;
pub(super) const I64: u8 = 6;
pub(super) const DOUBLE: u8 = 7;
pub(super) const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;

impl<'a> Thrift<'a> {
    /// A reader of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Bytes that are not read yet.
    pub(super) fn bytes_left(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The next field's number and type; `None` at the end of the structure.
    pub(super) fn field(&mut self, last: &mut i64) -> Result<Option<(i64, u8)>, Stop> {
        let byte = self.byte()?;
        let (delta, kind) = (byte >> 4, byte & 0x0F);
        if kind == STOP {
            return Ok(None);
        }
        *last = match delta {
            0 => self.signed()?,
            delta => last.saturating_add(i64::from(delta)),
        };
        // The library takes the low 16 bits.
        i16::try_from(*last).map_err(|_| Stop::Corrupt)?;
        Ok(Some((*last, kind)))
    }

    /// Reads over a value of this type, which has at most `depth` levels.
    pub(super) fn skip(&mut self, kind: u8, depth: u32) -> Result<(), Stop> {
        let depth = depth.checked_sub(1).ok_or(Stop::Corrupt)?;
        match kind {
            TRUE | FALSE => Ok(()),
            3 => self.byte().map(drop),
            4..=6 => self.unsigned().map(drop),
            7 => self.advance(8),
            8 => {
                let length = self.unsigned()?;
                self.advance(length)
            }
            9 | 10 => {
                let (length, kind) = self.list()?;
                self.elements(length, &[kind], depth)
            }
            11 => match self.unsigned()? {
                0 => Ok(()),
                length => {
                    let byte = self.byte()?;
                    self.elements(length, &[byte >> 4, byte & 0x0F], depth)
                }
            },
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, depth)?;
                }
                Ok(())
            }
            _ => Err(Stop::Corrupt),
        }
    }

    /// The number of elements of a list, and their type.
    pub(super) fn list(&mut self) -> Result<(u64, u8), Stop> {
        let byte = self.byte()?;
        let length = match byte >> 4 {
            15 => self.unsigned()?,
            length => u64::from(length),
        };
        Ok((length, byte & 0x0F))
    }

    /// Elements of a list or a map. Lists of booleans are in no header, and the library
    /// skips them without their bytes.
    fn elements(&mut self, length: u64, kinds: &[u8], depth: u32) -> Result<(), Stop> {
        for _ in 0..length {
            for kind in kinds {
                match kind {
                    &TRUE | &FALSE => return Err(Stop::Corrupt),
                    kind => self.skip(*kind, depth)?,
                }
            }
        }
        Ok(())
    }

    /// A number of 32 bits that is not negative.
    pub(super) fn size(&mut self) -> Result<i64, Stop> {
        let value = self.signed()?;
        // The library takes the low 32 bits.
        match (0..=i64::from(i32::MAX)).contains(&value) {
            true => Ok(value),
            false => Err(Stop::Corrupt),
        }
    }

    pub(super) fn signed(&mut self) -> Result<i64, Stop> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn unsigned(&mut self) -> Result<u64, Stop> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Stop::Corrupt)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let (byte, rest) = self.bytes.split_first().ok_or(Stop::Short)?;
        self.bytes = rest;
        Ok(*byte)
    }

    fn advance(&mut self, length: u64) -> Result<(), Stop> {
        let length = usize::try_from(length).map_err(|_| Stop::Corrupt)?;
        self.bytes = self.bytes.get(length..).ok_or(Stop::Short)?;
        Ok(())
    }
}
