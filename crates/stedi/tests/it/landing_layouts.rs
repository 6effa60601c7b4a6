//! Files as programs deliver them: Firehose, IoT rules, Spark, and people. Each
//! layout with what a run must make of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float32Array, Int32Array, Int64Array, LargeStringArray,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field};
use parquet::basic::{BrotliLevel, Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use serde_json::json;

use crate::packed::{
    Entry, gzip, parquet, snappy_framed, snappy_hadoop, snappy_java, snappy_parquet, zip,
};
use crate::places::{Landing, contents, unchanged};
use crate::program::{count, rows, stedi};

const ONE: &str = r#"{"user":"a@example.com","timestamp":11,"x":1,"y":2,"z":3}"#;
const TWO: &str = r#"{"user":"b@example.com","timestamp":12,"x":1,"y":2,"z":3}"#;

/// Readings of two people, and one of nobody.
fn readings() -> Vec<u8> {
    let users = StringArray::from(vec![Some("a@example.com"), Some("b@example.com"), None]);
    parquet(
        vec![
            ("User", Arc::new(users)),
            ("timeStamp", Arc::new(Int64Array::from(vec![11, 12, 13]))),
            (
                "x",
                Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
            ),
            ("Z", Arc::new(Float32Array::from(vec![0.5, 1.5, 2.5]))),
            ("app", Arc::new(StringArray::from(vec!["1", "2", "3"]))),
        ],
        snappy_parquet(),
    )
}

fn one_person() -> Landing {
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
    landing
}

/// A file below `accelerometer/landing`, and the expected rows and quarantine
/// reasons.
struct Layout {
    file: &'static str,
    bytes: Vec<u8>,
    rows: u64,
    reasons: &'static [&'static str],
}

fn layouts() -> Vec<Layout> {
    let layout = |file, bytes: &[u8], rows, reasons| Layout {
        file,
        bytes: bytes.to_vec(),
        rows,
        reasons,
    };
    let both = |between: &str| format!("{ONE}{between}{TWO}{between}").into_bytes();
    let lines = both("\n");
    let zipped = |how| zip(&[("a.json", &format!("{ONE}\n{TWO}"), how)]);
    let many = format!("{ONE}\n").repeat(2000);
    let cut = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let readings = readings();
    let mut broken = readings.clone();
    let middle = broken.len() - 40;
    broken[middle..middle + 20].fill(0xFF);
    vec![
        // Firehose: a prefix by the hour, no ending, records without delimiter, or
        // with one.
        layout(
            "2026/11/30/12/s-1-2026-11-30-12-00-00-aa01",
            &both(""),
            2,
            &[],
        ),
        layout("2026/11/30/12/s-1-2026-11-30-12-00-00-aa02", &lines, 2, &[]),
        layout(
            "2026/11/30/12/s-1-2026-11-30-12-00-00-aa03",
            &both("\r\n"),
            2,
            &[],
        ),
        layout(
            "2026/11/30/12/s-1-2026-11-30-12-00-00-aa04",
            &both(","),
            2,
            &[],
        ),
        layout(
            "2026/11/30/12/s-1-2026-11-30-12-00-00-aa05",
            &both("\t"),
            2,
            &[],
        ),
        // Compressed, with an ending and without, each with another delimiter.
        layout("2026/11/30/13/ab13.gz", &gzip(&both("")), 2, &[]),
        layout("2026/11/30/13/ab14", &snappy_hadoop(&both("\r\n")), 2, &[]),
        layout("2026/11/30/13/ab15", &snappy_framed(&both(",")), 2, &[]),
        layout(
            "2026/11/30/13/ab16.zst",
            &zstd::encode_all(&both("\t")[..], 1).unwrap(),
            2,
            &[],
        ),
        layout(
            "2026/11/30/13/s-1-2026-11-30-13-00-00-ab01.gz",
            &gzip(&lines),
            2,
            &[],
        ),
        layout(
            "2026/11/30/13/s-1-2026-11-30-13-00-00-ab02",
            &gzip(&lines),
            2,
            &[],
        ),
        layout(
            "2026/11/30/13/s-1-2026-11-30-13-00-00-ab03.gz",
            &lines,
            2,
            &[],
        ),
        layout(
            "2026/11/30/13/ab04",
            &zstd::encode_all(&lines[..], 1).unwrap(),
            2,
            &[],
        ),
        layout("2026/11/30/13/ab05.zip", &zipped(Entry::Deflated), 2, &[]),
        layout("2026/11/30/13/ab06", &zipped(Entry::Described), 2, &[]),
        layout("2026/11/30/13/ab07.json", &zipped(Entry::Stored), 2, &[]),
        layout("2026/11/30/13/ab08.snappy", &snappy_framed(&lines), 2, &[]),
        layout("2026/11/30/13/ab09", &snappy_framed(&lines), 2, &[]),
        layout("2026/11/30/13/ab10.snappy", &snappy_hadoop(&lines), 2, &[]),
        layout(
            "2026/11/30/13/ab11",
            &snappy_hadoop(many.as_bytes()),
            2000,
            &[],
        ),
        layout("2026/11/30/13/ab12", &snappy_java(&lines), 2, &[]),
        // An archive of several files; those of the archiver are passed over.
        layout(
            "many.zip",
            &zip(&[
                ("a/", "", Entry::Stored),
                ("a/one.json", ONE, Entry::Deflated),
                ("__MACOSX/a/._one.json", "what", Entry::Described),
                ("a/two", TWO, Entry::Described),
                ("_export/.part-0", ONE, Entry::Deflated),
            ]),
            3,
            &[],
        ),
        layout("secret.zip", &zipped(Entry::Encrypted), 0, &["unpackable"]),
        // Parquet, under any name: one row has no user.
        layout(
            "part-00000.snappy.parquet",
            &readings,
            2,
            &["missing_field"],
        ),
        layout("2026/11/30/14/ac01", &readings, 2, &["missing_field"]),
        layout("c.json", &readings, 2, &["missing_field"]),
        // IoT rules: one object for each message.
        layout("things/s-1/1655564444103", ONE.as_bytes(), 1, &[]),
        layout(
            "things/s-1/d0a7",
            format!("\u{feff}{ONE}").as_bytes(),
            1,
            &[],
        ),
        // Messages that are no JSON object.
        layout("things/s-1/text", b"hello", 0, &["garbage"]),
        layout("things/s-1/number", b"42", 0, &["not_an_object"]),
        // Cut off, corrupt, or something else: what can be read is, the rest is
        // named.
        layout(
            "2026/11/30/12/s-1-2026-11-30-12-00-00-aa06",
            &both("")[..ONE.len() + 20],
            1,
            &["truncated"],
        ),
        layout("cut-1", &lines[..lines.len() - 9], 1, &["truncated"]),
        layout(
            "cut.gz",
            &[gzip(&lines), gzip(&lines)[..10].to_vec()].concat(),
            2,
            &["unpackable"],
        ),
        layout(
            "cut.snappy",
            &snappy_framed(&lines)[..30],
            0,
            &["unpackable"],
        ),
        layout(
            "cut-2",
            &snappy_hadoop(&lines)[..70],
            0,
            &["truncated", "unpackable"],
        ),
        layout(
            "cut-3",
            &zipped(Entry::Described)[..70],
            0,
            &["truncated", "unpackable"],
        ),
        layout("cut.parquet", &cut(&readings), 0, &["unpackable"]),
        layout("broken.parquet", &broken, 0, &["unpackable"]),
        layout("text.parquet", b"what", 0, &["unpackable"]),
        layout("what.gz", b"what", 0, &["unpackable"]),
        layout("b.bz2", b"BZh91AY&SY", 0, &["unpackable"]),
        layout("o", b"ORC\x0a\x0b", 0, &["unpackable"]),
        layout(
            "README.md",
            b"# What this is\n\nNot data.\n",
            0,
            &["garbage"],
        ),
        layout(
            "a.csv",
            b"user,timestamp\nb@example.com,1\n",
            0,
            &["garbage"],
        ),
        // Empty: no rows. Without an ending it marks a folder and is not read.
        layout("empty.json", b"", 0, &[]),
        layout("empty.gz", b"", 0, &[]),
    ]
}

#[test]
fn layouts_have_exact_outcomes() {
    let dir = one_person().laid_out();
    stedi(dir.path(), "run").run().done();
    let folder = dir.path().join("landing/accelerometer/landing");
    let write = |file: &str, bytes: &[u8]| {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let layouts = layouts();
    for layout in &layouts {
        write(layout.file, &layout.bytes);
    }
    // These are no input.
    for file in [
        "2026/11/_SUCCESS",
        "_spark_metadata/0",
        ".part-0.json.crc",
        ".DS_Store",
        "2026_$folder$",
        "things/s-1/empty",
    ] {
        let bytes: &[u8] = if file.contains("folder") || file.contains("empty") {
            b""
        } else {
            b"v1"
        };
        write(file, bytes);
    }
    let run = stedi(dir.path(), "run").run().done();
    assert!(!run.err.contains("no input"), "{run}");

    let read = rows(
        dir.path(),
        "select file, rows, bytes from system.landing_files where table_name = 'accelerometer_landing'",
    );
    let mut read: BTreeMap<String, (u64, u64)> = read
        .iter()
        .map(|row| {
            let count = |column: &str| row[column].as_u64().unwrap();
            let file = row["file"].as_str().unwrap().to_owned();
            (file, (count("rows"), count("bytes")))
        })
        .collect();
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows(
        dir.path(),
        "select file, reason, detail from system.quarantine order by file, byte_offset",
    ) {
        let [file, reason, detail] =
            ["file", "reason", "detail"].map(|column| row[column].as_str().unwrap().to_owned());
        assert!(detail.len() > 3 && !detail.contains('@'), "{row}");
        reasons.entry(file).or_default().push(reason);
    }
    for layout in &layouts {
        let file = layout.file;
        let mut found = reasons.remove(file).unwrap_or_default();
        let mut expected = layout.reasons.to_vec();
        found.sort();
        expected.sort_unstable();
        assert_eq!(
            (
                read.remove(file),
                found.iter().map(String::as_str).collect()
            ),
            (Some((layout.rows, layout.bytes.len() as u64)), expected),
            "{file}"
        );
    }
    assert!(reasons.is_empty(), "{reasons:?}");
    assert_eq!(read.len(), 1, "the file that was there before: {read:?}");

    // A session reads the same.
    let total: u64 = layouts.iter().map(|layout| layout.rows).sum();
    assert_eq!(
        count(dir.path(), "select count(*) from accelerometer_landing"),
        total + 1
    );
    let before = contents(&dir.path().join("lake"));
    stedi(dir.path(), "run").run().done().says("nothing new");
    unchanged(&before, &dir.path().join("lake"), "the same files again");
    let full = stedi(dir.path(), "run --full").run().done();
    assert!(!full.err.contains("a bug"), "{full}");
    unchanged(
        &logs(&before),
        &dir.path().join("lake/trusted"),
        "all files anew",
    );
}

/// The part of a lake that a full run leaves as it is.
fn logs(contents: &BTreeMap<std::path::PathBuf, Vec<u8>>) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let trusted = |path: &Path| path.components().any(|part| part.as_os_str() == "trusted");
    let kept = contents.iter().filter(|(path, _)| trusted(path));
    kept.map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect()
}

#[test]
fn parquet_values_become_what_json_would_be() {
    let dir = one_person().laid_out();
    let folder = dir.path().join("landing/customer/landing");
    let whole_ms = 1_655_564_444_103_000;
    let nested = StructArray::from(vec![(
        Arc::new(Field::new("a", DataType::Int32, true)),
        Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef,
    )]);
    let texts = |texts: [&str; 3]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let file = parquet(
        vec![
            (
                "EMAIL",
                texts([
                    "p@example.com",
                    "q@example.com",
                    "r\"\\\n\u{e9}@example.com",
                ]),
            ),
            (
                "lastupdatedate",
                Arc::new(TimestampMicrosecondArray::from(vec![
                    whole_ms,
                    whole_ms + 1,
                    whole_ms,
                ])),
            ),
            (
                "birthday",
                Arc::new(Date32Array::from(vec![0, 1, -208_553])),
            ),
            (
                "phone",
                Arc::new(
                    Decimal128Array::from(vec![1250, 5, 7])
                        .with_precision_and_scale(9, 2)
                        .unwrap(),
                ),
            ),
            (
                "customername",
                Arc::new(LargeStringArray::from(vec![Some("P"), None, Some("R")])),
            ),
            ("sharewithresearchasofdate", texts(["5", "", " "])),
            ("address", Arc::new(nested)),
        ],
        WriterProperties::builder().build(),
    );
    fs::write(folder.join("people.parquet"), file).unwrap();
    let run = stedi(dir.path(), "run").run().done();
    run.says("address");
    let found = rows(
        dir.path(),
        "select email, lastupdatedate, birthday, phone, customername, sharewithresearchasofdate, serialnumber
         from customer_landing where lastupdatedate > 1 order by email",
    );
    assert_eq!(
        serde_json::Value::from(found),
        json!([
            {"email": "p@example.com", "lastupdatedate": 1_655_564_444_103_i64, "birthday": "1970-01-01",
             "phone": "12.50", "customername": "P", "sharewithresearchasofdate": 5, "serialnumber": null},
            {"email": "r\"\\\n\u{e9}@example.com", "lastupdatedate": 1_655_564_444_103_i64,
             "birthday": "1399-01-01", "phone": "0.07", "customername": "R",
             "sharewithresearchasofdate": null, "serialnumber": null},
        ])
    );
    let rejected = rows(
        dir.path(),
        "select file, line, reason from system.quarantine",
    );
    assert_eq!(
        serde_json::Value::from(rejected),
        json!([{"file": "people.parquet", "line": 2, "reason": "type_mismatch"}])
    );
}

#[test]
fn nested_columns_of_parquet_are_null() {
    let dir = one_person().laid_out();
    let folder = dir.path().join("landing/customer/landing");
    let nested = StructArray::from(vec![(
        Arc::new(Field::new("home", DataType::Int32, true)),
        Arc::new(Int32Array::from(vec![1])) as ArrayRef,
    )]);
    let file = parquet(
        vec![
            ("email", Arc::new(StringArray::from(vec!["p@example.com"]))),
            ("lastupdatedate", Arc::new(Int64Array::from(vec![2]))),
            ("phone", Arc::new(nested)),
        ],
        snappy_parquet(),
    );
    fs::write(folder.join("people.parquet"), file).unwrap();
    stedi(dir.path(), "run").run().done().says("phone");
    let found = rows(
        dir.path(),
        "select email, phone from customer_landing where lastupdatedate = 2",
    );
    assert_eq!(found, [json!({"email": "p@example.com", "phone": null})]);
    assert_eq!(
        count(dir.path(), "select count(*) from system.quarantine"),
        0
    );
}

/// Each file has several pages of each column, and a dictionary of the names.
#[test]
fn pages_of_parquet_are_read_in_each_codec() {
    let dir = one_person().laid_out();
    let folder = dir.path().join("landing/accelerometer/landing");
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    let before = count(dir.path(), "select count(*) from accelerometer_landing");
    for (number, codec) in codecs.into_iter().enumerate() {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let names = (0..3000).map(|row| match row % 7 {
                0 => Some(format!("p{}@example.com", row % 5)),
                _ => Some("a@example.com".to_owned()),
            });
            let times = (0..3000).map(|row| 1_655_564_444_103 + row * 7919 % 1009);
            let file = parquet(
                vec![
                    ("user", Arc::new(names.collect::<StringArray>())),
                    ("timestamp", Arc::new(Int64Array::from_iter_values(times))),
                ],
                WriterProperties::builder()
                    .set_compression(codec)
                    .set_writer_version(version)
                    .set_column_encoding("timestamp".into(), Encoding::PLAIN)
                    .set_data_page_row_count_limit(500)
                    .set_write_batch_size(100)
                    .set_max_row_group_row_count(Some(2000))
                    .build(),
            );
            let name = format!("{number}-{}.parquet", version.as_num());
            fs::write(folder.join(name), file).unwrap();
        }
    }
    stedi(dir.path(), "run").run().done();
    let quarantined = rows(dir.path(), "select file, detail from system.quarantine");
    assert_eq!(quarantined, [] as [serde_json::Value; 0]);
    let after = count(dir.path(), "select count(*) from accelerometer_landing");
    assert_eq!(after - before, 7 * 2 * 3000);
}

/// Columns whose names differ in letter case alone.
#[test]
fn parquet_with_many_spellings_of_a_column_is_not_read() {
    for (spellings, reason) in [(19, "duplicate_key"), (20, "unpackable")] {
        let dir = one_person().laid_out();
        let folder = dir.path().join("landing/customer/landing");
        let names: Vec<String> = (0..spellings)
            .map(|number| {
                let letters = "email"
                    .char_indices()
                    .map(|(at, letter)| match number >> at & 1 {
                        0 => letter,
                        _ => letter.to_ascii_uppercase(),
                    });
                letters.collect()
            })
            .collect();
        let email = Arc::new(StringArray::from(vec!["p@example.com"])) as ArrayRef;
        let mut columns: Vec<(&str, ArrayRef)> = names
            .iter()
            .map(|name| (name.as_str(), Arc::clone(&email)))
            .collect();
        columns.push(("lastupdatedate", Arc::new(Int64Array::from(vec![2]))));
        let file = parquet(columns, snappy_parquet());
        fs::write(folder.join("people.parquet"), file).unwrap();
        stedi(dir.path(), "run").run().done();
        let rejected = rows(dir.path(), "select reason from system.quarantine");
        assert_eq!(rejected, [json!({"reason": reason})], "{spellings}");
    }
}

#[test]
fn consents_in_parquet_count_as_those_in_json() {
    let dir = one_person().laid_out();
    stedi(dir.path(), "run").run().done();
    let trusted = "select count(*) from customer_trusted";
    assert_eq!(count(dir.path(), trusted), 1);
    let folder = dir.path().join("landing/customer/landing");
    let record = |at: Option<i64>, since: Option<i64>| {
        parquet(
            vec![
                ("email", Arc::new(StringArray::from(vec!["A@example.com "]))),
                ("lastupdatedate", Arc::new(Int64Array::from(vec![at]))),
                (
                    "sharewithresearchasofdate",
                    Arc::new(Int64Array::from(vec![since])),
                ),
            ],
            snappy_parquet(),
        )
    };
    // A withdrawal, and a later grant.
    fs::write(folder.join("2.parquet"), record(Some(2), None)).unwrap();
    stedi(dir.path(), "run").run().done();
    assert_eq!(count(dir.path(), trusted), 0);
    fs::write(folder.join("3.parquet"), record(Some(3), Some(3))).unwrap();
    stedi(dir.path(), "run").run().done();
    assert_eq!(count(dir.path(), trusted), 1);
    // A record that is no row suspends its person, as in JSON.
    fs::write(folder.join("4.parquet"), record(None, None)).unwrap();
    stedi(dir.path(), "run").run().done();
    assert_eq!(count(dir.path(), trusted), 0);
    fs::remove_file(folder.join("4.parquet")).unwrap();
    stedi(dir.path(), "run").run().done();
    assert_eq!(count(dir.path(), trusted), 1);
    // Of a file that is no Parquet any more, nobody knows whom it names.
    let whole = record(Some(4), None);
    fs::write(folder.join("4.parquet"), &whole[..whole.len() - 1]).unwrap();
    stedi(dir.path(), "run").run().done().says("4.parquet");
    stedi(dir.path(), "run --undecodable stop").run().ended(4);
}

/// Whatever a Parquet file holds, the run ends with an account of it.
#[test]
fn hostile_parquet_files_end_in_quarantine() {
    let dir = one_person().laid_out();
    let folder = dir.path().join("landing/accelerometer/landing");
    let whole = readings();
    let mut dice = 0x9E37_79B9_u64;
    let mut roll = |below: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) as usize % below
    };
    for number in 0..200 {
        let mut bytes = whole.clone();
        for _ in 0..=number % 4 {
            let at = roll(bytes.len() - 8) + 4;
            bytes[at] = match number % 3 {
                0 => 0xFF,
                1 => bytes[at] ^ (1 << roll(8)),
                _ => roll(256) as u8,
            };
        }
        fs::write(folder.join(format!("{number}.parquet")), bytes).unwrap();
    }
    for length in (4..whole.len()).step_by(37) {
        fs::write(folder.join(format!("cut-{length}")), &whole[..length]).unwrap();
    }
    let text = "z".repeat(1 << 18);
    // A dictionary of one long text, which every row names.
    let users = StringArray::from(vec![text.as_str(); 100]);
    let long = parquet(
        vec![
            ("user", Arc::new(users)),
            ("timestamp", Arc::new(Int64Array::from(vec![1; 100]))),
        ],
        WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .build(),
    );
    fs::write(folder.join("long.parquet"), long).unwrap();
    let delta = parquet(
        vec![
            (
                "user",
                Arc::new(StringArray::from(vec!["a@example.com"; 9])),
            ),
            ("timestamp", Arc::new(Int64Array::from(vec![1; 9]))),
        ],
        WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_column_encoding("user".into(), Encoding::DELTA_BYTE_ARRAY)
            .build(),
    );
    fs::write(folder.join("delta.parquet"), delta).unwrap();
    let run = stedi(dir.path(), "run --memory 256MB").run().done();
    assert!(!run.err.contains("a bug"), "{run}");
    let whole_files = count(
        dir.path(),
        "select count(distinct file) from system.quarantine where reason = 'unpackable'",
    );
    assert!(whole_files > 50, "{whole_files}");
    let detail = rows(
        dir.path(),
        "select file, detail from system.quarantine where file in ('delta.parquet', 'cut-4') order by file",
    );
    assert_eq!(
        serde_json::Value::from(detail),
        json!([
            {"file": "cut-4", "detail": "the Parquet file is corrupt or cut off"},
            {"file": "delta.parquet", "detail": "Parquet (delta-encoded text) files are not read"},
        ])
    );
    let before = contents(&dir.path().join("lake"));
    stedi(dir.path(), "run").run().done().says("nothing new");
    unchanged(&before, &dir.path().join("lake"), "the same files again");
}

/// Older versions left every file aside that was not named `*.json`; a lake of theirs
/// takes them in as new input and rebuilds nothing.
#[test]
fn files_without_an_ending_are_new_input() {
    let mut landing = one_person();
    landing.customers[0]["serialNumber"] = json!("s");
    let dir = landing.laid_out();
    stedi(dir.path(), "run").run().done();
    let folder = dir
        .path()
        .join("landing/accelerometer/landing/2026/11/30/12");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("s-1"), format!("{ONE}\n{TWO}\n")).unwrap();
    let run = stedi(dir.path(), "run").run().done();
    assert!(!run.err.contains("built everything anew"), "{run}");
    assert_eq!(
        count(dir.path(), "select count(*) from accelerometer_trusted"),
        2
    );
}
