//! Test: opening a table with ten thousand commits needs few requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::{DataType, Field, Schema};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{ListResult, ObjectMeta, ObjectStoreExt, Result};

use crate::error::Error;
use crate::files::layout::{DataFile, Layout};
use crate::ids::TableId;
use crate::lake::Lake;
use crate::location::Location;
use crate::log::commit::CommitInfo;
use crate::log::entry::{LogEntry, TableState};
use crate::log::entry::{Publication, RemovedFiles};
use crate::log::version::AsOf;
use crate::store::fake::{Behaviour, FakeStore};
use crate::vacuum::Retention;

/// Counts requests and listed objects.
#[derive(Debug, Default)]
struct Counting {
    gets: AtomicUsize,
    lists: AtomicUsize,
    listed: Arc<AtomicUsize>,
}

/// Requests since the last call of [`Counting::take`].
#[derive(Debug, PartialEq, Eq)]
struct Requests {
    gets: usize,
    lists: usize,
    listed: usize,
}

impl Counting {
    fn take(&self) -> Requests {
        Requests {
            gets: self.gets.swap(0, Ordering::Relaxed),
            lists: self.lists.swap(0, Ordering::Relaxed),
            listed: self.listed.swap(0, Ordering::Relaxed),
        }
    }
}

impl Behaviour for Counting {
    fn before_get(&self) -> Result<()> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn on_list(
        &self,
        listed: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        let count = Arc::clone(&self.listed);
        listed
            .inspect(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
            })
            .boxed()
    }

    fn after_list(&self, listed: &ListResult) -> Result<()> {
        let objects = listed.objects.len();
        self.lists.fetch_add(1, Ordering::Relaxed);
        self.listed.fetch_add(objects, Ordering::Relaxed);
        Ok(())
    }
}

const COMMITS: u64 = 10_000;

fn file(lake: &Lake, table: &TableId, number: u64) -> DataFile {
    let name = format!("part-{number:032x}-{number:032x}.parquet");
    DataFile {
        path: lake.table_path(table).join(name.as_str()),
        name,
        bytes: 100,
        rows: 1,
        stats: Some("{\"numRecords\":1}".to_owned()),
    }
}

/// Writes a checkpoint of `version`, as the program would. It is a copy of the
/// checkpoint of a table with the same state and one commit, because reading all
/// entries takes a minute in a debug build.
async fn checkpoint(lake: &Lake, first: &LogEntry, version: u64) {
    let (table, twin) = (first.table(), TableId::new("trusted", "twin"));
    let store = lake.location().store();
    let text = String::from_utf8(first.bytes().to_vec()).unwrap();
    let (old, new) = (file(lake, &table, 0), file(lake, &table, version));
    let text = text.replace(&old.name, &new.name);
    let log = |table: &TableId, name: &str| lake.table_path(table).join("_delta_log").join(name);
    let entry = log(&twin, &format!("{:020}.json", 0));
    store.put(&entry, text.into()).await.unwrap();
    lake.checkpoint_at(&twin, None).await.unwrap();
    let twin_checkpoint = log(&twin, &format!("{:020}.checkpoint.parquet", 0));
    let twin_checkpoint = store
        .get(&twin_checkpoint)
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let path = log(&table, &format!("{version:020}.checkpoint.parquet"));
    store.put(&path, twin_checkpoint.into()).await.unwrap();
    let hint = format!("{{\"version\":{version},\"size\":3}}");
    let path = log(&table, "_last_checkpoint");
    store.put(&path, hint.into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_with_many_commits_opens_with_few_requests() {
    let store = Arc::new(FakeStore::<Counting>::default());
    let lake = Lake::at(Location::in_test_store(Arc::clone(&store) as _));
    let table = TableId::new("trusted", "t");
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    let layout = Layout::new(table.clone(), &schema, &[]).unwrap();
    let mut state = TableState::default();
    let mut entries = Vec::new();
    for number in 0..COMMITS {
        let files = vec![file(&lake, &table, number)];
        let path = files[0].path.clone();
        store.inner.put(&path, "x".into()).await.unwrap();
        let next = Publication {
            layout: layout.clone(),
            description: "One number.".to_owned(),
            // Each version replaces all files, so that the table stays small.
            removed: RemovedFiles::All,
            changes_rows: true,
            files,
            commit_info: CommitInfo {
                run: format!("{number:032x}"),
                program: "stedi".to_owned(),
                rows: 1,
                content: String::new(),
                note: None,
            },
        };
        let entry = state.next_entry(&next).unwrap();
        entries.push(entry);
    }
    for entry in &entries {
        let body = entry.bytes();
        store
            .inner
            .put(&entry.path(&lake), body.into())
            .await
            .unwrap();
    }
    checkpoint(&lake, &entries[0], COMMITS - 20).await;

    store.behaviour.take();
    let newest = lake.version(&table, AsOf::Latest).await.unwrap().unwrap();
    let requests = store.behaviour.take();
    assert_eq!(newest.number, COMMITS as i64 - 1);
    assert_eq!(newest.files.len(), 1);
    // It reads the hint, the checkpoint, the entries after it, the commit.
    assert!(
        requests.gets <= 60 && requests.lists <= 2 && requests.listed <= 60,
        "{requests:?}"
    );

    assert!(lake.exists(&table).await.unwrap());
    let requests = store.behaviour.take();
    assert!(requests.gets == 0 && requests.listed <= 1, "{requests:?}");

    // Opening by time searches among the entries and reads few of them.
    let at = AsOf::Time(i64::MAX / 2);
    assert_eq!(
        lake.version(&table, at).await.unwrap().unwrap().number,
        9999
    );
    let requests = store.behaviour.take();
    assert!(requests.gets <= 90, "{requests:?}");
    // After a vacuum of all but the newest version, less is listed, and older versions
    // count as removed.
    let keep = Retention {
        versions_since_ms: None,
        orphans_since_ms: i64::MAX,
        foreign_orphans_since_ms: i64::MAX,
    };
    let vacuumed = lake.vacuum(&table, keep, false).await.unwrap();
    assert_eq!(
        (vacuumed.versions, vacuumed.files),
        (COMMITS - 1, COMMITS - 1)
    );
    store.behaviour.take();
    let newest = lake.version(&table, AsOf::Latest).await.unwrap().unwrap();
    assert_eq!(newest.files[0].name, file(&lake, &table, COMMITS - 1).name);
    let requests = store.behaviour.take();
    assert!(requests.gets <= 14 && requests.listed <= 4, "{requests:?}");
    assert_eq!(lake.history(&table).await.unwrap().len(), 1);
    for as_of in [AsOf::Version(17), AsOf::Time(0)] {
        let error = lake.version(&table, as_of).await.unwrap_err();
        assert!(
            matches!(error, Error::VersionRemoved { first: 9999, .. }),
            "{error}"
        );
    }
    let error = lake
        .version(&table, AsOf::Version(10_000))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NoVersion { .. }), "{error}");
    let again = lake.vacuum(&table, keep, false).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
}
