//! Parts of URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::fault::Fault;
use crate::function::Param::Text;
use crate::function::{Function, Returns, Row};

pub(crate) static FUNCTIONS: [Function; 9] = [
    Function::new(
        "url_extract_host",
        &[&[Text]],
        Returns::Text(|row| part(row, |url| url.host_str().map(str::to_owned))),
    ),
    Function::new(
        "url_extract_fragment",
        &[&[Text]],
        Returns::Text(|row| {
            part(row, |url| {
                Some(url.fragment().unwrap_or_default().to_owned())
            })
        }),
    ),
    Function::new(
        "url_extract_path",
        &[&[Text]],
        Returns::Text(|row| part(row, |url| Some(url.path().to_owned()))),
    ),
    Function::new(
        "url_extract_protocol",
        &[&[Text]],
        Returns::Text(|row| part(row, |url| Some(url.scheme().to_owned()))),
    ),
    Function::new(
        "url_extract_query",
        &[&[Text]],
        Returns::Text(|row| part(row, |url| Some(url.query().unwrap_or_default().to_owned()))),
    ),
    Function::new("url_extract_port", &[&[Text]], Returns::Bigint(port)),
    Function::new(
        "url_extract_parameter",
        &[&[Text, Text]],
        Returns::Text(parameter),
    ),
    Function::new("url_encode", &[&[Text]], Returns::Text(encode)),
    Function::new("url_decode", &[&[Text]], Returns::Text(decode)),
];

/// Null of what is no URL.
fn part(row: &Row<'_>, of: fn(&Url) -> Option<String>) -> Result<Option<String>, Fault> {
    Ok(Url::parse(row.text(0)).ok().and_then(|url| of(&url)))
}

/// The port that the URL gives; null for the protocol's own.
fn port(row: &Row<'_>) -> Result<Option<i64>, Fault> {
    let url = Url::parse(row.text(0)).ok();
    Ok(url.and_then(|url| url.port()).map(i64::from))
}

fn parameter(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let Ok(url) = Url::parse(row.text(0)) else {
        return Ok(None);
    };
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(name, _)| name == row.text(1));
    Ok(found.map(|(_, value)| value.into_owned()))
}

/// What a form's encoding leaves as it is, besides letters and digits.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'-')
    .remove(b'*')
    .remove(b'_')
    .remove(b' ');

fn encode(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let encoded = utf8_percent_encode(row.text(0), KEPT).to_string();
    Ok(Some(encoded.replace(' ', "+")))
}

fn decode(row: &Row<'_>) -> Result<Option<String>, Fault> {
    let text = row.text(0).replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded.map(|text| Some(text.into_owned())).map_err(|_| {
        Fault::new(
            "`url_decode` gives no text",
            "use TRY(url_decode(text)) for null in its place",
        )
    })
}
