//! Posting lists: the people at an instant, as ranges of sorted shards. The matcher
//! and the bitmaps use them.

use super::pairs::{SHARDS, Words, shard_of, split};

/// The people at one instant: a range of a shard.
#[derive(Clone, Copy)]
pub(super) struct Posting {
    pub(super) shard: u8,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Posting {
    pub(super) fn len(self) -> usize {
        self.end - self.start
    }
}

/// Finds posting lists by a galloping search from the last one found. The instants of
/// a device, and those of the next devices, are close together.
pub(super) struct Postings<'a> {
    shards: &'a [Vec<Words>],
    cursors: [usize; SHARDS],
}

impl<'a> Postings<'a> {
    pub(super) fn new(shards: &'a [Vec<Words>]) -> Self {
        Self {
            shards,
            cursors: [0; SHARDS],
        }
    }

    pub(super) fn find(&mut self, instant: i64) -> Option<Posting> {
        let shard = shard_at(instant);
        let pairs = &self.shards[shard];
        let wanted = split(instant);
        let start = gallop(pairs, self.cursors[shard], |w| (w[0], w[1]) < wanted);
        self.cursors[shard] = start;
        if pairs.get(start).is_none_or(|w| (w[0], w[1]) != wanted) {
            return None;
        }
        let end = gallop(pairs, start, |w| (w[0], w[1]) <= wanted);
        Some(Posting {
            shard: shard as u8,
            start,
            end,
        })
    }

    pub(super) fn people(&self, posting: Posting) -> impl Iterator<Item = u32> + use<'a> {
        self.shards[posting.shard as usize][posting.start..posting.end]
            .iter()
            .map(|words| words[2])
    }
}

/// The shard of an instant. Blocks of about a minute are in the same shard.
pub(super) fn shard_at(instant: i64) -> usize {
    shard_of((instant >> 16) as u64)
}

/// The first index where `before` is false, by a galloping search from `from` in either
/// direction. `before` must be true up to some index and false from there on.
fn gallop(pairs: &[Words], from: usize, before: impl Fn(&Words) -> bool) -> usize {
    let from = from.min(pairs.len());
    let mut step = 1;
    let (mut low, mut high) = (from, from);
    if pairs.get(from).is_some_and(&before) {
        while high < pairs.len() && before(&pairs[high]) {
            low = high + 1;
            high = (high + step).min(pairs.len());
            step *= 2;
        }
    } else {
        while low > 0 && !before(&pairs[low - 1]) {
            high = low - 1;
            low = low.saturating_sub(step);
            step *= 2;
        }
    }
    low = low.min(high);
    low + pairs[low..high].partition_point(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn galloping_search_equals_binary_search() {
        for size in [0, 1, 2, 3, 17, 64] {
            let pairs: Vec<Words> = (0..size).map(|i| [0, i / 3 * 2, i]).collect();
            for from in 0..=pairs.len() + 1 {
                for wanted in 0..50 {
                    assert_eq!(
                        gallop(&pairs, from, |w| w[1] < wanted),
                        pairs.partition_point(|w| w[1] < wanted),
                        "size {size}, from {from}, wanted {wanted}"
                    );
                }
            }
        }
    }
}
