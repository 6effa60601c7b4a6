//! Conditional PUT: creates an object that must not exist yet, exactly once.
//!
//! Commits, releases and the lock depend on it. A store may create the object
//! and its answer may be lost. A simple retry is then told that the object
//! exists, and would mistake its own object for another writer's. So
//! [`put_if_absent`] compares bytes. Callers must write bytes that no other
//! writer would write, such as bytes that contain the id of the run.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::store::retry_policy::{Backoff, has_no_effect, is_answer_lost};

/// The outcome of [`put_if_absent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PutOutcome {
    /// The object has the wanted bytes, from this call or from an earlier equal
    /// one.
    Created,
    /// The object has other bytes. They are unchanged.
    Exists,
}

/// Creates the object at `path` with the bytes of `body` if there is none.
///
/// - If the store says that the object exists, or its answer is lost, the object
///   is read. Equal bytes count as created. This covers a lost answer as well as
///   a writer that was killed after its PUT and runs again.
/// - If there is no object, the PUT is repeated after a lost answer, and after a
///   conflict (S3's 409) with a writer that then wrote nothing. [`Backoff`] limits
///   the attempts; the client's settings limit each of them.
/// - There is no retry if the store cannot be reached or refuses: no permission,
///   no bucket, throttled for longer than its client waits.
///
/// # Errors
/// The store's error, if the outcome is unknown. The object may exist then, or
/// may still appear. The same call later finds out.
pub(crate) async fn put_if_absent(
    store: &dyn ObjectStore,
    path: &Path,
    body: Bytes,
) -> Result<PutOutcome, Error> {
    let mut backoff = Backoff::start();
    loop {
        let options = PutOptions::from(PutMode::Create);
        let refused = match store.put_opts(path, body.clone().into(), options).await {
            Ok(_) => return Ok(PutOutcome::Created),
            Err(error) if has_no_effect(&error) => return Err(error),
            Err(error) => error,
        };
        let exists = matches!(
            refused,
            Error::AlreadyExists { .. } | Error::Precondition { .. }
        );
        if !exists && !backoff.has_attempt_left() {
            // A store that failed for this long would fail to read as well.
            return Err(refused);
        }
        let retry_may_help = match read(store, path).await {
            Ok(Some(there)) if there == body => return Ok(PutOutcome::Created),
            Ok(Some(_)) => return Ok(PutOutcome::Exists),
            Ok(None) => exists || is_answer_lost(&refused),
            Err(error) if exists && !is_answer_lost(&error) => return Err(error),
            Err(error) => is_answer_lost(&error),
        };
        if !retry_may_help || !backoff.wait().await {
            return Err(refused);
        }
    }
}

async fn read(store: &dyn ObjectStore, path: &Path) -> Result<Option<Bytes>, Error> {
    let read = async { store.get(path).await?.bytes().await };
    match read.await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::fmt;
    use std::sync::Arc;

    use object_store::Result;
    use object_store::client::{HttpError, HttpErrorKind};
    use object_store::memory::InMemory;
    use parking_lot::Mutex;

    use super::*;
    use crate::store::fake::{Behaviour, FakeStore};
    use crate::store::retry_policy::ATTEMPTS_MAX;

    /// What happens to one PUT.
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        /// The store creates the object and answers.
        Answered,
        /// The store creates the object; the answer is lost.
        AnswerLost,
        /// The same, but the client repeats the request and returns the refusal.
        AnswerLostAndRepeated,
        /// The request never arrives.
        RequestLost,
        /// The store cannot be reached.
        Unreachable,
        /// The store reports another writer, which then gives up.
        Busy,
        /// The store answers with a server error.
        ServerError,
        /// The store refuses.
        Forbidden,
    }
    use Fate::*;

    /// PUTs meet the fates given, one by one. Later PUTs succeed.
    #[derive(Debug)]
    struct Scripted {
        fates: Mutex<VecDeque<Fate>>,
        puts: Mutex<u32>,
        /// The fate of the current PUT.
        fate: Mutex<Fate>,
    }

    fn broken(kind: HttpErrorKind) -> Error {
        let lost = HttpError::new(kind, fmt::Error);
        Error::Generic {
            store: "S3",
            source: Box::new(lost),
        }
    }

    impl Behaviour for Scripted {
        fn before_put(&self, path: &Path) -> Result<()> {
            *self.puts.lock() += 1;
            let fate = self.fates.lock().pop_front().unwrap_or(Answered);
            *self.fate.lock() = fate;
            match fate {
                Answered | AnswerLost | AnswerLostAndRepeated => Ok(()),
                Busy => Err(Error::AlreadyExists {
                    path: path.to_string(),
                    source: "409".into(),
                }),
                RequestLost => Err(broken(HttpErrorKind::Timeout)),
                Unreachable => Err(broken(HttpErrorKind::Connect)),
                ServerError => Err(Error::Generic {
                    store: "S3",
                    source: "503".into(),
                }),
                Forbidden => Err(Error::PermissionDenied {
                    path: path.to_string(),
                    source: "403".into(),
                }),
            }
        }

        fn after_put(&self, path: &Path) -> Result<()> {
            match *self.fate.lock() {
                AnswerLost => Err(broken(HttpErrorKind::Interrupted)),
                AnswerLostAndRepeated => Err(Error::AlreadyExists {
                    path: path.to_string(),
                    source: "412".into(),
                }),
                _ => Ok(()),
            }
        }
    }

    #[tokio::test]
    async fn the_bytes_decide_whose_object_it_is() {
        let forever = [RequestLost; 20];
        let busy_forever = [Busy; 20];
        let (created, exists) = (Some(PutOutcome::Created), Some(PutOutcome::Exists));
        // The object before, the fates of the PUTs, the outcome, the number of PUTs.
        let cases: [(&str, &[Fate], Option<PutOutcome>, u32); 16] = [
            ("", &[Answered], created, 1),
            ("theirs", &[Answered], exists, 1),
            ("mine", &[Answered], created, 1),
            ("", &[AnswerLost], created, 1),
            ("", &[AnswerLostAndRepeated], created, 1),
            ("", &[RequestLost], created, 2),
            ("", &[RequestLost, AnswerLost], created, 2),
            (
                "",
                &[RequestLost, RequestLost, AnswerLostAndRepeated],
                created,
                3,
            ),
            ("theirs", &[RequestLost], exists, 1),
            ("", &[Busy], created, 2),
            ("theirs", &[Busy], exists, 1),
            ("", &busy_forever, None, ATTEMPTS_MAX),
            ("", &forever, None, ATTEMPTS_MAX),
            ("", &[Unreachable], None, 1),
            ("", &[ServerError], None, 1),
            ("", &[Forbidden], None, 1),
        ];
        for (before, fates, expected, puts) in cases {
            let store = FakeStore::new(Scripted {
                fates: Mutex::new(fates.iter().copied().collect()),
                puts: Mutex::new(0),
                fate: Mutex::new(Answered),
            });
            let path = Path::from("system/release/7.json");
            if !before.is_empty() {
                let body = before.as_bytes().to_vec();
                store.inner.put(&path, body.into()).await.unwrap();
            }
            let outcome = put_if_absent(&store, &path, Bytes::from_static(b"mine")).await;
            let case = format!("{before:?} {fates:?}: {outcome:?}");
            assert_eq!(outcome.ok(), expected, "{case}");
            assert_eq!(*store.behaviour.puts.lock(), puts, "{case}");
            let now = read(&store.inner, &path).await.unwrap();
            let wanted = match expected {
                Some(PutOutcome::Created) => Some("mine"),
                _ => (!before.is_empty()).then_some(before),
            };
            assert_eq!(now.as_deref(), wanted.map(str::as_bytes), "{case}");
        }
    }

    #[tokio::test]
    async fn one_of_many_writers_creates_the_object() {
        let folder = tempfile::tempdir().unwrap();
        let local = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let stores: [Arc<dyn ObjectStore>; 2] = [Arc::new(InMemory::new()), Arc::new(local)];
        for store in stores {
            let path = Path::from("a/b");
            let writers = (0..8).map(|writer| {
                let body = Bytes::from(format!("writer {writer}"));
                put_if_absent(store.as_ref(), &path, body)
            });
            let outcomes = futures::future::join_all(writers).await;
            let created = outcomes
                .iter()
                .filter(|t| matches!(t, Ok(PutOutcome::Created)));
            assert_eq!(created.count(), 1, "{store}: {outcomes:?}");
            assert!(outcomes.iter().all(|t| t.is_ok()), "{store}: {outcomes:?}");
        }
    }
}
