//! Which rows become trusted: consent over time, people, owners of devices,
//! duplicates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::places::Landing;
use crate::program::{count, rows, stedi};

/// Start time of the runs in these tests.
const NOW: i64 = 10_000;

/// A customer record: `lastUpdateDate`, and the value of the consent date. `None`
/// leaves the key out.
type Record = (i64, Option<Value>);

fn given(date: i64) -> Option<Value> {
    Some(json!(date))
}

/// A title, a person's records, and since when the person consents at [`NOW`], if
/// so.
fn cases() -> Vec<(&'static str, Vec<Record>, Option<i64>)> {
    let not = || None;
    vec![
        ("a date", vec![(500, given(100))], Some(100)),
        ("no key", vec![(500, not())], None),
        ("null", vec![(500, Some(Value::Null))], None),
        ("zero", vec![(500, given(0))], None),
        ("negative", vec![(500, given(-1))], None),
        ("empty text", vec![(500, Some(json!("")))], None),
        ("blank text", vec![(500, Some(json!("   ")))], None),
        ("zero as text", vec![(500, Some(json!("0")))], None),
        ("digits as text", vec![(500, Some(json!("100")))], Some(100)),
        (
            "an integral float",
            vec![(500, Some(json!(100.0)))],
            Some(100),
        ),
        (
            "in force from this very moment",
            vec![(500, given(NOW))],
            Some(NOW),
        ),
        ("a moment too early", vec![(500, given(NOW + 1))], None),
        (
            "the newest record agrees",
            vec![(100, not()), (200, given(200))],
            Some(200),
        ),
        (
            "the newest record withdraws",
            vec![(100, given(100)), (200, not())],
            None,
        ),
        (
            "withdrawn by null",
            vec![(100, given(100)), (200, Some(Value::Null))],
            None,
        ),
        (
            "withdrawn by zero",
            vec![(100, given(100)), (200, given(0))],
            None,
        ),
        (
            "withdrawn by blank",
            vec![(100, given(100)), (200, Some(json!("")))],
            None,
        ),
        (
            "the order of arrival does not count",
            vec![(200, not()), (100, given(100))],
            None,
        ),
        (
            "an older withdrawal arrives late",
            vec![(200, given(150)), (100, not())],
            Some(150),
        ),
        (
            "agreed all along",
            vec![(100, given(100)), (200, given(200))],
            Some(100),
        ),
        (
            "renewed for the future",
            vec![(100, given(100)), (200, given(NOW + 5))],
            Some(100),
        ),
        (
            "again, with the date from before the withdrawal",
            vec![(100, given(100)), (200, not()), (300, given(100))],
            Some(300),
        ),
        (
            "again, with a later date",
            vec![(100, given(100)), (200, not()), (300, given(250))],
            Some(250),
        ),
        (
            "again, with the date of the withdrawal",
            vec![(100, given(100)), (200, not()), (300, given(200))],
            Some(200),
        ),
        (
            "withdrawn as of tomorrow",
            vec![(100, given(100)), (NOW + 1, not())],
            Some(100),
        ),
        (
            "withdrawn at this very moment",
            vec![(100, given(100)), (NOW, not())],
            None,
        ),
        (
            "again, in the future",
            vec![(100, given(100)), (200, not()), (300, given(NOW + 1))],
            None,
        ),
        (
            "again, with the date between two withdrawals",
            vec![
                (100, given(100)),
                (200, not()),
                (300, given(300)),
                (400, not()),
                (500, given(350)),
            ],
            Some(500),
        ),
        (
            "again, and withdrawn again",
            vec![
                (100, given(100)),
                (200, not()),
                (300, given(300)),
                (400, not()),
            ],
            None,
        ),
        (
            "of one instant, consent first",
            vec![(100, given(50)), (100, not())],
            None,
        ),
        (
            "of one instant, consent last",
            vec![(100, not()), (100, given(50))],
            None,
        ),
        (
            "of one instant, then consent with an older date",
            vec![(100, given(50)), (100, not()), (200, given(50))],
            Some(200),
        ),
        (
            "the same record twice",
            vec![(100, given(50)), (100, given(50))],
            Some(50),
        ),
    ]
}

#[test]
fn consent_in_force() {
    let mut landing = Landing::default();
    for (number, (_, records, _)) in cases().into_iter().enumerate() {
        for record in records {
            landing.customers.push(customer(&email(number), record));
        }
        landing
            .accelerometer
            .push(json!({"user": email(number), "timestamp": 1, "x": 0, "y": 0, "z": 0}));
    }
    let dir = built(landing);
    let in_force = consents(dir.path());
    for (number, (shows, records, expected)) in cases().into_iter().enumerate() {
        assert_eq!(
            in_force.get(&email(number)).copied(),
            expected,
            "{shows}: {records:?}"
        );
    }
    let readers: BTreeSet<String> = rows(dir.path(), "select user from accelerometer_trusted")
        .iter()
        .map(|row| row["user"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(readers, in_force.into_keys().collect());
}

/// A second implementation of the rules of `docs/tables.md`, for one person at a
/// time: `customer_trusted` must have the same result for thousands of people.
#[test]
fn consent_in_force_for_any_history() {
    let mut random = Random(2_026);
    let mut landing = Landing::default();
    let mut histories = Vec::new();
    for person in 0..3_000 {
        let records: Vec<(i64, Option<i64>)> = (0..=random.below(6))
            .map(|_| {
                // Some clocks run ahead.
                let at = match random.below(8) {
                    0 => NOW + 100 * random.below(3),
                    _ => 100 * (1 + random.below(8)),
                };
                let date = match random.below(5) {
                    0 | 1 => None,
                    2 => Some(at),
                    3 => Some(50 * (1 + random.below(18))),
                    _ => Some(NOW - 1 + random.below(3)),
                };
                (at, date)
            })
            .collect();
        for (at, date) in &records {
            let record = (*at, date.map(|date| json!(date)));
            landing.customers.push(customer(&email(person), record));
        }
        histories.push(records);
    }
    landing
        .accelerometer
        .push(json!({"user": email(0), "timestamp": 1}));
    let dir = built(landing);
    let in_force = consents(dir.path());
    for (person, records) in histories.iter().enumerate() {
        assert_eq!(
            in_force.get(&email(person)).copied(),
            story(records),
            "{records:?}"
        );
    }
    let some = in_force.len();
    assert!((500..2_500).contains(&some), "{some} of 3,000 agree");
}

/// Since when the person of `records` consents at [`NOW`], if so.
fn story(records: &[(i64, Option<i64>)]) -> Option<i64> {
    let instants: BTreeSet<i64> = records.iter().map(|(at, _)| *at).collect();
    // Intervals of consent: from, and until when.
    let mut intervals: Vec<(i64, Option<i64>)> = Vec::new();
    let mut withdrawn = None;
    for at in instants {
        let said: Vec<Option<i64>> = records
            .iter()
            .filter(|(said_at, _)| *said_at == at)
            .map(|(_, date)| *date)
            .collect();
        if said.contains(&None) {
            for (_, until) in &mut intervals {
                until.get_or_insert(at);
            }
            withdrawn = Some(at);
            continue;
        }
        for date in said.into_iter().flatten() {
            let before = withdrawn.is_some_and(|withdrawn| date < withdrawn);
            intervals.push((if before { at } else { date }, None));
        }
    }
    intervals
        .into_iter()
        .filter(|(from, until)| *from <= NOW && until.is_none_or(|until| until > NOW))
        .map(|(from, _)| from)
        .min()
}

/// The choice among several newest records must not depend on files and cores.
#[test]
fn of_several_newest_records_always_the_same_one_is_taken() {
    let mut records = Vec::new();
    for (person, name) in (0..40).flat_map(|person| [(person, "A"), (person, "B"), (person, "C")]) {
        let mut record = owner(&email(person), &format!("{name}-{person}"), given(50));
        record["customerName"] = json!(name);
        record["phone"] = if name == "B" {
            Value::Null
        } else {
            json!(name)
        };
        records.push(record);
    }
    let mut taken = Vec::new();
    for _ in 0..2 {
        records.rotate_left(41);
        let dir = built(Landing {
            customers: records.clone(),
            ..Landing::default()
        });
        taken.push(rows(
            dir.path(),
            "select * from customer_trusted order by email",
        ));
    }
    assert_eq!(taken[0].len(), 40);
    assert!(taken[0] == taken[1], "{taken:?}");
}

#[test]
fn one_person_in_any_spelling_of_their_address() {
    let mut landing = Landing::default();
    for spelled in ["Ann.Ash@example.com", " ann.ash@EXAMPLE.com  "] {
        landing.customers.push(customer(spelled, (100, given(50))));
    }
    let mut newest = customer("ANN.ASH@example.com ", (200, given(50)));
    newest["customerName"] = json!("Ann Ash-Elm");
    landing.customers.push(newest);
    for (number, spelled) in [
        "ann.ash@example.com",
        " Ann.Ash@Example.com",
        "ANN.ASH@EXAMPLE.COM",
    ]
    .iter()
    .enumerate()
    {
        landing
            .accelerometer
            .push(json!({"user": spelled, "timestamp": number, "x": 1, "y": 2, "z": 3}));
    }
    let dir = built(landing);
    assert_eq!(
        rows(
            dir.path(),
            "select email, customername, lastupdatedate, sharewithresearchasofdate from customer_trusted"
        ),
        [json!({
            "email": "ANN.ASH@example.com ",
            "customername": "Ann Ash-Elm",
            "lastupdatedate": 200,
            "sharewithresearchasofdate": 50,
        })],
        "one row, spelled as in the newest record"
    );
    assert_eq!(
        rows(
            dir.path(),
            "select user from accelerometer_trusted order by timestamp"
        ),
        [
            json!({"user": "ann.ash@example.com"}),
            json!({"user": " Ann.Ash@Example.com"}),
            json!({"user": "ANN.ASH@EXAMPLE.COM"}),
        ],
        "each reading spelled as sent"
    );
}

/// A withdrawal counts even with a stray tab or line break after the address.
#[test]
fn white_space_of_any_kind_hides_no_withdrawal() {
    let spaces = ["", " ", "\t", "\n", "\r\n", "\u{a0}", "\u{2003}", " \t "];
    let mut landing = Landing::default();
    for (number, space) in spaces.iter().enumerate() {
        let plain = email(number);
        landing.customers.push(customer(&plain, (100, given(50))));
        for spelled in [format!("{plain}{space}"), format!("{space}{plain}")] {
            landing.customers.push(customer(&spelled, (200, None)));
        }
        landing
            .accelerometer
            .push(json!({"user": plain, "timestamp": 1}));
    }
    let dir = built(landing);
    let left = consents(dir.path());
    assert!(left.is_empty(), "{left:?} of {spaces:?}");
    assert_eq!(
        count(dir.path(), "select count(*) from accelerometer_trusted"),
        0
    );
}

#[test]
fn an_empty_address_is_nobody() {
    let mut landing = Landing::default();
    landing.customers.push(customer("", (100, given(50))));
    landing.customers.push(customer("  ", (100, given(50))));
    landing
        .customers
        .push(customer("cy@example.com", (100, given(50))));
    for user in ["", "  ", "cy@example.com"] {
        landing
            .accelerometer
            .push(json!({"user": user, "timestamp": 1}));
    }
    landing
        .step_trainer
        .push(json!({"serialNumber": "nobody's", "sensorReadingTime": 1}));
    let dir = landing.laid_out();
    // Whether such a line is a row or goes to quarantine is not said here.
    stedi(dir.path(), "run").run().done();
    assert_eq!(
        rows(dir.path(), "select email from customer_trusted"),
        [json!({"email": "cy@example.com"})]
    );
    assert_eq!(
        rows(dir.path(), "select user from accelerometer_trusted"),
        [json!({"user": "cy@example.com"})]
    );
}

#[test]
fn equal_readings_are_kept_once_and_counted() {
    let mut landing = Landing::default();
    landing
        .customers
        .push(owner("dee@example.com", "dee-1", given(50)));
    landing
        .customers
        .push(owner("eve@example.com", "eve-1", None));
    let phone = |user: &str, x: f64| json!({"user": user, "timestamp": 7, "x": x, "y": 0, "z": 0});
    let trainer = |serial: &str, distance: i64| json!({"serialNumber": serial, "sensorReadingTime": 7, "distanceFromObject": distance});
    for _ in 0..3 {
        landing.accelerometer.push(phone("dee@example.com", 1.0));
        landing.accelerometer.push(phone("eve@example.com", 1.0));
        landing.step_trainer.push(trainer("dee-1", 5));
        landing.step_trainer.push(trainer("eve-1", 5));
    }
    landing.accelerometer.push(phone("dee@example.com", 2.0));
    landing.step_trainer.push(trainer("dee-1", 6));
    let dir = landing.laid_out();
    landing.write(dir.path(), "delivered-again.json");
    run(dir.path());
    for (table, rows_out, duplicates) in [
        // Six of each reading in two files, and one of another in each.
        ("accelerometer_trusted", 2, 6),
        ("step_trainer_trusted", 2, 6),
    ] {
        assert_eq!(
            count(dir.path(), &format!("select count(*) from {table}")),
            rows_out,
            "{table}"
        );
        let noted = rows(
            dir.path(),
            &format!("select rows_out, duplicates from system.runs where table_name = '{table}'"),
        );
        assert_eq!(
            noted,
            [json!({"rows_out": rows_out, "duplicates": duplicates})],
            "{table}"
        );
    }
    assert_eq!(
        count(dir.path(), "select count(*) from accelerometer_landing"),
        14,
        "landing shows what arrived"
    );
    let verdicts = count(
        dir.path(),
        "select count(*) from system.checks where verdict <> 'ok'",
    );
    assert_eq!(verdicts, 0, "a duplicate fails no check");
}

/// Claims of serial numbers, and the owners that follow.
#[test]
fn owners_by_the_customer_records_alone() {
    struct Case {
        shows: &'static str,
        /// (person, `lastUpdateDate`, serial number, consent)
        records: Vec<(&'static str, i64, &'static str, Option<Value>)>,
        /// (person, serial number in `customer_curated`)
        curated: Vec<(&'static str, Option<&'static str>)>,
        /// Serial numbers in `step_trainer_trusted`.
        trusted: Vec<&'static str>,
    }
    let cases = [
        Case {
            shows: "each claims one",
            records: vec![("ann", 1, "s1", given(1)), ("bea", 1, "s2", given(1))],
            curated: vec![("ann", Some("s1")), ("bea", Some("s2"))],
            trusted: vec!["s1", "s2"],
        },
        Case {
            shows: "two who agreed claim one",
            records: vec![("ann", 1, "s1", given(1)), ("bea", 1, "s1", given(1))],
            curated: vec![("ann", None), ("bea", None)],
            trusted: vec![],
        },
        Case {
            shows: "one who did not agree claims it, too",
            records: vec![("ann", 1, "s1", given(1)), ("bea", 1, "s1", None)],
            curated: vec![("ann", None)],
            trusted: vec![],
        },
        Case {
            shows: "the other's newest record claims another",
            records: vec![
                ("ann", 1, "s1", given(1)),
                ("bea", 1, "s1", given(1)),
                ("bea", 2, "s2", given(1)),
            ],
            curated: vec![("ann", Some("s1")), ("bea", Some("s2"))],
            trusted: vec!["s1", "s2"],
        },
        Case {
            shows: "one person claims it twice",
            records: vec![("ann", 1, "s1", given(1)), ("ann", 2, "s1", given(1))],
            curated: vec![("ann", Some("s1"))],
            trusted: vec!["s1"],
        },
        Case {
            shows: "one who did not agree claims one alone",
            records: vec![("ann", 1, "s1", given(1)), ("bea", 1, "s2", None)],
            curated: vec![("ann", Some("s1"))],
            trusted: vec!["s1"],
        },
    ];
    // All in one landing folder; each has people, devices and instants of its own.
    let mut landing = Landing::default();
    for (number, case) in cases.iter().enumerate() {
        for (person, at, serial, consent) in &case.records {
            let email = format!("{person}-{number}@example.com");
            let mut record = owner(&email, &format!("{serial}-{number}"), consent.clone());
            record["lastUpdateDate"] = json!(at);
            landing.customers.push(record);
        }
        for person in ["ann", "bea"] {
            let email = format!("{person}-{number}@example.com");
            landing
                .accelerometer
                .push(json!({"user": email, "timestamp": number, "x": 1}));
        }
        for serial in ["s1", "s2"] {
            let serial = format!("{serial}-{number}");
            landing
                .step_trainer
                .push(json!({"serialNumber": serial, "sensorReadingTime": number}));
        }
    }
    let dir = built(landing);
    for (number, case) in cases.iter().enumerate() {
        let curated: Vec<Value> = case
            .curated
            .iter()
            .map(|(person, serial)| {
                let serial = serial.map(|serial| format!("{serial}-{number}"));
                json!({"email": format!("{person}-{number}@example.com"), "serialnumber": serial})
            })
            .collect();
        let trusted: Vec<Value> = case
            .trusted
            .iter()
            .map(|serial| json!({"serialnumber": format!("{serial}-{number}")}))
            .collect();
        let own = case.trusted.len();
        let pairs = json!({
            "pairs": own * case.curated.len(),
            "own": if own == 0 { Value::Null } else { json!(own) },
        });
        for (statement, expected) in [
            (
                format!(
                    "select email, serialnumber from customer_curated
                     where email like '%-{number}@example.com' order by email"
                ),
                curated,
            ),
            (
                format!(
                    "select serialnumber from step_trainer_trusted
                     where serialnumber like '%-{number}' order by 1"
                ),
                trusted,
            ),
            (
                format!(
                    "select count(*) as pairs, sum(case when same_owner then 1 end) as own
                     from machine_learning_curated where sensorreadingtime = {number}"
                ),
                vec![pairs],
            ),
        ] {
            assert_eq!(
                rows(dir.path(), &statement),
                expected,
                "{}: {statement}",
                case.shows
            );
        }
    }
}

#[test]
fn a_person_without_readings_is_trusted_and_not_curated() {
    let mut landing = Landing::default();
    landing
        .customers
        .push(owner("fay@example.com", "fay-1", given(1)));
    landing
        .customers
        .push(owner("gil@example.com", "gil-1", given(1)));
    landing
        .accelerometer
        .push(json!({"user": "gil@example.com", "timestamp": 7}));
    for serial in ["fay-1", "gil-1"] {
        landing
            .step_trainer
            .push(json!({"serialNumber": serial, "sensorReadingTime": 7}));
    }
    let dir = built(landing);
    for (table, expected) in [
        ("customer_trusted", 2),
        ("customer_curated", 1),
        ("step_trainer_trusted", 1),
        ("machine_learning_curated", 1),
    ] {
        let rows = count(dir.path(), &format!("select count(*) from {table}"));
        assert_eq!(rows, expected, "{table}");
    }
}

#[test]
fn a_curated_customer_has_the_columns_of_a_trusted_one_as_sent() {
    let mut landing = Landing::default();
    let record = json!({
        "customerName": "Ida Ölund ", "email": "Ida@Example.com", "phone": " 8015550100",
        "birthDay": "0967-01-01", "serialNumber": "ida-1", "registrationDate": 3,
        "lastUpdateDate": 4, "shareWithResearchAsOfDate": 5, "shareWithFriendsAsOfDate": 0,
    });
    landing.customers.push(record);
    landing
        .accelerometer
        .push(json!({"user": "ida@example.com", "timestamp": 7}));
    let dir = built(landing);
    for table in ["customer_trusted", "customer_curated"] {
        assert_eq!(
            rows(dir.path(), &format!("select * from {table}")),
            [json!({
                "customername": "Ida Ölund ", "email": "Ida@Example.com", "phone": " 8015550100",
                "birthday": "0967-01-01", "serialnumber": "ida-1", "registrationdate": 3,
                "lastupdatedate": 4, "sharewithresearchasofdate": 5,
                "sharewithpublicasofdate": null, "sharewithfriendsasofdate": 0,
            })],
            "{table}"
        );
    }
}

#[test]
fn consent_that_begins_or_ends_between_two_runs() {
    let mut landing = Landing::default();
    landing
        .customers
        .push(customer("jo@example.com", (100, given(5_000))));
    landing
        .accelerometer
        .push(json!({"user": "jo@example.com", "timestamp": 7}));
    let dir = landing.laid_out();
    landing.write(dir.path(), "b.json");
    let check = |now: i64, expected: u64| {
        stedi(dir.path(), &format!("run --now {now}")).run().done();
        let counts = rows(
            dir.path(),
            "select (select count(*) from customer_trusted) as customers,
                    (select count(*) from accelerometer_trusted) as readings,
                    (select count(*) from customer_curated) as curated",
        );
        let all = json!({"customers": expected, "readings": expected, "curated": expected});
        assert_eq!(counts, [all], "at {now}");
    };
    check(4_999, 0);
    check(5_000, 1);
    landing
        .customers
        .push(customer("jo@example.com", (6_000, None)));
    landing.write(dir.path(), "c.json");
    check(5_999, 1);
    check(6_000, 0);
}

fn email(number: usize) -> String {
    format!("person-{number}@example.com")
}

fn customer(email: &str, (at, consent): Record) -> Value {
    let mut record = json!({"email": email, "lastUpdateDate": at});
    if let Some(consent) = consent {
        record["shareWithResearchAsOfDate"] = consent;
    }
    record
}

fn owner(email: &str, serial: &str, consent: Option<Value>) -> Value {
    let mut record = customer(email, (100, consent));
    record["serialNumber"] = json!(serial);
    record
}

/// A folder with this landing data and the lake of one run at [`NOW`].
fn built(mut landing: Landing) -> tempfile::TempDir {
    if landing.step_trainer.is_empty() {
        landing
            .step_trainer
            .push(json!({"serialNumber": "nobody's", "sensorReadingTime": 1}));
    }
    let dir = landing.laid_out();
    run(dir.path());
    dir
}

fn run(dir: &std::path::Path) {
    stedi(dir, &format!("run --strict --now {NOW}"))
        .run()
        .done();
}

/// The people who consent, and since when.
fn consents(dir: &std::path::Path) -> BTreeMap<String, i64> {
    rows(
        dir,
        "select email, sharewithresearchasofdate as since from customer_trusted",
    )
    .iter()
    .map(|row| {
        let email = row["email"].as_str().unwrap().to_owned();
        (email, row["since"].as_i64().unwrap())
    })
    .collect()
}

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.unsigned_abs()) as i64
    }
}
