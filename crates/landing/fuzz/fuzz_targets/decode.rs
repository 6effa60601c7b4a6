//! Fuzz target: for arbitrary bytes, fast path, general path and serde_json agree,
//! cuts make no difference, and every byte is accounted for.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run decode --sanitizer none -- -dict=tokens.dict`
#![no_main]

#[path = "../../tests/landing/invariants.rs"]
mod invariants;
#[path = "../../tests/landing/read.rs"]
mod read;

libfuzzer_sys::fuzz_target!(|data: &[u8]| invariants::check_seeded(data));
