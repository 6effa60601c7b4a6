//! Completes the definitions of landing tables once the whole project is known.
//!
//! People bring definitions as Athena takes them: without properties of this program,
//! without columns that they do not need, with other types. For a table that has the
//! name of a shipped one:
//!
//! - without roles, its columns mean what they mean in the shipped table;
//! - columns of person records that models read and the definition lacks are null in
//!   all rows;
//! - without `stedi.personal`, text columns are personal, except those that the
//!   shipped table has and does not declare personal.
//!
//! In any table, times and dates of consent are `bigint` in SQL. Everything that is
//! done here is told once, in a [`Note`] about the file.

use std::fmt;

use crate::column::{Column, ColumnSource, ColumnType};
use crate::errors::{Error, ErrorKind};
use crate::landing_table::LandingTable;
use crate::model::Model;
use crate::shipped;
use crate::table_roles::{TableRoles, takes};
use crate::text::Spot;
use crate::unknown_roles::UnknownRoles;

/// Something about a file of the project that its author should know, and that is no
/// error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What to know.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// A column that the shipped landing table of a name has and the project's lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingColumn {
    /// The table.
    pub table: String,
    /// The file that defines it.
    pub file: String,
    /// The line where its statement begins, from 1.
    pub line: u32,
    /// The column.
    pub name: String,
    /// Its type in the shipped table.
    pub kind: ColumnType,
    /// The models that read the table and name the column.
    pub readers: Vec<String>,
}

/// The columns that landing tables lack which `model` reads, whether it names them or
/// not.
pub(crate) fn missing_columns(
    landing: &[LandingTable],
    models: &[Model],
    model: &Model,
) -> Vec<MissingColumn> {
    let reads = |table: &&LandingTable| model.reads.iter().any(|read| table.name == *read.table);
    let mut missing = Vec::new();
    for table in landing.iter().filter(reads) {
        let shipped = shipped::table(table.name.as_str());
        let columns = shipped.into_iter().flat_map(|shipped| &shipped.columns);
        for column in columns.filter(|column| table.column(&column.name).is_none()) {
            let readers = readers(models, table);
            let readers = readers
                .iter()
                .filter(|model| names_column(&model.sql, &column.name));
            missing.push(MissingColumn {
                table: table.name.to_string(),
                file: table.file.clone(),
                line: table.line,
                name: column.name.clone(),
                kind: column.kind,
                readers: readers.map(|model| model.name.to_string()).collect(),
            });
        }
    }
    missing
}

/// Completes the `landing` tables of a project with these models.
pub(crate) fn complete(landing: &mut [LandingTable], models: &[Model]) -> (Vec<Note>, Vec<Error>) {
    let has_records = landing.iter().any(|table| table.roles.has_consent());
    let (mut notes, mut errors) = (Vec::new(), Vec::new());
    for table in landing {
        let mut completion = Completion {
            readers: readers(models, table),
            table: &mut *table,
            said: Vec::new(),
            errors: Vec::new(),
        };
        if let Some(shipped) = shipped::table(completion.table.name.as_str()) {
            let is_plain = completion.table.roles.is_empty();
            // One table says who agreed. Where another declares it, this one cannot.
            if is_plain && shipped.roles.has_consent() && has_records {
                completion.take_party(&shipped.roles);
            } else if is_plain {
                completion.take_roles(shipped);
            }
            completion.set_personal(shipped);
            // Of readings, rows that are equal in every column count once: a column that
            // is missing would make more of them equal.
            if shipped.roles.has_consent() {
                completion.add_missing_columns(shipped);
            }
        }
        completion.read_times_as_numbers();
        if completion.table.has_exact_keys {
            completion.said.push(
                "`case.insensitive` is false: a column reads the JSON key that is spelled like it, in \
                 lower case, or that its `mapping.` property names"
                    .to_owned(),
            );
        }
        let Completion {
            said, errors: own, ..
        } = completion;
        let note = |text| Note {
            file: table.file.clone(),
            line: table.line,
            text: format!("{}: {text}", table.name),
        };
        notes.extend(said.into_iter().map(note));
        errors.extend(own);
    }
    (notes, errors)
}

/// The models whose SELECT or checks read the table.
fn readers<'a>(models: &'a [Model], table: &LandingTable) -> Vec<&'a Model> {
    let reads = |model: &&Model| model.reads.iter().any(|read| table.name == *read.table);
    models.iter().filter(reads).collect()
}

/// One table while it is completed.
struct Completion<'a> {
    table: &'a mut LandingTable,
    readers: Vec<&'a Model>,
    /// What is told about it.
    said: Vec<String>,
    errors: Vec<Error>,
}

impl Completion<'_> {
    /// Takes the roles of the shipped table of that name.
    fn take_roles(&mut self, shipped: &LandingTable) {
        let all = &shipped.roles;
        let research = all.consent[0].as_deref();
        let needed: Vec<&str> = all.required().chain(research).collect();
        let missing: Vec<&str> = needed
            .into_iter()
            .filter(|name| self.table.column(name).is_none())
            .collect();
        let unfit: Vec<_> = all
            .properties()
            .filter_map(|(role, name)| Some((role, self.table.column(name)?)))
            .filter(|(role, column)| !takes(role, column.declared))
            .map(|(role, column)| (role, column.clone()))
            .collect();
        if missing.is_empty() && unfit.is_empty() {
            let has = |name: &str| self.table.column(name).is_some();
            self.table.roles = all.of_columns(has);
            self.add_required(shipped.required());
            let properties = self.table.roles.properties();
            let properties: Vec<_> = properties
                .map(|(role, name)| format!("{role} = {name}"))
                .collect();
            self.said.push(format!(
                "no `stedi.` property says what its columns mean; they mean what they mean in the \
                 shipped table of that name: {}",
                properties.join(", ")
            ));
            return self.check_subject();
        }
        if self.readers.is_empty() {
            return self.take_party(all);
        }
        if !missing.is_empty() {
            let unknown = UnknownRoles {
                table: self.table.name.to_string(),
                missing: missing.iter().map(|name| (*name).to_owned()).collect(),
                columns: columns_in_words(shipped, &missing),
                readers: names_of(&self.readers),
                properties: self.properties_to_fill_in(all),
            };
            let kind = ErrorKind::RolesUnknown(Box::new(unknown));
            self.add_error(self.table.line, kind);
        }
        for (role, column) in unfit {
            let expected = shipped.column(&column.name).map(|column| column.kind);
            let kind = ErrorKind::InheritedRoleType {
                role,
                actual: column.declared,
                expected: expected.unwrap_or(ColumnType::String),
                readers: names_of(&self.readers),
                column: column.name,
            };
            self.add_error(column.line, kind);
        }
    }

    /// Refuses a person of consent that stands behind a key of another name: people in
    /// broken records are looked for behind the key of the column's name.
    fn check_subject(&mut self) {
        let roles = &self.table.roles;
        let subject = roles.subject.as_ref().filter(|_| roles.has_consent());
        let column = subject.and_then(|subject| self.table.column(subject));
        if let Some(column) = column
            && !column.json_key().eq_ignore_ascii_case(&column.name)
        {
            let (line, column) = (column.line, column.name.clone());
            self.add_error(line, ErrorKind::MappedSubject { column });
        }
    }

    /// Takes of the shipped roles alone whose the rows are.
    fn take_party(&mut self, roles: &TableRoles) {
        let has = |name: &str| {
            let column = self.table.column(name);
            column.is_some_and(|column| column.declared == ColumnType::String)
        };
        self.table.roles = roles.party_alone().of_columns(has);
        let required: Vec<String> = self.table.roles.required().map(str::to_owned).collect();
        self.add_required(&required);
    }

    /// The properties that would declare the shipped roles, with a gap for each column
    /// that the table lacks.
    fn properties_to_fill_in(&self, roles: &TableRoles) -> String {
        let properties = roles.properties().map(|(role, name)| {
            let name = self.table.column(name).map_or("...", |_| name);
            format!("'{role}' = '{name}'")
        });
        properties.collect::<Vec<_>>().join(", ")
    }

    fn add_required(&mut self, names: &[String]) {
        for name in names {
            let own = &self.table.required;
            if self.table.column(name).is_some() && !own.contains(name) {
                self.table.required.push(name.clone());
            }
        }
    }

    /// Sets which columns are personal, where the definition does not say.
    fn set_personal(&mut self, shipped: &LandingTable) {
        let table = &mut *self.table;
        let is_said = table.properties.contains_key("stedi.personal");
        let is_number = |name: &str| table.roles.is_number(name);
        let is_personal = |column: &Column| match shipped.column(&column.name) {
            Some(_) => shipped.personal().contains(&column.name),
            None => column.declared == ColumnType::String && !is_number(&column.name),
        };
        let mut personal = match is_said {
            true => table.personal.clone(),
            false => {
                let columns = table.columns.iter().filter(|column| is_personal(column));
                columns.map(|column| column.name.clone()).collect()
            }
        };
        for name in table.roles.personal() {
            if !personal.iter().any(|known: &String| known == name) {
                personal.push(name.to_owned());
            }
        }
        table.personal = personal;
    }

    /// Adds columns of the shipped table that models name and the definition lacks.
    /// Columns without which rows mean nothing are not made up.
    fn add_missing_columns(&mut self, shipped: &LandingTable) {
        let needed: Vec<&str> = shipped
            .roles
            .required()
            .chain(shipped.roles.consent[0].as_deref())
            .collect();
        for column in &shipped.columns {
            let name = column.name.as_str();
            let readers: Vec<&Model> = self
                .readers
                .iter()
                .copied()
                .filter(|model| names_column(&model.sql, name))
                .collect();
            if self.table.column(name).is_some() || needed.contains(&name) || readers.is_empty() {
                continue;
            }
            self.said.push(format!(
                "no column `{name}`, which {} reads; it is null in every row",
                names_of(&readers)
            ));
            let missing = Column {
                source: ColumnSource::Nowhere,
                comment: None,
                line: self.table.line,
                ..column.clone()
            };
            // Partition columns come last.
            let data_columns = self.table.data_columns().len();
            self.table.columns.insert(data_columns, missing);
            if shipped.personal().contains(&column.name) {
                self.table.personal.push(column.name.clone());
            }
        }
    }

    /// Makes numbers of times and dates of consent that are declared otherwise: models
    /// join and compare them.
    fn read_times_as_numbers(&mut self) {
        let roles = &self.table.roles;
        let columns = self.table.columns.iter_mut();
        let columns = columns.filter(|column| roles.is_number(&column.name));
        let mut names = Vec::new();
        for column in columns.filter(|column| column.kind != ColumnType::Bigint) {
            names.push(format!("`{}` ({})", column.name, column.declared));
            column.kind = ColumnType::Bigint;
        }
        let Some((last, rest)) = names.split_last() else {
            return;
        };
        let (names, are) = match rest.is_empty() {
            true => (last.clone(), "is"),
            false => (format!("{} and {last}", rest.join(", ")), "are"),
        };
        self.said.push(format!(
            "{names} {are} read as bigint, epoch milliseconds, so that models can compare and join times"
        ));
    }

    fn add_error(&mut self, line: u32, kind: ErrorKind) {
        let spot = Spot { line, column: 1 };
        self.errors.push(Error::at(&self.table.file, spot, kind));
    }
}

/// Whether SQL has the word `name`, which may be that column.
fn names_column(sql: &str, name: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    sql.split(|c| !is_letter(c))
        .any(|word| word.eq_ignore_ascii_case(name))
}

/// Columns as a definition declares them.
fn columns_in_words(table: &LandingTable, names: &[&str]) -> String {
    let columns = table.columns.iter();
    let columns = columns.filter(|column| names.contains(&column.name.as_str()));
    let columns = columns.map(|column| format!("`{} {}`", column.name, column.kind));
    columns.collect::<Vec<_>>().join(", ")
}

fn names_of(models: &[&Model]) -> String {
    let names = models.iter().map(|model| model.name.to_string());
    names.collect::<Vec<_>>().join(", ")
}
