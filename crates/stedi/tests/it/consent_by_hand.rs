//! Consent given and withdrawn by records, changed by hand with `stedi consent`,
//! and suspended by quarantined records: from the binary to the rows of
//! `system.consent` and of the trusted tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::people::People;
use crate::places::{Landing, SMALL, append, contents, log_entries, unchanged};
use crate::program::{Call, Outcome, count, finish, rows, stedi, value};

/// Start time of the runs in these tests.
const NOW: i64 = 10_000;

/// A person's history as text, and the consent intervals that follow.
///
/// `20:5` is a record updated at 20 with the consent date 5, `20:-` one without a
/// date, `+20` a grant and `-20` a withdrawal by hand as of 20, entered in this
/// order. `5..20` is an interval, `+5..20` one that was opened by hand.
type Case = (&'static str, &'static str);

const BY_RECORDS: [Case; 14] = [
    ("10:-", ""),
    ("10:5", "5.."),
    // Given, withdrawn, given again.
    ("10:5 20:-", "5..20"),
    ("10:5 20:- 30:25", "5..20 25.."),
    ("10:5 20:- 30:25 40:-", "5..20 25..40"),
    ("10:5 20:- 30:25 40:- 50:45", "5..20 25..40 45.."),
    ("10:5 20:- 30:5", "5..20 30.."),
    ("10:5 20:- 30:20", "5..20 20.."),
    // Tomorrow, and withdrawn before it comes.
    ("10:99999", "99999.."),
    ("10:99999 20:-", ""),
    // Out of order, repeated, contradicting.
    ("40:35 20:- 10:5", "5..20 35.."),
    ("10:5 10:5 20:- 20:-", "5..20"),
    ("10:5 20:3 20:-", "5..20"),
    // Withdrawn as of tomorrow.
    ("10:5 99999:-", "5..99999"),
];

const BY_HAND: [Case; 33] = [
    // Against records that say otherwise.
    ("10:- +20", "+20.."),
    ("10:5 -20", "5..20"),
    ("10:- +20 -30", "+20..30"),
    ("10:- +20 -30 +40", "+20..30 +40.."),
    ("10:5 -20 +30", "5..20 +30.."),
    ("10:5 -20 +30 -40", "5..20 +30..40"),
    ("10:5 20:- +30 40:- +50", "5..20 +30..40 +50.."),
    ("10:5 -20 30:-", "5..20"),
    // A withdrawal by hand is lifted by a later date, and by no other record.
    ("10:5 -20 30:25", "5..20 25.."),
    ("10:5 -20 30:21", "5..20 21.."),
    ("10:5 -20 30:20", "5..20"),
    ("10:5 -20 30:5", "5..20"),
    ("10:5 -20 30:5 40:5 50:5", "5..20"),
    ("10:5 19:25 -20", "5..20"),
    ("10:5 -20 30:25 40:- 50:5", "5..20 25..40 50.."),
    // Tomorrow.
    ("10:- +99999", "+99999.."),
    ("10:5 -99999", "5..99999"),
    ("10:5 -20 +99999", "5..20 +99999.."),
    ("10:99999 -20", ""),
    ("10:99999 +20", "+20.."),
    // Dated back.
    ("10:5 -7", ""),
    ("10:8 20:8 -15", "8..15"),
    ("10:5 20:- 30:25 -12", "5..12 25.."),
    ("20:- +10", "+10..20"),
    ("10:5 +30 -20", "5..20 +30.."),
    ("10:5 -30 +20", "5..30"),
    // At one instant the later entry decides, and no grant outdoes a record.
    ("10:5 -20 +20", "5..20 +20.."),
    ("10:5 +20 -20", "5..20"),
    ("20:- +20", ""),
    // Nobody's record is needed.
    ("+20", "+20.."),
    ("-20", ""),
    ("+20 -30", "+20..30"),
    ("-20 +30", "+30.."),
];

#[test]
fn intervals_of_records() {
    check(&BY_RECORDS);
}

#[test]
fn intervals_of_entries_and_records() {
    check(&BY_HAND);
}

/// Checks all cases in one lake; each case is a person.
fn check(cases: &[Case]) {
    let mut landing = Landing::default();
    for (number, (happened, _)) in cases.iter().enumerate() {
        let records = happened.split(' ').filter_map(|word| word.split_once(':'));
        for (at, date) in records {
            let record = record(&email(number), at, date);
            landing.customers.push(record);
        }
        landing.accelerometer.push(reading(&email(number), 1));
    }
    let dir = laid_out(landing);
    // Nobody has to wait for a first run.
    for (number, (happened, _)) in cases.iter().enumerate() {
        for word in happened.split(' ').filter(|word| !word.contains(':')) {
            let (sign, at) = word.split_at(1);
            enter(dir.path(), sign, &spelled(number), at).done();
        }
    }
    run(dir.path(), NOW);
    let consent = intervals(dir.path());
    let trusted = since(dir.path());
    let readers = readers(dir.path());
    for (number, (happened, expected)) in cases.iter().enumerate() {
        let person = email(number);
        let found = consent.get(&person).map(String::as_str).unwrap_or_default();
        assert_eq!(found, *expected, "{happened}");
        let in_force = expected.split_whitespace().find_map(|interval| {
            let (from, to) = interval.trim_start_matches('+').split_once("..")?;
            let [from, to] = [from, to].map(|end| end.parse::<i64>());
            let from = from.ok()?;
            (from <= NOW && to.ok().is_none_or(|to| NOW < to)).then_some(from)
        });
        let has_record = happened.contains(':');
        let since = in_force.filter(|_| has_record);
        assert_eq!(trusted.get(&person).copied(), since, "{happened}");
        assert_eq!(readers.contains(&person), since.is_some(), "{happened}");
    }
    assert_eq!(agreeing(dir.path()), in_force_at(cases, NOW));
    let before = log_entries(&dir.path().join("lake"));
    run(dir.path(), NOW);
    assert_eq!(
        log_entries(&dir.path().join("lake")),
        before,
        "nothing was new"
    );
}

/// The people of `cases` who agree at an instant.
fn in_force_at(cases: &[Case], now: i64) -> BTreeSet<String> {
    let holds = |interval: &str| {
        let (from, to) = interval.trim_start_matches('+').split_once("..").unwrap();
        let to = to.parse::<i64>().unwrap_or(i64::MAX);
        from.parse::<i64>().unwrap() <= now && now < to
    };
    let cases = cases.iter().enumerate();
    let agreeing = cases.filter(|(_, (_, expected))| expected.split_whitespace().any(holds));
    agreeing.map(|(number, _)| email(number)).collect()
}

/// The people who agree to research at [`NOW`], as `privacy.consents` says.
fn agreeing(dir: &Path) -> BTreeSet<String> {
    let sql = "select subject from privacy.consents where in_force and purpose = 'research'";
    let call = stedi(dir, &format!("sql --now {NOW} --format ndjson -c")).arg(sql);
    let rows = call.run().done().out;
    let rows = rows.lines().map(|line| serde_json::from_str(line).unwrap());
    let subject = |row: Value| row["subject"].as_str().unwrap().to_owned();
    rows.map(subject).collect()
}

#[test]
fn consent_holds_from_its_first_millisecond_to_the_one_before_its_end() {
    let mut landing = Landing::default();
    let (by_records, by_hand) = (email(0), email(1));
    for (at, date) in [("110", "100"), ("200", "-"), ("310", "300"), ("400", "-")] {
        landing.customers.push(record(&by_records, at, date));
    }
    landing.customers.push(record(&by_hand, "50", "-"));
    for person in [&by_records, &by_hand] {
        landing.accelerometer.push(reading(person, 1));
    }
    let dir = laid_out(landing);
    for (sign, at) in [("+", "100"), ("-", "200"), ("+", "300"), ("-", "400")] {
        enter(dir.path(), sign, &by_hand, at).done();
    }
    for (now, expected) in [
        (99, None),
        (100, Some(100)),
        (199, Some(100)),
        (200, None),
        (299, None),
        (300, Some(300)),
        (399, Some(300)),
        (400, None),
    ] {
        run(dir.path(), now);
        let expected: BTreeMap<String, i64> = expected
            .into_iter()
            .flat_map(|from| [(by_records.clone(), from), (by_hand.clone(), from)])
            .collect();
        assert_eq!(since(dir.path()), expected, "at {now}");
        let people: BTreeSet<String> = expected.into_keys().collect();
        assert_eq!(readers(dir.path()), people, "at {now}");
    }
}

/// The training set has exactly the readings inside the intervals.
#[test]
fn readings_are_taught_from_while_consent_held() {
    let person = email(0);
    let mut landing = Landing::default();
    let mut newest = record(&person, "310", "300");
    newest["serialNumber"] = json!("own");
    landing.customers = vec![
        record(&person, "110", "100"),
        record(&person, "200", "-"),
        newest,
    ];
    for at in [99, 100, 199, 200, 299, 300, 349, 350, 399, 400, 500] {
        landing.accelerometer.push(reading(&person, at));
        landing.step_trainer.push(
            json!({"serialNumber": "own", "sensorReadingTime": at, "distanceFromObject": at}),
        );
    }
    let dir = landing.laid_out();
    let dir = dir.path();
    let taught = || -> Vec<i64> {
        let select = "select distancefromobject as at, elapsed_ms from training_set order by at";
        let rows = rows(dir, select);
        let number = |row: &Value, key: &str| row[key].as_i64().unwrap();
        let first = rows.first().map_or(0, |row| number(row, "at"));
        for row in &rows {
            assert_eq!(number(row, "elapsed_ms"), number(row, "at") - first);
        }
        rows.iter().map(|row| number(row, "at")).collect()
    };
    run(dir, NOW);
    assert_eq!(taught(), [100, 199, 300, 349, 350, 399, 400, 500]);
    enter(dir, "-", &person, "350").done();
    run(dir, NOW);
    assert_eq!(taught(), [0; 0]);
    enter(dir, "+", &person, "400").done();
    run(dir, NOW);
    assert_eq!(taught(), [100, 199, 300, 349, 400, 500]);
}

/// All spellings of an address, in records and by hand, are one person.
#[test]
fn letter_cases_of_one_address() {
    let mut landing = Landing::default();
    for (spelled, at, date) in [
        ("Ann@Example.com", "10", "5"),
        ("ANN@example.COM", "20", "7"),
    ] {
        landing.customers.push(record(spelled, at, date));
        landing.accelerometer.push(reading(spelled, 1));
    }
    let dir = laid_out(landing);
    let all = || count(dir.path(), "select count(*) from accelerometer_trusted");
    run(dir.path(), NOW);
    assert_eq!(all(), 2);
    enter(dir.path(), "-", " ann@example.com\t", "30").done();
    run(dir.path(), NOW);
    assert_eq!(
        intervals(dir.path()),
        [("ann@example.com".to_owned(), "5..30".to_owned())].into()
    );
    assert_eq!((all(), since(dir.path()).len()), (0, 0));
    enter(dir.path(), "+", "\u{feff}aNN@eXAMPLE.com\r\n\r\n", "40").done();
    run(dir.path(), NOW);
    assert_eq!((all(), since(dir.path()).len()), (2, 1));
}

/// The person is removed from every table by the next run, and is back after the
/// run after that.
#[test]
fn who_withdraws_is_nowhere_and_who_grants_is_back() {
    let own = SMALL.copied();
    let dir = own.path();
    let person = value(
        dir,
        "select min(email) from customer_curated where serialnumber is not null",
    );
    let person = person.as_str().unwrap();
    let tables = [
        "customer_trusted",
        "accelerometer_trusted",
        "customer_curated",
        "step_trainer_trusted",
        "machine_learning_curated",
    ];
    let counts = || tables.map(|table| count(dir, &format!("select count(*) from {table}")));
    let before = counts();
    let serial = value(
        dir,
        &format!("select serialnumber from customer_curated where email = '{person}'"),
    );
    let withdrawn = stedi(dir, "consent withdraw").input(person).run().done();
    let withdrawn = withdrawn.says("next publication").says("stedi run");
    SMALL.people.untold_by(&withdrawn);
    assert_eq!(counts(), before, "nothing changes before the run");
    stedi(dir, "run").run().done();
    for (table, column, of) in [
        ("customer_trusted", "email", person),
        ("accelerometer_trusted", "\"user\"", person),
        ("customer_curated", "email", person),
        (
            "step_trainer_trusted",
            "serialnumber",
            serial.as_str().unwrap(),
        ),
        ("machine_learning_curated", "\"user\"", person),
        (
            "machine_learning_curated",
            "serialnumber",
            serial.as_str().unwrap(),
        ),
    ] {
        let left = count(
            dir,
            &format!("select count(*) from {table} where {column} = '{of}'"),
        );
        assert_eq!(left, 0, "{table}.{column}");
    }
    for (table, (now, before)) in tables.iter().zip(counts().iter().zip(before)) {
        assert!(*now < before, "{table}");
    }
    // Older landing files that are delivered again change nothing.
    let file = fs::read_dir(dir.join("landing/customer/landing")).unwrap();
    let file = file.flatten().next().unwrap().path();
    fs::copy(&file, file.with_file_name("again.json")).unwrap();
    stedi(dir, "run").run().done();
    let left = format!("select count(*) from customer_trusted where email = '{person}'");
    assert_eq!(count(dir, &left), 0, "remembered");
    // Nor does a lake's table that is lost and built anew.
    fs::remove_dir_all(dir.join("lake/trusted")).unwrap();
    fs::remove_dir_all(dir.join("lake/system/consent")).unwrap();
    stedi(dir, "run").run().done();
    assert_eq!(count(dir, &left), 0, "remembered");

    stedi(dir, "consent grant").input(person).run().done();
    stedi(dir, "run").run().done();
    assert_eq!(counts(), before);
}

/// Between a withdrawal and the next run, `privacy.violations` names the person wherever
/// `verify` counts one, and nobody else.
#[test]
fn rows_of_who_withdrew_are_violations_until_the_next_run() {
    let own = SMALL.copied();
    let dir = own.path();
    let violations = || {
        rows(
            dir,
            "select * from privacy.violations order by zone, table_name",
        )
    };
    assert_eq!(violations(), [Value::Null; 0]);
    let owners = "select subject from system.device_owner o join customer_curated c \
                  on o.subject = subject(c.email) order by 1 limit 2";
    let people = rows(dir, owners);
    let people: Vec<&str> = people
        .iter()
        .map(|row| row["subject"].as_str().unwrap())
        .collect();
    for person in &people {
        stedi(dir, "consent withdraw").input(person).run().done();
    }
    let verified = stedi(dir, "verify --format json").run().ended(4).json();
    let mut expected = BTreeMap::new();
    for check in verified["checks"].as_array().unwrap() {
        let table = check["table"].as_str().unwrap();
        let is_gate = check["check"].as_str().unwrap().starts_with("privacy:");
        // The people of the training set have pseudonyms.
        if is_gate && table != "training_set" {
            let count = check["violations"].as_u64().unwrap();
            *expected.entry(table.to_owned()).or_insert(0) += count;
        }
    }
    let found = violations();
    let mut counted: BTreeMap<String, u64> = expected.keys().map(|of| (of.clone(), 0)).collect();
    for row in &found {
        *counted
            .get_mut(row["table_name"].as_str().unwrap())
            .unwrap() += 1;
        assert!(people.contains(&row["subject"].as_str().unwrap()));
        assert_eq!(row["reason"], "ended");
        let (table, zone) = (
            row["table_name"].as_str().unwrap(),
            row["zone"].as_str().unwrap(),
        );
        assert_eq!(
            row["device"].is_string(),
            table == "step_trainer_trusted",
            "{table}"
        );
        let column = match table {
            "customer_trusted" | "customer_curated" => "subject(email)",
            "step_trainer_trusted" => "serialnumber",
            _ => "subject(user)",
        };
        let name = row["device"].as_str().or(row["subject"].as_str()).unwrap();
        let sql = format!("select count(*) from {zone}.{table} where {column} = '{name}'");
        assert_eq!(count(dir, &sql), row["rows"].as_u64().unwrap(), "{table}");
    }
    assert_eq!(counted, expected);
    assert!(expected.values().all(|count| *count == 2), "{expected:?}");
    stedi(dir, "run").run().done();
    assert_eq!(violations(), [Value::Null; 0]);
    // They tell of now, and are not there among older versions.
    for (words, says) in [
        ("sql -c", "tells of now and has no versions"),
        ("sql --as-of 2100-01-01 -c", "no table `privacy.consents`"),
    ] {
        let version = ["", " version as of 0"][usize::from(words == "sql -c")];
        let sql = format!("select * from privacy.consents{version}");
        stedi(dir, words).arg(sql).run().ended(1).says(says);
    }
    assert_eq!(
        count(
            dir,
            "select count(*) from privacy.consents where not in_force"
        ),
        2
    );
}

/// A line of `person` that is not valid JSON.
fn unreadable(person: &str) -> Vec<(&'static str, String)> {
    let escaped = person.replace('@', "\\u0040").replace('p', "\\u0070");
    vec![
        (
            "cut off",
            format!(r#"{{"email":"{person}","lastUpdateDate":2"#),
        ),
        (
            "cut off in a text",
            format!(r#"{{"email":"{person}","customerName":"A"#),
        ),
        (
            "cut off before the quote",
            format!(r#"{{"lastUpdateDate":20,"email":"{person}"#),
        ),
        (
            "a key twice",
            format!(r#"{{"email":"{person}","lastUpdateDate":20,"lastUpdateDate":30}}"#),
        ),
        (
            "the e-mail twice",
            format!(r#"{{"email":"{person}","email":"x@y.z","lastUpdateDate":20}}"#),
        ),
        (
            "escaped",
            format!(r#"{{"email":"{escaped}","lastUpdateDate":"x"}}"#),
        ),
        (
            "an escaped key",
            format!(r#"{{"\u0065mail":"{escaped}","lastUpdateDate":"x"}}"#),
        ),
        (
            "upper case",
            format!(
                r#"{{"EMAIL":" {} ","lastUpdateDate":true}}"#,
                person.to_uppercase()
            ),
        ),
        ("no update", format!(r#"{{"email":"{person}"}}"#)),
        (
            "a fraction",
            format!(r#"{{"email":"{person}","lastUpdateDate":20.5}}"#),
        ),
        (
            "no quotes",
            format!(r#"{{email:{person},lastUpdateDate:20}}"#),
        ),
        (
            "single quotes",
            format!("{{'email':'{person}','lastUpdateDate':20}}"),
        ),
        (
            "no e-mail's key",
            format!(r#"{{"e-mail":"{person}","lastUpdateDate":20}}"#),
        ),
        (
            "no comma",
            format!(r#"{{"email":"{person}" "lastUpdateDate":20}}"#),
        ),
        ("no JSON", format!("{person}\t20")),
    ]
}

#[test]
fn a_quarantined_record_suspends_its_person() {
    let kinds = unreadable("x").len();
    let mut landing = Landing::default();
    // The last one has nothing in quarantine.
    for number in 0..=kinds {
        landing.customers.push(record(&email(number), "10", "5"));
        landing.accelerometer.push(reading(&email(number), 1));
    }
    let dir = laid_out(landing);
    let dir = dir.path();
    run(dir, NOW);
    assert_eq!(since(dir).len(), kinds + 1);
    let complete = contents(&dir.join("lake"));
    let mut cases = Vec::new();
    for number in 0..kinds {
        let (shows, line) = unreadable(&email(number)).swap_remove(number);
        // Files of their own: each is mended alone.
        append(
            dir,
            &format!("customer/landing/bad-{number}.json"),
            &format!("\n{line}\n"),
        );
        cases.push(shows);
    }
    stedi(dir, &format!("run --strict --now {NOW}"))
        .run()
        .ended(3);
    unchanged(&complete, &dir.join("lake"), "--strict");

    stedi(dir, &format!("run --now {NOW}")).run().done();
    let consent = intervals(dir);
    let mut ids = Vec::new();
    for (number, shows) in cases.iter().enumerate() {
        assert_eq!(consent.get(&email(number)), None, "{shows}");
        let status = status(dir, &email(number), "--format json");
        let lines = status.json();
        let suspensions = of_kind(&lines, "suspension");
        let [suspension] = suspensions.as_slice() else {
            panic!("{shows}: {status}");
        };
        assert_eq!(suspension["file"], format!("bad-{number}.json"), "{shows}");
        assert_eq!(suspension["line"], 2, "{shows}");
        assert!(
            of_kind(&lines, "now")
                .iter()
                .all(|line| line["in_force"] == false),
            "{status}"
        );
        ids.push(suspension["id"].as_str().unwrap().to_owned());
    }
    let well = email(kinds);
    assert_eq!(since(dir), [(well.clone(), 5)].into());
    assert_eq!(readers(dir), [well.clone()].into());
    assert!(of_kind(&status(dir, &well, "--format json").json(), "suspension").is_empty());

    // No grant outdoes it.
    let granted = enter(dir, "+", &email(0), "20").done();
    granted.says("suspends this person");
    stedi(dir, &format!("run --now {NOW}")).run().done();
    assert_eq!(since(dir), [(well, 5)].into());

    // Until somebody drops the entry, or mends the file.
    for (number, id) in ids.iter().enumerate() {
        if number % 2 == 0 {
            stedi(dir, "quarantine drop").arg(id).run().done();
        } else {
            let file = dir.join(format!("landing/customer/landing/bad-{number}.json"));
            fs::write(file, "").unwrap();
        }
    }
    stedi(dir, &format!("run --now {NOW}")).run().done();
    let all: BTreeSet<String> = (0..=kinds).map(email).collect();
    assert_eq!(since(dir).into_keys().collect::<BTreeSet<_>>(), all);
    assert_eq!(readers(dir), all);
    let entries = log_entries(&dir.join("lake"));
    stedi(dir, &format!("run --now {NOW}")).run().done();
    assert_eq!(log_entries(&dir.join("lake")), entries, "nothing was new");
}

/// If no model reads customer records, they are read for consent alone.
#[test]
fn a_quarantined_record_suspends_its_person_where_no_model_reads_records() {
    let mut landing = Landing::default();
    for number in 0..2 {
        landing.customers.push(record(&email(number), "10", "5"));
        landing.accelerometer.push(reading(&email(number), 1));
    }
    let dir = laid_out(landing);
    let dir = dir.path();
    let broken = format!(r#"{{"email":"{}","lastUpdateDate":2"#, email(0));
    append(dir, "customer/landing/bad.json", &broken);
    stedi(dir, "init p").run().done();
    for gone in [
        "trusted/customer_trusted.sql",
        "trusted/step_trainer_trusted.sql",
        "curated",
        "published.toml",
    ] {
        let gone = dir.join("p").join(gone);
        fs::remove_dir_all(&gone)
            .or_else(|_| fs::remove_file(&gone))
            .unwrap();
    }
    let model = "/*\ngrain = \"One reading.\"\nsubject = \"user\"\npersonal = [\"user\"]\n*/\n\
                 select a.user, a.timestamp from accelerometer_landing a\n\
                 join system.consent c on c.subject = subject(a.user) and c.purpose = 'research'\n";
    fs::write(dir.join("p/trusted/accelerometer_trusted.sql"), model).unwrap();
    stedi(dir, "run --project p").run().done();
    let readers = rows(dir, "select subject from system.consent");
    assert_eq!(readers, [json!({"subject": email(1)})]);
    let left = stedi(dir, "sql --project p --format json -c");
    let left = left
        .arg("select user from accelerometer_trusted")
        .run()
        .done();
    assert_eq!(left.json(), json!([{"user": email(1)}]));
}

#[test]
fn what_an_entry_says_of_itself() {
    let dir = laid_out(known());
    let dir = dir.path();
    let first = enter(dir, "+", &email(0), "5000").done();
    first
        .says("there was no lake at")
        .says("granted as of 1970-01-01T00:00:05.000Z");
    let back = enter(dir, "-", &email(0), "4000").done();
    let back = back.says("the register has a grant as of 1970-01-01T00:00:05.000Z");
    assert!(!back.err.contains("there was no lake"), "{back}");
    let before = enter(dir, "+", &email(0), "3000").done();
    before.says("the register has a withdrawal as of 1970-01-01T00:00:04.000Z");
    let other = enter(dir, "-", &email(1), "4000").done();
    assert!(!other.err.contains("the register has"), "{other}");
    let public = call(
        dir,
        "consent withdraw --purpose public --at 4000",
        &email(0),
    );
    let public = public.run().done().says("public consent withdrawn");
    assert!(!public.err.contains("the register has"), "{public}");
    let ahead = enter(dir, "-", &email(0), "20000").done();
    ahead.says("the first publication from 1970-01-01T00:00:20.000Z on");
    enter(dir, "-", &email(0), "1970-01-01T00:00:06Z")
        .done()
        .says("as of 1970-01-01T00:00:06.000Z");
    let now = call(dir, "consent withdraw", &email(0)).run().done();
    now.says("as of 1970-01-01T00:00:10.000Z")
        .hints("stedi run");
    call(dir, "consent withdraw --quiet", &email(0))
        .run()
        .done()
        .silent();

    let register = rows(
        dir,
        "select position, entered_at, purpose, act, valid_from from system.consent_register
         where subject = 'person-0@example.com' order by position",
    );
    let found: Vec<String> = register
        .iter()
        .map(|row| {
            assert_eq!(row["entered_at"], NOW);
            format!(
                "{} {} {} {}",
                row["position"], row["purpose"], row["act"], row["valid_from"]
            )
        })
        .map(|line| line.replace('"', ""))
        .collect();
    assert_eq!(
        found,
        [
            "0 research grant 5000",
            "1 research withdraw 4000",
            "2 research grant 3000",
            "4 public withdraw 4000",
            "5 research withdraw 20000",
            "6 research withdraw 6000",
            "7 research withdraw 10000",
            "8 research withdraw 10000",
        ]
    );
}

#[test]
fn who_and_why_are_kept() {
    let dir = laid_out(known());
    let dir = dir.path();
    let words = "consent withdraw --at 1 --who";
    call(dir, words, &email(0))
        .arg("A. Clerk")
        .arg("--why")
        .arg("asked by letter")
        .run()
        .done();
    call(dir, "consent withdraw --at 2", &email(0))
        .env("LOGNAME", "clerk")
        .run()
        .done();
    // Without the variables, from the system's list of users, or to be stated.
    let unnamed = call(dir, "consent withdraw --at 3", &email(0))
        .env("LOGNAME", "")
        .env("USER", "")
        .run();
    if unnamed.code != 0 {
        unnamed.ended(2).hints("--who");
    }
    let kept = rows(
        dir,
        "select entered_by, reason from system.consent_register where valid_from < 3 order by position",
    );
    assert_eq!(
        kept,
        [
            json!({"entered_by": "A. Clerk", "reason": "asked by letter"}),
            json!({"entered_by": "clerk", "reason": ""}),
        ]
    );
    let status = status(dir, &email(0), "--format json");
    let lines = status.json();
    let first = &of_kind(&lines, "entry")[0];
    assert_eq!(first["who"], "A. Clerk");
    assert_eq!(first["why"], "asked by letter");
    let broken = call(dir, "consent withdraw --why", &email(0)).arg("two\nlines");
    broken.run().ended(2).says("--why");
}

#[test]
fn the_status_of_a_person() {
    let mut landing = Landing::default();
    for (at, date) in [("110", "100"), ("200", "-"), ("310", "300")] {
        landing.customers.push(record(&email(0), at, date));
    }
    landing.accelerometer.push(reading(&email(0), 1));
    let dir = laid_out(landing);
    let dir = dir.path();

    // Of nobody nothing is known, and asking makes no lake.
    let nobody = status(dir, &email(9), "").says("has no consent of this person");
    assert!(nobody.out.contains("no"), "{nobody}");
    assert!(!dir.join("lake").exists());

    run(dir, NOW);
    let lines = status(dir, &spelled(0), "--format json").json();
    let now = of_kind(&lines, "now");
    let in_force: Vec<String> = now
        .iter()
        .map(|line| format!("{} {}", line["purpose"], line["in_force"]).replace('"', ""))
        .collect();
    assert_eq!(in_force, ["research true", "public false", "friends false"]);
    let held: Vec<(&Value, &Value, &Value)> = of_kind(&lines, "interval")
        .iter()
        .map(|line| (&line["valid_from"], &line["valid_to"], &line["in_force"]))
        .collect();
    assert_eq!(
        held,
        [
            (
                &json!("1970-01-01T00:00:00.100Z"),
                &json!("1970-01-01T00:00:00.200Z"),
                &json!(false)
            ),
            (
                &json!("1970-01-01T00:00:00.300Z"),
                &Value::Null,
                &json!(true)
            ),
        ]
    );
    let quiet = status(dir, &email(0), "--quiet").silent();
    assert!(quiet.out.contains("1970-01-01T00:00:00.300Z"), "{quiet}");

    // What was entered since is told as such.
    enter(dir, "-", &email(0), "5000").done();
    let waiting = status(dir, &email(0), "--format csv").says("takes effect with `stedi run`");
    assert!(
        waiting.out.starts_with("kind,purpose,in_force,"),
        "{waiting}"
    );
    assert!(waiting.out.contains("now,research,yes,"), "{waiting}");
    assert!(waiting.out.contains("entry,research,"), "{waiting}");
    run(dir, NOW);
    let done = status(dir, &email(0), "--format ndjson").silent();
    let lines = Value::Array(done.json_lines());
    assert_eq!(of_kind(&lines, "now")[0]["in_force"], false);
    assert_eq!(
        of_kind(&lines, "interval")[1]["valid_to"],
        "1970-01-01T00:00:05.000Z"
    );
    let one = status(dir, &email(0), "--format json --purpose friends").json();
    assert_eq!(one.as_array().unwrap().len(), 1, "{one}");
    status(dir, &email(9), "--format json").says("has no consent of this person");
}

/// Both of two entries made at the same time are kept, also if there was no lake.
#[test]
fn entries_made_at_once_are_all_kept() {
    const AT_ONCE: usize = 12;
    let dir = laid_out(known());
    let dir = dir.path();
    for round in 0..2 {
        let begun: Vec<_> = (0..AT_ONCE)
            .map(|number| call(dir, "consent withdraw", &email(number)).start())
            .collect();
        for (child, line) in begun {
            finish(child, line).done();
        }
        let kept = rows(
            dir,
            "select count(*) as entries, count(distinct subject) as people from system.consent_register",
        );
        let entries = AT_ONCE * (round + 1);
        assert_eq!(kept, [json!({"entries": entries, "people": AT_ONCE})]);
    }
    // Tries that came too late left nothing behind.
    let files = contents(&dir.join("lake/system/consent_register"));
    let of_log =
        |path: &std::path::Path| path.parent().is_some_and(|of| of.ends_with("_delta_log"));
    let data = files
        .keys()
        .filter(|path| path.extension().is_some_and(|of| of == "parquet") && !of_log(path));
    assert_eq!(data.count(), 2 * AT_ONCE);
}

#[test]
fn an_address_among_the_arguments_is_refused_and_not_told() {
    let dir = laid_out(Landing::default());
    let dir = dir.path();
    let before = contents(dir);
    for words in [
        "consent withdraw ann.ash@example.com",
        "consent grant ann.ash@example.com",
        "consent status ann.ash@example.com",
        "consent status -- ann.ash@example.com",
        "consent ann.ash@example.com",
        "consent ann.ash@example.com withdraw",
        "consent withdraw --email ann.ash@example.com",
        "consent withdraw --email=ann.ash@example.com",
        "consent withdraw --purpose ann.ash@example.com",
        "consent withdraw --at ann.ash@example.com",
        "consent withdraw --why ann.ash@example.com",
        "consent withdraw --who ann.ash@example.com",
        "consent withdraw --why=by-mail:ann.ash@example.com",
        "consent withdraw --email-file ann.ash@example.com",
        "consent withdraw --lake ann.ash@example.com",
        "consent withdraw --at 1 ANN.ASH@EXAMPLE.COM --purpose public",
        // A name is no address, and is not told either.
        "consent withdraw ann.ash",
    ] {
        let refused = stedi(dir, words).input("x@y.z").run().ended(2);
        let refused = refused.says("arguments").hints("standard input");
        let told = format!("{}{}", refused.out, refused.err).to_lowercase();
        assert!(!told.contains("ash"), "{refused}");
    }
    unchanged(&before, dir, "refused");
    // Paths may have such names.
    fs::create_dir(dir.join("me@corp")).unwrap();
    fs::write(dir.join("me@corp/whose"), "ann.ash@example.com\n").unwrap();
    let words = "consent withdraw --unknown --email-file ./me@corp/whose";
    call(dir, words, "").run().done();
    assert_eq!(
        count(dir, "select count(*) from system.consent_register"),
        1
    );
}

#[test]
fn what_is_no_address_is_refused() {
    let dir = laid_out(Landing::default());
    let dir = dir.path();
    fs::write(dir.join("bytes"), b"ann\xff@example.com").unwrap();
    let before = contents(dir);
    for (input, says) in [
        ("", "no e-mail address was given"),
        ("\n \n", "no e-mail address was given"),
        ("Ann Ash", "not an e-mail address"),
        ("@example.com", "not an e-mail address"),
        ("ash@", "not an e-mail address"),
        ("Ann <ash@example.com>", "not an e-mail address"),
        ("ash@example.com\nelm@example.com\n", "more than one line"),
    ] {
        for words in ["consent withdraw", "consent grant"] {
            let refused = call(dir, words, input).run().ended(2).says(says);
            assert!(!refused.err.contains("ash@"), "{refused}");
        }
    }
    for (words, code, says) in [
        ("consent withdraw --email-file nowhere", 1, "--email-file"),
        ("consent withdraw --email-file bytes", 2, "not valid UTF-8"),
        ("consent withdraw --at yesterday", 2, "yesterday"),
        ("consent withdraw --purpose sports", 2, "research"),
        ("consent withdraw --lake landing/lake", 2, "overlap"),
        ("consent", 2, "Usage"),
    ] {
        call(dir, words, "x@y.z").run().ended(code).says(says);
    }
    unchanged(&before, dir, "refused");
}

/// Messages, table logs and object names do not reveal whose consent changed.
#[test]
fn nobody_is_told() {
    let own = SMALL.copied();
    let dir = own.path();
    let people = &SMALL.people;
    let person = value(dir, "select min(email) from customer_trusted");
    let person = person.as_str().unwrap().to_owned();
    let file = dir.join("whose");
    fs::write(&file, format!("{person}\n")).unwrap();
    append(
        dir,
        "customer/landing/bad.json",
        &format!(r#"{{"email":"{person}","x"#),
    );
    let bad = dir
        .join("landing/customer/landing")
        .join(format!("{person}.json"));
    fs::write(bad, format!(r#"{{"email":"{person}","x"#)).unwrap();
    let mut outcomes = Vec::new();
    for words in [
        "consent status -v",
        "consent grant -v",
        "consent withdraw -v --at 5",
        "run -v",
        "consent status -v",
        "consent status -v --format json",
        "consent status -v --format csv",
        "consent status -v --format ndjson",
        "history system.consent_register",
        "consent grant -v",
    ] {
        let call = stedi(dir, words);
        let call = if words.starts_with("consent") {
            call.arg("--email-file").arg("whose")
        } else {
            call
        };
        outcomes.push(call.run());
    }
    for outcome in outcomes {
        people.untold_by(&outcome);
        let told = format!("{}{}", outcome.out, outcome.err).to_lowercase();
        assert!(!told.contains(&person.to_lowercase()), "{outcome}");
    }
    for (path, bytes) in contents(&dir.join("lake")) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(told_in(people, &path.to_string_lossy()), None);
        if path
            .parent()
            .is_some_and(|folder| folder.ends_with("_delta_log"))
        {
            assert_eq!(told_in(people, &text), None, "{}", path.display());
        }
    }
}

fn told_in<'a>(people: &'a People, text: &str) -> Option<&'a str> {
    people.found_in(text)
}

fn email(number: usize) -> String {
    format!("person-{number}@example.com")
}

/// The same address in different spellings.
fn spelled(number: usize) -> String {
    format!("  Person-{number}@EXAMPLE.com \n")
}

fn record(email: &str, at: &str, date: &str) -> Value {
    let mut record = json!({"email": email, "lastUpdateDate": at.parse::<i64>().unwrap()});
    if date != "-" {
        record["shareWithResearchAsOfDate"] = json!(date.parse::<i64>().unwrap());
    }
    record
}

/// Landing data of people with a record, but without consent.
fn known() -> Landing {
    Landing {
        customers: (0..12)
            .map(|number| record(&email(number), "1", "-"))
            .collect(),
        ..Landing::default()
    }
}

fn reading(user: &str, at: i64) -> Value {
    json!({"user": user, "timestamp": at, "x": 1, "y": 2, "z": 3})
}

fn laid_out(mut landing: Landing) -> TempDir {
    landing
        .step_trainer
        .push(json!({"serialNumber": "nobody's", "sensorReadingTime": 1}));
    landing.laid_out()
}

fn run(dir: &Path, now: i64) {
    stedi(dir, &format!("run --strict --now {now}"))
        .run()
        .done();
}

fn call(dir: &Path, words: &str, email: &str) -> Call {
    stedi(dir, &format!("--now {NOW} {words}")).input(email)
}

/// Enters consent by hand: `+` grants, `-` withdraws.
fn enter(dir: &Path, sign: &str, email: &str, at: &str) -> Outcome {
    let act = if sign == "+" { "grant" } else { "withdraw" };
    call(dir, &format!("consent {act} --at {at}"), email).run()
}

#[track_caller]
fn status(dir: &Path, email: &str, words: &str) -> Outcome {
    call(dir, &format!("consent status {words}"), email)
        .run()
        .done()
}

fn of_kind<'a>(lines: &'a Value, kind: &str) -> Vec<&'a Value> {
    let lines = lines.as_array().unwrap().iter();
    lines.filter(|line| line["kind"] == kind).collect()
}

/// Each person's intervals of consent to research, as text in the format of
/// [`Case`].
fn intervals(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::<String, String>::new();
    for row in rows(
        dir,
        "select * from system.consent where purpose = 'research' order by subject, valid_from",
    ) {
        let of_person = found.entry(row["subject"].as_str().unwrap().to_owned());
        let of_person = of_person.or_default();
        if !of_person.is_empty() {
            of_person.push(' ');
        }
        if row["source"] == "hand" {
            of_person.push('+');
        }
        let to = row["valid_to"].as_i64().map(|to| to.to_string());
        *of_person += &format!("{}..{}", row["valid_from"], to.unwrap_or_default());
    }
    found
}

/// The people in the trusted table, and since when they consent.
fn since(dir: &Path) -> BTreeMap<String, i64> {
    let select =
        "select subject(email) as person, sharewithresearchasofdate as since from customer_trusted";
    let of_row = |row: &Value| {
        let person = row["person"].as_str().unwrap().to_owned();
        (person, row["since"].as_i64().unwrap())
    };
    rows(dir, select).iter().map(of_row).collect()
}

/// The people with trusted readings.
fn readers(dir: &Path) -> BTreeSet<String> {
    let select = "select distinct subject(user) as person from accelerometer_trusted";
    let of_row = |row: &Value| row["person"].as_str().unwrap().to_owned();
    rows(dir, select).iter().map(of_row).collect()
}
