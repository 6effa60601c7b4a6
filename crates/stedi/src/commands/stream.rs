//! `stedi sample --stream TO`: plays synthetic readings in real time to a broker, a
//! listener, or a landing folder.

mod posts;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use catalog::Project;
use ingest::{Events, Limits, Publisher, Spool, Writers};
use lake::Location;
use sample::{Stream, StreamMessage, StreamSource, StreamTruth};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::posts::Posts;
use super::listen;
use crate::args::{Format, SampleArgs, StreamArgs};
use crate::failure::{Ending, Failure};
use crate::output::{grouped, put_json, say};
use crate::runtime::{runtime, stopped};
use crate::settings::Settings;

/// How often messages that are due are sent.
const TICK: Duration = Duration::from_millis(10);

/// How long the last acknowledgements may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same once the program is asked to stop.
const PATIENCE_OF_STOP: Duration = Duration::from_millis(500);

/// What was sent, as printed.
#[derive(Serialize)]
struct Summary {
    customers: u64,
    customers_agreed: u64,
    accelerometer: u64,
    accelerometer_agreed: u64,
    step_trainer: u64,
    step_trainer_agreed: u64,
    sent: u64,
    acknowledged: u64,
    seconds: f64,
}

pub(super) fn stream(settings: &Settings, args: &SampleArgs, to: &str) -> Result<Ending> {
    let of = &args.stream_args;
    let project = settings.project()?;
    runtime()?.block_on(async {
        let mut sink = Sink::open(settings, &project, of, to).await?;
        let mut stream = Stream::new(of.devices, args.size.seed);
        let began = Instant::now();
        let stop = stopped();
        let mut stop = std::pin::pin!(stop);
        let is_stopped = tokio::select! {
            played = play(&mut stream, &mut sink, of.rate, of.seconds) => {
                played?;
                false
            }
            () = stop.as_mut() => true,
        };
        let patience = if is_stopped {
            PATIENCE_OF_STOP
        } else {
            PATIENCE
        };
        let (sent, acknowledged) = sink.finish(patience).await;
        let seconds = began.elapsed().as_secs_f64();
        tell(settings, stream.truth(), sent, acknowledged, seconds)?;
        if acknowledged < sent && !is_stopped {
            return Err(Failure::failed(
                format!(
                    "{} messages were not acknowledged",
                    grouped(sent - acknowledged)
                ),
                "the counts hold for what was acknowledged only; send at a lower --rate",
            ));
        }
        Ok(if is_stopped {
            Ending::Interrupted
        } else {
            Ending::Done
        })
    })
}

/// Sends so many messages a second until the time is over.
pub(super) async fn play(
    stream: &mut Stream,
    sink: &mut Sink,
    rate: f64,
    seconds: Option<f64>,
) -> Result<()> {
    for message in stream.customers(now_ms()) {
        sink.send(message).await?;
    }
    sink.flush().await?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let began = Instant::now();
    let mut sent: u64 = 0;
    loop {
        ticks.tick().await;
        let elapsed = began.elapsed().as_secs_f64();
        let is_over = seconds.is_some_and(|seconds| elapsed >= seconds);
        let due = (elapsed.min(seconds.unwrap_or(f64::MAX)) * rate) as u64;
        while sent + 2 <= due {
            for message in stream.readings(now_ms()) {
                sink.send(message).await?;
            }
            sent += 2;
        }
        sink.flush().await?;
        if is_over {
            return Ok(());
        }
    }
}

fn now_ms() -> u64 {
    chrono::Utc::now().timestamp_millis().unsigned_abs()
}

fn tell(
    settings: &Settings,
    truth: StreamTruth,
    sent: u64,
    acknowledged: u64,
    seconds: f64,
) -> Result<()> {
    if settings.format.value != Format::Table {
        return put_json(&Summary {
            customers: truth.customers,
            customers_agreed: truth.customers_agreed,
            accelerometer: truth.readings,
            accelerometer_agreed: truth.readings_agreed,
            step_trainer: truth.readings,
            step_trainer_agreed: truth.readings_agreed,
            sent,
            acknowledged,
            seconds,
        });
    }
    say(
        settings,
        &format!(
            "sent {} customer records, {} readings of phones and as many of trainers in {seconds:.1} s; {} of {} messages acknowledged\n\
             {} people agreed to research; {} readings of each kind are theirs",
            grouped(truth.customers),
            grouped(truth.readings),
            grouped(acknowledged),
            grouped(sent),
            grouped(truth.customers_agreed),
            grouped(truth.readings_agreed),
        ),
    );
    Ok(())
}

/// The landing table of each source, in the shipped data product and in those made from it.
const TABLES: [(StreamSource, &str); 3] = [
    (StreamSource::Customer, "customer_landing"),
    (StreamSource::Accelerometer, "accelerometer_landing"),
    (StreamSource::StepTrainer, "step_trainer_landing"),
];

/// Where messages go.
pub(super) enum Sink {
    Broker {
        publisher: Box<Publisher>,
        /// By source, the parts of the topic before and after the device's number.
        topics: HashMap<StreamSource, (String, String)>,
    },
    Posts(Posts),
    Folder {
        spool: Spool,
        writers: Writers,
        sent: u64,
    },
}

impl Sink {
    async fn open(
        settings: &Settings,
        project: &Project,
        args: &StreamArgs,
        to: &str,
    ) -> Result<Self> {
        match to.split_once("://").map(|(scheme, _)| scheme) {
            Some("mqtt" | "mqtts") => {
                let mut source = listen::broker(settings, to, &args.broker)?;
                let own = format!("stedi-sample-{}", std::process::id());
                source.client_id = args.broker.client_id.clone().unwrap_or(own);
                source.is_clean = args.broker.clean;
                let publisher = Publisher::connect(&source).await.map_err(|error| {
                    Failure::failed(
                        error.to_string(),
                        "check that the broker runs, and its address",
                    )
                })?;
                Ok(Self::Broker {
                    publisher: Box::new(publisher),
                    topics: topics(project)?,
                })
            }
            Some("http") => Ok(Self::Posts(Posts::open(to)?)),
            Some("https") => Err(Failure::settings(
                "a stream is not posted over TLS",
                "post to a listener on this machine, or stream to a broker with mqtts://",
            )),
            _ => Self::folder(project, to).await,
        }
    }

    /// A landing folder or bucket.
    pub(super) async fn folder(project: &Project, to: &str) -> Result<Self> {
        let landing = Location::parse(to).map_err(engine::Error::from)?;
        let targets = listen::targets(project, &landing, true, &[])?;
        let spool = Spool::open(targets, Limits::default(), None, Events::to(|_| {})).await;
        let (spool, writers) = spool.map_err(|fault| {
            Failure::failed(
                fault.to_string(),
                "check the folder, and who may write there",
            )
        })?;
        Ok(Self::Folder {
            spool,
            writers,
            sent: 0,
        })
    }

    async fn send(&mut self, message: StreamMessage) -> Result<()> {
        match self {
            Self::Broker { publisher, topics } => {
                let (before, after) = &topics[&message.source];
                let topic = match message.source {
                    StreamSource::Customer => before.clone(),
                    _ => format!("{before}{}{after}", message.device),
                };
                publisher
                    .publish(&topic, message.payload)
                    .await
                    .map_err(|error| {
                        Failure::failed(error.to_string(), "check that the broker runs")
                    })
            }
            Self::Posts(posts) => {
                posts.add(table_of(message.source), &message.payload);
                Ok(())
            }
            Self::Folder { spool, sent, .. } => {
                *sent += 1;
                spool.write(table_of(message.source), message.payload).await;
                Ok(())
            }
        }
    }

    async fn flush(&mut self) -> Result<()> {
        match self {
            Self::Posts(posts) => posts.flush().await,
            _ => Ok(()),
        }
    }

    /// Waits for what is not acknowledged: how many were sent, and how many acknowledged.
    async fn finish(self, patience: Duration) -> (u64, u64) {
        match self {
            Self::Broker { publisher, .. } => {
                let published = publisher.finish(patience).await;
                (published.sent, published.acknowledged)
            }
            Self::Posts(mut posts) => {
                // What is not accepted is not counted.
                _ = tokio::time::timeout(patience, posts.flush_all()).await;
                posts.counts()
            }
            Self::Folder {
                spool,
                writers,
                sent,
            } => {
                spool.close();
                _ = tokio::time::timeout(patience, writers.done()).await;
                let tables = spool.counts().tables.iter();
                (sent, tables.map(|(_, of)| ingest::read(&of.records)).sum())
            }
        }
    }
}

fn table_of(source: StreamSource) -> &'static str {
    let found = TABLES.iter().find(|(known, _)| *known == source);
    found.map_or("", |(_, table)| table)
}

/// The topics of the tables: the first filter of each, where the device's number stands for
/// what the filter leaves open.
fn topics(project: &Project) -> Result<HashMap<StreamSource, (String, String)>> {
    let topic = |(source, name): (StreamSource, &str)| -> Result<_> {
        let table = project.landing().iter().find(|table| table.name == *name);
        let filter = table
            .and_then(|table| table.topics().next())
            .ok_or_else(|| {
                Failure::settings(
                    format!("{name} names no topic in stedi.topic"),
                    "add 'stedi.topic' = 'FILTER' to the TBLPROPERTIES of its definition",
                )
            })?;
        let (before, after) = filter.split_once(['+', '#']).unwrap_or((filter, ""));
        Ok((source, (before.to_owned(), after.replace(['+', '#'], "0"))))
    };
    TABLES.into_iter().map(topic).collect()
}
