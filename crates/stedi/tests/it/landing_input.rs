//! What a run makes of landing input that is not rows, and of many kinds of files.
//! Framings and values are tested in `crates/landing`.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::places::{Landing, SMALL, append, contents, copy, unchanged};
use crate::program::{count, rows, stedi};

const BAD: &str = "{\"email\":\"ok@example.com\",\"lastUpdateDate\":5}\n\
                   {\"email\":\"bad@example.com\",\"lastUpdateDate\":\"soon\"}\n\
                   nothing at all\n\
                   {\"email\":\"cut@example.com\",\"lastUp";

#[test]
fn what_cannot_be_read_goes_to_quarantine_with_its_place() {
    let own = SMALL.copied();
    let dir = own.path();
    let customers = count(dir, "select count(*) from customer_landing");
    append(dir, "customer/landing/bad.json", BAD);
    let run = stedi(dir, "run").run().done();
    let run = run.says("warning: ").says(" 3 ").hints("quarantine");
    assert!(!run.err.contains("bad@example.com"), "{run}");
    let found = rows(
        dir,
        "select table_name, file, byte_offset, byte_length, line, reason, raw from system.quarantine order by line",
    );
    let lines: Vec<&str> = BAD.lines().collect();
    let mut offset = lines[0].len() + 1;
    for (row, (number, line)) in found.iter().zip(lines.iter().enumerate().skip(1)) {
        assert_eq!(row["table_name"], "customer_landing");
        assert_eq!(row["file"], "bad.json");
        assert_eq!(row["byte_offset"], offset, "{row}");
        assert_eq!(row["byte_length"], line.len(), "{row}");
        assert_eq!(row["line"], number + 1, "{row}");
        assert!(
            row["reason"]
                .as_str()
                .is_some_and(|reason| reason.len() > 3),
            "{row}"
        );
        let raw: String = line.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(row["raw"], raw, "{row}");
        offset += line.len() + 1;
    }
    assert_eq!(found.len(), 3);
    assert_eq!(
        count(dir, "select count(*) from customer_landing"),
        customers + 1
    );

    let before = contents(&dir.join("lake"));
    stedi(dir, "run")
        .run()
        .done()
        .says(" 3 ")
        .says("nothing new");
    unchanged(&before, &dir.join("lake"), "the same quarantine again");

    // Mended, it leaves quarantine.
    fs::write(dir.join("landing/customer/landing/bad.json"), "").unwrap();
    let run = stedi(dir, "run").run().done();
    assert!(!run.err.contains("cannot be read"), "{run}");
    assert_eq!(count(dir, "select count(*) from system.quarantine"), 0);
}

#[test]
fn strict_runs_take_all_or_nothing() {
    let own = SMALL.copied();
    let dir = own.path();
    append(
        dir,
        "accelerometer/landing/bad.json",
        "{\"user\":\"a@example.com\"}\n",
    );
    append(dir, "customer/landing/bad.json", BAD);
    let before = contents(&dir.join("lake"));
    let run = stedi(dir, "run --strict").run().ended(3);
    let run = run.says("bad.json, line 1, byte 0").hints("--strict");
    assert!(run.out.is_empty(), "{run}");
    assert!(run.err.contains("4 "), "how many: {run}");
    unchanged(&before, &dir.join("lake"), "a strict run");

    let fresh = tempfile::tempdir().unwrap();
    stedi(fresh.path(), "run --strict --landing")
        .arg(dir.join("landing"))
        .run()
        .ended(3);
    assert_eq!(
        contents(fresh.path()).len(),
        1,
        "{:?}",
        contents(fresh.path()).keys()
    );
}

#[test]
fn packed_files_and_subfolders() {
    let mut landing = Landing::default();
    landing.customers.push(
        json!({"email": "a@example.com", "lastUpdateDate": 1, "shareWithResearchAsOfDate": 1}),
    );
    landing
        .accelerometer
        .push(json!({"user": "a@example.com", "timestamp": 1}));
    landing
        .step_trainer
        .push(json!({"serialNumber": "s", "sensorReadingTime": 1}));
    let dir = landing.laid_out();
    let folder = dir.path().join("landing/accelerometer/landing");
    fs::create_dir_all(folder.join("2026/11")).unwrap();
    for (number, (program, file)) in [
        ("gzip", "b.json.gz"),
        ("gzip", "2026/11/c.JSON.GZ"),
        ("zstd", "2026/d.json.zst"),
    ]
    .into_iter()
    .enumerate()
    {
        let line = json!({"user": "a@example.com", "timestamp": number + 2});
        let Some(packed) = packed(program, &format!("{line}\n")) else {
            eprintln!("skipped: {program} is not there");
            continue;
        };
        fs::write(folder.join(file), packed).unwrap();
        assert_eq!(
            count(
                dir.path(),
                &format!(
                    "select count(*) from accelerometer_landing where timestamp = {}",
                    number + 2
                )
            ),
            1,
            "{file}"
        );
    }
    stedi(dir.path(), "run --strict").run().done();
    let trusted = count(dir.path(), "select count(*) from accelerometer_trusted");
    assert_eq!(
        trusted,
        count(dir.path(), "select count(*) from accelerometer_landing")
    );

    // Cut off: what can be known is that something is missing.
    let whole = packed(
        "gzip",
        &"{\"user\":\"a@example.com\",\"timestamp\":9}\n".repeat(5_000),
    )
    .unwrap();
    fs::write(folder.join("cut.json.gz"), &whole[..whole.len() / 2]).unwrap();
    let before = contents(&dir.path().join("lake"));
    let run = stedi(dir.path(), "run --strict").run();
    assert!([1, 3].contains(&run.code), "{run}");
    let run = run.says("cut.json.gz");
    assert!(!run.err.contains("a@example.com"), "{run}");
    unchanged(&before, &dir.path().join("lake"), "a cut file");
}

fn packed(program: &str, text: &str) -> Option<Vec<u8>> {
    let mut child = Command::new(program)
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(text.as_bytes()).ok()?;
    Some(child.wait_with_output().ok()?.stdout)
}

/// The store's paths and URLs escape some of these.
#[test]
fn folders_of_any_name() {
    let own = SMALL.copied();
    let dir = own.path();
    for name in ["a%41b c%2Fd", "e%", "ü#x?y {f}~'"] {
        let place = dir.join(name);
        fs::create_dir(&place).unwrap();
        copy(&dir.join("landing"), &place.join("landing"));
        for (words, says) in [
            ("run", "published "),
            ("run", "no table was changed"),
            ("compact", ""),
            ("run --full", "no table was changed"),
            ("verify", ""),
        ] {
            let call = stedi(dir, words).env("STEDI_LAKE", &format!("{name}/lake"));
            let call = call.env("STEDI_LANDING", &format!("{name}/landing"));
            call.run().done().says(says);
        }
        let lake = contents(&place.join("lake"));
        assert!(lake.keys().any(|file| file.ends_with("system/lake.json")));
    }
}

#[test]
fn hidden_files_are_no_input() {
    let own = SMALL.copied();
    let dir = own.path();
    append(dir, "customer/landing/.DS_Store", "not data");
    append(dir, "customer/landing/_SUCCESS", "");
    append(dir, "customer/landing/.a.json.crc", "not data");
    let run = stedi(dir, "run").run().done().says("nothing new");
    assert!(!run.err.contains("left aside"), "{run}");
    append(dir, "step_trainer/landing/.a.json", "{}");
    fs::create_dir_all(dir.join("landing/step_trainer/landing/_temporary/0")).unwrap();
    append(dir, "step_trainer/landing/_temporary/0/b.parquet", "PAR1");
    let run = stedi(dir, "run").run().done();
    run.says(".a.json and 1 more left aside")
        .says("nothing new");
    // A stream's object has no ending, and may hold a withdrawal.
    fs::create_dir_all(dir.join("landing/customer/landing/_late")).unwrap();
    append(
        dir,
        "customer/landing/_late/customers-1-2026-11-30-uuid",
        "{}",
    );
    let run = stedi(dir, "run").run().done();
    run.says("_late/customers-1-2026-11-30-uuid left aside");
}

#[test]
fn a_source_with_empty_files_alone_is_a_source_without_rows() {
    let mut landing = Landing::default();
    landing.customers.push(
        json!({"email": "a@example.com", "lastUpdateDate": 1, "shareWithResearchAsOfDate": 1}),
    );
    let dir = landing.laid_out();
    stedi(dir.path(), "run --strict").run().done();
    for (table, expected) in [
        ("step_trainer_landing", 0),
        ("customer_trusted", 1),
        ("accelerometer_trusted", 0),
        ("machine_learning_curated", 0),
    ] {
        assert_eq!(
            count(dir.path(), &format!("select count(*) from {table}")),
            expected,
            "{table}"
        );
    }
    stedi(dir.path(), "verify").run().done();
}

#[test]
fn the_dirty_files_beside_the_reference_data() {
    let shared = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let (Ok(clean), Ok(dirty)) = (
        shared.join("stedi").canonicalize(),
        shared.join("dirty").canonicalize(),
    ) else {
        eprintln!("skipped: {} is not there", shared.display());
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in [
        (clean.join("accelerometer"), "accelerometer"),
        (clean.join("customer"), "customer/landing/clean"),
        (clean.join("step_trainer"), "step_trainer/landing/clean"),
        (dirty.join("customer"), "customer/landing/dirty"),
        (dirty.join("step_trainer"), "step_trainer/landing/dirty"),
    ] {
        crate::places::copy(&from, &dir.path().join("landing").join(to));
    }
    stedi(dir.path(), "run").run().done().hints("quarantine");
    for (table, expected) in [
        // Concatenated, of drifted types, cut off in the middle of one.
        ("customer_landing", 956 + 999 + 956 + 86),
        ("step_trainer_landing", 28_680 + 2_000),
        ("system.quarantine", 1),
        // They repeat what the clean files say, but for the person of the
        // record that was cut off: it may have been a withdrawal.
        ("customer_trusted", 481),
        ("accelerometer_trusted", 40_896),
        ("step_trainer_trusted", 14_430),
        ("machine_learning_curated", 43_584),
    ] {
        let found = count(dir.path(), &format!("select count(*) from {table}"));
        assert_eq!(found, expected, "{table}");
    }
    let before = contents(&dir.path().join("lake"));
    stedi(dir.path(), "run").run().done().says("nothing new");
    unchanged(&before, &dir.path().join("lake"), "the dirty files again");
}

#[test]
fn every_file_is_read_or_named() {
    const RECORD: &[u8] = b"{\"user\":\"b@example.com\",\"timestamp\":7}\n";
    let read = [
        "b#1.json",
        "#b.json",
        "b?.json",
        "b%41.json",
        "%2Fb.json",
        "b c.json",
        "b*.json",
        "b\\.json",
        "b~.json",
        "b\u{e9}.json",
        "b#/c.json",
        "b.json#",
        "b.JSON~",
        "b",
        // The store on disk takes these for unfinished files of its own.
        "b#1",
        "b.json#1",
        "b.json#2/c#3",
    ];
    let named = [".b.json", "..b.json", ".hidden/b.json", "_b.json"];
    let fresh = || {
        let mut landing = Landing::default();
        landing
            .accelerometer
            .push(json!({"user": "a@example.com", "timestamp": 1}));
        landing
            .customers
            .push(json!({"email": "a@example.com", "lastUpdateDate": 1}));
        landing
            .step_trainer
            .push(json!({"serialNumber": "s", "sensorReadingTime": 1}));
        landing.laid_out()
    };
    let dir = fresh();
    let folder = dir.path().join("landing/accelerometer/landing");
    let write = |name: &std::ffi::OsStr| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, RECORD).unwrap();
    };
    for name in read {
        write(name.as_ref());
    }
    stedi(dir.path(), "run").run().done();
    let readings = "select count(*) from accelerometer_landing where timestamp = 7";
    assert_eq!(count(dir.path(), readings), read.len() as u64);
    for name in named {
        write(name.as_ref());
        let run = stedi(dir.path(), "run").run().done();
        run.says(&format!("{name} left aside")).says("nothing new");
        let path = folder.join(name);
        fs::remove_file(path).unwrap();
    }
    // Links to nothing, also in a folder that is itself a link.
    let linked = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(linked.path(), folder.join("linked")).unwrap();
    std::os::unix::fs::symlink("/nowhere/b.json", linked.path().join(".b.lock")).unwrap();
    stedi(dir.path(), "run").run().done().says("nothing new");
    std::os::unix::fs::symlink("/nowhere/b.txt", linked.path().join("b.txt")).unwrap();
    let run = stedi(dir.path(), "run").run().done();
    run.says("linked/b.txt").says("nothing new");
}
