//! The personal values of landing data, and checks that they do not appear
//! elsewhere.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::Outcome;

/// All personal values in the customer records of a landing folder.
pub(crate) struct People {
    pub(crate) values: Vec<String>,
}

impl People {
    /// Reads the customer records below `landing`.
    pub(crate) fn of(landing: &Path) -> Self {
        let mut values = Vec::new();
        let folder = landing.join("customer/landing");
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            for line in text.lines() {
                let Ok(Value::Object(record)) = serde_json::from_str(line) else {
                    continue;
                };
                let personal = ["customername", "email", "phone", "serialnumber"];
                values.extend(record.iter().filter_map(|(key, value)| {
                    let personal = personal.contains(&key.to_lowercase().as_str());
                    let text = value.as_str().filter(|text| text.len() > 3 && personal);
                    text.map(str::to_owned)
                }));
            }
        }
        values.sort();
        values.dedup();
        Self { values }
    }

    /// The first personal value in `text`, in any letter case.
    pub(crate) fn found_in(&self, text: &str) -> Option<&str> {
        let lower = text.to_lowercase();
        self.values
            .iter()
            .find(|value| lower.contains(&value.to_lowercase()))
            .map(String::as_str)
    }

    /// Fails if the messages of `outcome` contain a personal value.
    #[track_caller]
    pub(crate) fn untold_by(&self, outcome: &Outcome) {
        if let Some(value) = self.found_in(&outcome.err) {
            panic!("{value:?} is told: {outcome}");
        }
    }
}
