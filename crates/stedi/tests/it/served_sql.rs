//! The SQL view of a served lake: progress of a statement, saved statements, charts.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::places::{DEMO, SMALL};
use crate::program::stedi;
use crate::served::{Answer, Served, add_user, bearer, hidden, own_place};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// Rows that each statement reads: what its scans gave, not what comes out.
#[test]
fn a_query_says_how_many_rows_it_read_and_how_much_memory_it_held() {
    let served = Served::of(&DEMO.dir, "");
    for (sql, read, holds) in [
        ("select x from accelerometer_landing", 81_273, false),
        (
            "select count(*) from accelerometer_landing where x > 1e9",
            81_273,
            false,
        ),
        ("select max(x) from accelerometer_trusted", 40_981, false),
        (
            "select x from accelerometer_trusted order by x",
            40_981,
            true,
        ),
        (
            "select count(*) from customer_trusted a, customer_trusted b where a.email = b.email",
            964,
            true,
        ),
        (
            "select a.x from accelerometer_landing a join customer_trusted c on a.user = c.email",
            81_755,
            true,
        ),
        ("select 1 as one", 0, false),
        // Statistics of the files answer it.
        ("select count(*) from accelerometer_trusted", 0, false),
    ] {
        let query = served.sql(sql, None);
        assert_eq!(query["state"], "done", "{sql}: {query}");
        assert_eq!(query["rows_read"], read, "{sql}: {query}");
        assert_eq!(query["memory_bytes"], 0, "{sql}: {query}");
        let peak = query["peak_memory_bytes"].as_u64().unwrap();
        assert!(!holds || peak > 1000, "{sql}: {query}");
        let page = served.get(&format!("/queries/{}", query["id"].as_str().unwrap()), None);
        let grouped = match read {
            0 => "data-figure=\"took\"",
            40_981 => "read 40,981 rows in ",
            81_273 => "read 81,273 rows in ",
            _ => " rows in ",
        };
        assert!(page.text().contains(grouped), "{sql}: {}", page.text());
    }
    let metrics = served.get("/metrics", None).text();
    let total = metrics
        .lines()
        .find_map(|line| line.strip_prefix("stedi_rows_read_total "));
    let total: u64 = total.unwrap().parse().unwrap();
    assert_eq!(total, 81_273 * 2 + 40_981 * 2 + 964 + 81_755, "{metrics}");
}

#[test]
fn a_running_query_shows_its_progress_and_asks_again_by_itself() {
    let served = Served::of(&DEMO.dir, "");
    let sql = "select count(*) from accelerometer_trusted a cross join accelerometer_trusted b cross join step_trainer_trusted c where a.x + b.y < -1e9";
    let head = ["Content-Type: application/json".to_owned()];
    let body = json!({"sql": sql, "wait_ms": 500}).to_string();
    let query = served.ask("POST /api/v1/queries", &head, &body).json();
    let id = query["id"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    let state = loop {
        let state = served
            .get(&format!("/api/v1/queries/{id}?wait_ms=200"), None)
            .json();
        let is_seen =
            state["rows_read"].as_u64() > Some(0) && state["memory_bytes"].as_u64() > Some(0);
        if is_seen || begun.elapsed() > Duration::from_secs(30) {
            break state;
        }
    };
    assert_eq!(state["state"], "running", "{state}");
    assert!(state["rows_read"].as_u64() > Some(0), "{state}");
    assert!(state["memory_bytes"].as_u64() > Some(0), "{state}");
    let page = served.get(&format!("/queries/{id}"), None).text();
    assert!(page.contains("http-equiv=\"refresh\""), "{page}");
    assert!(page.contains(" rows read, "), "{page}");
    served.ask(&format!("POST /api/v1/queries/{id}/cancel"), &[], "");
    let state = served
        .get(&format!("/api/v1/queries/{id}?wait_ms=5000"), None)
        .json();
    assert_eq!(state["state"], "cancelled", "{state}");
    assert!(state["rows_read"].as_u64() > Some(0), "{state}");
    assert_eq!(state["memory_bytes"], 0, "{state}");
    let page = served.get(&format!("/queries/{id}"), None).text();
    assert!(!page.contains("http-equiv=\"refresh\""), "{page}");
}

/// Asks the API as whoever has a token.
fn api(served: &Served, request: &str, token: &str, body: &Value) -> Answer {
    let mut head = bearer(Some(token));
    head.push("Content-Type: application/json".to_owned());
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    served.ask(request, &head, &body)
}

#[test]
fn saved_statements_are_their_users_own() {
    let own = own_place();
    let ada = add_user(own.path(), "ada", "--role scientist");
    let bob = add_user(own.path(), "bob", "--role engineer");
    let served = Served::with(&SMALL.dir, own, "");
    let sql = "select 'somebody@example.com' as secret";
    let saved = api(
        &served,
        "POST /api/v1/saved",
        &ada,
        &json!({"name": "mine", "sql": sql}),
    );
    assert_eq!(saved.status, 201, "{}", saved.text());
    let id = saved.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/saved/{id}");
    assert_eq!(saved.header("location"), Some(path.as_str()));
    let long = "x".repeat(70_000);
    for (who, request, body, status) in [
        (
            &ada,
            "POST /api/v1/saved",
            json!({"name": "mine", "sql": "select 2"}),
            409,
        ),
        (
            &ada,
            "POST /api/v1/saved",
            json!({"name": " ", "sql": "select 2"}),
            400,
        ),
        (
            &ada,
            "POST /api/v1/saved",
            json!({"name": "x\u{0}", "sql": "select 2"}),
            400,
        ),
        (
            &ada,
            "POST /api/v1/saved",
            json!({"name": "x", "sql": ""}),
            400,
        ),
        (
            &ada,
            "POST /api/v1/saved",
            json!({"name": "x", "sql": long}),
            400,
        ),
        (&ada, "POST /api/v1/saved", json!({"name": "x"}), 400),
        (
            &ada,
            "POST /api/v1/saved",
            json!({"name": "x", "sql": "select 2", "y": 1}),
            400,
        ),
        (
            &bob,
            "POST /api/v1/saved",
            json!({"name": "mine", "sql": "select 'bob'"}),
            201,
        ),
        (&bob, "GET PATH", Value::Null, 404),
        (
            &bob,
            "POST PATH",
            json!({"name": "mine", "sql": "select 2"}),
            404,
        ),
        (&bob, "DELETE PATH", Value::Null, 404),
        (&ada, "GET PATH", Value::Null, 200),
        (
            &ada,
            "POST PATH",
            json!({"name": "renamed", "sql": sql}),
            200,
        ),
        (
            &ada,
            "POST /api/v1/saved",
            json!({"name": "mine", "sql": "select 2"}),
            201,
        ),
        (&ada, "POST PATH", json!({"name": "mine", "sql": sql}), 409),
        (&ada, "GET /api/v1/saved/nothing", Value::Null, 404),
    ] {
        let request = request.replace("PATH", &path);
        let answer = api(&served, &request, who, &body);
        assert_eq!(answer.status, status, "{request} {body}: {}", answer.text());
        assert!(
            status < 400 || !answer.text().contains("somebody@"),
            "{}",
            answer.text()
        );
    }
    let names = |token: &str| -> Vec<String> {
        let all = api(&served, "GET /api/v1/saved", token, &Value::Null).json();
        let all = all.as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&ada), ["mine", "renamed"]);
    assert_eq!(names(&bob), ["mine"]);
    // A user who is removed and added again does not get them.
    let users = served.own.path().join("users.json");
    let remove = format!("user remove ada --users {}", users.display());
    stedi(served.own.path(), &remove).run().done();
    let ada = add_user(served.own.path(), "ada", "--role scientist");
    assert_eq!(names(&ada), [""; 0]);
    assert_eq!(
        api(&served, &format!("GET {path}"), &ada, &Value::Null).status,
        404
    );
    let audit = served.audit();
    assert!(audit.contains("\"action\":\"save\""), "{audit}");
    let refused = "\"action\":\"delete-saved\",\"outcome\":\"refused\"";
    assert!(audit.contains(refused), "{audit}");
    for told in ["somebody@", "renamed", "mine"] {
        assert!(!audit.contains(told), "{audit}");
    }
    let file = served.own.path().join(".local/state/stedi/saved.json");
    assert_eq!(mode_of(&file), 0o600);
}

fn mode_of(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_statement_is_saved_opened_replaced_and_deleted_by_forms() {
    let served = Served::of(&SMALL.dir, "");
    let send =
        |path: &str, body: &str| served.ask(&format!("POST {path}"), &[FORM.to_owned()], body);
    let csrf = hidden(&served.get("/sql", None).text(), "csrf");
    let save = |words: &str| send("/saved", &format!("csrf={csrf}&{words}"));
    let made = save("sql=select%0D%0A+1&name=my+first&saved=");
    assert_eq!(made.status, 303, "{}", made.text());
    let place = made.header("location").unwrap().to_owned();
    let opened = served.get(&place, None).text();
    assert!(opened.contains("select\n 1</textarea>"), "{opened}");
    let id = hidden(&opened, "saved");
    assert_eq!(place, format!("/saved/{id}"));
    assert!(
        served
            .get("/sql", None)
            .text()
            .contains(&format!("href=\"{place}\""))
    );
    // Another of the same name is not lost: the page asks, and keeps what was written.
    let asked = save("sql=select+2&name=my+first&saved=");
    assert_eq!(asked.status, 409);
    assert!(
        asked.text().contains("select 2</textarea>"),
        "{}",
        asked.text()
    );
    assert_eq!(hidden(&asked.text(), "saved"), id);
    for (words, status) in [
        (format!("sql=select+2&name=my+first&saved={id}"), 303),
        (format!("sql=select+3&name=second&saved={id}&as=new"), 303),
        (format!("sql=select+2&name=&saved={id}"), 400),
        ("sql=select+2&name=x&saved=nothing".to_owned(), 404),
    ] {
        assert_eq!(save(&words).status, status, "{words}");
    }
    assert!(
        served
            .get(&place, None)
            .text()
            .contains("select 2</textarea>")
    );
    // What was opened is still known after it ran.
    let ran = send(
        "/sql",
        &format!("csrf={csrf}&sql=select+2&name=my+first&saved={id}"),
    );
    let ran = served.get(ran.header("location").unwrap(), None).text();
    assert_eq!(hidden(&ran, "saved"), id);
    assert!(ran.contains("value=\"my first\""), "{ran}");
    let delete = format!("{place}/delete");
    assert_eq!(send(&delete, "csrf=0").status, 403);
    assert_eq!(send(&delete, &format!("csrf={csrf}")).status, 303);
    assert_eq!(served.get(&place, None).status, 404);
    assert_eq!(send("/saved", "csrf=0&sql=select+1&name=x").status, 403);
}

#[test]
fn a_damaged_file_of_saved_statements_is_told_and_left_as_it_is() {
    let own = own_place();
    let file = own.path().join("saved.json");
    std::fs::write(&file, "{\"statements\": [{\"sql\": \"select 'secret'").unwrap();
    let words = format!("--saved {}", file.display());
    let served = Served::with(&SMALL.dir, own, &words);
    let page = served.get("/sql", None);
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("cannot be read or written"),
        "{}",
        page.text()
    );
    assert_eq!(served.get("/api/v1/saved", None).status, 500);
    let body = json!({"name": "x", "sql": "select 1"}).to_string();
    let head = ["Content-Type: application/json".to_owned()];
    assert_eq!(served.ask("POST /api/v1/saved", &head, &body).status, 500);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.ends_with("select 'secret'"), "{kept}");
    assert!(served.rows("select 1 as one", None).is_ok());
}

/// What the server draws of a result: columns as series, values as series, bars, gaps.
#[test]
fn charts_of_several_series_are_drawn_without_a_script() {
    let served = Served::of(&SMALL.dir, "");
    let query = served.sql(
        "select n, 1655000000000 + n * 1000 as timestamp, n % 3 as k, if(n % 4 <> 0, n * 1.0) as a, if(n = 7, nan(), n * 2.0) as b, cast(n % 5 as varchar) as s from unnest(sequence(1, 60)) as t(n)",
        None,
    );
    let id = query["id"].as_str().unwrap();
    for (asked, lines, shows) in [
        ("x=n&y=a", 1, "a by n"),
        ("x=n&y=a&y=b", 2, "a, b by n"),
        ("x=n&y=a&y=a", 1, "a by n"),
        ("x=n&y=a&by=k", 3, "a series for each k"),
        ("x=timestamp&y=a&by=k", 3, ">02:13:30<"),
        (
            "x=timestamp&y=a&y=b&by=s&kind=line",
            8,
            "the first 8 of 10 series",
        ),
        ("x=k&y=a&kind=scatter", 1, "dots"),
        ("x=k&y=a", 1, "dots"),
        ("x=s&y=a&by=k", 0, "rect class=\"bar s2\""),
        ("x=n&y=a&kind=bar", 0, "the first 40 of 60 values"),
        ("x=nothing&y=a", 0, "data-chart"),
        ("x=n&y=s", 0, "data-chart"),
        ("x=n&y=a&kind=nonsense&by=nothing", 1, "a by n"),
    ] {
        let page = served.get(&format!("/queries/{id}?{asked}"), None);
        assert_eq!(page.status, 200, "{asked}");
        let text = page.text();
        let drawn = text.split("class=\"chart\"").nth(1).unwrap_or_default();
        let drawn = drawn.split("</svg>").next().unwrap();
        assert_eq!(
            drawn.matches("class=\"series ").count(),
            lines,
            "{asked}: {text}"
        );
        assert!(text.contains(shows), "{asked}: {text}");
        assert!(!drawn.contains("NaN"), "{asked}: {drawn}");
    }
}
