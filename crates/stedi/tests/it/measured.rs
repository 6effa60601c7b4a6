//! Calls of the binary, with what they took as seen from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::program::{Call, Outcome, finish};

/// How a call ended and what it took.
pub(crate) struct Measured {
    pub(crate) outcome: Outcome,
    /// The most memory that it held at once.
    pub(crate) peak_bytes: u64,
    pub(crate) took: Duration,
}

/// Runs a call to its end and looks again and again at how much it holds.
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

/// The process's high-water mark, of which the system keeps account itself.
fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
