//! Functions of binary values: encodings and digests.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use sha2::Digest;
use xxhash_rust::xxh64::xxh64;

use crate::fault::Fault;
use crate::function::Param::{Binary, Text};
use crate::function::{Function, Returns, Row};

pub(crate) static FUNCTIONS: [Function; 12] = [
    Function::new(
        "to_hex",
        &[&[Binary]],
        Returns::Text(|row| Ok(Some(hex::encode_upper(row.binary(0))))),
    ),
    Function::new("from_hex", &[&[Text], &[Binary]], Returns::Binary(from_hex)),
    Function::new(
        "to_base64",
        &[&[Binary]],
        Returns::Text(|row| Ok(Some(STANDARD.encode(row.binary(0))))),
    ),
    Function::new(
        "from_base64",
        &[&[Text], &[Binary]],
        Returns::Binary(|row| decoded(row, &STANDARD)),
    ),
    Function::new(
        "to_base64url",
        &[&[Binary]],
        Returns::Text(|row| Ok(Some(URL_SAFE.encode(row.binary(0))))),
    ),
    Function::new(
        "from_base64url",
        &[&[Text], &[Binary]],
        Returns::Binary(|row| decoded(row, &URL_SAFE)),
    ),
    Function::new(
        "md5",
        &[&[Binary]],
        Returns::Binary(|row| Ok(Some(md5::Md5::digest(row.binary(0)).to_vec()))),
    ),
    Function::new(
        "sha256",
        &[&[Binary]],
        Returns::Binary(|row| Ok(Some(sha2::Sha256::digest(row.binary(0)).to_vec()))),
    ),
    Function::new(
        "sha512",
        &[&[Binary]],
        Returns::Binary(|row| Ok(Some(sha2::Sha512::digest(row.binary(0)).to_vec()))),
    ),
    Function::new(
        "xxhash64",
        &[&[Binary]],
        Returns::Binary(|row| Ok(Some(xxh64(row.binary(0), 0).to_be_bytes().to_vec()))),
    ),
    Function::new(
        "to_big_endian_64",
        &[&[crate::function::Param::Bigint]],
        Returns::Binary(|row| Ok(Some(row.bigint(0).to_be_bytes().to_vec()))),
    ),
    Function::new(
        "from_big_endian_64",
        &[&[Binary]],
        Returns::Bigint(from_big_endian_64),
    ),
];

fn from_hex(row: &Row<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let text = written(row);
    let bytes = hex::decode(text);
    bytes.map(Some).map_err(|_| {
        Fault::new(
            "`from_hex` was given a text that is not hexadecimal",
            "leave such rows out, by WHERE regexp_like(text, '^([0-9A-Fa-f]{2})*$')",
        )
    })
}

fn decoded(row: &Row<'_>, alphabet: &impl Engine) -> Result<Option<Vec<u8>>, Fault> {
    let bytes = alphabet.decode(written(row));
    bytes.map(Some).map_err(|_| {
        Fault::new(
            "a text that is not base64 cannot be decoded",
            "leave such rows out, or use TRY(...)",
        )
    })
}

/// The text that an encoding is written in.
fn written<'a>(row: &'a Row<'_>) -> &'a [u8] {
    match row.is_text(0) {
        true => row.text(0).as_bytes(),
        false => row.binary(0),
    }
}

fn from_big_endian_64(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let bytes = <[u8; 8]>::try_from(row.binary(0));
    bytes
        .map(|bytes| Some(i64::from_be_bytes(bytes)))
        .map_err(|_| {
            Fault::new(
                "`from_big_endian_64` takes 8 bytes",
                "write to_big_endian_64(number) for them",
            )
        })
}
