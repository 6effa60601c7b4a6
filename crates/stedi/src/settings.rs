//! Settings, resolved once: flags override environment variables, which override
//! the settings file, which overrides defaults.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use privacy::PseudonymKey;
use serde::Deserialize;

use crate::args::{Format, Global, Undecodable};
use crate::failure::Failure;

/// Where a setting came from, for `stedi doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The command line.
    Flag,
    /// An environment variable.
    Variable(&'static str),
    /// The settings file.
    File(PathBuf),
    /// Not set.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Flag => f.write_str("flag"),
            Origin::Variable(name) => f.write_str(name),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A setting and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl<T> Setting<T> {
    fn map<U>(self, f: impl FnOnce(T) -> Result<U>) -> Result<Setting<U>> {
        Ok(Setting {
            value: f(self.value)?,
            origin: self.origin,
        })
    }
}

/// All settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The settings file, where the command line names one.
    pub(crate) config: Option<String>,
    pub(crate) landing: Setting<String>,
    pub(crate) lake: Setting<String>,
    pub(crate) project: Setting<Option<PathBuf>>,
    pub(crate) now_ms: Setting<Option<i64>>,
    pub(crate) memory_bytes: Setting<usize>,
    pub(crate) format: Setting<Format>,
    /// What a run does if a file of customer records cannot be decoded.
    pub(crate) undecodable: Setting<Undecodable>,
    /// Databases in which statements find the tables, besides those that landing
    /// definitions name.
    pub(crate) databases: Setting<Vec<String>>,
    /// The pseudonym key itself, if `STEDI_KEY` holds it.
    pub(crate) key: Option<Arc<PseudonymKey>>,
    /// The file of the pseudonym key, if one was named.
    pub(crate) key_file: Setting<Option<PathBuf>>,
    /// How long to wait while another writer holds the lake.
    pub(crate) wait: Duration,
    pub(crate) yes: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    pub(crate) color: bool,
    /// Whether tables wider than the terminal are printed whole.
    pub(crate) wide: bool,
}

/// `stedi.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    landing: Option<String>,
    lake: Option<String>,
    project: Option<String>,
    now: Option<String>,
    memory: Option<String>,
    format: Option<String>,
    key_file: Option<String>,
    undecodable: Option<String>,
    sql: SqlSection,
}

/// `[sql]` of `stedi.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SqlSection {
    /// Databases in which statements find the tables of the data product, besides those
    /// that its definitions name.
    databases: Vec<String>,
}

/// The variable that holds a key.
pub(crate) const KEY_VARIABLE: &str = "STEDI_KEY";

/// The variable that holds names of databases, between commas.
const DATABASES_VARIABLE: &str = "STEDI_SQL_DATABASES";

const KEYS: [&str; 9] = [
    "landing",
    "lake",
    "project",
    "now",
    "memory",
    "format",
    "key_file",
    "undecodable",
    "sql",
];

impl Settings {
    /// Resolves flags, environment and settings file.
    ///
    /// # Errors
    /// A [`Failure`] that ends with code 2.
    pub(crate) fn resolve(global: &Global) -> Result<Self> {
        let (file, path) = read_file(global)?;
        let pick = |flag: &Option<String>, variable: &'static str, in_file: &Option<String>| {
            if let Some(value) = flag {
                return Some(Setting {
                    value: value.clone(),
                    origin: Origin::Flag,
                });
            }
            if let Some(value) = variable_of(variable) {
                return Some(Setting {
                    value,
                    origin: Origin::Variable(variable),
                });
            }
            let value = in_file.clone()?;
            Some(Setting {
                value,
                origin: Origin::File(path.clone()),
            })
        };
        // A path in the settings file is relative to that file.
        let beside_file = |setting: Setting<String>| {
            let value = match &setting.origin {
                Origin::File(path) if !setting.value.contains("://") => {
                    let base = path.parent().unwrap_or(Path::new(""));
                    base.join(&setting.value).to_string_lossy().into_owned()
                }
                _ => setting.value,
            };
            Setting {
                value,
                origin: setting.origin,
            }
        };
        let default = |value: &str| Setting {
            value: value.to_owned(),
            origin: Origin::Default,
        };
        let place = |flag, variable, in_file, otherwise| {
            pick(flag, variable, in_file).map_or_else(|| default(otherwise), beside_file)
        };
        let project = pick(&global.project, "STEDI_PROJECT", &file.project).map(beside_file);
        let key_file = pick(&global.key_file, "STEDI_KEY_FILE", &file.key_file).map(beside_file);
        let format = match global.format {
            Some(value) => Setting {
                value,
                origin: Origin::Flag,
            },
            None => match pick(&None, "STEDI_FORMAT", &file.format) {
                Some(setting) => setting.map(|text| format_of(&text))?,
                None => Setting {
                    value: Format::default(),
                    origin: Origin::Default,
                },
            },
        };
        Ok(Self {
            config: global.config.clone(),
            landing: place(&global.landing, "STEDI_LANDING", &file.landing, "./landing"),
            lake: place(&global.lake, "STEDI_LAKE", &file.lake, "./lake"),
            project: optional_path(project)?,
            now_ms: match pick(&global.now, "STEDI_NOW", &file.now) {
                Some(setting) => setting.map(|text| instant_of("now", &text).map(Some))?,
                None => Setting {
                    value: None,
                    origin: Origin::Default,
                },
            },
            memory_bytes: match pick(&global.memory, "STEDI_MEMORY", &file.memory) {
                Some(setting) => setting.map(|text| bytes_of(&text))?,
                None => Setting {
                    value: half_of_memory(),
                    origin: Origin::Default,
                },
            },
            format,
            undecodable: match pick(&None, "STEDI_UNDECODABLE", &file.undecodable) {
                Some(setting) => setting.map(|text| undecodable_of(&text))?,
                None => Setting {
                    value: Undecodable::default(),
                    origin: Origin::Default,
                },
            },
            databases: match variable_of(DATABASES_VARIABLE) {
                Some(names) => Setting {
                    value: names
                        .split(',')
                        .map(|name| name.trim().to_owned())
                        .collect(),
                    origin: Origin::Variable(DATABASES_VARIABLE),
                },
                None => Setting {
                    origin: match file.sql.databases.is_empty() {
                        true => Origin::Default,
                        false => Origin::File(path.clone()),
                    },
                    value: file.sql.databases.clone(),
                },
            },
            key: key_of_environment()?,
            key_file: optional_path(key_file)?,
            wait: wait_of(&global.wait)?,
            yes: global.yes,
            quiet: global.quiet,
            verbose: global.verbose,
            wide: global.wide,
            color: !global.no_color && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        })
    }
}

fn optional_path(setting: Option<Setting<String>>) -> Result<Setting<Option<PathBuf>>> {
    match setting {
        Some(setting) => setting.map(|path| Ok(Some(PathBuf::from(path)))),
        None => Ok(Setting {
            value: None,
            origin: Origin::Default,
        }),
    }
}

/// The value is never shown, even if it is no key: it may be one digit short.
fn key_of_environment() -> Result<Option<Arc<PseudonymKey>>> {
    let Some(text) = std::env::var_os(KEY_VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let key = text
        .to_str()
        .and_then(|text| PseudonymKey::from_hex(text).ok());
    key.map(|key| Some(Arc::new(key))).ok_or_else(|| {
        Failure::settings(
            format!("{} holds no key", KEY_VARIABLE),
            "a key is 64 hexadecimal digits; name a key file with --key-file",
        )
    })
}

fn variable_of(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn read_file(global: &Global) -> Result<(File, PathBuf)> {
    let named = global
        .config
        .clone()
        .or_else(|| variable_of("STEDI_CONFIG"));
    let path = PathBuf::from(named.as_deref().unwrap_or("stedi.toml"));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok((File::default(), path));
        }
        Err(error) => {
            return Err(Failure::settings(
                format!("cannot read the settings file {}: {error}", path.display()),
                "name another with --config",
            ));
        }
    };
    toml::from_str(&text)
        .map(|file| (file, path.clone()))
        .map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            let message = error
                .message()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            let hint = message
                .split('`')
                .nth(1)
                .and_then(|key| catalog::nearest(key, KEYS.into_iter()))
                .map(|near| format!("did you mean `{near}`?"))
                .unwrap_or_else(|| format!("the settings are {}", KEYS.join(", ")));
            Failure::settings(format!("{}:{line}: {message}", path.display()), hint)
        })
}

fn format_of(text: &str) -> Result<Format> {
    clap::ValueEnum::from_str(text, true).map_err(|_| {
        Failure::settings(
            format!("`{text}` is not a format"),
            "the formats are table, json, csv and ndjson",
        )
    })
}

fn undecodable_of(text: &str) -> Result<Undecodable> {
    clap::ValueEnum::from_str(text, true).map_err(|_| {
        Failure::settings(
            format!("undecodable: `{text}` is neither warn nor stop"),
            "write stop to publish nothing while a file of customer records cannot be decoded",
        )
    })
}

/// The time that a setting or a flag gives.
///
/// # Errors
/// A [`Failure`] that ends with code 2.
pub(crate) fn instant_of(what: &str, text: &str) -> Result<i64> {
    engine::parse_instant(text).ok_or_else(|| {
        Failure::settings(
            format!("{what}: `{text}` is not a time"),
            "write 2026-11-20T10:00:00Z, 2026-11-20, or epoch milliseconds",
        )
    })
}

fn bytes_of(text: &str) -> Result<usize> {
    size_of(text)
        .filter(|bytes| *bytes >= 32 << 20)
        .ok_or_else(|| {
            Failure::settings(
                format!("memory: `{text}` is not a size of at least 32MB"),
                "write 512MB or 2GB",
            )
        })
}

/// The bytes of a size such as `8MB`.
pub(crate) fn size_of(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text[digits.len()..].trim().to_ascii_uppercase();
    let factor = match unit.as_str() {
        "" | "B" => Some(1),
        "K" | "KB" | "KIB" => Some(1 << 10),
        "M" | "MB" | "MIB" => Some(1 << 20),
        "G" | "GB" | "GIB" => Some(1 << 30),
        _ => None,
    };
    factor
        .zip(digits.parse::<usize>().ok())
        .and_then(|(factor, count)| count.checked_mul(factor))
}

fn wait_of(text: &Option<String>) -> Result<Duration> {
    match text {
        Some(text) => seconds_of("wait", text),
        None => Ok(Duration::ZERO),
    }
}

/// A duration that a flag gives in seconds.
///
/// # Errors
/// A [`Failure`] that ends with code 2.
pub(crate) fn seconds_of(what: &str, text: &str) -> Result<Duration> {
    let seconds = text.trim().trim_end_matches('s').parse::<f64>().ok();
    let length = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    length.ok_or_else(|| {
        Failure::settings(
            format!("{what}: `{text}` is not a number of seconds"),
            format!("write --{what} 60"),
        )
    })
}

/// Half of the machine's memory, or 2 GiB if it is unknown.
fn half_of_memory() -> usize {
    let told = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
            let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
            Some(kib * 1024 / 2)
        });
    told.unwrap_or(2 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        for (text, expected) in [
            ("512MB", Some(512 << 20)),
            ("2 gb", Some(2 << 30)),
            ("1GiB", Some(1 << 30)),
            ("33554432", Some(32 << 20)),
            ("1MB", None),
            ("many", None),
            ("12XB", None),
            ("99999999999999999999GB", None),
        ] {
            assert_eq!(bytes_of(text).ok(), expected, "{text}");
        }
    }
}
