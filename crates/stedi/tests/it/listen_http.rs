//! `stedi listen --http`: what programs post is in landing files before it is answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::listening::{
    ADA, Listening, PATIENCE, check_trusted, landing_files, landing_lines, reading, wait_until,
};
use crate::long;
use crate::packed::gzip;
use crate::program::stedi;
use crate::served::{Answer, answer, bearer};

/// Posts a body; `head` are further lines of the head.
fn post(listening: &Listening, path: &str, head: &[String], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(&listening.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    _ = stream.write_all(&request(listening, path, head, body));
    answer(&mut stream)
}

fn request(listening: &Listening, path: &str, head: &[String], body: &[u8]) -> Vec<u8> {
    let mut lines = vec![format!("POST {path} HTTP/1.0")];
    let has_host = head.iter().any(|line| line.starts_with("Host:"));
    lines.extend((!has_host).then(|| format!("Host: {}", listening.address)));
    lines.extend(head.iter().cloned());
    lines.push(format!("Content-Length: {}", body.len()));
    let mut request = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
    request.extend_from_slice(body);
    request
}

/// What stands between may read a body to another end than the listener does.
fn bodies_have_one_end(listening: &Listening) {
    let record = reading(7);
    let chunks = format!("{:x}\r\n{record}\r\n0\r\n\r\n", record.len());
    for (head, status) in [
        ("Connection: close\r\nTransfer-Encoding: Chunked", 202),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            400,
        ),
        ("Transfer-Encoding: chunked, chunked", 400),
        ("Transfer-Encoding: gzip, chunked", 400),
        // Nothing that follows is read.
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", 202),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", 202),
    ] {
        let mut stream = TcpStream::connect(&listening.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let sent = format!(
            "POST /v1/accelerometer_landing HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n{chunks}"
        );
        stream.write_all(sent.as_bytes()).unwrap();
        let answer = answer(&mut stream);
        assert_eq!(answer.status, status, "{head}: {}", answer.text());
        assert_eq!(answer.header("connection"), Some("close"), "{head}");
    }
}

/// A further line of the head, if there is one.
pub(crate) fn line(text: &str) -> Vec<String> {
    match text {
        "" => Vec::new(),
        text => vec![text.to_owned()],
    }
}

#[test]
fn posts_by_body_and_head() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let listening = Listening::start(dir, "--http 127.0.0.1:0");
    let phone = "/v1/accelerometer_landing";
    let one = reading(0);
    let array = format!("[{},\n{}]", reading(1), reading(2));
    let lines = format!("{}\n{}\n", reading(3), reading(4).replace(',', ",\n"));
    let packed = gzip(reading(5).as_bytes());
    let zstd = zstd::encode_all(reading(6).as_bytes(), 1).unwrap();
    let bomb = gzip(&vec![b' '; 8 << 20]);
    let large = vec![b' '; (8 << 20) + 1];
    let cut_off = &packed[..packed.len() - 4];
    let cases: [(&str, &str, &[u8], u16, &str); 25] = [
        (
            "/v1/customer_landing",
            "",
            ADA.as_bytes(),
            202,
            "\"records\":1",
        ),
        (phone, "", one.as_bytes(), 202, "\"records\":1"),
        (phone, "", array.as_bytes(), 202, "\"records\":2"),
        (phone, "", lines.as_bytes(), 202, "\"records\":2"),
        (
            phone,
            "Content-Encoding: gzip",
            &packed,
            202,
            "\"records\":1",
        ),
        (phone, "Content-Encoding: zstd", &zstd, 202, "\"records\":1"),
        (phone, "Content-Encoding: gzip", cut_off, 400, "ends early"),
        (
            phone,
            "Content-Encoding: gzip",
            one.as_bytes(),
            400,
            "not packed",
        ),
        (phone, "Content-Encoding: br", b"{}", 415, "gzip, zstd"),
        (
            phone,
            "Content-Encoding: gzip",
            &bomb,
            413,
            "times its size",
        ),
        (phone, "", &large, 413, "at most 8388608 bytes"),
        (phone, "", b"", 400, "no record"),
        (
            phone,
            "",
            b"{\"user\":",
            400,
            "record 1 is no JSON: line 1, column 8",
        ),
        (phone, "", b"[{},1]", 400, "record 2 is no JSON object"),
        (phone, "", b"{\"user\":\"\xff\"}", 400, "not UTF-8"),
        ("/v1/customers", "", b"{}", 404, "no landing table"),
        ("/v1/customer_trusted", "", b"{}", 404, "no landing table"),
        ("/", "", b"{}", 404, "POST /v1/TABLE"),
        (
            phone,
            "Origin: https://elsewhere.example",
            b"{}",
            403,
            "no pages",
        ),
        (phone, "Host: elsewhere.example", b"{}", 403, "no pages"),
        (phone, "Idempotency-Key: ", b"{}", 400, "1 to 255"),
        (
            phone,
            "Idempotency-Key: a\r\nIdempotency-Key: a",
            b"{}",
            400,
            "idempotency-key more than once",
        ),
        (
            phone,
            "Authorization: Bearer a\r\nAuthorization: Bearer b",
            b"{}",
            400,
            "authorization more than once",
        ),
        (
            phone,
            "Content-Encoding: gzip\r\nContent-Encoding: gzip",
            &packed,
            400,
            "content-encoding more than once",
        ),
        ("/v1/%ff", "", b"{}", 404, "no landing table"),
    ];
    for (path, head, body, status, says) in cases {
        let answer = post(&listening, path, &line(head), body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(
            answer.status,
            status,
            "{path} {head} {shown}: {}",
            answer.text()
        );
        assert!(
            answer.text().contains(says),
            "{path} {head} {shown}: {}",
            answer.text()
        );
        let kind = match status {
            202 => "application/json",
            _ => "application/problem+json",
        };
        assert_eq!(answer.header("content-type"), Some(kind), "{path} {head}");
    }
    // Which of two lengths is meant, nobody knows: it is not read any further.
    let twice = post(&listening, phone, &line("Content-Length: 1"), b"{}");
    assert_eq!(twice.status, 400);
    bodies_have_one_end(&listening);
    let get = Command::new("curl")
        .args(["-s", &format!("http://{}{phone}", listening.address)])
        .output();
    if let Ok(get) = get {
        assert!(
            String::from_utf8_lossy(&get.stdout).contains("posted"),
            "{get:?}"
        );
    }
    let metrics = Command::new("curl")
        .args(["-s", &format!("http://{}/metrics", listening.address)])
        .output();
    if let Ok(metrics) = metrics {
        let metrics = String::from_utf8_lossy(&metrics.stdout).into_owned();
        let line = "stedi_listen_records_total{table=\"accelerometer_landing\"} 10";
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(!listening.all_lines().contains("ada@"), "a personal value");
    let took = listening.end();
    assert!(took < Duration::from_secs(2), "{took:?}");
    check_trusted(dir, 8);
}

#[test]
fn a_source_writes_to_its_tables_alone() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let token = |name: &str, table: &str| {
        let words = format!("listen token {name} --sources sources.json --tables {table}");
        stedi(dir, &words).run().done().out.trim().to_owned()
    };
    let old = token("app", "accelerometer_landing");
    let app = token("app", "accelerometer_landing");
    let shop = token("shop", "customer_landing");
    let listening = Listening::start(dir, "--http 127.0.0.1:0 --sources sources.json");
    for (token, table, expected) in [
        (Some(app.as_str()), "accelerometer_landing", 202),
        (Some(&app), "customer_landing", 403),
        (Some(&app), "nothing", 403),
        (Some(&shop), "customer_landing", 202),
        (Some(&old), "accelerometer_landing", 401),
        (Some("stedi-listen_app_0"), "accelerometer_landing", 401),
        (None, "accelerometer_landing", 401),
    ] {
        let path = format!("/v1/{table}");
        let answer = post(&listening, &path, &bearer(token), b"{\"a\":1}");
        assert_eq!(answer.status, expected, "{token:?} {table}");
    }
    stedi(dir, "listen revoke app --sources sources.json")
        .run()
        .done();
    let answer = post(
        &listening,
        "/v1/accelerometer_landing",
        &bearer(Some(&app)),
        b"{}",
    );
    assert_eq!(answer.status, 401);
    let list = stedi(dir, "listen sources --sources sources.json --format json")
        .run()
        .done();
    assert_eq!(list.json()[0]["name"], "shop");
    let stored = std::fs::read_to_string(dir.join("sources.json")).unwrap();
    assert!(!stored.contains(shop.rsplit('_').next().unwrap()));
    listening.end();
}

/// A client that does not get its answer sends the same again: to the same process, and to
/// the next one.
#[test]
fn a_key_makes_a_second_attempt_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let phone = "/v1/accelerometer_landing";
    let key = |number: u64| line(&format!("Idempotency-Key: k{number}"));
    let mut listening = Listening::start(dir, "--http 127.0.0.1:0 --state state");
    assert_eq!(
        post(&listening, "/v1/customer_landing", &[], ADA.as_bytes()).status,
        202
    );
    for number in 0..6 {
        let body = reading(number);
        // It is sent and nobody waits for the answer.
        let mut lost = TcpStream::connect(&listening.address).unwrap();
        lost.write_all(&request(&listening, phone, &key(number), body.as_bytes()))
            .unwrap();
        drop(lost);
        if number % 2 == 1 {
            listening.kill();
            listening = Listening::start(dir, "--http 127.0.0.1:0 --state state");
        }
        let again = post(&listening, phone, &key(number), body.as_bytes());
        assert_eq!(
            (again.status, again.json()["records"].as_u64()),
            (202, Some(1))
        );
        let third = post(&listening, phone, &key(number), body.as_bytes());
        assert_eq!(third.text(), again.text());
        assert_eq!(third.header("idempotency-replayed"), Some("true"));
        let other = post(&listening, phone, &key(number), reading(99).as_bytes());
        assert_eq!(other.status, 422);
    }
    listening.end();
    let files = landing_files(dir, "accelerometer");
    let lines: usize = files
        .iter()
        .map(|file| file.iter().filter(|byte| **byte == b'\n').count())
        .sum();
    assert_eq!(lines, 6, "each reading is in one file");
    check_trusted(dir, 6);
}

/// Connections that send half of something take nothing from others.
#[test]
fn half_sent_requests_are_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let listening = Listening::start(dir, "--http 127.0.0.1:0");
    let body = reading(0);
    let whole = request(
        &listening,
        "/v1/accelerometer_landing",
        &[],
        body.as_bytes(),
    );
    let mut open = Vec::new();
    for length in (0..whole.len()).step_by(9) {
        let mut stream = TcpStream::connect(&listening.address).unwrap();
        stream.write_all(&whole[..length]).unwrap();
        // Half of them stay, and half go.
        if length % 2 == 0 {
            open.push(stream);
        }
    }
    let chunk = b"POST /v1/accelerometer_landing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{}";
    let mut chunked = TcpStream::connect(&listening.address).unwrap();
    chunked.write_all(chunk).unwrap();
    for number in 1..4 {
        let body = reading(number);
        let answer = post(
            &listening,
            "/v1/accelerometer_landing",
            &[],
            body.as_bytes(),
        );
        assert_eq!(answer.status, 202);
    }
    drop(open);
    let took = listening.end();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(landing_lines(dir, "accelerometer").len(), 3);
}

/// Many clients at once over connections that stay.
fn clients(dir: &Path, clients: u64, posts: u64) {
    let listening = Listening::start(dir, "--http 127.0.0.1:0");
    assert_eq!(
        post(&listening, "/v1/customer_landing", &[], ADA.as_bytes()).status,
        202
    );
    let began = std::time::Instant::now();
    thread::scope(|scope| {
        for client in 0..clients {
            let address = &listening.address;
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                for number in (client..posts).step_by(clients as usize) {
                    let body = reading(number);
                    let head = format!(
                        "POST /v1/accelerometer_landing HTTP/1.1\r\nHost: {address}\r\n\
                         Idempotency-Key: {number}\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(head.as_bytes()).unwrap();
                    let mut answer = Vec::new();
                    let mut part = [0; 1024];
                    while !answer.ends_with(b"}") {
                        let read = stream.read(&mut part).unwrap();
                        assert!(read > 0, "the connection ended");
                        answer.extend_from_slice(&part[..read]);
                    }
                    assert!(
                        answer.starts_with(b"HTTP/1.1 202"),
                        "{}",
                        String::from_utf8_lossy(&answer)
                    );
                }
            });
        }
    });
    eprintln!("{posts} posts by {clients} clients: {:?}", began.elapsed());
    let lines = || landing_lines(dir, "accelerometer").len() as u64;
    wait_until("all are in files", || lines() == posts);
    listening.end();
    check_trusted(dir, posts);
}

#[test]
fn posts_of_many_clients_are_there_once() {
    let dir = tempfile::tempdir().unwrap();
    clients(dir.path(), 20, 400);
}

#[test]
fn ten_thousand_posts_of_fifty_clients_are_there_once() {
    if long::is_left_out() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    clients(dir.path(), 50, 10_000);
}
