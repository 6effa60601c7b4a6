//! Notes which people or devices have rows in a landing file, as hashes.
//!
//! A run keeps the hashes of each file that it reads. A later run that needs one
//! person's earlier rows reads only the files that have some. The hashes are a
//! private index: they lie in a personal column of `system.landing_files`.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use landing::{Keep, KeySet};
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use crate::identity_hash::IdentityHasher;

/// Hashes of people or devices.
pub type Hashes = HashSet<u64, BuildHasherDefault<IdentityHasher>>;

/// The column of a landing table that identifies a person or a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// Position among the table's columns.
    pub column: usize,
    /// Whether the column holds e-mails, which are normalised before hashing.
    pub of_people: bool,
}

impl Whose {
    /// The hash of a person or device, given as spelled in a file.
    pub fn hash(self, name: &str) -> u64 {
        hash(&match self.of_people {
            true => privacy::normalize_subject(name),
            false => name.into(),
        })
    }
}

/// The hash of a normalised e-mail or of a serial number.
pub fn hash(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

/// Collects the hashes of one file. The reader asks the roll for each row's key
/// whether to keep the row, and the roll notes the key.
#[derive(Debug)]
pub(super) struct Roll {
    whose: Whose,
    keys: Option<Arc<dyn KeySet>>,
    seen: Mutex<Hashes>,
}

impl Roll {
    /// A roll for one file that the reader filters by `keep`; `None` where it filters
    /// by another column.
    pub(super) fn beside(whose: Whose, keep: Option<&Keep>) -> Option<Arc<Self>> {
        let keys = match keep {
            None => None,
            Some(keep) if keep.column == whose.column => Some(Arc::clone(&keep.keys)),
            Some(_) => return None,
        };
        Some(Arc::new(Self {
            whose,
            keys,
            seen: Mutex::default(),
        }))
    }

    /// The reader's filter, which passes through the roll.
    pub(super) fn keep(self: &Arc<Self>) -> Keep {
        Keep {
            column: self.whose.column,
            keys: Arc::clone(self) as _,
        }
    }

    /// The collected hashes, ascending.
    pub(super) fn names(&self) -> Vec<u64> {
        let mut names: Vec<u64> = self.seen.lock().iter().copied().collect();
        names.sort_unstable();
        names
    }
}

impl KeySet for Roll {
    fn contains(&self, text: &str) -> bool {
        self.seen.lock().insert(self.whose.hash(text));
        self.keys.as_ref().is_none_or(|keys| keys.contains(text))
    }
}
