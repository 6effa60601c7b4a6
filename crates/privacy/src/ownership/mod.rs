//! Device ownership: finds the owner of a device by the instants that it shares with
//! people.
//!
//! A person's phone and their device report readings at the same instants. This
//! module counts shared instants and decides. The engine feeds it readings and
//! stores the result. Devices and people are dense `u32` numbers from the caller;
//! memory grows with the highest number. Instants are epoch milliseconds. No e-mail
//! and no serial number comes in here. The module does no I/O and starts no threads.
//!
//! Steps for a device:
//!
//! 1. [`DeviceReadings`] collects the readings of devices into [`DeviceInstants`].
//! 2. [`ClaimCounter`] counts, for devices that exactly one person claims, how many
//!    instants that person shares. [`claim_holds`] decides. This is the normal case.
//!    It needs only one bit per instant.
//! 3. For the other devices, [`PersonReadings`] collects the readings of all people
//!    at instants of such devices into [`PeopleByInstant`]. A [`Matcher`] finds the
//!    person with the most shared instants and the runner-up. [`owners`] decides.
//!    The other devices are those without exactly one claimant, those whose claim
//!    does not hold, and those that [`may_have_changed_owner`] although it holds.
//! 4. [`find_contested`] finds results to discard: another device of the same person
//!    explains them better.
//!
//! Terms: a *twin* is a device that reports at nearly the same instants as another
//! one by coincidence. The *support* of an owner is the number of shared instants.
//!
//! Counts are exact, without samples or sketches. There is one limit: successive
//! owners are not searched for where very many people report at the same
//! milliseconds. A device that changed owner there may have no owner in the result.
//! Nothing is guessed.

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
