//! Landing files made to harm: each costs little memory and time, and every byte is
//! accounted for.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use parquet::basic::{Compression, GzipLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::measured::measured;
use crate::packed::parquet;
use crate::places::Landing;
use crate::program::{rows, stedi};

/// Files of one case: paths below the folder of phone readings, and bytes.
type Files = Vec<(String, Vec<u8>)>;

/// A case: its name, its files, the number of unreadable places, and the maximum
/// number of quarantine entries. Memory and seconds are in addition to those of a
/// run over nothing on this machine, with other tests at the same time.
struct Case {
    name: &'static str,
    files: Files,
    places: Option<u64>,
    entries: u64,
    bytes_max: u64,
    seconds_max: u64,
}

const MIB: u64 = 1 << 20;

fn packed(program: &str, text: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(["-c", "-9"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&text).unwrap());
    let packed = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    packed
}

fn gz(text: &[u8]) -> Vec<u8> {
    packed("gzip", text)
}

/// A case of one file.
fn one(name: &str, bytes: impl Into<Vec<u8>>) -> Files {
    vec![(name.to_owned(), bytes.into())]
}

/// Runs over the files and checks the result.
fn check(case: Case) {
    let landing = Landing {
        customers: vec![json!({"email": "a@example.com", "lastUpdateDate": 1})],
        accelerometer: vec![json!({"user": "a@example.com", "timestamp": 1})],
        step_trainer: vec![json!({"serialNumber": "s", "sensorReadingTime": 1})],
    };
    let dir = landing.laid_out();
    let dir = dir.path();
    let name = case.name;
    let folder = dir.join("landing/accelerometer/landing");
    for (file, bytes) in &case.files {
        fs::write(folder.join(file), bytes).unwrap();
    }
    let run = measured(stedi(dir, "run --memory 64MB"));
    let (mib, took) = (run.peak_bytes / MIB, run.took);
    let outcome = run.outcome.done();
    if case.places == Some(0) {
        assert!(!outcome.err.contains("cannot be read"), "{name}: {outcome}");
    }
    assert!(run.peak_bytes < case.bytes_max, "{name}: {mib} MiB");
    assert!(
        took < Duration::from_secs(case.seconds_max),
        "{name}: {took:?}"
    );
    accounted(dir, name);
    let found = &rows(
        dir,
        "select count(*) as entries, coalesce(sum(places), 0) as places from system.quarantine",
    )[0];
    if let Some(places) = case.places {
        assert_eq!(found["places"], places, "{name}");
    }
    let entries = found["entries"].as_u64().unwrap();
    assert!(entries <= case.entries, "{name}: {entries} entries");
    stedi(dir, "run --memory 64MB")
        .run()
        .done()
        .says("nothing new");
}

/// Fails unless every byte of every file is in a row, in quarantine or between
/// objects, and all tables agree on it.
fn accounted(dir: &Path, name: &str) {
    let sums = rows(
        dir,
        "with ledger as (select sum(bytes_in) as bytes, \
           sum(bytes_rows) + sum(bytes_quarantined) + sum(bytes_separators) as told, \
           sum(bytes_quarantined) as bytes_quarantined, sum(quarantined) as objects \
           from system.ledger where step = 'read'), \
         files as (select sum(bytes_rows + bytes_quarantined + bytes_separators) as bytes, \
           sum(quarantined) as objects from system.landing_files), \
         entries as (select coalesce(sum(byte_length), 0) as bytes, \
           coalesce(sum(case when byte_length > 0 and reason not in \
             ('garbage', 'not_an_object', 'misfit') then places end), 0) as objects \
           from system.quarantine) \
         select ledger.bytes - ledger.told as lost, ledger.bytes - files.bytes as files, \
           ledger.bytes_quarantined - entries.bytes as bytes, \
           ledger.objects - entries.objects as objects, ledger.objects - files.objects as of_files \
         from ledger cross join files cross join entries",
    );
    let nothing = json!({"lost": 0, "files": 0, "bytes": 0, "objects": 0, "of_files": 0});
    assert_eq!(sums, [nothing] as [Value; 1], "{name}");
}

/// A case with the default limits. A run over next to nothing takes a hundred MiB
/// in a debug build.
fn case(name: &'static str, files: Files, places: impl Into<Option<u64>>, entries: u64) -> Case {
    Case {
        name,
        files,
        places: places.into(),
        entries,
        bytes_max: 400 * MIB,
        seconds_max: 60,
    }
}

#[test]
fn a_great_many_tiny_stretches() {
    if crate::long::is_left_out() {
        return;
    }
    // 4 KB that held 1.7 GB, an entry each.
    check(case(
        "brackets",
        one("b.json.gz", gz("{}".repeat(1_500_000).as_bytes())),
        1_500_000,
        1003,
    ));
    check(case(
        "lines",
        one("b.json", "{}\n".repeat(1_000_000)),
        1_000_000,
        1003,
    ));
    let rows = "{\"user\":\"a@example.com\",\"timestamp\":2}\n{\"user\":5}\n";
    check(case(
        "between rows",
        one("b.json", rows.repeat(50_000)),
        50_000,
        1003,
    ));
    let tiny = gz("{}\n".repeat(20_000).as_bytes());
    let many = (0..60).map(|i| (format!("{i}.json.gz"), tiny.clone()));
    check(case(
        "over many files",
        many.collect(),
        1_200_000,
        60 * 1001,
    ));
    let many = (0..1500).map(|i| (format!("{i}.json"), b"{}".to_vec()));
    check(case("many files", many.collect(), 1500, 1500));
}

#[test]
fn stretches_without_an_end() {
    let open = "{\"user\":\"a@example.com\",\"t\":\"";
    check(case(
        "a record",
        one("b.json", format!("{open}{}", "x".repeat(40 << 20))),
        1,
        1,
    ));
    check(case(
        "a line of brackets",
        one("b.json", "[".repeat(20 << 20)),
        1,
        1,
    ));
    check(case(
        "nested",
        one("b.json", "{\"a\":".repeat(1 << 20)),
        1,
        1,
    ));
    check(case(
        "nested in a row",
        one(
            "b.json",
            format!(
                "{{\"user\":{}{}}}\n",
                "[".repeat(1 << 20),
                "]".repeat(1 << 20)
            ),
        ),
        1,
        1,
    ));
    check(case(
        "no text",
        one("b.json", [0xff, 0xfe, b'{'].repeat(1 << 20)),
        1,
        1,
    ));
    let large = format!("{{\"user\":5,\"t\":\"{}\"}}\n", "y".repeat(60_000));
    check(case(
        "large ones",
        one("b.json", large.repeat(300)),
        300,
        17 + 18,
    ));
}

#[test]
fn records_of_odd_shape() {
    let record = |field: &str| format!("{{\"user\":\"a@example.com\",\"timestamp\":2,{field}}}\n");
    let keys: String = (0..20)
        .map(|i| record(&format!("\"{i}{}\":1", "k".repeat(1 << 20))))
        .collect();
    check(case("keys of a megabyte", one("b.json", keys), 0, 0));
    let fields: Vec<String> = (0..500_000).map(|i| format!("\"f{i}\":{i}")).collect();
    check(case(
        "very many fields",
        one("b.json", record(&fields.join(","))),
        0,
        0,
    ));
    let digits = "9".repeat(1 << 20);
    check(case(
        "huge numbers",
        one("b.json", record(&format!("\"x\":{digits}")).repeat(5)),
        5,
        5,
    ));
    check(case(
        "bytes that are no text",
        one("b.json", b"{\"user\":\"\xff\",\"timestamp\":2}\n".repeat(5)),
        5,
        5,
    ));
}

/// A page of a mebibyte that unpacks to a gibibyte.
#[test]
fn a_page_of_parquet_that_never_ends() {
    let stored = GzipLevel::try_new(0).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::GZIP(stored))
        .set_dictionary_enabled(false);
    let text = "x".repeat(1 << 20);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("user", Arc::new(StringArray::from(vec![text]))),
        ("timestamp", Arc::new(Int64Array::from(vec![1]))),
    ];
    let mut file = parquet(columns, properties.build());
    let body = file.windows(3).position(|bytes| bytes == [0x1F, 0x8B, 8]);
    let body = body.unwrap();
    let bomb = gz(&b"x".repeat(40 << 20)).repeat(25);
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    file[body..body + bomb.len()].copy_from_slice(&bomb);
    check(case("a page", one("b.parquet", file), 1, 1));
}

#[test]
fn packed_files_that_break_or_never_end() {
    let lines = "{\"user\":\"a@example.com\",\"timestamp\":2}\n";
    let bomb = gz(&b" ".repeat(40 << 20));
    check(case("spaces", one("b.json.gz", bomb), 1, 1));
    let bomb = packed("zstd", &lines.repeat(1 << 20).into_bytes());
    check(Case {
        bytes_max: 500 * MIB,
        ..case("good rows", one("b.json.zst", bomb), 2, 2)
    });
    let inner = gz(&b"[".repeat(8 << 20));
    let members: Vec<u8> = (0..4).flat_map(|_| inner.clone()).collect();
    check(case("members", one("b.json.gz", members), 2, 2));
    let twice = gz(&gz(&b"{}".repeat(4 << 20)));
    check(case("packed twice", one("b.json.gz", twice), None, 9));
    let mut wrong = gz(lines.repeat(100).as_bytes());
    let crc = wrong.len() - 8;
    wrong[crc] ^= 1;
    check(case("another checksum", one("b.json.gz", wrong), 1, 1));
    let whole = packed("zstd", &lines.repeat(5000).into_bytes());
    check(case(
        "cut off",
        one("b.json.zst", &whole[..whole.len() / 2]),
        None,
        2,
    ));
}
