//! Beyond the limit of a file, rejected stretches are merged into ranges: bounded,
//! complete, and independent of where the file is cut.

use std::sync::Arc;

use bytes::Bytes;
use landing::{Carry, Decoder, Finder, Raw, Reason, Rejected, Spec, Tally};

use crate::read::{schema, spec};

/// Finds words with an `@`.
#[derive(Debug)]
struct Addresses;

impl Finder for Addresses {
    fn find(&self, bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '@');
        let words = words.filter(|word| word.contains('@') && word.starts_with('p'));
        words.map(str::to_owned).collect()
    }
}

fn decoder() -> Decoder {
    Decoder::new(Spec {
        finder: Some(Arc::new(Addresses)),
        ..spec(schema())
    })
}

/// Decodes a file in pieces of `piece` bytes and condenses its stretches, as
/// `query` does.
fn read(decoder: &Decoder, file: &Bytes, piece: usize) -> (Vec<Rejected>, Tally) {
    let mut condenser = decoder.condenser();
    let mut tally = Tally::default();
    let mut carry = Carry::start();
    let mut from = 0;
    while from < file.len() {
        let to = (from + piece).min(file.len());
        let decoded = decoder.decode(file.slice(from..to), carry);
        assert!(decoded.rejected.len() <= 1000 + 3 * 16, "{piece}");
        decoded.rejected.into_iter().for_each(|r| condenser.push(r));
        tally.add(&decoded.tally);
        carry = decoded.carry;
        from = to;
    }
    let end = decoder.finish(carry);
    end.rejected.into_iter().for_each(|r| condenser.push(r));
    tally.add(&end.tally);
    (condenser.finish(), tally)
}

/// Checks that every byte and every stretch is accounted for, wherever the file is
/// cut, and that there are this many entries. Returns the entries.
fn check(file: &str, entries: usize) -> Vec<Rejected> {
    let file = Bytes::copy_from_slice(file.as_bytes());
    let decoder = decoder();
    let (whole, tally) = read(&decoder, &file, usize::MAX >> 1);
    assert_eq!(tally.bytes(), file.len() as u64);
    let sum = |of: fn(&Rejected) -> u64| whole.iter().map(of).sum::<u64>();
    assert_eq!(sum(|r| r.length), tally.bytes_rejected);
    assert_eq!(
        sum(|r| r.places),
        tally.rejected_objects + tally.rejected_others
    );
    let objects = whole.iter().filter(|r| r.kind.is_object() && r.length > 0);
    assert_eq!(
        objects.map(|r| r.places).sum::<u64>(),
        tally.rejected_objects
    );
    for r in &whole {
        let is_range = matches!(r.raw, Raw::Sum(_));
        assert!(r.places == 1 || is_range, "{r:?}");
        assert!(r.offset + r.length <= r.end && r.end <= file.len() as u64);
    }
    assert_eq!(whole.len(), entries);
    for piece in [100_003, 1 << 20] {
        let (pieces, pieces_tally) = read(&decoder, &file, piece);
        assert_eq!(pieces, whole, "pieces of {piece}");
        assert_eq!(pieces_tally, tally, "pieces of {piece}");
    }
    let mut all = decoder.decode_all(file);
    assert_eq!(std::mem::take(&mut all.rejected), whole);
    whole
}

#[test]
fn many_stretches_become_ranges() {
    // 3 MB: one range for each block of a MiB.
    let ranges = check(&"{}\n".repeat(1_000_000), 1000 + 3);
    let places: u64 = ranges[1000..].iter().map(|r| r.places).sum();
    assert_eq!(places, 999_000);
    // On one line; between rows.
    check(&"{}".repeat(600_000), 1000 + 2);
    check(&"{\"a\":1}\n{\"a\":\"x\"}\n".repeat(80_000), 1000 + 2);
    // With several reasons. A value and the garbage after it are one stretch.
    check(
        &"{}\n{\"a\":\"x\"}\n5\nrubbish\n".repeat(50_000),
        1000 + 3 + 3,
    );
    // A few large ones: at most a MiB of bytes is kept.
    let large = format!("{{\"a\":\"{}\"}}\n", "x".repeat(50_000));
    let entries = check(&large.repeat(40), 20 + 2);
    assert_eq!(entries[0].kind, Reason::TypeMismatch);
    // The maximum number that is kept one by one.
    assert!(
        check(&"{}\n".repeat(1000), 1000)
            .iter()
            .all(|r| r.places == 1)
    );
}

#[test]
fn texts_are_found_in_bytes_that_are_not_kept() {
    let found = |entries: &[Rejected]| -> Vec<String> {
        let mut texts: Vec<String> = entries
            .iter()
            .flat_map(|r| r.found.texts.iter().cloned())
            .collect();
        texts.sort();
        texts
    };
    // In a record that is too long, at any offset.
    for before in [0, 65_530, 65_536, 131_070, 200_000] {
        let record = format!(
            "{{\"t\":\"{}\",\"a\":\"p@here\",\"u\":\"{}\"}}",
            "x".repeat(before),
            "y".repeat(70_000)
        );
        assert_eq!(found(&check(&record, 1)), ["p@here"], "{before}");
    }
    // In ranges, each text once.
    let records: String = (0..3000)
        .map(|i| format!("{{\"a\":\"p{}@x\"}}\n", i / 2))
        .collect();
    let entries = check(&records, 1001);
    assert_eq!(found(&entries).len(), 1000);
    assert!(!entries[1000].found.is_cut);
    // Bytes that are kept are not searched.
    assert!(found(&entries[..1000]).is_empty());
    // Texts beyond the limit of a stretch are reported as cut.
    let many: String = (0..20_000).map(|i| format!("p{i}@x ")).collect();
    let entries = check(&format!("{{\"a\":\"{many}\"}}"), 1);
    assert!(entries[0].found.is_cut);
    let bytes: usize = entries[0].found.texts.iter().map(String::len).sum();
    assert!(bytes <= 64 << 10);
}

#[test]
fn names_of_unknown_fields_are_cut() {
    let key = "k".repeat(1 << 20);
    let (_, tally) = read(
        &decoder(),
        &Bytes::from(format!("{{\"a\":1,\"{key}\":2}}")),
        usize::MAX >> 1,
    );
    assert_eq!((tally.rows, tally.unknown), (1, 1));
    assert!(tally.unknown_fields.keys().all(|name| name.len() <= 128));
}
