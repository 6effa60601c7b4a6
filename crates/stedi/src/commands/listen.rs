//! `stedi listen`: writes what a broker or programs send into landing files, until it is
//! asked to stop.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use catalog::{LandingTable, Project};
use ingest::{
    Broker, ClientTlsError, Event, Events, Keys, KeysError, Limits, MqttSource, MqttVersion, Posts,
    Route, Sources, SourcesError, Spool, Target,
};
use lake::Location;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::serve;
use crate::args::{BrokerArgs, ListenArgs, ListenCommand, MqttVersionName, SourcesArgs};
use crate::failure::{Ending, Failure};
use crate::folders;
use crate::output::{Field, complain, put, put_list, say};
use crate::runtime::{runtime, stopped};
use crate::settings::{Settings, seconds_of, size_of};

/// The variable that holds the password of a broker's user.
const PASSWORD_VARIABLE: &str = "STEDI_MQTT_PASSWORD";

/// Bytes of the longest password.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

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

/// The topics of the command line, then those of the landing definitions.
fn routes(project: &Project, topics: &[String]) -> Result<Vec<Route>> {
    let mut routes = Vec::new();
    for topic in topics {
        let (filter, table) = topic.rsplit_once('=').ok_or_else(|| {
            Failure::settings(
                format!("--topic: `{topic}` names no landing table"),
                "write --topic 'trainers/+/reading=step_trainer_landing'",
            )
        })?;
        if !project.landing().iter().any(|known| known.name == *table) {
            return Err(no_table(project, table));
        }
        check_filter("--topic", filter)?;
        routes.push(route(filter, table));
    }
    for table in project.landing() {
        for filter in table.topics() {
            check_filter(
                &format!("{}:{}: stedi.topic", table.file, table.line),
                filter,
            )?;
            // The command line decides about a filter that it has, too.
            if !routes.iter().any(|route: &Route| route.filter == filter) {
                routes.push(route(filter, table.name.as_ref()));
            }
        }
    }
    if routes.is_empty() {
        return Err(Failure::settings(
            "no landing table takes messages of a topic",
            "write --topic 'FILTER=TABLE', or 'stedi.topic' = 'FILTER' in the TBLPROPERTIES of a landing table",
        ));
    }
    Ok(routes)
}

fn route(filter: &str, table: &str) -> Route {
    Route {
        filter: filter.to_owned(),
        table: table.to_owned(),
    }
}

fn check_filter(place: &str, filter: &str) -> Result<()> {
    match ingest::is_filter(filter) {
        true => Ok(()),
        false => Err(Failure::settings(
            format!("{place}: `{filter}` is not a topic filter"),
            "`+` stands for one level between slashes, `#` for all that follow: trainers/+/reading, trainers/#",
        )),
    }
}

fn no_table(project: &Project, table: &str) -> anyhow::Error {
    let names: Vec<&str> = project.landing().iter().map(|table| table.name.as_ref()).collect();
    Failure::settings(
        format!("there is no landing table `{table}`"),
        format!("the landing tables are {}", names.join(", ")),
    )
}

/// Where records go: the tables that messages are for, or all that programs may post to.
pub(super) fn targets(
    project: &Project,
    landing: &Location,
    all: bool,
    routes: &[Route],
) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for table in project.landing() {
        let is_routed = routes.iter().any(|route| table.name == route.table.as_str());
        let is_partitioned = !table.partition_columns().is_empty();
        if is_routed && is_partitioned {
            return Err(partitioned(table));
        }
        if is_routed || (all && !is_partitioned) {
            let place = query::landing::place(landing, table).map_err(engine::Error::from)?;
            targets.push(Target {
                table: table.name.to_string(),
                place,
            });
        }
    }
    Ok(targets)
}

fn partitioned(table: &LandingTable) -> anyhow::Error {
    Failure::settings(
        format!(
            "{}:{}: {} is partitioned, and messages name no partition",
            table.file, table.line, table.name
        ),
        "leave PARTITIONED BY out, or let messages go to another table",
    )
}

/// The broker, without what is taken from it.
pub(super) fn broker(settings: &Settings, address: &str, args: &BrokerArgs) -> Result<MqttSource> {
    let broker = Broker::parse(address).map_err(|error| {
        Failure::settings(
            format!("`{}`: {error}", without_login(address)),
            "write mqtt://HOST:1883, or mqtts://HOST:8883 with TLS",
        )
    })?;
    let own = args.client_cert.as_deref().zip(args.client_key.as_deref());
    let is_secure = broker.is_secure;
    if !is_secure && (args.ca.is_some() || own.is_some()) {
        return Err(Failure::settings(
            "certificates are of use only with TLS",
            format!("write mqtts://{}:8883", broker.host),
        ));
    }
    let tls = is_secure.then(|| ingest::client_tls(args.ca.as_deref(), own).map_err(tls_failure));
    let login = login(args)?;
    if !is_secure && !broker.is_loopback() {
        if login.is_some() {
            return Err(Failure::settings(
                "a password is not sent to another machine without TLS",
                format!("write mqtts://{}:8883", broker.host),
            ));
        }
        say(
            settings,
            "warning: messages come from another machine without TLS: others may read and change them",
        );
    }
    let keep_alive = seconds_of("keep-alive", &args.keep_alive)?;
    if !(Duration::from_secs(5)..=Duration::from_secs(18 * 60 * 60)).contains(&keep_alive) {
        return Err(Failure::settings(
            "--keep-alive is out of range",
            "write --keep-alive 30",
        ));
    }
    Ok(MqttSource {
        version: match args.mqtt_version {
            MqttVersionName::Three => MqttVersion::Three,
            MqttVersionName::Five => MqttVersion::Five,
        },
        client_id: String::new(),
        login,
        tls: tls.transpose()?,
        routes: Vec::new(),
        keep_alive,
        is_clean: false,
        broker,
    })
}

/// An address as it may be shown: what stands before `@` may be a password.
fn without_login(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, host)| host)
}

fn tls_failure(error: ClientTlsError) -> anyhow::Error {
    Failure::settings(
        error.to_string(),
        "give PEM files: --ca FILE for whom to trust, --client-cert FILE and --client-key FILE for who you are",
    )
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

fn login(args: &BrokerArgs) -> Result<Option<(String, String)>> {
    let Some(user) = &args.user else {
        return Ok(None);
    };
    let password = match &args.password_file {
        Some(file) => read_password(file)?,
        None => std::env::var(PASSWORD_VARIABLE).map_err(|_| {
            Failure::settings(
                "a user needs a password",
                format!("set {PASSWORD_VARIABLE}, or name a file with --password-file"),
            )
        })?,
    };
    Ok(Some((user.clone(), password)))
}

fn read_password(file: &Path) -> Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(file)
        .and_then(|file| file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| {
        Failure::settings(
            format!("cannot read the password in {}: {error}", file.display()),
            "name a file with the password in its first line",
        )
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
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

fn sources_of(args: &SourcesArgs) -> Result<Sources> {
    let own = || Some(folders::settings()?.join("sources.json"));
    let path: Option<PathBuf> = args.sources.clone().or_else(own);
    path.map(Sources::at).ok_or_else(|| {
        Failure::settings(
            "there is no place for the file of sources: neither HOME nor XDG_CONFIG_HOME is set",
            "name it with --sources",
        )
    })
}

fn sources_failure(error: &SourcesError) -> anyhow::Error {
    let hint = match error {
        SourcesError::Readable { path, .. } => format!("chmod 600 {path}"),
        SourcesError::File { .. } => "check the file, or name another with --sources".to_owned(),
        SourcesError::Unknown(_) => "`stedi listen sources` lists all sources".to_owned(),
        _ => "choose another".to_owned(),
    };
    Failure::settings(error.to_string(), hint)
}

/// `stedi listen token`, `sources` and `revoke`.
fn manage(settings: &Settings, command: &ListenCommand) -> Result<Ending> {
    match command {
        ListenCommand::Token {
            name,
            tables,
            days,
            sources,
        } => {
            let project = settings.project()?;
            for table in tables {
                if !project.landing().iter().any(|known| known.name == table.as_str()) {
                    return Err(no_table(&project, table));
                }
            }
            let valid = chrono::Duration::days(i64::from(*days));
            let token = sources_of(sources)?.add_token(name, tables, valid);
            put(&format!("{}\n", token.map_err(|e| sources_failure(&e))?))?;
            say(
                settings,
                &format!("the token is shown only now, and ends after {days} days"),
            );
        }
        ListenCommand::Sources { sources } => {
            let list = sources_of(sources)?.list();
            let list = list.map_err(|error| sources_failure(&error))?;
            put_list(
                settings,
                &["source", "tables", "expires"],
                &list,
                |source| {
                    let expires = source.expires.format("%Y-%m-%d").to_string();
                    vec![
                        Field::text(Some(&source.name)),
                        Field::text(Some(&source.tables.join(", "))),
                        Field::text(Some(&expires)),
                    ]
                },
            )?;
        }
        ListenCommand::Revoke { name, sources } => {
            let removed = sources_of(sources)?.remove(name);
            removed.map_err(|error| sources_failure(&error))?;
            say(settings, &format!("{name} may not post any more"));
        }
    }
    Ok(Ending::Done)
}
