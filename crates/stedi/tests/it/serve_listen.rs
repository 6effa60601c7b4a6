//! `stedi serve --listen`: programs post records to the server of the page.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::listen_http::line;
use crate::listening::{ADA, landing_lines, reading, wait_until};
use crate::places::SMALL;
use crate::program::stedi;
use crate::served::{Served, add_user, answer, bearer, own_place};

const PHONE: &str = "POST /v1/accelerometer_landing";

#[test]
fn what_is_posted_is_asked_for_at_the_same_address() {
    let own = SMALL.copied();
    let dir = own.path();
    let served = Served::of(dir, "--listen");
    let person = served.ask("POST /v1/customer_landing", &[], ADA);
    assert_eq!(person.status, 202, "{}", person.text());
    let lines: Vec<String> = (0..3).map(reading).collect();
    let posted = served.ask(PHONE, &[], &lines.join("\n"));
    assert_eq!((posted.status, &posted.json()["records"]), (202, &3.into()));
    stedi(dir, "run").run().done();
    let found = served.rows(
        "select count(*) from accelerometer_trusted
         where timestamp between 1700000000000 and 1700000000002",
        None,
    );
    assert_eq!(found.unwrap(), [serde_json::json!([3])]);
    let metrics = served.get("/metrics", None).text();
    for line in [
        "stedi_listen_records_total{table=\"accelerometer_landing\"} 3",
        "stedi_statements_total{outcome=\"done\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    // Posts have the limits of `listen`, and the page has its own.
    let large = " ".repeat(2 << 20);
    let posted = served.ask(PHONE, &[], &format!("{large}{}", reading(3)));
    assert_eq!(posted.status, 202, "{}", posted.text());
    let asked = served.ask("POST /api/v1/queries", &[], &large);
    assert_eq!(asked.status, 400, "{}", asked.text());
    for (request, head, body, status) in [
        (PHONE, "Origin: https://elsewhere.example", "{}", 403),
        (PHONE, "Host: elsewhere.example", "{}", 403),
        (PHONE, "Content-Encoding: br", "{}", 415),
        (PHONE, "Idempotency-Key: a\r\nIdempotency-Key: b", "{}", 400),
        (PHONE, "", "{", 400),
        ("POST /v1/nothing", "", "{}", 404),
        ("POST /v1/customer_trusted", "", "{}", 404),
        ("GET /v1/accelerometer_landing", "", "", 405),
        ("POST /v1", "", "{}", 404),
        ("POST /v1/", "", "{}", 404),
        ("POST /v1/a/b", "", "{}", 404),
        // The page's own rules hold as before.
        (
            "POST /api/v1/queries",
            "Origin: https://elsewhere.example",
            "{}",
            403,
        ),
        ("GET /", "Host: elsewhere.example", "", 403),
    ] {
        let answer = served.ask(request, &line(head), body);
        assert_eq!(
            answer.status,
            status,
            "{request} {head:?}: {}",
            answer.text()
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    assert!(!served.audit().contains("ada@"), "{}", served.audit());
    assert!(served.end() < Duration::from_secs(1));
}

/// A server that was not asked to take posts takes none.
#[test]
fn posts_are_taken_where_they_are_asked_for() {
    let own = SMALL.copied();
    let served = Served::of(own.path(), "");
    assert_eq!(served.ask(PHONE, &[], "{}").status, 404);
    drop(served);
    for (words, says) in [
        ("serve --sources sources.json", "--sources and --state"),
        ("serve --listen --file-size 0", "`0` is not a size"),
        ("serve --listen --http 0.0.0.0:0", "is not loopback"),
    ] {
        stedi(own.path(), words).run().ended(2).says(says);
    }
}

/// Who may post may not ask, and who may ask may not post.
#[test]
fn sources_and_users_are_two_kinds() {
    let data = SMALL.copied();
    let own = own_place();
    let user = add_user(own.path(), "ada", "--role engineer");
    let file = own.path().join("sources.json");
    let words = format!(
        "listen token app --tables accelerometer_landing --sources {}",
        file.display()
    );
    let source = stedi(data.path(), &words).run().done();
    let source = source.out.trim().to_owned();
    let words = format!("--listen --sources {}", file.display());
    let served = Served::with(data.path(), own, &words);
    for (request, token, status) in [
        (PHONE, Some(&source), 202),
        ("POST /v1/customer_landing", Some(&source), 403),
        (PHONE, Some(&user), 401),
        (PHONE, None, 401),
        ("GET /api/v1/tables", Some(&source), 401),
        ("GET /api/v1/tables", Some(&user), 200),
        ("GET /api/v1/tables", None, 401),
    ] {
        let body = if request.starts_with("GET") {
            ""
        } else {
            "{\"user\":\"a\"}"
        };
        let answer = served.ask(request, &bearer(token.map(String::as_str)), body);
        assert_eq!(answer.status, status, "{request}: {}", answer.text());
    }
}

/// From the first source on, nobody posts without a token, also when it is gone again.
#[test]
fn the_first_source_closes_the_door() {
    let data = SMALL.copied();
    let own = own_place();
    let file = own.path().join("sources.json").display().to_string();
    let served = Served::with(data.path(), own, &format!("--listen --sources {file}"));
    let post = |token: Option<&str>| served.ask(PHONE, &bearer(token), "{\"user\":\"a\"}").status;
    assert_eq!(post(None), 202);
    let words = format!("listen token app --tables accelerometer_landing --sources {file}");
    let token = stedi(data.path(), &words).run().done().out;
    assert_eq!((post(None), post(Some(token.trim()))), (401, 202));
    stedi(data.path(), &format!("listen revoke app --sources {file}"))
        .run()
        .done();
    assert_eq!((post(None), post(Some(token.trim()))), (401, 401));
}

/// Bodies that trickle hold up neither the page nor small posts of others.
#[test]
fn slow_bodies_leave_places_to_others() {
    let own = SMALL.copied();
    let served = Served::of(own.path(), "--listen");
    let head = format!("{PHONE} HTTP/1.0\r\nHost: {}\r\n", served.address);
    let slow = |more: &str| {
        let mut stream = served.connect();
        let sent = format!("{head}{more}Content-Length: 1000\r\n\r\n{{");
        stream.write_all(sent.as_bytes()).unwrap();
        stream
    };
    let packed: Vec<_> = (0..20)
        .map(|_| slow("Content-Encoding: gzip\r\n"))
        .collect();
    let body = crate::packed::gzip(reading(0).as_bytes());
    let mut other = served.connect();
    let length = format!(
        "{head}Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    other
        .write_all(&[length.as_bytes(), &body].concat())
        .unwrap();
    assert_eq!(answer(&mut other).status, 202);
    let more: Vec<_> = (0..300).map(|_| slow("")).collect();
    wait_until("too many bodies", || {
        served.ask(PHONE, &[], &reading(1)).status == 503
    });
    assert_eq!(served.get("/health/live", None).status, 200);
    assert_eq!(served.get("/api/v1/tables", None).status, 200);
    drop((packed, more));
    wait_until("room", || served.ask(PHONE, &[], &reading(1)).status == 202);
}

/// Whoever was told that a record is safe finds it in landing, whenever the server ended.
#[test]
fn what_was_accepted_is_there_when_the_server_has_ended() {
    let own = SMALL.copied();
    let dir = own.path().to_owned();
    let served = Arc::new(Served::of(&dir, "--listen"));
    let (next, accepted) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..20 {
            let (next, accepted, address) = (&next, &accepted, served.address.clone());
            scope.spawn(move || {
                loop {
                    let body = reading(next.fetch_add(1, Ordering::Relaxed));
                    let Ok(mut stream) = std::net::TcpStream::connect(&address) else {
                        return;
                    };
                    let head = format!("{PHONE} HTTP/1.0\r\nHost: {address}\r\n");
                    let length = body.len();
                    let sent = format!("{head}Content-Length: {length}\r\n\r\n{body}");
                    if stream.write_all(sent.as_bytes()).is_err() {
                        return;
                    }
                    if answer(&mut stream).status != 202 {
                        return;
                    }
                    accepted.lock().unwrap().push(body.into_bytes());
                }
            });
        }
        wait_until("500 posts", || accepted.lock().unwrap().len() > 500);
        crate::stopping::signal(served.id(), "TERM");
    });
    let served = Arc::into_inner(served).unwrap();
    assert!(served.end() < Duration::from_secs(1));
    let lines = landing_lines(&dir, "accelerometer");
    let lost: Vec<_> = (accepted.into_inner().unwrap().into_iter())
        .filter(|body| !lines.contains(body))
        .collect();
    assert!(lost.is_empty(), "{} records are lost", lost.len());
}
