//! Notes that releases and table logs carry about the run that wrote them: what
//! the register of consent held. [`crate::integrity`] compares them with what is
//! there. The state by which the next run decides what to do is in `run/state.rs`.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use lake::{Release, Version};
use query::system;
use serde::{Deserialize, Serialize};

use crate::content::{self, Content};

/// The entries of the register of consent as a run knew them. The register only
/// grows, so a later run can tell by this whether entries were lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegisterState {
    pub(crate) count: u64,
    /// All entries had smaller positions.
    pub(crate) end: i64,
    /// As [`lake::CommitInfo::content`]; empty where it was not noted.
    pub(crate) content: String,
}

impl RegisterState {
    /// Of a lake whose last run noted only that there was an entry.
    pub(crate) fn with_some_entry() -> Self {
        Self {
            count: 1,
            ..Self::default()
        }
    }

    /// At least how many of the entries are not in `rows`.
    pub(crate) fn missing_from(&self, rows: &RecordBatch) -> u64 {
        if self.content.is_empty() {
            return self.count.saturating_sub(rows.num_rows() as u64);
        }
        let (mut content, mut count) = (Content::default(), 0);
        for (position, hash) in positions(rows).zip(content::hashes(rows)) {
            if position < self.end {
                content.add([hash]);
                count += 1;
            }
        }
        match content.to_text() == self.content {
            true => 0,
            false => self.count.saturating_sub(count).max(1),
        }
    }
}

/// The positions of entries of the register.
pub(crate) fn positions(rows: &RecordBatch) -> impl Iterator<Item = i64> {
    let positions = rows.column(0).as_primitive::<Int64Type>();
    positions.iter().map(Option::unwrap_or_default)
}

/// What a lake's newest release, or the log of a table, notes of the run that made
/// it: tables' logs outlast a release that is lost or older than they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitNote {
    /// 0 where it was not noted.
    #[serde(default)]
    pub(crate) generation: u64,
    /// The register of consent, as the run knew it.
    pub(crate) register: RegisterState,
}

impl CommitNote {
    /// The note of the newest release.
    pub(crate) fn of_release(release: Option<&Release>) -> Self {
        let generation = release.and_then(|release| release.state["generation"].as_u64());
        Self {
            generation: generation.unwrap_or_default(),
            register: register_state_of(release),
        }
    }

    /// The note of the run that wrote a version of a table.
    pub(crate) fn of_version(version: &Version) -> Option<Self> {
        let note = version.commit_info.as_ref()?.note.clone()?;
        serde_json::from_value(note).ok()
    }
}

/// What the last run remembered of the register of consent.
pub(crate) fn register_state_of(release: Option<&Release>) -> RegisterState {
    let Some(release) = release else {
        return RegisterState::default();
    };
    let remembered = serde_json::from_value(release.state["register"].clone());
    remembered.unwrap_or_else(|_| {
        let version = &release.state["entered"][system::CONSENT_REGISTER.name()];
        match version.is_i64() {
            true => RegisterState::with_some_entry(),
            false => RegisterState::default(),
        }
    })
}
