//! What to do about an error, in the words of the command line.
//!
//! `engine`, `query` and `lake` name the cause of an error as a variant, and no flags or
//! verbs: another door, such as HTTP, words its own hints. Errors of project files word
//! theirs in `catalog`, because what to do about them is an edit of the file.

mod gates;
mod lake;

use engine::{Error, ExportFault, Refusal, SettingsFault};
use query::{KeyFault, LandingFault};

pub(crate) use self::gates::{of_gate, violations_of};
pub(crate) use self::lake::of_lake;
use self::lake::{of_fault, of_store};
use crate::failure::Failure;

/// The hint for an error of the engine, if there is one.
pub(crate) fn of(error: &Error) -> Option<String> {
    let hint = match error {
        Error::Malformed { .. } => {
            "correct the input, or run without --strict: what cannot be read then goes to system.quarantine"
        }
        Error::UnknownPerson { is_quoted: false } => {
            "check how the address is spelled in the records; --unknown enters it for a person \
             of whom nothing has arrived yet"
        }
        Error::UnknownPerson { is_quoted: true } => {
            "give only the address, without characters around it such as <>, quotes, `mailto:` or `;`; \
             --unknown enters it as it is"
        }
        Error::NotKept { .. } => {
            "run without `--changed keep` to rebuild the tables from the files that are there now"
        }
        Error::Damaged { .. } => {
            "`stedi verify` lists all damage; `stedi repair` rebuilds it from landing files, consent register and key"
        }
        Error::Settings(fault) => return Some(of_settings(fault)),
        Error::Refused(refusal) => return of_refusal(refusal),
        Error::Export(fault) => of_export(fault),
        Error::Query(error) => return of_query(error),
        Error::Lake(error) => return of_lake(error),
        _ => return error.advice(),
    };
    Some(hint.to_owned())
}

/// The hint for an error of a statement, if there is one.
pub(crate) fn of_query(error: &query::Error) -> Option<String> {
    let hint = match error {
        query::Error::Landing(fault) => return Some(of_landing(fault)),
        query::Error::NoKey(KeyFault::NotLoaded) => {
            "this is a bug in stedi: please report the statement"
        }
        query::Error::NoKey(KeyFault::NoRandomness(_)) => {
            "the system provides no randomness; check the system log"
        }
        query::Error::NoKey(KeyFault::NoSource) => "name the key file with --key-file",
        query::Error::NoKey(KeyFault::Source(error)) | query::Error::KeyRefused(error) => {
            let failure: Option<&Failure> = error.downcast_ref();
            return Some(failure?.hint()?.to_owned());
        }
        query::Error::Writes(write) => of_write(*write),
        query::Error::LargeResult { .. } => {
            "make shorter values, or give more memory with --memory"
        }
        error if error.is_of_memory() => "give more with --memory",
        query::Error::Setup { .. } => "check --memory, and the folder for temporary files (TMPDIR)",
        query::Error::NoTable { .. } => {
            let lists = "`stedi tables` lists all tables";
            let advice = error.advice();
            return Some(advice.map_or(lists.to_owned(), |near| format!("{near} {lists}")));
        }
        query::Error::Store { reason, .. } => of_store(reason),
        query::Error::Lake(error) => return of_lake(error),
        error if error.is_of_unreadable_file() => {
            "`stedi verify` names the file; `stedi repair` rebuilds it from landing files, consent register and key"
        }
        error => return error.advice(),
    };
    Some(hint.to_owned())
}

fn of_landing(fault: &LandingFault) -> String {
    match fault {
        LandingFault::NoFolder { .. } => {
            "name the folder with --landing, or generate synthetic data with `stedi sample landing`"
        }
        LandingFault::NotAFolder { .. } => "name the folder above it with --landing",
        LandingFault::FolderNotRead { .. } => "check the permissions of the folder",
        LandingFault::NotListed {
            is_remote: true,
            reason,
            ..
        } => of_store(reason),
        LandingFault::NotListed { .. } => "check the path and its permissions",
        LandingFault::NoFile { table, path, .. } => {
            return format!(
                "put JSON or Parquet files there, packed or not, or name another folder with --landing; \
                 {table} is read from {path} below it"
            );
        }
        LandingFault::FileName { .. } => {
            "rename it to printable characters in UTF-8, or remove it"
        }
        LandingFault::NotOpened { .. } => {
            "check that the file is readable: the link is broken, or reading is not permitted; repair or remove it"
        }
        LandingFault::NotRead { reason, .. } => ::lake::StoreFault::of(reason)
            .map(of_fault)
            .unwrap_or("check that the file is readable and complete; no table was changed"),
        LandingFault::TooManySuspended => {
            "correct or remove the files that `stedi quarantine list` names, or drop their entries"
        }
    }
    .to_owned()
}

fn of_settings(fault: &SettingsFault) -> String {
    match fault {
        SettingsFault::NoLake { .. } => "check --lake; `stedi run` creates a lake",
        SettingsFault::Overlap { .. } => "give the lake a folder of its own with --lake",
        SettingsFault::NoAddress => {
            "give one address, alone on its line, on standard input or in the file"
        }
        SettingsFault::LandingSelected { .. } => "select a trusted or curated table",
        SettingsFault::UnknownSelected {
            nearest: Some(nearest),
            ..
        } => return format!("did you mean `{nearest}`?"),
        SettingsFault::UnknownSelected { .. } => "`stedi tables` lists all tables",
        SettingsFault::LandingCompacted { .. } => "name a trusted, curated or system table",
        SettingsFault::AmbiguousTable { table, zone } => {
            return format!("name the zone too: --drop {zone}.{table}");
        }
        SettingsFault::SystemTable { .. } => "`stedi vacuum` removes its older versions",
        SettingsFault::TableOfProject { is_landing, .. } => {
            let file = if *is_landing { "landing" } else { "model's" };
            return format!("remove the {file} file from the project first");
        }
        SettingsFault::AmbiguousEntry { .. } => "give more characters of the id",
        SettingsFault::NoEntry { .. } => "`stedi quarantine list` shows the ids",
        SettingsFault::NoVersions { .. } => "leave --version out",
        SettingsFault::TestOfPlacedTable { .. } => "give it a LOCATION below the landing folder",
        SettingsFault::TestFolder { memory, .. } => {
            return format!(
                "check the free space of {memory} and of the folder for temporary files (TMPDIR)"
            );
        }
        SettingsFault::ExportExists { .. } => "name a folder or file that does not exist yet",
        SettingsFault::ExportUnfinished { folder, .. } => {
            return format!("if none is running, remove the folder {folder}");
        }
        SettingsFault::ExportEnding { asked, .. } => {
            return format!("give a path that ends with .{asked}, or a folder");
        }
        SettingsFault::ExportOverlap { .. } => "export to a place of its own",
    }
    .to_owned()
}

fn of_refusal(refusal: &Refusal) -> Option<String> {
    let hint = match refusal {
        Refusal::RegisterLost | Refusal::EntriesLost { .. } => {
            "restore either folder from a backup; or enter the consents again, then \
             `stedi repair --accept-lost-entries` continues without the lost ones"
        }
        Refusal::Undecodable { .. } => {
            "correct or remove the file, drop its entries with `stedi quarantine drop`, or run with --undecodable warn"
        }
        Refusal::NobodyNamed {
            table,
            other,
            column,
        } => {
            return Some(format!(
                "give {table} the column `{column}` or a LOCATION of its own, or read {other}"
            ));
        }
        Refusal::PersonalExport { .. } => {
            "if these values may leave the lake, say so with --personal"
        }
        Refusal::ValuesOfAnybody { .. } => "leave them out; `stedi quarantine show` prints them",
        Refusal::Model { advice, .. } => return Some(advice.clone()),
    };
    Some(hint.to_owned())
}

fn of_export(fault: &ExportFault) -> &'static str {
    match fault {
        ExportFault::NotListed { .. } => "check the path and the AWS_* variables",
        ExportFault::NotWritten { .. } => {
            "check that there is free space and that you can write to the place"
        }
        ExportFault::NotRead { .. } => "name the folder or file of an export",
        ExportFault::OtherRows { .. } => {
            "its files were changed after publication; `stedi run` rebuilds the table"
        }
    }
}

/// What to do where a statement writes.
fn of_write(write: query::Write) -> &'static str {
    use query::Write;
    match write {
        Write::Table => {
            "`stedi run` writes tables: write a model, which is a file with the SELECT; CREATE VIEW and CREATE EXTERNAL TABLE are for the session"
        }
        Write::View => "write a model, or CREATE VIEW in `stedi sql`",
        Write::Files => "`stedi export TABLE --to FILE` writes files",
        Write::Rows => {
            "`stedi run` writes tables from landing files; `stedi consent withdraw` removes a person"
        }
        Write::Partitions => "leave it out: landing folders are listed anew by each statement",
        Write::Alter => "edit the table's file in the project; `stedi run` builds it anew",
        Write::Drop => "take the table's file out of the project, then `stedi tables --drop`",
        Write::Rights => "leave it out: files and buckets have their own rights",
        _ => {
            "queries only read: `stedi run` writes tables, CREATE EXTERNAL TABLE adds one for the session"
        }
    }
}
