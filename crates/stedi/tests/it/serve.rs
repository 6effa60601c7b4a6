//! The doors of a served lake: what comes through them, and what does not.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::places::{DEMO, DEMO_COUNTS, SMALL};
use crate::program::stedi;
use crate::served::{Served, add_user, answer, hidden, own_place};

#[test]
fn published_counts_come_through_the_api_and_the_pages_open() {
    let served = Served::of(&DEMO.dir, "--expect published");
    for (table, expected) in DEMO_COUNTS {
        let rows = served.rows(&format!("select count(*) from {table}"), None);
        assert_eq!(rows, Ok(vec![json!([expected])]), "{table}");
    }
    for (path, shows) in [
        ("/", "43,681"),
        ("/pipeline", "<svg"),
        ("/tables", "machine_learning_curated"),
        ("/tables/customer_trusted", "masked-"),
        ("/tables/customer_trusted?version=0", "customer_trusted"),
        ("/tables/system.runs", "outcome"),
        ("/tables/training_set/plots", "on one time axis"),
        ("/runs", "published"),
        ("/quarantine", "Quarantine"),
        ("/privacy", "Look"),
        ("/privacy?singling_out=1", "machine_learning_curated"),
        ("/sql?sql=select+7", "select 7"),
    ] {
        let page = served.get(path, None);
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        assert!(page.text().contains(shows), "{path}: {}", page.text());
        let told = DEMO.people.found_in(&page.text());
        assert_eq!(told, None, "{path}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    }
    for (path, status) in [
        ("/tables/nothing", 404),
        ("/tables/nothing/plots", 404),
        ("/api/v1/tables/training_set/plots?rank=-1", 400),
        ("/nothing", 404),
        ("/runs/nothing", 404),
        ("/api/v1/nothing", 404),
        ("/api/v1/queries/nothing", 404),
        ("/api/v1/quarantine?offset=x", 400),
    ] {
        assert_eq!(served.get(path, None).status, status, "{path}");
    }
    let run = served.get("/api/v1/runs", None).json();
    let run = run["runs"][0]["run"].as_str().unwrap();
    assert_eq!(served.get(&format!("/runs/{run}"), None).status, 200);
}

#[test]
fn a_result_comes_in_pages_and_in_every_format() {
    let served = Served::of(&SMALL.dir, "--max-rows 1000");
    let query = served.sql("select n, cast(n as varchar) as s, if(n > 1, n * 0.5) as half from unnest(sequence(1, 900)) as t(n)", None);
    assert_eq!(query["state"], "done", "{query}");
    assert_eq!(query["is_cut"], false);
    let id = query["id"].as_str().unwrap();
    let rows = format!("/api/v1/queries/{id}/rows");
    let page = served
        .get(&format!("{rows}?offset=898&count=5"), None)
        .json();
    assert_eq!(page["total"], 900);
    assert_eq!(
        page["rows"],
        json!([[899, "899", 449.5], [900, "900", 450.0]])
    );
    let first = served.get(&format!("{rows}?count=1"), None).json();
    assert_eq!(first["rows"], json!([[1, "1", null]]));
    let file = |format: &str| {
        served.get(
            &format!("/api/v1/queries/{id}/result?format={format}"),
            None,
        )
    };
    let csv = file("csv").text();
    assert!(csv.starts_with("n,s,half\n1,1,\n2,2,1.0\n"), "{csv}");
    assert_eq!(csv.lines().count(), 901);
    let document: Value = file("json").json();
    assert_eq!(document[1], json!({"n": 2, "s": "2", "half": 1.0}));
    assert_eq!(file("ndjson").text().lines().count(), 900);
    let parquet = bytes::Bytes::from(file("parquet").body);
    let reader = parquet::file::serialized_reader::SerializedFileReader::new(parquet).unwrap();
    let metadata = parquet::file::reader::FileReader::metadata(&reader);
    assert_eq!(metadata.file_metadata().num_rows(), 900);
    let stream = file("arrow").body;
    let batches = arrow::ipc::reader::StreamReader::try_new(stream.as_slice(), None).unwrap();
    let rows: usize = batches.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 900);
    assert_eq!(file("xlsx").status, 400);

    let cut = served.sql("select * from unnest(sequence(1, 300)) as t(n) cross join unnest(sequence(1, 300)) as u(m)", None);
    assert_eq!(
        (&cut["state"], &cut["is_cut"]),
        (&json!("done"), &json!(true)),
        "{cut}"
    );
    assert!(cut["rows"].as_u64().unwrap() <= 1000);
}

/// Values that not every format has, and rows that are larger than a page.
#[test]
fn odd_values_are_given_in_every_format() {
    let served = Served::of(&SMALL.dir, "");
    let query = served.sql(
        "select array[1, null] as list, map(array['k'], array[2]) as map, null as nothing, interval '1' day as length, nan() as n, cast('' as varchar) as empty",
        None,
    );
    assert_eq!(query["state"], "done", "{query}");
    let id = query["id"].as_str().unwrap();
    let rows = served
        .get(&format!("/api/v1/queries/{id}/rows"), None)
        .json();
    assert_eq!(rows["rows"][0][2], Value::Null, "{rows}");
    assert_eq!(rows["rows"][0][4], "NaN", "{rows}");
    for format in ["csv", "json", "ndjson", "arrow", "parquet"] {
        let file = served.get(
            &format!("/api/v1/queries/{id}/result?format={format}"),
            None,
        );
        assert_eq!(file.status, 200, "{format}: {}", file.text());
        assert!(file.body.len() > 20, "{format}: {}", file.text());
    }
    let page = served.get(&format!("/queries/{id}"), None);
    assert_eq!(page.status, 200);
    let long = served.sql(
        "select rpad('x', 1000000, 'y') as t from unnest(sequence(1, 200)) as u(n)",
        None,
    );
    let id = long["id"].as_str().unwrap();
    let page = served.get(&format!("/api/v1/queries/{id}/rows?count=10000"), None);
    assert!(page.body.len() < 24 << 20, "{}", page.body.len());
    let rows = page.json()["rows"].as_array().unwrap().len();
    assert!((1..30).contains(&rows), "{rows}");
    let page = served.get(&format!("/queries/{id}"), None);
    assert!(page.body.len() < 1 << 20, "{}", page.body.len());
}

#[test]
fn a_cancelled_statement_leaves_others_their_turn() {
    let own = own_place();
    let heavy = add_user(own.path(), "heavy", "--role scientist");
    let light = add_user(own.path(), "light", "--role engineer");
    let served = Served::with(&DEMO.dir, own, "");
    let sql = "select count(*) from machine_learning_curated a, machine_learning_curated b where a.x + b.y > 1.7";
    for _ in 0..6 {
        let mut head = crate::served::bearer(Some(&heavy));
        head.push("Content-Type: application/json".to_owned());
        let body = json!({"sql": sql}).to_string();
        let query = served.ask("POST /api/v1/queries", &head, &body).json();
        std::thread::sleep(Duration::from_millis(200));
        let cancel = format!(
            "POST /api/v1/queries/{}/cancel",
            query["id"].as_str().unwrap()
        );
        assert_eq!(served.ask(&cancel, &head, "").status, 204);
    }
    let begun = Instant::now();
    assert_eq!(
        served.rows("select 1 as one", Some(&light)),
        Ok(vec![json!([1])])
    );
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(40), "{took:?}");
}

#[test]
fn a_users_file_may_be_named_without_a_folder() {
    let dir = own_place();
    stedi(
        dir.path(),
        "user add ada --role scientist --users users.json",
    )
    .input("a long enough password\n")
    .run()
    .done();
    let token = stedi(dir.path(), "user token ada --users users.json")
        .run()
        .done();
    assert!(token.out.starts_with("stedi_ada_"), "{}", token.out);
}

#[test]
fn a_fault_says_what_where_and_what_to_do() {
    let served = Served::of(&SMALL.dir, "");
    for (sql, kind, says) in [
        ("select nothing from customer_trusted", "wrong", "nothing"),
        (
            "select * from customer_trusteed",
            "missing",
            "customer_trusted",
        ),
        ("select\n  1 +", "wrong", ""),
        ("", "wrong", "no statement"),
        ("select 1; select 2", "wrong", "2 statements"),
        ("drop table customer_trusted", "forbidden", "only reading"),
        ("create view v as select 1", "forbidden", "only reading"),
        (
            "create external table t (a int) location 's3://b/x/'",
            "wrong",
            "",
        ),
        (
            "insert into customer_trusted select * from customer_trusted",
            "forbidden",
            "only reading",
        ),
        (
            "copy customer_trusted to '/tmp/stolen.csv'",
            "forbidden",
            "only reading",
        ),
        (
            "set datafusion.execution.batch_size = 1",
            "forbidden",
            "only reading",
        ),
        ("prepare p from select 1", "forbidden", "only reading"),
        ("select * from '/etc/passwd'", "missing", "no table"),
        ("select pseudonym('a')", "forbidden", "models"),
        ("select cast('ada@example.com' as int)", "wrong", "cannot"),
        ("select rpad('x', 2000000000, 'y')", "limit", ""),
    ] {
        let query = served.sql(sql, None);
        assert_eq!(query["error"]["kind"], kind, "{sql}: {query}");
        let told = query["error"].to_string();
        assert!(told.contains(says), "{sql}: {told}");
        assert!(!told.contains("ada@"), "{sql}: {told}");
    }
    let place = served.sql("select email,\n  nothing from customer_trusted", None);
    assert_eq!(place["error"]["place"], json!([2, 3]), "{place}");
    // Values without their quotes are read as words.
    served.sql(
        "select x from customer_trusted where serialNumber = 50f7b4f3-a421-cafe and email = Lovelace",
        None,
    );
    let audit = served.audit();
    for told in ["ada@", "stolen", "f7b4f3", "a421", "cafe", "Lovelace"] {
        assert!(!audit.contains(told), "{told}: {audit}");
    }
    let kept = "from customer_trusted where serialNumber = ";
    assert!(audit.contains(kept), "{audit}");
}

/// What each role gets of what it asks. `-` is refused as if it did not exist, `0` are rows
/// without personal values, `1` may have them.
#[test]
fn roles_see_what_they_may() {
    let own = own_place();
    let tokens = [
        add_user(own.path(), "sci", "--role scientist"),
        add_user(own.path(), "eng", "--role engineer"),
        add_user(own.path(), "off", "--role privacy-officer"),
        add_user(own.path(), "see", "--role engineer --sees-personal"),
    ];
    let served = Served::with(&DEMO.dir, own, "");
    let people = &DEMO.people;
    let one = one_person();
    let cases = "
        -001 select email from customer_landing limit 9
        -001 select upper(email), length(email), reverse(phone) from customer_trusted limit 9
        -001 select min(email), max(serialnumber) from customer_landing
        -001 select array_agg(email) from customer_trusted
        -001 select a.user from accelerometer_trusted a join customer_trusted c on a.user = c.email limit 9
        -001 with t as (select email as e from customer_trusted) select * from t union all select e from t limit 9
        -001 select (select max(email) from customer_trusted) as e
        -001 select coalesce(email, phone) from customer_curated limit 9
        -001 select concat_ws('/', email, phone) from customer_trusted limit 9
        -001 select format('%s', array_join(array[email], ',')) from customer_trusted limit 9
        0001 select * from customer_curated limit 9
        0001 select * from machine_learning_curated limit 9
        0001 select * from curated.machine_learning_curated limit 9
        0001 select * from machine_learning_curated version as of 0 limit 9
        -001 select user from machine_learning_curated limit 9
        -001 select serialnumber from machine_learning_curated limit 9
        0000 select count(*), sum(x) from machine_learning_curated
        0000 select * from training_set limit 9
        0000 describe machine_learning_curated
        0000 show columns from machine_learning_curated
        0000 explain select * from machine_learning_curated
        0000 explain analyze select * from machine_learning_curated
        0000 explain verbose select * from machine_learning_curated
        0000 select * from information_schema.columns
        0000 show tables
        0000 select 1 as one
        -000 describe customer_trusted
        -000 show create table customer_trusted
        -000 show create table customer_curated
        -000 show partitions customer_landing
        ---- select input_file_name() from customer_curated
        -000 explain analyze select email from customer_trusted where email > 'm'
        -011 select subject from system.consent limit 9
        -011 select * from system.device_owner limit 9
        -000 select count(*) from system.consent
        -011 select subject from privacy.consents limit 9
        -011 select * from privacy.consents limit 9
        -000 select purpose, in_force, valid_from, source from privacy.consents limit 9
        -000 select count(*), max(reason) from privacy.violations
        -000 describe privacy.violations
        0000 show tables in privacy
        ---- select * from privacy.people
        --1- select * from system.audit
        --0- select action, door, count(*) from system.audit where outcome = 'done' group by 1, 2
        --0- describe system.audit
        ---- select count(*) from system.audit version as of 0
        -000 select * from system.runs limit 9
        -000 select * from system.checks limit 9
        -000 select * from system.ledger limit 9
        -000 select reason, places from system.quarantine limit 9
        ---- select raw from system.quarantine
        ---- select pseudonym('x')
    ";
    for line in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (marks, sql) = line.split_once(' ').unwrap();
        for (mark, token) in marks.chars().zip(&tokens) {
            let found = served.rows(sql, Some(token));
            let who = token.split('_').nth(1).unwrap();
            let text = format!("{found:?}");
            match mark {
                '-' => assert!(found.is_err(), "{who}: {sql}: {text}"),
                _ => assert!(found.is_ok(), "{who}: {sql}: {text}"),
            }
            if mark != '1' {
                assert_eq!(people.found_in(&text), None, "{who}: {sql}: {text}");
            } else {
                let is_unmasked = !text.contains("masked-");
                assert!(is_unmasked, "{who}: {sql}: {text}");
            }
        }
    }
    // What is masked for whoever asks still counts.
    let consents = "select count(distinct subject) from privacy.consents where in_force";
    let counts = tokens[1..]
        .iter()
        .map(|token| served.rows(consents, Some(token)).unwrap());
    let counts: Vec<_> = counts.collect();
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    // A mask is no way to ask whether somebody is there.
    for sql in [
        "select count(*) from customer_trusted where email = 'EMAIL'",
        "select count(*) from customer_trusted where email like '%@%'",
        "select count(*) from customer_trusted where strpos(email, '.') > 0",
        "select count(*) from customer_trusted where email in ('EMAIL', 'x')",
        "select count(*) from customer_trusted c join (values ('EMAIL')) t(e) on t.e = c.email",
        "select count(*) from customer_trusted where phone = 'PHONE'",
        "select sum(if(email = 'EMAIL', 1, 0)) from customer_landing",
    ] {
        let sql = sql.replace("EMAIL", &one.0).replace("PHONE", &one.1);
        let found = |who: usize| served.rows(&sql, Some(&tokens[who])).unwrap();
        assert_eq!(found(1), [json!([0])], "{sql}");
        assert_eq!(found(2), [json!([0])], "{sql}");
        assert_ne!(found(3), [json!([0])], "{sql}");
    }
    // Masked values still join as the values do.
    let joined =
        "select count(*) from customer_trusted c join accelerometer_trusted a on a.user = c.email";
    for token in &tokens[1..] {
        assert_eq!(served.rows(joined, Some(token)), Ok(vec![json!([40_981])]));
    }
    let audit = served.audit();
    assert_eq!(people.found_in(&audit), None);
    assert!(audit.contains("\"user\":\"sci\"") && audit.contains("\"outcome\":\"failed\""));
}

/// E-mail and phone of somebody who agrees.
fn one_person() -> (String, String) {
    let row = crate::program::rows(
        &DEMO.dir,
        "select email, phone from customer_trusted order by email limit 1",
    );
    let text = |column: &str| row[0][column].as_str().unwrap().to_owned();
    (text("email"), text("phone"))
}

#[test]
fn views_are_for_the_roles_that_may_open_them() {
    let own = own_place();
    let tokens = [
        add_user(own.path(), "sci", "--role scientist"),
        add_user(own.path(), "eng", "--role engineer"),
        add_user(own.path(), "off", "--role privacy-officer"),
    ];
    let served = Served::with(&SMALL.dir, own, "");
    for (path, expected) in [
        ("/api/v1/me", [200, 200, 200]),
        ("/api/v1/openapi.json", [200, 200, 200]),
        ("/api/v1/overview", [200, 200, 200]),
        ("/api/v1/functions", [200, 200, 200]),
        ("/api/v1/tables", [200, 200, 200]),
        ("/api/v1/tables/machine_learning_curated", [200, 200, 200]),
        ("/api/v1/tables/customer_trusted", [404, 200, 200]),
        ("/api/v1/tables/customer_trusted/plots", [404, 200, 200]),
        ("/api/v1/tables/customer_curated/plots", [200, 200, 200]),
        ("/api/v1/tables/customer_landing", [404, 200, 200]),
        ("/api/v1/tables/system.consent", [404, 200, 200]),
        ("/api/v1/tables/system.audit", [404, 404, 404]),
        ("/api/v1/tables/privacy.violations", [404, 404, 404]),
        ("/api/v1/runs", [403, 200, 200]),
        ("/api/v1/quarantine", [403, 200, 200]),
        ("/api/v1/privacy", [403, 403, 200]),
        ("/api/v1/audit", [403, 403, 200]),
        ("/", [200, 200, 200]),
        ("/pipeline", [200, 200, 200]),
        ("/tables", [200, 200, 200]),
        ("/tables/machine_learning_curated", [200, 200, 200]),
        ("/tables/customer_trusted", [404, 200, 200]),
        ("/tables/customer_trusted/plots", [404, 200, 200]),
        ("/tables/customer_curated/plots", [200, 200, 200]),
        ("/sql", [200, 200, 200]),
        ("/runs", [403, 200, 200]),
        ("/quarantine", [403, 200, 200]),
        ("/privacy", [403, 403, 200]),
    ] {
        for (token, expected) in tokens.iter().zip(expected) {
            let answer = served.get(path, Some(token));
            assert_eq!(answer.status, expected, "{path}: {}", answer.text());
            assert_eq!(SMALL.people.found_in(&answer.text()), None, "{path}");
        }
        let nobody = served.get(path, None);
        match path.starts_with("/api/") {
            true if path.ends_with("openapi.json") => assert_eq!(nobody.status, 200),
            true => assert_eq!(nobody.status, 401, "{path}"),
            false => assert_eq!(nobody.status, 303, "{path}"),
        }
    }
    let seen = served.get("/api/v1/overview", Some(&tokens[0])).json();
    let mut zones = seen["tables"].as_array().unwrap().iter();
    assert!(zones.all(|table| table["zone"] == "curated"), "{seen}");
    // Nobody reads the queries of others.
    let query = served.sql("select 1", Some(&tokens[1]));
    let id = query["id"].as_str().unwrap();
    for path in ["", "/rows", "/result?format=csv"] {
        let path = format!("/api/v1/queries/{id}{path}");
        assert_eq!(served.get(&path, Some(&tokens[1])).status, 200, "{path}");
        assert_eq!(served.get(&path, Some(&tokens[0])).status, 404, "{path}");
        assert_eq!(served.get(&path, Some(&tokens[2])).status, 404, "{path}");
    }
}

#[test]
fn people_sign_in_and_out() {
    let own = own_place();
    let token = add_user(own.path(), "ada", "--role privacy-officer");
    let served = Served::with(&SMALL.dir, own, "");
    let form = served.get("/sign-in?next=/tables", None);
    let csrf = hidden(&form.text(), "csrf");
    let kind = "Content-Type: application/x-www-form-urlencoded".to_owned();
    let send = |path: &str, cookie: &str, body: &str| {
        let head = [kind.clone(), format!("Cookie: {cookie}")];
        served.ask(&format!("POST {path}"), &head, body)
    };
    let good = "a+long+enough+password";
    for (csrf, name, password, status) in [
        ("0", "ada", good, 403),
        (csrf.as_str(), "ada", "a+long+enough+passwore", 401),
        (csrf.as_str(), "bob", good, 401),
        (csrf.as_str(), "ada", "", 401),
    ] {
        let body = format!("csrf={csrf}&name={name}&password={password}&next=/tables");
        let answer = send("/sign-in", "", &body);
        assert_eq!(answer.status, status, "{name} {password}: {}", answer.head);
        assert_eq!(answer.header("set-cookie"), None);
    }
    for (next, place) in [
        ("/tables", "/tables"),
        ("//evil.example/", "/"),
        ("https://evil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("/%09/evil.example", "/"),
        ("/a%0D%0AX:%201", "/"),
    ] {
        let body = format!("csrf={csrf}&name=ada&password={good}&next={next}");
        assert_eq!(send("/sign-in", "", &body).header("location"), Some(place));
    }
    let signed_in = send(
        "/sign-in",
        "",
        &format!("csrf={csrf}&name=ada&password={good}"),
    );
    let set = signed_in.header("set-cookie").unwrap();
    assert!(
        set.contains("HttpOnly") && set.contains("SameSite=Strict"),
        "{set}"
    );
    let cookie = set.split(';').next().unwrap().to_owned();
    let page = served.ask("GET /sql", &[format!("Cookie: {cookie}")], "");
    assert!(page.text().contains("ada"), "{}", page.text());
    let own_csrf = hidden(&page.text(), "csrf");
    assert_ne!(own_csrf, csrf);
    for (csrf, status) in [(csrf.as_str(), 403), ("", 403), (own_csrf.as_str(), 303)] {
        let asked = send("/sql", &cookie, &format!("csrf={csrf}&sql=select+1"));
        assert_eq!(asked.status, status, "{}", asked.text());
    }
    let email = crate::program::rows(&SMALL.dir, "select email from customer_trusted limit 1");
    let email = email[0]["email"].as_str().unwrap();
    let body = format!("csrf={own_csrf}&email={}", email.replace('@', "%40"));
    let person = send("/privacy/person", &cookie, &body);
    assert!(person.text().contains("research"), "{}", person.text());
    assert!(!served.audit().contains(email));
    assert!(served.audit().contains("look-up"));
    assert_eq!(
        send("/sign-out", &cookie, &format!("csrf={own_csrf}")).status,
        303
    );
    assert_eq!(
        served
            .ask("GET /sql", &[format!("Cookie: {cookie}")], "")
            .status,
        303
    );

    // Another user of the same name has nothing of the first.
    let query = served.sql("select 1 as one", Some(&token));
    let id = query["id"].as_str().unwrap();
    let results = format!("/api/v1/queries/{id}/rows");
    assert_eq!(served.get(&results, Some(&token)).status, 200);
    let before = send(
        "/sign-in",
        "",
        &format!("csrf={csrf}&name=ada&password={good}"),
    );
    let before = before
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let users = served.own.path().join("users.json");
    let remove = format!("user remove ada --users {}", users.display());
    stedi(served.own.path(), &remove).run().done();
    let token = add_user(served.own.path(), "ada", "--role privacy-officer");
    assert_eq!(served.get(&results, Some(&token)).status, 404);
    assert_eq!(
        served.get("/api/v1/queries", Some(&token)).json(),
        json!([])
    );
    let with_cookie = served.ask("GET /sql", &[format!("Cookie: {before}")], "");
    assert_eq!(with_cookie.status, 303);

    // A revoked token, and a removed user, end at once.
    assert_eq!(served.get("/api/v1/me", Some(&token)).status, 200);
    let revoke = format!("user revoke ada --users {}", users.display());
    stedi(served.own.path(), &revoke).run().done();
    assert_eq!(served.get("/api/v1/me", Some(&token)).status, 401);
    let again = send(
        "/sign-in",
        "",
        &format!("csrf={csrf}&name=ada&password={good}"),
    );
    let cookie = again
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let cookie = [format!("Cookie: {cookie}")];
    assert_eq!(served.ask("GET /sql", &cookie, "").status, 200);
    stedi(served.own.path(), &remove).run().done();
    let after = served.ask("GET /sql", &cookie, "");
    assert_eq!(after.status, 303);
    let audit = served.audit();
    assert_eq!(
        audit.matches("\"outcome\":\"refused\"").count(),
        3,
        "{audit}"
    );
}

#[test]
fn another_page_may_not_ask() {
    let served = Served::of(&SMALL.dir, "--host lake.example");
    let own = format!("http://{}", served.address);
    let kind = "Content-Type: application/json";
    let body = r#"{"sql": "select 1"}"#;
    for (request, head, status) in [
        ("GET /", "Host: evil.example", 403),
        ("GET /", "Host: evil.example:80", 403),
        ("GET /", "Host: lake.example", 200),
        ("GET /", "Host: localhost", 200),
        ("GET /", "Sec-Fetch-Site: cross-site", 200),
        ("GET /", "Origin: null", 403),
        ("GET /api/v1/tables", "Sec-Fetch-Site: cross-site", 403),
        ("GET /api/v1/tables", "Sec-Fetch-Site: same-site", 403),
        ("GET /api/v1/tables", "Sec-Fetch-Site: same-origin", 200),
        ("POST /api/v1/queries", "Origin: http://evil.example", 403),
        ("POST /api/v1/queries", "Origin: null", 403),
        ("POST /api/v1/queries", "Origin: OWN", 202),
        ("POST /api/v1/queries", "X-Other: 1", 202),
        ("POST /sql", "Origin: http://evil.example", 403),
        (
            "OPTIONS /api/v1/queries",
            "Origin: http://evil.example",
            403,
        ),
    ] {
        let head = [head.replace("OWN", &own), kind.to_owned()];
        let body = if request.starts_with("POST") {
            body
        } else {
            ""
        };
        let answer = served.ask(request, &head, body);
        assert_eq!(
            answer.status,
            status,
            "{request} {head:?}: {}",
            answer.text()
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let simple = ["Content-Type: text/plain".to_owned()];
    assert_eq!(
        served.ask("POST /api/v1/queries", &simple, body).status,
        400
    );
}

#[test]
fn odd_connections_are_survived() {
    let served = Served::of(&SMALL.dir, "");
    // Heads that never end, bodies that never come, and ends that close.
    let mut slow: Vec<_> = (0..40).map(|_| served.connect()).collect();
    for (number, stream) in slow.iter_mut().enumerate() {
        let sent: &[u8] = match number % 4 {
            0 => b"GET / HT",
            1 => {
                b"POST /api/v1/queries HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
            }
            2 => b"",
            _ => b"GET / HTTP/1.1\r\nHost: localhost\r\nX-",
        };
        stream.write_all(sent).unwrap();
        if number % 3 == 0 {
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
    }
    let long = "x".repeat(100_000);
    let large = "y".repeat(2 << 20);
    let kind = ["Content-Type: application/json".to_owned()];
    for (request, head, body, status) in [
        ("GET /".to_owned(), &[][..], "", 200),
        (format!("GET /{long}"), &[], "", 414),
        ("GET /".to_owned(), &[format!("X-Long: {long}")], "", 400),
        (
            "POST /api/v1/queries".to_owned(),
            &kind,
            large.as_str(),
            400,
        ),
        (
            "POST /api/v1/queries".to_owned(),
            &kind,
            "{\"sql\": 1}",
            400,
        ),
        (
            "POST /api/v1/queries".to_owned(),
            &kind,
            "{\"sql\": \"select 1\", \"x\": 1}",
            400,
        ),
        ("PATCH /api/v1/queries".to_owned(), &[], "", 405),
        ("DELETE /".to_owned(), &[], "", 405),
        ("BREW /".to_owned(), &[], "", 405),
    ] {
        let answer = served.ask(&request, head, body);
        let shown = &request[..request.len().min(40)];
        // A request that is refused before it was sent whole may lose its answer.
        let is_large = body.len() > 1 << 20;
        assert!(
            answer.status == status || is_large && answer.status == 0,
            "{shown}: {} {}",
            answer.status,
            answer.text()
        );
    }
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"\r\n\r\n\r\n",
    ] {
        let mut stream = served.connect();
        stream.write_all(bytes).unwrap();
        _ = stream.shutdown(std::net::Shutdown::Write);
        _ = answer(&mut stream);
    }
    assert_eq!(served.get("/health/ready", None).status, 200);
    let metrics = served.get("/metrics", None).text();
    assert!(metrics.contains("stedi_statements_running 0"), "{metrics}");
}

#[test]
fn a_heavy_statement_is_cancelled_limited_and_does_not_hold_up_the_end() {
    let served = Served::of(&SMALL.dir, "--timeout 2");
    // Counts pairs of pairs: longer than anybody waits.
    let heavy = "select count(*) from unnest(sequence(1, 10000)) a(n) cross join unnest(sequence(1, 10000)) b(m) cross join unnest(sequence(1, 10000)) c(o) where n + m > o";
    let head = ["Content-Type: application/json".to_owned()];
    let submit = || {
        let body = json!({"sql": heavy}).to_string();
        let answer = served.ask("POST /api/v1/queries", &head, &body);
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    };
    let id = submit();
    let begun = Instant::now();
    assert_eq!(
        served
            .ask(&format!("POST /api/v1/queries/{id}/cancel"), &[], "")
            .status,
        204
    );
    let state = served
        .get(&format!("/api/v1/queries/{id}?wait_ms=5000"), None)
        .json();
    assert_eq!(state["state"], "cancelled", "{state}");
    assert!(begun.elapsed() < Duration::from_secs(5));

    let id = submit();
    // The page answers meanwhile.
    assert_eq!(served.get("/sql", None).status, 200);
    let state = served
        .get(&format!("/api/v1/queries/{id}?wait_ms=20000"), None)
        .json();
    assert_eq!(state["error"]["kind"], "limit", "{state}");
    for _ in 0..3 {
        submit();
    }
    std::thread::sleep(Duration::from_millis(300));
    let (took, audit) = served.ended();
    assert!(took < Duration::from_secs(4), "{took:?}");
    // Whatever goes on at the end has its line, too. The first one may have been cancelled
    // before it began.
    let outcomes = audit.lines().map(|line| line.parse::<Value>().unwrap());
    let outcomes = outcomes.map(|line| line["outcome"].as_str().unwrap().to_owned());
    let outcomes: Vec<String> = outcomes.collect();
    let expected = ["limit", "cancelled", "cancelled", "cancelled"].map(str::to_owned);
    assert!(outcomes.ends_with(&expected), "{audit}");
}

/// A statement whose memory nothing counts ends the server; who asked it is in the log.
#[test]
fn who_asked_what_ended_the_server_is_in_the_audit_log() {
    let served = Served::of(&SMALL.dir, "--memory 64MB");
    let wide = "select max(a) over () from (select rpad(cast(n as varchar), 15000000, 'x') as a from unnest(sequence(1, 1)) t(n)) w, unnest(sequence(1, 400)) u(m)";
    let long = "select first_value(a) over () from (select rpad(cast(n as varchar), 15000000, 'x') as a from unnest(sequence(1, 1)) t(n)) w, unnest(sequence(1, 400)) u(m)";
    let limited = served.sql(wide, None);
    assert_eq!(limited["error"]["kind"], "limit", "{limited}");
    let head = ["Content-Type: application/json".to_owned()];
    let body = json!({"sql": long}).to_string();
    served.ask("POST /api/v1/queries", &head, &body);
    let audit = served.died();
    let last = audit.lines().last().unwrap().parse::<Value>().unwrap();
    assert!(
        last["statement"]
            .as_str()
            .unwrap()
            .starts_with("select first_value"),
        "{last}"
    );
    assert_eq!(last["outcome"], "limit", "{last}");
}

#[test]
fn what_would_be_open_to_everybody_is_not_served() {
    let own = own_place();
    let users = format!("--users {}", own.path().join("users.json").display());
    stedi(&SMALL.dir, &format!("serve --http 0.0.0.0:0 {users}"))
        .run()
        .ended(2)
        .says("not loopback")
        .hints("--tls-cert");
    let (certificate, key) = (own.path().join("c.pem"), own.path().join("k.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = format!(
        "--tls-cert {} --tls-key {}",
        certificate.display(),
        key.display()
    );
    stedi(&SMALL.dir, &format!("serve --http 0.0.0.0:0 {tls} {users}"))
        .run()
        .ended(2)
        .says("nobody could sign in")
        .hints("stedi user add");
    let swapped = format!(
        "--tls-cert {} --tls-key {}",
        key.display(),
        certificate.display()
    );
    stedi(
        &SMALL.dir,
        &format!("serve --http 127.0.0.1:0 {swapped} {users}"),
    )
    .run()
    .ended(2)
    .hints("PEM");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    stedi(&SMALL.dir, &format!("serve --http {taken} {users}"))
        .run()
        .ended(1)
        .says("cannot listen")
        .hints("another address");
    // With TLS, plain text gets no answer.
    let served = Served::of(&SMALL.dir, &tls);
    let plain = served.get("/health/live", None);
    assert_eq!(plain.status, 0, "{}", plain.head);
}
