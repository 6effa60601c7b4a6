//! What tells a landing file from another one of its name and size.

use std::os::unix::fs::MetadataExt;

/// As found when the file was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// On a store: the content's tag there.
    Store(String),
    /// On a store without tags: when it was written, microseconds.
    Time(i64),
    /// On disk.
    Disk {
        /// When it was written, microseconds. Anybody may set that.
        written_us: i64,
        /// The inode that holds it.
        inode: u64,
        /// When anything about it was changed last, nanoseconds. The kernel alone
        /// sets that.
        changed_ns: i64,
    },
}

/// How a file compares with one of its name and size that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// It is that file.
    Same,
    /// It is that file if its content has this hash: it was moved, or copied with
    /// its time, or its rights were changed, or somebody wrote it and set the time
    /// back.
    IfContentIs(u64),
    /// It is another.
    Other,
}

impl Tag {
    /// Of a file on disk.
    pub(super) fn of(file: &std::fs::Metadata) -> Self {
        Self::Disk {
            written_us: file.mtime() * 1_000_000 + file.mtime_nsec() / 1_000,
            inode: file.ino(),
            changed_ns: file.ctime() * 1_000_000_000 + file.ctime_nsec(),
        }
    }

    /// What a store is told, so that it gives no other content than this.
    pub(super) fn on_store(&self) -> Option<&str> {
        match self {
            Self::Store(tag) => Some(tag),
            Self::Time(_) | Self::Disk { .. } => None,
        }
    }

    /// As it is noted of a file that was read, with the hash of what was read.
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

    /// How this file compares with what was noted of one.
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
        // Earlier programs noted nothing but the time.
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
            // No content was noted.
            (was.clone(), &was.noted(None), same),
            (
                disk(5, 8, 1_700_000_000_000_000_001),
                &was.noted(None),
                other,
            ),
            // By an earlier program.
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
