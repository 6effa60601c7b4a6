//! Calls of the binary, with their use of memory measured from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::program::{Call, Outcome, finish};

/// The outcome of a call and its peak memory.
pub(crate) struct Measured {
    pub(crate) outcome: Outcome,
    /// Peak memory.
    pub(crate) peak_bytes: u64,
    pub(crate) took: Duration,
}

/// Runs a call to its end and polls its memory.
pub(crate) fn measured(call: Call) -> Measured {
    let started = Instant::now();
    let (child, line) = call.start();
    let status = format!("/proc/{}/status", child.id());
    let (peak, ended) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let watch = {
        let (peak, ended) = (Arc::clone(&peak), Arc::clone(&ended));
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                if let Some(bytes) = high_water(&status) {
                    peak.fetch_max(bytes, Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(2));
            }
        })
    };
    let outcome = finish(child, line);
    ended.store(true, Ordering::Relaxed);
    watch.join().unwrap();
    Measured {
        outcome,
        peak_bytes: peak.load(Ordering::Relaxed),
        took: started.elapsed(),
    }
}

/// The peak memory that the system reports for a process.
fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
