//! Counts of what arrived, since the process started.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one landing table.
#[derive(Debug, Default)]
pub struct TableCounts {
    /// Records in files.
    pub records: AtomicU64,
    /// Of them, those that are no JSON object.
    pub alone: AtomicU64,
    /// Files.
    pub files: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Attempts to write that failed.
    pub failures: AtomicU64,
}

/// Counts of what came from brokers.
#[derive(Debug, Default)]
pub struct BrokerCounts {
    /// Messages.
    pub messages: AtomicU64,
    /// Of them, those that the broker says it sent before.
    pub redelivered: AtomicU64,
    /// Of them, those that the broker kept for whoever subscribes.
    pub retained: AtomicU64,
    /// Of them, those with nothing in them.
    pub empty: AtomicU64,
    /// Of them, those of topics that no table takes.
    pub unmapped: AtomicU64,
    /// Connections.
    pub connections: AtomicU64,
}

/// Counts of what came by HTTP.
#[derive(Debug, Default)]
pub struct PostCounts {
    /// Requests whose records are safe.
    pub accepted: AtomicU64,
    /// Requests that were answered from memory, by their idempotency key.
    pub repeated: AtomicU64,
    /// Requests that were refused.
    pub refused: AtomicU64,
}

/// All counts.
#[derive(Debug, Default)]
pub struct Counts {
    /// By table, in the order of the targets.
    pub tables: Vec<(String, TableCounts)>,
    /// From brokers.
    pub broker: BrokerCounts,
    /// By HTTP.
    pub posts: PostCounts,
}

/// Adds to a count.
pub(crate) fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

/// Reads a count.
pub fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

impl Counts {
    pub(crate) fn of_tables(names: impl Iterator<Item = String>) -> Self {
        Self {
            tables: names.map(|name| (name, TableCounts::default())).collect(),
            ..Self::default()
        }
    }

    /// The counts in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        type Of = fn(&TableCounts) -> &AtomicU64;
        let of_tables: [(&str, Of); 5] = [
            ("records", |t| &t.records),
            ("records_alone", |t| &t.alone),
            ("files", |t| &t.files),
            ("bytes", |t| &t.bytes),
            ("write_failures", |t| &t.failures),
        ];
        for (name, of) in of_tables {
            _ = writeln!(text, "# TYPE stedi_listen_{name}_total counter");
            for (table, counts) in &self.tables {
                let count = read(of(counts));
                _ = writeln!(
                    text,
                    "stedi_listen_{name}_total{{table=\"{table}\"}} {count}"
                );
            }
        }
        for (name, count) in [
            ("mqtt_messages", &self.broker.messages),
            ("mqtt_redelivered", &self.broker.redelivered),
            ("mqtt_retained", &self.broker.retained),
            ("mqtt_empty", &self.broker.empty),
            ("mqtt_unmapped", &self.broker.unmapped),
            ("mqtt_connections", &self.broker.connections),
            ("posts_accepted", &self.posts.accepted),
            ("posts_repeated", &self.posts.repeated),
            ("posts_refused", &self.posts.refused),
        ] {
            _ = writeln!(text, "# TYPE stedi_listen_{name}_total counter");
            _ = writeln!(text, "stedi_listen_{name}_total {}", read(count));
        }
        text
    }
}
