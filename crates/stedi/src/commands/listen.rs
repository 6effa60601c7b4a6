//! `stedi listen`: writes what a broker or programs send into landing files, until it is
//! asked to stop.

mod arrival;
mod broker;
mod routes;
mod sources;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use ingest::{MqttSource, Spool};
use lake::Location;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::arrival::fingerprint;
pub(super) use self::arrival::{Arrival, Arriving};
pub(super) use self::broker::broker;
use self::routes::routes;
pub(super) use self::routes::targets;
use self::sources::manage;
use super::serve;
use crate::args::{BrokerArgs, ListenArgs};
use crate::failure::{Ending, Failure};
use crate::output::{put, say};
use crate::runtime::{runtime, stopped};
use crate::settings::Settings;

/// How long the last files and acknowledgements may take once the program is asked to stop.
const GRACE: Duration = Duration::from_millis(1_500);

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
    let files = args.tls_cert.as_deref().zip(args.tls_key.as_deref());
    let tls = serve::tls_of(files)?;
    if let Some(open) = args.http.filter(|address| !address.ip().is_loopback())
        && tls.is_none()
    {
        return Err(Failure::settings(
            format!("{open} is not loopback, and what comes there must be encrypted"),
            "give --tls-cert and --tls-key, or listen at 127.0.0.1",
        ));
    }
    let arrival = Arrival::new(&args.arrival, &landing, targets, args.http)?;
    runtime()?.block_on(run(settings, args.http, arrival, broker, tls))
}

async fn run(
    settings: &Settings,
    address: Option<SocketAddr>,
    arrival: Arrival,
    broker: Option<MqttSource>,
    tls: Option<serve::TlsConfig>,
) -> Result<Ending> {
    let listener = serve::bind(address, "--http").await?;
    let arriving = arrival.begin(settings.quiet).await?;
    let spool = arriving.spool.clone();
    let (close, stop) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut told = String::from("listening\n");
    if let (Some(listener), Some(posts)) = (listener, arriving.posts()) {
        told += &address_of(&listener, tls.is_some())?;
        let router = posts.router();
        let tls = tls.map(Into::into);
        tasks.spawn(door::accept(listener, tls, router, stop.clone()));
    }
    if let Some(source) = broker {
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
        arriving.writers.done().await;
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

/// The same landing place has the same session with the broker, whatever process listens.
fn client_id(args: &BrokerArgs, landing: &Location) -> String {
    let of_place = || format!("stedi-{}", fingerprint(landing));
    args.client_id.clone().unwrap_or_else(of_place)
}
