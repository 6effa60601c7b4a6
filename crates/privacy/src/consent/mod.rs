//! When a person agreed to a purpose: intervals from what their records say
//! and from what was entered by hand.
//!
//! [`consent_intervals`] works on one person and one purpose. Instants are
//! milliseconds since 1970 in UTC; an interval is `[valid_from, valid_to)`.
//!
//! What holds:
//!
//! 1. Records count in order of their update, in whatever order they arrive
//!    and however often they are repeated. Where several have the same update,
//!    one without a date makes that instant a withdrawal and the dates beside
//!    it void.
//! 2. Consent opens at the date carried. A date before the last withdrawal,
//!    which a record without a date is at its update even where nothing was in
//!    force, opens it at the update instead. It ends at the next update without
//!    a date or at the next withdrawal by hand.
//! 3. Between two withdrawals the earliest opening counts: a later record
//!    extends consent backwards, never shortens it. Two intervals may touch,
//!    where consent was given again from the instant of its withdrawal; one
//!    that would end before it opens, as where a date in the future is
//!    withdrawn before it comes, is none.
//! 4. A withdrawal by hand is lifted by a grant by hand that follows it, or by
//!    a record updated after it with a date after it. Until then a record with
//!    another date says nothing; one without a date is a withdrawal still. A
//!    record updated before the withdrawal, or at that very instant, does not
//!    lift it, wherever its date lies.
//! 5. A withdrawal by hand counts as lifted once consent has been in force
//!    again. A date in the future that was withdrawn before it came has lifted
//!    nothing, nor has a grant that a record of the same instant undid.
//! 6. Even when lifted, a withdrawal by hand has taken place: a date before it
//!    or at its very instant opens consent at the update, never earlier. A
//!    date at the very instant of a record's withdrawal does open it there.
//!    No record updated after a withdrawal of either kind changes what held
//!    before it.
//! 7. A grant by hand opens consent at its instant, whatever records updated
//!    before say.
//! 8. At one instant, dates come first, then what was entered by hand in the
//!    order of entry, then a record without a date. So the later entry decides
//!    and no grant outdoes a record that withdraws.
//! 9. What was entered by hand takes effect at the instant stated, not when it
//!    was entered: a withdrawal dated back ends what was in force from there
//!    on, one dated ahead leaves it in force until then. A grant stated for a
//!    later instant than a withdrawal lifts it, whichever was entered first.
//! 10. An interval's source is what opened it; where a record and a grant open
//!     it at the same instant, what counted first.
//!
//! Deliberately absent: what a quarantined record suspends. Whoever holds the
//! quarantine leaves that person out until it is resolved.

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
