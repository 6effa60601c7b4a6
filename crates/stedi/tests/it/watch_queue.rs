//! `stedi watch --sqs-queue`: a bucket tells of new objects by a queue, and the listing
//! stays the truth. The bucket is one of a real server; the queue speaks the protocol of SQS
//! as far as a watch does.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bucket::Bucket;
use crate::growing_landing::{Minds, deliver};
use crate::listening::wait_until;
use crate::program::stedi;
use crate::watch::{Watch, are_incremental, reading};

/// A queue, until it is dropped.
struct Queue {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Messages that are not deleted, by their receipts.
    messages: Mutex<BTreeMap<String, String>>,
    /// Those that were handed out: they are not given again.
    given: Mutex<BTreeMap<String, String>>,
    /// What is wrong with the requests so far.
    faults: Mutex<Vec<String>>,
    asked: Mutex<u64>,
    refuses: AtomicBool,
    /// What answers is something else.
    is_another: AtomicBool,
    /// Nothing may be deleted.
    keeps: AtomicBool,
    has_ended: AtomicBool,
}

impl Queue {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let of_server = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&of_server);
                if state.has_ended.load(Ordering::Relaxed) {
                    return;
                }
                thread::spawn(move || while state.answer(stream.as_ref().unwrap()).is_some() {});
            }
        });
        Self { port, state }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/000000000000/landing", self.port)
    }

    fn send(&self, body: &str) {
        let mut messages = self.state.messages.lock().unwrap();
        let receipt = format!("receipt-{}-{}", messages.len(), body.len());
        messages.insert(receipt, body.to_owned());
    }

    /// Messages that nobody has deleted.
    fn left(&self) -> usize {
        self.state.messages.lock().unwrap().len() + self.state.given.lock().unwrap().len()
    }

    fn asked(&self) -> u64 {
        *self.state.asked.lock().unwrap()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.state.has_ended.store(true, Ordering::Relaxed);
        _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    /// Answers one request; `None` when the connection is over.
    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let mut from = BufReader::new(stream);
        let mut head = BTreeMap::new();
        let mut first = String::new();
        from.read_line(&mut first).ok().filter(|read| *read > 0)?;
        loop {
            let mut line = String::new();
            from.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            head.insert(name.to_lowercase(), value.to_owned());
        }
        let length = head.get("content-length")?.parse().ok()?;
        let mut body = vec![0; length];
        from.read_exact(&mut body).ok()?;
        let body: Value = serde_json::from_slice(&body).ok()?;
        self.check(&first, &head, &body);
        *self.asked.lock().unwrap() += 1;
        let (status, answer) = if self.refuses.load(Ordering::Relaxed) {
            let fault = "com.amazonaws.sqs#QueueDoesNotExist";
            (
                "400 Bad Request",
                json!({"__type": fault, "message": "none"}),
            )
        } else if head["x-amz-target"].ends_with("ReceiveMessage") {
            ("200 OK", self.receive())
        } else if self.keeps.load(Ordering::Relaxed) {
            let fault = "com.amazonaws.sqs#AccessDenied\nerror: forged";
            ("403 Forbidden", json!({"__type": fault}))
        } else {
            ("200 OK", self.delete(&body))
        };
        let answer = match self.is_another.load(Ordering::Relaxed) {
            true => "<html>please sign in</html>".to_owned(),
            false => answer.to_string(),
        };
        let length = answer.len();
        let mut stream = stream;
        let head = "Content-Type: application/x-amz-json-1.0";
        let sent =
            format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{answer}");
        stream.write_all(sent.as_bytes()).ok()
    }

    /// Waits for messages, as a long poll does, and gives at most ten.
    fn receive(&self) -> Value {
        let began = Instant::now();
        while self.messages.lock().unwrap().is_empty()
            && began.elapsed() < Duration::from_secs(20)
            && !self.has_ended.load(Ordering::Relaxed)
            && !self.refuses.load(Ordering::Relaxed)
            && !self.is_another.load(Ordering::Relaxed)
        {
            thread::sleep(Duration::from_millis(5));
        }
        let mut messages = self.messages.lock().unwrap();
        let mut given = Vec::new();
        while let (true, Some((receipt, body))) = (given.len() < 10, messages.pop_first()) {
            given.push(json!({"MessageId": "1", "ReceiptHandle": receipt, "Body": body}));
            self.given.lock().unwrap().insert(receipt, body);
        }
        json!({"Messages": given})
    }

    fn delete(&self, asked: &Value) -> Value {
        for entry in asked["Entries"].as_array().unwrap() {
            let receipt = entry["ReceiptHandle"].as_str().unwrap();
            self.given.lock().unwrap().remove(receipt);
        }
        json!({"Successful": [], "Failed": []})
    }

    /// Notes what SQS would refuse.
    fn check(&self, first: &str, head: &BTreeMap<String, String>, body: &Value) {
        let value = |name: &str| head.get(name).map(String::as_str).unwrap_or_default();
        let signed = value("authorization");
        for (what, is_right) in [
            ("path", first.starts_with("POST / HTTP/1.1")),
            (
                "content type",
                value("content-type") == "application/x-amz-json-1.0",
            ),
            ("target", value("x-amz-target").starts_with("AmazonSQS.")),
            (
                "date",
                value("x-amz-date").len() == "20260101T000000Z".len(),
            ),
            (
                "algorithm",
                signed.starts_with("AWS4-HMAC-SHA256 Credential="),
            ),
            ("scope", signed.contains("/us-east-1/sqs/aws4_request, ")),
            (
                "signature",
                signed
                    .split("Signature=")
                    .nth(1)
                    .is_some_and(|of| of.len() == 64),
            ),
            (
                "queue",
                body["QueueUrl"]
                    .as_str()
                    .is_some_and(|url| url.ends_with("/landing")),
            ),
        ] {
            if !is_right {
                self.faults
                    .lock()
                    .unwrap()
                    .push(format!("{what}: {head:?} {body}"));
            }
        }
    }
}

#[test]
fn a_queue_tells_of_new_objects() {
    let dir = tempfile::tempdir().unwrap();
    deliver(dir.path(), 0, Minds::Made);
    let Some(bucket) = Bucket::with_landing(dir.path()) else {
        return;
    };
    let queue = Queue::start();
    // Left from before, and nothing new.
    queue.send("not a notification");
    queue.send(&json!({"Service": "Amazon S3", "Event": "s3:TestEvent"}).to_string());
    let words = "watch --format ndjson --every 0.1 --now 100000 --sqs-queue";
    let mut watch = Watch::start(bucket.stedi(words).arg(queue.url()));
    watch.until_rows("accelerometer_landing", 6);
    wait_until("the first messages", || queue.left() == 0);
    let place = "landing/accelerometer/landing";
    let record = |event: &str, place: &str, name: &str| {
        let url = bucket.url(place);
        let (of, prefix) = url.trim_start_matches("s3://").split_once('/').unwrap();
        json!({"eventName": event, "s3": {"bucket": {"name": of},
               "object": {"key": format!("{prefix}/{}", name.replace('=', "%3D"))}}})
    };
    let tell = |records: Value| queue.send(&json!({"Records": records}).to_string());
    for number in 0..4_u64 {
        let name = format!("2026/11/30/12/h={number}");
        bucket.put(&format!("{place}/{name}"), reading(0, 10 + number));
        let put = Instant::now();
        tell(json!([record("ObjectCreated:Put", place, &name)]));
        if number == 1 {
            // The queue may give one twice.
            tell(json!([record("ObjectCreated:Put", place, &name)]));
        }
        watch.until_rows("accelerometer_landing", 7 + number);
        eprintln!("object {number} was in after {:?}", put.elapsed());
        // The next listing follows after half a minute.
        assert!(
            put.elapsed() < Duration::from_secs(15),
            "{:?}",
            put.elapsed()
        );
    }
    wait_until("messages of what is there", || queue.left() == 0);
    // What no run needs begins none.
    let before = watch.runs().len();
    bucket.put(&format!("{place}/_SUCCESS"), "");
    tell(json!([
        record("ObjectCreated:Put", place, "_SUCCESS"),
        record("ObjectCreated:Put", "elsewhere", "a"),
        {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "other"}, "object": {"key": "a"}}},
        {"eventName": "ObjectCreated:Put", "s3": 5},
    ]));
    tell(json!([{"eventName": "ObjectCreated:Put", "s3":
                {"bucket": {"name": "other"}, "object": {"key": "a"}}}]));
    wait_until("other messages", || queue.left() == 0);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(watch.runs().len(), before, "{:#?}", watch.runs());
    // More than are looked at one by one.
    for number in 0..30_u64 {
        bucket.put(&format!("{place}/many-{number}"), reading(0, 100 + number));
    }
    let many = (0..30).map(|number| record("ObjectCreated:Put", place, &format!("many-{number}")));
    tell(many.collect());
    watch.until_rows("accelerometer_landing", 40);
    assert!(are_incremental(&watch.runs()), "{:#?}", watch.runs());
    // Without the queue, listings find what is new.
    queue.state.refuses.store(true, Ordering::Relaxed);
    bucket.put(&format!("{place}/alone"), reading(0, 200));
    watch.until_rows("accelerometer_landing", 41);
    let asked = queue.asked();
    thread::sleep(Duration::from_secs(2));
    assert!(queue.asked() - asked <= 4, "it asks again and again");
    queue.state.refuses.store(false, Ordering::Relaxed);
    wait_until("the queue to be asked again", || queue.asked() > asked + 1);
    let errors = watch.errors();
    assert_eq!(
        errors.matches("QueueDoesNotExist (400)").count(),
        1,
        "{errors}"
    );
    assert_eq!(
        errors.matches("no notifications of a bucket").count(),
        1,
        "{errors}"
    );
    // Messages that nobody may delete are said once, in words of ours.
    queue.state.keeps.store(true, Ordering::Relaxed);
    for number in 0..2_u64 {
        let name = format!("kept-{number}");
        bucket.put(&format!("{place}/{name}"), reading(0, 300 + number));
        tell(json!([record("ObjectCreated:Put", place, &name)]));
        watch.until_rows("accelerometer_landing", 42 + number);
    }
    let undeleted = "cannot be deleted, and come again: it refuses (403)";
    wait_until("what is said of them", || {
        watch.errors().contains(undeleted)
    });
    // What answers may be something else, such as a page at which one signs in.
    queue.state.is_another.store(true, Ordering::Relaxed);
    wait_until("what is said of it", || {
        watch.errors().contains("what answers is no queue;")
    });
    bucket.put(&format!("{place}/alone-again"), reading(0, 400));
    watch.until_rows("accelerometer_landing", 44);
    let errors = watch.errors();
    assert_eq!(errors.matches(undeleted).count(), 1, "{errors}");
    assert!(!errors.contains("forged"), "{errors}");
    let faults = queue.state.faults.lock().unwrap().join("\n");
    assert!(faults.is_empty(), "{faults}");
    assert!(watch.stop() < Duration::from_secs(1));
    let full = bucket.stedi("run --full --now 100000").run().done();
    assert!(full.err.contains("no table was changed"), "{full}");
}

#[test]
fn queues_that_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (landing, url, says) in [
        (
            "landing",
            "https://sqs.eu-west-1.amazonaws.com/1/q",
            "is for a landing zone in a bucket",
        ),
        (
            "s3://b/landing",
            "http://sqs.eu-west-1.amazonaws.com/1/q",
            "asked by https",
        ),
        ("s3://b/landing", "q", "no URL of a queue"),
        (
            "s3://b/landing",
            "https://queue.example/1/q",
            "no region is known",
        ),
    ] {
        let words = format!("watch --landing {landing} --lake lake --sqs-queue {url}");
        let call = stedi(dir.path(), &words).without("AWS_REGION");
        call.run().ended(2).says(says);
    }
}
