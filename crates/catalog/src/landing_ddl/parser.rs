//! Recursive-descent parser of `CREATE EXTERNAL TABLE`. It refuses clauses that
//! are not supported and reads on after them, so that one run shows all errors.

use std::collections::BTreeSet;

use super::statement::{Property, StatementParts};
use super::tokens::{Kind, Token};
use crate::column::{Column, ColumnSource, ColumnType};
use crate::errors::{Error, ErrorKind};
use crate::names::is_own_schema;
use crate::suggest::nearest;
use crate::text::Spot;

/// Words that open a clause after the columns: for suggestions, and to find the
/// next clause after an error.
const CLAUSES: &[&str] = &[
    "comment",
    "partitioned",
    "clustered",
    "sorted",
    "skewed",
    "row",
    "with",
    "stored",
    "location",
    "tblproperties",
];

pub(super) struct Parser<'a> {
    pub(super) file: &'a str,
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
    /// Errors after which the parser reads on.
    pub(super) errors: Vec<Error>,
}

impl Parser<'_> {
    pub(super) fn statement(&mut self) -> Result<StatementParts, Error> {
        let spot = self.peek().spot;
        for _ in ["create", "external", "table"] {
            self.next();
        }
        let if_not_exists = self.take_word("if");
        if if_not_exists {
            self.expect_word("not", "NOT EXISTS")?;
            self.expect_word("exists", "EXISTS")?;
        }
        let (name, database) = self.table_name()?;
        let mut parts = StatementParts {
            spot,
            name,
            database,
            if_not_exists,
            columns: self.columns()?,
            partition_columns: Vec::new(),
            comment: None,
            serde: None,
            stored_as_json: false,
            serde_properties: Vec::new(),
            location: None,
            properties: Vec::new(),
        };
        self.clauses(&mut parts)?;
        while self.take_symbol(';') {}
        match self.peek().kind {
            Kind::End => Ok(parts),
            _ => Err(self.error(ErrorKind::SecondStatement {
                allowed: "expected one CREATE EXTERNAL TABLE",
            })),
        }
    }

    /// Accepts `table`, `db.table`, `` `db`.`table` `` and `` `db.table` ``. Returns the
    /// table's name and place, and the database, unless its name has a meaning of its own.
    fn table_name(&mut self) -> Result<((String, Spot), Option<String>), Error> {
        let expected = "the table's name";
        let (name, mut spot) = self.name(expected)?;
        let mut parts: Vec<String> = name.split('.').map(str::to_lowercase).collect();
        while self.take_symbol('.') {
            let (name, own) = self.name(expected)?;
            parts.extend(name.split('.').map(str::to_lowercase));
            spot = own;
        }
        let name = parts.pop().unwrap_or_default();
        let database = parts.pop().filter(|name| !is_own_schema(name));
        Ok(((name, spot), database))
    }

    fn columns(&mut self) -> Result<Vec<(Column, Spot)>, Error> {
        self.expect_symbol('(', "`(` and the columns")?;
        let mut columns = Vec::new();
        loop {
            let (name, spot) = self.name("a column's name")?;
            let kind = self.column_type(&name)?;
            let comment = match self.take_word("comment") {
                true => Some(self.string("the comment as a string")?.0),
                false => None,
            };
            // A column of an unsupported type is already reported. It stays as
            // text, so that properties that name it cause no second error.
            let kind = kind.unwrap_or(ColumnType::String);
            let column = Column {
                name: name.to_lowercase(),
                kind,
                declared: kind,
                source: ColumnSource::Name,
                comment,
                line: spot.line,
            };
            columns.push((column, spot));
            if self.ends_list()? {
                return Ok(columns);
            }
        }
    }

    /// The type of a column; `None` if it was reported as not supported.
    fn column_type(&mut self, column: &str) -> Result<Option<ColumnType>, Error> {
        let start = self.at;
        let spot = self.peek().spot;
        let Kind::Word(word) = self.peek().kind.clone() else {
            return Err(self.expected("a column's type"));
        };
        self.next();
        let kind = match word.to_lowercase().as_str() {
            "string" => Some(ColumnType::String),
            "varchar" | "char" => match self.length() {
                true => Some(ColumnType::String),
                false => None,
            },
            "bigint" => Some(ColumnType::Bigint),
            "int" | "integer" | "smallint" | "tinyint" => Some(ColumnType::Int),
            "float" => Some(ColumnType::Float),
            "double" => {
                self.take_word("precision");
                Some(ColumnType::Double)
            }
            "date" => Some(ColumnType::Date),
            "timestamp" => Some(ColumnType::Timestamp),
            "boolean" => Some(ColumnType::Boolean),
            _ => None,
        };
        if kind.is_some() && !matches!(self.peek().kind, Kind::Symbol('<' | '(')) {
            return Ok(kind);
        }
        self.skip_type();
        let written: Vec<_> = self.tokens[start..self.at]
            .iter()
            .map(Token::written)
            .collect();
        self.errors.push(Error::at(
            self.file,
            spot,
            ErrorKind::ColumnType {
                column: column.to_lowercase(),
                written: written.concat(),
            },
        ));
        Ok(None)
    }

    /// Skips the optional `(n)` of varchar and char; false if it is malformed.
    fn length(&mut self) -> bool {
        if !self.take_symbol('(') {
            return true;
        }
        let digits = matches!(
            &self.peek().kind,
            Kind::Word(word) if word.chars().all(|c| c.is_ascii_digit())
        );
        if digits {
            self.next();
        }
        digits && self.take_symbol(')')
    }

    /// Skips to the end of a type such as `struct<a:array<int>,b:decimal(3,1)>`.
    fn skip_type(&mut self) {
        let mut depth = 0usize;
        loop {
            match &self.peek().kind {
                Kind::End => return,
                Kind::Symbol('<' | '(') => depth += 1,
                Kind::Symbol(',' | ')') if depth == 0 => return,
                Kind::Symbol('>' | ')') => depth = depth.saturating_sub(1),
                kind if depth == 0 && kind.is_word("comment") => return,
                _ => {}
            }
            self.next();
        }
    }

    fn clauses(&mut self, parts: &mut StatementParts) -> Result<(), Error> {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        loop {
            let spot = self.peek().spot;
            let word = match &self.peek().kind {
                Kind::End | Kind::Symbol(';') => return Ok(()),
                Kind::Word(word) => word.to_lowercase(),
                _ => String::new(),
            };
            match word.as_str() {
                "comment" => {
                    self.next();
                    parts.comment = Some(self.string("the comment as a string")?.0);
                }
                "row" => self.row_format(parts)?,
                "with" => {
                    self.next();
                    self.expect_word("serdeproperties", "SERDEPROPERTIES")?;
                    parts.serde_properties = self.properties()?;
                }
                "stored" => self.stored(parts)?,
                "location" => {
                    self.next();
                    parts.location = Some(self.string("the location as a string")?);
                }
                "tblproperties" => {
                    self.next();
                    parts.properties = self.properties()?;
                }
                "partitioned" => self.partitioned(parts)?,
                "clustered" | "sorted" => {
                    self.refuse(
                        "CLUSTERED BY",
                        "leave it out: landing files have no buckets",
                    );
                }
                "skewed" => self.refuse("SKEWED BY", "leave it out"),
                _ => {
                    return Err(self.expected(
                        "ROW FORMAT SERDE, WITH SERDEPROPERTIES, STORED AS, LOCATION or \
                         TBLPROPERTIES",
                    ));
                }
            }
            if !seen.insert(word.clone()) {
                let clause = word.to_uppercase();
                let kind = ErrorKind::ClauseTwice { clause };
                self.errors.push(Error::at(self.file, spot, kind));
            }
        }
    }

    /// `PARTITIONED BY (dt date, ...)`: columns whose values are in names of folders.
    fn partitioned(&mut self, parts: &mut StatementParts) -> Result<(), Error> {
        self.next();
        self.expect_word("by", "BY")?;
        parts.partition_columns = self.columns()?;
        for (column, spot) in &parts.partition_columns {
            use ColumnType::{Bigint, Date, Int, String};
            if !matches!(column.kind, String | Bigint | Int | Date) {
                let clause = format!("PARTITIONED BY with a column of type {}", column.kind);
                let instead = "declare it as string, int, bigint or date";
                let kind = ErrorKind::Clause { clause, instead };
                self.errors.push(Error::at(self.file, *spot, kind));
            }
        }
        Ok(())
    }

    fn row_format(&mut self, parts: &mut StatementParts) -> Result<(), Error> {
        const INSTEAD: &str = "landing files are JSON or Parquet: write `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'`";
        if self.peek_at(2).kind.is_word("delimited") {
            self.refuse("ROW FORMAT DELIMITED", INSTEAD);
            parts.stored_as_json = true; // reported already
            return Ok(());
        }
        self.next();
        self.expect_word("format", "FORMAT")?;
        self.expect_word("serde", "SERDE")?;
        let (name, spot) = self.string("the SerDe's class name as a string")?;
        if !is_one_of(&name, JSON_SERDES) && !is_one_of(&name, &[PARQUET_SERDE]) {
            let clause = format!("the SerDe `{name}`");
            let kind = ErrorKind::Clause {
                clause,
                instead: INSTEAD,
            };
            self.errors.push(Error::at(self.file, spot, kind));
        }
        parts.serde = Some((name, spot));
        Ok(())
    }

    fn stored(&mut self, parts: &mut StatementParts) -> Result<(), Error> {
        const INSTEAD: &str =
            "landing files are JSON text or Parquet: leave it out, or write `STORED AS TEXTFILE`";
        let spot = self.next().spot;
        if self.peek().kind.is_word("by") {
            self.at -= 1;
            self.refuse("STORED BY", INSTEAD);
            return Ok(());
        }
        self.expect_word("as", "AS")?;
        if self.take_word("inputformat") {
            let formats = [
                (
                    "the input format",
                    INPUT_FORMATS,
                    self.string("a class name as a string")?,
                ),
                ("the output format", OUTPUT_FORMATS, {
                    self.expect_word("outputformat", "OUTPUTFORMAT")?;
                    self.string("a class name as a string")?
                }),
            ];
            let is_parquet = |(_, _, (name, _)): &(_, _, (String, Spot))| {
                PARQUET_FORMATS.contains(&name.as_str())
            };
            parts.stored_as_json |= formats.iter().all(is_parquet);
            for (what, known, (name, spot)) in formats {
                if !is_one_of(&name, known) {
                    let clause = format!("{what} `{name}`");
                    let kind = ErrorKind::Clause {
                        clause,
                        instead: INSTEAD,
                    };
                    self.errors.push(Error::at(self.file, spot, kind));
                }
            }
            return Ok(());
        }
        let (format, _) = self.name("a file format")?;
        match format.to_lowercase().as_str() {
            "textfile" | "ion" => {}
            // Files are told by their first bytes: Parquet is read wherever it is.
            "jsonfile" | "parquet" => parts.stored_as_json = true,
            _ => {
                let clause = format!("STORED AS {}", format.to_uppercase());
                let kind = ErrorKind::Clause {
                    clause,
                    instead: INSTEAD,
                };
                self.errors.push(Error::at(self.file, spot, kind));
                parts.stored_as_json = true; // reported already
            }
        }
        Ok(())
    }

    fn properties(&mut self) -> Result<Vec<Property>, Error> {
        self.expect_symbol('(', "`(` and the properties")?;
        let mut properties: Vec<Property> = Vec::new();
        loop {
            let (key, spot) = self.string("a property's name as a string")?;
            self.expect_symbol('=', "`=`")?;
            let (value, _) = self.string("the property's value as a string")?;
            if properties.iter().any(|other| other.key == key) {
                let clause = format!("`{key}`");
                let kind = ErrorKind::ClauseTwice { clause };
                self.errors.push(Error::at(self.file, spot, kind));
            }
            properties.push(Property { key, value, spot });
            if self.ends_list()? {
                return Ok(properties);
            }
        }
    }

    /// Whether the list ends here; otherwise another item follows. A comma may stand
    /// before the end.
    fn ends_list(&mut self) -> Result<bool, Error> {
        if self.take_symbol(')') {
            return Ok(true);
        }
        self.expect_symbol(',', "`,` or `)`")?;
        Ok(self.take_symbol(')'))
    }

    /// Reports a clause and skips to the next one.
    fn refuse(&mut self, clause: &str, instead: &'static str) {
        let clause = clause.to_owned();
        let error = self.error(ErrorKind::Clause { clause, instead });
        self.errors.push(error);
        let mut depth = 0usize;
        loop {
            self.next();
            match &self.peek().kind {
                Kind::End => return,
                Kind::Symbol(';') if depth == 0 => return,
                Kind::Symbol('(') => depth += 1,
                Kind::Symbol(')') => depth = depth.saturating_sub(1),
                Kind::Word(word) if depth == 0 => {
                    // CLUSTERED BY (...) SORTED BY (...) INTO n BUCKETS is one clause.
                    let word = word.to_lowercase();
                    if word != "sorted" && CLAUSES.contains(&word.as_str()) {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        // The last token is `Kind::End`; it is never consumed.
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> &Token {
        let at = self.at;
        if at + 1 < self.tokens.len() {
            self.at += 1;
        }
        &self.tokens[at]
    }

    fn take_word(&mut self, word: &str) -> bool {
        let taken = self.peek().kind.is_word(word);
        if taken {
            self.next();
        }
        taken
    }

    fn take_symbol(&mut self, symbol: char) -> bool {
        let taken = self.peek().kind == Kind::Symbol(symbol);
        if taken {
            self.next();
        }
        taken
    }

    fn expect_word(&mut self, word: &str, expected: &'static str) -> Result<(), Error> {
        match self.take_word(word) {
            true => Ok(()),
            false => Err(self.expected(expected)),
        }
    }

    fn expect_symbol(&mut self, symbol: char, expected: &'static str) -> Result<(), Error> {
        match self.take_symbol(symbol) {
            true => Ok(()),
            false => Err(self.expected(expected)),
        }
    }

    /// A bare name, or one in back-quotes or double quotes.
    fn name(&mut self, expected: &'static str) -> Result<(String, Spot), Error> {
        let token = self.peek();
        match &token.kind {
            Kind::Word(name) | Kind::Quoted('`' | '"', name) if !name.trim().is_empty() => {
                let name = (name.clone(), token.spot);
                self.next();
                Ok(name)
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// A string, in single or double quotes.
    fn string(&mut self, expected: &'static str) -> Result<(String, Spot), Error> {
        let token = self.peek();
        match &token.kind {
            Kind::Quoted('\'' | '"', text) => {
                let string = (text.clone(), token.spot);
                self.next();
                Ok(string)
            }
            _ => Err(self.expected(expected)),
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::at(self.file, self.peek().spot, kind)
    }

    fn expected(&self, expected: &'static str) -> Error {
        let kind = &self.peek().kind;
        // Suggest only for words; quoted text is not a misspelt keyword.
        let near = match kind {
            Kind::Word(word) => nearest(word, CLAUSES.iter().copied())
                .filter(|near| !near.eq_ignore_ascii_case(word))
                .map(str::to_uppercase),
            _ => None,
        };
        let found = kind.in_words();
        self.error(ErrorKind::DdlSyntax {
            expected,
            found,
            near,
        })
    }
}

const JSON_SERDES: &[&str] = &[
    "org.openx.data.jsonserde.JsonSerDe",
    "org.apache.hive.hcatalog.data.JsonSerDe",
    "org.apache.hadoop.hive.serde2.JsonSerDe",
    // Amazon's, for Ion, of which JSON is a part.
    "com.amazon.ionhiveserde.IonHiveSerDe",
];

const PARQUET_SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

const PARQUET_FORMATS: [&str; 2] = [
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
];

const INPUT_FORMATS: &[&str] = &[
    "org.apache.hadoop.mapred.TextInputFormat",
    "com.amazon.ionhiveserde.formats.IonInputFormat",
    PARQUET_FORMATS[0],
];

const OUTPUT_FORMATS: &[&str] = &[
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat",
    "com.amazon.ionhiveserde.formats.IonOutputFormat",
    PARQUET_FORMATS[1],
];

/// Whether the class `name` is one of `known`. Some tools change the letter case.
fn is_one_of(name: &str, known: &[&str]) -> bool {
    known
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name.trim()))
}
