//! Who asks, by which door, and what a role may see.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Field;
use engine::PersonalColumns;
use query::access::{Access, ColumnAccess};
use query::system;
use query::tables::privacy_views;
use serde::{Deserialize, Serialize};

use crate::audit_table;

/// What somebody is here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Works with curated tables. Personal columns do not exist for a scientist.
    Scientist,
    /// Runs the lake. Sees all tables; personal values are masked.
    Engineer,
    /// Answers for the data. Sees what the lake knows about consent; personal values of
    /// other tables are masked.
    PrivacyOfficer,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 3] = [Role::Scientist, Role::Engineer, Role::PrivacyOfficer];

    /// `scientist`, `engineer` or `privacy-officer`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Scientist => "scientist",
            Role::Engineer => "engineer",
            Role::PrivacyOfficer => "privacy-officer",
        }
    }

    /// Whether the role sees how tables are defined: their statements, lineage and checks
    /// name columns that do not exist for a scientist.
    pub(crate) fn sees_definitions(self) -> bool {
        self != Role::Scientist
    }

    /// The role of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How somebody came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// The web page.
    Page,
    /// The HTTP API.
    Api,
    /// The Postgres wire.
    Postgres,
    /// Arrow Flight SQL.
    Flight,
}

impl Door {
    /// `page`, `api`, `postgres` or `flight`.
    pub fn name(self) -> &'static str {
        match self {
            Door::Page => "page",
            Door::Api => "api",
            Door::Postgres => "postgres",
            Door::Flight => "flight",
        }
    }
}

/// Somebody who may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name of the user; `local` for whoever is on this machine where nobody signs in.
    pub name: Arc<str>,
    /// What tells this user from an earlier one of the same name.
    pub(crate) id: Arc<str>,
    /// What the user may see and do.
    pub role: Role,
    /// Whether an engineer sees personal values as they are.
    pub sees_personal: bool,
}

/// The name of whoever is on this machine.
const LOCAL: &str = "local";

impl Principal {
    /// Whoever is on this machine where nobody signs in.
    pub fn local(role: Role) -> Self {
        Self::unnamed(LOCAL, role)
    }

    /// Whether this stands for everybody on this machine.
    pub(crate) fn is_everybody(&self) -> bool {
        self.id.as_ref() == LOCAL
    }

    /// Whether this is somebody who answers for the data: reads who asked what, and about
    /// people.
    pub(crate) fn answers_for_data(&self) -> bool {
        self.role == Role::PrivacyOfficer || self.is_everybody()
    }

    /// Somebody without an entry among the users.
    pub(crate) fn unnamed(name: &str, role: Role) -> Self {
        Self {
            name: name.into(),
            id: name.into(),
            role,
            sees_personal: false,
        }
    }
}

/// What a role shows of the tables.
#[derive(Clone)]
pub(crate) struct RoleAccess {
    pub(crate) role: Role,
    pub(crate) sees_personal: bool,
    pub(crate) personal: Arc<PersonalColumns>,
    pub(crate) key: Arc<[u8; 32]>,
}

impl fmt::Debug for RoleAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoleAccess({})", self.role)
    }
}

/// The bytes of quarantined input are for those who resolve it at the command line.
const RAW_BYTES: (&str, &str) = ("quarantine", "raw");

impl Access for RoleAccess {
    fn table(&self, zone: &str, _table: &str) -> bool {
        match self.role {
            Role::Scientist => zone == "curated",
            Role::Engineer | Role::PrivacyOfficer => true,
        }
    }

    fn column(&self, zone: &str, table: &str, column: &Field, logged: &[String]) -> ColumnAccess {
        let is_system = zone == system::ZONE;
        let is_about_people = is_system || zone == privacy_views::ZONE;
        if is_system && (table, column.name().as_str()) == RAW_BYTES {
            return ColumnAccess::Hidden;
        }
        let name = column.name().as_str();
        let is_personal = match is_system && table == audit_table::NAME {
            true => audit_table::PERSONAL.contains(&name),
            false => self.personal.is_personal(zone, table, column, logged),
        };
        match self.role {
            _ if !is_personal => ColumnAccess::Plain,
            Role::Scientist => ColumnAccess::Hidden,
            Role::Engineer if self.sees_personal => ColumnAccess::Plain,
            Role::PrivacyOfficer if is_about_people => ColumnAccess::Plain,
            Role::Engineer | Role::PrivacyOfficer => ColumnAccess::Masked,
        }
    }

    fn definitions(&self) -> bool {
        self.role.sees_definitions()
    }

    fn key(&self) -> &[u8; 32] {
        &self.key
    }
}
