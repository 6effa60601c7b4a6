//! Whether a store keeps two writers of one object apart.

use futures::future::join_all;
use object_store::{ObjectStoreExt, PutMode, PutOptions};

use crate::{Error, Location};

/// How many writers try for one object at once, and how often.
const WRITERS: usize = 8;
const ROUNDS: usize = 4;

/// Lets several writers make the same object under `location` and counts who
/// believes to have won. Delta commits are safe only where exactly one does.
///
/// # Errors
/// [`Error::NotAtomic`] where several won; [`Error::Store`] where none could
/// write at all.
pub async fn conditional_put_is_atomic(location: &Location) -> Result<(), Error> {
    for _ in 0..ROUNDS {
        let path = location.child(&format!("system/_probe/{}", uuid::Uuid::new_v4()));
        let options = PutOptions::from(PutMode::Create);
        let attempts = join_all((0..WRITERS).map(|writer| {
            let payload = writer.to_string().into_bytes();
            location
                .store()
                .put_opts(&path, payload.into(), options.clone())
        }))
        .await;
        let winners = attempts.iter().filter(|a| a.is_ok()).count();
        let refusal = attempts.into_iter().find_map(|attempt| match attempt {
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            )
            | Ok(_) => None,
            Err(other) => Some(other),
        });
        if winners > 0 {
            // Best effort: a probe object left behind is in nobody's way.
            let _ = location.store().delete(&path).await;
        }
        match (winners, refusal) {
            (1, _) => {}
            (0, Some(error)) => {
                return Err(Error::store("write", location.display(&path), &error));
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
