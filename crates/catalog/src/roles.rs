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
//! | `stedi.time` | the row's own time: of the reading, or of the record's last update | bigint | in any table |
//! | `stedi.consent.research`, `.public`, `.friends` | the date of the person's consent to that purpose | bigint | beside a subject and a time |
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
use crate::errors::ErrorKind;
use crate::landing_table::{Column, ColumnType, LandingTable};
use crate::names::TableName;
use crate::suggest::nearest;
use crate::text::Spot;

/// The roles of all landing tables of a project. Tables that declare none are
/// not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    tables: BTreeMap<TableName, TableRoles>,
    person_records: Option<PersonRecords>,
    person_readings: Vec<Readings>,
    device_readings: Vec<Readings>,
}

/// The roles of one landing table: names of its columns, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableRoles {
    /// Names the person the row is about.
    pub subject: Option<String>,
    /// Names the device whose reading the row is; in person records, the device
    /// that the person claims.
    pub device: Option<String>,
    /// The row's own time, epoch milliseconds.
    pub time: Option<String>,
    /// Dates of consent, one for each of [`PURPOSES`], in that order.
    pub consent: [Option<String>; PURPOSES.len()],
}

/// Whose row it is: a person's or a device's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// A person, named by e-mail address.
    Subject,
    /// A device, named by serial number.
    Device,
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
    /// The roles of a project's landing tables, as declared. In a project in
    /// which no table declares any, tables with the names and columns of the
    /// shipped ones have the shipped roles: projects were written before there
    /// were roles.
    pub(crate) fn of_project(landing: &[LandingTable]) -> Self {
        let mut roles = Self::default();
        let declares = |table: &LandingTable| !TableRoles::declared(table).is_empty();
        let any_declares = landing.iter().any(declares);
        for table in landing {
            let own = match any_declares {
                true => TableRoles::declared(table),
                false => TableRoles::by_shipped_name(table),
            };
            if !own.is_empty() {
                roles.add(table.name.clone(), own);
            }
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
        let shipped = SHIPPED_ROLES.iter().flat_map(|(_, roles)| roles.iter());
        let shipped = shipped.filter_map(|(key, column)| match Role::of_property(key)? {
            Role::Subject => Some((Party::Subject, *column)),
            Role::Device => Some((Party::Device, *column)),
            Role::Time | Role::Consent(_) => None,
        });
        declared
            .chain(shipped)
            .find(|(_, name)| name.eq_ignore_ascii_case(column))
            .map(|(party, _)| party)
    }
}

impl TableRoles {
    /// As the table's properties say. They were checked when its definition was
    /// parsed.
    pub(crate) fn declared(table: &LandingTable) -> Self {
        let properties = table.properties.iter();
        Self::of_properties(properties.map(|(key, column)| (key.as_str(), column.as_str())))
    }

    /// The roles among properties, given as key and value.
    fn of_properties<'a>(properties: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut roles = Self::default();
        for (key, column) in properties {
            let column = Some(column.trim().to_lowercase());
            match Role::of_property(key) {
                Some(Role::Subject) => roles.subject = column,
                Some(Role::Device) => roles.device = column,
                Some(Role::Time) => roles.time = column,
                Some(Role::Consent(purpose)) => roles.consent[purpose] = column,
                None => {}
            }
        }
        roles
    }

    /// The roles of a shipped table's columns in a table of the same name, as
    /// far as the table has those columns with those types.
    fn by_shipped_name(table: &LandingTable) -> Self {
        let shipped = SHIPPED_ROLES
            .iter()
            .find(|(name, _)| table.name == **name)
            .map_or(&[][..], |(_, roles)| roles);
        let properties = shipped.iter().copied().filter(|(key, column)| {
            Role::of_property(key).is_some_and(|role| {
                table
                    .column(column)
                    .is_some_and(|column| column.kind == role.column_type())
            })
        });
        let mut roles = Self::of_properties(properties);
        // Records without all of these columns were never read for consent.
        let is_complete = roles.subject.is_some()
            && roles.time.is_some()
            && roles.consent.iter().all(Option::is_some);
        if !is_complete {
            roles.consent = Default::default();
            // Of a subject and a device without consent the row is the subject's.
            if roles.subject.is_some() && roles.device.is_some() {
                roles.device = None;
                roles.time = None;
            }
        }
        roles
    }

    /// Whether the table declares no role.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whose the table's rows are, and the column that names them.
    pub fn party(&self) -> Option<(Party, &str)> {
        self.parties().next()
    }

    /// The columns that name people and devices, the person's first.
    fn parties(&self) -> impl Iterator<Item = (Party, &str)> {
        let subject = self.subject.as_deref().map(|name| (Party::Subject, name));
        let device = self.device.as_deref().map(|name| (Party::Device, name));
        subject.into_iter().chain(device)
    }

    /// Whether any column is the date of a consent.
    pub fn has_consent(&self) -> bool {
        self.consent.iter().any(Option::is_some)
    }

    /// The columns that name people and devices: always personal.
    pub(crate) fn personal(&self) -> impl Iterator<Item = &str> {
        self.parties().map(|(_, name)| name)
    }

    /// The columns without which a row has no meaning: always required. A
    /// device that a person record claims may be missing.
    pub(crate) fn required(&self) -> impl Iterator<Item = &str> {
        let party = self.party().map(|(_, name)| name);
        party.into_iter().chain(self.time.as_deref())
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

/// What a table of that name is where no table of the project declares a role.
const SHIPPED_ROLES: &[(&str, &[(&str, &str)])] = &[
    (
        "customer_landing",
        &[
            (SUBJECT, "email"),
            (DEVICE, "serialnumber"),
            (TIME, "lastupdatedate"),
            (CONSENT[0], "sharewithresearchasofdate"),
            (CONSENT[1], "sharewithpublicasofdate"),
            (CONSENT[2], "sharewithfriendsasofdate"),
        ],
    ),
    (
        "accelerometer_landing",
        &[(SUBJECT, "user"), (TIME, "timestamp")],
    ),
    (
        "step_trainer_landing",
        &[(DEVICE, "serialnumber"), (TIME, "sensorreadingtime")],
    ),
];

const SUBJECT: &str = "stedi.subject";
const DEVICE: &str = "stedi.device";
const TIME: &str = "stedi.time";
/// One for each of [`PURPOSES`], in that order.
const CONSENT: [&str; PURPOSES.len()] = [
    "stedi.consent.research",
    "stedi.consent.public",
    "stedi.consent.friends",
];

/// The properties that declare roles.
pub(crate) const ROLE_PROPERTIES: &[&str] =
    &[SUBJECT, DEVICE, TIME, CONSENT[0], CONSENT[1], CONSENT[2]];

/// What one property declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Subject,
    Device,
    Time,
    /// The place of the purpose in [`PURPOSES`].
    Consent(usize),
}

impl Role {
    fn of_property(key: &str) -> Option<Self> {
        match key {
            SUBJECT => Some(Role::Subject),
            DEVICE => Some(Role::Device),
            TIME => Some(Role::Time),
            _ => {
                let purpose = CONSENT.iter().position(|known| *known == key)?;
                Some(Role::Consent(purpose))
            }
        }
    }

    fn column_type(self) -> ColumnType {
        match self {
            Role::Subject | Role::Device => ColumnType::String,
            Role::Time | Role::Consent(_) => ColumnType::Bigint,
        }
    }
}

/// A property of a table's definition: its key, its value, and where it stands.
pub(crate) type PlacedProperty<'a> = (&'a str, &'a str, Spot);

/// The roles that a definition's properties declare, and what is wrong with
/// them, each with the place of its property.
pub(crate) fn read_roles(
    properties: &[PlacedProperty<'_>],
    columns: &[&Column],
) -> (TableRoles, Vec<(Spot, ErrorKind)>) {
    let roles: Vec<_> = properties
        .iter()
        .filter_map(|property| Some((Role::of_property(property.0)?, *property)))
        .collect();
    let mut errors = Vec::new();
    for (at, (role, (key, value, spot))) in roles.iter().enumerate() {
        let name = value.trim().to_lowercase();
        match columns.iter().find(|column| column.name == name) {
            None => {
                let names = columns.iter().map(|column| column.name.as_str());
                let kind = ErrorKind::UnknownColumn {
                    near: nearest(&name, names).map(str::to_owned),
                    name: name.clone(),
                    within: format!("`{key}`"),
                };
                errors.push((*spot, kind));
            }
            Some(column) if column.kind != role.column_type() => {
                let kind = ErrorKind::RoleColumnType {
                    role: (*key).to_owned(),
                    column: name.clone(),
                    actual: column.kind,
                    expected: role.column_type(),
                };
                errors.push((*spot, kind));
            }
            Some(_) => {}
        }
        // One date may be the consent to several purposes; no other column has
        // two meanings.
        let earlier = roles[..at].iter().find(|(other, (_, value, _))| {
            let both_consent = matches!((other, role), (Role::Consent(_), Role::Consent(_)));
            !both_consent && value.trim().to_lowercase() == name
        });
        if let Some((_, (first, ..))) = earlier {
            let kind = ErrorKind::ColumnRoles {
                column: name,
                first: (*first).to_owned(),
                second: (*key).to_owned(),
            };
            errors.push((*spot, kind));
        }
    }

    let place = |wanted: &str| properties.iter().find(|(key, ..)| *key == wanted);
    let consent = roles
        .iter()
        .find(|(role, _)| matches!(role, Role::Consent(_)));
    if let Some((_, (key, _, spot))) = consent {
        for needed in [SUBJECT, TIME] {
            if place(needed).is_none() {
                let kind = ErrorKind::RoleMissing {
                    role: (*key).to_owned(),
                    needed,
                };
                errors.push((*spot, kind));
            }
        }
    } else if let (Some(_), Some((.., spot))) = (place(SUBJECT), place(DEVICE)) {
        errors.push((*spot, ErrorKind::TwoParties));
    }

    let declared = properties.iter().map(|(key, value, _)| (*key, *value));
    (TableRoles::of_properties(declared), errors)
}
