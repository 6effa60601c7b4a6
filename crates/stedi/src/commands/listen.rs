//! `stedi listen`: writes what a broker or programs send into landing files, until it is
//! asked to stop.

mod broker;
mod routes;
mod sources;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ingest::{Event, Events, Keys, KeysError, Limits, MqttSource, Posts, Sources, Spool, Target};
use lake::Location;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(super) use self::broker::broker;
use self::routes::routes;
pub(super) use self::routes::targets;
use self::sources::{manage, sources_failure, sources_of};
use super::serve;
use crate::args::{BrokerArgs, ListenArgs};
use crate::failure::{Ending, Failure};
use crate::folders;
use crate::output::{complain, put, say};
use crate::runtime::{runtime, stopped};
use crate::settings::{Settings, seconds_of, size_of};

/// How long the last files and acknowledgements may take once the program is asked to stop.
const GRACE: Duration = Duration::from_millis(1_500);

/// The smallest and the largest file.
const FILE_BYTES: std::ops::RangeInclusive<usize> = 1..=1 << 30;

pub(crate) fn listen(settings: &Settings, args: &ListenArgs) -> Result<Ending> {
    match &args.command {
        Some(command) => manage(settings, command),
        None => receive(settings, args),
    }
}

fn receive(settings: &Settings, args: &ListenArgs) -> Result<Ending> {
    if args.mqtt.is_none() && args.http.is_none() {
        return Err(Failure::settings(
            "there is nothing to listen to",
            "give --mqtt ADDR, --http ADDR, or both",
        ));
    }
    let project = settings.project()?;
    let landing = Location::parse(&settings.landing.value).map_err(engine::Error::from)?;
    let routes = match args.mqtt {
        Some(_) => routes(&project, &args.topics)?,
        None => Vec::new(),
    };
    let targets = targets(&project, &landing, args.http.is_some(), &routes)?;
    let broker = args.mqtt.as_deref().map(|address| {
        let source = broker(settings, address, &args.broker)?;
        Ok::<_, anyhow::Error>(MqttSource {
            routes,
            client_id: client_id(&args.broker, &landing),
            is_clean: args.broker.clean,
            ..source
        })
    });
    let broker = broker.transpose()?;
    let limits = limits(args)?;
    let door = args.http.map(|_| door(args)).transpose()?;
    let keys = args.http.map(|_| keys(args, &landing)).transpose()?;
    runtime()?.block_on(run(
        settings,
        args,
        Setup {
            targets,
            limits,
            broker,
            door,
            keys,
        },
    ))
}

/// What records are received with.
struct Setup {
    targets: Vec<Target>,
    limits: Limits,
    broker: Option<MqttSource>,
    door: Option<Door>,
    keys: Option<Arc<Keys>>,
}

/// Who may post, and how it is encrypted.
struct Door {
    sources: Option<Arc<Sources>>,
    tls: Option<serve::TlsConfig>,
}

async fn run(settings: &Settings, args: &ListenArgs, setup: Setup) -> Result<Ending> {
    let listener = serve::bind(args.http, "--http").await?;
    let is_quiet = settings.quiet;
    let events = Events::to(move |event| tell(event, is_quiet));
    let spool = Spool::open(setup.targets, setup.limits, setup.keys.clone(), events).await;
    let (spool, writers) = spool.map_err(|fault| {
        Failure::failed(
            fault.to_string(),
            "check the landing folder or bucket, and who may write there",
        )
    })?;
    let (close, stop) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut told = String::from("listening\n");
    if let (Some(listener), Some(door), Some(keys)) = (listener, setup.door, setup.keys) {
        told += &address_of(&listener, door.tls.is_some())?;
        let router = ingest::router(Posts {
            spool: spool.clone(),
            keys,
            sources: door.sources,
        });
        tasks.spawn(::door::accept(
            listener,
            door.tls.map(Into::into),
            router,
            stop.clone(),
        ));
    }
    if let Some(source) = setup.broker {
        let secure = if source.broker.is_secure { "s" } else { "" };
        told += &format!(
            "mqtt{secure}://{}:{}\n",
            source.broker.host, source.broker.port
        );
        tasks.spawn(ingest::mqtt(source, spool.clone(), stop));
    }
    // Whoever started it waits for these lines.
    put(&told)?;
    stopped().await;
    _ = close.send(true);
    spool.close();
    let rest = async {
        writers.done().await;
        while tasks.join_next().await.is_some() {}
    };
    _ = tokio::time::timeout(GRACE, rest).await;
    say(settings, &summary(&spool));
    Ok(Ending::Interrupted)
}

fn address_of(listener: &TcpListener, is_secure: bool) -> Result<String> {
    let secure = if is_secure { "s" } else { "" };
    Ok(format!("http{secure}://{}\n", listener.local_addr()?))
}

/// One JSON document a line on standard error. With `--quiet`, only of what fails.
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

fn summary(spool: &Spool) -> String {
    let counts = spool.counts();
    let tables = counts.tables.iter().map(|(table, of)| {
        let (records, files) = (ingest::read(&of.records), ingest::read(&of.files));
        format!("{table}: {records} records in {files} files")
    });
    let tables: Vec<String> = tables.collect();
    let broker = &counts.broker;
    format!(
        "{}; {} messages, {} of them delivered again",
        tables.join("; "),
        ingest::read(&broker.messages),
        ingest::read(&broker.redelivered),
    )
}

fn limits(args: &ListenArgs) -> Result<Limits> {
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

/// The same landing place has the same session with the broker, whatever process listens.
fn client_id(args: &BrokerArgs, landing: &Location) -> String {
    let of_place = || format!("stedi-{}", fingerprint(landing));
    args.client_id.clone().unwrap_or_else(of_place)
}

fn fingerprint(landing: &Location) -> String {
    let hash = blake3::hash(landing.url().as_str().as_bytes());
    hash.to_hex()[..16].to_owned()
}

/// Who may post. As for `serve`: whoever is on this machine until there is a source; other
/// addresses need TLS and a source.
fn door(args: &ListenArgs) -> Result<Door> {
    let sources = sources_of(&args.sources)?;
    let none = sources.list().map_err(|e| sources_failure(&e))?.is_empty();
    let files = args.tls_cert.as_deref().zip(args.tls_key.as_deref());
    let tls = serve::tls_of(files)?;
    if let Some(open) = args.http.filter(|address| !address.ip().is_loopback()) {
        if tls.is_none() {
            return Err(Failure::settings(
                format!("{open} is not loopback, and what comes there must be encrypted"),
                "give --tls-cert and --tls-key, or listen at 127.0.0.1",
            ));
        }
        if none {
            return Err(Failure::settings(
                format!("{open} is not loopback, and nobody could post there"),
                "make a source: stedi listen token NAME --tables customer_landing",
            ));
        }
    }
    Ok(Door {
        sources: (!none).then(|| Arc::new(sources)),
        tls,
    })
}

fn keys(args: &ListenArgs, landing: &Location) -> Result<Arc<Keys>> {
    let own = || Some(folders::state()?.join("listen").join(fingerprint(landing)));
    let folder = args.state.clone().or_else(own).ok_or_else(|| {
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
