//! Tests of the landing decoder through its public API.
//!
//! - `cases`: the table of inputs and expected results.
//! - `properties`: random inputs, checked by `invariants`, which the fuzzer uses
//!   too.
//! - `bounded`: time and memory on inputs without structure.
//! - `ranges`: many rejected stretches in bounded memory.
//! - `compression`: compressed streams.
//! - `dirty`: files of the shared data.
//! - `read`: helpers that read bytes in several ways.

mod bounded;
mod cases;
mod compression;
mod dirty;
mod invariants;
mod properties;
mod ranges;
mod read;
