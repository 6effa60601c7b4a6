//! Many spellings of one person's address, and addresses of unknown people.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::places::{Landing, contents, unchanged};
use crate::program::{Outcome, count, rows, stedi};

const NOW: i64 = 10_000;

/// Spellings that arrive: with a composed ü, with an ü of two characters, plain,
/// and with a zero-width character at the end.
const COMPOSED: &str = "j\u{fc}rgen@x.org";
const DECOMPOSED: &str = "Ju\u{308}rgen@x.org";
const PLAIN: &str = "p2@x.org";
const JOINED: &str = "zoe@x.org\u{200b}";

/// Four people who consent, and one with a reading only.
fn laid_out() -> TempDir {
    let record = |email: &str| json!({"email": email, "lastUpdateDate": 100, "shareWithResearchAsOfDate": 100});
    let reading =
        |user: &str, at: i64| json!({"user": user, "timestamp": at, "x": 1, "y": 2, "z": 3});
    Landing {
        customers: [COMPOSED, PLAIN, JOINED, "stays@x.org"]
            .map(record)
            .to_vec(),
        accelerometer: vec![
            reading(COMPOSED, 1),
            reading(DECOMPOSED, 2),
            reading(&format!("\u{202a}{}\u{202c}", DECOMPOSED.to_uppercase()), 3),
            reading(PLAIN, 4),
            reading("zoe@x.org", 5),
            reading("ZOE@x.org \u{feff}", 6),
            reading("stays@x.org", 7),
            reading("reads@x.org", 8),
        ],
        step_trainer: vec![json!({"serialNumber": "nobody's", "sensorReadingTime": 1})],
    }
    .laid_out()
}

fn enter(dir: &Path, words: &str, email: &str) -> Outcome {
    let words = format!("--now {NOW} consent {words}");
    stedi(dir, &words).input(email).run()
}

fn run(dir: &Path) {
    stedi(dir, &format!("run --strict --now {NOW}"))
        .run()
        .done();
}

fn trusted(dir: &Path) -> Vec<(String, u64)> {
    let found = rows(
        dir,
        "select subject(user) as person, count(*) as n from accelerometer_trusted group by 1 order by 1",
    );
    let of = |row: &Value| {
        let person = row["person"].as_str().unwrap().to_owned();
        (person, row["n"].as_u64().unwrap())
    };
    found.iter().map(of).collect()
}

#[test]
fn spellings_of_one_person_are_one_person() {
    let dir = laid_out();
    let dir = dir.path();
    run(dir);
    let expected = [
        (COMPOSED, 3),
        (PLAIN, 1),
        ("stays@x.org", 1),
        ("zoe@x.org", 2),
    ];
    let expected = expected.map(|(person, n)| (person.to_owned(), n));
    let mut found = trusted(dir);
    found.sort();
    let mut sorted = expected.to_vec();
    sorted.sort();
    assert_eq!(found, sorted);
    // Columns keep the spelling as sent.
    assert_eq!(
        count(
            dir,
            &format!("select count(*) from accelerometer_trusted where user = '{DECOMPOSED}'")
        ),
        1
    );
    // A newest record under another spelling is the same person's.
    let record =
        json!({"email": DECOMPOSED, "lastUpdateDate": 200, "shareWithResearchAsOfDate": 150});
    fs::write(
        dir.join("landing/customer/landing/b.json"),
        format!("{record}\n"),
    )
    .unwrap();
    run(dir);
    let of_two = "select count(*) from customer_trusted where subject(email) like 'j%'";
    assert_eq!(count(dir, of_two), 1);
    for (entered, gone) in [
        ("JU\u{308}RGEN@X.ORG\u{200b}\n", COMPOSED),
        ("\u{200b}P2@x.org\u{a0}", PLAIN),
        ("zoe@x.org", "zoe@x.org"),
    ] {
        enter(dir, "withdraw", entered)
            .done()
            .says("the person is known");
        run(dir);
        assert!(
            trusted(dir).iter().all(|(person, _)| person != gone),
            "{gone}"
        );
    }
    assert_eq!(trusted(dir), [("stays@x.org".to_owned(), 1)]);
    stedi(dir, &format!("verify --now {NOW}")).run().done();
}

/// Before and after the first run: known people are those in the landing files.
#[test]
fn nobody_is_taken_for_somebody() {
    let dir = laid_out();
    let dir = dir.path();
    for round in ["before the first run", "after it"] {
        let before = contents(dir);
        for (address, hint) in [
            ("<p2@x.org>", "without characters around"),
            ("\"p2@x.org\"", "without characters around"),
            ("'p2@x.org'", "without characters around"),
            ("mailto:p2@x.org", "without characters around"),
            ("p2@x.org;", "without characters around"),
            ("p2@x.org,", "without characters around"),
            ("p3@x.org", "spelled"),
            ("p2@x.org.", "spelled"),
            ("p2@x.or", "spelled"),
            ("p\u{200b}2@x.org", "spelled"),
            ("jurgen@x.org", "spelled"),
        ] {
            for act in ["withdraw", "grant", "withdraw --purpose public --at 5"] {
                let refused = enter(dir, act, address)
                    .ended(1)
                    .says("nobody is known by this address; nothing was entered")
                    .hints(hint)
                    .hints("--unknown");
                assert!(!refused.err.contains("x.org"), "{refused}");
            }
            let status = enter(dir, "status", address).done();
            let status = status.says("nobody is known by this address");
            assert!(!status.err.contains("x.org"), "{status}");
        }
        unchanged(&before, dir, round);
        for (address, by) in [
            (PLAIN, "a person record"),
            (" P2@X.ORG\u{200b}", "a person record"),
            ("J\u{dc}RGEN@X.org", "a person record"),
            (DECOMPOSED, "a person record"),
            ("zoe@x.org", "a person record"),
            ("reads@x.org", "a reading"),
        ] {
            let status = enter(dir, "status", address).done();
            status.says(&format!("the person is known by {by}"));
        }
        run(dir);
    }
}

#[test]
fn somebody_may_withdraw_before_anything_arrives() {
    let dir = laid_out();
    let dir = dir.path();
    run(dir);
    let entered = enter(dir, "withdraw --unknown", "soon@x.org").done();
    entered.says("nobody is known by this address");
    // From then on they are.
    enter(dir, "status", "Soon@x.org")
        .done()
        .says("known by an entry by hand");
    enter(dir, "withdraw", "SOON@x.org").done();
    let record =
        json!({"email": "soon@x.org", "lastUpdateDate": 150, "shareWithResearchAsOfDate": 150});
    let file = dir.join("landing/customer/landing/b.json");
    fs::write(&file, format!("{record}\n")).unwrap();
    run(dir);
    let theirs = "select count(*) from customer_trusted where email = 'soon@x.org'";
    assert_eq!(count(dir, theirs), 0);
    // One whose record cannot be read is known by it, in whatever way.
    fs::write(
        dir.join("landing/customer/landing/c.json"),
        "{'email':'torn@x.org','lastUpdateDate':2",
    )
    .unwrap();
    stedi(dir, &format!("run --now {NOW}")).run().done();
    enter(dir, "status", "torn@x.org")
        .done()
        .says("known by a record in quarantine");
    enter(dir, "grant", "torn@x.org").done();
}

/// If landing files are unreachable, known people are those that a run has read.
#[test]
fn who_is_known_is_noted() {
    let dir = laid_out();
    let dir = dir.path();
    run(dir);
    fs::rename(dir.join("landing"), dir.join("elsewhere")).unwrap();
    enter(dir, "withdraw", PLAIN).done();
    enter(dir, "withdraw", "reads@x.org").done();
    enter(dir, "withdraw", "p3@x.org")
        .ended(1)
        .hints("--unknown");
    enter(dir, "withdraw --unknown", "p3@x.org").done();
}
