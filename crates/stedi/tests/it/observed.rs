//! What a server tells those who operate it: log lines, and spans for a collector.

use std::fs::File;
use std::process::Stdio;

use serde_json::Value;

use crate::places::SMALL;
use crate::program::value;
use crate::served::{Served, add_user, own_place};

/// Asks a server what is answered, what fails, and for pages; no address and no statement is
/// without a value. Gives the value.
fn ask(served: &Served, token: &str) -> String {
    let person = value(&SMALL.dir, "select min(email) from customer_trusted");
    let person = person.as_str().unwrap().to_owned();
    let sql = format!("select count(*) from customer_trusted where email = '{person}'");
    assert!(served.rows(&sql, Some(token)).is_ok());
    let wrong = served.rows("select nothing from nowhere", Some(token));
    assert!(wrong.is_err());
    served.get(&format!("/tables/{person}"), Some(token));
    served.get("/nowhere/at/all", Some(token));
    person
}

#[test]
fn log_lines_tell_requests_and_statements_without_values() {
    let own = own_place();
    let token = add_user(own.path(), "ada", "--role engineer");
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let messages = Stdio::from(File::create(&log).unwrap());
    let served = Served::heard(&SMALL.dir, own, "--log json", messages, &[]);
    ask(&served, &token);
    served.end();
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(SMALL.people.found_in(&text), None);
    assert!(!text.contains("ada") && !text.contains("nowhere"), "{text}");
    let line = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    let lines: Vec<Value> = text.lines().map(line).collect();
    let of = |message: &str| -> Vec<&Value> {
        let lines = lines.iter().filter(|line| line["message"] == message);
        lines.collect()
    };
    let over = of("over");
    let outcomes: Vec<&str> = over
        .iter()
        .filter_map(|line| line["outcome"].as_str())
        .collect();
    assert!(
        outcomes.contains(&"done") && outcomes.contains(&"failed"),
        "{outcomes:?}"
    );
    let answered = of("answered");
    let routes: Vec<&str> = answered
        .iter()
        .filter_map(|line| line["span"]["route"].as_str())
        .collect();
    assert!(
        routes.contains(&"/api/v1/queries") && routes.contains(&"/tables/{name}"),
        "{routes:?}"
    );
    assert!(answered.iter().any(|line| line["status"] == 404), "{text}");
}

/// A collector gets spans of both, over OTLP, and no value.
#[cfg(feature = "otel")]
#[test]
fn a_collector_gets_spans_without_values() {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let (send, sent) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in collector.incoming() {
            let mut stream = stream.unwrap();
            stream
                .set_read_timeout(Some(Duration::from_millis(500)))
                .unwrap();
            let mut request = Vec::new();
            // Until the sender pauses.
            _ = stream.read_to_end(&mut request);
            _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            _ = send.send(String::from_utf8_lossy(&request).into_owned());
        }
    });
    let own = own_place();
    let token = add_user(own.path(), "ada", "--role engineer");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
    ];
    let served = Served::heard(&SMALL.dir, own, "", Stdio::null(), &variables);
    ask(&served, &token);
    let began = Instant::now();
    let mut all = String::new();
    let wanted = [
        "POST /v1/traces",
        "stedi",
        "request",
        "/tables/{name}",
        "asked",
        "failed",
    ];
    while !wanted.iter().all(|word| all.contains(word)) {
        assert!(began.elapsed() < Duration::from_secs(30), "{all}");
        all += &sent.recv_timeout(Duration::from_secs(30)).unwrap();
    }
    assert_eq!(SMALL.people.found_in(&all), None);
    assert!(!all.contains("nowhere"), "{all}");
    assert!(served.end() < Duration::from_secs(2));
}
