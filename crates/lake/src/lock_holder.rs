//! Who holds the lock of a lake.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Who holds a lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The run; it names the files that it writes.
    pub run: String,
    /// The command: `run`, `compact`, ...
    pub command: String,
    /// The machine's name.
    pub host: String,
    /// The process there.
    pub pid: u32,
    /// Since when, epoch milliseconds.
    pub since_ms: i64,
    /// Tells the process from every other, of this machine or another.
    process: String,
    pub(crate) beat: u64,
}

impl LockHolder {
    /// This process, for a run of `command`.
    pub fn this_process(run: &str, command: &str) -> Self {
        let pid = std::process::id();
        Self {
            run: run.to_owned(),
            command: command.to_owned(),
            host: host(),
            pid,
            since_ms: chrono::Utc::now().timestamp_millis(),
            process: process(pid).unwrap_or_default(),
            beat: 0,
        }
    }

    /// Whether the process is one of this machine that has ended. Where that
    /// cannot be told it is taken to live.
    pub(crate) fn has_ended(&self) -> bool {
        let Some((place, _)) = self.process.rsplit_once('/') else {
            return false;
        };
        place_of_processes().as_deref() == Some(place)
            && process(self.pid).as_deref() != Some(self.process.as_str())
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// `stedi run, process 17 on lab-3, since 2026-11-28 13:00:00 UTC`
impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = chrono::DateTime::from_timestamp_millis(self.since_ms).unwrap_or_default();
        write!(
            f,
            "`stedi {}`, process {} on {}, since {}",
            self.command,
            self.pid,
            self.host,
            since.format("%Y-%m-%d %H:%M:%S UTC")
        )
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "this machine".to_owned(), |name| name.trim().to_owned())
}

/// Within which numbers of processes mean something: a machine since it was
/// started, and a space of numbers on it.
fn place_of_processes() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim(), space.display()))
}

/// A process by its place, number and start: numbers are given out again.
fn process(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; the start is the 20th behind it.
    let (_, rest) = stat.rsplit_once(')')?;
    let started = rest.split_whitespace().nth(19)?;
    Some(format!("{}/{pid}-{started}", place_of_processes()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_others_with_its_number() {
        let own = LockHolder::this_process("r", "run");
        assert!(!own.has_ended());
        let (place, _) = own.process.rsplit_once('/').unwrap();
        for (process, ended) in [
            (format!("{place}/{}-1", own.pid), true),
            (format!("elsewhere/{}-1", own.pid), false),
            (String::new(), false),
        ] {
            let other = LockHolder {
                process: process.clone(),
                ..own.clone()
            };
            assert_eq!(other.has_ended(), ended, "{process}");
        }
    }
}
