//! A difference, applied to a table's files.

use std::collections::BTreeSet;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{and, filter_record_batch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use lake::{DataFile, Lake, Layout, Publication, RemovedFiles};

use super::difference::{Difference, count, counted};
use super::files::Held;
use super::keys::{Touched, having};
use super::scope::{By, KeyOf};
use super::tables::{Standing, Tables};
use crate::Error;
use crate::content;
use crate::content::Content;
use crate::system_rows;
use crate::write::rewrite::{Rewriter, Rewritten};
use query::Session;

/// A table's next versions: one without the rows of people who leave it, then
/// one with everything else.
pub(crate) struct Applied {
    pub(crate) leaving: Option<Publication>,
    pub(crate) arriving: Option<Publication>,
    /// Files of the table after both.
    pub(crate) files: Vec<DataFile>,
    pub(crate) rows: u64,
    pub(crate) content: Content,
}

/// Who applies differences to a table.
pub(crate) struct Applier<'a> {
    pub(crate) session: &'a Session,
    pub(crate) lake: &'a Lake,
    pub(crate) run: &'a str,
    pub(crate) tables: &'a Tables,
    pub(crate) layout: &'a Layout,
    pub(crate) description: &'a str,
    /// The column that says whose a row is.
    pub(crate) whose: Option<&'a str>,
}

impl Applier<'_> {
    /// Writes what changes; nothing of it is visible yet. `None` where the files
    /// do not hold the rows that went, so that something is not as it was taken
    /// to be.
    pub(crate) async fn apply(
        &self,
        standing: &Standing,
        difference: &Difference,
    ) -> Result<Option<Applied>, Error> {
        let commit_info = standing
            .version
            .as_ref()
            .and_then(|v| v.commit_info.as_ref());
        let content = commit_info.map_or(Some(Content::default()), |commit_info| {
            Content::from_text(&commit_info.content)
        });
        let Some(content) = content else {
            return Ok(None);
        };
        let mut applied = Applied {
            leaving: None,
            arriving: None,
            files: standing.files.clone(),
            rows: commit_info.map_or(0, |commit_info| commit_info.rows),
            content,
        };
        let (leaving, replaced) = self.divided(difference)?;
        if count(&leaving) > 0 {
            let Some(left) = self.rows_out(standing, &mut applied, &leaving).await? else {
                return Ok(None);
            };
            applied.leaving = Some(self.next(&applied, left.files, left.removes));
        }
        let mut removes = BTreeSet::new();
        let mut files = Vec::new();
        if count(&replaced) > 0 {
            let Some(left) = self.rows_out(standing, &mut applied, &replaced).await? else {
                return Ok(None);
            };
            (removes, files) = (left.removes, left.files);
        }
        if count(&difference.come) > 0 {
            let mut writer = self.lake.writer(self.layout, self.run);
            for batch in &difference.come {
                writer.write(batch).await?;
                applied.content.add(content::hashes(batch));
                applied.rows += batch.num_rows() as u64;
            }
            let come = writer.finish().await?;
            applied.files.extend(come.iter().cloned());
            files.extend(come);
        }
        if !files.is_empty() || !removes.is_empty() {
            applied.arriving = Some(self.next(&applied, files, removes));
        }
        Ok(Some(applied))
    }

    fn next(
        &self,
        applied: &Applied,
        files: Vec<DataFile>,
        removes: BTreeSet<String>,
    ) -> Publication {
        Publication {
            layout: self.layout.clone(),
            description: self.description.to_owned(),
            files,
            removed: match removes.is_empty() {
                true => RemovedFiles::None,
                false => RemovedFiles::Named(removes),
            },
            changes_rows: true,
            commit_info: system_rows::commit_info(self.run, applied.rows, applied.content),
        }
    }

    /// Rows that went of those who leave the table, and rows that are replaced by
    /// others of the same person.
    fn divided(
        &self,
        difference: &Difference,
    ) -> Result<(Vec<RecordBatch>, Vec<RecordBatch>), Error> {
        let Some(place) = self.person() else {
            return Ok((difference.gone.clone(), Vec::new()));
        };
        let failed = |error| self.failed(error);
        let stay = Touched::of(&difference.come, place, By::Subject).map_err(failed)?;
        let (mut leaving, mut replaced) = (Vec::new(), Vec::new());
        for batch in &difference.gone {
            let stays = having(batch.column(place), By::Subject, &stay).map_err(failed)?;
            let leaves = arrow::compute::not(&stays).map_err(failed)?;
            leaving.push(filter_record_batch(batch, &leaves).map_err(failed)?);
            replaced.push(filter_record_batch(batch, &stays).map_err(failed)?);
        }
        Ok((leaving, replaced))
    }

    /// The column that says whose a row is: as the contract has it, or the first
    /// text.
    fn person(&self) -> Option<usize> {
        let schema = self.layout.schema();
        let named = self.whose.and_then(|name| schema.index_of(name).ok());
        named.or_else(|| {
            let mut fields = schema.fields().iter();
            fields.position(|field| *field.data_type() == DataType::Utf8View)
        })
    }

    /// Takes rows out of the files of `applied`.
    async fn rows_out(
        &self,
        standing: &Standing,
        applied: &mut Applied,
        gone: &[RecordBatch],
    ) -> Result<Option<Rewritten>, Error> {
        let keys = self.keys_of(gone)?;
        let columns: Vec<usize> = (0..self.layout.schema().fields().len()).collect();
        let rewriter = Rewriter {
            session: self.session,
            lake: self.lake,
            run: self.run,
            layout: self.layout,
        };
        let mut left = counted(gone);
        let mut goes = |batch: &RecordBatch| {
            // Rows are told by all they hold, but most by their keys alone.
            let may = self.having_all(batch, &keys)?;
            let some = filter_record_batch(batch, &may).map_err(|error| self.failed(error))?;
            let mut hashes = content::hashes(&some).into_iter();
            let goes = may.values().iter().map(|may| {
                let hash = if may { hashes.next() } else { None };
                let left = hash.and_then(|hash| left.get_mut(&hash));
                let left = left.filter(|left| **left > 0);
                Some(left.map(|left| *left -= 1).is_some())
            });
            Ok(goes.collect())
        };
        let mut out = Rewritten::default();
        'files: for file in applied.files.clone() {
            let mut looked_at: Option<Vec<bool>> = None;
            for Key { place, of, touched } in &keys {
                let held = self.tables.held(standing, &file, *place, of, touched);
                match held.await? {
                    Held::Nowhere => continue 'files,
                    Held::In(groups) => looked_at = Some(groups),
                    Held::Anywhere => {}
                }
            }
            let renewed = rewriter.rewrite_file(&file, looked_at.as_deref(), &columns, &mut goes);
            out.extend(&file, renewed.await?);
        }
        if out.rows != count(gone) {
            return Ok(None);
        }
        applied.files = out.after(&applied.files);
        applied.rows -= out.rows;
        applied.content.remove(out.content);
        Ok(Some(out))
    }

    /// By what rows are looked for that go: a number that only grows tells most
    /// files apart by their statistics, and a person the row groups of a file.
    fn keys_of(&self, gone: &[RecordBatch]) -> Result<Vec<Key>, Error> {
        let schema = self.layout.schema();
        let mut fields = schema.fields().iter();
        let number = fields.position(|field| field.data_type().is_integer());
        let mut keys = Vec::new();
        for place in number.into_iter().chain(self.person()) {
            let touched = Touched::of(gone, place, By::Value);
            let touched = touched.map_err(|error| self.failed(error))?;
            let of = KeyOf {
                column: schema.field(place).name().clone(),
                by: By::Value,
            };
            keys.push(Key { place, of, touched });
        }
        Ok(keys)
    }

    fn having_all(&self, batch: &RecordBatch, keys: &[Key]) -> Result<BooleanArray, Error> {
        let mut all = BooleanArray::from(vec![true; batch.num_rows()]);
        for key in keys {
            let has = having(batch.column(key.place), key.of.by, &key.touched);
            let both = has.and_then(|has| and(&all, &has));
            all = both.map_err(|error| self.failed(error))?;
        }
        Ok(all)
    }

    fn failed(&self, error: ArrowError) -> Error {
        Error::execution(&self.layout.table().name, error.into())
    }
}

/// A column, and the keys that are looked for in it.
struct Key {
    place: usize,
    of: KeyOf,
    touched: Touched,
}
