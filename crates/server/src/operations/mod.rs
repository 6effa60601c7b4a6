//! Runs and plans that the server starts.
//!
//! - The server itself only reads. A run is a child process of the same program, with its
//!   own bounds of memory and time; if it dies, the server goes on.
//! - One goes on at a time, and a bounded number begins within ten minutes: whoever sends
//!   requests without a pause does not keep the machine busy for ever.
//! - What a child says is read to its end and kept within bounds.
//! - When the server ends, its child ends first. If the server is killed, the child goes on
//!   to its end: nobody reads what it says, and its release is a release like any other.

mod child;
mod going;
mod launcher;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use evidence::{Operation, OperationKind, ProjectChange, Writer};
use lake::Lake;
use parking_lot::Mutex;
use tokio::sync::watch;

use self::going::Going;
use crate::desk::{Desk, blocking};
use crate::fault::{Fault, Kind};
use crate::principal::{Door, Principal};
use door::stopped;

pub use self::launcher::Launcher;

/// How many runs and plans may begin within [`STARTS_TIME`].
const STARTS_MAX: usize = 30;

/// See [`STARTS_MAX`].
const STARTS_TIME: Duration = Duration::from_secs(600);

/// How long a child may take to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a child that was asked to end may take when the server ends.
const GRACE: Duration = Duration::from_millis(600);

/// How often somebody who waits for a child looks at it.
const LOOK: Duration = Duration::from_millis(20);

/// Starts runs and plans, one at a time.
#[derive(Debug)]
pub(crate) struct Operator {
    launcher: Arc<dyn Launcher>,
    desk: Arc<Desk>,
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    starts: VecDeque<Instant>,
    /// The one that goes on, or the last one.
    newest: Option<Arc<Going>>,
    /// The last plan that was done.
    plan: Option<Arc<Going>>,
    /// Whether the server ends.
    is_closed: bool,
}

/// Why nothing was started.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Something goes on, here or in another process.
    GoesOn(Fault),
    /// Anything else.
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Operator {
    pub(crate) fn new(launcher: Arc<dyn Launcher>, desk: Arc<Desk>) -> Self {
        Self {
            launcher,
            desk,
            slot: Mutex::default(),
        }
    }

    /// Starts `operation` for `who`. The audit log has a line when it begins and another
    /// when it is over.
    ///
    /// # Errors
    /// [`Refusal::GoesOn`] where something goes on already.
    pub(crate) async fn start(
        self: &Arc<Self>,
        who: &Principal,
        door: Door,
        operation: OperationKind,
    ) -> Result<Operation, Refusal> {
        let action = format!("start {}", going::name(operation));
        let started = match self.other_writer().await {
            Ok(None) => self.started(who, door, operation).await,
            Ok(Some(writer)) => Err(Refusal::GoesOn(held(&writer))),
            Err(fault) => Err(fault.into()),
        };
        if started.is_err() {
            self.desk.note(who, door, &action, "refused").await?;
        }
        let going = started?;
        Ok(self.told(&going))
    }

    async fn started(
        self: &Arc<Self>,
        who: &Principal,
        door: Door,
        operation: OperationKind,
    ) -> Result<Arc<Going>, Refusal> {
        let going = {
            let mut slot = self.slot.lock();
            slot.admit(Instant::now())?;
            let going = Arc::new(Going::new(operation, who.clone(), door));
            slot.newest = Some(Arc::clone(&going));
            going
        };
        let (operator, begun) = (Arc::clone(self), Arc::clone(&going));
        // Nothing begins that is not in the log.
        let launched = blocking(move || {
            let action = format!("start {}", going::name(operation));
            let desk = &operator.desk;
            let noted = desk.note_over(&begun.who, door, &action, "done", Utc::now());
            noted.and_then(|()| child::launch(operator.launcher.command(operation), &begun))
        });
        let launched = launched.await.and_then(|launched| launched);
        match launched {
            Ok(child) => {
                let (operator, begun) = (Arc::clone(self), Arc::clone(&going));
                // Not a task: it waits for the child, for hours if need be.
                std::thread::spawn(move || operator.follow(&begun, child));
                Ok(going)
            }
            Err(fault) => {
                going.never_began(&fault);
                Err(fault.into())
            }
        }
    }

    /// Follows a child to its end.
    fn follow(&self, going: &Arc<Going>, child: child::Output) {
        child.follow(going);
        let told = self.told(going);
        if told.plan.is_some() {
            self.slot.lock().plan = Some(Arc::clone(going));
        }
        let action = going::name(told.operation);
        let outcome = told.state.as_str();
        let began = DateTime::from_timestamp_millis(told.started_ms).unwrap_or_else(Utc::now);
        let noted = self
            .desk
            .note_over(&going.who, going.door, action, outcome, began);
        if let Err(fault) = noted {
            tracing::error!("{fault}");
        }
    }

    /// The run or plan that goes on, or the last one.
    pub(crate) fn newest(&self) -> Option<Operation> {
        let newest = self.slot.lock().newest.clone();
        newest.map(|going| self.told(&going))
    }

    /// The last plan that was done.
    pub(crate) fn plan(&self) -> Option<Operation> {
        let plan = self.slot.lock().plan.clone();
        plan.map(|going| self.told(&going))
    }

    fn told(&self, going: &Going) -> Operation {
        going.told(&self.desk.setup().project)
    }

    /// Asks what goes on to end; whether anything does.
    ///
    /// # Errors
    /// If the audit log cannot be written.
    pub(crate) async fn cancel(&self, who: &Principal, door: Door) -> Result<bool, Fault> {
        let newest = self.slot.lock().newest.clone();
        let Some(going) = newest.filter(|going| !going.is_over()) else {
            return Ok(false);
        };
        let action = format!("cancel {}", going::name(going.operation));
        self.desk.note(who, door, &action, "done").await?;
        going.ask_to_end(&*self.launcher);
        tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            // One that hangs or was stopped does not hear. What it left, the next run cleans up.
            if !going.is_over() {
                going.kill();
            }
        });
        Ok(true)
    }

    /// Waits until nothing goes on, for at most `time`.
    pub(crate) async fn wait(&self, time: Duration) {
        let over = async {
            while self.newest_is_going() {
                tokio::time::sleep(LOOK).await;
            }
        };
        _ = tokio::time::timeout(time, over).await;
    }

    fn newest_is_going(&self) -> bool {
        let slot = self.slot.lock();
        slot.newest.as_ref().is_some_and(|going| !going.is_over())
    }

    /// Another process that writes to the lake, if the lock names one that lives.
    ///
    /// # Errors
    /// For a store that fails.
    pub(crate) async fn other_writer(&self) -> Result<Option<Writer>, Fault> {
        let lake = Lake::at(self.desk.setup().lake.clone());
        let holder = lake.lock_holder().await.map_err(engine::Error::from)?;
        let own = self.slot.lock().newest.clone();
        let own = own.and_then(|going| going.pid());
        // Whether the holder of a lock in a store still lives is seen by its heartbeat:
        // the child finds out.
        let is_local = lake.location().folder().is_some();
        let holder = holder.filter(|holder| is_local && !holder.has_ended());
        let other = holder.filter(|holder| own != Some(holder.pid));
        Ok(other.map(|holder| Writer {
            told: holder.to_string(),
            run: holder.run,
            command: holder.command,
            since_ms: holder.since_ms,
        }))
    }

    /// How the data product on disk differs from the one that the server knows; `None` if
    /// it does not.
    ///
    /// # Errors
    /// None but those of this process.
    pub(crate) async fn project_change(&self) -> Result<Option<ProjectChange>, Fault> {
        let (launcher, known) = (
            Arc::clone(&self.launcher),
            Arc::clone(&self.desk.setup().project),
        );
        blocking(move || match launcher.project() {
            Err(faults) => Some(ProjectChange::Faulty { faults }),
            Ok(now) => {
                let tables = differing(&known, &now);
                (!tables.is_empty()).then_some(ProjectChange::Tables { tables })
            }
        })
        .await
    }

    /// Ends what goes on once the server stops.
    pub(crate) async fn end_with(&self, stop: &mut watch::Receiver<bool>) {
        stopped(stop).await;
        let going = {
            let mut slot = self.slot.lock();
            slot.is_closed = true;
            slot.newest.clone()
        };
        let Some(going) = going.filter(|going| !going.is_over()) else {
            return;
        };
        going.ask_to_end(&*self.launcher);
        self.wait(GRACE).await;
        // The next writer cleans up what it leaves.
        going.kill();
    }
}

impl Slot {
    /// Whether another one may begin `now`; counts it.
    fn admit(&mut self, now: Instant) -> Result<(), Refusal> {
        if self.is_closed {
            return Err(Fault::new(Kind::Busy, "the server ends").into());
        }
        if let Some(going) = self.newest.as_ref().filter(|going| !going.is_over()) {
            let name = going::name(going.operation);
            let fault = Fault::new(Kind::Busy, format!("a {name} goes on already"));
            return Err(Refusal::GoesOn(
                fault.with_hint("wait for its end, or cancel it"),
            ));
        }
        let is_old = |begun: &Instant| now.duration_since(*begun) > STARTS_TIME;
        while self.starts.front().is_some_and(is_old) {
            self.starts.pop_front();
        }
        if self.starts.len() >= STARTS_MAX {
            let minutes = STARTS_TIME.as_secs() / 60;
            let fault = Fault::new(
                Kind::Busy,
                format!("{STARTS_MAX} runs and plans began within {minutes} minutes"),
            );
            return Err(fault.with_hint("try again later").into());
        }
        self.starts.push_back(now);
        Ok(())
    }
}

fn held(writer: &Writer) -> Fault {
    let told = format!("another process writes to the lake: {}", writer.told);
    Fault::new(Kind::Busy, told).with_hint("wait for its end")
}

/// Tables whose definition is not the same in both.
fn differing(known: &catalog::Project, now: &catalog::Project) -> Vec<String> {
    let (before, after) = (known.definitions(), now.definitions());
    let before: BTreeMap<&str, &str> = before.collect();
    let after: BTreeMap<&str, &str> = after.collect();
    let all: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let differ = all
        .into_iter()
        .filter(|table| before.get(table) != after.get(table));
    let bare = |table: &str| table.rsplit('/').next().unwrap_or(table).to_owned();
    differ.map(bare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Role;

    #[test]
    fn one_goes_on_at_a_time_and_a_bounded_number_begins() {
        let mut slot = Slot::default();
        let now = Instant::now();
        let who = Principal::local(Role::Engineer);
        for _ in 0..STARTS_MAX {
            assert!(slot.admit(now).is_ok());
            let going = Going::new(OperationKind::Run, who.clone(), Door::Api);
            slot.newest = Some(Arc::new(going));
            assert!(matches!(slot.admit(now), Err(Refusal::GoesOn(_))));
            let going = slot.newest.clone().unwrap();
            going.end(Some(0), None);
        }
        assert!(matches!(slot.admit(now), Err(Refusal::Fault(_))));
        // What began long ago does not count.
        let later = now + 2 * STARTS_TIME;
        assert!(slot.admit(later).is_ok());
        slot.is_closed = true;
        assert!(slot.admit(later).is_err());
    }
}
