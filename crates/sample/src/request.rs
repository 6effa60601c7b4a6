//! The request for a sample, and the report of what was written.

use crate::plan;

/// The request: size and seed of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// People, each with one customer record and one device: from 1 to
    /// [`Sample::CUSTOMERS_MAX`].
    pub customers: u64,
    /// Selects one of the many samples of this size. It changes values, never the
    /// counts of complete cohorts.
    pub seed: u64,
}

/// What was written: rows of each source, and files and bytes of all three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Records under `customer/landing`.
    pub customers: u64,
    /// Readings under `accelerometer/landing`.
    pub accelerometer: u64,
    /// Readings under `step_trainer/landing`.
    pub step_trainer: u64,
    /// Files in all three folders.
    pub files: u64,
    /// Bytes in all three folders.
    pub bytes: u64,
}

impl Default for Sample {
    /// One cohort: the size of the reference data, with its published counts.
    fn default() -> Self {
        Sample {
            customers: plan::COHORT_PEOPLE as u64,
            seed: 1,
        }
    }
}

impl Sample {
    /// Cohorts follow one another in time, 42 minutes each. With more people, the
    /// last consent dates would be later than 1,700,000,000,000 ms.
    pub const CUSTOMERS_MAX: u64 = 16_000_000;
}
