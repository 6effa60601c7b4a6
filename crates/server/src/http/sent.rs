//! What requests send, with faults of ours: the library's own would be plain text, and show
//! a part of what was sent.

use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::{Map, Value};

use super::answer::Refused;
use crate::fault::{Fault, Kind};

/// The first whole number that not every reader of JSON keeps as it is.
const EXACT_END: f64 = (1u64 << 53) as f64;

/// A JSON object.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Refused))]
pub(super) struct Body<T>(pub(super) T);

/// Parameters of the API.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refused))]
pub(super) struct Parameters<T>(pub(super) T);

/// Parts of the path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refused))]
pub(super) struct Path<T>(pub(super) T);

/// A form of a page.
#[derive(FromRequest)]
#[from_request(via(axum::extract::Form), rejection(Refused))]
pub(super) struct Form<T>(pub(super) T);

impl Body<Map<String, Value>> {
    /// What the object says.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, Fault> {
        T::deserialize(Value::Object(self.0)).map_err(|_| no_such_json())
    }
}

/// A whole number that every reader of JSON keeps as it is; `1.0` is one.
pub(super) fn exact<'d, D: Deserializer<'d>>(from: D) -> Result<u64, D::Error> {
    let number = f64::deserialize(from)?;
    match number.fract() == 0.0 && (0.0..EXACT_END).contains(&number) {
        true => Ok(number as u64),
        false => Err(serde::de::Error::custom("no whole number, or too large")),
    }
}

fn no_such_json() -> Fault {
    described("the body is not the JSON that this request takes")
}

fn described(message: &str) -> Fault {
    Fault::new(Kind::Wrong, message).with_hint("GET /api/v1/openapi.json describes all requests")
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => {
                Fault::new(Kind::Wrong, "the body is not called application/json").into()
            }
            _ => no_such_json().into(),
        }
    }
}

impl From<QueryRejection> for Refused {
    fn from(_: QueryRejection) -> Self {
        described("a parameter of the request is not as it should be").into()
    }
}

impl From<PathRejection> for Refused {
    fn from(_: PathRejection) -> Self {
        Fault::new(Kind::Wrong, "the path is not as it should be").into()
    }
}

impl From<FormRejection> for Refused {
    fn from(_: FormRejection) -> Self {
        let fault = Fault::new(Kind::Wrong, "the form is not complete")
            .with_hint("open its page again, and send it once more");
        Refused::of_page(fault)
    }
}
