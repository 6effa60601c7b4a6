//! Data to standard output, or to the file of the shell's `\o`.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde::Serialize;

use super::escape::shown;

/// Standard output, escaped if it is a terminal; or a file.
#[derive(Clone)]
pub(crate) struct Out {
    target: Target,
    /// The beginning of a character that is not complete yet.
    begun: Vec<u8>,
}

#[derive(Clone)]
enum Target {
    Terminal,
    /// A pipe or a redirection.
    Stdout,
    File(Arc<File>),
}

impl Out {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        let target = match io::stdout().is_terminal() {
            true => Target::Terminal,
            false => Target::Stdout,
        };
        Self::to(target)
    }

    /// A file, which is created or emptied. It may hold personal values, so
    /// only its owner can read a new one.
    pub(crate) fn file(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        Ok(Self::to(Target::File(Arc::new(options.open(path)?))))
    }

    fn to(target: Target) -> Self {
        Self {
            target,
            begun: Vec::new(),
        }
    }

    /// Writes text whose values are escaped already, such as a table. Its own
    /// colours must stay.
    pub(super) fn put_laid_out(&self, text: &str) -> io::Result<()> {
        match &self.target {
            Target::File(file) => file.as_ref().write_all(text.as_bytes()),
            Target::Stdout | Target::Terminal => {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()
            }
        }
    }

    /// Whether it is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.target, Target::Terminal)
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.target {
            Target::File(file) => file.as_ref().write(bytes),
            Target::Stdout => io::stdout().write(bytes),
            Target::Terminal => {
                let mut text = std::mem::take(&mut self.begun);
                text.extend_from_slice(bytes);
                let (shown, begun) = shown(&text);
                self.begun = begun;
                io::stdout().write_all(shown.as_bytes())?;
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &self.target {
            Target::File(file) => file.as_ref().flush(),
            Target::Stdout | Target::Terminal => io::stdout().flush(),
        }
    }
}

/// Prints text to standard output as it is.
pub(crate) fn put(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Prints text to standard output that may hold values from outside.
pub(crate) fn put_escaped(text: &str) -> Result<()> {
    let mut out = Out::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Prints one JSON document to standard output.
pub(crate) fn put_json(document: &impl Serialize) -> Result<()> {
    put_escaped(&format!("{}\n", serde_json::to_string(document)?))
}
