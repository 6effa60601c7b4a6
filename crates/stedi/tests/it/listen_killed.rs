//! A gym of trainers reports over a broker while the listener is killed, the broker
//! restarted and the network cut: every reading that the broker acknowledged is in the
//! trusted tables once, and nothing else.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::listening::{Broker, Device, Listening, PATIENCE, landing_files};
use crate::long;
use crate::program::{rows, stedi};
use crate::relay::{Network, Relay};

const DEVICES: u64 = 1_000;
const CONNECTIONS: u64 = 5;
const BASE_MS: u64 = 1_700_000_000_000;

/// Three of four people agreed to research.
fn agreed(device: u64) -> bool {
    !device.is_multiple_of(4)
}

fn customer(device: u64) -> String {
    let mut record = json!({
        "customerName": "A", "email": format!("p{device}@example.com"),
        "serialNumber": format!("s-{device}"),
        "registrationDate": 1_600_000_000_000_u64, "lastUpdateDate": 1_600_000_000_000_u64,
    });
    if agreed(device) {
        record["shareWithResearchAsOfDate"] = 1_600_000_000_000_u64.into();
    }
    record.to_string()
}

/// The number-th message: of a phone and of a trainer in turn, each of another time.
fn message(number: u64) -> (String, String) {
    let (device, at_ms) = ((number / 2) % DEVICES, BASE_MS + number / 2);
    match number % 2 {
        0 => (
            format!("stedi/accelerometer/{device}"),
            format!(
                r#"{{"user":"p{device}@example.com","timestamp":{at_ms},"x":0.0,"y":1.0,"z":-1.0}}"#
            ),
        ),
        _ => (
            format!("stedi/step_trainer/{device}"),
            format!(
                r#"{{"serialNumber":"s-{device}","sensorReadingTime":{at_ms},"distanceFromObject":{device}}}"#
            ),
        ),
    }
}

/// Lines of a table's files, and different ones.
fn lines(dir: &std::path::Path, table: &str) -> (u64, u64) {
    let (mut all, mut different) = (0, HashSet::new());
    for file in landing_files(dir, table) {
        for line in file.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()) {
            let mut hash = DefaultHasher::new();
            line.hash(&mut hash);
            all += 1;
            different.insert(hash.finish());
        }
    }
    (all, different.len() as u64)
}

/// The agreed readings of `pairs` are in both trusted tables, each once, and nothing else:
/// every row is one that was sent, no two are the same, and there are as many.
fn check(dir: &std::path::Path, pairs: u64) {
    stedi(dir, "run").run().done();
    let expected = (0..pairs).filter(|pair| agreed(pair % DEVICES)).count();
    for (table, name, prefix, suffix, time) in [
        (
            "accelerometer_trusted",
            "user",
            "p",
            "@example.com",
            "timestamp",
        ),
        (
            "step_trainer_trusted",
            "serialnumber",
            "s-",
            "",
            "sensorreadingtime",
        ),
    ] {
        let number = format!("({time} - {BASE_MS})");
        let sql = format!(
            "select count(*) as rows, count(distinct {time}) as times, \
             coalesce(sum(case when {number} between 0 and {pairs} - 1 \
               and \"{name}\" = concat('{prefix}', cast({number} % {DEVICES} as varchar), '{suffix}') \
               and {number} % {DEVICES} % 4 <> 0 then 0 else 1 end), 0) as others from {table}"
        );
        let all = json!({"rows": expected, "times": expected, "others": 0});
        assert_eq!(rows(dir, &sql), [all], "{table}");
    }
}

#[test]
fn what_is_acknowledged_is_in_the_trusted_tables_once_over_twenty_kills() {
    if long::is_left_out() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let Some(mut broker) = Broker::start(dir, "max_inflight_messages 2000") else {
        return;
    };
    let relay = Relay::to(broker.port);
    let words = format!(
        "--mqtt 127.0.0.1:{} --mqtt-version 5 --keep-alive 5",
        relay.port
    );
    let mut listening = Some(Listening::start(dir, &words));
    listening.as_ref().unwrap().wait_for("\"connected\"");
    let mut device = Device::at(&broker);
    for number in 0..DEVICES {
        device.publish("stedi/customer", customer(number).as_bytes());
    }
    device.finish();
    let (rate, seconds) = (long::much_or(5_000, 500), long::much_or(300, 60));
    let messages = rate * seconds;
    let sent = AtomicU64::new(0);
    let is_done = AtomicBool::new(false);
    let port = broker.port;
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let (sent, is_done) = (&sent, &is_done);
            scope.spawn(move || {
                let mut device = Device::at_port(port);
                let began = Instant::now();
                for number in (connection..messages).step_by(CONNECTIONS as usize) {
                    let due = Duration::from_micros(number * 1_000_000 / rate);
                    thread::sleep(due.saturating_sub(began.elapsed()));
                    let (topic, payload) = message(number);
                    device.publish(&topic, payload.as_bytes());
                }
                device.finish();
                let all = sent.fetch_add(1, Ordering::SeqCst) + 1;
                is_done.store(all == CONNECTIONS, Ordering::SeqCst);
            });
        }
        let pause = Duration::from_secs(seconds) / 21;
        for kill in 0..20 {
            match kill {
                5 | 12 => {
                    relay.becomes(Network::Refuses);
                    thread::sleep(pause / 2);
                    relay.becomes(Network::Passes);
                    thread::sleep(pause / 2);
                }
                8 | 17 => {
                    relay.becomes(Network::Swallows);
                    thread::sleep(pause * 3 / 4);
                    relay.becomes(Network::Passes);
                    thread::sleep(pause / 4);
                }
                _ => thread::sleep(pause),
            }
            listening.take().unwrap().kill();
            if kill == 10 {
                broker.restart();
            }
            listening = Some(Listening::start(dir, &words));
        }
        while !is_done.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let began = Instant::now();
    let pairs = messages / 2;
    loop {
        let phones = lines(dir, "accelerometer");
        let trainers = lines(dir, "step_trainer");
        if (phones.1, trainers.1) == (pairs, pairs) {
            eprintln!(
                "{messages} messages, {} twice, in {} files",
                phones.0 + trainers.0 - messages,
                landing_files(dir, "accelerometer").len()
                    + landing_files(dir, "step_trainer").len(),
            );
            break;
        }
        assert!(
            began.elapsed() < 10 * PATIENCE,
            "of {pairs} pairs, {phones:?} and {trainers:?}"
        );
        thread::sleep(Duration::from_secs(2));
    }
    let said = listening.unwrap().end_saying();
    assert!(!said.contains("@example.com"), "a personal value");
    check(dir, pairs);
}
