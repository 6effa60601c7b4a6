//! Rejected stretches and their reasons: the rows of `system.quarantine`.
//!
//! - `reason`: why bytes are rejected.
//! - `rejected`: a rejected stretch, or a range of them.
//! - `sink`: collects the bytes of one stretch in bounded memory.
//! - `condenser`: keeps the stretches of one file in bounded memory.

mod condenser;
mod reason;
mod rejected;
mod sink;

pub use condenser::Condenser;
pub use reason::Reason;
pub use rejected::{Finder, Found, Raw, Rejected};
pub(crate) use sink::{Collected, Sink, is_white_space};
