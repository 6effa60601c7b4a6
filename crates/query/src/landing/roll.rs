//! Who is in a file: whose rows it holds, as hashes.
//!
//! Kept for each file that a run reads, so that a later run that needs one
//! person's earlier rows reads the files that have some and no others. It is a
//! private index: it lies in `system.landing_files`, a personal column.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use landing::{Keep, KeySet};
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use crate::identity_hash::IdentityHasher;

/// Hashes of names.
pub type Hashes = HashSet<u64, BuildHasherDefault<IdentityHasher>>;

/// By which of a landing table's columns rows are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// Among the table's columns.
    pub column: usize,
    /// Whether the column holds e-mails, of which spelling does not matter.
    pub of_people: bool,
}

impl Whose {
    /// The hash that stands for a name as it stands in a file.
    pub fn hash(self, name: &str) -> u64 {
        hash(&match self.of_people {
            true => privacy::normalize_subject(name),
            false => name.into(),
        })
    }
}

/// The hash that stands for a person or a device.
pub fn hash(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

/// Takes down whose rows a file holds, while the reader asks which it is to
/// keep.
#[derive(Debug)]
pub(super) struct Roll {
    whose: Whose,
    keys: Option<Arc<dyn KeySet>>,
    seen: Mutex<Hashes>,
}

impl Roll {
    /// For one file, of which `keep` says what to keep; `None` where rows are
    /// chosen by another column.
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

    /// What the reader is to keep, heard by the roll.
    pub(super) fn keep(self: &Arc<Self>) -> Keep {
        Keep {
            column: self.whose.column,
            keys: Arc::clone(self) as _,
        }
    }

    /// Who was seen, in order.
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
