//! Hints for errors of a lake and of the store it lies on.

use lake::{Error, StoreFault};

/// The hint for an error of a lake, if there is one.
pub(crate) fn of_lake(error: &Error) -> Option<String> {
    let hint = match error {
        Error::Location { .. } => "give a folder, file:///folder or s3://bucket/prefix",
        Error::StoreSetting { hint, .. } => return Some(hint.clone()),
        Error::Store { object, reason, .. } if object.contains("://") => of_store(reason),
        Error::FileWrite { .. } if error.store_fault().is_some() => {
            return error.store_fault().map(|fault| of_fault(fault).to_owned());
        }
        Error::FileWrite { .. }
        | Error::Store {
            action: "write", ..
        }
        | Error::Table {
            action: "publish", ..
        } => "check that the folder is writable and has free space, or choose another with --lake",
        Error::Store { .. } => "check the path; `stedi doctor` shows more",
        Error::Damaged { .. } => {
            "`stedi repair` shows the damage and rebuilds the table from landing files, consent register and key"
        }
        Error::LockFile { .. } => {
            "remove it; stedi neither follows links there nor writes to other kinds of files"
        }
        Error::Conflict { .. } | Error::ReleaseConflict => {
            "run again after the other run has ended"
        }
        Error::Locked { .. } => "try again after it has ended, or wait for it with --wait SECONDS",
        Error::NoTable { .. } => "`stedi tables` lists the tables; `stedi run` builds them",
        Error::NoVersion { table, .. } => {
            return Some(format!("`stedi history {}` lists the versions", table.name));
        }
        Error::VersionRemoved { table, .. } => {
            return Some(format!(
                "`stedi vacuum` removes versions older than its --keep; `stedi history {}` lists the remaining ones",
                table.name
            ));
        }
        Error::UnsupportedType { .. } => "cast the column in the model's SELECT",
        Error::NotAtomic { .. } => {
            "commits would be lost on this store; use one with atomic If-None-Match, or a local folder"
        }
        error => return error.store_fault().map(|fault| of_fault(fault).to_owned()),
    };
    Some(hint.to_owned())
}

/// The hint for `reason`, a text of [`lake::store_reason`] about a remote store.
pub(crate) fn of_store(reason: &str) -> &'static str {
    StoreFault::of(reason).map_or(
        "check AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `stedi doctor` shows more",
        of_fault,
    )
}

/// The hint for a known fault of a store.
pub(crate) fn of_fault(fault: StoreFault) -> &'static str {
    match fault {
        StoreFault::NoBucket => {
            "check the bucket's name, AWS_ENDPOINT and AWS_REGION; stedi does not create buckets"
        }
        StoreFault::Refused => {
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and their permission to read and write there; `stedi doctor` shows more"
        }
        StoreFault::NoCredentials => "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        StoreFault::Unavailable => {
            "check AWS_ENDPOINT and the network, then run again; published tables are unchanged"
        }
        StoreFault::PlainHttp => {
            "set AWS_ALLOW_HTTP=true, or give an AWS_ENDPOINT that begins with https://"
        }
    }
}
