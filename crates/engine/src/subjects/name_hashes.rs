//! Sets of people or devices, as hashes of their names.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use query::identity_hash::IdentityHasher;
use xxhash_rust::xxh3::xxh3_128;

/// People or devices, as hashes by [`hash_name`].
pub(crate) type NameHashes = HashSet<u128, BuildHasherDefault<IdentityHasher>>;

/// The hash of a subject or a device's serial number.
pub(crate) fn hash_name(name: &str) -> u128 {
    xxh3_128(name.as_bytes())
}
