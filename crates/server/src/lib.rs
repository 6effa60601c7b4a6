//! The doors of a lake: HTTP and pages, Postgres wire, Flight SQL; sign-in and roles.
//!
//! This is the only crate that knows status codes.
