//! Whether a store keeps two writers of one object apart.

use bytes::Bytes;
use futures::future::join_all;
use object_store::ObjectStoreExt;

use crate::error::Error;
use crate::location::Location;
use crate::store::conditional_put::{self, Created};

/// How many writers try for one object at once, and how often.
const WRITERS: usize = 8;
const ROUNDS: usize = 4;

/// Lets several writers make the same object under `location` and counts who
/// believes to have won. Delta commits are safe only where exactly one does.
///
/// # Errors
/// [`Error::NotAtomic`] where several won, or nobody; [`Error::Store`] where it
/// could not be found out.
pub async fn check_conditional_put(location: &Location) -> Result<(), Error> {
    for _ in 0..ROUNDS {
        let path = location.child(&format!("system/_probe/{}", uuid::Uuid::new_v4()));
        let attempts = join_all((0..WRITERS).map(|writer| {
            let body = Bytes::from(writer.to_string());
            conditional_put::create(location.store().as_ref(), &path, body)
        }))
        .await;
        let winners = attempts
            .iter()
            .filter(|told| matches!(told, Ok(Created::Made)));
        let winners = winners.count();
        let refusal = attempts.iter().find_map(|told| told.as_ref().err());
        if winners > 0 {
            // Best effort: a probe object left behind is in nobody's way.
            let _ = location.store().delete(&path).await;
        }
        match (winners, refusal) {
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
