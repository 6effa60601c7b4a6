//! Which views a role may open.

use pages::console::Nav;

use super::asker::Asker;
use crate::fault::{Fault, Kind};
use crate::principal::Role;

/// A view of the page and its part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// The first page, the graph, tables, statements: what they show depends on the role.
    Tables,
    /// Runs and their accounts.
    Runs,
    /// What goes on right now, and what a run would do.
    Operations,
    /// Starting and cancelling runs.
    Operating,
    /// Input that could not be read, without its bytes.
    Quarantine,
    /// Figures about people and consent.
    Privacy,
    /// One person.
    Person,
    /// Who asked what.
    Audit,
}

impl Asker {
    /// Whether the asker may open a view.
    pub(super) fn may(&self, view: View) -> bool {
        let role = self.principal.role;
        match view {
            _ if self.principal.is_everybody() => true,
            View::Tables => true,
            View::Runs | View::Operations | View::Quarantine => role != Role::Scientist,
            View::Operating => role == Role::Engineer,
            View::Privacy | View::Person | View::Audit => self.principal.answers_for_data(),
        }
    }

    /// # Errors
    /// If the asker may not open a view.
    pub(super) fn must(&self, view: View) -> Result<(), Fault> {
        let is_of_operations = matches!(view, View::Operations | View::Operating);
        match self.may(view) {
            true => Ok(()),
            // Who may not look at what goes on is told of nothing there.
            false if is_of_operations && !self.may(View::Operations) => {
                Err(Fault::new(Kind::Missing, "there is nothing at this path"))
            }
            false => Err(Fault::new(
                Kind::Forbidden,
                format!("this is not for the role {}", self.principal.role),
            )),
        }
    }

    /// The views that the asker may open.
    pub(super) fn nav(&self) -> Nav {
        Nav {
            overview: self.may(View::Tables),
            pipeline: self.may(View::Tables),
            tables: self.may(View::Tables),
            sql: self.may(View::Tables),
            runs: self.may(View::Runs),
            operating: self.may(View::Operating),
            privacy: self.may(View::Privacy),
            quarantine: self.may(View::Quarantine),
            person: self.may(View::Person),
        }
    }
}
