//! External tables and databases that a session makes and removes. Scripts for Athena
//! begin with such statements.

use catalog::{LandingTable, Zone};
use sqlparser::tokenizer::Token;

use crate::Error;
use crate::redaction::shown;
use crate::sql::definitions::Definitions;
use crate::sql::parse::tokens;
use crate::tables::{OWN_SCHEMAS, Tables};

/// Adds an external table; what was done.
///
/// # Errors
/// [`Error::Sql`] for a name that another table has, or a database that has no external
/// tables.
pub(crate) fn create(
    tables: &Tables,
    definitions: &Definitions,
    table: LandingTable,
    statement: &str,
) -> Result<String, Error> {
    let mut words = Words::of(statement);
    words.take(&["create", "external", "table"]);
    words.take(&["if", "not", "exists"]);
    let is_closed = |zone: &String| {
        let closed = [Zone::Trusted.to_string(), Zone::Curated.to_string()];
        OWN_SCHEMAS.contains(&zone.as_str()) || closed.contains(zone)
    };
    let name = table.name.to_string();
    if let (Some(zone), _) = words.name()
        && is_closed(&zone)
    {
        return Err(Error::sql(
            format!("`{zone}` has no external tables"),
            format!("write CREATE EXTERNAL TABLE {name}, or landing.{name}"),
        ));
    }
    let is_of_session = tables.is_of_session(&name);
    let exists = tables.names().contains(&name);
    if exists && table.if_not_exists {
        return Ok(format!("{name} exists already; nothing was done"));
    }
    if is_of_session || exists && !tables.is_landing(&name) {
        return Err(Error::sql(
            format!("a table `{}` exists already", shown(&name)),
            match is_of_session {
                true => "write DROP TABLE first, or CREATE EXTERNAL TABLE IF NOT EXISTS",
                false => "give it another name, or write CREATE EXTERNAL TABLE IF NOT EXISTS",
            },
        ));
    }
    if definitions.definition(&name).is_some() {
        return Err(Error::sql(
            format!("there is a view `{}` already", shown(&name)),
            "give the table another name, or write DROP VIEW first",
        ));
    }
    tables.put_landing(table, statement);
    Ok(format!("{name} is a table of this session"))
}

/// Takes in a statement that removes tables, or that makes or removes a database; what
/// was done. `None` for any other statement, and where it would change the lake.
pub(crate) fn take(tables: &Tables, sql: &str) -> Option<String> {
    let mut words = Words::of(sql);
    let is_database = |words: &mut Words| words.take(&["database"]) || words.take(&["schema"]);
    if words.take(&["drop", "table"]) {
        let if_exists = words.take(&["if", "exists"]);
        return drop_tables(tables, &words.names()?, if_exists);
    }
    if words.take(&["drop"]) && is_database(&mut words) {
        let if_exists = words.take(&["if", "exists"]);
        let name = words.name().1?;
        if tables.remove_database(&name) {
            return Some(format!("{} is removed", shown(&name)));
        }
        let is_missing = !tables.databases().contains(&name);
        return (if_exists && is_missing)
            .then(|| format!("there is no database {}; nothing was done", shown(&name)));
    }
    if words.take(&["create"]) && is_database(&mut words) {
        words.take(&["if", "not", "exists"]);
        let name = words.name().1?;
        if tables.databases().contains(&name) {
            return Some(format!("{} exists already; nothing was done", shown(&name)));
        }
        tables.put_database(&name);
        return Some(format!(
            "{} is a database of this session; every table is found from it",
            shown(&name)
        ));
    }
    None
}

fn drop_tables(tables: &Tables, names: &[String], if_exists: bool) -> Option<String> {
    let known = tables.names();
    let may_go = |name: &String| tables.is_of_session(name) || if_exists && !known.contains(name);
    if !names.iter().all(may_go) {
        return None;
    }
    let gone = names.iter().map(|name| match tables.is_of_session(name) {
        true => {
            tables.remove_landing(name);
            format!("{} is removed", shown(name))
        }
        false => format!("there is no table {}; nothing was done", shown(name)),
    });
    Some(gone.collect::<Vec<_>>().join("; "))
}

/// A statement's tokens, without blanks and comments.
struct Words {
    tokens: Vec<Token>,
    at: usize,
}

impl Words {
    /// None of a statement that is no sequence of tokens.
    fn of(sql: &str) -> Self {
        Self {
            tokens: tokens(sql),
            at: 0,
        }
    }

    fn word(&self, at: usize) -> Option<String> {
        match self.tokens.get(self.at + at)? {
            Token::Word(word) => Some(word.value.to_lowercase()),
            _ => None,
        }
    }

    /// Goes on behind these words, if they are the next ones.
    fn take(&mut self, words: &[&str]) -> bool {
        let mut pairs = words.iter().enumerate();
        let is_next = pairs.all(|(at, word)| self.word(at).as_deref() == Some(*word));
        if is_next {
            self.at += words.len();
        }
        is_next
    }

    /// The parts of a name before and behind its last dot, in lower case.
    fn name(&mut self) -> (Option<String>, Option<String>) {
        let (mut before, mut last) = (None, self.word(0));
        self.at += 1;
        while self.tokens.get(self.at) == Some(&Token::Period) {
            self.at += 1;
            before = last;
            last = self.word(0);
            self.at += 1;
        }
        (before, last)
    }

    /// Names of tables between commas; `None` if one is a system table, or no name.
    fn names(&mut self) -> Option<Vec<String>> {
        let mut names = Vec::new();
        loop {
            let (zone, name) = self.name();
            if zone.is_some_and(|zone| OWN_SCHEMAS.contains(&zone.as_str())) {
                return None;
            }
            names.push(name?);
            match self.tokens.get(self.at) {
                Some(Token::Comma) => self.at += 1,
                _ => return Some(names),
            }
        }
    }
}
