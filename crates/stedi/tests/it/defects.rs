//! Samples with defects: the tables of a run must match the truth beside the
//! sample.
//!
//! The sample counts its truth from its own plan. Tables that only newer projects
//! have (`training_set`, `system.consent`, `system.device_owner`) are compared if
//! they exist, always in addition to others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::places::contents;
use crate::program::{Outcome, count, rows, stedi};

const EVERYTHING: &str = "serials,duplicates,late-consent,withdrawals,out-of-order,malformed";

/// All defects except `serials`, which leaves tables empty where claims alone
/// decide.
const OWNED: &str = "duplicates,late-consent,withdrawals,out-of-order,malformed";

#[test]
fn serials() {
    let truth = check("serials", 956, 1);
    // The devices' own readings are right, so nothing changes.
    assert_eq!(truth.counts["rows"], published());
    // Fulfilment wrote 30 serial numbers. Half of them are of devices.
    let claimed: BTreeSet<String> = values(&truth, "customer", "serialNumber");
    let reporting: BTreeSet<String> = values(&truth, "step_trainer", "serialNumber");
    assert_eq!((claimed.len(), reporting.len()), (30, 956));
    assert_eq!(claimed.intersection(&reporting).count(), 15);
    check("serials", 40, 3);
}

#[test]
fn duplicates() {
    let truth = check("duplicates", 956, 1);
    let (again, published) = (&truth.counts["rows"], published());
    for (table, _) in published.as_object().unwrap() {
        let more = again[table].as_u64() > published[table].as_u64();
        assert_eq!(more, table.ends_with("_landing"), "{table}");
    }
    assert_ne!(truth.counts["duplicate"]["accelerometer_trusted"], 0);
    assert_ne!(truth.counts["duplicate"]["step_trainer_trusted"], 0);
}

#[test]
fn late_consent() {
    let truth = check("late-consent", 956, 1);
    let late = truth.changed_by("late-consent");
    assert_eq!(late.len(), 60);
    for interval in late {
        assert!(interval["valid_to"].is_null(), "{interval}");
    }
    assert_eq!(truth.counts["rows"]["customer_trusted"], 482 + 60);
    assert_eq!(truth.counts["training_set_people"], 464 + 60);
    // They have readings on either side of their consent.
    let training = &truth.counts["rows"]["training_set"];
    assert!(training.as_u64() > published()["training_set"].as_u64());
}

#[test]
fn withdrawals() {
    let truth = check("withdrawals", 956, 1);
    let changed = truth.changed_by("withdrawals");
    let people: BTreeSet<&str> = changed
        .iter()
        .filter_map(|i| i["subject"].as_str())
        .collect();
    let withdrawn = changed.iter().filter(|i| !i["valid_to"].is_null()).count();
    // Everybody withdraws, thirty give again.
    assert_eq!((people.len(), withdrawn, changed.len()), (61, 61, 91));
    assert_eq!(truth.counts["rows"]["customer_trusted"], 482 - 31);
}

#[test]
fn out_of_order() {
    let truth = check("out-of-order", 956, 1);
    assert_eq!(truth.counts["rows"]["customer_landing"], 956 + 119);
    for table in ["customer_trusted", "accelerometer_trusted", "training_set"] {
        let rows = &truth.counts["rows"][table];
        assert_eq!(*rows, published()[table], "{table}");
    }
    // Some records stand behind newer ones of the same person, some before.
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    let (mut in_order, mut behind) = (0, 0);
    for record in truth.landing("customer") {
        let email = record["email"].as_str().unwrap().to_owned();
        let updated = record["lastUpdateDate"].as_u64().unwrap();
        match newest.insert(email, updated) {
            Some(before) if before > updated => behind += 1,
            Some(_) => in_order += 1,
            None => {}
        }
    }
    assert_eq!(in_order + behind, 119);
    assert!(in_order > 20 && behind > 20, "{in_order}, {behind}");
}

#[test]
fn malformed() {
    for seed in [1, 2] {
        let truth = check("malformed", 956, seed);
        assert_eq!(truth.counts["rows"], published());
        for (table, stretches) in truth.counts["quarantined"].as_object().unwrap() {
            assert!(stretches.as_u64() > Some(10), "{table}: {stretches}");
        }
    }
    // What is not in force cannot be suspended, and nobody else is named: the
    // broken copies of records of people who agree end before the e-mail.
    let truth = check("malformed", 300, 9);
    let in_force = truth.in_force();
    for row in rows(
        truth.dir.path(),
        "select raw from system.quarantine where table_name = 'customer_landing'",
    ) {
        let raw = unhex(row["raw"].as_str().unwrap());
        let named = in_force
            .keys()
            .find(|subject| raw.to_lowercase().contains(*subject));
        assert_eq!(named, None, "{raw}");
    }
}

#[test]
fn some_defects_together() {
    check("late-consent,withdrawals", 300, 2);
    check("duplicates,out-of-order", 300, 3);
    check("duplicates,malformed", 300, 4);
    check("serials,duplicates", 300, 5);
    check("withdrawals,out-of-order,malformed", 300, 6);
}

#[test]
fn all_defects_together() {
    if crate::long::is_left_out() {
        return;
    }
    // More than one cohort, and hardly anybody.
    for (customers, seed) in [(1_000, 7), (40, 8), (2, 9), (1, 10)] {
        check(OWNED, customers, seed);
    }
    check(EVERYTHING, 956, 11);
    check(EVERYTHING, 1, 12);
}

/// A defect has the same effect whatever the other defects.
#[test]
fn defects_do_not_disturb_each_other() {
    let truths: Vec<Truth> = [
        "withdrawals",
        "duplicates",
        "withdrawals,duplicates,serials",
    ]
    .map(|defects| sample(defects, 200, 4))
    .into_iter()
    .collect();
    let [one, other, both] = truths.as_slice() else {
        unreachable!()
    };
    assert_eq!(one.consent, both.consent);
    for table in [
        "customer_trusted",
        "machine_learning_curated",
        "training_set",
    ] {
        assert_eq!(one.counts["rows"][table], both.counts["rows"][table]);
    }
    let readings = "accelerometer_landing";
    assert_eq!(
        other.counts["rows"][readings],
        both.counts["rows"][readings]
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let of = |defects: &str, seed| {
        let truth = sample(defects, 50, seed);
        let dir = truth.dir.path().to_owned();
        let found = contents(&dir).into_iter();
        found
            .map(|(path, bytes)| (path.strip_prefix(&dir).unwrap().to_owned(), bytes))
            .collect::<BTreeMap<_, _>>()
    };
    let backwards: Vec<&str> = EVERYTHING.rsplit(',').collect();
    let backwards = format!("{},malformed", backwards.join(","));
    assert_eq!(of(EVERYTHING, 5), of(&backwards, 5));
    assert_ne!(of(EVERYTHING, 5), of(EVERYTHING, 6));
}

#[test]
fn without_defects_there_is_no_truth_and_with_them_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let plain = stedi(dir.path(), "sample plain --customers 20")
        .run()
        .done();
    assert!(!plain.err.contains("truth"), "{plain}");
    assert!(!dir.path().join("plain/truth").exists());

    let words = "sample bad --customers 20 --defect duplicates --defect malformed";
    stedi(dir.path(), words).run().done().says("bad/truth");
    let counts = fs::read_to_string(dir.path().join("bad/truth/counts.json")).unwrap();
    let counts: Value = serde_json::from_str(&counts).unwrap();
    assert_eq!(counts["defects"], json!(["duplicates", "malformed"]));

    let words = "sample json --customers 20 --defect duplicates --format json";
    let summary = stedi(dir.path(), words).run().done().json();
    let rows = fs::read_to_string(dir.path().join("json/truth/counts.json")).unwrap();
    let rows = &serde_json::from_str::<Value>(&rows).unwrap()["rows"];
    assert_eq!(summary["customers"], rows["customer_landing"]);
    assert_eq!(summary["accelerometer"], rows["accelerometer_landing"]);
    assert_eq!(summary["step_trainer"], rows["step_trainer_landing"]);
}

#[test]
fn unknown_defects_and_an_older_truth_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    stedi(dir.path(), "sample out --defect boredom")
        .run()
        .ended(2)
        .says("late-consent");
    assert!(!dir.path().join("out").exists());

    fs::create_dir_all(dir.path().join("out/truth")).unwrap();
    fs::write(dir.path().join("out/truth/mine.json"), "{}").unwrap();
    stedi(dir.path(), "sample out --defect serials")
        .run()
        .ended(1)
        .says("out/truth")
        .hints("another folder");
    assert!(!dir.path().join("out/customer").exists());
}

/// Writes the sample, runs, and compares every table with the truth.
#[track_caller]
fn check(defects: &str, customers: u64, seed: u64) -> Truth {
    let truth = sample(defects, customers, seed);
    let dir = truth.dir.path();
    let case = format!("{defects}, {customers} customers, seed {seed}");
    let run = stedi(dir, "run").run().done();
    let tables = tables(dir);
    // Where every claim is taken by its word, reused serial numbers leave all
    // devices without an owner, and what comes of them empty.
    let owners = tables.contains("device_owner") || !defects.contains("serials");

    let of_owners = [
        "step_trainer_trusted",
        "machine_learning_curated",
        "training_set",
    ];
    let mut expected = truth.counts["rows"].clone();
    let expected = expected.as_object_mut().unwrap();
    expected.retain(|table, _| {
        tables.contains(table) && (owners || !of_owners.contains(&table.as_str()))
    });
    let found = counts(dir, expected.keys(), |table| {
        format!("select count(*) from {table}")
    });
    assert_eq!(found, *expected, "{case}");
    check_duplicates(&truth, owners, &case);
    check_quarantine(&truth, &run, owners, &case);
    check_consent(&truth, &tables, &case);
    if owners {
        check_owners(&truth, &tables, &case);
        check_training(&truth, &tables, &case);
    }
    stedi(dir, "verify").run().done();
    truth
}

#[track_caller]
fn check_duplicates(truth: &Truth, owners: bool, case: &str) {
    let mut expected = truth.counts["duplicate"].clone();
    let expected = expected.as_object_mut().unwrap();
    expected.retain(|table, _| owners || table == "accelerometer_trusted");
    let found = counts(truth.dir.path(), expected.keys(), |table| {
        format!("select sum(duplicates) from system.runs where table_name = '{table}'")
    });
    assert_eq!(found, *expected, "duplicates of {case}");
}

#[track_caller]
fn check_quarantine(truth: &Truth, run: &Outcome, owners: bool, case: &str) {
    let dir = truth.dir.path();
    let somebody = !truth.in_force().is_empty();
    let mut all = 0;
    let expected = truth.counts["quarantined"].as_object().unwrap();
    let entries = |of: &str| {
        counts(dir, expected.keys(), |table| {
            format!("select count(*) from system.{of} where table_name = '{table}'")
        })
    };
    let (ledger, quarantine) = (entries("ledger"), entries("quarantine"));
    for (table, expected) in expected {
        // Readings that nobody can want are not read, and then the ledger does
        // not have the source: of no person, or of no person's device.
        let read = ledger[table] != 0;
        let wanted = match table.as_str() {
            "customer_landing" => true,
            "accelerometer_landing" => somebody,
            _ => somebody && owners,
        };
        assert!(read || !wanted, "{table} of {case} was not read");
        if read {
            assert_eq!(quarantine[table], *expected, "{table} of {case}");
            all += expected.as_u64().unwrap();
        }
    }
    assert_eq!(run.err.contains("quarantine"), all > 0, "{case}: {run}");
}

/// Compares the people whose consent is in force, since when, and every interval if
/// `system.consent` exists.
#[track_caller]
fn check_consent(truth: &Truth, tables: &BTreeSet<String>, case: &str) {
    let dir = truth.dir.path();
    let found = rows(
        dir,
        "select lower(trim(email)) as subject, sharewithresearchasofdate as since,
         phone from customer_trusted",
    );
    let newest = truth.newest_phones();
    let mut since = BTreeMap::new();
    for row in found {
        let subject = row["subject"].as_str().unwrap().to_owned();
        assert_eq!(row["phone"], newest[&subject], "not the newest: {case}");
        since.insert(subject, row["since"].as_u64().unwrap());
    }
    assert_eq!(since, truth.in_force(), "{case}");

    if tables.contains("consent") {
        let found = rows(
            dir,
            "select subject, valid_from, valid_to from system.consent
             where purpose = 'research' order by subject, valid_from",
        );
        let mut expected: Vec<Value> = truth.consent.clone();
        for interval in &mut expected {
            interval.as_object_mut().unwrap().remove("changed_by");
        }
        expected.sort_by_key(|i| (i["subject"].to_string(), i["valid_from"].as_u64()));
        assert_eq!(found, expected, "{case}");
    }
}

/// Compares each person's device, and every device's owner if `system.device_owner`
/// exists.
#[track_caller]
fn check_owners(truth: &Truth, tables: &BTreeSet<String>, case: &str) {
    let dir = truth.dir.path();
    let owners = |statement| -> BTreeMap<String, String> {
        let pairs = rows(dir, statement).into_iter().map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            (text("serialnumber"), text("subject"))
        });
        pairs.collect()
    };
    let in_force = truth.in_force();
    let mut expected = truth.device_owner.clone();
    expected.retain(|_, subject| in_force.contains_key(subject));
    let found = owners("select serialnumber, lower(trim(email)) as subject from customer_curated");
    assert_eq!(found, expected, "{case}");

    if tables.contains("device_owner") {
        let found = owners("select serialnumber, subject from system.device_owner");
        assert_eq!(found, truth.device_owner, "{case}");
    }
}

/// Compares `training_set`, or the rows of `machine_learning_curated` of one person
/// inside the intervals.
#[track_caller]
fn check_training(truth: &Truth, tables: &BTreeSet<String>, case: &str) {
    let dir = truth.dir.path();
    let pairs = rows(
        dir,
        "select lower(trim(user)) as subject, sensorreadingtime as time, count(*) as pairs
         from machine_learning_curated where same_owner group by 1, 2",
    );
    let mut intervals: BTreeMap<&str, Vec<[Option<u64>; 2]>> = BTreeMap::new();
    for interval in &truth.consent {
        let ends = [
            interval["valid_from"].as_u64(),
            interval["valid_to"].as_u64(),
        ];
        let subject = interval["subject"].as_str().unwrap();
        intervals.entry(subject).or_default().push(ends);
    }
    let (mut same_owner, mut training, mut people) = (0, 0, BTreeSet::new());
    for row in &pairs {
        let subject = row["subject"].as_str().unwrap();
        let time = row["time"].as_u64().unwrap();
        let pairs = row["pairs"].as_u64().unwrap();
        same_owner += pairs;
        let held = intervals[subject]
            .iter()
            .any(|[from, to]| from.unwrap() <= time && to.is_none_or(|to| time < to));
        if held {
            training += pairs;
            people.insert(subject);
        }
    }
    let counts = &truth.counts;
    assert_eq!(counts["same_owner"], json!(same_owner), "{case}");
    assert_eq!(counts["rows"]["training_set"], json!(training), "{case}");
    let expected = &counts["training_set_people"];
    assert_eq!(*expected, json!(people.len()), "{case}");

    // Its rows were compared with those of the other tables.
    if tables.contains("training_set") {
        let found = count(dir, "select count(distinct subject) from training_set");
        assert_eq!(*expected, json!(found), "{case}");
    }
}

/// A sample in `landing`, and its truth in `landing/truth`.
struct Truth {
    dir: TempDir,
    counts: Value,
    /// The subject of each serial number.
    device_owner: BTreeMap<String, String>,
    consent: Vec<Value>,
}

#[track_caller]
fn sample(defects: &str, customers: u64, seed: u64) -> Truth {
    let dir = tempfile::tempdir().unwrap();
    let size = format!("--customers {customers} --seed {seed}");
    stedi(
        dir.path(),
        &format!("sample landing {size} --defect {defects}"),
    )
    .run()
    .done();
    let read =
        |file: &str| fs::read_to_string(dir.path().join("landing/truth").join(file)).unwrap();
    let lines = |file: &str| -> Vec<Value> {
        let text = read(file);
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let device_owner = lines("device_owner.jsonl").into_iter().map(|owner| {
        let text = |key: &str| owner[key].as_str().unwrap().to_owned();
        (text("serialnumber"), text("subject"))
    });
    Truth {
        counts: serde_json::from_str(&read("counts.json")).unwrap(),
        device_owner: device_owner.collect(),
        consent: lines("consent.jsonl"),
        dir,
    }
}

impl Truth {
    /// Intervals that a defect changed.
    fn changed_by(&self, defect: &str) -> Vec<&Value> {
        let intervals = self.consent.iter();
        intervals.filter(|i| i["changed_by"] == defect).collect()
    }

    /// Since when each person's consent has been in force, if it is.
    fn in_force(&self) -> BTreeMap<String, u64> {
        let open = self.consent.iter().filter(|i| i["valid_to"].is_null());
        open.map(|interval| {
            let subject = interval["subject"].as_str().unwrap().to_owned();
            (subject, interval["valid_from"].as_u64().unwrap())
        })
        .collect()
    }

    /// The objects of a source that are alone on their lines, in the order of
    /// files.
    fn landing(&self, source: &str) -> Vec<Value> {
        let folder = self.dir.path().join("landing").join(source).join("landing");
        let mut objects = Vec::new();
        for (_, bytes) in contents(&folder) {
            let text = String::from_utf8(bytes).unwrap();
            objects.extend(text.lines().filter_map(|line| {
                let line = line.trim_start_matches('\u{feff}').trim_end_matches(',');
                let value: Value = serde_json::from_str(line).ok()?;
                value.is_object().then_some(value)
            }));
        }
        objects
    }

    /// The phone number in each person's newest record.
    fn newest_phones(&self) -> BTreeMap<String, Value> {
        let statement = "select lower(trim(email)) as subject, phone, lastupdatedate as at
                         from customer_landing order by lastupdatedate";
        let records = rows(self.dir.path(), statement).into_iter();
        records
            .map(|row| {
                (
                    row["subject"].as_str().unwrap().to_owned(),
                    row["phone"].clone(),
                )
            })
            .collect()
    }
}

/// All values of a key in a source.
fn values(truth: &Truth, source: &str, key: &str) -> BTreeSet<String> {
    let objects = truth.landing(source).into_iter();
    objects.map(|object| object[key].to_string()).collect()
}

/// The counts of a statement for each of several tables, from one call.
#[track_caller]
fn counts<'a>(
    dir: &Path,
    tables: impl Iterator<Item = &'a String>,
    statement: impl Fn(&str) -> String,
) -> serde_json::Map<String, Value> {
    let columns: Vec<String> = tables
        .map(|table| format!("({}) as {table}", statement(table)))
        .collect();
    let row = rows(dir, &format!("select {}", columns.join(", "))).remove(0);
    row.as_object().unwrap().clone()
}

/// Row counts of the sample without defects.
fn published() -> Value {
    json!({
        "customer_landing": 956,
        "accelerometer_landing": 81_273,
        "step_trainer_landing": 28_680,
        "customer_trusted": 482,
        "accelerometer_trusted": 40_981,
        "step_trainer_trusted": 14_460,
        "customer_curated": 482,
        "machine_learning_curated": 43_681,
        "training_set": 32_025,
    })
}

fn tables(dir: &Path) -> BTreeSet<String> {
    let tables = stedi(dir, "tables --format json").run().done().json();
    let names = tables.as_array().unwrap().iter();
    names
        .map(|table| table["table"].as_str().unwrap().to_owned())
        .collect()
}

fn unhex(digits: &str) -> String {
    let bytes = (0..digits.len() / 2)
        .map(|byte| u8::from_str_radix(&digits[2 * byte..2 * byte + 2], 16).unwrap())
        .collect();
    String::from_utf8(bytes).unwrap()
}
