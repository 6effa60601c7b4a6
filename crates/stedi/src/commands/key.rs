//! `stedi key`: shows where the pseudonym key is, replaces or destroys it. The
//! key itself is never printed.

use std::io::BufRead;

use anyhow::Result;
use chrono::SecondsFormat;
use serde::Serialize;

use crate::args::{Format, KeyCommand};
use crate::failure::{Ending, Failure};
use crate::key::{KeyFile, Keys, Place};
use crate::output::{Field, complain, put_json, put_list, say};
use crate::runtime::runtime;
use crate::settings::{KEY_VARIABLE, Settings};

pub(crate) fn key(settings: &Settings, command: &KeyCommand) -> Result<Ending> {
    match command {
        KeyCommand::Show => show(settings),
        KeyCommand::Rotate => rotate(settings),
        KeyCommand::Destroy => destroy(settings),
    }
}

/// What may be shown of a key.
#[derive(Serialize)]
pub(super) struct Told {
    /// The file, or the variable.
    place: String,
    /// The setting that names the place.
    origin: String,
    /// Whether the key exists.
    there: bool,
    /// Distinguishes the key from others; `None` if it does not exist.
    fingerprint: Option<String>,
    /// When it was created, RFC 3339, if known.
    since: Option<String>,
}

impl Told {
    /// Describes the key that `keys` finds. Creates none.
    ///
    /// # Errors
    /// Those of [`Keys::place`] and [`KeyFile::read`].
    pub(super) async fn of(keys: &Keys) -> Result<Self, engine::Error> {
        let origin = keys.origin().to_string();
        Ok(match keys.place().await? {
            Place::Variable(key) => Self {
                place: format!("the variable {KEY_VARIABLE}"),
                origin,
                there: true,
                fingerprint: Some(key.fingerprint()),
                since: None,
            },
            Place::File(file) => {
                let kept = file.read()?;
                let since = kept.as_ref().and_then(|kept| kept.created);
                Self {
                    place: file.path().display().to_string(),
                    origin,
                    there: kept.is_some(),
                    fingerprint: kept.map(|kept| kept.key.fingerprint()),
                    since: since.map(|since| since.to_rfc3339_opts(SecondsFormat::Secs, true)),
                }
            }
        })
    }

    /// In one line, for `stedi doctor`.
    pub(super) fn line(&self) -> String {
        let place = &self.place;
        match (&self.fingerprint, &self.since) {
            (Some(fingerprint), Some(since)) => {
                format!("{place}: fingerprint {fingerprint}, since {since}")
            }
            (Some(fingerprint), None) => format!("{place}: fingerprint {fingerprint}"),
            (None, _) => format!("{place}: not there yet; the first run that needs it creates it"),
        }
    }
}

fn show(settings: &Settings) -> Result<Ending> {
    let told = runtime()?.block_on(Told::of(&settings.keys()?))?;
    if settings.format.value == Format::Json {
        put_json(&told)?;
        return Ok(Ending::Done);
    }
    let headings = ["place", "from", "state", "fingerprint", "since"];
    put_list(settings, &headings, &[told], |told| {
        let state = if told.there { "there" } else { "not there yet" };
        vec![
            Field::text(Some(&told.place)),
            Field::text(Some(&told.origin)),
            Field::text(Some(state)),
            Field::text(told.fingerprint.as_deref()),
            Field::text(told.since.as_deref()),
        ]
    })?;
    Ok(Ending::Done)
}

fn rotate(settings: &Settings) -> Result<Ending> {
    // Read first: with an error in the project the user would miss the list.
    let tables = engine::tables_with_pseudonyms(&settings.project()?);
    let file = file_with_key(settings, "replaced")?;
    let kept = file.replace()?;
    say(
        settings,
        &format!(
            "{} has a new key, fingerprint {}; old pseudonyms cannot be linked to new ones",
            file.path().display(),
            kept.key.fingerprint()
        ),
    );
    say_what_is_old(settings, &tables);
    Ok(Ending::Done)
}

fn destroy(settings: &Settings) -> Result<Ending> {
    let tables = engine::tables_with_pseudonyms(&settings.project()?);
    let file = file_with_key(settings, "destroyed")?;
    let path = file.path().display();
    if !settings.yes {
        complain(&format!(
            "{path} will be destroyed: pseudonyms can no longer be linked to people, nor new ones to old ones.\n\
             Copies of the file elsewhere are not reached. Type yes to continue:"
        ));
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if !answer.trim().eq_ignore_ascii_case("yes") {
            return Err(Failure::failed(
                "not confirmed; the key was not changed",
                "type yes, or give --yes",
            ));
        }
    }
    file.destroy()?;
    say(settings, &format!("{path} was destroyed"));
    say_what_is_old(settings, &tables);
    Ok(Ending::Done)
}

/// The key file that is to be replaced or destroyed. A file without a key is
/// not a key file, and is not touched.
fn file_with_key(settings: &Settings, done: &str) -> Result<KeyFile> {
    let keys = settings.keys()?;
    match runtime()?.block_on(keys.place())? {
        Place::Variable(_) => Err(Failure::settings(
            format!("the key is in {KEY_VARIABLE}, which stedi cannot change"),
            "set it to another key, or unset it to use the key file",
        )),
        Place::File(file) => match file.read()? {
            Some(_) => Ok(file),
            None => Err(Failure::failed(
                format!(
                    "nothing was {done}: there is no key file {}",
                    file.path().display()
                ),
                "check --lake and --key-file",
            )),
        },
    }
}

fn say_what_is_old(settings: &Settings, tables: &[String]) {
    if !tables.is_empty() {
        say(
            settings,
            &format!(
                "hint: `stedi run` builds {} with new pseudonyms, and the tables that read them",
                tables.join(", ")
            ),
        );
    }
}
