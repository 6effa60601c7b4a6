//! Folders of the user, as the XDG directories name them.

use std::path::PathBuf;

/// Where settings of the user lie.
pub(crate) fn settings() -> Option<PathBuf> {
    below("XDG_CONFIG_HOME", ".config")
}

/// Where files lie that the program keeps between two calls.
pub(crate) fn state() -> Option<PathBuf> {
    below("XDG_STATE_HOME", ".local/state")
}

fn below(variable: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let folder = absolute(variable).or_else(|| Some(absolute("HOME")?.join(in_home)));
    Some(folder?.join("stedi"))
}
