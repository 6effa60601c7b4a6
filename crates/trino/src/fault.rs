//! What is wrong with a call of a function. A fault quotes no value from the data.

use datafusion::error::DataFusionError;

/// What is wrong, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// One sentence, without a value from the data.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Arguments of other types or another number than a function takes.
    pub(crate) fn arguments(name: &str, forms: &str) -> Self {
        Self::new(
            format!("`{name}` does not take these arguments"),
            format!("write {forms}; CAST(value AS type) changes a type"),
        )
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for DataFusionError {
    fn from(fault: Fault) -> Self {
        DataFusionError::External(Box::new(fault))
    }
}
