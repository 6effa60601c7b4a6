//! How data arrives in landing locations. Knows landing files and places, not the
//! engine: it says what has arrived, and its caller decides what follows.
//!
//! - [`watch`]: notices new landing files and waits until they are whole.

pub mod watch;
