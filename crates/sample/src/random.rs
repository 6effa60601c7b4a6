//! Pseudorandom numbers: the only source of randomness, so that a seed gives the
//! same bytes everywhere.
//!
//! SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
//! Generators", OOPSLA 2014). It is implemented here, because the bytes of a sample
//! must not change when a dependency does. It is not for secrets.

/// A stream of pseudorandom numbers.
pub(super) struct Random {
    state: u64,
}

/// The odd constant nearest to 2^64 divided by the golden ratio.
const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// The stream for one cohort of one seed. Each cohort has its own stream, so
    /// that it does not depend on how many numbers the cohort before it used.
    pub(super) fn new(seed: u64, cohort: u64) -> Self {
        let state = mix(mix(seed).wrapping_add(cohort));
        Random { state }
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// A number from 0 to `bound - 1`. Multiplies instead of dividing; the bias is
    /// `bound / 2^64`, far too small to be seen in any sample.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

/// SplitMix64's finaliser. It is invertible, so different inputs always give
/// different outputs: serial numbers rely on that.
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of the published reference implementation for state
    /// 1234567.
    #[test]
    fn follows_the_published_algorithm() {
        let mut random = Random { state: 1_234_567 };
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }
}
