//! A sharded set of (instant, person) pairs, collected with repetitions.

/// A pair as three words, most significant first, so that words sort like pairs. It
/// takes 12 bytes. With 16 bytes, 28.7 million pairs would take 115 MB more.
pub(super) type Words = [u32; 3];

/// Splits an instant into two words that sort like the instant.
pub(super) fn split(instant: i64) -> (u32, u32) {
    let biased = instant as u64 ^ (1 << 63);
    ((biased >> 32) as u32, biased as u32)
}

/// The number of shards. A shard is small enough to be sorted within the cache, and to
/// be copied when it grows without doubling all memory.
pub(super) const SHARDS: usize = 64;

/// The shard of `block`. Neighbouring blocks are in different shards.
pub(super) fn shard_of(block: u64) -> usize {
    (block.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as usize
}

const SHARD_CAPACITY_MIN: usize = 1024;
const RECENT_LEN: usize = 2048;

/// A set of pairs in shards. Memory stays within five quarters of what the distinct
/// pairs need, however often they are repeated.
pub(super) struct Pairs {
    shards: Vec<Shard>,
    /// Recent pairs by hash. Readings mostly repeat within a few lines; a repetition
    /// found here is never sorted.
    recent: Vec<Option<Words>>,
}

#[derive(Default)]
struct Shard {
    pairs: Vec<Words>,
    capacity: usize,
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            recent: vec![None; RECENT_LEN],
        }
    }

    pub(super) fn push(&mut self, shard: usize, words: Words) {
        let mixed = (u64::from(words[0]) << 32 | u64::from(words[1]))
            .wrapping_add(u64::from(words[2]).rotate_left(40))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let slot = &mut self.recent[(mixed >> 53) as usize];
        if *slot == Some(words) {
            return;
        }
        *slot = Some(words);
        self.shards[shard].push(words);
    }

    /// Adds all pairs of `other`.
    pub(super) fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.shards.iter_mut().zip(other.shards) {
            for words in theirs.pairs {
                mine.push(words);
            }
        }
    }

    /// The pairs of each shard, ascending and distinct.
    pub(super) fn into_sorted(self) -> impl Iterator<Item = Vec<Words>> {
        self.shards.into_iter().map(|mut shard| {
            shard.sort_and_dedup();
            shard.pairs.shrink_to_fit();
            shard.pairs
        })
    }
}

impl Shard {
    fn push(&mut self, words: Words) {
        if self.pairs.len() == self.capacity {
            self.grow();
        }
        self.pairs.push(words);
    }

    /// Removes repetitions, and grows until a fifth of the capacity is free. Sorting then
    /// costs a constant factor per new pair.
    #[cold]
    fn grow(&mut self) {
        self.sort_and_dedup();
        let capacity = (self.pairs.len() + self.pairs.len() / 4).max(SHARD_CAPACITY_MIN);
        if capacity > self.capacity {
            self.capacity = capacity;
            self.pairs.reserve_exact(capacity - self.pairs.len());
        }
    }

    fn sort_and_dedup(&mut self) {
        // A stable sort detects that all but the tail is sorted, and merges.
        self.pairs
            .sort_by_key(|w| (u64::from(w[0]) << 32 | u64::from(w[1]), w[2]));
        self.pairs.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_sort_like_instants() {
        let instants = [i64::MIN, -1, 0, 1, 1_655_564_444_103, i64::MAX];
        for pair in instants.windows(2) {
            assert!(split(pair[0]) < split(pair[1]));
        }
    }

    #[test]
    fn repetitions_take_no_memory() {
        let mut pairs = Pairs::new();
        for round in 0..50 {
            for number in 0..3000 {
                pairs.push(7, [number * 37 % 3000, round % 2, 0]);
            }
        }
        assert!(pairs.shards[7].pairs.capacity() <= 7500);
        let sorted: Vec<_> = pairs.into_sorted().collect();
        assert_eq!(sorted[7].len(), 6000);
        assert!(sorted[7].is_sorted());
    }
}
