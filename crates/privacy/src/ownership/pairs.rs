//! Distinct (number, instant) pairs, gathered from batches with repeats.

/// A pair as three words, most significant first, so that words order as
/// pairs do. Twelve bytes: sixteen would cost 115 MB more at 28.7 million.
pub(super) type Words = [u32; 3];

/// Splits an instant into two words that order as the instant does.
pub(super) fn split(instant: i64) -> (u32, u32) {
    let biased = instant as u64 ^ (1 << 63);
    ((biased >> 32) as u32, biased as u32)
}

/// How many shards there are. A shard is small enough to be sorted in a
/// cache's reach and to be moved when it grows without doubling the whole.
pub(super) const SHARDS: usize = 64;

/// The shard of everything in `block`. Neighbouring blocks scatter.
pub(super) fn shard_of(block: u64) -> usize {
    (block.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as usize
}

const SHARD_ROOM_MIN: usize = 1024;
const RECENT: usize = 2048;

/// A set of pairs in shards. Memory stays within five quarters of what the
/// distinct pairs need, however often they are repeated.
pub(super) struct Pairs {
    shards: Vec<Shard>,
    /// Pairs seen lately, by hash: readings repeat within a few lines, and a
    /// repeat caught here is never sorted.
    recent: Vec<Option<Words>>,
}

#[derive(Default)]
struct Shard {
    pairs: Vec<Words>,
    room: usize,
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            recent: vec![None; RECENT],
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

    /// Takes in all pairs of `other`.
    pub(super) fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.shards.iter_mut().zip(other.shards) {
            for words in theirs.pairs {
                mine.push(words);
            }
        }
    }

    /// Each shard's pairs, ascending and distinct.
    pub(super) fn into_sorted(self) -> impl Iterator<Item = Vec<Words>> {
        self.shards.into_iter().map(|mut shard| {
            shard.settle();
            shard.pairs.shrink_to_fit();
            shard.pairs
        })
    }
}

impl Shard {
    fn push(&mut self, words: Words) {
        if self.pairs.len() == self.room {
            self.make_room();
        }
        self.pairs.push(words);
    }

    /// Drops repeats, and grows until a fifth of the room is free: then each
    /// settling is paid for by as many new pairs, times a constant.
    #[cold]
    fn make_room(&mut self) {
        self.settle();
        let room = (self.pairs.len() + self.pairs.len() / 4).max(SHARD_ROOM_MIN);
        if room > self.room {
            self.room = room;
            self.pairs.reserve_exact(room - self.pairs.len());
        }
    }

    fn settle(&mut self) {
        // A stable sort sees that all but the tail are in order and merges.
        self.pairs
            .sort_by_key(|w| (u64::from(w[0]) << 32 | u64::from(w[1]), w[2]));
        self.pairs.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_order_as_instants_do() {
        let instants = [i64::MIN, -1, 0, 1, 1_655_564_444_103, i64::MAX];
        for pair in instants.windows(2) {
            assert!(split(pair[0]) < split(pair[1]));
        }
    }

    #[test]
    fn repeats_take_no_room() {
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
