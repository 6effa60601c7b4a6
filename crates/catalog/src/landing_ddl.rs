//! `CREATE EXTERNAL TABLE` as Athena takes it, parsed by hand: the statements
//! come from many tools, and whatever in one would change what is read and
//! cannot be honoured must be an error at its line, never passed over.
//!
//! What describes the table is honoured; what informs (crawler statistics) is
//! kept; the rest is refused. The lists of both stand at the end of the file.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::errors::{Error, ErrorKind, Errors};
use crate::landing_table::{Column, ColumnType, LandingTable, Location, split_location};
use crate::names::TableName;
use crate::roles::{PlacedProperty, ROLE_PROPERTIES, read_roles};
use crate::statements::{comment_end, is_external_table, line_end, quote_end};
use crate::suggest::nearest;
use crate::text::Spot;

/// The landing table that one `CREATE EXTERNAL TABLE` statement defines; for
/// files of `landing/` and for statements given to the shell. `first_line` is
/// the line of `path` on which `text` begins.
///
/// # Errors
/// For what cannot be parsed and for everything that cannot be honoured, each
/// with its line.
pub fn parse_external_table(
    path: &str,
    text: &str,
    first_line: u32,
) -> Result<LandingTable, Errors> {
    let start = Spot {
        line: first_line,
        column: 1,
    };
    if !is_external_table(text) {
        return Err(Error::at(path, start, ErrorKind::NotExternalTable).into());
    }
    let tokens = tokenize(path, text, start)?;
    let mut parser = Parser {
        file: path,
        tokens,
        at: 0,
        errors: Vec::new(),
    };
    let statement = parser.statement()?;
    let errors = std::mem::take(&mut parser.errors);
    statement.settle(path, errors)
}

/// The statement as written.
struct StatementParts {
    spot: Spot,
    name: (String, Spot),
    columns: Vec<(Column, Spot)>,
    comment: Option<String>,
    serde: Option<(String, Spot)>,
    stored_as_json: bool,
    serde_properties: Vec<Property>,
    location: Option<(String, Spot)>,
    properties: Vec<Property>,
}

struct Property {
    key: String,
    value: String,
    spot: Spot,
}

/// What may follow the columns, for suggestions and for finding the way again.
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

struct Parser<'a> {
    file: &'a str,
    tokens: Vec<Token>,
    at: usize,
    /// What cannot be honoured; the parser reads on after it.
    errors: Vec<Error>,
}

impl Parser<'_> {
    fn statement(&mut self) -> Result<StatementParts, Error> {
        let spot = self.peek().spot;
        for _ in ["create", "external", "table"] {
            self.next();
        }
        if self.take_word("if") {
            self.expect_word("not", "NOT EXISTS")?;
            self.expect_word("exists", "EXISTS")?;
        }
        let mut parts = StatementParts {
            spot,
            name: self.table_name()?,
            columns: self.columns()?,
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
                allowed: "one CREATE EXTERNAL TABLE is due",
            })),
        }
    }

    /// `table`, `db.table`, `` `db`.`table` `` and `` `db.table` ``: the
    /// database is Athena's and means nothing here.
    fn table_name(&mut self) -> Result<(String, Spot), Error> {
        let expected = "the table's name";
        let (mut name, mut spot) = self.name(expected)?;
        while self.take_symbol('.') {
            (name, spot) = self.name(expected)?;
        }
        let name = name.rsplit('.').next().unwrap_or_default().to_lowercase();
        Ok((name, spot))
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
            // A column of an impossible type is reported already; it stays, as
            // text, so that properties naming it are not reported too.
            let column = Column {
                name: name.to_lowercase(),
                kind: kind.unwrap_or(ColumnType::String),
                comment,
                line: spot.line,
            };
            columns.push((column, spot));
            if self.take_symbol(')') {
                return Ok(columns);
            }
            self.expect_symbol(',', "`,` or `)`")?;
        }
    }

    /// A column's type, or none when it is reported as not supported.
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

    /// The `(n)` of varchar and char, which may be left out.
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

    /// To the end of a type such as `struct<a:array<int>,b:decimal(3,1)>`.
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
                "partitioned" => self.refuse(
                    "PARTITIONED BY",
                    "leave it out: subfolders are read too, and a partition's value must be in \
                     the JSON to become a column",
                ),
                "clustered" | "sorted" => {
                    self.refuse("CLUSTERED BY", "leave it out: landing JSON has no buckets");
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

    fn row_format(&mut self, parts: &mut StatementParts) -> Result<(), Error> {
        const INSTEAD: &str =
            "landing is JSON: `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'`";
        if self.peek_at(2).kind.is_word("delimited") {
            self.refuse("ROW FORMAT DELIMITED", INSTEAD);
            parts.stored_as_json = true; // reported already
            return Ok(());
        }
        self.next();
        self.expect_word("format", "FORMAT")?;
        self.expect_word("serde", "SERDE")?;
        let (name, spot) = self.string("the SerDe's class name as a string")?;
        if !JSON_SERDES.contains(&name.as_str()) {
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
            "landing is JSON in text files: leave it out, or `STORED AS TEXTFILE`";
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
            for (what, known, (name, spot)) in formats {
                if !known.contains(&name.as_str()) {
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
            "textfile" => {}
            "jsonfile" => parts.stored_as_json = true,
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
            if self.take_symbol(')') {
                return Ok(properties);
            }
            self.expect_symbol(',', "`,` or `)`")?;
        }
    }

    /// Reports a clause and goes on at the next one.
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
        // The last token is the end, and stays ahead for ever.
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
        // Only a word that is meant as one has a near one.
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

impl StatementParts {
    /// The table, unless something about it cannot be honoured.
    fn settle(self, file: &str, mut errors: Vec<Error>) -> Result<LandingTable, Errors> {
        let mut error = |spot: Spot, kind: ErrorKind| errors.push(Error::at(file, spot, kind));

        let name = TableName::from_str(&self.name.0);
        if name.is_err() {
            let stem = self.name.0.clone();
            error(self.name.1, ErrorKind::FileName { stem });
        }
        let mut names = BTreeSet::new();
        for (column, spot) in &self.columns {
            if !names.insert(column.name.as_str()) {
                let name = column.name.clone();
                error(*spot, ErrorKind::ColumnTwice { name });
            }
        }
        for property in &self.serde_properties {
            if let Err(kind) = check_serde_property(property, &names) {
                error(property.spot, kind);
            }
        }
        let mut classified_json = false;
        for property in &self.properties {
            match check_table_property(property) {
                Ok(()) => classified_json |= property.key.eq_ignore_ascii_case("classification"),
                Err(kind) => error(property.spot, kind),
            }
        }
        if self.serde.is_none() && !self.stored_as_json && !classified_json {
            let kind = ErrorKind::Clause {
                clause: "a table without ROW FORMAT SERDE, which is delimited text to Athena,"
                    .into(),
                instead: "add `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'`",
            };
            error(self.spot, kind);
        }

        let location = self
            .location
            .filter(|(location, _)| !location.trim().is_empty());
        match &location {
            None => error(self.spot, ErrorKind::NoLocation),
            Some((location, spot)) => {
                let reason = match split_location(location) {
                    Location::Unknown => Some("of its scheme"),
                    _ if location.split('/').any(|part| part == "..") => Some("of its `..`"),
                    _ => None,
                };
                if let Some(reason) = reason {
                    error(*spot, ErrorKind::Location { reason });
                }
            }
        }

        let mut listed = |key: &str| -> Option<Vec<String>> {
            let property = self.properties.iter().find(|p| p.key == key)?;
            let listed = property
                .value
                .split(',')
                .map(|name| name.trim().to_lowercase());
            let listed: Vec<_> = listed.filter(|name| !name.is_empty()).collect();
            for name in &listed {
                if !names.contains(name.as_str()) {
                    let kind = ErrorKind::UnknownColumn {
                        name: name.clone(),
                        within: format!("`{key}`"),
                        near: nearest(name, names.iter().copied()).map(str::to_owned),
                    };
                    error(property.spot, kind);
                }
            }
            Some(listed)
        };
        let personal = listed(PERSONAL);
        let mut required = listed(REQUIRED).unwrap_or_default();
        let text_columns = || {
            let columns = self.columns.iter().map(|(column, _)| column);
            let texts = columns.filter(|column| column.kind == ColumnType::String);
            texts.map(|column| column.name.clone()).collect()
        };
        let mut personal: Vec<String> = personal.unwrap_or_else(text_columns);
        let properties: Vec<PlacedProperty<'_>> = self
            .properties
            .iter()
            .map(|p| (p.key.as_str(), p.value.as_str(), p.spot))
            .collect();
        let columns: Vec<&Column> = self.columns.iter().map(|(column, _)| column).collect();
        let (roles, faults) = read_roles(&properties, &columns);
        for (spot, kind) in faults {
            error(spot, kind);
        }
        add_missing(&mut personal, roles.personal());
        add_missing(&mut required, roles.required());

        match (name, location) {
            (Ok(name), Some((location, location_spot))) if errors.is_empty() => Ok(LandingTable {
                name,
                columns: self.columns.into_iter().map(|(column, _)| column).collect(),
                location,
                properties: self
                    .properties
                    .into_iter()
                    .map(|p| (p.key, p.value))
                    .collect(),
                comment: self.comment,
                file: file.to_owned(),
                line: self.spot.line,
                location_line: location_spot.line,
                personal,
                required,
            }),
            _ => Err(errors.into()),
        }
    }
}

fn check_serde_property(property: &Property, columns: &BTreeSet<&str>) -> Result<(), ErrorKind> {
    let cannot = |instead| {
        Err(ErrorKind::Property {
            key: property.key.clone(),
            value: property.value.clone(),
            instead,
        })
    };
    let key = property.key.to_lowercase();
    let value = property.value.trim().to_lowercase();
    if let Some(column) = key.strip_prefix("mapping.") {
        return match columns.contains(column) {
            true if value == column => Ok(()),
            true => cannot("name the column as the JSON key: keys match in any letter case"),
            false => Err(ErrorKind::UnknownColumn {
                name: column.to_owned(),
                within: format!("`{}`", property.key),
                near: nearest(column, columns.iter().copied()).map(str::to_owned),
            }),
        };
    }
    match (key.as_str(), value.as_str()) {
        // Read by our own reader, which keeps what it cannot read in quarantine
        // either way.
        ("ignore.malformed.json", "true" | "false") => Ok(()),
        ("ignore.malformed.json", _) => {
            cannot("`true` or `false`; both put what cannot be read into quarantine")
        }
        ("case.insensitive", "true") => Ok(()),
        ("case.insensitive", _) => {
            cannot("keys match columns in any letter case: `true`, or leave it out")
        }
        ("dots.in.keys", "false") => Ok(()),
        ("dots.in.keys", _) => cannot("keys are taken as they are: `false`, or leave it out"),
        // What Athena's console writes; the SerDe itself knows `mapping.<column>` alone.
        ("mapping", "true" | "false") => Ok(()),
        ("mapping", _) => cannot("leave it out"),
        // About writing, and landing is never written.
        ("explicit.null", "true" | "false") | ("serialization.format", "1") => Ok(()),
        ("explicit.null" | "serialization.format", _) => cannot("leave it out"),
        // What Glue's crawler writes: the keys it saw, which are the columns.
        ("paths", paths) => {
            let paths: BTreeSet<&str> = paths.split(',').map(str::trim).collect();
            match &paths == columns {
                true => Ok(()),
                false => cannot("it must list the columns, all and no other, or be left out"),
            }
        }
        _ => Err(ErrorKind::UnknownProperty {
            key: property.key.clone(),
            within: "SERDEPROPERTIES",
            near: nearest(&key, SERDE_PROPERTIES.iter().copied()).map(str::to_owned),
            known: &[],
        }),
    }
}

/// Adds the names that are not there.
fn add_missing<'a>(names: &mut Vec<String>, more: impl Iterator<Item = &'a str>) {
    for name in more {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
}

fn check_table_property(property: &Property) -> Result<(), ErrorKind> {
    let cannot = |instead| {
        Err(ErrorKind::Property {
            key: property.key.clone(),
            value: property.value.clone(),
            instead,
        })
    };
    let key = property.key.to_lowercase();
    let value = property.value.trim().to_lowercase();
    match (key.as_str(), value.as_str()) {
        _ if STEDI_PROPERTIES.contains(&property.key.as_str()) => Ok(()),
        (key, _) if key.starts_with(STEDI_PREFIX) => {
            let known = STEDI_PROPERTIES
                .iter()
                .map(|known| &known[STEDI_PREFIX.len()..]);
            let near = nearest(&key[STEDI_PREFIX.len()..], known);
            Err(ErrorKind::UnknownProperty {
                key: property.key.clone(),
                within: "TBLPROPERTIES",
                near: near.map(|near| format!("{STEDI_PREFIX}{near}")),
                known: STEDI_PROPERTIES,
            })
        }
        ("classification", "json") => Ok(()),
        ("classification", _) => cannot("landing is JSON: `json`, or leave it out"),
        ("has_encrypted_data", "false") => Ok(()),
        ("has_encrypted_data", _) => cannot("client-side encrypted files cannot be read"),
        // The reader goes by the file's name.
        ("compressiontype" | "compression_type", "none" | "gzip" | "zstd") => Ok(()),
        ("compressiontype" | "compression_type", _) => cannot("files may be plain, .gz or .zst"),
        ("skip.header.line.count", "0") => Ok(()),
        ("skip.header.line.count", _) => cannot("JSON has no header lines: leave it out"),
        ("projection.enabled", "false") => Ok(()),
        ("storage.location.template", _) => {
            cannot("there are no partitions: subfolders are read too")
        }
        (key, _) if key.starts_with("projection.") => {
            cannot("there are no partitions: subfolders are read too")
        }
        ("external", "true") => Ok(()),
        ("external", _) => cannot("landing tables are external: `TRUE`, or leave it out"),
        ("typeofdata", "file") => Ok(()),
        ("typeofdata", _) => cannot("landing tables are files"),
        (key, _) if INFORMATIONAL.contains(&key) => Ok(()),
        _ => {
            let known = INFORMATIONAL.iter().chain(TABLE_PROPERTIES).copied();
            Err(ErrorKind::UnknownProperty {
                key: property.key.clone(),
                within: "TBLPROPERTIES",
                near: nearest(&key, known).map(str::to_owned),
                known: &[],
            })
        }
    }
}

/// The property that lists the personal columns.
const PERSONAL: &str = "stedi.personal";
/// The property that lists the columns without which an object is no row.
const REQUIRED: &str = "stedi.required";

/// How the properties begin that are this program's own.
const STEDI_PREFIX: &str = "stedi.";

/// This program's own properties.
const STEDI_PROPERTIES: &[&str] = &[
    PERSONAL,
    REQUIRED,
    ROLE_PROPERTIES[0],
    ROLE_PROPERTIES[1],
    ROLE_PROPERTIES[2],
    ROLE_PROPERTIES[3],
    ROLE_PROPERTIES[4],
    ROLE_PROPERTIES[5],
];

const JSON_SERDES: &[&str] = &[
    "org.openx.data.jsonserde.JsonSerDe",
    "org.apache.hive.hcatalog.data.JsonSerDe",
    "org.apache.hadoop.hive.serde2.JsonSerDe",
];

const INPUT_FORMATS: &[&str] = &["org.apache.hadoop.mapred.TextInputFormat"];

const OUTPUT_FORMATS: &[&str] = &[
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat",
];

/// The SerDe's properties, for suggestions.
const SERDE_PROPERTIES: &[&str] = &[
    "case.insensitive",
    "dots.in.keys",
    "explicit.null",
    "ignore.malformed.json",
    "mapping",
    "paths",
    "serialization.format",
];

/// The table properties that are looked at, for suggestions.
const TABLE_PROPERTIES: &[&str] = &[
    "classification",
    "compressionType",
    "external",
    "has_encrypted_data",
    "typeOfData",
];

/// Table properties that only inform: what crawlers counted and who changed the
/// definition when. In lower case.
const INFORMATIONAL: &[&str] = &[
    "averagerecordsize",
    "bucketing_version",
    "column_stats_accurate",
    "comment",
    "crawlerschemadeserializerversion",
    "crawlerschemaserializerversion",
    "created_by",
    "created_at",
    "exclusions",
    "last_modified_by",
    "last_modified_time",
    "notes",
    "numfiles",
    "numrows",
    "objectcount",
    "rawdatasize",
    "recordcount",
    "sizekey",
    "totalsize",
    "transient_lastddltime",
    "updated_by_crawler",
];

struct Token {
    kind: Kind,
    spot: Spot,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// A bare word or number.
    Word(String),
    /// What stands in quotes, without them, and which quotes.
    Quoted(char, String),
    /// Any other character.
    Symbol(char),
    /// The end of the text.
    End,
}

impl Kind {
    fn is_word(&self, expected: &str) -> bool {
        matches!(self, Kind::Word(word) if word.eq_ignore_ascii_case(expected))
    }

    fn in_words(&self) -> String {
        match self {
            Kind::Word(word) => format!("`{word}`"),
            Kind::Quoted('`', name) => format!("`{name}`"),
            Kind::Quoted(..) => "a string".to_owned(),
            Kind::Symbol(symbol) => format!("`{symbol}`"),
            Kind::End => "the end".to_owned(),
        }
    }
}

impl Token {
    fn written(&self) -> String {
        match &self.kind {
            Kind::Word(word) => word.to_lowercase(),
            Kind::Quoted(quote, text) => format!("{quote}{text}{quote}"),
            Kind::Symbol(symbol) => symbol.to_string(),
            Kind::End => String::new(),
        }
    }
}

/// The tokens of a statement, the last of them [`Kind::End`].
fn tokenize(file: &str, text: &str, start: Spot) -> Result<Vec<Token>, Error> {
    let never_closed = |at: usize, what: &str| {
        let kind = ErrorKind::DdlSyntax {
            expected: "its end",
            found: format!("{what} that is never closed"),
            near: None,
        };
        Error::at(file, start.after(text, at), kind)
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, end) = if c.is_whitespace() || c == '\u{feff}' {
            (None, at + c.len_utf8())
        } else if rest.starts_with("--") {
            (None, line_end(text, at))
        } else if rest.starts_with("/*") {
            let end = comment_end(text, at).ok_or_else(|| never_closed(at, "a comment"))?;
            (None, end)
        } else if matches!(c, '\'' | '"' | '`') {
            let end = quote_end(text, at, c != '`').ok_or_else(|| never_closed(at, "a quote"))?;
            let content = unquoted(&text[at + 1..end - 1], c);
            (Some(Kind::Quoted(c, content)), end)
        } else if c.is_alphanumeric() || c == '_' {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            (Some(Kind::Word(rest[..length].to_owned())), at + length)
        } else {
            (Some(Kind::Symbol(c)), at + c.len_utf8())
        };
        let spot = start.after(text, at);
        tokens.extend(kind.map(|kind| Token { kind, spot }));
        at = end;
    }
    let spot = start.after(text, text.trim_end().len());
    tokens.push(Token {
        kind: Kind::End,
        spot,
    });
    Ok(tokens)
}

/// What stands between quotes: doubled quotes for one, and in strings what a
/// backslash escapes.
fn unquoted(content: &str, quote: char) -> String {
    let mut out = String::with_capacity(content.len());
    let mut chars = content.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quote != '`' => out.extend(chars.next().map(|escaped| match escaped {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            })),
            c if c == quote => {
                chars.next();
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
