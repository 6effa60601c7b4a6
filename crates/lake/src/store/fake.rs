//! A store in memory that behaves as a test says.

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

/// What is different about a store; by default nothing.
pub(crate) trait Conduct: Debug + Send + Sync + 'static {
    /// Asked before an object is put.
    fn begins_to_put(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    /// Asked once it is.
    fn has_put(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    fn gets(&self) -> Result<()> {
        Ok(())
    }

    /// Asked once objects are deleted.
    fn has_deleted(&self) -> Result<()> {
        Ok(())
    }

    fn lists(
        &self,
        listed: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        listed
    }

    /// Asked once a folder is listed.
    fn has_listed(&self, _listed: &ListResult) -> Result<()> {
        Ok(())
    }
}

/// A store with a conduct of its own.
#[derive(Debug, Default)]
pub(crate) struct Double<C> {
    pub(crate) inner: InMemory,
    pub(crate) conduct: C,
}

impl<C> Double<C> {
    pub(crate) fn new(conduct: C) -> Self {
        Self {
            inner: InMemory::new(),
            conduct,
        }
    }
}

impl<C: Conduct> fmt::Display for Double<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.conduct)
    }
}

#[async_trait]
impl<C: Conduct> ObjectStore for Double<C> {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.conduct.begins_to_put(path)?;
        let done = self.inner.put_opts(path, payload, options).await?;
        self.conduct.has_put(path).map(|()| done)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.conduct.gets()?;
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let deleted = self.inner.delete_stream(paths);
        match self.conduct.has_deleted() {
            Ok(()) => deleted,
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.conduct.lists(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = self.inner.list_with_offset(prefix, offset);
        self.conduct.lists(listed)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listed = self.inner.list_with_delimiter(prefix).await?;
        self.conduct.has_listed(&listed).map(|()| listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
