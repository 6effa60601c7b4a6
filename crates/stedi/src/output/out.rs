//! Data to standard output.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use serde::Serialize;

use super::escape::shown;

/// Standard output, escaped where it is a terminal.
pub(crate) struct Out {
    out: io::Stdout,
    is_terminal: bool,
    /// The beginning of a character whose end has not been written yet.
    begun: Vec<u8>,
}

impl Out {
    pub(crate) fn new() -> Self {
        let out = io::stdout();
        Self {
            is_terminal: out.is_terminal(),
            out,
            begun: Vec::new(),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_terminal {
            return self.out.write(bytes);
        }
        let mut text = std::mem::take(&mut self.begun);
        text.extend_from_slice(bytes);
        let (shown, begun) = shown(&text);
        self.begun = begun;
        self.out.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Text to standard output, as it is.
pub(crate) fn put(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Text to standard output that may hold what came from outside.
pub(crate) fn put_escaped(text: &str) -> Result<()> {
    let mut out = Out::new();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// One JSON document to standard output.
pub(crate) fn put_json(document: &impl Serialize) -> Result<()> {
    put_escaped(&format!("{}\n", serde_json::to_string(document)?))
}
