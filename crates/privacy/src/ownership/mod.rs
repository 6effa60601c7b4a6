//! Whose device a device is, told from the instants it shares with people.
//!
//! A person's phone and their device report the same instants. This module
//! counts shared instants and decides; who reads what, and where the answer
//! is stored, is the engine's. Devices and people are dense `u32` numbers
//! that the caller gives out (memory grows with the highest one); instants
//! are epoch milliseconds, any `i64`. No e-mail and no serial number comes
//! in here. Pure: no I/O, no threads of its own.
//!
//! The way of a device:
//!
//! 1. [`DeviceReadings`] gathers what devices report into [`DeviceInstants`].
//! 2. [`ClaimCounter`] counts, for devices that exactly one person claims, how many
//!    instants that person shares; [`claim_holds`] decides. This is the
//!    normal case, and it holds nothing of people but one bit per instant.
//! 3. For the devices left over, [`PersonReadings`] gathers the readings of
//!    everybody, as far as they meet an instant of such a device, into
//!    [`PeopleByInstant`]; a [`Matcher`] finds the person sharing most and the next;
//!    [`owners`] decides. Left over are devices without exactly one claimant,
//!    those whose claim does not hold, and those that
//!    [`may_have_changed_owner`] though it holds.
//! 4. [`contested`] takes back what another device of the same person
//!    explains better.
//!
//! Counting is exact: no sampling, no sketches. The one bound is that owners
//! in succession are not sought where a great crowd reports the same
//! milliseconds; a device passed on there may be nobody's. Nothing is guessed.

mod claim_counter;
mod contested;
mod crowd_bitmaps;
mod devices;
mod matcher;
mod owners;
mod pairs;
mod people_by_instant;
mod postings;
mod succession;
mod thresholds;

#[cfg(test)]
mod benchmarks;
#[cfg(test)]
mod reference_data;

pub use claim_counter::ClaimCounter;
pub use contested::{Ownership, find_contested};
pub use devices::{DeviceInstants, DeviceReadings};
pub use matcher::{BestMatch, Matcher};
pub use owners::{Claim, owners};
pub use people_by_instant::{InstantFilter, PeopleByInstant, PersonReadings};
pub use succession::OwnershipPeriod;
pub use thresholds::{SUPPORT_MIN, claim_holds, is_clear, lead_min, may_have_changed_owner};
