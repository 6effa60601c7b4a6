//! Invariants of decoding that hold for any bytes. The property tests and the
//! fuzzer (which includes this file) check them.

use std::sync::Arc;

use landing::{Decoder, Keep, KeySet, Reason, Spec};

use crate::read::{Read, read, read_assuming, schema, small_limits, spec};

/// Like [`check`]; the first byte of `data` chooses cuts and limits.
pub(crate) fn check_seeded(data: &[u8]) {
    let Some((seed, bytes)) = data.split_first() else {
        return;
    };
    let seed = usize::from(*seed);
    let cuts: Vec<usize> = (1..=seed / 2 % 5)
        .map(|i| i * 7919 + seed * 104_729)
        .collect();
    check(bytes, &cuts, seed / 2, seed % 2 == 1);
}

#[derive(Debug)]
struct ShortKeys;

impl KeySet for ShortKeys {
    fn contains(&self, text: &str) -> bool {
        text.len() < 2
    }
}

/// Checks all invariants for `bytes`, read whole, cut at `cuts`, from guessed
/// carries of segments of `size` bytes, and without the fast path.
pub(crate) fn check(bytes: &[u8], cuts: &[usize], size: usize, small: bool) {
    let mut spec = spec(schema());
    if small {
        spec.limits = small_limits();
    }
    let decoder = Decoder::new(spec.clone());
    let whole = read(&decoder, bytes, &[]);
    whole.assert_accounted(bytes);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    assert_eq!(read(&decoder, bytes, &cuts), whole, "cuts {cuts:?}");
    assert_eq!(read_assuming(&decoder, bytes, size), whole);
    let general = Decoder::general_only(spec.clone());
    assert_eq!(read(&general, bytes, &[]), whole, "the general path");
    assert_eq!(
        read(&general, bytes, &cuts),
        whole,
        "the general path, cuts {cuts:?}"
    );
    check_first_object(&decoder, bytes, &whole);
    // Projection and row filter do not change which objects are rows.
    let filtered = Spec {
        projection: Some(vec![1]),
        keep: Some(Keep {
            column: 1,
            keys: Arc::new(ShortKeys),
        }),
        ..spec.clone()
    };
    let kept = read(&Decoder::new(filtered), bytes, &cuts);
    kept.assert_accounted(bytes);
    assert_eq!(kept.rejected, whole.rejected);
    assert_eq!(kept.tally.rows + kept.tally.filtered, whole.tally.rows);
}

/// An object at the start of the bytes ends where serde_json says, or is broken
/// where serde_json rejects it.
fn check_first_object(decoder: &Decoder, bytes: &[u8], whole: &Read) {
    if !bytes.starts_with(b"{") {
        return;
    }
    let mut stream =
        serde_json::Deserializer::from_slice(bytes).into_iter::<serde::de::IgnoredAny>();
    let broken = |reason| matches!(reason, Reason::Truncated | Reason::Syntax);
    let limited = |reason| matches!(reason, Reason::TooDeep | Reason::TooLarge);
    let first = whole.rejected.first().filter(|first| first.offset == 0);
    match stream.next() {
        Some(Ok(_)) => {
            let end = stream.byte_offset();
            let alone = read(decoder, &bytes[..end], &[]);
            assert_eq!(alone.tally.objects, 1, "an object {alone:?}");
            let whole = |rejected: &&landing::Rejected| rejected.kind != Reason::Misfit;
            if let Some(rejected) = alone.rejected.iter().find(whole) {
                assert!(!broken(rejected.kind), "valid for serde_json: {rejected:?}");
                assert_eq!((rejected.offset, rejected.length), (0, end as u64));
            }
        }
        _ => assert!(
            first.is_some_and(|first| broken(first.kind) || limited(first.kind)),
            "not valid for serde_json: {whole:?}"
        ),
    }
}
