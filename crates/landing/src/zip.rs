//! Reads a zip archive from its beginning to its end, one entry after the other.
//!
//! The entries are read as they stand in the file, not by the directory at its end:
//! so no byte is unpacked twice, whatever the directory says, and an archive that
//! was cut off gives the entries before the cut. A newline follows each entry, so
//! that its last object does not run into the next entry's first.

use std::io::{self, BufRead, BufReader, Read};

use flate2::{Crc, FlushDecompress, Status};

use crate::compression::{Fault, Unreadable};

const ENTRY: u32 = 0x0403_4B50;
const DIRECTORY: u32 = 0x0201_4B50;
const DIRECTORY_END: u32 = 0x0605_4B50;
const DESCRIPTOR: u32 = 0x0807_4B50;

/// Size of the input buffer.
const INPUT_BYTES: usize = 128 << 10;

/// Reader of the bytes of all entries.
pub(crate) struct Zip<R> {
    source: BufReader<R>,
    /// Bytes of the archive consumed so far.
    offset: u64,
    entry: Option<Entry>,
    /// Bytes of entries that are no input which may still be unpacked.
    skipped_left: u64,
    end: Option<Result<(), Fault>>,
}

struct Entry {
    data: Data,
    crc: Crc,
    /// CRC that the entry's header names; `None` where it follows the data.
    due: Option<u32>,
    packed: u64,
    /// A folder, or an entry whose name marks it as no input.
    is_skipped: bool,
}

/// What is behind the part of an entry that was unpacked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    More,
    End,
    /// What cannot be unpacked.
    Fault,
}

enum Data {
    Stored { left: u64 },
    Deflated(Box<flate2::Decompress>),
}

impl<R: Read> Zip<R> {
    /// A reader of `source`, of which entries that are no input may have
    /// `skipped_max` bytes.
    pub(crate) fn new(source: R, skipped_max: u64) -> Zip<R> {
        Zip {
            source: BufReader::with_capacity(INPUT_BYTES, source),
            offset: 0,
            entry: None,
            skipped_left: skipped_max,
            end: None,
        }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        self.offset += N as u64;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u32, Failure> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    /// Reads up to the data of the next entry; `None` behind the last one.
    fn next_entry(&mut self) -> Result<Option<Entry>, Failure> {
        match self.number()? {
            ENTRY => {}
            signature @ (DIRECTORY | DIRECTORY_END) => {
                self.directory(signature)?;
                return Ok(None);
            }
            _ => return Err(Fault::Corrupt.into()),
        }
        let [_, _, flags, _, method, _]: [u8; 6] = self.bytes()?;
        let [_, _, _, _]: [u8; 4] = self.bytes()?;
        let (crc, packed, _plain) = (self.number()?, self.number()?, self.number()?);
        let [name, more @ ..] = self.bytes::<4>()?.map(u64::from);
        let (name_bytes, extra_bytes) = (name | more[0] << 8, more[1] | more[2] << 8);
        let mut name = Vec::new();
        (&mut self.source).take(name_bytes).read_to_end(&mut name)?;
        let mut extra = Vec::new();
        (&mut self.source)
            .take(extra_bytes)
            .read_to_end(&mut extra)?;
        self.offset += name_bytes + extra_bytes;
        let is_encrypted = flags & 1 != 0;
        let is_described = flags & 8 != 0;
        let data = match method {
            _ if is_encrypted => return Err(Fault::Foreign("encrypted zip").into()),
            8 => Data::Deflated(Box::new(flate2::Decompress::new(false))),
            // Only the data itself tells where it ends.
            0 if is_described || packed == u32::MAX => {
                return Err(Fault::Foreign("streamed zip without compression").into());
            }
            0 => Data::Stored {
                left: u64::from(packed),
            },
            _ => return Err(Fault::Foreign("zip without deflate").into()),
        };
        Ok(Some(Entry {
            data,
            crc: Crc::new(),
            due: (!is_described).then_some(crc),
            packed: 0,
            is_skipped: is_folder_or_of_a_file_manager(&name),
        }))
    }

    /// Reads the directory, which ends the archive. It tells nothing that the
    /// entries have not told, but without it the archive was cut off.
    fn directory(&mut self, signature: u32) -> Result<(), Failure> {
        let mut last = signature.to_le_bytes();
        let mut is_whole = signature == DIRECTORY_END;
        loop {
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            for byte in bytes {
                last = [last[1], last[2], last[3], *byte];
                is_whole |= u32::from_le_bytes(last) == DIRECTORY_END;
            }
            let length = bytes.len();
            self.source.consume(length);
            self.offset += length as u64;
        }
        match is_whole {
            true => Ok(()),
            false => Err(Fault::Truncated.into()),
        }
    }

    /// Unpacks a part of the entry: how many bytes, and what is behind them.
    fn part(&mut self, entry: &mut Entry, out: &mut [u8]) -> Result<(usize, Behind), Failure> {
        let input = self.source.fill_buf()?;
        let (consumed, produced, behind) = match &mut entry.data {
            Data::Stored { left } => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX);
                let length = length.min(input.len()).min(out.len());
                out[..length].copy_from_slice(&input[..length]);
                *left -= length as u64;
                let behind = match *left {
                    0 => Behind::End,
                    _ => Behind::More,
                };
                (length, length, behind)
            }
            Data::Deflated(inflate) => {
                let (in_before, out_before) = (inflate.total_in(), inflate.total_out());
                let status = inflate.decompress(input, out, FlushDecompress::None);
                (
                    (inflate.total_in() - in_before) as usize,
                    (inflate.total_out() - out_before) as usize,
                    match status {
                        Ok(Status::StreamEnd) => Behind::End,
                        Ok(_) => Behind::More,
                        // What was unpacked before is valid.
                        Err(_) => Behind::Fault,
                    },
                )
            }
        };
        if input.is_empty() && produced == 0 && behind == Behind::More {
            return Err(Fault::Truncated.into());
        }
        self.source.consume(consumed);
        self.offset += consumed as u64;
        entry.packed += consumed as u64;
        entry.crc.update(&out[..produced]);
        Ok((produced, behind))
    }

    /// Compares the entry that ended with what the archive says about it.
    fn check(&mut self, entry: &Entry) -> Result<(), Failure> {
        let due = match entry.due {
            Some(due) => due,
            None => {
                let crc = match self.number()? {
                    DESCRIPTOR => self.number()?,
                    crc => crc,
                };
                let lengths = (self.number()?, self.number()?);
                if lengths != (entry.packed as u32, entry.crc.amount()) {
                    // Lengths of eight bytes, in archives beyond 4 GiB.
                    let [_, _]: [u32; 2] = [self.number()?, self.number()?];
                    if lengths.0 != entry.packed as u32 {
                        return Err(Fault::Corrupt.into());
                    }
                }
                crc
            }
        };
        match due == entry.crc.sum() {
            true => Ok(()),
            false => Err(Fault::Corrupt.into()),
        }
    }

    fn step(&mut self, out: &mut [u8]) -> Result<usize, Failure> {
        let Some(mut entry) = self.entry.take() else {
            self.entry = self.next_entry()?;
            if self.entry.is_none() {
                self.end = Some(Ok(()));
            }
            return Ok(0);
        };
        let (mut produced, behind) = self.part(&mut entry, out)?;
        if entry.is_skipped {
            let left = self.skipped_left.checked_sub(produced as u64);
            self.skipped_left = left.ok_or(Fault::Excessive)?;
            produced = 0;
        }
        match behind {
            Behind::End => {}
            Behind::More => {
                self.entry = Some(entry);
                return Ok(produced);
            }
            Behind::Fault => {
                self.end = Some(Err(Fault::Corrupt));
                return Ok(produced);
            }
        }
        let checked = self.check(&entry);
        if produced == 0 && !entry.is_skipped && checked.is_ok() {
            out[0] = b'\n';
            return Ok(1);
        }
        if let Err(failure) = checked {
            self.end = Some(Err(failure.fault()?));
        } else if !entry.is_skipped {
            // The newline comes with the next read.
            self.entry = Some(Entry {
                data: Data::Stored { left: 0 },
                crc: Crc::new(),
                due: Some(0),
                packed: 0,
                is_skipped: false,
            });
        }
        Ok(produced)
    }
}

impl<R: Read> Read for Zip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match &self.end {
                _ if out.is_empty() => return Ok(0),
                Some(Ok(())) => return Ok(0),
                Some(Err(fault)) => return Err(Unreadable::error(*fault, self.offset)),
                None => {}
            }
            match self.step(out) {
                Ok(0) => {}
                Ok(produced) => return Ok(produced),
                Err(failure) => self.end = Some(Err(failure.fault()?)),
            }
        }
    }
}

/// Why a step failed: a fault of the archive, or of its source.
enum Failure {
    Fault(Fault),
    Source(io::Error),
}

impl Failure {
    /// The fault of the archive.
    fn fault(self) -> io::Result<Fault> {
        match self {
            Failure::Fault(fault) => Ok(fault),
            Failure::Source(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(Fault::Truncated)
            }
            Failure::Source(error) => Err(error),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::Fault(fault)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Source(error)
    }
}

/// Whether an entry is a folder, or what macOS adds to archives. All other entries are
/// input, whatever their names: somebody has packed them.
fn is_folder_or_of_a_file_manager(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| *byte == b'/');
    name.ends_with(b"/") || parts.any(|part| part == b"__MACOSX" || part == b".DS_Store")
}
