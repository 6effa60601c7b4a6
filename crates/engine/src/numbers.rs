//! Numbers for names: people and devices counted from zero.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Names in the order they came, each once.
#[derive(Debug, Default, Clone)]
pub(crate) struct Numbers {
    names: Vec<Box<str>>,
    known: HashTable<u32>,
}

impl Numbers {
    /// The number of `name`, which is a new one if it has not been seen.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.find(name) {
            return number;
        }
        let Self { names, known } = self;
        let number = names.len() as u32;
        names.push(name.into());
        known.insert_unique(xxh3_64(name.as_bytes()), number, |known| {
            xxh3_64(names[*known as usize].as_bytes())
        });
        number
    }

    /// The number of `name`, if it has been seen.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let hash = xxh3_64(name.as_bytes());
        let is = |known: &u32| &*self.names[*known as usize] == name;
        self.known.find(hash, is).copied()
    }

    /// The name that has `number`.
    pub(crate) fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    /// All names, by number.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}
