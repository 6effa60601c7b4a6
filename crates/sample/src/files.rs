//! Landing files: folder and file names of each source, and the number of lines in
//! a file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Customer, accelerometer and step trainer, in this order.
pub(super) const SOURCES: [Source; 3] = [
    Source {
        name: "customer",
        first_file_ms: 1_691_348_231_425,
    },
    Source {
        name: "accelerometer",
        first_file_ms: 1_691_348_231_445,
    },
    Source {
        name: "step_trainer",
        first_file_ms: 1_691_348_232_038,
    },
];

/// Difference between the times in the names of two consecutive files.
const FILES_APART_MS: u64 = 50;

/// Size of the write buffer.
const BUFFER_BYTES: usize = 1 << 20;

/// Longer than any line, so that the buffer never grows.
const LINE_BYTES_MAX: usize = 1 << 10;

/// Maximum number of lines of a file: 10,000 as in the reference data, and
/// 1,000,000 for more than 100 cohorts, which would otherwise make thousands of
/// files.
pub(super) fn lines_max(customers: u64) -> u64 {
    match customers {
        ..=95_600 => 10_000,
        _ => 1_000_000,
    }
}

/// One of the three kinds of landing data.
#[derive(Clone, Copy)]
pub(super) struct Source {
    /// The name of its folder, and the prefix of its files.
    pub(super) name: &'static str,
    /// The time in the first file's name. Times have thirteen digits, so names sort
    /// in the order of writing.
    first_file_ms: u64,
}

impl Source {
    /// Fails with `AlreadyExists` if the source's folder is not empty. Changes
    /// nothing.
    pub(super) fn ensure_empty(self, out: &Path) -> io::Result<()> {
        ensure_empty(&self.folder(out), "landing data")
    }

    fn folder(self, out: &Path) -> PathBuf {
        out.join(self.name).join("landing")
    }
}

/// Totals of what was written for one source.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) lines: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// Writer of the files of one source, one after the other.
pub(super) struct LandingFiles {
    source: Source,
    folder: PathBuf,
    lines_max: u64,
    /// Whether every other file begins with a byte order mark.
    byte_order_marks: bool,
    /// The current file; open from the first line on.
    file: Option<(PathBuf, File)>,
    buffer: Vec<u8>,
    totals: Totals,
}

impl LandingFiles {
    /// A writer that has not created anything yet.
    pub(super) fn new(source: Source, out: &Path, lines_max: u64) -> Self {
        LandingFiles {
            source,
            folder: source.folder(out),
            lines_max,
            byte_order_marks: false,
            file: None,
            buffer: Vec::with_capacity(BUFFER_BYTES + LINE_BYTES_MAX),
            totals: Totals::default(),
        }
    }

    /// Makes every other file begin with a byte order mark, including the first
    /// one.
    pub(super) fn mark_byte_order(&mut self) {
        self.byte_order_marks = true;
    }

    /// The buffer for the next line. The caller appends the line with its line
    /// feed.
    pub(super) fn line(&mut self) -> io::Result<&mut Vec<u8>> {
        if self.totals.lines.is_multiple_of(self.lines_max) {
            self.next_file()?;
        } else if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        self.totals.lines += 1;
        Ok(&mut self.buffer)
    }

    /// Writes the rest of the buffer.
    pub(super) fn finish(mut self) -> io::Result<Totals> {
        self.flush()?;
        Ok(self.totals)
    }

    fn next_file(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.file.is_none() {
            fs::create_dir_all(&self.folder).map_err(|error| with_path(&self.folder, error))?;
        }
        let time_ms = self.source.first_file_ms + self.totals.files * FILES_APART_MS;
        let path = self
            .folder
            .join(format!("{}-{time_ms}.json", self.source.name));
        let file = File::create_new(&path).map_err(|error| with_path(&path, error))?;
        self.file = Some((path, file));
        if self.byte_order_marks && self.totals.files.is_multiple_of(2) {
            self.buffer.extend_from_slice("\u{feff}".as_bytes());
        }
        self.totals.files += 1;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some((path, file)) = &mut self.file {
            file.write_all(&self.buffer)
                .map_err(|error| with_path(path, error))?;
            self.totals.bytes += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}

/// Fails with `AlreadyExists` if `folder` is not empty. `what` is its supposed
/// content.
pub(super) fn ensure_empty(folder: &Path, what: &str) -> io::Result<()> {
    let occupied = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(with_path(folder, error)),
    };
    if !occupied {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!(
            "{}: holds {what} already, which a sample must not mix with\n\
             hint: name another folder, or empty this one first",
            folder.display()
        ),
    ))
}

/// The error with the path in its message.
pub(super) fn with_path(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
