//! The program listening, the broker that it subscribes to, and a device that publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::program::{binary, stedi};
use crate::stopping::signal;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `is` holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(
            began.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// A broker of Debian's package, until it is dropped.
pub(crate) struct Broker {
    dir: PathBuf,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Broker {
    /// Starts one; `None` where there is none to start, which is told.
    pub(crate) fn start(dir: &Path, settings: &str) -> Option<Self> {
        let is_there = Command::new("mosquitto")
            .arg("-h")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if is_there.is_err() {
            assert!(
                std::env::var_os("STEDI_TEST_CLIENTS").is_none(),
                "mosquitto is missing: install Debian's package"
            );
            eprintln!("skipped: there is no mosquitto to subscribe to");
            return None;
        }
        let port = free_port();
        let dir = dir.join("broker");
        fs::create_dir_all(&dir).unwrap();
        let user = if crate::program::runs_as_root() {
            "user root\n"
        } else {
            ""
        };
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\n{user}persistence true\n\
             persistence_location {}/\nmax_queued_messages 0\n{settings}\n",
            dir.display()
        );
        fs::write(dir.join("conf"), text).unwrap();
        let mut broker = Self {
            dir,
            port,
            child: None,
        };
        broker.begin();
        Some(broker)
    }

    fn begin(&mut self) {
        let log = fs::File::create(self.dir.join("log")).unwrap();
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(self.dir.join("conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut child = child.unwrap();
        let port = self.port;
        wait_until("the broker", || {
            // Another one may answer at the port.
            assert!(child.try_wait().unwrap().is_none(), "the broker has ended");
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        self.child = Some(child);
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.as_ref().unwrap().id(), name);
    }

    /// Ends it, which keeps its sessions, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.signal("TERM");
        _ = self.child.take().unwrap().wait();
        self.begin();
    }
}

/// A port that nobody listens at, and that no other test of this process was given: the
/// system gives one again once it is free.
fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = port.local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            _ = child.kill();
            _ = child.wait();
        }
    }
}

/// `stedi listen`, until it is dropped.
pub(crate) struct Listening {
    child: Child,
    /// Where posts go.
    pub(crate) address: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Listening {
    /// Starts `stedi listen WORDS` in `dir`.
    pub(crate) fn start(dir: &Path, words: &str) -> Self {
        let mut command = Command::new(binary());
        command
            .current_dir(dir)
            .arg("listen")
            .args(words.split_whitespace());
        Self::of(dir, command)
    }

    /// Starts a command that is one.
    pub(crate) fn of(dir: &Path, mut command: Command) -> Self {
        let mut child = command
            .env("HOME", dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (kept, from) = (Arc::clone(&lines), child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = told.next().and_then(Result::ok);
        let second = told.next().and_then(Result::ok).unwrap_or_default();
        assert!(
            first.as_deref() == Some("listening"),
            "{first:?} {:?}",
            lines.lock().unwrap()
        );
        let address = second.split_once("://").map_or("", |(_, address)| address);
        Self {
            address: address.to_owned(),
            child,
            lines,
        }
    }

    /// Starts one that subscribes, and waits until it has.
    pub(crate) fn to(dir: &Path, broker: &Broker, words: &str) -> Self {
        let listening = Self::start(dir, &format!("--mqtt 127.0.0.1:{} {words}", broker.port));
        listening.wait_for("\"connected\"");
        listening
    }

    /// Waits for a line on standard error.
    #[track_caller]
    pub(crate) fn wait_for(&self, part: &str) {
        let began = Instant::now();
        while !self.said(part) {
            let lines = self.all_lines();
            assert!(
                began.elapsed() < PATIENCE,
                "{part}: not within {PATIENCE:?}: {lines}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn said(&self, part: &str) -> bool {
        self.lines
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.contains(part))
    }

    pub(crate) fn all_lines(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end; how long it took.
    pub(crate) fn end(mut self) -> Duration {
        self.ask_to_end()
    }

    /// Asks it to end; everything that it said on standard error.
    pub(crate) fn end_saying(mut self) -> String {
        self.ask_to_end();
        // The last line is the summary.
        self.wait_for("of them delivered again");
        self.all_lines()
    }

    fn ask_to_end(&mut self) -> Duration {
        let asked = Instant::now();
        signal(self.child.id(), "TERM");
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{}", self.all_lines());
        asked.elapsed()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A device that publishes with quality 1: MQTT 3.1.1, as its specification has it.
pub(crate) struct Device {
    port: u16,
    stream: Option<TcpStream>,
    number: u16,
    /// Packets that are not acknowledged: number, topic and payload.
    open: BTreeMap<u16, (String, Vec<u8>)>,
}

/// Packets that a device has open at once.
const OPEN_MAX: usize = 200;

impl Device {
    pub(crate) fn at(broker: &Broker) -> Self {
        Self::at_port(broker.port)
    }

    pub(crate) fn at_port(port: u16) -> Self {
        Self {
            port,
            stream: None,
            number: 0,
            open: BTreeMap::new(),
        }
    }

    /// Publishes, and waits while too much is not acknowledged.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) {
        while self.open.len() >= OPEN_MAX {
            self.take_one();
        }
        self.number = self.number % 60_000 + 1;
        let message = (topic.to_owned(), payload.to_vec());
        self.open.insert(self.number, message);
        let packet = publish_packet(self.number, topic, payload, false);
        let is_sent = self
            .stream
            .as_mut()
            .is_some_and(|stream| stream.write_all(&packet).is_ok());
        if !is_sent {
            self.connect();
        }
    }

    /// Waits until everything is acknowledged.
    pub(crate) fn finish(&mut self) {
        while !self.open.is_empty() {
            self.take_one();
        }
    }

    /// Waits for one acknowledgement.
    fn take_one(&mut self) {
        let mut packet = [0; 4];
        let read = self
            .stream
            .as_mut()
            .map(|stream| stream.read_exact(&mut packet));
        match (read, packet) {
            (Some(Ok(())), [0x40, 2, high, low]) => {
                self.open.remove(&u16::from_be_bytes([high, low]));
            }
            _ => self.connect(),
        }
    }

    /// Connects, and publishes again what was not acknowledged.
    fn connect(&mut self) {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "the broker does not answer");
            if self.try_connect().is_ok() {
                return;
            }
            self.stream = None;
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn try_connect(&mut self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let id = format!("device-{}-{:p}", std::process::id(), self);
        let mut connect = vec![0x10, (12 + id.len()) as u8];
        connect.extend_from_slice(b"\x00\x04MQTT\x04\x02\x00\x00\x00");
        connect.push(id.len() as u8);
        connect.extend_from_slice(id.as_bytes());
        stream.write_all(&connect)?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        if answer[0] != 0x20 || answer[3] != 0 {
            return Err(std::io::Error::other("not accepted"));
        }
        for (number, (topic, payload)) in &self.open {
            stream.write_all(&publish_packet(*number, topic, payload, true))?;
        }
        self.stream = Some(stream);
        Ok(())
    }
}

fn publish_packet(number: u16, topic: &str, payload: &[u8], is_again: bool) -> Vec<u8> {
    let mut packet = vec![if is_again { 0x3A } else { 0x32 }];
    let mut length = 2 + topic.len() + 2 + payload.len();
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    packet.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    packet.extend_from_slice(topic.as_bytes());
    packet.extend_from_slice(&number.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// The files of a landing table that a reader sees, each with what it holds.
pub(crate) fn landing_files(dir: &Path, table: &str) -> Vec<Vec<u8>> {
    let folder = dir.join("landing").join(table).join("landing");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    visible
        .filter_map(|entry| fs::read(entry.path()).ok())
        .collect()
}

/// The different lines of those files.
pub(crate) fn landing_lines(dir: &Path, table: &str) -> BTreeSet<Vec<u8>> {
    let files = landing_files(dir, table).into_iter();
    files
        .flat_map(|file| {
            let lines = file.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
            lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
        })
        .collect()
}

/// A person who agreed to research.
pub(crate) const ADA: &str = r#"{"customerName":"Ada","email":"ada@example.com","serialNumber":"d-1","registrationDate":1600000000000,"lastUpdateDate":1600000000000,"shareWithResearchAsOfDate":1600000000000}"#;

/// The number-th reading of her phone.
pub(crate) fn reading(number: u64) -> String {
    let at_ms = 1_700_000_000_000 + number;
    format!(r#"{{"user":"ada@example.com","timestamp":{at_ms},"x":0.0,"y":1.0,"z":-1.0}}"#)
}

/// Builds the tables of `dir`, and checks that her first `count` readings are in the trusted
/// table, each once, and nothing else.
#[track_caller]
pub(crate) fn check_trusted(dir: &Path, count: u64) {
    // A run wants input of every landing table.
    let trainers = dir.join("landing/step_trainer/landing");
    fs::create_dir_all(&trainers).unwrap();
    let one = r#"{"serialNumber":"d-1","sensorReadingTime":1700000000000,"distanceFromObject":1}"#;
    fs::write(trainers.join("one.json"), one).unwrap();
    stedi(dir, "run").run().done();
    let found = crate::program::rows(
        dir,
        "select count(*) as n, count(distinct timestamp) as d, \
         coalesce(sum(timestamp - 1700000000000), 0) as s from accelerometer_trusted",
    );
    let expected =
        serde_json::json!({"n": count, "d": count, "s": count * count.saturating_sub(1) / 2});
    assert_eq!(found, [expected]);
}
