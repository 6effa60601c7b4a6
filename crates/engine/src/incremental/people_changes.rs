//! What an incremental run knows about people, and what it finds out.

use std::collections::HashSet;

use super::keys::KeySet;
use crate::subjects::consent::Register;

/// What a run knows about people besides the rows of tables.
pub(crate) struct PeopleSource<'a> {
    /// The start of this run, epoch milliseconds.
    pub(crate) now_ms: i64,
    /// The start of the last run, epoch milliseconds.
    pub(crate) last_ms: i64,
    pub(crate) register: &'a Register,
    /// People whose consent does not count for now.
    pub(crate) suspended: &'a HashSet<String>,
    /// People with new entries in the register or in quarantine since the last run.
    pub(crate) entered: &'a HashSet<String>,
    /// Whether any consent began or ended between the two runs.
    pub(crate) consent_began_or_ended: bool,
    /// Whether the trusted tables hold either all readings of a person or device, or
    /// none.
    pub(crate) trusted_are_complete: bool,
}

/// People and devices whose rows must be gone after this run.
#[derive(Debug, Default)]
pub(crate) struct PeopleChanges {
    /// People who consented and do not any more.
    pub(super) withdrawn: KeySet,
    /// Devices that no longer have a consenting owner.
    pub(super) lost_devices: KeySet,
}
