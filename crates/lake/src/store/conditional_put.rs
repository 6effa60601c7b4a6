//! Making an object that must not exist yet, whatever becomes of the answer.
//!
//! A store may do what it was asked and the answer may be lost on its way. Who
//! asks again is then told that the object exists, and would take what it wrote
//! itself for another writer's. The bytes tell: whoever calls [`create`] writes
//! bytes that nobody else would, such as ones that carry the id of a run.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::store::retry_policy::{Patience, is_final, is_lost};

/// What became of [`create`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Created {
    /// The object holds the bytes, by this call or by an equal one before it.
    Made,
    /// The object holds other bytes, which this call left alone.
    AlreadyThere,
}

/// Makes the object at `path` with the bytes of `body`, if there is none.
///
/// - Where the store says that the object exists, or does not say what became of
///   the request, what stands there decides: equal bytes count as made. A writer
///   that was killed after its PUT and one whose answer was lost are told alike.
/// - Where nothing stands there, the request is made again: after an answer that
///   was lost, and after a refusal for another writer's sake (S3's 409) who then
///   wrote nothing. At most six times, none of them begun later than a minute
///   after the first; each bounded by the client's own settings.
/// - A store that cannot be reached, or answers and says no (no rights, no bucket,
///   throttled for longer than its client waits) is asked no more.
///
/// # Errors
/// The store's, where it could not be found out. The object may have been made
/// then, or may be yet: the same call later tells.
pub(crate) async fn create(
    store: &dyn ObjectStore,
    path: &Path,
    body: Bytes,
) -> Result<Created, Error> {
    let mut patience = Patience::begin();
    loop {
        let options = PutOptions::from(PutMode::Create);
        let refused = match store.put_opts(path, body.clone().into(), options).await {
            Ok(_) => return Ok(Created::Made),
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => error,
        };
        let exists = matches!(
            refused,
            Error::AlreadyExists { .. } | Error::Precondition { .. }
        );
        if !exists && !patience.is_left() {
            // A store that stayed away this long would not be heard either.
            return Err(refused);
        }
        let may_help = match standing(store, path).await {
            Ok(Some(there)) if there == body => return Ok(Created::Made),
            Ok(Some(_)) => return Ok(Created::AlreadyThere),
            Ok(None) => exists || is_lost(&refused),
            Err(error) if exists && !is_lost(&error) => return Err(error),
            Err(error) => is_lost(&error),
        };
        if !may_help || !patience.wait().await {
            return Err(refused);
        }
    }
}

async fn standing(store: &dyn ObjectStore, path: &Path) -> Result<Option<Bytes>, Error> {
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
    use crate::store::fake::{Conduct, Double};
    use crate::store::retry_policy::ATTEMPTS;

    /// What becomes of one PUT.
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        /// The store does it and says so.
        Answered,
        /// The store does it; the answer is lost.
        AnswerLost,
        /// The store does it; its client asks again and hands on the refusal.
        AnswerLostAskedAgain,
        /// The request never arrives.
        RequestLost,
        /// Nobody is there.
        Unreachable,
        /// Another writer is at it, says the store, and that one gives up.
        Busy,
        /// The store is not able to.
        Unable,
        /// Nobody may.
        Forbidden,
    }
    use Fate::*;

    /// PUTs fare as told, one by one, and well after that.
    #[derive(Debug)]
    struct Fickle {
        fates: Mutex<VecDeque<Fate>>,
        puts: Mutex<u32>,
        /// Of the PUT that is under way.
        fate: Mutex<Fate>,
    }

    fn broken(kind: HttpErrorKind) -> Error {
        let lost = HttpError::new(kind, fmt::Error);
        Error::Generic {
            store: "S3",
            source: Box::new(lost),
        }
    }

    impl Conduct for Fickle {
        fn begins_to_put(&self, path: &Path) -> Result<()> {
            *self.puts.lock() += 1;
            let fate = self.fates.lock().pop_front().unwrap_or(Answered);
            *self.fate.lock() = fate;
            match fate {
                Answered | AnswerLost | AnswerLostAskedAgain => Ok(()),
                Busy => Err(Error::AlreadyExists {
                    path: path.to_string(),
                    source: "409".into(),
                }),
                RequestLost => Err(broken(HttpErrorKind::Timeout)),
                Unreachable => Err(broken(HttpErrorKind::Connect)),
                Unable => Err(Error::Generic {
                    store: "S3",
                    source: "503".into(),
                }),
                Forbidden => Err(Error::PermissionDenied {
                    path: path.to_string(),
                    source: "403".into(),
                }),
            }
        }

        fn has_put(&self, path: &Path) -> Result<()> {
            match *self.fate.lock() {
                AnswerLost => Err(broken(HttpErrorKind::Interrupted)),
                AnswerLostAskedAgain => Err(Error::AlreadyExists {
                    path: path.to_string(),
                    source: "412".into(),
                }),
                _ => Ok(()),
            }
        }
    }

    #[tokio::test]
    async fn whatever_becomes_of_the_answer_the_bytes_tell_whose_object_it_is() {
        let for_ever = [RequestLost; 20];
        let busy_for_ever = [Busy; 20];
        let (made, there) = (Some(Created::Made), Some(Created::AlreadyThere));
        // What stood there before, how the PUTs fare, what is told and after how many.
        let cases: [(&str, &[Fate], Option<Created>, u32); 16] = [
            ("", &[Answered], made, 1),
            ("theirs", &[Answered], there, 1),
            ("mine", &[Answered], made, 1),
            ("", &[AnswerLost], made, 1),
            ("", &[AnswerLostAskedAgain], made, 1),
            ("", &[RequestLost], made, 2),
            ("", &[RequestLost, AnswerLost], made, 2),
            (
                "",
                &[RequestLost, RequestLost, AnswerLostAskedAgain],
                made,
                3,
            ),
            ("theirs", &[RequestLost], there, 1),
            ("", &[Busy], made, 2),
            ("theirs", &[Busy], there, 1),
            ("", &busy_for_ever, None, ATTEMPTS),
            ("", &for_ever, None, ATTEMPTS),
            ("", &[Unreachable], None, 1),
            ("", &[Unable], None, 1),
            ("", &[Forbidden], None, 1),
        ];
        for (stood, fates, expected, puts) in cases {
            let store = Double::new(Fickle {
                fates: Mutex::new(fates.iter().copied().collect()),
                puts: Mutex::new(0),
                fate: Mutex::new(Answered),
            });
            let path = Path::from("system/release/7.json");
            if !stood.is_empty() {
                let body = stood.as_bytes().to_vec();
                store.inner.put(&path, body.into()).await.unwrap();
            }
            let told = create(&store, &path, Bytes::from_static(b"mine")).await;
            let case = format!("{stood:?} {fates:?}: {told:?}");
            assert_eq!(told.ok(), expected, "{case}");
            assert_eq!(*store.conduct.puts.lock(), puts, "{case}");
            let now = standing(&store.inner, &path).await.unwrap();
            let wanted = match expected {
                Some(Created::Made) => Some("mine"),
                _ => (!stood.is_empty()).then_some(stood),
            };
            assert_eq!(now.as_deref(), wanted.map(str::as_bytes), "{case}");
        }
    }

    #[tokio::test]
    async fn of_many_writers_one_makes_the_object() {
        let folder = tempfile::tempdir().unwrap();
        let local = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let stores: [Arc<dyn ObjectStore>; 2] = [Arc::new(InMemory::new()), Arc::new(local)];
        for store in stores {
            let path = Path::from("a/b");
            let writers = (0..8).map(|writer| {
                let body = Bytes::from(format!("writer {writer}"));
                create(store.as_ref(), &path, body)
            });
            let told = futures::future::join_all(writers).await;
            let made = told.iter().filter(|t| matches!(t, Ok(Created::Made)));
            assert_eq!(made.count(), 1, "{store}: {told:?}");
            assert!(told.iter().all(|t| t.is_ok()), "{store}: {told:?}");
        }
    }
}
