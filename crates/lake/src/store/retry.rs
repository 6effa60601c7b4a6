//! Retries for a remote store, beyond those of its client.
//!
//! The client repeats requests that the store refused for the moment, and
//! requests whose connection broke before the answer began, where that is safe.
//! It leaves some failures to its users. [`RetryingStore`] handles them for all
//! that goes through a [`Location`](crate::Location), including the Delta library
//! and the query engine:
//!
//! - lost answer to a conditional PUT: see [`conditional_put`];
//! - connection broken during an answer: repeats the request;
//! - connection broken during a listing: continues after the last object listed;
//! - lost answer to a deletion: deletes again, which is harmless;
//! - lost answer to the end of a multipart upload: looks at the object.
//!
//! [`Backoff`] limits the attempts.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, UploadPart,
};

use crate::store::conditional_put::{self, PutOutcome};
use crate::store::retry_policy::{Backoff, is_answer_lost};

/// How many objects one request deletes.
const DELETE_BATCH: usize = 1000;

/// Repeats failed requests to `inner`; see the module.
#[derive(Debug)]
pub(crate) struct RetryingStore<S> {
    inner: Arc<S>,
}

impl<S: ObjectStore> RetryingStore<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Lists the objects after `offset`, or all of them.
    fn resumed_listing(
        inner: Arc<S>,
        prefix: Option<Path>,
        offset: Option<Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let list = move |inner: &S, after: Option<&Path>| match after {
            Some(after) => inner.list_with_offset(prefix.as_ref(), after),
            None => inner.list(prefix.as_ref()),
        };
        let begin = list(&inner, offset.as_ref());
        let state = (begin, offset, Backoff::start());
        stream::try_unfold(state, move |(mut listed, mut last, mut backoff)| {
            let list = list.clone();
            let inner = Arc::clone(&inner);
            async move {
                loop {
                    match listed.try_next().await {
                        Ok(None) => return Ok(None),
                        Ok(Some(meta)) => {
                            last = Some(meta.location.clone());
                            return Ok(Some((meta, (listed, last, backoff))));
                        }
                        Err(error) if is_answer_lost(&error) && backoff.wait().await => {
                            listed = list(&inner, last.as_ref());
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        })
        .boxed()
    }
}

/// Repeats a request whose answer is lost. Only for idempotent requests.
async fn retry<T, Answer>(request: impl Fn() -> Answer) -> Result<T>
where
    Answer: Future<Output = Result<T>>,
{
    let mut backoff = Backoff::start();
    loop {
        match request().await {
            Err(error) if is_answer_lost(&error) && backoff.wait().await => {}
            answer => return answer,
        }
    }
}

impl<S> fmt::Display for RetryingStore<S>
where
    S: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for RetryingStore<S> {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if options != PutOptions::from(PutMode::Create) {
            let inner = self.inner.as_ref();
            return match options.mode {
                PutMode::Overwrite => {
                    retry(|| inner.put_opts(path, payload.clone(), options.clone())).await
                }
                _ => inner.put_opts(path, payload, options).await,
            };
        }
        match conditional_put::put_if_absent(self.inner.as_ref(), path, Bytes::from(payload))
            .await?
        {
            PutOutcome::Created => Ok(PutResult {
                e_tag: None,
                version: None,
            }),
            PutOutcome::Exists => Err(Error::AlreadyExists {
                path: path.to_string(),
                source: "the object has other bytes".into(),
            }),
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload {
            etag_before: etag(self.inner.as_ref(), path).await?,
            inner: self.inner.put_multipart_opts(path, options).await?,
            store: Arc::clone(&self.inner),
            path: path.clone(),
            bytes: 0,
        }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        retry(|| self.inner.get_opts(path, options.clone())).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.inner);
        paths
            .try_chunks(DELETE_BATCH)
            .map_err(|error| error.1)
            .and_then(move |paths| {
                let inner = Arc::clone(&inner);
                async move {
                    let mut backoff = Backoff::start();
                    loop {
                        let wanted = stream::iter(paths.clone()).map(Ok).boxed();
                        let deleted: Vec<_> = inner.delete_stream(wanted).collect().await;
                        let lost = deleted
                            .iter()
                            .any(|result| result.as_ref().is_err_and(is_answer_lost));
                        if !lost || !backoff.wait().await {
                            return Ok(stream::iter(deleted));
                        }
                    }
                }
            })
            .try_flatten()
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        Self::resumed_listing(Arc::clone(&self.inner), prefix.cloned(), None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let offset = Some(offset.clone());
        Self::resumed_listing(Arc::clone(&self.inner), prefix.cloned(), offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        retry(|| self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A multipart upload of one object.
struct Upload<S> {
    inner: Box<dyn MultipartUpload>,
    store: Arc<S>,
    path: Path,
    bytes: u64,
    /// The tag of the object that the upload replaces.
    etag_before: Option<String>,
}

impl<S> fmt::Debug for Upload<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upload({})", self.path)
    }
}

#[async_trait]
impl<S: ObjectStore> MultipartUpload for Upload<S> {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.bytes += data.content_length() as u64;
        self.inner.put_part(data)
    }

    /// Ends the upload. A repeated request would fail after a lost answer, because
    /// the store has no such upload any more. So the object itself is looked at.
    async fn complete(&mut self) -> Result<PutResult> {
        let refused = match self.inner.complete().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        match self.store.head(&self.path).await.ok() {
            Some(meta) if meta.size == self.bytes && meta.e_tag != self.etag_before => {
                Ok(PutResult {
                    e_tag: meta.e_tag,
                    version: meta.version,
                })
            }
            _ => Err(refused),
        }
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

async fn etag(store: &impl ObjectStore, path: &Path) -> Result<Option<String>> {
    match store.head(path).await {
        Ok(meta) => Ok(meta.e_tag),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use object_store::client::{HttpError, HttpErrorKind};
    use object_store::memory::InMemory;
    use parking_lot::Mutex;

    use super::*;
    use crate::store::fake::{Behaviour, FakeStore};

    /// Breaks the connection during the next `times` answers.
    #[derive(Debug)]
    struct Breaking {
        times: Mutex<u32>,
    }

    impl Breaking {
        fn breaks(&self) -> Result<()> {
            let mut times = self.times.lock();
            if *times == 0 {
                return Ok(());
            }
            *times -= 1;
            Err(Error::Generic {
                store: "S3",
                source: Box::new(HttpError::new(HttpErrorKind::Decode, fmt::Error)),
            })
        }
    }

    impl Behaviour for Breaking {
        fn after_put(&self, _: &Path) -> Result<()> {
            self.breaks()
        }

        fn before_get(&self) -> Result<()> {
            self.breaks()
        }

        fn after_delete(&self) -> Result<()> {
            self.breaks()
        }

        /// Lists two objects, then breaks the connection.
        fn on_list(
            &self,
            listed: BoxStream<'static, Result<ObjectMeta>>,
        ) -> BoxStream<'static, Result<ObjectMeta>> {
            match self.breaks() {
                Ok(()) => listed,
                Err(error) => listed
                    .take(2)
                    .chain(stream::once(async { Err(error) }))
                    .boxed(),
            }
        }

        fn after_list(&self, _: &ListResult) -> Result<()> {
            self.breaks()
        }
    }

    #[tokio::test]
    async fn broken_answers_are_requested_again_but_not_forever() {
        for (times, survived) in [(0, true), (1, true), (3, true), (100, false)] {
            let store = RetryingStore::new(FakeStore::new(Breaking {
                times: Mutex::new(0),
            }));
            let paths: Vec<Path> = (0..7).map(|n| Path::from(format!("a/{n}"))).collect();
            for path in &paths {
                store.put(path, "x".into()).await.unwrap();
            }
            let begin = || *store.inner.behaviour.times.lock() = times;
            let prefix = Path::from("a");

            begin();
            let listed: Result<Vec<_>> = store
                .list(Some(&prefix))
                .map_ok(|meta| meta.location)
                .try_collect()
                .await;
            assert_eq!(listed.ok(), survived.then(|| paths.clone()), "list {times}");

            begin();
            let listed = store.list_with_delimiter(Some(&prefix)).await;
            assert_eq!(listed.is_ok(), survived, "list_with_delimiter {times}");

            begin();
            let got = store.get(&paths[0]).await;
            assert_eq!(got.is_ok(), survived, "get {times}");

            for mode in [PutMode::Overwrite, PutMode::Create] {
                begin();
                let new = Path::from(format!("b/{mode:?}"));
                let put = store.put_opts(&new, "y".into(), mode.into()).await;
                assert_eq!(put.is_ok(), survived, "put {times}");
            }

            begin();
            let deleted = store.delete(&paths[0]).await;
            assert_eq!(deleted.is_ok(), survived, "delete {times}");
        }
    }

    #[tokio::test]
    async fn an_object_of_another_writer_is_not_taken_for_our_own() {
        let store = RetryingStore::new(InMemory::new());
        let path = Path::from("a");
        let put = |body: &'static str| store.put_opts(&path, body.into(), PutMode::Create.into());
        put("mine").await.unwrap();
        put("mine").await.unwrap();
        let refused = put("theirs").await;
        assert!(
            matches!(refused, Err(Error::AlreadyExists { .. })),
            "{refused:?}"
        );
    }
}
