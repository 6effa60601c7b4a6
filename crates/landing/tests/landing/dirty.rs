//! Files of the shared data, clean and dirty: every object is recovered. The tests
//! are skipped if the shared data is absent.

use std::path::Path;

use bytes::Bytes;
use landing::{Column, Decoder, Reason, Schema, Tally, Type};

use crate::read::{Read, read, read_assuming, spec};

fn customer() -> Schema {
    let text = |name| Column::optional(name, Type::Text);
    let long = |name| Column::optional(name, Type::Long);
    Schema {
        columns: vec![
            text("customername"),
            Column::required("email", Type::Text),
            text("phone"),
            text("birthday"),
            text("serialnumber"),
            long("registrationdate"),
            Column::required("lastupdatedate", Type::Long),
            long("sharewithresearchasofdate"),
            long("sharewithpublicasofdate"),
            long("sharewithfriendsasofdate"),
        ],
    }
}

fn accelerometer() -> Schema {
    Schema {
        columns: vec![
            Column::required("user", Type::Text),
            Column::required("timestamp", Type::Long),
            Column::optional("x", Type::Double),
            Column::optional("y", Type::Double),
            Column::optional("z", Type::Double),
        ],
    }
}

fn step_trainer() -> Schema {
    Schema {
        columns: vec![
            Column::required("sensorreadingtime", Type::Long),
            Column::required("serialnumber", Type::Text),
            Column::optional("distancefromobject", Type::Long),
        ],
    }
}

/// Decodes a file of the shared data whole, cut, from guessed carries and without
/// the fast path; `None` if it is absent.
fn file(schema: Schema, path: &str) -> Option<Read> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(path);
    let Ok(bytes) = std::fs::read(&path) else {
        #[allow(clippy::print_stderr, reason = "tells why nothing was tested")]
        {
            eprintln!("skipped: {} is absent", path.display());
        }
        return None;
    };
    let decoder = Decoder::new(spec(schema.clone()));
    let whole = read(&decoder, &bytes, &[]);
    whole.assert_accounted(&bytes);
    let cuts: Vec<usize> = (1..bytes.len()).step_by(1009).collect();
    assert_eq!(read(&decoder, &bytes, &cuts), whole);
    assert_eq!(read_assuming(&decoder, &bytes, 4096), whole);
    let general = Decoder::general_only(spec(schema));
    assert_eq!(read(&general, &bytes, &[]), whole);
    let decoded = decoder.decode_all(Bytes::from(bytes));
    assert_eq!(decoded.tally, whole.tally);
    Some(whole)
}

/// Compares the counts of a file: rows, rejected objects, converted values.
fn check(schema: Schema, path: &str, expected: (u64, u64, u64)) -> Option<Read> {
    let read = file(schema, path)?;
    let Tally {
        rows,
        rejected_objects,
        rejected_others,
        converted,
        ref unknown_fields,
        ..
    } = read.tally;
    assert_eq!((rows, rejected_objects, converted), expected, "{path}");
    assert_eq!(rejected_others, 0, "{path}");
    assert!(unknown_fields.is_empty(), "{path}");
    Some(read)
}

#[test]
fn dirty_files() {
    // 999 objects on one line without separators.
    check(
        customer(),
        "dirty/customer/landing/concatenated.json",
        (999, 0, 0),
    );
    // Schema drift: numbers for phones, integral floats for consent dates, nulls.
    check(
        customer(),
        "dirty/customer/landing/drifted-types.json",
        (956, 0, 956 + 482 + 491 + 508),
    );
    check(customer(), "dirty/customer/landing/empty.json", (0, 0, 0));
    check(
        step_trainer(),
        "dirty/step_trainer/landing/comma-terminated.json",
        (2000, 0, 0),
    );
    // Cut off inside a key.
    if let Some(read) = check(
        customer(),
        "dirty/customer/landing/truncated.json",
        (86, 1, 0),
    ) {
        let rejected = &read.rejected[0];
        assert_eq!(rejected.kind, Reason::Truncated);
        assert_eq!(
            (rejected.offset, rejected.length),
            (24_338, 24_576 - 24_338)
        );
    }
}

#[test]
fn reference_files() {
    check(
        customer(),
        "stedi/customer/landing/customer-1691348231425.json",
        (956, 0, 0),
    );
    for (name, rows) in [("8038", 10_000), ("8085", 10_000), ("8132", 8_680)] {
        let path = format!("stedi/step_trainer/landing/step_trainer-169134823{name}.json");
        check(step_trainer(), &path, (rows, 0, 0));
    }
    for (name, rows) in [("1445", 10_000), ("2031", 1_273)] {
        let path = format!("stedi/accelerometer/landing/accelerometer-169134823{name}.json");
        check(accelerometer(), &path, (rows, 0, 0));
    }
}
