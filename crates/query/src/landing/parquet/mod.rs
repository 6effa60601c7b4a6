//! Reads Parquet landing files as JSON lines, one object for each row.
//!
//! So a Parquet file is one more packed form of the same records. Its rows pass
//! through the decoder of JSON, and every rule holds for them: names match in any
//! letter case, required fields, conversions without loss, quarantine with the
//! record's bytes, suspension of the people named in it. The line of an entry is the
//! number of the row.
//!
//! A Parquet file is not trusted. `page_header` bounds what the Parquet library may
//! allocate for a page, `unpacked_size` what it may unpack of it, `footer` what it may
//! allocate for the footer, `source` what it may read, and a panic of the library is
//! caught and reported as a corrupt file. Row groups are streamed; all of the table's
//! columns are read whatever the query asks for, so that a fault is found at the same
//! row by every reading.

mod footer;
mod lines;
mod page_header;
mod source;
mod thrift;
mod unpacked_size;

pub(super) use lines::ParquetLines;
pub use lines::is_reading_parquet;
pub(super) use source::ParquetSource;
