//! What every process that listens needs, whatever it answers: connections of a bounded
//! number with bounds of time and size, TLS from files, and secrets that are hashed in a
//! file that only its owner can read.
//!
//! The doors of a lake (`server`) and the listener for landing records (`ingest`) stand on
//! it.

mod accept;
mod places;
mod private_file;
mod secrets;
mod tls;

pub use accept::{accept, stopped};
pub use places::{GivenOn, Place, Places};
pub use private_file::{FileFault, PrivateFile, Stamp};
pub use secrets::{TooMany, Verifier, hashed, hex, is_name, random};
pub use tls::{TlsConfig, TlsError, tls};
