//! Checks that conditional PUTs are atomic on a store: of several writers that
//! create one object, exactly one succeeds. Used before the first write to a lake
//! and by `stedi doctor`.

use bytes::Bytes;
use futures::future::join_all;
use object_store::ObjectStoreExt;

use crate::error::Error;
use crate::location::Location;
use crate::store::conditional_put::{self, PutOutcome};

/// How many writers try to create one object at the same time, and how often.
const WRITERS: usize = 8;
const ROUNDS: usize = 4;

/// Lets several writers create the same object in `location` and counts the
/// successes. Delta commits are safe only if there is exactly one.
///
/// # Errors
/// [`Error::NotAtomic`] for several successes or none; [`Error::Store`] if the
/// store fails.
pub async fn check_conditional_put(location: &Location) -> Result<(), Error> {
    for _ in 0..ROUNDS {
        let path = location.child(&format!("system/_probe/{}", uuid::Uuid::new_v4()));
        let attempts = join_all((0..WRITERS).map(|writer| {
            let body = Bytes::from(writer.to_string());
            conditional_put::put_if_absent(location.store().as_ref(), &path, body)
        }))
        .await;
        let winners = attempts
            .iter()
            .filter(|outcome| matches!(outcome, Ok(PutOutcome::Created)));
        let winners = winners.count();
        let failure = attempts.iter().find_map(|outcome| outcome.as_ref().err());
        if winners > 0 {
            // Best effort: vacuum removes objects that remain.
            let _ = location.store().delete(&path).await;
        }
        match (winners, failure) {
            (1, None) => {}
            (0 | 1, Some(error)) => {
                return Err(Error::store("write", location.display(&path), error));
            }
            (winners, _) => {
                return Err(Error::NotAtomic {
                    location: location.text().to_owned(),
                    winners,
                    writers: WRITERS,
                });
            }
        }
    }
    if let Some(folder) = location.folder() {
        let _ = std::fs::remove_dir(folder.join("system/_probe"));
    }
    Ok(())
}
