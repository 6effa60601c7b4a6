//! Roles: what the columns of landing tables mean.
//!
//! A lakehouse may name its tables and columns as it likes. Which column names
//! a person, which a device, which the time of a row and which a consent, the
//! landing table's definition says once, in its TBLPROPERTIES:
//!
//! | property | names the column of | type | allowed |
//! |---|---|---|---|
//! | `stedi.subject` | the person the row is about, by e-mail address | string | in any table |
//! | `stedi.device` | the device's serial number; in person records: the device that the record claims | string | in person records, and in tables without a subject |
//! | `stedi.time` | the row's own time: of the reading, or of the record's last update | bigint, string or timestamp | in any table |
//! | `stedi.consent.research`, `.public`, `.friends` | the date of the person's consent to that purpose | bigint, string or timestamp | beside a subject and a time |
//!
//! Times and dates of consent are epoch milliseconds, `bigint` in SQL, however the
//! definition declares them: `string` for digits, `timestamp` for whatever a
//! timestamp may be spelled as. A table that has the name of a shipped one and no
//! property of this program has the roles of the shipped one (`shipped`).
//!
//! What a table is follows from its roles:
//!
//! | the table declares | so it holds |
//! |---|---|
//! | a consent | person records ([`PersonRecords`]) |
//! | a subject and a time | readings of people ([`Readings`]) |
//! | a device and a time | readings of devices ([`Readings`]) |
//! | a subject or a device alone | rows of people or devices, nothing else |
//!
//! [`Project::roles`](crate::Project::roles) gives the roles of all landing
//! tables. The engine reads them to derive consent and device owners, to check
//! whose rows a model holds, and to find earlier rows of a person.

use std::collections::BTreeMap;

use crate::contract::PURPOSES;
use crate::landing_table::LandingTable;
use crate::names::TableName;
use crate::table_roles::{Party, TableRoles};

/// The roles of all landing tables of a project. Tables that declare none are
/// not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    tables: BTreeMap<TableName, TableRoles>,
    person_records: Option<PersonRecords>,
    person_readings: Vec<Readings>,
    device_readings: Vec<Readings>,
}

/// A landing table whose rows give and withdraw consent: records of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecords {
    /// The landing table.
    pub table: TableName,
    /// Names the person.
    pub subject: String,
    /// When the record was last updated: orders the records of a person.
    pub time: String,
    /// Names the device that the person claims, if the records say.
    pub device: Option<String>,
    /// Dates of consent, one for each of [`PURPOSES`], in that order; at least
    /// one is there.
    pub consent: [Option<String>; PURPOSES.len()],
}

/// A landing table whose rows say that somebody or something reported at an
/// instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readings {
    /// The landing table.
    pub table: TableName,
    /// Names the person or the device.
    pub name: String,
    /// When the reading was taken.
    pub time: String,
}

impl Roles {
    /// The roles of a project's landing tables.
    pub(crate) fn of_project(landing: &[LandingTable]) -> Self {
        let mut roles = Self::default();
        for table in landing.iter().filter(|table| !table.roles.is_empty()) {
            roles.add(table.name.clone(), table.roles.clone());
        }
        roles
    }

    fn add(&mut self, table: TableName, roles: TableRoles) {
        if let (true, Some(subject), Some(time)) =
            (roles.has_consent(), &roles.subject, &roles.time)
        {
            // A second such table is an error of the project.
            self.person_records.get_or_insert(PersonRecords {
                table: table.clone(),
                subject: subject.clone(),
                time: time.clone(),
                device: roles.device.clone(),
                consent: roles.consent.clone(),
            });
        } else if let (Some((party, name)), Some(time)) = (roles.party(), &roles.time) {
            let readings = match party {
                Party::Subject => &mut self.person_readings,
                Party::Device => &mut self.device_readings,
            };
            readings.push(Readings {
                table: table.clone(),
                name: name.to_owned(),
                time: time.clone(),
            });
        }
        self.tables.insert(table, roles);
    }

    /// The roles of a landing table, if it has any. `table` is its own name.
    pub fn of(&self, table: &str) -> Option<&TableRoles> {
        self.tables.get(table)
    }

    /// Whose the rows of a landing table are, and the column that names them.
    /// `None` for a table without roles: it may still hold personal values.
    pub fn party(&self, table: &str) -> Option<(Party, &str)> {
        self.of(table)?.party()
    }

    /// The table that consent is derived from. A project has one at most.
    pub fn person_records(&self) -> Option<&PersonRecords> {
        self.person_records.as_ref()
    }

    /// Whether a landing table holds person records.
    pub fn has_person_records(&self, table: &str) -> bool {
        self.person_records
            .as_ref()
            .is_some_and(|own| own.table == *table)
    }

    /// The tables of what people's own devices, such as phones, report under the
    /// person's name, by table name.
    pub fn person_readings(&self) -> &[Readings] {
        &self.person_readings
    }

    /// The tables of what devices report under their serial number, by table
    /// name.
    pub fn device_readings(&self) -> &[Readings] {
        &self.device_readings
    }

    /// Whom a column of that name most likely names in a table without roles:
    /// the same as in the tables that have roles, or as in the shipped ones.
    pub fn party_by_column(&self, column: &str) -> Option<Party> {
        let tables = self.tables.values();
        let declared = tables.flat_map(TableRoles::parties);
        let shipped = SHIPPED_PARTIES.into_iter();
        declared
            .chain(shipped)
            .find(|(_, name)| name.eq_ignore_ascii_case(column))
            .map(|(party, _)| party)
    }
}

impl PersonRecords {
    /// The purposes with a date of consent, and the column of each, in the order
    /// of [`PURPOSES`].
    pub fn consents(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let columns = PURPOSES.into_iter().zip(&self.consent);
        columns.filter_map(|(purpose, column)| Some((purpose, column.as_deref()?)))
    }
}

/// The columns of the shipped landing tables that name people and devices.
pub(crate) const SHIPPED_PARTIES: [(Party, &str); 3] = [
    (Party::Subject, "email"),
    (Party::Subject, "user"),
    (Party::Device, "serialnumber"),
];
