//! Chooses how much a run computes, and falls back to a full build where less is
//! not possible. Runs and plans both begin here.

use std::time::Duration;

use super::fallback::{Fallback, or_fallback};
use super::full::ModelSet;
use super::options::{ChangedFiles, RunOptions, Undecodable};
use super::prepared::Prepared;
use super::remarks::{changed_files_warning, refuse_undecodable};
use super::state::RunScope;
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
        let (files, bytes) = prepared.outcome.files_read();
        (prepared.report.files_read, prepared.report.bytes_read) = (files, bytes);
        Ok(prepared)
    }

    /// As little as what is new asks for.
    async fn prepare_least(&self, options: &RunOptions) -> Result<Prepared, Error> {
        let scope = match options.full {
            true => None,
            false => Some(self.decide_scope(options.changed).await?),
        };
        let (fallback, changed): (Option<Fallback>, Vec<String>) = match scope {
            Some(RunScope::Unchanged { kept }) => {
                match or_fallback(self.unchanged(options).await)? {
                    Ok(mut prepared) => {
                        let warning = changed_files_warning(&kept, "was kept");
                        prepared.report.warnings.extend(warning);
                        return Ok(prepared);
                    }
                    Err(fallback) => (Some(fallback), kept),
                }
            }
            Some(RunScope::Incremental(new)) => {
                let (kept, how) = (new.kept.clone(), new.in_words("took"));
                match or_fallback(self.prepare_incremental(new, options).await)? {
                    Ok(mut prepared) => {
                        let warning = changed_files_warning(&kept, "was kept");
                        prepared.report.warnings.extend(warning);
                        prepared.report.how = Some(how);
                        return Ok(prepared);
                    }
                    Err(fallback) => {
                        self.sweep().await;
                        (Some(fallback), kept)
                    }
                }
            }
            Some(RunScope::ChangedModels(changed)) => {
                match or_fallback(self.prepare_changed_models(&changed, options).await)? {
                    Ok(mut prepared) => {
                        prepared.report.how = Some(self.in_words("rebuilt", &changed));
                        return Ok(prepared);
                    }
                    Err(fallback) => (Some(fallback), Vec::new()),
                }
            }
            Some(RunScope::Full { fallback, changed }) => (fallback, changed),
            None => (None, Vec::new()),
        };
        if let (Some(first), ChangedFiles::Keep) = (changed.first(), options.changed) {
            return Err(Error::NotKept {
                file: first.to_string(),
            });
        }
        let mut prepared = self.prepare_full(options, ModelSet::All).await?;
        let remark = changed_files_warning(&changed, "was built anew from what lies there now");
        prepared.report.warnings.extend(remark);
        prepared.report.how = fallback.map(|fallback| format!("built everything anew: {fallback}"));
        Ok(prepared)
    }
}
