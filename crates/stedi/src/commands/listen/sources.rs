//! `stedi listen token`, `sources` and `revoke`: who may post.

use std::path::PathBuf;

use anyhow::Result;
use ingest::{Sources, SourcesError};

use super::routes::no_table;
use crate::args::{ListenCommand, SourcesArgs};
use crate::failure::{Ending, Failure};
use crate::folders;
use crate::output::{Field, put, put_list, say};
use crate::settings::Settings;

/// Makes, lists and removes sources.
pub(crate) fn manage(settings: &Settings, command: &ListenCommand) -> Result<Ending> {
    match command {
        ListenCommand::Token {
            name,
            tables,
            days,
            sources,
        } => {
            let project = settings.project()?;
            for table in tables {
                if !project
                    .landing()
                    .iter()
                    .any(|known| known.name == table.as_str())
                {
                    return Err(no_table(&project, table));
                }
            }
            let valid = chrono::Duration::days(i64::from(*days));
            let token = sources_of(sources)?.add_token(name, tables, valid);
            put(&format!("{}\n", token.map_err(|e| sources_failure(&e))?))?;
            say(
                settings,
                &format!("the token is shown only now, and ends after {days} days"),
            );
        }
        ListenCommand::Sources { sources } => {
            let list = sources_of(sources)?.list();
            let list = list.map_err(|error| sources_failure(&error))?;
            put_list(
                settings,
                &["source", "tables", "expires"],
                &list,
                |source| {
                    let expires = source.expires.format("%Y-%m-%d").to_string();
                    vec![
                        Field::text(Some(&source.name)),
                        Field::text(Some(&source.tables.join(", "))),
                        Field::text(Some(&expires)),
                    ]
                },
            )?;
        }
        ListenCommand::Revoke { name, sources } => {
            let removed = sources_of(sources)?.remove(name);
            removed.map_err(|error| sources_failure(&error))?;
            say(settings, &format!("{name} may not post any more"));
        }
    }
    Ok(Ending::Done)
}

pub(crate) fn sources_of(args: &SourcesArgs) -> Result<Sources> {
    let own = || Some(folders::settings()?.join("sources.json"));
    let path: Option<PathBuf> = args.sources.clone().or_else(own);
    path.map(Sources::at).ok_or_else(|| {
        Failure::settings(
            "there is no place for the file of sources: neither HOME nor XDG_CONFIG_HOME is set",
            "name it with --sources",
        )
    })
}

pub(crate) fn sources_failure(error: &SourcesError) -> anyhow::Error {
    let hint = match error {
        SourcesError::Readable { path, .. } => format!("chmod 600 {path}"),
        SourcesError::File { .. } => "check the file, or name another with --sources".to_owned(),
        SourcesError::Unknown(_) => "`stedi listen sources` lists all sources".to_owned(),
        _ => "choose another".to_owned(),
    };
    Failure::settings(error.to_string(), hint)
}
