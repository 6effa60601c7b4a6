//! The start of a run: finds everything that can be wrong before a row is read,
//! and locks the lake.

use std::sync::Arc;

use lake::Lake;
use query::{Session, Setup, Snapshot};

use super::inputs::{self, provide_key, refuse_overlap, sources};
use super::options::RunOptions;
use super::selection::selected;
use super::work::Work;
use crate::contract::planning;
use crate::integrity::{Depth, Integrity};
use crate::lock::LockedLake;
use crate::progress::Progress;
use crate::stop::Stop;
use crate::{Error, Interrupt};

impl Work {
    /// Finds everything that can be wrong before a row is read.
    pub(super) async fn open(
        setup: &Setup,
        options: &RunOptions,
        progress: Arc<dyn Progress>,
        command: &str,
        interrupt: &Interrupt,
    ) -> Result<Self, Error> {
        refuse_overlap(setup)?;
        let session = Session::open(setup)?;
        let models = selected(setup, options)?;
        let to_plan = Session::to_plan_in(setup)?;
        let (planned, _) = planning::plan_to_publish(&to_plan, &models).await?;
        let seen = Lake::at(setup.lake.clone()).newest_release().await;
        let sources = sources(&session, &planned, options).await?;
        match provide_key(&session, &planned).await {
            // Locking the lake below reports faults of the lake better.
            Ok(()) | Err(Error::Lake(_)) => {}
            Err(error) => return Err(error),
        }
        let locked = LockedLake::acquire(setup, command).await?;
        progress.locked(&locked.run);
        let unchanged = matches!(&seen, Ok(seen) if *seen == locked.release);
        let mends = command != "plan";
        let pinned = async {
            let integrity = inspect_lake(&session, &locked, options, mends).await?;
            let lake = &session.tables().lake;
            let snapshot = Snapshot::for_writer(lake, integrity.unopened()).await?;
            let session = session.at(snapshot);
            let sources = match unchanged {
                true => sources,
                // What another run has read meanwhile must be in the list.
                false => inputs::sources(&session, &planned, options).await?,
            };
            Ok((integrity, session, sources))
        };
        // A distant store may take long; an interrupt must give the lock back.
        let pinned = async {
            tokio::select! {
                found = pinned => found,
                () = interrupt.requested() => Err(Error::Interrupted),
            }
        };
        let (integrity, session, sources) = match pinned.await {
            Ok(found) => found,
            Err(error) => {
                locked.unlock().await;
                return Err(error);
            }
        };
        let mut work = Self {
            setup: setup.clone(),
            session: Arc::new(session),
            locked,
            progress,
            planned,
            sources,
            now_ms: setup.now_ms,
            stop: Stop::default(),
            unselected: Vec::new(),
            integrity,
        };
        match work.extend_selection(options).await {
            Ok(()) => Ok(work),
            Err(error) => {
                work.locked.unlock().await;
                Err(error)
            }
        }
    }
}

/// Finds out what is broken in the lake. The register of consent is mended at
/// once where `mends` says so.
async fn inspect_lake(
    session: &Session,
    locked: &LockedLake,
    options: &RunOptions,
    mends: bool,
) -> Result<Integrity, Error> {
    let tables = session.tables().of_lake();
    let depth = match options.full {
        true => Depth::All,
        false => Depth::Touched,
    };
    let release = locked.release.as_ref();
    let mut integrity = Integrity::of(session, &tables, release, depth).await?;
    if release.is_some() && locked.lacks_marker() {
        integrity.note_marker();
    }
    if !options.accept_lost {
        integrity.refuse_lost_entries()?;
    }
    if let (true, false, Some(damage)) = (
        integrity.requires_full_build(),
        options.select.is_empty(),
        integrity.damages.first(),
    ) {
        return Err(Error::Query(query::Error::Execution {
            what: "a run of some tables".to_owned(),
            message: format!("the lake is damaged ({damage}), and all tables must be built"),
        }));
    }
    match mends {
        true => integrity.mend_register(session).await?,
        false => integrity.shield_register(session)?,
    }
    integrity.shield(session)?;
    Ok(integrity)
}
