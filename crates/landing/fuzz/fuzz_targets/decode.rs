//! Arbitrary bytes: fast path, general path and serde_json agree, cuts make no
//! difference, every byte is accounted for.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run decode --sanitizer none -- -dict=tokens.dict`
#![no_main]

#[path = "../../tests/landing/agree.rs"]
mod agree;
#[path = "../../tests/landing/read.rs"]
mod read;

libfuzzer_sys::fuzz_target!(|data: &[u8]| agree::check_seeded(data));
