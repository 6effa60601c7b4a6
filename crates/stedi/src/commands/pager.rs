//! The program that shows long tables of the shell: `$PAGER`.

use std::io::{self, ErrorKind, Write};
use std::process::{Command, Stdio};

use crate::watchdog;

/// Flags for `less` where the user has set none: quit if the text fits, keep
/// colours, do not wrap, do not clear the screen.
const LESS: &str = "FRSX";

/// The user's pager, if one is set.
pub(super) fn of_environment() -> Option<String> {
    let pager = std::env::var("PAGER").ok()?;
    (!pager.trim().is_empty()).then_some(pager)
}

/// Shows `text` in `pager` and waits until the user leaves it. Ctrl-C belongs
/// to the pager meanwhile.
///
/// # Errors
/// The system's, if the pager cannot be started.
pub(super) fn show(pager: &str, text: &str) -> io::Result<()> {
    watchdog::ignoring_interrupts(|| {
        let mut command = Command::new("sh");
        command.args(["-c", pager]).stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            command.env("LESS", LESS);
        }
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(text.as_bytes()) {
                // The user has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                written => written?,
            }
        }
        child.wait().map(|_| ())
    })
}
