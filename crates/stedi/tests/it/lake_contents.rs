//! The content of a lake: plain Delta tables, with personal values in rows and
//! nowhere else.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use crate::places::{DEMO, SMALL, append, contents, log_entries};
use crate::program::{rows, stedi};

fn parquet_files(lake: &Path) -> Vec<PathBuf> {
    let files = contents(lake).into_keys();
    files
        .filter(|path| path.extension().is_some_and(|end| end == "parquet"))
        .collect()
}

/// Footer of a Parquet file: its metadata, statistics included.
fn footer(bytes: &[u8]) -> &[u8] {
    let end = bytes.len() - 8;
    assert_eq!(&bytes[end + 4..], b"PAR1");
    let length = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
    &bytes[end - length..end]
}

#[test]
fn names_logs_and_footers_hold_no_personal_value() {
    // Quarantined input is personal, too.
    let own = SMALL.copied();
    let record = &rows(
        own.path(),
        "select email, customername from customer_landing limit 1",
    )[0];
    append(
        own.path(),
        "customer/landing/bad.json",
        &format!("{}\n{record}\n", &record.to_string()[..40]),
    );
    stedi(own.path(), "run").run().done();
    for (lake, people) in [
        (DEMO.dir.join("lake"), &DEMO.people),
        (own.path().join("lake"), &SMALL.people),
    ] {
        let mut searched = 0;
        for (path, bytes) in contents(&lake) {
            let name = path.display().to_string();
            assert_eq!(people.found_in(&name), None, "{name}");
            let text = match path.extension().and_then(|end| end.to_str()) {
                Some("parquet") => String::from_utf8_lossy(footer(&bytes)),
                _ => String::from_utf8_lossy(&bytes),
            };
            assert_eq!(people.found_in(&text), None, "{name}");
            searched += 1;
        }
        assert!(searched > 20, "{searched} files");
    }
}

/// Personal columns of every table, as `stedi describe` lists them.
fn personal(dir: &Path) -> BTreeMap<String, Vec<String>> {
    let tables = stedi(dir, "tables --format ndjson")
        .run()
        .done()
        .json_lines();
    let built = tables.iter().filter(|table| table["version"].is_i64());
    built
        .map(|table| {
            let (zone, name) = (
                table["zone"].as_str().unwrap(),
                table["table"].as_str().unwrap(),
            );
            let words = match zone {
                "system" => format!("describe system.{name} --format ndjson"),
                _ => format!("describe {name} --format ndjson"),
            };
            let columns = stedi(dir, &words).run().done().json_lines();
            let personal = columns
                .iter()
                .filter(|column| column["personal"] == true)
                .map(|column| column["column"].as_str().unwrap().to_owned())
                .collect();
            (format!("{zone}/{name}"), personal)
        })
        .collect()
}

#[test]
fn personal_columns_carry_no_statistics() {
    let lake = DEMO.dir.join("lake");
    let personal = personal(&DEMO.dir);
    for (table, expected) in [
        (
            "trusted/customer_trusted",
            "customername email phone birthday serialnumber",
        ),
        ("trusted/accelerometer_trusted", "user"),
        ("trusted/step_trainer_trusted", "serialnumber"),
        (
            "curated/customer_curated",
            "customername email phone birthday serialnumber",
        ),
        ("curated/machine_learning_curated", "serialnumber user"),
    ] {
        assert_eq!(
            personal[table],
            expected.split(' ').collect::<Vec<_>>(),
            "{table}"
        );
    }
    let (mut without, mut with) = (0, 0);
    for file in parquet_files(&lake) {
        let table = file
            .parent()
            .unwrap()
            .strip_prefix(&lake)
            .unwrap()
            .display()
            .to_string();
        let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
        for group in reader.metadata().row_groups() {
            for column in group.columns() {
                let name = column.column_path().string();
                if personal[&table].contains(&name) {
                    without += 1;
                    assert!(column.statistics().is_none(), "{table}: {name}");
                    assert!(column.column_index_offset().is_none(), "{table}: {name}");
                    assert!(column.bloom_filter_offset().is_none(), "{table}: {name}");
                } else if column.column_type() == parquet::basic::Type::INT64 {
                    with += 1;
                    assert!(column.statistics().is_some(), "{table}: {name}");
                }
            }
        }
    }
    assert!(
        without >= 14 && with >= 12,
        "{without} without, {with} with"
    );
}

#[test]
fn logs_hold_plain_delta_and_statistics_of_impersonal_columns_alone() {
    let lake = DEMO.dir.join("lake");
    let personal = personal(&DEMO.dir);
    let mut adds = 0;
    for entry in log_entries(&lake) {
        let table = entry
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .strip_prefix(&lake)
            .unwrap();
        let table = table.display().to_string();
        for line in std::fs::read_to_string(&entry).unwrap().lines() {
            let action: Value = serde_json::from_str(line).unwrap();
            if let Some(protocol) = action.get("protocol") {
                assert_eq!(protocol["minReaderVersion"], 1, "{table}");
                assert_eq!(protocol["minWriterVersion"], 2, "{table}");
                assert!(
                    protocol.get("readerFeatures").is_none_or(Value::is_null),
                    "{table}"
                );
            }
            if let Some(metadata) = action.get("metaData") {
                assert_eq!(
                    metadata["partitionColumns"],
                    Value::Array(Vec::new()),
                    "{table}"
                );
                let settings = metadata["configuration"].to_string();
                for feature in ["deletionVectors", "columnMapping", "changeDataFeed"] {
                    assert!(!settings.contains(feature), "{table}: {settings}");
                }
            }
            let Some(add) = action.get("add") else {
                continue;
            };
            adds += 1;
            let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
            assert!(stats["numRecords"].as_u64().unwrap() > 0, "{table}");
            for bounds in ["minValues", "maxValues", "nullCount"] {
                let Some(columns) = stats[bounds].as_object() else {
                    continue;
                };
                for (column, bound) in columns {
                    assert!(
                        !personal[&table].contains(column),
                        "{table}: {bounds} of {column}"
                    );
                    assert!(
                        bound.is_number(),
                        "{table}: {bounds} of {column} is {bound}"
                    );
                }
            }
        }
    }
    assert!(adds >= 5, "{adds}");
}

#[test]
fn every_file_of_a_lake_belongs_to_a_version() {
    for shared in [&*DEMO, &*SMALL] {
        let lake = shared.dir.join("lake");
        let log: String = log_entries(&lake)
            .iter()
            .map(|entry| std::fs::read_to_string(entry).unwrap())
            .collect();
        // Copies of what people decided belong to no table.
        let copies = lake.join("system/decisions");
        let files = parquet_files(&lake).into_iter();
        for file in files.filter(|file| !file.starts_with(&copies)) {
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(log.contains(name), "{} is in no version", file.display());
        }
    }
}

#[test]
fn tables_lie_at_zone_and_name() {
    let lake = DEMO.dir.join("lake");
    for table in [
        "trusted/customer_trusted",
        "trusted/accelerometer_trusted",
        "trusted/step_trainer_trusted",
        "curated/customer_curated",
        "curated/machine_learning_curated",
        "system/runs",
    ] {
        assert!(lake.join(table).join("_delta_log").is_dir(), "{table}");
    }
    assert!(
        !lake.join("trusted/step_trainer_curated").exists(),
        "another name, not another table"
    );
    assert!(
        !lake.join("curated/step_trainer_curated").exists(),
        "another name, not another table"
    );
}

/// Landing files belong to the user: queries, runs and `verify` change no byte of
/// them.
#[test]
fn landing_is_never_changed() {
    let own = SMALL.copied();
    let landing = own.path().join("landing");
    let before = contents(&landing);
    for words in ["run", "verify", "tables", "doctor"] {
        stedi(own.path(), words).run().done();
        crate::places::unchanged(&before, &landing, words);
    }
}
