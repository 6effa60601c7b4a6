//! Which objects below a landing table's location are input, told by name and size.
//!
//! Whoever lists landing files asks here, so that what is watched is what is read.
//! Names that begin with `.` or `_` mark what other programs keep for themselves.

use crate::container::Container;

/// What an object below a table's location is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// It is read.
    Input,
    /// It is no input by its name but may have been meant to be; a run names it.
    Aside,
    /// It is what another program keeps for itself, or marks a folder.
    Ignored,
}

impl ObjectKind {
    /// What the object is that has `name` below the table's location, with `/` between
    /// folders, and `bytes` bytes.
    pub fn of(name: &str, bytes: u64) -> Self {
        let is_named_as_data = is_named_as_data(name);
        if name.split('/').any(|part| part.starts_with(['.', '_'])) {
            let is_kept = bytes == 0 || is_bookkeeping(name);
            return match is_kept && !is_named_as_data {
                true => Self::Ignored,
                false => Self::Aside,
            };
        }
        match bytes == 0 && !is_named_as_data {
            true => Self::Ignored,
            false => Self::Input,
        }
    }
}

/// Whether a hidden name is one that writers of data and file managers keep for
/// themselves. A run names all other hidden objects: a stream's objects have no ending, and
/// one of them may hold a withdrawal.
fn is_bookkeeping(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        ".DS_Store",
        "_SUCCESS",
        "_common_metadata",
        "_delta_log",
        "_metadata",
        "_spark_metadata",
        "_temporary",
        "__MACOSX",
    ];
    // The last is that of `stedi listen`, which writes its files under such a name first.
    const PREFIXES: [&str; 4] = ["._", "_committed_", "_started_", ".stedi-"];
    let mut parts = name.split('/');
    name.ends_with(".crc")
        || parts.any(|part| {
            NAMES.contains(&part) || PREFIXES.iter().any(|prefix| part.starts_with(prefix))
        })
}

/// Whether the ending of a name is that of data.
fn is_named_as_data(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
        || Container::of_name(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_by_name_and_size() {
        use ObjectKind::{Aside, Ignored, Input};
        for (name, bytes, expected) in [
            ("a.json", 1, Input),
            ("a.json", 0, Input),
            ("2026/11/30/12/stream-1-2026-11-30-12-00-00-uuid", 1, Input),
            (
                "2026/11/30/12/stream-1-2026-11-30-12-00-00-uuid",
                0,
                Ignored,
            ),
            ("2026/11/a.GZ", 1, Input),
            ("README.md", 1, Input),
            ("a_b/c.d", 1, Input),
            ("a#1", 1, Input),
            ("2026", 0, Ignored),
            ("2026_$folder$", 0, Ignored),
            ("_SUCCESS", 0, Ignored),
            ("_SUCCESS", 9, Ignored),
            ("_spark_metadata/0", 9, Ignored),
            (".part-0.json.crc", 9, Ignored),
            (".DS_Store", 9, Ignored),
            (".b.json", 9, Aside),
            ("_temporary/0/part-0.json.gz", 9, Aside),
            (".hidden/a.parquet", 9, Aside),
            ("_late/customers-1-2023-08-06-00-00-00-uuid", 9, Aside),
            ("_late/customers-1-2023-08-06-00-00-00-uuid", 0, Ignored),
            ("_committed_17", 9, Ignored),
            (".stedi-1f9c2b7e.lock", 0, Ignored),
            (".stedi-1f9c2b7e-listen-1.json.part", 9, Ignored),
            ("_customers", 9, Aside),
        ] {
            assert_eq!(ObjectKind::of(name, bytes), expected, "{name} {bytes}");
        }
    }
}
