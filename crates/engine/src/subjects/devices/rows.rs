//! Owners of devices as rows of `system.device_owner`.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringViewArray};

use query::interner::{Interner, NO_TEXT};
use query::system::DEVICE_OWNER;

/// A device and one of its owners, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct FoundOwner {
    pub(super) device: u32,
    pub(super) owner: Option<Owner>,
    pub(super) valid_from: Option<i64>,
    pub(super) valid_to: Option<i64>,
    pub(super) last_reading: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) person: u32,
    pub(super) claimed: bool,
    pub(super) support: Option<u32>,
    pub(super) runner_up: Option<u32>,
}

pub(super) fn owner_rows(
    devices: &[FoundOwner],
    people: &Interner,
    serials: &Interner,
) -> RecordBatch {
    let each = || devices.iter();
    let owner = || each().map(|found| found.owner);
    let serial = serials.column(each().map(|found| found.device));
    let subject = people.column(owner().map(|owner| owner.map_or(NO_TEXT, |owner| owner.person)));
    let evidence: StringViewArray = owner()
        .map(|owner| owner.map(|owner| if owner.claimed { "claimed" } else { "matched" }))
        .collect();
    let support: Int64Array = owner()
        .map(|owner| owner.and_then(|owner| owner.support).map(i64::from))
        .collect();
    let runner_up: Int64Array = owner()
        .map(|owner| owner.and_then(|owner| owner.runner_up).map(i64::from))
        .collect();
    let from: Int64Array = each().map(|found| found.valid_from).collect();
    let to: Int64Array = each().map(|found| found.valid_to).collect();
    let last: Int64Array = each().map(|found| found.last_reading).collect();
    DEVICE_OWNER.batch(vec![
        serial,
        subject,
        Arc::new(evidence),
        Arc::new(support),
        Arc::new(runner_up),
        Arc::new(from),
        Arc::new(to),
        Arc::new(last),
    ])
}
