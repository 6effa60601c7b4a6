//! What a statement asks of this door: rows of the lake, what tools ask about a Postgres
//! server, or something that is about the connection alone.

use super::failure::Failure;
use super::words::Words;
use crate::sql_text::{Piece, tokens};

/// What a statement asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Nothing,
    /// Rows of the lake's tables.
    Lake(String),
    /// Rows of `pg_catalog` or `information_schema`.
    Catalog(String),
    /// A setting by its name.
    Show(String),
    /// Something without an effect here, answered with its tag.
    Done(&'static str),
    Begin,
    /// `COMMIT` (true) or `ROLLBACK`.
    End(bool),
    RollbackTo,
    Copy(Box<Asked>, Copying),
    Declare(String, Box<Asked>),
    Fetch(String, Count),
    /// `FETCH` without rows as an answer.
    Move(String, Count),
    /// A cursor, or all of them.
    Close(Option<String>),
    /// A name, its statement.
    Prepare(String, String),
    /// A name, its arguments as SQL.
    Execute(String, Vec<String>),
    Deallocate(Option<String>),
}

/// How many rows of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    All,
    Rows(usize),
}

/// The form of what `COPY` sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Csv,
    Binary,
}

/// The options of `COPY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copying {
    pub(super) form: Form,
    pub(super) has_header: bool,
    pub(super) delimiter: char,
    pub(super) null: String,
}

/// First words of statements that change something.
const WRITES: &[&str] = &[
    "alter",
    "analyze",
    "call",
    "checkpoint",
    "cluster",
    "comment",
    "create",
    "delete",
    "do",
    "drop",
    "grant",
    "import",
    "insert",
    "lock",
    "merge",
    "msck",
    "notify",
    "reassign",
    "refresh",
    "reindex",
    "revoke",
    "security",
    "truncate",
    "unload",
    "update",
    "vacuum",
];

/// What `SHOW` shows of the lake; the rest are settings.
const SHOWN_BY_LAKE: &[&str] = &[
    "columns",
    "create",
    "databases",
    "functions",
    "partitions",
    "schemas",
    "tables",
    "tblproperties",
    "views",
];

/// Functions that tools ask a Postgres server for, beside those that begin with `pg_`.
const CATALOG_FUNCTIONS: &[&str] = &[
    "array_to_string",
    "col_description",
    "current_database",
    "current_schema",
    "current_schemas",
    "current_setting",
    "format_type",
    "has_any_column_privilege",
    "has_column_privilege",
    "has_database_privilege",
    "has_schema_privilege",
    "has_table_privilege",
    "inet_client_addr",
    "inet_server_addr",
    "inet_server_port",
    "obj_description",
    "quote_ident",
    "set_config",
    "shobj_description",
    "to_regclass",
    "to_regproc",
    "to_regtype",
    "txid_current",
    "version",
];

/// Words that are such functions without parentheses, and types of Postgres that name
/// objects.
const CATALOG_WORDS: &[&str] = &[
    "regclass",
    "regnamespace",
    "regproc",
    "regtype",
    "current_catalog",
    "current_role",
    "current_user",
    "session_user",
];

/// What `sql`, one statement, asks.
pub(super) fn asked(sql: &str) -> Result<Asked, Failure> {
    let tokens = tokens(sql);
    let words = Words {
        sql,
        tokens: &tokens,
    };
    let first = words.word(0);
    Ok(match first.as_str() {
        "" if tokens.is_empty() => Asked::Nothing,
        "begin" | "start" => Asked::Begin,
        "commit" | "end" => Asked::End(true),
        "abort" => Asked::End(false),
        "rollback" if (1..4).any(|index| words.word(index) == "to") => Asked::RollbackTo,
        "rollback" => Asked::End(false),
        "savepoint" => Asked::Done("SAVEPOINT"),
        "release" => Asked::Done("RELEASE"),
        "set" => set(&words)?,
        "reset" => Asked::Done("RESET"),
        "discard" => Asked::Done("DISCARD ALL"),
        "unlisten" => Asked::Done("UNLISTEN"),
        "listen" => return Err(Failure::new("0A000", "there are no notifications here")),
        "show" if !SHOWN_BY_LAKE.contains(&words.word(1).as_str()) => show(&words),
        "copy" => copy(&words)?,
        "declare" => declare(&words)?,
        "fetch" => {
            let (name, count) = cursor(&words)?;
            Asked::Fetch(name, count)
        }
        "move" => {
            let (name, count) = cursor(&words)?;
            Asked::Move(name, count)
        }
        "close" => Asked::Close(all_or_name(&words, 1)),
        "prepare" => prepare(&words)?,
        "execute" => execute(&words)?,
        "deallocate" => {
            let index = usize::from(words.word(1) == "prepare") + 1;
            Asked::Deallocate(all_or_name(&words, index))
        }
        first if WRITES.contains(&first) => {
            return Err(Failure::writes(&first.to_ascii_uppercase()));
        }
        _ => rows(sql, &words),
    })
}

/// A statement that gives rows.
fn rows(sql: &str, words: &Words<'_>) -> Asked {
    let is_catalog = (0..words.tokens.len()).any(|index| {
        let word = match words.tokens[index].piece {
            Piece::Word | Piece::Quoted => words.name(index),
            _ => return false,
        };
        word.starts_with("pg_")
            || word == "information_schema" && words.text(index + 1) == "."
            || CATALOG_WORDS.contains(&word.as_str())
            || CATALOG_FUNCTIONS.contains(&word.as_str()) && words.text(index + 1) == "("
    });
    match is_catalog {
        true => Asked::Catalog(sql.to_owned()),
        false => Asked::Lake(sql.to_owned()),
    }
}

fn wrong(verb: &str) -> Failure {
    Failure::new("42601", format!("{verb} cannot be read"))
}

fn set(words: &Words<'_>) -> Result<Asked, Failure> {
    let at = 1 + usize::from(matches!(words.word(1).as_str(), "session" | "local"));
    if matches!(words.name(at).as_str(), "client_encoding" | "names") {
        let value = (at + 1..words.tokens.len()).map(|index| words.value(index));
        let value = value
            .filter(|value| value != "to" && value != "=")
            .collect::<String>();
        let value = value.to_ascii_lowercase().replace('-', "");
        if !matches!(value.as_str(), "utf8" | "unicode" | "default") {
            return Err(Failure::new("22023", "texts are sent in UTF-8 only"));
        }
    }
    Ok(Asked::Done("SET"))
}

fn show(words: &Words<'_>) -> Asked {
    let name = match (words.word(1).as_str(), words.word(2).as_str()) {
        ("transaction", "isolation") => "transaction_isolation".to_owned(),
        ("time", "zone") => "timezone".to_owned(),
        ("session", "authorization") => "session_authorization".to_owned(),
        _ => words.name(1),
    };
    Asked::Show(name)
}

fn copy(words: &Words<'_>) -> Result<Asked, Failure> {
    let no_source = || wrong("COPY");
    let (query, to) = match words.text(1) {
        "(" => {
            let close = words.behind(1).ok_or_else(no_source)?;
            (words.between(1, close - 1).to_owned(), close)
        }
        _ => {
            let end = (1..words.tokens.len()).find(|index| {
                matches!(words.word(*index).as_str(), "to" | "from") || words.text(*index) == "("
            });
            let end = end.ok_or_else(no_source)?;
            let table = words.between(0, end);
            match words.text(end) {
                "(" => {
                    let close = words.behind(end).ok_or_else(no_source)?;
                    (
                        format!("SELECT {} FROM {table}", words.between(end, close - 1)),
                        close,
                    )
                }
                _ => (format!("SELECT * FROM {table}"), end),
            }
        }
    };
    match (words.word(to).as_str(), words.word(to + 1).as_str()) {
        ("from", _) => return Err(Failure::writes("COPY FROM")),
        ("to", "stdout") => {}
        _ => {
            return Err(
                Failure::new("42501", "COPY writes no files here").with_hint(
                    "COPY ... TO STDOUT sends the rows; psql's \\copy writes them to a file",
                ),
            );
        }
    }
    let copying = copying(words, to + 2)?;
    match asked(&query)? {
        rows @ (Asked::Lake(_) | Asked::Catalog(_)) => Ok(Asked::Copy(Box::new(rows), copying)),
        _ => Err(no_source()),
    }
}

fn copying(words: &Words<'_>, from: usize) -> Result<Copying, Failure> {
    let mut copying = Copying {
        form: Form::Text,
        has_header: false,
        delimiter: '\t',
        null: "\\N".to_owned(),
    };
    let (mut delimiter, mut null) = (None, None);
    let mut index = from;
    while index < words.tokens.len() {
        let next = words.value(index + 1);
        match words.word(index).as_str() {
            "csv" => copying.form = Form::Csv,
            "text" => copying.form = Form::Text,
            "binary" => copying.form = Form::Binary,
            "header" => copying.has_header = !matches!(next.as_str(), "false" | "off" | "0"),
            "delimiter" | "delimiters" => delimiter = delimiter_of(words, &mut index),
            "null" => {
                index += 1 + usize::from(next == "as");
                null = Some(words.value(index));
            }
            "quote" | "escape" | "encoding" => index += 1,
            "force_quote" | "force" => {
                return Err(Failure::new(
                    "0A000",
                    "FORCE_QUOTE of COPY is not known here",
                ));
            }
            _ => {}
        }
        index += 1;
    }
    if copying.form == Form::Csv {
        (copying.delimiter, copying.null) = (',', String::new());
    }
    copying.delimiter = delimiter.unwrap_or(copying.delimiter);
    copying.null = null.unwrap_or(copying.null);
    Ok(copying)
}

fn delimiter_of(words: &Words<'_>, index: &mut usize) -> Option<char> {
    *index += 1 + usize::from(words.word(*index + 1) == "as");
    words.value(*index).chars().next()
}

fn declare(words: &Words<'_>) -> Result<Asked, Failure> {
    let select = (2..words.tokens.len()).find(|index| words.word(*index) == "for");
    let select = select.ok_or_else(|| wrong("DECLARE"))? + 1;
    let options = (2..select).map(|index| words.word(index));
    let options: Vec<String> = options.collect();
    if options.windows(2).any(|pair| pair == ["with", "hold"]) {
        return Err(Failure::new(
            "0A000",
            "a cursor ends with its transaction here",
        ));
    }
    match asked(words.from(select))? {
        rows @ (Asked::Lake(_) | Asked::Catalog(_)) => {
            Ok(Asked::Declare(words.name(1), Box::new(rows)))
        }
        _ => Err(wrong("DECLARE")),
    }
}

/// The cursor of `FETCH` or `MOVE`, and how many rows.
fn cursor(words: &Words<'_>) -> Result<(String, Count), Failure> {
    let last = words.tokens.len() - 1;
    let mut count = Count::Rows(1);
    for index in 1..last {
        match words.word(index).as_str() {
            "next" | "forward" | "from" | "in" => {}
            "all" => count = Count::All,
            number => match number.parse() {
                Ok(rows) => count = Count::Rows(rows),
                Err(_) => {
                    return Err(Failure::new("0A000", "a cursor only goes forward here"));
                }
            },
        }
    }
    match last {
        0 => Err(wrong("FETCH")),
        last => Ok((words.name(last), count)),
    }
}

fn all_or_name(words: &Words<'_>, index: usize) -> Option<String> {
    (words.word(index) != "all").then(|| words.name(index))
}

fn prepare(words: &Words<'_>) -> Result<Asked, Failure> {
    let behind = match words.text(2) {
        "(" => words.behind(2),
        _ => Some(2),
    };
    match behind {
        Some(index) if words.word(index) == "as" => Ok(Asked::Prepare(
            words.name(1),
            words.from(index + 1).to_owned(),
        )),
        // Trino's form, of which the desk says what there is.
        _ => Err(wrong("PREPARE")),
    }
}

fn execute(words: &Words<'_>) -> Result<Asked, Failure> {
    let mut arguments = Vec::new();
    if words.text(2) == "(" {
        let close = words.behind(2).ok_or_else(|| wrong("EXECUTE"))?;
        let (mut start, mut depth) = (2, 0);
        for index in 2..close {
            match words.text(index) {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                _ => {}
            }
            if depth == 0 || depth == 1 && words.text(index) == "," {
                arguments.push(words.between(start, index).to_owned());
                start = index;
            }
        }
    }
    arguments.retain(|argument| !argument.is_empty());
    Ok(Asked::Execute(words.name(1), arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_apart() {
        let lake = |sql: &str| Asked::Lake(sql.to_owned());
        let catalog = |sql: &str| Asked::Catalog(sql.to_owned());
        for (sql, expected) in [
            ("", Asked::Nothing),
            ("-- nothing", Asked::Nothing),
            ("select 'pg_class'", lake("select 'pg_class'")),
            ("select version from t", lake("select version from t")),
            ("select version()", catalog("select version()")),
            ("select * from PG_CLASS", catalog("select * from PG_CLASS")),
            (
                "select * from \"information_schema\".tables",
                catalog("select * from \"information_schema\".tables"),
            ),
            ("select 'a'::regclass", catalog("select 'a'::regclass")),
            ("show tables", lake("show tables")),
            (
                "show transaction isolation level",
                Asked::Show("transaction_isolation".to_owned()),
            ),
            (
                "SHOW standard_conforming_strings",
                Asked::Show("standard_conforming_strings".to_owned()),
            ),
            ("BEGIN ISOLATION LEVEL READ COMMITTED", Asked::Begin),
            ("end", Asked::End(true)),
            ("rollback", Asked::End(false)),
            ("rollback to savepoint a", Asked::RollbackTo),
            (
                "fetch forward 10 from \"C 1\"",
                Asked::Fetch("C 1".to_owned(), Count::Rows(10)),
            ),
            ("move all in c", Asked::Move("c".to_owned(), Count::All)),
            ("close all", Asked::Close(None)),
            (
                "deallocate prepare p",
                Asked::Deallocate(Some("p".to_owned())),
            ),
            (
                "execute p(1, f(2, 'a,b'), ARRAY[3, 4])",
                Asked::Execute(
                    "p".to_owned(),
                    ["1", "f(2, 'a,b')", "ARRAY[3, 4]"]
                        .map(str::to_owned)
                        .to_vec(),
                ),
            ),
            (
                "prepare p (int) as select $1",
                Asked::Prepare("p".to_owned(), "select $1".to_owned()),
            ),
            (
                "declare c binary cursor for select 1",
                Asked::Declare("c".to_owned(), Box::new(lake("select 1"))),
            ),
        ] {
            assert_eq!(asked(sql).unwrap(), expected, "{sql}");
        }
        for (sql, code) in [
            ("insert into t values (1)", "25006"),
            ("Drop table t", "25006"),
            ("copy t from stdin", "25006"),
            ("copy (select 1) to '/tmp/x'", "42501"),
            ("copy (select 1) to program 'id'", "42501"),
            ("copy (drop table t) to stdout", "25006"),
            ("declare c cursor for delete from t", "25006"),
            ("set client_encoding to 'latin1'", "22023"),
            ("fetch backward 1 from c", "0A000"),
            ("fetch", "42601"),
            ("copy", "42601"),
            ("listen x", "0A000"),
        ] {
            assert_eq!(asked(sql).unwrap_err().code, code, "{sql}");
        }
        let Asked::Copy(rows, copying) =
            asked("COPY t (a, b) TO STDOUT (FORMAT csv, HEADER, DELIMITER ';', NULL 'x')").unwrap()
        else {
            panic!("a copy");
        };
        assert_eq!(*rows, lake("SELECT a, b FROM t"));
        assert_eq!(
            (
                copying.form,
                copying.has_header,
                copying.delimiter,
                copying.null.as_str()
            ),
            (Form::Csv, true, ';', "x")
        );
    }
}
