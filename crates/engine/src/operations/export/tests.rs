//! Values and files that a table of people would hardly have.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Float32Array, Float64Array, Int8Array,
    Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use futures::StreamExt;
use lake::{Layout, TableId};
use object_store::ObjectStoreExt;

use super::decode::{Decoder, Malformed};
use super::draft::Draft;
use super::parts::Parts;
use super::place::Place;
use super::{ExportFormat, ExportedFile};
use crate::content::{self, Content};

fn content(batches: &[RecordBatch]) -> String {
    let mut content = Content::default();
    for batch in batches {
        content.add(content::hashes(batch));
    }
    content.to_text()
}

fn layout(batch: &RecordBatch) -> Layout {
    let table = TableId::new("trusted", "t");
    Layout::new(table, &batch.schema(), &[]).unwrap()
}

/// Writes `batches` to a folder below `dir`.
async fn written(
    dir: &std::path::Path,
    batches: &[RecordBatch],
    format: ExportFormat,
    bytes_max: u64,
) -> (Place, Result<Vec<ExportedFile>, String>) {
    let to = dir.join(format!("{format}-{bytes_max}"));
    let place = Place::of(to.to_str().unwrap()).unwrap();
    let draft = Draft::begin(place.clone()).await.unwrap();
    let layout = layout(&batches[0]);
    let mut parts = Parts::new(&draft, &layout, format, bytes_max);
    for batch in batches {
        if let Err(error) = parts.write(batch).await {
            let names = parts.abort().await;
            draft
                .abandon(&names.iter().map(String::as_str).collect::<Vec<_>>())
                .await;
            return (place, Err(error.to_string()));
        }
    }
    let files = parts.finish().await.unwrap();
    drop(parts);
    let names: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
    draft.finish(&names, b"{}".to_vec()).await.unwrap();
    (place, Ok(files))
}

/// The content of text files, read in pieces of `piece` bytes.
async fn read_again(
    place: &Place,
    files: &[ExportedFile],
    format: ExportFormat,
    batch: &RecordBatch,
    piece: usize,
) -> Result<String, Malformed> {
    let mut read = Content::default();
    for file in files {
        let path = place.folder().child(&file.file);
        let got = place.folder().store().get(&path).await.unwrap();
        let bytes: Vec<u8> = got
            .into_stream()
            .map(|piece| piece.unwrap().to_vec())
            .collect::<Vec<_>>()
            .await
            .concat();
        let mut decoder = Decoder::new(format, &batch.schema()).unwrap();
        for bytes in bytes.chunks(piece) {
            decoder.feed(bytes, |batch| read.add(content::hashes(batch)))?;
        }
        decoder.finish(|batch| read.add(content::hashes(batch)))?;
    }
    Ok(read.to_text())
}

fn every_type() -> RecordBatch {
    let text = [
        Some(""),
        None,
        Some("a,b"),
        Some("\"quoted\" 'and' not"),
        Some("line\r\nline\nline\r"),
        Some(" äöü \u{1F600}\0 "),
        Some("null"),
    ];
    let long = [
        Some(i64::MIN),
        Some(i64::MAX),
        Some(9_007_199_254_740_993),
        None,
        Some(0),
        Some(-1),
        Some(7),
    ];
    let double = [
        Some(0.1 + 0.2),
        Some(-0.0),
        Some(1e300),
        Some(5e-324),
        None,
        Some(1e15),
        Some(-1.5),
    ];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("text", Arc::new(StringViewArray::from_iter(text))),
        ("long", Arc::new(Int64Array::from_iter(long))),
        ("real", Arc::new(Float64Array::from_iter(double))),
        (
            "single",
            Arc::new(Float32Array::from_iter(
                double.map(|v| v.map(|v| (v as f32).clamp(-1e30, 1e30))),
            )),
        ),
        (
            "tiny",
            Arc::new(Int8Array::from_iter(long.map(|v| v.map(|v| v as i8)))),
        ),
        (
            "yes",
            Arc::new(BooleanArray::from_iter(long.map(|v| v.map(|v| v > 0)))),
        ),
        (
            "day",
            Arc::new(Date32Array::from_iter(
                long.map(|v| v.map(|v| (v % 100_000) as i32)),
            )),
        ),
        (
            "at",
            Arc::new(
                TimestampMicrosecondArray::from_iter(
                    long.map(|v| v.map(|v| v % 4_000_000_000_000_000)),
                )
                .with_timezone("UTC"),
            ),
        ),
        (
            "bytes",
            Arc::new(BinaryViewArray::from_iter(
                text.map(|text| text.map(str::as_bytes)),
            )),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap()
}

#[tokio::test]
async fn text_files_give_back_every_value() {
    let dir = tempfile::tempdir().unwrap();
    let batch = every_type();
    let expected = content(std::slice::from_ref(&batch));
    for format in [ExportFormat::Csv, ExportFormat::Ndjson] {
        let (place, files) =
            written(dir.path(), std::slice::from_ref(&batch), format, 1 << 20).await;
        let files = files.unwrap();
        for piece in [1, 7, 1 << 20] {
            let read = read_again(&place, &files, format, &batch, piece).await;
            assert_eq!(
                read.as_ref(),
                Ok(&expected),
                "{format} in pieces of {piece}"
            );
        }
    }
}

#[tokio::test]
async fn a_folder_is_cut_into_files_and_a_file_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let numbers = |block: i64| {
        let column: Int64Array = (block * 6000..(block + 1) * 6000).map(Some).collect();
        RecordBatch::try_from_iter_with_nullable([("n", Arc::new(column) as ArrayRef, true)])
            .unwrap()
    };
    let batches: Vec<RecordBatch> = (0..5).map(numbers).collect();
    for (format, bytes_max, expected) in [
        (
            ExportFormat::Csv,
            40_000,
            vec!["t.csv", "t.2.csv", "t.3.csv", "t.4.csv"],
        ),
        (ExportFormat::Ndjson, 1 << 20, vec!["t.ndjson"]),
        (
            ExportFormat::Ndjson,
            1,
            vec![
                "t.ndjson",
                "t.2.ndjson",
                "t.3.ndjson",
                "t.4.ndjson",
                "t.5.ndjson",
            ],
        ),
    ] {
        let (place, files) = written(dir.path(), &batches, format, bytes_max).await;
        let files = files.unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
        assert_eq!(names, expected, "{format} {bytes_max}");
        assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), 30_000);
        let read = read_again(&place, &files, format, &batches[0], 1000).await;
        assert_eq!(read, Ok(content(&batches)), "{format} {bytes_max}");
    }
    let (_, files) = written(dir.path(), &batches, ExportFormat::Parquet, 1).await;
    assert_eq!(files.unwrap().len(), 5);
}

#[tokio::test]
async fn json_refuses_what_it_cannot_say_and_leaves_nothing() {
    for (value, format, written_well) in [
        (f64::NAN, ExportFormat::Ndjson, false),
        (f64::INFINITY, ExportFormat::Ndjson, false),
        (f64::NAN, ExportFormat::Csv, true),
        (f64::NEG_INFINITY, ExportFormat::Csv, true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let column: ArrayRef = Arc::new(Float64Array::from(vec![1.0, value]));
        let batch = RecordBatch::try_from_iter_with_nullable([("x", column, true)]).unwrap();
        let (place, files) = written(dir.path(), std::slice::from_ref(&batch), format, 1).await;
        match files {
            Ok(files) => {
                let read = read_again(&place, &files, format, &batch, 3).await;
                assert_eq!(read, Ok(content(&[batch])), "{value}");
            }
            Err(error) => assert!(error.contains("column x"), "{error}"),
        }
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left == 1, written_well, "{value} {format}");
    }
}

#[test]
fn what_is_no_export_is_told_from_one() {
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("a", Arc::new(Int64Array::from(vec![1])) as ArrayRef, true),
        ("b", Arc::new(StringViewArray::from(vec!["x"])), true),
    ])
    .unwrap();
    for (format, text, well) in [
        (ExportFormat::Csv, "a,b\r\n1,x\r\n", true),
        (ExportFormat::Csv, "a,b\n1,x\n", true),
        (ExportFormat::Csv, "a,b\r\n", true),
        (ExportFormat::Csv, "", false),
        (ExportFormat::Csv, "b,a\r\n1,x\r\n", false),
        (ExportFormat::Csv, "a,b\r\n1,x", false),
        (ExportFormat::Csv, "a,b\r\n1\r\n", false),
        (ExportFormat::Csv, "a,b\r\n1,x,y\r\n", false),
        (ExportFormat::Csv, "a,b\r\n1,\"x\r\n", false),
        (ExportFormat::Csv, "a,b\r\n1,\"x\"y\r\n", false),
        (ExportFormat::Csv, "a,b\r\n1,x\"y\"\r\n", false),
        (ExportFormat::Csv, "a,b\r\none,x\r\n", false),
        (ExportFormat::Ndjson, "{\"a\":1,\"b\":\"x\"}\n", true),
        (ExportFormat::Ndjson, "", true),
        (ExportFormat::Ndjson, "{\"a\":1,\"b\":\"x\"", false),
        (ExportFormat::Ndjson, "{\"a\":\"one\"}\n", false),
        (ExportFormat::Ndjson, "one\n", false),
    ] {
        let mut decoder = Decoder::new(format, &batch.schema()).unwrap();
        let fed = decoder.feed(text.as_bytes(), |_| {});
        let read = fed.and_then(|()| decoder.finish(|_| {}));
        assert_eq!(read.is_ok(), well, "{format} {text:?}");
    }
}
