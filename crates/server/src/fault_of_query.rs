//! Errors of the engine and of statements as [`Fault`]s.

use engine::Error as EngineError;
use query::Error;

use crate::fault::{Fault, Kind};

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let advice = error.advice();
        let (kind, hint) = match &error {
            Error::NoTable { .. } => (
                Kind::Missing,
                advice.or_else(|| Some("`show tables` lists the tables that you may read".into())),
            ),
            Error::Writes(_) => (
                Kind::Forbidden,
                Some("ask with SELECT; runs and the command line write".to_owned()),
            ),
            Error::NoKey(_) | Error::KeyRefused(_) => {
                return Fault::new(Kind::Forbidden, "`pseudonym` is for models alone")
                    .with_hint("compare the pseudonyms that curated tables hold");
            }
            Error::LargeResult { .. } => (Kind::Limit, advice),
            error if error.is_of_memory() => (
                Kind::Limit,
                Some("ask for fewer rows or columns at once".to_owned()),
            ),
            Error::Sql { .. } | Error::Call { .. } | Error::Execution { .. } => {
                (Kind::Wrong, advice)
            }
            Error::Lake(lake::Error::NoTable { .. }) => (
                Kind::Missing,
                Some("no run has built it yet: `stedi run` does".to_owned()),
            ),
            _ => (Kind::Failed, advice),
        };
        let place = match &error {
            Error::Sql { place, .. } => *place,
            _ => None,
        };
        let message = match error {
            Error::Sql { message, .. } => message,
            other => other.to_string(),
        };
        Self {
            kind,
            message,
            hint,
            place,
        }
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Query(error) => error.into(),
            other => Fault::new(Kind::Failed, other.to_string()),
        }
    }
}
