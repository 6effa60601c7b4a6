//! What could not be read, and why: the rows of `system.quarantine`.

mod condenser;
mod reason;
mod rejected;
mod sink;

pub use condenser::Condenser;
pub use reason::Reason;
pub use rejected::{Finder, Found, Raw, Rejected};
pub(crate) use sink::{Closed, Sink, is_blank};
