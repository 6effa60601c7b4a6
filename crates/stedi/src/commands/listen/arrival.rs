//! What takes records: their files, who may post them, and the keys of posts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use ingest::{Event, Events, Keys, KeysError, Limits, Posts, Sources, Spool, Target, Writers};
use lake::Location;

use super::sources::{sources_failure, sources_of};
use crate::args::ArrivalArgs;
use crate::failure::Failure;
use crate::folders;
use crate::output::complain;
use crate::settings::{seconds_of, size_of};

/// The smallest and the largest file.
const FILE_BYTES: std::ops::RangeInclusive<usize> = 1..=1 << 30;

/// Where records go, and who may post them.
pub(crate) struct Arrival {
    targets: Vec<Target>,
    limits: Limits,
    door: Option<Door>,
}

/// What posts need besides the spool.
struct Door {
    sources: Arc<Sources>,
    /// There is no source yet.
    is_open: bool,
    keys: Arc<Keys>,
}

/// Where records go while the program runs.
pub(crate) struct Arriving {
    pub(crate) spool: Spool,
    pub(crate) writers: Writers,
    door: Option<Door>,
}

impl Arrival {
    /// Of records for `targets`, posted at `address` if there is one.
    ///
    /// # Errors
    /// For flags that are wrong, and an address at which nobody could post.
    pub(crate) fn new(
        args: &ArrivalArgs,
        landing: &Location,
        targets: Vec<Target>,
        address: Option<SocketAddr>,
    ) -> Result<Self> {
        let door = address.map(|address| {
            let (sources, is_open) = sources(args, address)?;
            Ok::<_, anyhow::Error>(Door {
                sources,
                is_open,
                keys: keys(args.state.clone(), landing)?,
            })
        });
        Ok(Self {
            targets,
            limits: limits(args)?,
            door: door.transpose()?,
        })
    }

    /// Begins to write files. What happens is told on standard error, or only what fails.
    ///
    /// # Errors
    /// If landing cannot be written.
    pub(crate) async fn begin(self, is_quiet: bool) -> Result<Arriving> {
        let events = Events::to(move |event| tell(event, is_quiet));
        let keys = self.door.as_ref().map(|door| Arc::clone(&door.keys));
        let spool = Spool::open(self.targets, self.limits, keys, events).await;
        let (spool, writers) = spool.map_err(|fault| {
            Failure::failed(
                fault.to_string(),
                "check the landing folder or bucket, and who may write there",
            )
        })?;
        Ok(Arriving {
            spool,
            writers,
            door: self.door,
        })
    }
}

impl Arriving {
    /// What takes posts; `None` where nothing is posted.
    pub(crate) fn posts(&self) -> Option<Posts> {
        let door = self.door.as_ref()?;
        Some(Posts {
            spool: self.spool.clone(),
            keys: Arc::clone(&door.keys),
            sources: Arc::clone(&door.sources),
            is_open: door.is_open,
        })
    }
}

/// One JSON document a line on standard error. With `is_quiet`, only of what fails.
fn tell(event: &Event, is_quiet: bool) {
    let is_fault = matches!(event, Event::NotWritten { .. } | Event::Disconnected { .. });
    if is_quiet && !is_fault {
        return;
    }
    if let Ok(line) = serde_json::to_value(event).map(|mut line| {
        line["at"] = chrono::Utc::now()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
            .into();
        line.to_string()
    }) {
        complain(&line);
    }
}

fn limits(args: &ArrivalArgs) -> Result<Limits> {
    let size = |flag: &str, text: &str| {
        let bytes = size_of(text).filter(|bytes| FILE_BYTES.contains(bytes));
        bytes.ok_or_else(|| {
            Failure::settings(
                format!("{flag}: `{text}` is not a size"),
                format!("write {flag} 8MB"),
            )
        })
    };
    let (file_bytes, held_bytes) = (
        size("--file-size", &args.file_size)?,
        size("--buffer", &args.buffer)?,
    );
    Ok(Limits {
        file_bytes: file_bytes.min(held_bytes),
        file_age: seconds_of("file-age", &args.file_age)?,
        held_bytes,
    })
}

/// Who may post, and whether there is nobody yet.
fn sources(args: &ArrivalArgs, address: SocketAddr) -> Result<(Arc<Sources>, bool)> {
    let sources = sources_of(&args.sources)?;
    let none = sources.list().map_err(|e| sources_failure(&e))?.is_empty();
    if none && !address.ip().is_loopback() {
        return Err(Failure::settings(
            format!("{address} is not loopback, and nobody could post there"),
            "make a source: stedi listen token NAME --tables customer_landing",
        ));
    }
    Ok((Arc::new(sources), none))
}

/// A name for a landing place that is the same for every process.
pub(super) fn fingerprint(landing: &Location) -> String {
    let hash = blake3::hash(landing.url().as_str().as_bytes());
    hash.to_hex()[..16].to_owned()
}

fn keys(named: Option<PathBuf>, landing: &Location) -> Result<Arc<Keys>> {
    let own = || Some(folders::state()?.join("listen").join(fingerprint(landing)));
    let folder = named.or_else(own).ok_or_else(|| {
        Failure::settings(
            "there is no place for idempotency keys: neither HOME nor XDG_STATE_HOME is set",
            "name a folder with --state",
        )
    })?;
    Keys::open(&folder).map_err(|error| {
        let hint = match error {
            KeysError::Locked(_) => {
                "another process listens for the same landing folder: end it, or name another folder with --state"
            }
            _ => "check the folder, or name another with --state",
        };
        Failure::failed(error.to_string(), hint)
    })
}
