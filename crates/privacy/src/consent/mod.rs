//! Consent over time: computes intervals of consent from customer records and from
//! entries of the consent register.
//!
//! [`consent_intervals`] handles one person and one purpose. Times are epoch
//! milliseconds in UTC. An interval is `[valid_from, valid_to)`.
//!
//! Terms: a *dated* record carries the date of a consent; an *undated* record has
//! none and is a withdrawal. The *update* of a record is when it was last updated.
//! *Grants* and *register withdrawals* are entries made by hand.
//!
//! Rules:
//!
//! 1. Records count in the order of their updates, whatever their order of arrival,
//!    and repetitions do not matter. If several records have the same update and one
//!    is undated, that instant is a withdrawal and the dates beside it are void.
//! 2. A dated record starts consent at its date. If the date is before the last
//!    withdrawal, consent starts at the update instead. An undated record is a
//!    withdrawal at its update, even without consent in force. Consent ends at the
//!    next undated record or the next register withdrawal.
//! 3. Between two withdrawals the earliest start counts: a later record can extend
//!    consent backwards, but never shorten it. Two intervals may touch if consent is
//!    given again from the instant of its withdrawal. There is no interval if it
//!    would end before it starts, such as after a withdrawal before a future date.
//! 4. A register withdrawal is lifted by a later grant, or by a record whose update
//!    and date are both after it. Until then, other dated records have no effect;
//!    undated ones are still withdrawals. A record with an update before the
//!    withdrawal, or at the same instant, does not lift it, whatever its date.
//! 5. A register withdrawal counts as lifted once consent has been in force again. A
//!    future date that is withdrawn before it comes lifts nothing. Neither does a
//!    grant that a record of the same instant undoes.
//! 6. A lifted register withdrawal still took place: a date before it or at the same
//!    instant starts consent at the update, never earlier. In contrast, a date at
//!    the instant of an undated record starts consent at that instant. No record
//!    with an update after a withdrawal of either kind changes the time before it.
//! 7. A grant starts consent at its instant, whatever records with earlier updates
//!    say.
//! 8. At one instant, dated records count first, then register entries in the order
//!    of entry, then undated records. So the later entry decides, and no grant
//!    overrules an undated record.
//! 9. A register entry takes effect at its stated instant, not at the time of entry.
//!    A withdrawal in the past ends consent from then on; one in the future leaves
//!    it in force until then. A grant for a later instant than a withdrawal lifts
//!    it, whichever was entered first.
//! 10. The source of an interval is what started it. If a record and a grant start it
//!     at the same instant, the source is the one that counted first.
//!
//! Deliberately absent: suspension by quarantined records. The engine excludes such
//! a person until the quarantine entry is resolved.

#[cfg(test)]
mod definition;
mod event;
mod interval;
mod purpose;
mod sweep;

pub use event::{ConsentRecord, Decision, RegisterEntry, consent_date};
pub use interval::{ConsentInterval, ConsentSource};
pub use purpose::{Purpose, UnknownPurpose};
pub use sweep::consent_intervals;
