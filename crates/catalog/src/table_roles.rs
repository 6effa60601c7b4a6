//! What the columns of one landing table mean: the properties that declare it, and
//! what is wrong with them. [`Roles`](crate::Roles) explains them.

use crate::column::{Column, ColumnType};
use crate::contract::PURPOSES;
use crate::errors::ErrorKind;
use crate::suggest::nearest;
use crate::text::Spot;

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

impl TableRoles {
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

    /// Whether the table declares no role.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whose the table's rows are, and the column that names them.
    pub fn party(&self) -> Option<(Party, &str)> {
        self.parties().next()
    }

    /// The columns that name people and devices, the person's first.
    pub(crate) fn parties(&self) -> impl Iterator<Item = (Party, &str)> {
        let subject = self.subject.as_deref().map(|name| (Party::Subject, name));
        let device = self.device.as_deref().map(|name| (Party::Device, name));
        subject.into_iter().chain(device)
    }

    /// Whether the column has a role.
    pub fn has_role(&self, column: &str) -> bool {
        self.properties().any(|(_, name)| name == column)
    }

    /// The property of each role, and its column.
    pub(crate) fn properties(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let consent = CONSENT.into_iter().zip(&self.consent);
        let others = [
            (SUBJECT, &self.subject),
            (DEVICE, &self.device),
            (TIME, &self.time),
        ];
        let all = others.into_iter().chain(consent);
        all.filter_map(|(key, column)| Some((key, column.as_deref()?)))
    }

    /// Whether the column is the time of a row or the date of a consent: a number
    /// in SQL, however it is declared.
    pub(crate) fn is_number(&self, column: &str) -> bool {
        let dates = self.consent.iter().chain([&self.time]);
        dates.flatten().any(|name| name == column)
    }

    /// The roles whose columns `has` says are there. Without a subject and a time
    /// nothing is consented to.
    pub(crate) fn of_columns(&self, has: impl Fn(&str) -> bool) -> Self {
        let keep = |column: &Option<String>| column.clone().filter(|name| has(name));
        Self {
            subject: keep(&self.subject),
            device: keep(&self.device),
            time: keep(&self.time),
            consent: self.consent.each_ref().map(keep),
        }
    }

    /// Whose the rows are, and nothing else.
    pub(crate) fn party_alone(&self) -> Self {
        let mut alone = Self::default();
        match self.party() {
            Some((Party::Subject, name)) => alone.subject = Some(name.to_owned()),
            Some((Party::Device, name)) => alone.device = Some(name.to_owned()),
            None => {}
        }
        alone
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

    /// The type that its column has in SQL.
    fn column_type(self) -> ColumnType {
        match self {
            Role::Subject | Role::Device => ColumnType::String,
            Role::Time | Role::Consent(_) => ColumnType::Bigint,
        }
    }

    /// Whether a column declared so can play it. Times may be texts of digits, and
    /// instants.
    fn takes(self, declared: ColumnType) -> bool {
        match self {
            Role::Subject | Role::Device => declared == ColumnType::String,
            Role::Time | Role::Consent(_) => matches!(
                declared,
                ColumnType::Bigint | ColumnType::String | ColumnType::Timestamp
            ),
        }
    }
}

/// Whether a column declared so can play the role of that property.
pub(crate) fn takes(role: &str, declared: ColumnType) -> bool {
    Role::of_property(role).is_some_and(|role| role.takes(declared))
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
            Some(column) if !role.takes(column.declared) => {
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
