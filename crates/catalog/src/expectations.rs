//! Expected row counts per table, from `published.toml` or from a file of the
//! same form that `stedi verify --expect` names.

use std::collections::BTreeMap;

use crate::errors::{Error, ErrorKind, Errors};
use crate::text::Spot;
use crate::toml_source::TomlSource;

/// The row counts that are expected, by table name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations {
    rows: BTreeMap<String, Expected>,
    file: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Expected {
    rows: u64,
    spot: Spot,
}

impl Expectations {
    /// The expected rows of a table.
    pub fn get(&self, table: &str) -> Option<u64> {
        self.rows.get(table).map(|expected| expected.rows)
    }

    /// The tables with their expected rows, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rows
            .iter()
            .map(|(table, expected)| (table.as_str(), expected.rows))
    }

    /// The file that they are from.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Replaces each name by the table's own name, which `resolve` finds. An
    /// unknown name is an error.
    pub(crate) fn resolved<'a>(
        self,
        resolve: impl Fn(&str) -> Result<&'a str, ErrorKind>,
    ) -> Result<Expectations, Errors> {
        let mut rows = BTreeMap::new();
        let mut errors = Vec::new();
        for (written, expected) in self.rows {
            let kind = match resolve(&written) {
                Ok(name) if !rows.contains_key(name) => {
                    rows.insert(name.to_owned(), expected);
                    continue;
                }
                Ok(name) => ErrorKind::ClauseTwice {
                    clause: format!("count for `{name}`"),
                },
                Err(kind) => kind,
            };
            errors.push(Error::at(&self.file, expected.spot, kind));
        }
        let file = self.file;
        Errors::unless_empty(Expectations { rows, file }, errors)
    }
}

/// Parses expectations in TOML: `[rows]`, then `table = count`. It does not check
/// that the tables exist: see [`crate::Project::expectations`].
///
/// # Errors
/// Invalid TOML, unknown keys, and counts that are no whole numbers, each with
/// its line.
pub fn parse_expectations(path: &str, text: &str) -> Result<Expectations, Errors> {
    let (source, document) = TomlSource::parse(path, text, Spot::START)?;
    let mut errors = Vec::new();
    let mut rows = BTreeMap::new();
    for entry in source.entries(&document) {
        if entry.key != "rows" {
            errors.push(entry.unknown("the file", &["rows"]));
            continue;
        }
        let Some(table) = entry.value.as_table() else {
            errors.push(entry.bad("a table of counts: `[rows]`, then `customer_trusted = 482`"));
            continue;
        };
        for count in source.entries(table) {
            match count.whole_number().and_then(|n| u64::try_from(n).ok()) {
                Some(n) => {
                    let spot = count.key_spot;
                    rows.insert(count.key.to_owned(), Expected { rows: n, spot });
                }
                None => errors.push(count.bad("a whole number of rows, 0 or more")),
            }
        }
    }
    let file = path.to_owned();
    Errors::unless_empty(Expectations { rows, file }, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_table() {
        let check = |text: &str, expected: Result<&[(&str, u64)], &str>| match (
            parse_expectations("published.toml", text),
            expected,
        ) {
            (Ok(found), Ok(expected)) => {
                assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{text}");
            }
            (Err(errors), Err(expected)) => assert_eq!(errors.to_string(), expected, "{text}"),
            (found, _) => panic!("{text}\n{found:?}"),
        };
        check("", Ok(&[]));
        check(
            "[rows]\nb = 43_681\na = 0 # none\n",
            Ok(&[("a", 0), ("b", 43_681)]),
        );
        check("rows = { a = 1 }", Ok(&[("a", 1)]));
        check(
            "[row]\na = 1",
            Err("published.toml:1:2: unknown key `row` in the file\nhint: did you mean `rows`?"),
        );
        check(
            "[rows]\na = -1\nb = 1.5\nc = \"3\"\n",
            Err(
                "published.toml:2:5: `a` must be a whole number of rows, 0 or more\n\
                 published.toml:3:5: `b` must be a whole number of rows, 0 or more\n\
                 published.toml:4:5: `c` must be a whole number of rows, 0 or more",
            ),
        );
        check(
            "rows = 3",
            Err(
                "published.toml:1:8: `rows` must be a table of counts: `[rows]`, then `customer_trusted = 482`",
            ),
        );
        check(
            "[rows]\na = 1\na = 2",
            Err("published.toml:3:1: duplicate key"),
        );
    }
}
