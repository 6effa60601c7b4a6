//! The process that holds the lock of a lake, as `system/lock.json` names it.
//!
//! The lock writes it; the error about a locked lake shows it.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The process that holds a lake's lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The id of its run. File names carry it.
    pub run: String,
    /// The command: `run`, `compact`, ...
    pub command: String,
    /// The name of the machine.
    pub host: String,
    /// The process id on that machine.
    pub pid: u32,
    /// When it asked for the lock, epoch milliseconds.
    pub since_ms: i64,
    /// Identifies the process among those of all machines. Empty where the
    /// operating system does not provide it.
    process: String,
    /// Grows while the process lives; see `crate::lock`.
    #[serde(rename = "beat")]
    pub(crate) heartbeat: u64,
}

impl LockHolder {
    /// This process, running `command`.
    pub fn this_process(run: &str, command: &str) -> Self {
        let pid = std::process::id();
        Self {
            run: run.to_owned(),
            command: command.to_owned(),
            host: host_name(),
            pid,
            since_ms: chrono::Utc::now().timestamp_millis(),
            process: process_identity(pid).unwrap_or_default(),
            heartbeat: 0,
        }
    }

    /// Whether this is a process of the same machine that has ended. `false`
    /// where that is unknown.
    pub fn has_ended(&self) -> bool {
        let Some((namespace, _)) = self.process.rsplit_once('/') else {
            return false;
        };
        process_namespace().as_deref() == Some(namespace)
            && process_identity(self.pid).as_deref() != Some(self.process.as_str())
    }

    /// The content of `system/lock.json`.
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

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "this machine".to_owned(), |name| name.trim().to_owned())
}

/// Where process ids are unique: one boot of a machine and one PID namespace.
fn process_namespace() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim(), namespace.display()))
}

/// A process by its namespace, id and start time. The start time is needed
/// because process ids are reused.
fn process_identity(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything. The start time is the 20th
    // field after it.
    let (_, rest) = stat.rsplit_once(')')?;
    let started = rest.split_whitespace().nth(19)?;
    Some(format!("{}/{pid}-{started}", process_namespace()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_reuses_an_id_is_another_process() {
        let own = LockHolder::this_process("r", "run");
        assert!(!own.has_ended());
        let (namespace, _) = own.process.rsplit_once('/').unwrap();
        for (process, ended) in [
            (format!("{namespace}/{}-1", own.pid), true),
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
