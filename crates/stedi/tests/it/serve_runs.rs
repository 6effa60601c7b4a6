//! Runs that a served lake starts: by the page and by the API, followed, cancelled, refused.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::places::{MANY, SMALL, append, contents, unchanged};
use crate::program::{count, finish, stedi};
use crate::served::{Answer, Served, add_user, own_place};

/// How long a run of a test may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A reading of somebody whom nobody knows.
const READING: &str =
    "{\"user\":\"nobody@example.com\",\"timestamp\":1655564444103,\"x\":1.0,\"y\":0.0,\"z\":0.0}\n";

fn post(served: &Served, path: &str, token: Option<&str>, body: &str) -> Answer {
    let mut head = crate::served::bearer(token);
    head.push("Content-Type: application/json".to_owned());
    served.ask(&format!("POST {path}"), &head, body)
}

/// What the API says of the run that goes on, or of the last one.
fn newest(served: &Served) -> Value {
    served.get("/api/v1/runs/current", None).json()["operation"].clone()
}

/// Looks until `is_met`.
#[track_caller]
fn until(served: &Served, what: &str, is_met: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let told = newest(served);
        if is_met(&told) {
            return told;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: {told}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn over(served: &Served) -> Value {
    until(served, "its end", |told| told["state"] != "running")
}

/// A folder with much landing data and no lake.
fn much() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(MANY.dir.join("landing"), dir.path().join("landing")).unwrap();
    dir
}

#[test]
fn a_run_is_started_followed_and_shown() {
    let own = SMALL.copied();
    let served = Served::of(own.path(), "");
    let nothing = served.get("/runs/current", None);
    assert!(nothing.text().contains("Nothing is going"));
    assert_eq!(served.get("/api/v1/plan", None).status, 404);

    append(own.path(), "accelerometer/landing/more.json", READING);
    let started = post(&served, "/api/v1/plan", None, "{}");
    assert_eq!(started.status, 202, "{}", started.text());
    assert_eq!(started.header("location"), Some("/api/v1/runs/current"));
    let planned = over(&served);
    assert_eq!(planned["state"], "done", "{planned}");
    let plan = served.get("/api/v1/plan", None).json();
    let tables = plan["plan"].as_array().unwrap();
    assert!(tables.iter().any(|table| table["table"] == "training_set"));
    assert_eq!(
        served.get("/runs/current", None).header("location"),
        Some("/runs/plan")
    );
    let page = served.get("/runs/plan", None).text();
    assert!(
        page.contains("training_set") && !page.contains("http-equiv"),
        "{page}"
    );

    let before = served.get("/api/v1/overview", None).json()["release"]["number"].clone();
    let started = post(&served, "/api/v1/runs", None, "{}");
    assert_eq!(started.status, 202, "{}", started.text());
    let ran = over(&served);
    assert_eq!(ran["state"], "done", "{ran}");
    assert_ne!(ran["published"], json!([]), "{ran}");
    let run = ran["run"].as_str().unwrap();
    let current = served.get("/runs/current", None);
    assert_eq!(
        current.header("location"),
        Some(format!("/runs/{run}").as_str())
    );
    assert_eq!(served.get(&format!("/runs/{run}"), None).status, 200);
    let after = served.get("/api/v1/overview", None).json()["release"]["number"].clone();
    assert!(after.as_u64() > before.as_u64(), "{before} {after}");
    let rows = served.rows("select count(*) from accelerometer_landing", None);
    let read = count(own.path(), "select count(*) from accelerometer_landing");
    assert_eq!(rows, Ok(vec![json!([read])]));

    post(&served, "/api/v1/runs", None, "{}");
    let again = over(&served);
    assert_eq!(
        (&again["state"], &again["published"]),
        (&json!("done"), &json!([])),
        "{again}"
    );
    let page = served.get("/runs/current", None).text();
    assert!(page.contains("nothing new"), "{page}");
    assert!(served.get("/runs", None).text().contains("nothing new"));
    // Only what is new is read, with the key of the run before.
    append(own.path(), "accelerometer/landing/yet-more.json", READING);
    post(&served, "/api/v1/runs", None, "{}");
    let told = over(&served)["messages"].to_string();
    assert!(told.contains("took in 1 new file"), "{told}");
    let audit = served.audit();
    for (action, takes_time) in [
        ("start plan", false),
        ("plan", true),
        ("start run", false),
        ("run", true),
    ] {
        let mut lines = audit.lines().map(|line| line.parse::<Value>().unwrap());
        let line = lines.find(|line| line["action"] == action);
        let line = line.unwrap_or_else(|| panic!("{action}: {audit}"));
        assert!(!takes_time || line["ms"].as_u64() > Some(1), "{line}");
    }
}

#[test]
fn the_page_starts_runs_by_forms_of_its_own() {
    let own = SMALL.copied();
    let served = Served::of(own.path(), "");
    let page = served.get("/runs", None).text();
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
    let csrf = csrf.split('"').next().unwrap();
    let kind = ["Content-Type: application/x-www-form-urlencoded".to_owned()];
    for (path, body, status) in [
        ("/runs", "csrf=0&what=run".to_owned(), 403),
        ("/runs", "what=run".to_owned(), 400),
        ("/runs/plan", "csrf=&what=run".to_owned(), 403),
        ("/runs/current/cancel", "csrf=0".to_owned(), 403),
        ("/runs/current/cancel", format!("csrf={csrf}"), 303),
        ("/runs", format!("csrf={csrf}&what=full-run"), 303),
    ] {
        let answer = served.ask(&format!("POST {path}"), &kind, &body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.head);
    }
    let ran = over(&served);
    assert_eq!(
        (&ran["operation"], &ran["state"]),
        (&json!("full-run"), &json!("done")),
        "{ran}"
    );
}

/// What each role gets: scientist, engineer, privacy officer.
#[test]
fn runs_are_for_the_roles_that_may_start_them() {
    let own = own_place();
    let tokens = [
        add_user(own.path(), "sci", "--role scientist"),
        add_user(own.path(), "eng", "--role engineer"),
        add_user(own.path(), "off", "--role privacy-officer"),
    ];
    let lake = SMALL.with_own_lake();
    let served = Served::with(lake.path(), own, "");
    for (request, expected) in [
        ("GET /runs/current", [404, 200, 200]),
        ("GET /runs/plan", [404, 200, 200]),
        ("GET /api/v1/runs/current", [404, 200, 200]),
        ("GET /api/v1/plan", [404, 404, 404]),
        ("POST /api/v1/runs/current/cancel", [404, 409, 403]),
        ("POST /api/v1/plan", [404, 202, 403]),
        ("POST /api/v1/runs", [404, 409, 403]),
    ] {
        for (token, expected) in tokens.iter().zip(expected) {
            let mut head = crate::served::bearer(Some(token));
            head.push("Content-Type: application/json".to_owned());
            let body = if request.starts_with("POST") {
                "{}"
            } else {
                ""
            };
            let answer = served.ask(request, &head, body);
            assert_eq!(answer.status, expected, "{request}: {}", answer.text());
        }
    }
    for (token, may) in tokens.iter().zip([false, true, false]) {
        let page = served.get("/runs/current", Some(token)).text();
        let has_form = page.contains("action=\"/runs");
        assert_eq!(has_form, may, "{page}");
    }
}

#[test]
fn a_run_is_cancelled_in_the_middle_and_another_must_wait() {
    let dir = much();
    let served = Served::of(dir.path(), "");
    let lake = dir.path().join("lake");
    let before = contents(&lake);
    assert_eq!(post(&served, "/api/v1/runs", None, "{}").status, 202);
    let second = post(&served, "/api/v1/plan", None, "{}");
    assert_eq!(second.status, 409, "{}", second.text());
    assert_eq!(second.json()["kind"], "busy");
    until(&served, "its tables", |told| told["stage"] == "building");
    let live = served.get("/runs/current?refused=1", None).text();
    for shown in [
        "building",
        "Cancel",
        "Nothing was started",
        "http-equiv=\"refresh\"",
    ] {
        assert!(live.contains(shown), "{shown}: {live}");
    }
    assert!(served.get("/", None).text().contains("A run is going"));
    assert!(
        served
            .get("/runs", None)
            .text()
            .contains("Follow what is going")
    );
    let asked = Instant::now();
    assert_eq!(
        post(&served, "/api/v1/runs/current/cancel", None, "").status,
        204
    );
    let ended = over(&served);
    assert_eq!(ended["state"], "cancelled", "{ended}");
    assert!(
        asked.elapsed() < Duration::from_secs(6),
        "{:?}",
        asked.elapsed()
    );
    let page = served.get("/runs/current", None).text();
    assert!(page.contains("cancelled; nothing was published"), "{page}");
    assert!(!page.contains("http-equiv"), "{page}");
    assert_eq!(
        post(&served, "/api/v1/runs/current/cancel", None, "").status,
        409
    );
    unchanged(&before, &lake, "cancelled");
    assert!(served.audit().contains("\"action\":\"cancel run\""));
}

#[test]
fn a_run_of_the_command_line_is_shown_and_goes_first() {
    let dir = much();
    let served = Served::of(dir.path(), "");
    let (run, line) = stedi(dir.path(), "run").start();
    let begun = Instant::now();
    let writer = loop {
        let current = served.get("/api/v1/runs/current", None).json();
        if current["writer"].is_object() {
            break current["writer"].clone();
        }
        assert!(begun.elapsed() < PATIENCE, "{current}");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(writer["command"], "run", "{writer}");
    let refused = post(&served, "/api/v1/runs", None, "{}");
    assert_eq!(refused.status, 409, "{}", refused.text());
    let told = refused.text();
    assert!(told.contains(&format!("process {}", run.id())), "{told}");
    let page = served.get("/runs/current", None).text();
    assert!(
        page.contains("of another process") && page.contains("http-equiv"),
        "{page}"
    );
    finish(run, line).done();
    let current = served.get("/api/v1/runs/current", None).json();
    assert_eq!(current["writer"], Value::Null);
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_changed_project_is_told_and_a_failed_check_publishes_nothing() {
    let own = SMALL.with_own_lake();
    stedi(own.path(), "init p").run().done();
    let served = Served::of(own.path(), "--project p");
    assert!(!served.get("/runs", None).text().contains("on disk"));
    let model = own.path().join("p/trusted/customer_trusted.sql");
    edit(&model, "having count(*) > 1", "having count(*) > 0");
    let page = served.get("/runs", None).text();
    assert!(
        page.contains("not the one that this server knows"),
        "{page}"
    );
    assert!(page.contains("customer_trusted"), "{page}");
    post(&served, "/api/v1/runs", None, "{}");
    let ran = over(&served);
    assert_eq!(
        (&ran["state"], &ran["code"]),
        (&json!("failed"), &json!(3)),
        "{ran}"
    );
    assert_eq!(ran["checks"][0]["check"], "one_row_per_person", "{ran}");
    let page = served.get("/runs/current", None).text();
    for shown in ["one_row_per_person", "nothing was published", "failed"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    edit(&model, "select", "selectt");
    let page = served.get("/runs", None).text();
    assert!(page.contains("has faults"), "{page}");
    post(&served, "/api/v1/runs", None, "{}");
    let ran = over(&served);
    assert_eq!(
        (&ran["state"], &ran["code"]),
        (&json!("failed"), &json!(2)),
        "{ran}"
    );
    assert!(
        ran["messages"].to_string().contains("customer_trusted.sql"),
        "{ran}"
    );
    assert_eq!(SMALL.people.found_in(&page), None);
}

#[test]
fn the_run_of_a_server_ends_with_it_and_survives_its_death() {
    let dir = much();
    for is_killed in [false, true] {
        let served = Served::of(dir.path(), "--key-file key");
        post(&served, "/api/v1/runs", None, "{}");
        until(&served, "its tables", |told| told["stage"] == "building");
        match is_killed {
            false => {
                let took = served.end();
                assert!(took < Duration::from_secs(3), "{took:?}");
                // Nobody holds the lake any more.
                let lock = dir.path().join("lake/system/lock.json");
                let held = fs::File::open(&lock).is_ok_and(|file| file.try_lock().is_err());
                assert!(!held);
            }
            true => {
                drop(served);
                let begun = Instant::now();
                while !dir
                    .path()
                    .join("lake/curated/training_set/_delta_log")
                    .exists()
                {
                    assert!(begun.elapsed() < PATIENCE);
                    std::thread::sleep(Duration::from_millis(50));
                }
                stedi(dir.path(), "run --wait 60 --key-file key")
                    .run()
                    .done()
                    .says("nothing new");
            }
        }
    }
}

#[test]
fn progress_is_told_as_events() {
    let own = SMALL.copied();
    let events = |words: &str, code: i32| -> Vec<Value> {
        let outcome = stedi(
            own.path(),
            &format!("{words} --progress ndjson --format json"),
        )
        .run()
        .ended(code);
        let lines = outcome.err.lines();
        lines
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect()
    };
    let full = events("run --full", 0);
    let names: Vec<&str> = full
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    for name in ["locked", "plan", "begin", "rows", "end", "check", "message"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let planned = full.iter().find(|event| event["event"] == "plan").unwrap();
    for table in planned["tables"].as_array().unwrap() {
        let of_table = full.iter().filter(|event| event["table"] == *table);
        let order: Vec<&str> = of_table
            .filter_map(|event| event["event"].as_str())
            .collect();
        assert_eq!(
            (order.first(), order.last()),
            (Some(&"begin"), Some(&"end")),
            "{table}"
        );
    }
    let failed = events("run --landing nowhere", 1);
    let said = |level: &str| failed.iter().any(|event| event["level"] == level);
    assert!(said("error") && said("hint"), "{failed:?}");
    for event in full.iter().chain(&failed) {
        assert_eq!(SMALL.people.found_in(&event.to_string()), None);
    }
}
