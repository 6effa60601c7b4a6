//! Chooses how much a run computes, and falls back to a full build where less is
//! not possible. Runs and plans both begin here.

use std::time::Duration;

use super::full::ModelSet;
use super::options::{ChangedFiles, RunOptions, Undecodable};
use super::prepared::Prepared;
use super::remarks::{changed_files_warning, refuse_undecodable};
use super::state::{self, RunScope};
use super::work::Work;
use crate::{Error, Interrupt, removed_tables};

/// How long tasks that were asked to stop are waited for. Ctrl-C shall end the
/// program within a second.
const PATIENCE: Duration = Duration::from_millis(300);

impl Work {
    /// Prepares, unless `interrupt` ends it.
    pub(super) async fn prepare_until(
        &self,
        options: &RunOptions,
        interrupt: &Interrupt,
    ) -> Result<Prepared, Error> {
        let mut prepare = std::pin::pin!(self.prepare(options));
        tokio::select! {
            prepared = &mut prepare => prepared,
            () = interrupt.requested() => {
                self.stop.request();
                // A join may be building its table and hear nothing for long.
                let _ = tokio::time::timeout(PATIENCE, &mut prepare).await;
                Err(Error::Interrupted)
            }
        }
    }

    async fn prepare(&self, options: &RunOptions) -> Result<Prepared, Error> {
        let mut prepared = self.prepare_least(options).await?;
        if options.undecodable == Undecodable::Stop {
            refuse_undecodable(&prepared.report)?;
        }
        let (project, lake) = (&self.session.tables().project, &self.locked.lake);
        let removed = removed_tables::warning_of_removed(project, lake).await?;
        prepared.report.warnings.extend(removed);
        if let (Some(how), false) = (&mut prepared.report.how, self.unselected.is_empty()) {
            let along = self.unselected.join(", ");
            how.push_str(&format!(
                "; something is new about people, so that it reaches {along} as well"
            ));
        }
        prepared.report.damages = self.integrity.damages.clone();
        Ok(prepared)
    }

    /// As little as what is new asks for.
    async fn prepare_least(&self, options: &RunOptions) -> Result<Prepared, Error> {
        let scope = match options.full {
            true => None,
            false => Some(self.decide_scope(options.changed).await?),
        };
        if let Some(RunScope::Unchanged { kept }) = &scope
            && let Some(mut prepared) = self.unchanged(options).await?
        {
            prepared
                .report
                .warnings
                .extend(changed_files_warning(kept, "was kept"));
            return Ok(prepared);
        }
        let (reason, changed) = match scope {
            Some(RunScope::Incremental(new)) => {
                let (kept, how) = (new.kept.clone(), new.in_words("took"));
                if let Some(mut prepared) = self.prepare_incremental(new, options).await? {
                    prepared
                        .report
                        .warnings
                        .extend(changed_files_warning(&kept, "was kept"));
                    prepared.report.how = Some(how);
                    return Ok(prepared);
                }
                self.sweep().await;
                (Some("what is new bears on everything"), kept)
            }
            Some(RunScope::ChangedModels(changed)) => {
                if let Some(mut prepared) = self.prepare_changed_models(&changed, options).await? {
                    let how = self.in_words("rebuilt", &changed);
                    prepared.report.how = Some(how);
                    return Ok(prepared);
                }
                (Some(state::OTHER_MODELS), Vec::new())
            }
            Some(RunScope::Full { reason, changed }) => (reason, changed),
            Some(RunScope::Unchanged { kept }) => (Some("it was asked for"), kept),
            None => (None, Vec::new()),
        };
        if let (Some(first), ChangedFiles::Keep) = (changed.first(), options.changed) {
            return Err(Error::Query(query::Error::Landing {
                message: format!(
                    "what {first} fed cannot be kept: the file changed or went after it was read, and everything must be built anew"
                ),
                hint: "leave --changed keep away to build it from what lies there now".to_owned(),
            }));
        }
        let mut prepared = self.prepare_full(options, ModelSet::All).await?;
        let remark = changed_files_warning(&changed, "was built anew from what lies there now");
        prepared.report.warnings.extend(remark);
        prepared.report.how = reason.map(|reason| format!("built everything anew: {reason}"));
        Ok(prepared)
    }
}
