//! What publishing a built table would change: compares it with the published
//! version. Runs publish by it, and plans show it.

use lake::Version;

use super::work::Work;
use crate::Error;
use crate::contract::planning::Planned;
use crate::write::build::Built;
use evidence::Change;

impl Work {
    /// The published version, and what the built table changes of it.
    pub(super) async fn compare_with_published(
        &self,
        planned: &Planned,
        built: &Built,
    ) -> Result<(Option<Version>, Change), Error> {
        let table = planned.layout.table();
        let Some(current) = self.version(table).await? else {
            return Ok((None, Change::New));
        };
        let same_rows = current
            .commit_info
            .as_ref()
            .is_some_and(|info| info.content == built.content.to_text() && info.rows == built.rows);
        let grain = planned.model.contract.grain.as_str();
        let change = if self.integrity.is_damaged(table) {
            Change::Rows
        } else if current.schema != *planned.layout.schema() {
            Change::Columns
        } else if !same_rows {
            Change::Rows
        } else if current.personal != planned.layout.personal()
            || current.description.as_deref() != Some(grain)
        {
            Change::Contract
        } else {
            Change::Nothing
        };
        Ok((Some(current), change))
    }
}
