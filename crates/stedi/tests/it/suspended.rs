//! A customer record that cannot be read may be a withdrawal. Whatever the fault,
//! its person is suspended, or the program reports that the person is unknown.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::places::{Landing, append, contents, unchanged};
use crate::program::{count, rows, stedi};

const AGREED: i64 = 1_655_564_376_361;

/// Twelve people who consent, and their lake.
fn agreed() -> TempDir {
    let customers = (0..12).map(|i| {
        json!({
            "email": format!("p{i}@example.com"), "lastUpdateDate": AGREED,
            "shareWithResearchAsOfDate": AGREED, "serialNumber": format!("s{i}"),
        })
    });
    let dir = Landing {
        customers: customers.collect(),
        accelerometer: vec![json!({"user": "p1@example.com", "timestamp": AGREED})],
        step_trainer: vec![json!({"serialNumber": "s1", "sensorReadingTime": AGREED})],
    }
    .laid_out();
    stedi(dir.path(), "run").run().done();
    dir
}

fn trusted(dir: &Path, person: &str) -> bool {
    let sql = format!("select count(*) from customer_trusted where email = '{person}'");
    count(dir, &sql) == 1
}

/// With `text` in another file, only `person` is suspended, both in an incremental
/// and in a full run, until the quarantine entry is dropped.
fn check(case: &str, text: &str, person: &str, reason: &str) {
    let dir = agreed();
    let dir = dir.path();
    append(dir, "customer/landing/b.json", text);
    for run in ["run", "run --full"] {
        let run = stedi(dir, run).run().done();
        assert!(!run.err.contains(person), "{case}: {run}");
        assert!(!trusted(dir, person), "{case}: {run}");
        assert_eq!(
            count(dir, "select count(*) from customer_trusted"),
            11,
            "{case}: {run}"
        );
    }
    let reasons = rows(
        dir,
        "select distinct reason from system.quarantine order by reason",
    );
    assert_eq!(reasons, [json!({"reason": reason})], "{case}");
    let status = stedi(dir, "consent status").input(person).run().done();
    status.says("suspended");
    stedi(dir, "quarantine drop --all --yes").run().done();
    stedi(dir, "run").run().done();
    assert!(trusted(dir, person), "{case}: dropped");
}

#[test]
fn whoever_is_named_in_a_record_that_cannot_be_read() {
    if crate::long::is_left_out() {
        return;
    }
    let long = |before: usize, after: usize| {
        format!(
            "{{\"customerName\":\"{}\",\"email\":\"p1@example.com\",\"phone\":\"{}\",\"lastUpdateDate\":\"soon\"}}\n",
            "x".repeat(before),
            "y".repeat(after)
        )
    };
    // Longer than is kept, with the e-mail first, last, and where windows meet.
    check("first", &long(0, 70_000), "p1@example.com", "type_mismatch");
    check("last", &long(200_000, 0), "p1@example.com", "type_mismatch");
    check(
        "between",
        &long(65_500, 70_000),
        "p1@example.com",
        "type_mismatch",
    );
    let open = format!(
        "{{\"phone\":\"{}\",\"email\":\"p1@example.com\",\"x\":\"",
        "z".repeat(90_000)
    );
    check("cut off", &open, "p1@example.com", "truncated");
    let escaped = long(80_000, 0).replace("p1@", "\\u0070\\u0031\\u0040");
    check("escaped", &escaped, "p1@example.com", "type_mismatch");
    // Behind more stretches than are kept by themselves.
    let many = format!(
        "{}{{\"email\":\"p1@example.com\"}}\n",
        "{\"phone\":\"1\"}\n".repeat(1500)
    );
    check("among many", &many, "p1@example.com", "missing_field");
    // A time in another unit would stand before all records, or behind them.
    let at = |time: &str| format!("{{\"email\":\"p1@example.com\",\"lastUpdateDate\":{time}}}\n");
    check("seconds", &at("1655564400"), "p1@example.com", "time_unit");
    check(
        "seconds as text",
        &at("\"1655564400\""),
        "p1@example.com",
        "time_unit",
    );
    check(
        "seconds with an exponent",
        &at("1.6555644e9"),
        "p1@example.com",
        "time_unit",
    );
    for time in ["0", "-5", "\"0\"", "-1655564400000"] {
        check(
            "no time of now",
            &at(time),
            "p1@example.com",
            "out_of_range",
        );
    }
    check(
        "microseconds",
        &at("1655564400000000"),
        "p1@example.com",
        "time_unit",
    );
}

/// Files that cannot be decoded: UTF-16, files that are not compressed despite
/// their names or end early, and all byte values.
fn undecodable() -> Vec<(&'static str, Vec<u8>)> {
    let record = "{\"email\":\"p1@example.com\",\"lastUpdateDate\":1655564400000}\n";
    let utf16: Vec<u8> = record.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        ("b.json", utf16),
        ("b.json.gz", b"no gzip at all".to_vec()),
        ("b.json.zst", b"\x28\xb5\x2f\xfd\x04".to_vec()),
        ("c.json", (0..=255).collect()),
    ]
}

#[test]
fn a_file_that_cannot_be_decoded_is_told_or_stops_the_run() {
    if crate::long::is_left_out() {
        return;
    }
    for (file, bytes) in undecodable() {
        let dir = agreed();
        let dir = dir.path();
        let before = contents(&dir.join("lake"));
        fs::write(dir.join("landing/customer/landing").join(file), bytes).unwrap();
        for (call, variable) in [
            ("run --undecodable stop", None),
            ("run --full", Some("stop")),
            ("plan --undecodable stop", None),
        ] {
            let mut call = stedi(dir, call);
            if let Some(value) = variable {
                call = call.env("STEDI_UNDECODABLE", value);
            }
            call.run().ended(4).says(file).hints("--undecodable");
            unchanged(&before, &dir.join("lake"), file);
        }
        // The settings file says it, and a flag is above it.
        fs::write(dir.join("stedi.toml"), "undecodable = \"stop\"\n").unwrap();
        stedi(dir, "run").run().ended(4).says(file);
        unchanged(&before, &dir.join("lake"), file);
        fs::remove_file(dir.join("stedi.toml")).unwrap();
        for call in [
            "plan",
            "run --undecodable warn",
            "run",
            "run --full",
            "verify",
        ] {
            let told = stedi(dir, call).run().done();
            told.says(&format!("{file} holds input that cannot be decoded"))
                .hints("--undecodable stop");
        }
        assert_eq!(
            count(dir, "select count(*) from customer_trusted"),
            12,
            "{file}"
        );
        stedi(dir, "run --undecodable stop")
            .run()
            .ended(4)
            .says(file);
        // Somebody decided.
        stedi(dir, "quarantine drop --all --yes").run().done();
        for call in [
            "run --undecodable stop",
            "run --full --undecodable stop",
            "verify",
        ] {
            let run = stedi(dir, call).run().done();
            assert!(!run.err.contains("decoded"), "{file}: {run}");
        }
    }
    let dir = agreed();
    // A file of readings, and one of records in which somebody is named, are not
    // of the kind.
    append(dir.path(), "accelerometer/landing/b.json", "rubbish");
    append(
        dir.path(),
        "customer/landing/b.json",
        "rubbish p1@example.com",
    );
    let run = stedi(dir.path(), "run --undecodable stop").run().done();
    assert!(!run.err.contains("decoded"), "{run}");
    stedi(dir.path(), "run")
        .env("STEDI_UNDECODABLE", "sometimes")
        .run()
        .ended(2)
        .says("sometimes");
}

/// A record that is cut off may be a withdrawal of somebody whose address goes on.
#[test]
fn a_record_that_ends_before_its_address_ends_is_about_an_unknown_person() {
    for (text, is_unknown) in [
        (r#"{"email":"p1@example.c"#, true),
        (r#"{"email":"p1@example.com"#, true),
        (r#"{"customerName":"A","em"#, true),
        (r#"{"email":"p1@example.com""#, false),
        (r#"{"phone":"1","email":"p1@example.com","last"#, false),
        // Complete, and about nobody.
        (r#"{"phone":"1"}"#, false),
    ] {
        let dir = agreed();
        let dir = dir.path();
        // Other records of the same file can be read.
        let record = format!("{{\"email\":\"p2@example.com\",\"lastUpdateDate\":{AGREED}}}\n");
        append(dir, "customer/landing/b.json", &format!("{record}{text}"));
        let stopped = stedi(dir, "run --undecodable stop").run();
        match is_unknown {
            true => _ = stopped.ended(4).says("b.json").hints("--undecodable"),
            false => _ = stopped.done(),
        }
        for call in ["run", "run --full", "verify"] {
            let told = stedi(dir, call).run().done();
            let warns = told.err.contains("withdrawals of unknown people");
            assert_eq!(warns, is_unknown, "{text}: {told}");
            assert!(!told.err.contains("p1@"), "{text}: {told}");
        }
    }
}

/// Of a record that is too long to keep, nothing tells whether a text found in it is its
/// whole address.
#[test]
fn a_long_record_that_is_cut_off_is_about_an_unknown_person() {
    let long = "z".repeat(70_000);
    for (case, text) in [
        ("inside", r#""email":"p1@example.c"#),
        ("behind", r#""email":"p1@example.com","last"#),
        ("another key", r#""contact":"p1@example.com","em"#),
    ] {
        let dir = agreed();
        let dir = dir.path();
        let record = format!("{{\"email\":\"p2@example.com\",\"lastUpdateDate\":{AGREED}}}\n");
        let text = format!("{record}{{\"phone\":\"{long}\",{text}");
        append(dir, "customer/landing/b.json", &text);
        let stopped = stedi(dir, "run --undecodable stop").run();
        stopped.ended(4).says("b.json").hints("--undecodable");
        for call in ["run", "run --full", "verify"] {
            let told = stedi(dir, call).run().done();
            let told = told.says("withdrawals of unknown people");
            assert!(!told.err.contains("p1@"), "{case}: {told}");
        }
    }
}

#[test]
fn what_was_dropped_is_decided() {
    let dir = agreed();
    let dir = dir.path();
    append(
        dir,
        "customer/landing/b.json",
        "{\"email\":\"p1@example.com\"}\n{}\n",
    );
    append(dir, "accelerometer/landing/b.json", &"{}\n".repeat(1200));
    stedi(dir, "run")
        .run()
        .done()
        .says("cannot be read in 1,202 places");
    stedi(dir, "run --strict")
        .run()
        .ended(3)
        .says("1202 places");
    stedi(dir, "quarantine drop --all --yes").run().done();
    for call in [
        "run",
        "run",
        "run --strict",
        "run --full",
        "run --full --strict",
        "verify",
        "plan --strict",
    ] {
        let run = stedi(dir, call).run().done();
        assert!(!run.err.contains("cannot be read"), "{call}: {run}");
    }
    for table in ["customer_landing", "accelerometer_landing"] {
        let sql = format!("select count(*) from {table}");
        let run = stedi(dir, "sql -c").arg(&sql).run().done();
        assert!(!run.err.contains("cannot be read"), "{run}");
    }
    // What comes after it is not.
    append(dir, "accelerometer/landing/c.json", "{}\n{}\n");
    stedi(dir, "run")
        .run()
        .done()
        .says("cannot be read in 2 places");
    stedi(dir, "verify")
        .run()
        .done()
        .says("cannot be read in 2 places");
    stedi(dir, "run --strict")
        .run()
        .ended(3)
        .says("c.json, line 1");
}

#[test]
fn a_place_counts_once_however_often_it_is_read() {
    let dir = agreed();
    let dir = dir.path();
    append(dir, "customer/landing/b.json", &"{}\n".repeat(3));
    append(dir, "accelerometer/landing/b.json", &"{}\n".repeat(50));
    for call in ["run", "run --full", "verify", "plan"] {
        stedi(dir, call)
            .run()
            .done()
            .says("cannot be read in 53 places");
    }
    let sql = "select count(*) from customer_landing a cross join customer_landing b \
               cross join (select count(*) from customer_landing) c";
    let run = stedi(dir, "sql -c").arg(sql).run().done();
    run.says("customer_landing cannot be read in 3 places");
    assert_eq!(count(dir, "select count(*) from system.quarantine"), 53);
}
