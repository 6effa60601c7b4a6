//! Tags of landing files: tell whether a file with a known name and size has changed.
//!
//! A run notes the tag of each file that it reads; the next one compares, to read
//! only new files and to notice changed ones.

use std::os::unix::fs::MetadataExt;

/// The tag of a file when it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// In an object store: the ETag.
    Store(String),
    /// In a store without ETags: the time of modification, microseconds.
    Time(i64),
    /// On disk.
    Disk {
        /// Time of modification, microseconds. Any program can set it.
        written_us: i64,
        /// The file's inode.
        inode: u64,
        /// Time of the last change of content or metadata, nanoseconds. Only the
        /// kernel sets it.
        changed_ns: i64,
    },
}

/// How a file compares with one of the same name and size that was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// It is the same file.
    Same,
    /// It is the same file if its content has this hash. Either it was moved, copied
    /// with its time, or got other permissions; or it was written and its time set
    /// back.
    IfContentIs(u64),
    /// It is another file.
    Other,
}

impl Tag {
    /// The tag of a file on disk.
    pub(super) fn of(file: &std::fs::Metadata) -> Self {
        Self::Disk {
            written_us: file.mtime() * 1_000_000 + file.mtime_nsec() / 1_000,
            inode: file.ino(),
            changed_ns: file.ctime() * 1_000_000_000 + file.ctime_nsec(),
        }
    }

    /// The ETag for conditional reads, so that the store returns this content or
    /// fails.
    pub(super) fn on_store(&self) -> Option<&str> {
        match self {
            Self::Store(tag) => Some(tag),
            Self::Time(_) | Self::Disk { .. } => None,
        }
    }

    /// The text to store for a file that was read, with the hash of its content.
    pub fn noted(&self, content: Option<u64>) -> String {
        match self {
            Self::Store(tag) => tag.clone(),
            Self::Time(written_us) => written_us.to_string(),
            Self::Disk {
                written_us,
                inode,
                changed_ns,
            } => {
                let content = content.map_or_else(String::new, |hash| format!(" {hash:016x}"));
                format!("{written_us} {inode} {changed_ns}{content}")
            }
        }
    }

    /// Compares this file with the stored text of an earlier one.
    pub fn compare(&self, noted: &str) -> Likeness {
        let Self::Disk { written_us, .. } = self else {
            return match self.noted(None) == noted {
                true => Likeness::Same,
                false => Likeness::Other,
            };
        };
        let (stamps, content) = match noted.rsplit_once(' ') {
            Some((stamps, content)) if content.len() == 16 && stamps.contains(' ') => {
                (stamps, u64::from_str_radix(content, 16).ok())
            }
            _ => (noted, None),
        };
        let is_written = noted.split(' ').next() == Some(&written_us.to_string());
        // Older versions of the program stored only the time.
        if stamps == self.noted(None) || (is_written && !noted.contains(' ')) {
            return Likeness::Same;
        }
        match content {
            Some(hash) if is_written => Likeness::IfContentIs(hash),
            _ => Likeness::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_compared_with_what_was_noted() {
        let disk = |written_us, inode, changed_ns| Tag::Disk {
            written_us,
            inode,
            changed_ns,
        };
        let was = disk(5, 7, 1_700_000_000_000_000_001);
        let noted = was.noted(Some(0xabc));
        assert_eq!(noted, "5 7 1700000000000000001 0000000000000abc");
        let (same, perhaps, other) = (
            Likeness::Same,
            Likeness::IfContentIs(0xabc),
            Likeness::Other,
        );
        for (now, noted, expected) in [
            (was.clone(), noted.as_str(), same),
            (disk(5, 8, 1_700_000_000_000_000_001), &noted, perhaps),
            (disk(5, 7, 1_700_000_000_000_000_002), &noted, perhaps),
            (disk(6, 7, 1_700_000_000_000_000_001), &noted, other),
            // No content hash was stored.
            (was.clone(), &was.noted(None), same),
            (
                disk(5, 8, 1_700_000_000_000_000_001),
                &was.noted(None),
                other,
            ),
            // Stored by an older version of the program.
            (was.clone(), "5", same),
            (was.clone(), "6", other),
            (was.clone(), "", other),
            (Tag::Store("\"5\"".to_owned()), "\"5\"", same),
            (Tag::Store("\"5\"".to_owned()), "\"6\"", other),
        ] {
            assert_eq!(now.compare(noted), expected, "{now:?} {noted}");
        }
    }
}
