//! Rows of the lake's files that have one of many keys.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_expr::expressions::Column;
use lake::DataFile;

use super::among::Among;
use super::asked::Asked;
use super::keys::{Touched, Wanted, key_of, with_keys};
use super::scope::KeyOf;
use super::tables::{Standing, Tables};
use crate::Error;
use crate::stored::stored;
use query::partitions::each_batch;
use query::tables::lake_table::LakeTable;

/// Where in a file rows may be.
pub(super) enum Held {
    Nowhere,
    /// In some of its row groups.
    In(Vec<bool>),
    Anywhere,
}

impl Tables {
    /// The rows of a table as it stood that have one of `wanted` for their `key`,
    /// the column at `place`; of columns, those at `places`.
    pub(super) async fn stood(
        &self,
        standing: &Standing,
        places: &[usize],
        (place, key): (usize, &KeyOf),
        wanted: &Touched,
    ) -> Result<Vec<RecordBatch>, Error> {
        let failed = |error: ArrowError| Error::execution(&standing.id.name, error.into());
        let known = {
            let asked = self.asked.lock();
            let mut same = asked.iter().filter(|asked| asked.is_of(&standing.id, key));
            same.find(|asked| wanted.is_within(&asked.wanted.keys))
                .cloned()
        };
        let known = match known {
            Some(known) => known,
            None => self.ask(standing, (place, key), wanted).await?,
        };
        let narrower = known.wanted.keys.keys.len() > wanted.keys.len();
        let mut found = Vec::new();
        for batch in known.rows.iter() {
            let batch = match narrower {
                true => &with_keys(batch, place, key.by, wanted).map_err(failed)?,
                false => batch,
            };
            found.push(batch.project(places).map_err(failed)?);
        }
        Ok(found)
    }

    /// Reads such rows with all their columns, and keeps them: of the same people
    /// and devices several statements want rows.
    async fn ask(
        &self,
        standing: &Standing,
        (place, key): (usize, &KeyOf),
        wanted: &Touched,
    ) -> Result<Asked, Error> {
        let wanted = Arc::new(Wanted {
            keys: wanted.clone(),
            by: key.by,
        });
        let files = standing.version.as_ref().map_or(&[][..], |v| &v.files);
        let mut rows = Vec::new();
        for file in files {
            let held = self.held(standing, file, place, key, &wanted.keys);
            let table = match held.await? {
                Held::Nowhere => continue,
                Held::In(groups) => self.lake_table(standing, file)?.in_row_groups(groups),
                Held::Anywhere => self.lake_table(standing, file)?,
            };
            let read = self.read(standing, table, (place, key), &wanted);
            rows.extend(read.await?);
        }
        let asked = Asked {
            table: standing.id.clone(),
            key: key.clone(),
            wanted,
            rows: rows.into(),
        };
        self.asked.lock().push(asked.clone());
        Ok(asked)
    }

    /// Where in a file rows may be that have one of `wanted` for their key, the
    /// column at `place`; by what can be told of it at little cost.
    pub(super) async fn held(
        &self,
        standing: &Standing,
        file: &DataFile,
        place: usize,
        key: &KeyOf,
        wanted: &Touched,
    ) -> Result<Held, Error> {
        if !may_hold(file, &key.column, wanted) {
            return Ok(Held::Nowhere);
        }
        let field = standing.schema.field(place);
        // Between which numbers they lie tells the reader which row groups to
        // pass over; dictionaries are of texts.
        if *field.data_type() != DataType::Utf8View || wanted.has_null() {
            return Ok(Held::Anywhere);
        }
        let is_wanted = |text: &str| wanted.contains(key_of(text, key.by));
        let lake = &self.before.tables().lake;
        let groups = lake.row_groups_may_contain(file, field, is_wanted).await?;
        Ok(match groups.contains(&true) {
            true => Held::In(groups),
            false => Held::Nowhere,
        })
    }

    /// Rows of a file of a table that have one of `wanted` for their key, the
    /// column at `place`.
    async fn read(
        &self,
        standing: &Standing,
        mut table: LakeTable,
        (place, key): (usize, &KeyOf),
        wanted: &Arc<Wanted>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let failed = |error: DataFusionError| Error::execution(&standing.id.name, error);
        let column: PhysicalExprRef = Arc::new(Column::new(&key.column, place));
        table = table.meeting(Arc::new(Among::new(column, Arc::clone(wanted))));
        if let Some(range) = wanted.keys.range() {
            table = table.between(&key.column, range);
        }
        let state = self.before.state();
        let scan = table.scan(&state, None, &[], None).await;
        let scan = scan.map_err(failed)?;
        let mut found = Vec::new();
        let taken = each_batch(&scan, self.before.task_context(), |batch| {
            let batch = stored(&standing.schema, &batch)?;
            // A reader may leave a condition to whoever asked.
            let batch = with_keys(&batch, place, key.by, &wanted.keys)?;
            if batch.num_rows() > 0 {
                found.push(batch);
            }
            Ok(())
        });
        taken.await.map_err(failed)?;
        Ok(found)
    }

    fn lake_table(&self, standing: &Standing, file: &DataFile) -> Result<LakeTable, Error> {
        standing.in_files(&self.before, std::slice::from_ref(file))
    }
}

/// Whether a file's statistics leave room for any of `wanted` in a column.
fn may_hold(file: &DataFile, column: &str, wanted: &Touched) -> bool {
    let (Some((low, high)), Some(stats)) = (wanted.range(), &file.stats) else {
        return true;
    };
    let stats: serde_json::Value = serde_json::from_str(stats).unwrap_or_default();
    let bound = |side: &str| stats[side][column].as_i64();
    match (bound("minValues"), bound("maxValues")) {
        (Some(least), Some(most)) => least <= high && low <= most,
        _ => true,
    }
}
