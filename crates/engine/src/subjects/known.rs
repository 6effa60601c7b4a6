//! Sets of people or devices, as hashes of their names.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use query::identity_hash::IdentityHasher;
use xxhash_rust::xxh3::xxh3_128;

/// People or devices, as [`person`] gives them.
pub(crate) type Known = HashSet<u128, BuildHasherDefault<IdentityHasher>>;

/// The hash that stands for a person, or a device.
pub(crate) fn person(subject: &str) -> u128 {
    xxh3_128(subject.as_bytes())
}
