//! Subscribes to a broker and hands its messages to the spool.
//!
//! A message of quality 1 is acknowledged after its file is safe. The broker keeps the
//! session while the client is away, and delivers again what was not acknowledged; an
//! acknowledgement goes over the connection that brought its message, or not at all, since
//! on another one its number may mean another message.
//!
//! While the spool has no room, nothing more is read from the connection ([`connection`]),
//! so that the broker keeps what it has. Acknowledgements and signs of life go out all the
//! same: the connection lasts however long it takes until there is room.

mod connection;
mod filter;
mod link;
mod packets;
mod publisher;
mod source;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use door::stopped;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

use self::connection::{Connection, Reader};
pub use self::filter::is_filter;
use self::filter::takes;
use self::packets::{Incoming, Message, Outgoing};
pub use self::publisher::{Published, Publisher, PublisherError};
pub use self::source::{
    Broker, BrokerError, ClientTlsError, MqttSource, MqttVersion, Route, client_tls,
};
use crate::counts::add;
use crate::events::Event;
use crate::spool::{Record, Shape, Spool, bytes_of};

/// The first pause before a connection is made again, and the longest.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// A connection that lasted so long was good: the next pause is short again.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// How long the last acknowledgements may take once the process is asked to stop.
const LAST_ACKNOWLEDGEMENTS: Duration = Duration::from_millis(900);

/// A broker sends a bounded number of messages that are not acknowledged, often 20. If so
/// many wait and no more come, what waits is written at once: waiting for the age of a file
/// would only slow the broker down.
const WINDOW_MIN: u64 = 10;
const QUIET: Duration = Duration::from_millis(20);

/// Why a connection ended.
enum End {
    Stopped,
    Lost(String),
}

/// What tasks of one connection share.
struct Traffic {
    began: Instant,
    /// Messages that wait to be acknowledged.
    waiting: AtomicU64,
    /// Messages that may be acknowledged.
    safe: AtomicU64,
    /// When the last message came, in milliseconds since `began`.
    last_ms: AtomicU64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            waiting: AtomicU64::new(0),
            safe: AtomicU64::new(0),
            last_ms: AtomicU64::new(0),
        }
    }
}

/// Takes messages until `stop` says so, over as many connections as it needs.
///
/// # Panics
/// If a route names a table that is no target of the spool.
pub async fn mqtt(source: MqttSource, spool: Spool, mut stop: watch::Receiver<bool>) {
    let routes: Vec<(String, usize)> = source
        .routes
        .iter()
        .map(|route| {
            let table = spool.table(&route.table);
            let table = table.unwrap_or_else(|| panic!("{} is no target", route.table));
            (route.filter.clone(), table)
        })
        .collect();
    let mut pause = PAUSE;
    loop {
        // A connection that could take nothing would only be closed again.
        tokio::select! {
            room = spool.room(0) => drop(room),
            () = stopped(&mut stop) => return,
        }
        let began = Instant::now();
        let reason = match connection(&source, &routes, &spool, &mut stop).await {
            End::Stopped => return,
            End::Lost(reason) => reason,
        };
        if began.elapsed() >= GOOD_AFTER {
            pause = PAUSE;
        }
        spool.events().tell(Event::Disconnected {
            reason,
            retry_ms: pause.as_millis() as u64,
        });
        tokio::select! {
            () = sleep(pause) => {}
            () = stopped(&mut stop) => return,
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn connection(
    source: &MqttSource,
    routes: &[(String, usize)],
    spool: &Spool,
    stop: &mut watch::Receiver<bool>,
) -> End {
    let opened = tokio::select! {
        opened = Connection::open(source) => opened,
        () = stopped(stop) => return End::Stopped,
    };
    let Connection {
        mut reader,
        writer,
        session_present,
    } = match opened {
        Ok(connection) => connection,
        Err(reason) => return End::Lost(reason),
    };
    let counts = &spool.counts().broker;
    add(&counts.connections, 1);
    let traffic = Arc::new(Traffic::default());
    // Packet numbers bound it: at most 65,535 messages are not acknowledged.
    let (outgoing, asked) = mpsc::unbounded_channel();
    let acknowledged = Arc::new(AtomicU64::new(0));
    // Ends with the connection.
    let mut writing = JoinSet::new();
    writing.spawn(writer.run(asked, Arc::clone(&acknowledged)));
    let mut flushing = JoinSet::new();
    flushing.spawn(flush_when_quiet(spool.clone(), Arc::clone(&traffic)));
    loop {
        let taken = async {
            match reader.next().await? {
                Incoming::Message(message) => {
                    take(message, routes, spool, &traffic, &outgoing).await;
                }
                Incoming::Subscribed => spool.events().tell(Event::Connected { session_present }),
                Incoming::Refused(reason) => return Err(reason),
                Incoming::Accepted { .. } | Incoming::Other => {}
            }
            Ok(())
        };
        tokio::select! {
            taken = taken => if let Err(reason) = taken {
                return End::Lost(reason);
            },
            failed = writing.join_next() => {
                let reason = failed.and_then(Result::ok);
                return End::Lost(reason.unwrap_or_else(|| "nothing can be sent".to_owned()));
            }
            () = stopped(stop) => {
                leave(&mut reader, &outgoing, &traffic, &acknowledged).await;
                return End::Stopped;
            }
        }
    }
}

/// Hands a message to the spool once there is room.
async fn take(
    message: Message,
    routes: &[(String, usize)],
    spool: &Spool,
    traffic: &Arc<Traffic>,
    outgoing: &mpsc::UnboundedSender<Outgoing>,
) {
    let counts = &spool.counts().broker;
    add(&counts.messages, 1);
    add(&counts.redelivered, u64::from(message.is_redelivered));
    add(&counts.retained, u64::from(message.is_retained));
    let topic = String::from_utf8_lossy(&message.topic);
    let table = routes.iter().find(|(filter, _)| takes(filter, &topic));
    let shape = Shape::of(message.payload);
    let release = {
        let (outgoing, traffic) = (outgoing.clone(), Arc::clone(traffic));
        move || {
            if let Some(packet) = message.packet {
                traffic.safe.fetch_add(1, Ordering::Relaxed);
                // A connection that has ended acknowledges nothing: it comes again.
                _ = outgoing.send(Outgoing::Acknowledge(packet));
            }
        }
    };
    let Some((_, table)) = table else {
        // The broker has kept a subscription of before.
        let messages = counts.unmapped.fetch_add(1, Ordering::Relaxed) + 1;
        if messages.is_power_of_two() {
            spool.events().tell(Event::Unmapped { messages });
        }
        return release();
    };
    if shape == Shape::Empty {
        add(&counts.empty, 1);
        return release();
    }
    let shapes = vec![shape];
    let room = spool.room(bytes_of(&shapes)).await;
    let last_ms = traffic.began.elapsed().as_millis() as u64;
    traffic.last_ms.store(last_ms, Ordering::Relaxed);
    traffic.waiting.fetch_add(1, Ordering::Relaxed);
    let traffic = Arc::clone(traffic);
    let record = Record {
        table: *table,
        shapes,
        linger: spool.file_age(),
        claim: None,
        receipt: Box::new(move || {
            release();
            traffic.waiting.fetch_sub(1, Ordering::Relaxed);
        }),
        room,
    };
    // A spool that is closed takes nothing; the broker delivers it again.
    _ = spool.put(record);
}

async fn flush_when_quiet(spool: Spool, traffic: Arc<Traffic>) {
    let mut ticks = interval(QUIET);
    loop {
        ticks.tick().await;
        let now_ms = traffic.began.elapsed().as_millis() as u64;
        let quiet_ms = now_ms.saturating_sub(traffic.last_ms.load(Ordering::Relaxed));
        if traffic.waiting.load(Ordering::Relaxed) >= WINDOW_MIN
            && quiet_ms >= QUIET.as_millis() as u64
        {
            spool.flush();
        }
    }
}

/// Sends the last acknowledgements and the end of the connection. What comes meanwhile is
/// not taken: the broker delivers it again. It is read all the same, since a connection
/// that is closed with something unread may lose what was written last.
async fn leave(
    reader: &mut Reader,
    outgoing: &mpsc::UnboundedSender<Outgoing>,
    traffic: &Traffic,
    acknowledged: &AtomicU64,
) {
    let until = Instant::now() + LAST_ACKNOWLEDGEMENTS;
    let is_done = || {
        traffic.waiting.load(Ordering::Relaxed) == 0
            && acknowledged.load(Ordering::Relaxed) >= traffic.safe.load(Ordering::Relaxed)
    };
    let mut ticks = interval(Duration::from_millis(5));
    while !is_done() && Instant::now() < until {
        tokio::select! {
            packet = reader.next() => if packet.is_err() {
                return;
            },
            _ = ticks.tick() => {}
        }
    }
    _ = outgoing.send(Outgoing::Disconnect);
    let gone = async { while reader.next().await.is_ok() {} };
    _ = timeout(Duration::from_millis(100), gone).await;
}
