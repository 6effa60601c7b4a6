//! Companies whose lakehouses the tests use: that of the shipped data product, and
//! a gym whose landing tables, columns and models all have other names.
//!
//! A member's record is a customer record, a treadmill at which a member is logged
//! in is a phone, and a heart-rate strap is a trainer. The gym's records have no
//! consent to the public.

use std::path::{Path, PathBuf};

use crate::arrivals::step::{Line, Source, Step, What};
use crate::places::copy;
use crate::program::stedi;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    Stedi,
    Gym,
}

/// Keys of JSON objects and their names at the gym.
const KEYS: [(&str, &str); 17] = [
    ("customerName", "Full_Name"),
    ("email", "member_email"),
    ("phone", "mobile"),
    ("birthDay", "born"),
    ("registrationDate", "joined_at"),
    ("lastUpdateDate", "changed_at"),
    ("shareWithResearchAsOfDate", "science_since"),
    ("shareWithPublicAsOfDate", "nobody_reads_this"),
    ("shareWithFriendsAsOfDate", "buddies_since"),
    ("user", "member"),
    ("timestamp", "at"),
    ("x", "speed"),
    ("y", "incline"),
    ("z", "cadence"),
    ("sensorReadingTime", "measured_at"),
    ("distanceFromObject", "bpm"),
    ("serialNumber", ""),
];

/// The tables of the shipped data product, as they lie in a lake.
pub(crate) const STEDI_TABLES: [&str; 6] = [
    "trusted/customer_trusted",
    "trusted/accelerometer_trusted",
    "trusted/step_trainer_trusted",
    "curated/customer_curated",
    "curated/machine_learning_curated",
    "curated/training_set",
];

/// In the order of [`STEDI_TABLES`].
const GYM_TABLES: [&str; 6] = [
    "trusted/members_agreed",
    "trusted/strides_agreed",
    "trusted/heart_rates_agreed",
    "curated/active_members",
    "curated/efforts",
    "curated/training_set",
];

impl Company {
    /// The folder of a source below the landing folder.
    pub(crate) fn folder(self, source: Source) -> &'static str {
        match (self, source) {
            (Self::Stedi, Source::Customers) => "customer/landing",
            (Self::Stedi, Source::Phones) => "accelerometer/landing",
            (Self::Stedi, Source::Trainers) => "step_trainer/landing",
            (Self::Gym, Source::Customers) => "people",
            (Self::Gym, Source::Phones) => "treadmills",
            (Self::Gym, Source::Trainers) => "straps",
        }
    }

    /// The landing table of a source.
    pub(crate) fn landing_table(self, source: Source) -> &'static str {
        match (self, source) {
            (Self::Stedi, Source::Customers) => "customer_landing",
            (Self::Stedi, Source::Phones) => "accelerometer_landing",
            (Self::Stedi, Source::Trainers) => "step_trainer_landing",
            (Self::Gym, Source::Customers) => "members",
            (Self::Gym, Source::Phones) => "treadmill_strides",
            (Self::Gym, Source::Trainers) => "heart_rates",
        }
    }

    /// The tables of the data product, as they lie in a lake.
    pub(crate) fn tables(self) -> [&'static str; 6] {
        match self {
            Self::Stedi => STEDI_TABLES,
            Self::Gym => GYM_TABLES,
        }
    }

    /// Columns that name people, in tables of the data product.
    pub(crate) fn people(self) -> [&'static str; 2] {
        match self {
            Self::Stedi => ["email", "user"],
            Self::Gym => ["member_email", "member"],
        }
    }

    /// The column that names devices, in tables of device readings.
    pub(crate) fn device(self) -> &'static str {
        match self {
            Self::Stedi => "serialnumber",
            Self::Gym => "strap",
        }
    }

    /// Tables with device readings alone, as they lie in a lake.
    pub(crate) fn device_tables(self) -> [&'static str; 2] {
        [self.tables()[2], self.tables()[4]]
    }

    /// Writes the data product to `project`.
    pub(crate) fn write_product(self, project: &Path) {
        match self {
            Self::Stedi => {
                let dir = tempfile::tempdir().unwrap();
                stedi(dir.path(), "init p").run().done();
                copy(&dir.path().join("p"), project);
            }
            Self::Gym => copy(&gym(), project),
        }
    }

    /// A landing object with the company's own keys. What is cut off may end in the
    /// middle of a key.
    pub(crate) fn object(self, source: Source, text: &str) -> String {
        if self == Self::Stedi {
            return text.to_owned();
        }
        let serial = match source {
            Source::Customers => "strap_serial",
            Source::Phones | Source::Trainers => "strap",
        };
        KEYS.iter().fold(text.to_owned(), |text, (from, to)| {
            let to = if to.is_empty() { serial } else { to };
            text.replace(&format!("\"{from}\":"), &format!("\"{to}\":"))
        })
    }

    /// A step of the shipped data product's history, as it happens here; `None` for one
    /// that edits its models.
    pub(crate) fn step(self, step: Step) -> Option<Step> {
        if self == Self::Stedi {
            return Some(step);
        }
        Some(Step {
            what: self.what(step.what)?,
            ..step
        })
    }

    fn what(self, what: What) -> Option<What> {
        let lines = |source: Source, lines: Vec<Line>| -> Vec<Line> {
            let lines = lines.into_iter();
            lines
                .map(|line| Line {
                    text: self.object(source, &line.text),
                    whole: line.whole.map(|whole| self.object(source, &whole)),
                })
                .collect()
        };
        Some(match what {
            What::Models(_) | What::Product { .. } => return None,
            What::Arrive(mut deliveries) => {
                for delivery in &mut deliveries {
                    delivery.lines = lines(delivery.source, std::mem::take(&mut delivery.lines));
                }
                What::Arrive(deliveries)
            }
            What::Grow(source, nth, more) => What::Grow(source, nth, lines(source, more)),
            What::During(when, what) => What::During(when, Box::new(self.what(*what)?)),
            What::Select(table) => {
                let is_it = |known: &&str| known.ends_with(&format!("/{table}"));
                let place = STEDI_TABLES.iter().position(is_it)?;
                What::Select(GYM_TABLES[place].split_once('/')?.1)
            }
            other => other,
        })
    }
}

/// The gym's data product.
fn gym() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gym")
}
