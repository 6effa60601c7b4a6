//! Arrival: what brokers and programs send becomes landing files.
//!
//! The crate knows landing tables by their names and places, and nothing of the engine.
//!
//! | module | holds |
//! |---|---|
//! | `spool` | collects records, writes whole files, and then acknowledges |
//! | `mqtt` | subscribes to a broker |
//! | `http` | takes records that programs post |
//! | `keys` | idempotency keys of posts |
//! | `events`, `counts` | what happens, for whoever watches |
//! | [`watch`] | notices new landing files and waits until they are whole |
//!
//! Another source of records, such as Kafka, hands its records to the spool in the same
//! way: it waits for room, hands in the record with a receipt, and commits its offset when
//! the receipt is called.

mod counts;
mod events;
mod http;
mod keys;
mod mqtt;
mod spool;
pub mod watch;

pub use counts::{BrokerCounts, Counts, PostCounts, TableCounts, read};
pub use events::{Event, Events};
pub use http::{Posts, SourceSummary, Sources, SourcesError};
pub use keys::{KEPT_FOR, KEYS_MAX, Keys, KeysError};
pub use mqtt::{
    Broker, BrokerError, ClientTlsError, MqttSource, MqttVersion, Published, Publisher,
    PublisherError, Route, client_tls, is_filter, mqtt,
};
pub use spool::{Limits, Spool, Target, WriteFault, Writers};
