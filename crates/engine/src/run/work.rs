//! A run in progress: settings, session, locked lake, planned models and sources.
//! All steps of a run are methods of [`Work`], each in the file of its step.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use query::landing::Source;
use query::{Session, Setup, system};

use crate::contract::planning::Planned;
use crate::integrity::Integrity;
use crate::lock::LockedLake;
use crate::progress::Progress;
use crate::stop::Stop;
use crate::{Class, Error};

/// A run in progress: its settings, its input, and the lake it has locked.
pub(super) struct Work {
    pub(super) setup: Setup,
    pub(super) session: Arc<Session>,
    pub(super) locked: LockedLake,
    pub(super) progress: Arc<dyn Progress>,
    pub(super) planned: Vec<Planned>,
    pub(super) sources: HashMap<String, Arc<Source>>,
    pub(super) now_ms: i64,
    pub(super) stop: Stop,
    /// Tables that are built although they were not selected, see
    /// [`Work::extend_selection`].
    pub(super) unselected: Vec<String>,
    /// What was found broken.
    pub(super) integrity: Integrity,
}

impl Work {
    /// Whether the store may be unreachable. Cleaning up would wait for it once more
    /// for each table, and the next run does it.
    pub(super) fn is_cut_off(&self, error: &Error) -> bool {
        let is_remote = self.locked.lake.location().folder().is_none();
        is_remote && error.class() == Class::Failed
    }

    /// Removes unpublished files and unlocks the lake.
    pub(super) async fn close(self) {
        self.sweep().await;
        self.locked.unlock().await;
    }

    /// Reports which tables will be built.
    pub(super) fn announce<'a>(&self, planned: impl IntoIterator<Item = &'a Planned>) {
        let planned = planned.into_iter();
        let names: Vec<String> = planned.map(|p| p.model.name.to_string()).collect();
        self.progress.plan(&names);
    }

    /// Completes the copies of what people decided, and mends broken objects that
    /// belong to no table. Best effort: the next run does it as well.
    pub(super) async fn tidy(&self, is_published: bool) {
        let tidied = async {
            if !is_published && self.locked.release.is_some() {
                self.locked.write_marker().await?;
                if self.integrity.is_touched {
                    self.locked.lake.touch_release().await?;
                }
            }
            self.integrity.complete_copies(&self.session).await
        };
        if let Err(error) = tidied.await {
            tracing::warn!(%error, "what people decided is not kept twice yet");
        }
    }

    /// Removes this run's files, none of which was published.
    ///
    /// Tasks that did not hear a request to stop in time may have a write under
    /// way that lands a moment later, so the sweep is repeated until it has
    /// found nothing twice.
    pub(super) async fn sweep(&self) {
        const ROUNDS: u32 = 12;
        let mut clean = 0;
        for _ in 0..ROUNDS {
            let models = self.planned.iter();
            let models = models.map(|planned| planned.layout.table().clone());
            let (lake, run) = (&self.locked.lake, self.locked.run.as_str());
            let tables = models.chain(system::ids());
            let swept =
                tables.map(|table| async move { lake.remove_files_of_run(&table, run).await });
            let swept: usize = join_all(swept).await.into_iter().sum();
            clean = if swept == 0 { clean + 1 } else { 0 };
            if clean == 2 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
}
