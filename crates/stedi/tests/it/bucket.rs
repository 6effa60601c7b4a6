//! A private prefix in a bucket of a real S3 server. `tests/s3/server.sh` starts
//! the server and sets its address. Without it, the tests print that they skip.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path as FsPath;

use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::program::{Call, stedi};

/// Key of pseudonyms, so that they are the same in every lake.
pub(crate) const KEY: &str = "5555555555555555555555555555555555555555555555555555555555555555";

/// A prefix in a bucket. Its objects are deleted when the test has passed.
pub(crate) struct Bucket {
    server: Server,
    place: String,
    /// Local folder of settings files, landing data and keys.
    dir: tempfile::TempDir,
    runtime: Runtime,
    store: AmazonS3,
}

/// Address and credentials of the server.
#[derive(Clone)]
pub(crate) struct Server {
    /// `http://127.0.0.1:PORT`
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) secret: String,
}

impl Server {
    /// `None` if no server is configured.
    pub(crate) fn at_hand() -> Option<Self> {
        let Ok(endpoint) = std::env::var("STEDI_TEST_S3") else {
            eprintln!("skipped: STEDI_TEST_S3 is not set; `tests/s3/server.sh` starts a server");
            return None;
        };
        let told = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| panic!("STEDI_TEST_S3 is set, {name} is not"))
        };
        Some(Self {
            endpoint,
            bucket: told("STEDI_TEST_S3_BUCKET"),
            key: told("STEDI_TEST_S3_KEY"),
            secret: told("STEDI_TEST_S3_SECRET"),
        })
    }

    /// A store client for the tests.
    pub(crate) fn client(&self) -> AmazonS3 {
        AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(&self.bucket)
            .with_access_key_id(&self.key)
            .with_secret_access_key(&self.secret)
            .build()
            .unwrap()
    }
}

impl Bucket {
    /// An empty prefix; `None` if there is no server.
    pub(crate) fn empty() -> Option<Self> {
        let server = Server::at_hand()?;
        let dir = tempfile::tempdir().unwrap();
        let unique = dir.path().file_name().unwrap().to_string_lossy();
        Some(Self {
            place: format!("{}{unique}", std::process::id()),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            store: server.client(),
            server,
            dir,
        })
    }

    /// A prefix with a copy of the files below `folder/landing`.
    pub(crate) fn with_landing(folder: &FsPath) -> Option<Self> {
        let bucket = Self::empty()?;
        bucket.upload(&folder.join("landing"), "landing");
        Some(bucket)
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn dir(&self) -> &FsPath {
        self.dir.path()
    }

    /// `s3://BUCKET/PLACE/below`
    pub(crate) fn url(&self, below: &str) -> String {
        format!("s3://{}/{}/{below}", self.server.bucket, self.place)
    }

    /// `stedi WORDS` over `landing` and `lake` of this prefix.
    pub(crate) fn stedi(&self, words: &str) -> Call {
        self.stedi_at(&self.server.endpoint, words)
    }

    /// Like [`Bucket::stedi`], with another `endpoint`.
    pub(crate) fn stedi_at(&self, endpoint: &str, words: &str) -> Call {
        stedi(self.dir.path(), words)
            .env("STEDI_KEY", KEY)
            .env("STEDI_LANDING", &self.url("landing"))
            .env("STEDI_LAKE", &self.url("lake"))
            .env("AWS_ENDPOINT", endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", &self.server.key)
            .env("AWS_SECRET_ACCESS_KEY", &self.server.secret)
    }

    /// All rows of `statement` over the lake.
    #[track_caller]
    pub(crate) fn rows(&self, statement: &str) -> Vec<Value> {
        let call = self.stedi("sql --format json -c").arg(statement);
        match call.run().done().json() {
            Value::Array(rows) => rows,
            other => panic!("{statement}: not an array: {other}"),
        }
    }

    /// The only value of the only row of `statement`, a count.
    #[track_caller]
    pub(crate) fn count(&self, statement: &str) -> u64 {
        let rows = self.rows(statement);
        let value = rows[0].as_object().unwrap().values().next().unwrap();
        value
            .as_u64()
            .unwrap_or_else(|| panic!("{statement}: {value}"))
    }

    fn path(&self, below: &str) -> Path {
        Path::from(format!("{}/{below}", self.place))
    }

    pub(crate) fn put(&self, below: &str, body: impl Into<Vec<u8>>) {
        let path = self.path(below);
        let put = self.store.put(&path, body.into().into());
        self.runtime.block_on(put).unwrap();
    }

    /// Many objects, some of them at once.
    pub(crate) fn put_all(&self, objects: impl Iterator<Item = (String, String)>) {
        let puts = objects.map(|(below, body)| {
            let path = self.path(&below);
            async move { self.store.put(&path, body.into()).await.map(drop) }
        });
        let puts = futures::stream::iter(puts).buffer_unordered(16);
        self.runtime.block_on(puts.try_collect::<()>()).unwrap();
    }

    pub(crate) fn get(&self, below: &str) -> Vec<u8> {
        let path = self.path(below);
        let read = async { self.store.get(&path).await?.bytes().await };
        self.runtime.block_on(read).unwrap().to_vec()
    }

    /// Every file below `folder`, following links.
    pub(crate) fn upload(&self, folder: &FsPath, below: &str) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let below = format!("{below}/{name}");
            if path.is_dir() {
                self.upload(&path, &below);
            } else {
                self.put(&below, fs::read(&path).unwrap());
            }
        }
    }

    /// Every object under `below`, with its ETag and modification time.
    pub(crate) fn contents(&self, below: &str) -> BTreeMap<String, String> {
        let listed = self.store.list(Some(&self.path(below)));
        let listed: Vec<_> = self.runtime.block_on(listed.try_collect()).unwrap();
        let objects = listed.into_iter().map(|object| {
            let name = object.location.to_string();
            let name = name.split_once('/').unwrap().1.to_owned();
            (name, format!("{:?} {}", object.e_tag, object.last_modified))
        });
        objects.collect()
    }

    /// The objects under `below` must be unchanged.
    #[track_caller]
    pub(crate) fn unchanged(&self, before: &BTreeMap<String, String>, below: &str, case: &str) {
        let after = self.contents(below);
        let differing: Vec<_> = before
            .iter()
            .filter(|(name, tag)| after.get(*name) != Some(*tag))
            .chain(after.iter().filter(|(name, _)| !before.contains_key(*name)))
            .map(|(name, _)| name)
            .collect();
        assert!(differing.is_empty(), "{case}: {differing:?}");
    }

    pub(crate) fn remove(&self, below: &str) {
        let removal = async {
            let listed = self.store.list(Some(&self.path(below)));
            let paths: Vec<_> = listed
                .map_ok(|object| object.location)
                .try_collect()
                .await?;
            for path in paths {
                self.store.delete(&path).await?;
            }
            Ok::<_, object_store::Error>(())
        };
        self.runtime.block_on(removal).unwrap();
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // What a failed test left may tell why.
        if !std::thread::panicking() {
            self.remove("");
        }
    }
}
