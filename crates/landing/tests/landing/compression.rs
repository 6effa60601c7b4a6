//! Compressed streams: complete, truncated, corrupt, and beyond the output limit.

use std::io::{Read, Write};

use landing::compression::{
    Compression, Decompress, Fault, UNPACKED_BYTES_FREE, Unreadable, unpacked_bytes_max,
};
use landing::{Container, Limited, SnappyFormat};

fn text() -> Vec<u8> {
    (0..40_000)
        .flat_map(|i| format!("{{\"a\":{},\"t\":\"{}\"}}\n", i, i * 7919 % 1009).into_bytes())
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("to memory");
    encoder.finish().expect("to memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.include_checksum(true).expect("a checksum");
    encoder.write_all(bytes).expect("to memory");
    encoder.finish().expect("to memory")
}

/// Decompresses in pieces of `size` bytes, up to the end or the fault.
fn read(bytes: &[u8], how: Compression, size: usize) -> (Vec<u8>, Option<Unreadable>) {
    let mut stream = Decompress::new(bytes, how).expect("a decompressor");
    let mut out = Vec::new();
    let mut piece = vec![0; size];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return (out, None),
            Ok(read) => out.extend_from_slice(&piece[..read]),
            Err(error) => {
                let inner = error.get_ref().and_then(|e| e.downcast_ref::<Unreadable>());
                return (out, Some(inner.expect("an Unreadable").clone()));
            }
        }
    }
}

#[test]
fn format_is_detected_by_first_bytes_then_by_name() {
    use Container::{Compressed, Foreign, Json, Parquet, Snappy, Zip};
    let check = |name, head: &[u8], expected| {
        assert_eq!(Container::of(name, head), expected, "{name}");
    };
    let (gz, zst) = (Compressed(Compression::Gzip), Compressed(Compression::Zstd));
    check("a.json", b"{}", Json);
    check("a.json.gz", &gzip(b"{}"), gz);
    check("a.json.zst", &zstd(b"{}"), zst);
    check("a.json", &gzip(b"{}"), gz);
    check("2026/11/30/12/stream-1-2026-11-30-uuid", &gzip(b"{}"), gz);
    check("a.json.gz", b"{\"a\":1}", Json);
    check("a.json.gz", b"what", gz);
    check("a.json.ZST", b"what", zst);
    check("a.json.gz", b"", Json);
    check("a", b"PK\x03\x04", Zip);
    check("a", b"PAR1", Parquet);
    check("a.parquet", b"what", Parquet);
    check("a", b"\xff\x06\0\0sNaPpY", Snappy(SnappyFormat::Framed));
    check("a", b"\x82SNAPPY\0", Snappy(SnappyFormat::Java));
    check(
        "a",
        b"\0\0\0\x03\0\0\0\x05\x03\x08{}\n",
        Snappy(SnappyFormat::Hadoop),
    );
    check("a", b"\0\0\0\x03\0\0\0\x05\x04\x08{}\n", Json);
    check("a.snappy", b"what", Snappy(SnappyFormat::Framed));
    check("a", b"BZh9", Foreign("bzip2"));
    check("a.csv", b"a,b", Json);
    check("a", b"\xef\xbb\xbf{}", Json);
}

#[test]
fn whole_streams_and_many_members() {
    let text = text();
    let (one, two) = text.split_at(12_345);
    for (how, pack) in [
        (Compression::Gzip, gzip as fn(&[u8]) -> Vec<u8>),
        (Compression::Zstd, zstd),
    ] {
        for size in [1, 1000, 1 << 20] {
            assert_eq!(read(&pack(&text), how, size), (text.clone(), None));
            let members = [pack(one), pack(b""), pack(two)].concat();
            assert_eq!(read(&members, how, size), (text.clone(), None));
        }
        assert_eq!(read(&pack(b""), how, 10), (Vec::new(), None));
    }
}

#[test]
fn truncated_and_corrupt_streams_yield_the_bytes_before_the_fault() {
    let text = text();
    for (how, pack) in [
        (Compression::Gzip, gzip as fn(&[u8]) -> Vec<u8>),
        (Compression::Zstd, zstd),
    ] {
        let packed = pack(&text);
        for keep in [1, 5, 20, packed.len() / 2, packed.len() - 1] {
            let (out, error) = read(&packed[..keep], how, 4096);
            assert!(text.starts_with(&out));
            let error = error.expect("truncated");
            assert_eq!(
                (error.what, error.offset),
                (Fault::Truncated, keep as u64),
                "{how:?}"
            );
            if keep > 100 {
                assert!(out.len() > text.len() / 4, "{how:?} kept {}", out.len());
            }
        }
        let mut bad = packed.clone();
        let middle = bad.len() / 2;
        bad[middle..middle + 400].fill(0xAA);
        let (out, error) = read(&bad, how, 4096);
        let error = error.expect("corrupt");
        assert_eq!(error.what, Fault::Corrupt, "{how:?}");
        assert!(out.len() > text.len() / 4, "{how:?} kept {}", out.len());
        assert_eq!(out[..text.len() / 4], text[..text.len() / 4]);
        let (out, error) = read(&[packed.clone(), b"rubbish".to_vec()].concat(), how, 4096);
        assert_eq!(out, text);
        assert!(error.is_some(), "{how:?}: what follows is no member");
        let (out, error) = read(b"not compressed at all", how, 4096);
        assert_eq!(
            (out.len(), error.map(|e| e.what)),
            (0, Some(Fault::Corrupt))
        );
    }
}

#[test]
fn a_corrupt_zip_entry_gives_the_bytes_before_the_fault_in_pieces_of_any_size() {
    let text = text();
    let deflated = gzip(&text)[10..].to_vec();
    let mut archive = b"PK\x03\x04\x14\0\0\0\x08\0".to_vec();
    archive.extend([[0; 16].as_slice(), b"\x01\0\0\0a", &deflated].concat());
    let middle = archive.len() / 2;
    archive[middle..middle + 400].fill(0xAA);
    let mut all = Vec::new();
    for size in [1, 1000, 4096, 1 << 20] {
        let stream = Container::Zip.unpacked(archive.as_slice(), 1 << 30);
        let mut stream = stream.expect("a reader");
        let (mut out, mut piece) = (Vec::new(), vec![0; size]);
        let error = loop {
            match stream.read(&mut piece) {
                Ok(0) => panic!("it ends without a fault"),
                Ok(read) => out.extend_from_slice(&piece[..read]),
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(out[..text.len() / 4], text[..text.len() / 4], "{size}");
        all.push((out, error));
    }
    assert!(all[0].1.contains("the compressed stream is corrupt"));
    assert!(all.iter().all(|(out, _)| *out == all[0].0));
    assert!(
        all.iter().all(|(_, error)| *error == all[0].1),
        "{:?}",
        all[0].1
    );
}

#[test]
fn the_output_limit_cuts_at_the_same_byte() {
    let text = text();
    for (how, pack) in [
        (Compression::Gzip, gzip as fn(&[u8]) -> Vec<u8>),
        (Compression::Zstd, zstd),
    ] {
        let packed = [pack(&text[..1000]), pack(&text[1000..])].concat();
        for size in [1, 1000, 1 << 20] {
            for limit in [0, 999, 1000, 1001, 70_000, text.len(), text.len() + 1] {
                let stream = Decompress::new(packed.as_slice(), how).expect("a decompressor");
                let mut stream = Limited::new(stream, limit as u64);
                let (mut out, mut piece) = (Vec::new(), vec![0; size]);
                let end = loop {
                    match stream.read(&mut piece) {
                        Ok(0) => break None,
                        Ok(read) => out.extend_from_slice(&piece[..read]),
                        Err(error) => break Some(error.to_string()),
                    }
                };
                assert_eq!(out, text[..limit.min(text.len())], "{how:?} {size} {limit}");
                assert_eq!(end.is_some(), limit < text.len(), "{how:?} {size} {limit}");
            }
        }
    }
    assert_eq!(unpacked_bytes_max(4_400), UNPACKED_BYTES_FREE);
    assert_eq!(unpacked_bytes_max(1 << 20), 250 << 20);
}
