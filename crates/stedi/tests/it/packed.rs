//! Packed and Parquet files, as programs write them.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// How an entry stands in a zip archive.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Entry {
    Stored,
    Deflated,
    /// With CRC and lengths behind the data, as programs that stream write.
    Described,
    Encrypted,
}

pub(crate) fn zip(entries: &[(&str, &str, Entry)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, text, how) in entries {
        let data = match how {
            Entry::Stored => text.as_bytes().to_vec(),
            _ => deflated(text.as_bytes()),
        };
        let flags: u16 = match how {
            Entry::Described => 8,
            Entry::Encrypted => 1,
            _ => 0,
        };
        let method: u16 = if *how == Entry::Stored { 0 } else { 8 };
        let sums = [crc(text.as_bytes()), data.len() as u32, text.len() as u32];
        let header = |sums: [u32; 3]| {
            let mut header = Vec::new();
            for number in [20, flags, method, 0, 0] {
                header.extend_from_slice(&u16::to_le_bytes(number));
            }
            for sum in sums {
                header.extend_from_slice(&sum.to_le_bytes());
            }
            header.extend_from_slice(&(name.len() as u16).to_le_bytes());
            header.extend_from_slice(&[0, 0]);
            header
        };
        let offset = archive.len() as u32;
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend(header(match how {
            Entry::Described => [0; 3],
            _ => sums,
        }));
        archive.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(&data);
        if *how == Entry::Described {
            archive.extend_from_slice(b"PK\x07\x08");
            let sums = sums.iter().flat_map(|sum| sum.to_le_bytes());
            archive.extend(sums);
        }
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend(header(sums));
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    archive.extend(directory);
    archive.extend_from_slice(b"PK\x05\x06");
    archive.extend_from_slice(&[0; 18]);
    archive
}

pub(crate) fn snappy_block(bytes: &[u8]) -> Vec<u8> {
    let packed = snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    [&(packed.len() as u32).to_be_bytes(), packed.as_slice()].concat()
}

pub(crate) fn snappy_framed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.into_inner().unwrap()
}

pub(crate) fn snappy_hadoop(bytes: &[u8]) -> Vec<u8> {
    let block = |bytes: &[u8]| {
        let mut block = (bytes.len() as u32).to_be_bytes().to_vec();
        bytes
            .chunks(40)
            .for_each(|chunk| block.extend(snappy_block(chunk)));
        block
    };
    bytes.chunks(100).flat_map(block).collect()
}

pub(crate) fn snappy_java(bytes: &[u8]) -> Vec<u8> {
    let mut packed = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    bytes
        .chunks(50)
        .for_each(|chunk| packed.extend(snappy_block(chunk)));
    packed
}

/// A Parquet file of these columns.
pub(crate) fn parquet(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
    let fields = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.iter().map(|(_, array)| Arc::clone(array)).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

pub(crate) fn snappy_parquet() -> WriterProperties {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    properties.set_max_row_group_row_count(Some(2)).build()
}
