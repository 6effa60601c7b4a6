//! An object store in memory for tests, with a behaviour that the test defines.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Hooks of a [`FakeStore`]. Each may fail in place of the store, or count.
/// Defaults: nothing happens.
pub(crate) trait Behaviour: Debug + Send + Sync + 'static {
    /// Called before an object is written.
    fn before_put(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    /// Called after an object was written.
    fn after_put(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    /// Called before an object is read.
    fn before_get(&self) -> Result<()> {
        Ok(())
    }

    /// Called after objects were deleted.
    fn after_delete(&self) -> Result<()> {
        Ok(())
    }

    /// Replaces a stream of listed objects.
    fn on_list(
        &self,
        listed: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        listed
    }

    /// Called after one folder was listed.
    fn after_list(&self, _listed: &ListResult) -> Result<()> {
        Ok(())
    }
}

/// A store in memory that calls the hooks of `behaviour`.
#[derive(Debug, Default)]
pub(crate) struct FakeStore<C> {
    pub(crate) inner: InMemory,
    pub(crate) behaviour: C,
}

impl<C> FakeStore<C> {
    pub(crate) fn new(behaviour: C) -> Self {
        Self {
            inner: InMemory::new(),
            behaviour,
        }
    }
}

impl<C: Behaviour> fmt::Display for FakeStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.behaviour)
    }
}

#[async_trait]
impl<C: Behaviour> ObjectStore for FakeStore<C> {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.behaviour.before_put(path)?;
        let done = self.inner.put_opts(path, payload, options).await?;
        self.behaviour.after_put(path).map(|()| done)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.behaviour.before_get()?;
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let deleted = self.inner.delete_stream(paths);
        match self.behaviour.after_delete() {
            Ok(()) => deleted,
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.behaviour.on_list(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = self.inner.list_with_offset(prefix, offset);
        self.behaviour.on_list(listed)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listed = self.inner.list_with_delimiter(prefix).await?;
        self.behaviour.after_list(&listed).map(|()| listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
