//! The interactive shell and colours, tested through a terminal that a Python
//! script drives.

use std::path::Path;
use std::process::Command;

use crate::places::SMALL;
use crate::program::BINARY;

#[test]
fn the_shell_on_a_terminal() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/terminal.py");
    let Ok(out) = Command::new("python3")
        .arg(&script)
        .arg(BINARY)
        .arg(&SMALL.dir)
        .output()
    else {
        eprintln!("skipped: python3 is not there");
        return;
    };
    assert!(
        out.status.success(),
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}
