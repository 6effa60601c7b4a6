//! Functions of binary values: encodings and digests.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use sha2::Digest;
use xxhash_rust::xxh64::xxh64;

use crate::fault::Fault;
use crate::function::Param::{Binary, Text};
use crate::function::{Function, Returns, Row};

pub(crate) static FUNCTIONS: [Function; 18] = [
    Function::new(
        "sha1",
        &[&[Binary]],
        Returns::Binary(|row| Ok(Some(sha1::Sha1::digest(row.binary(0)).to_vec()))),
    ),
    Function::new(
        "crc32",
        &[&[Binary]],
        Returns::Bigint(|row| Ok(Some(i64::from(crc32(row.binary(0)))))),
    ),
    Function::new(
        "hmac_md5",
        &[&[Binary, Binary]],
        Returns::Binary(|row| Ok(Some(hmac::<md5::Md5>(row, 64)))),
    ),
    Function::new(
        "hmac_sha1",
        &[&[Binary, Binary]],
        Returns::Binary(|row| Ok(Some(hmac::<sha1::Sha1>(row, 64)))),
    ),
    Function::new(
        "hmac_sha256",
        &[&[Binary, Binary]],
        Returns::Binary(|row| Ok(Some(hmac::<sha2::Sha256>(row, 64)))),
    ),
    Function::new(
        "hmac_sha512",
        &[&[Binary, Binary]],
        Returns::Binary(|row| Ok(Some(hmac::<sha2::Sha512>(row, 128)))),
    ),
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

/// The checksum of IEEE 802.3, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    });
    !sum
}

/// RFC 2104 of a value and a key, for a digest with blocks of so many bytes.
fn hmac<D: Digest>(row: &Row<'_>, block: usize) -> Vec<u8> {
    let mut key = row.binary(1).to_vec();
    if key.len() > block {
        key = D::digest(&key).to_vec();
    }
    key.resize(block, 0);
    let padded = |pad: u8| key.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let inner = D::new()
        .chain_update(padded(0x36))
        .chain_update(row.binary(0))
        .finalize();
    D::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}
