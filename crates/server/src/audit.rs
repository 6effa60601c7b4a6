//! The audit log: who asked what, by which door, and how it ended. No values.
//!
//! One JSON object for each line, in a file that is only appended to. Lines are on the
//! disk before an answer ends.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Bytes at the end of the file that are read to show the newest lines.
const TAIL_BYTES: u64 = 1 << 20;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When it began, RFC 3339 in UTC.
    pub at: String,
    /// The user.
    pub user: String,
    /// The user's role.
    pub role: String,
    /// The door.
    pub door: String,
    /// `query`, `sign-in`, `sign-out`, `look-up`, `download`, `save` or `delete-saved`; `start`,
    /// `cancel` and the end of a `run`, `full run` or `plan`.
    pub action: String,
    /// The statement without its values; empty for other actions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub statement: String,
    /// `done`, `failed`, `refused`, `cancelled` or `limit`.
    pub outcome: String,
    /// Rows that were handed out.
    pub rows: u64,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

/// The open log.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: Mutex<File>,
}

impl Audit {
    /// Opens the log, which only its owner can read.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(file),
        })
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line and brings it to the disk.
    ///
    /// # Errors
    /// What the file system says: then nothing may be handed out.
    pub fn append(&self, entry: &AuditEntry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut file = self.file.lock();
        file.write_all(&line)?;
        file.sync_data()
    }

    /// The newest lines, the newest first, at most `count`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn newest(&self, count: usize) -> io::Result<Vec<AuditEntry>> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        let start = length.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut lines = BufReader::new(file).split(b'\n');
        if start > 0 {
            // The rest of a line that began before.
            lines.next();
        }
        let mut entries = Vec::new();
        for line in lines {
            // A line that was cut off by a crash is no entry.
            entries.extend(serde_json::from_slice::<AuditEntry>(&line?).ok());
        }
        entries.reverse();
        entries.truncate(count);
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(user: &str) -> AuditEntry {
        AuditEntry {
            at: "2026-01-01T00:00:00Z".to_owned(),
            user: user.to_owned(),
            role: "engineer".to_owned(),
            door: "api".to_owned(),
            action: "query".to_owned(),
            statement: "select ?".to_owned(),
            outcome: "done".to_owned(),
            rows: 1,
            ms: 2,
        }
    }

    #[test]
    fn lines_are_appended_and_a_cut_one_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/audit.ndjson");
        Audit::open(&path).unwrap().append(&entry("ada")).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"at\":\"20\n").unwrap();
        let audit = Audit::open(&path).unwrap();
        audit.append(&entry("bob")).unwrap();
        assert_eq!(audit.newest(9).unwrap(), [entry("bob"), entry("ada")]);
        assert_eq!(audit.newest(1).unwrap(), [entry("bob")]);
    }
}
