//! A remote store that does again what its client does not.
//!
//! The client repeats requests that were refused for the moment, or that broke
//! off before an answer began, where that is safe. It leaves some cases to its
//! user, which are dealt with here for everybody who reads or writes through a
//! [`Location`](crate::Location), the Delta library too:
//!
//! - a conditional PUT whose answer was lost: [`conditional_put::create`];
//! - an answer that broke off before it told what it answers: asked for again;
//! - a listing that broke off: taken up behind its last object;
//! - a deletion whose answer was lost: deleted again, which changes nothing;
//! - a large file whose last answer was lost: what stands there tells.
//!
//! How often and how long is bounded as in [`conditional_put`].

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

use crate::store::conditional_put::{self, Created};
use crate::store::retry_policy::{Patience, is_lost};

/// Objects that are deleted by one request.
const DELETED_AT_ONCE: usize = 1000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Steady<S> {
    inner: Arc<S>,
}

impl<S: ObjectStore> Steady<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The objects behind `offset`, where there is one.
    fn listed(
        inner: Arc<S>,
        prefix: Option<Path>,
        offset: Option<Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let list = move |inner: &S, behind: Option<&Path>| match behind {
            Some(behind) => inner.list_with_offset(prefix.as_ref(), behind),
            None => inner.list(prefix.as_ref()),
        };
        let begin = list(&inner, offset.as_ref());
        let state = (begin, offset, Patience::begin());
        stream::try_unfold(state, move |(mut listed, mut last, mut patience)| {
            let list = list.clone();
            let inner = Arc::clone(&inner);
            async move {
                loop {
                    match listed.try_next().await {
                        Ok(None) => return Ok(None),
                        Ok(Some(meta)) => {
                            last = Some(meta.location.clone());
                            return Ok(Some((meta, (listed, last, patience))));
                        }
                        Err(error) if is_lost(&error) && patience.wait().await => {
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

/// Asks until there is an answer. For what changes nothing when done twice.
async fn again<T, Asked>(ask: impl Fn() -> Asked) -> Result<T>
where
    Asked: Future<Output = Result<T>>,
{
    let mut patience = Patience::begin();
    loop {
        match ask().await {
            Err(error) if is_lost(&error) && patience.wait().await => {}
            told => return told,
        }
    }
}

impl<S> fmt::Display for Steady<S>
where
    S: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for Steady<S> {
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
                    again(|| inner.put_opts(path, payload.clone(), options.clone())).await
                }
                _ => inner.put_opts(path, payload, options).await,
            };
        }
        match conditional_put::create(self.inner.as_ref(), path, Bytes::from(payload)).await? {
            Created::Made => Ok(PutResult {
                e_tag: None,
                version: None,
            }),
            Created::AlreadyThere => Err(Error::AlreadyExists {
                path: path.to_string(),
                source: "other bytes stand there".into(),
            }),
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload {
            before: tag(self.inner.as_ref(), path).await?,
            inner: self.inner.put_multipart_opts(path, options).await?,
            store: Arc::clone(&self.inner),
            path: path.clone(),
            bytes: 0,
        }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        again(|| self.inner.get_opts(path, options.clone())).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.inner);
        paths
            .try_chunks(DELETED_AT_ONCE)
            .map_err(|error| error.1)
            .and_then(move |paths| {
                let inner = Arc::clone(&inner);
                async move {
                    let mut patience = Patience::begin();
                    loop {
                        let wanted = stream::iter(paths.clone()).map(Ok).boxed();
                        let deleted: Vec<_> = inner.delete_stream(wanted).collect().await;
                        let lost = deleted.iter().any(|told| told.as_ref().is_err_and(is_lost));
                        if !lost || !patience.wait().await {
                            return Ok(stream::iter(deleted));
                        }
                    }
                }
            })
            .try_flatten()
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        Self::listed(Arc::clone(&self.inner), prefix.cloned(), None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let offset = Some(offset.clone());
        Self::listed(Arc::clone(&self.inner), prefix.cloned(), offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        again(|| self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A large file on its way.
struct Upload<S> {
    inner: Box<dyn MultipartUpload>,
    store: Arc<S>,
    path: Path,
    bytes: u64,
    /// The tag of what stood there before.
    before: Option<String>,
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

    /// Asked again, a store that has put the file together knows of no upload.
    async fn complete(&mut self) -> Result<PutResult> {
        let refused = match self.inner.complete().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let there = self.store.head(&self.path).await.ok();
        match there {
            Some(meta) if meta.size == self.bytes && meta.e_tag != self.before => Ok(PutResult {
                e_tag: meta.e_tag,
                version: meta.version,
            }),
            _ => Err(refused),
        }
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

async fn tag(store: &impl ObjectStore, path: &Path) -> Result<Option<String>> {
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
    use crate::store::fake::{Conduct, Double};

    /// Answers break off, as often as told.
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

    impl Conduct for Breaking {
        fn has_put(&self, _: &Path) -> Result<()> {
            self.breaks()
        }

        fn gets(&self) -> Result<()> {
            self.breaks()
        }

        fn has_deleted(&self) -> Result<()> {
            self.breaks()
        }

        /// Two objects, then the end of the connection.
        fn lists(
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

        fn has_listed(&self, _: &ListResult) -> Result<()> {
            self.breaks()
        }
    }

    #[tokio::test]
    async fn answers_that_break_off_are_asked_for_again_and_not_for_ever() {
        for (times, survived) in [(0, true), (1, true), (3, true), (100, false)] {
            let store = Steady::new(Double::new(Breaking {
                times: Mutex::new(0),
            }));
            let paths: Vec<Path> = (0..7).map(|n| Path::from(format!("a/{n}"))).collect();
            for path in &paths {
                store.put(path, "x".into()).await.unwrap();
            }
            let begin = || *store.inner.conduct.times.lock() = times;
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
    async fn a_file_that_another_made_is_not_ones_own() {
        let store = Steady::new(InMemory::new());
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
