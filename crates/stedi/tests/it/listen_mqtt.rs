//! `stedi listen --mqtt`: what a broker delivers is in landing files before it is
//! acknowledged, and in trusted tables once.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::full_disk::Disk;
use crate::listening::{
    ADA, Broker, Device, Listening, PATIENCE, check_trusted, landing_files, landing_lines, reading,
    wait_until,
};
use crate::long;
use crate::program::{count, stedi};

/// Publishes her record and `readings` readings while `disturb` goes on.
fn publish_while(
    broker: &mut Broker,
    readings: u64,
    a_second: u64,
    disturb: impl FnOnce(&mut Broker),
) {
    let mut device = Device::at(broker);
    let publishing = thread::spawn(move || {
        device.publish("stedi/customer", ADA.as_bytes());
        let began = Instant::now();
        for number in 0..readings {
            let due = Duration::from_micros(number * 1_000_000 / a_second);
            thread::sleep(due.saturating_sub(began.elapsed()));
            device.publish("stedi/accelerometer/1", reading(number).as_bytes());
        }
        device.finish();
    });
    disturb(broker);
    publishing.join().unwrap();
}

/// Both versions of the protocol, with a broker that is restarted and cut off, and a
/// listener that is killed.
#[test]
fn what_is_acknowledged_is_in_the_trusted_table_once() {
    for version in ["3.1.1", "5"] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let Some(mut broker) = Broker::start(dir, "") else {
            return;
        };
        let words = format!("--mqtt-version {version} --file-age 0.2");
        let mut listening = Some(Listening::to(dir, &broker, &words));
        const READINGS: u64 = 2_000;
        publish_while(&mut broker, READINGS, 500, |broker| {
            for kill in 0..4 {
                thread::sleep(Duration::from_millis(500));
                match kill {
                    1 => broker.restart(),
                    2 => {
                        broker.signal("STOP");
                        thread::sleep(Duration::from_millis(300));
                        broker.signal("CONT");
                    }
                    _ => {
                        if let Some(listening) = listening.take() {
                            listening.kill();
                        }
                        let words = format!("--mqtt 127.0.0.1:{} {words}", broker.port);
                        listening = Some(Listening::start(dir, &words));
                    }
                }
            }
        });
        let all = |dir| landing_lines(dir, "accelerometer").len() as u64 == READINGS;
        wait_until("all readings are in files", || all(dir));
        let took = listening.unwrap().end();
        assert!(took < Duration::from_secs(2), "{took:?}");
        check_trusted(dir, READINGS);
        let hidden = fs::read_dir(dir.join("landing/accelerometer/landing")).unwrap();
        let hidden = hidden.filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with('.')
        });
        assert_eq!(hidden.count(), 0, "{version}: temporary files are left");
    }
}

/// The broker has everything before the listener comes back, sends as much as it can at
/// once, and believes a client dead that is silent for seven seconds.
#[test]
fn a_backlog_larger_than_the_buffer_comes_once_over_one_connection() {
    let check = |version: &str| {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let Some(broker) = Broker::start(dir, "max_inflight_messages 0") else {
            return;
        };
        let words = format!("--mqtt-version {version} --keep-alive 5 --buffer 1KB");
        Listening::to(dir, &broker, &words).kill();
        let readings = long::much_or(20_000, 2_500);
        let mut device = Device::at(&broker);
        for number in 0..readings {
            device.publish("stedi/accelerometer/1", reading(number).as_bytes());
        }
        device.finish();
        let listening = Listening::start(dir, &format!("--mqtt 127.0.0.1:{} {words}", broker.port));
        let began = Instant::now();
        while (landing_lines(dir, "accelerometer").len() as u64) < readings {
            assert!(began.elapsed() < 10 * PATIENCE, "{version}: too slow");
            thread::sleep(Duration::from_millis(500));
        }
        assert!(!listening.said("\"disconnected\""), "{version}");
        let said = listening.end_saying();
        let once = format!("{readings} messages, 0 of them delivered again");
        assert!(said.contains(&once), "{version}: {said}");
    };
    thread::scope(|scope| {
        for version in ["3.1.1", "5"] {
            scope.spawn(move || check(version));
        }
    });
}

/// A listener that was sent a hundred readings and could write none of them: its landing
/// folder is a disk that is full. None where one may not mount a disk.
fn on_a_full_disk(dir: &Path, broker: &Broker, options: &str) -> Option<(Disk, Listening)> {
    let mount = dir.join("landing");
    fs::create_dir(&mount).unwrap();
    let Some(disk) = Disk::of(&mount, 1 << 10) else {
        eprintln!("skipped: a disk of one's own needs the right to mount one");
        return None;
    };
    let words = format!(
        "listen --mqtt 127.0.0.1:{} --file-age 0.1 {options}",
        broker.port
    );
    let command = stedi(dir, &words).among_files_of(disk.id(), dir).command();
    let listening = Listening::of(dir, command);
    listening.wait_for("\"connected\"");
    disk.fill(0);
    let mut device = Device::at(broker);
    for number in 0..100 {
        device.publish("stedi/accelerometer/1", reading(number).as_bytes());
    }
    device.finish();
    listening.wait_for("\"not_written\"");
    Some((disk, listening))
}

/// Waits until the readings of [`on_a_full_disk`] are in landing files.
fn wait_for_all_of(disk: &Disk) {
    let seen = disk.seen().parent().unwrap().to_owned();
    wait_until("all readings are in files", || {
        landing_lines(&seen, "accelerometer").len() == 100
    });
}

/// While nothing can be written, the connection lives on: acknowledgements wait, signs of
/// life do not.
#[test]
fn a_full_disk_keeps_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let Some(broker) = Broker::start(dir, "") else {
        return;
    };
    let Some((disk, listening)) = on_a_full_disk(dir, &broker, "--keep-alive 5 --buffer 1KB")
    else {
        return;
    };
    thread::sleep(Duration::from_secs(12));
    disk.empty();
    wait_for_all_of(&disk);
    assert!(
        !listening.said("\"disconnected\""),
        "{}",
        listening.all_lines()
    );
    let said = listening.end_saying();
    assert!(said.contains(" 0 of them delivered again"), "{said}");
}

#[test]
fn a_broken_message_costs_no_neighbour() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let Some(broker) = Broker::start(dir, "") else {
        return;
    };
    let listening = Listening::to(dir, &broker, "");
    let mut device = Device::at(&broker);
    device.publish("stedi/customer", ADA.as_bytes());
    // Each would take what follows it in a file for its own rest, or is completed by it.
    let broken: [&[u8]; 12] = [
        b"{\"user\":\"ada@example.com\",\"timestamp\":",
        b"1700000000000}",
        b"{\"a\":[",
        b"{\"a\":\"",
        b"garbage",
        b"more garbage",
        b"[[[",
        b"\"",
        b"null",
        b"\xff\xfe\x00",
        b"{\"a\":1}}",
        b"\\",
    ];
    for (number, message) in (0..).zip(broken) {
        device.publish("stedi/accelerometer/1", message);
        device.publish("stedi/accelerometer/1", reading(number).as_bytes());
    }
    // These are acknowledged, and nothing.
    device.publish("stedi/accelerometer/1", b"");
    device.publish("stedi/accelerometer/1", b" \n");
    // One object over several lines is one.
    let spread = reading(broken.len() as u64).replace(',', ",\r\n");
    device.publish("stedi/accelerometer/1", spread.as_bytes());
    device.finish();
    let files = || landing_files(dir, "accelerometer");
    let holds_last = || {
        let last = (1_700_000_000_000 + broken.len() as u64).to_string();
        let is_last = |file: &Vec<u8>| String::from_utf8_lossy(file).contains(&last);
        files().iter().any(is_last)
    };
    wait_until("the last reading is in a file", holds_last);
    for message in broken {
        assert!(files().iter().any(|file| file == message), "{message:?}");
    }
    listening.end();
    check_trusted(dir, broken.len() as u64 + 1);
    let quarantined = "select count(distinct file) from system.quarantine \
                       where table_name = 'accelerometer_landing'";
    assert_eq!(count(dir, quarantined), broken.len() as u64);
}

#[test]
fn a_full_disk_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let Some(broker) = Broker::start(dir, "") else {
        return;
    };
    let Some((disk, listening)) = on_a_full_disk(dir, &broker, "") else {
        return;
    };
    assert!(!listening.said("\"written\""), "{}", listening.all_lines());
    assert!(!listening.all_lines().contains("ada@"), "a personal value");
    disk.empty();
    listening.wait_for("\"written_again\"");
    wait_for_all_of(&disk);
    listening.end();
}

#[test]
fn wrong_calls_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (words, says, hint) in [
        ("listen", "nothing to listen to", "--mqtt ADDR"),
        (
            "listen --mqtt http://x",
            "no address of a broker",
            "mqtt://",
        ),
        ("listen --mqtt mqtt://me:secret@x", "`x`", "mqtt://"),
        (
            "listen --mqtt x --topic a",
            "names no landing table",
            "--topic",
        ),
        (
            "listen --mqtt x --topic a=b",
            "no landing table `b`",
            "customer_landing",
        ),
        (
            "listen --mqtt x --topic a#=customer_landing",
            "not a topic filter",
            "stands for",
        ),
        (
            "listen --mqtt localhost --user me",
            "needs a password",
            "STEDI_MQTT_PASSWORD",
        ),
        (
            "listen --mqtt localhost --ca x",
            "only with TLS",
            "mqtts://",
        ),
        (
            "listen --mqtt mqtts://localhost --ca x",
            "cannot use x",
            "--ca",
        ),
        (
            "listen --http 127.0.0.1:0 --file-size many",
            "not a size",
            "8MB",
        ),
        ("listen --http 0.0.0.0:0", "must be encrypted", "--tls-cert"),
        (
            "listen token App --tables customer_landing",
            "a source's name",
            "choose",
        ),
        (
            "listen token app --tables customers",
            "no landing table",
            "customer_landing",
        ),
        (
            "listen revoke app",
            "no source `app`",
            "stedi listen sources",
        ),
    ] {
        let outcome = stedi(dir, words).env("HOME", dir.to_str().unwrap()).run();
        assert!(!outcome.err.contains("secret"), "{outcome}");
        outcome.ended(2).says(says).hints(hint);
    }
    let user = "listen --mqtt broker.example --user me";
    stedi(dir, user)
        .env("STEDI_MQTT_PASSWORD", "secret")
        .run()
        .ended(2)
        .says("without TLS")
        .hints("mqtts://broker.example");
}

/// A sample that is played, and what it says at its end.
#[test]
fn a_stream_is_in_the_trusted_tables_as_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let Some(broker) = Broker::start(dir, "") else {
        return;
    };
    let listening = Listening::to(dir, &broker, "--http 127.0.0.1:0 --file-age 0.2");
    let port = broker.port;
    let http = &listening.address;
    for (to, seed) in [
        (format!("mqtt://127.0.0.1:{port}"), 1),
        (format!("http://{http}"), 2),
        ("landing".to_owned(), 3),
    ] {
        let words =
            format!("sample --stream {to} --rate 400 --devices 20 --seconds 1.5 --seed {seed}");
        let truth = stedi(dir, &words)
            .arg("--format")
            .arg("json")
            .run()
            .done()
            .json();
        assert_eq!(truth["sent"], truth["acknowledged"], "{to}");
        let of = |name: &str| truth[name].as_u64().unwrap();
        let all = of("accelerometer");
        assert!((200..=300).contains(&all), "{to}: {truth}");
        let landing = dir.join(format!("landing-{seed}"));
        wait_until("all readings are in files", || {
            landing_lines(dir, "step_trainer").len() as u64 == all
                && landing_lines(dir, "accelerometer").len() as u64 == all
        });
        stedi(dir, "run").run().done();
        for (table, expected) in [
            ("customer_trusted", of("customers_agreed")),
            ("accelerometer_trusted", of("accelerometer_agreed")),
            ("step_trainer_trusted", of("step_trainer_agreed")),
        ] {
            let sql = format!("select count(*) from {table}");
            assert_eq!(count(dir, &sql), expected, "{to} {table}");
        }
        // The next one begins anew.
        for table in ["customer", "accelerometer", "step_trainer"] {
            let from = dir.join("landing").join(table).join("landing");
            let to = landing.join(table);
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(&from).unwrap().flatten() {
                if !entry.file_name().to_string_lossy().starts_with('.') {
                    fs::rename(entry.path(), to.join(entry.file_name())).unwrap();
                }
            }
        }
        fs::remove_dir_all(dir.join("lake")).unwrap();
    }
    listening.end();
}
