//! The size of the terminal.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// The terminal that standard output is; `None` where it is none, or does not
/// know its size.
pub(crate) fn of_stdout() -> Option<Size> {
    let stdout = io::stdout();
    stdout.is_terminal().then(|| size(stdout.as_fd())).flatten()
}

/// Likewise of standard error.
pub(super) fn of_stderr() -> Option<Size> {
    let stderr = io::stderr();
    stderr.is_terminal().then(|| size(stderr.as_fd())).flatten()
}

fn size(terminal: BorrowedFd<'_>) -> Option<Size> {
    let mut told = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    #[allow(unsafe_code, reason = "C alone asks the system for the size")]
    // SAFETY: the descriptor is open, and the structure is the one that
    // TIOCGWINSZ fills.
    let failed = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut told) };
    // A terminal that does not know its size says 0.
    let known = failed == 0 && told.ws_col > 0;
    known.then_some(Size {
        columns: told.ws_col.into(),
        rows: told.ws_row.into(),
    })
}
