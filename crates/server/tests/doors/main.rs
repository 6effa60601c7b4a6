//! The doors for tools, over a lake that a run built, with the clients that people use.
#![allow(clippy::print_stderr, reason = "a test says that it skips")]

mod client;
mod flight;
mod lake;
mod postgres;
mod roles;
mod tools;
