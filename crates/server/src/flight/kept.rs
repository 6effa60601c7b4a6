//! Statements between two calls: submitted and not yet fetched, prepared, or computed.
//! Each belongs to the user who submitted it, and is forgotten after a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::fault::{Fault, Kind};
use door::random;

/// How long a statement is kept that nobody uses.
const UNUSED: Duration = Duration::from_secs(3600);

/// Statements that one user may keep.
const KEPT_MAX: usize = 256;

/// Things by their handles.
pub(super) struct Kept<T>(Mutex<HashMap<Bytes, Owned<T>>>);

struct Owned<T> {
    owner: Arc<str>,
    used: Instant,
    thing: T,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Kept<T> {
    /// Keeps a thing; the handle that finds it again.
    pub(super) fn keep(&self, owner: &Arc<str>, thing: T) -> Result<Bytes, Fault> {
        let handle = Bytes::copy_from_slice(&random::<16>());
        self.keep_as(&handle, owner, thing)?;
        Ok(handle)
    }

    /// Keeps a thing under a handle, in the place of what was there.
    pub(super) fn keep_as(&self, handle: &Bytes, owner: &Arc<str>, thing: T) -> Result<(), Fault> {
        let now = Instant::now();
        let mut kept = self.0.lock();
        kept.retain(|_, owned| now.duration_since(owned.used) < UNUSED);
        let count = kept.values().filter(|owned| owned.owner == *owner).count();
        if count >= KEPT_MAX && !kept.contains_key(handle) {
            let message = format!("{KEPT_MAX} statements of yours are open already");
            return Err(Fault::new(Kind::Busy, message).with_hint("fetch or close them"));
        }
        let owned = Owned {
            owner: Arc::clone(owner),
            used: now,
            thing,
        };
        kept.insert(handle.clone(), owned);
        Ok(())
    }

    /// The thing of a handle, if it is that user's.
    pub(super) fn find(&self, handle: &Bytes, owner: &Arc<str>) -> Option<T> {
        let now = Instant::now();
        let mut kept = self.0.lock();
        let owned = kept.get_mut(handle).filter(|owned| owned.owner == *owner)?;
        if now.duration_since(owned.used) >= UNUSED {
            return None;
        }
        owned.used = now;
        Some(owned.thing.clone())
    }

    /// Forgets the thing of a handle, if it is that user's.
    pub(super) fn take(&self, handle: &Bytes, owner: &Arc<str>) -> Option<T> {
        let found = self.find(handle, owner)?;
        self.0.lock().remove(handle);
        Some(found)
    }
}
