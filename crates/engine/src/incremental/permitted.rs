//! Rows that may not be where they are, and rows that are there already: what is
//! to be known of a table that some rows are added to.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;

use super::difference::{Counted, count, counted, distinct, keeping};
use super::evaluate::Computed;
use super::keys::Touched;
use super::people::Changes;
use super::scope::{By, KeyOf};
use super::tables::Tables;
use crate::Error;
use crate::contract::subject_columns;
use crate::subjects::in_force;

impl Tables {
    /// How many people or devices have rows in a table that may have none: of
    /// those whose rows came, and of those who lost what allowed them to.
    pub(crate) async fn refused(
        &self,
        table: &str,
        by: subject_columns::SubjectKind,
        column: &str,
        changes: &Changes,
        now_ms: i64,
    ) -> Result<Option<u64>, Error> {
        let failed = |error: arrow::error::ArrowError| Error::execution(table, error.into());
        let (way, lost) = match by {
            subject_columns::SubjectKind::Subject => (By::Subject, &changes.withdrawn),
            subject_columns::SubjectKind::Device => (By::Value, &changes.lost),
        };
        let mut came = Touched::default();
        if let Some(difference) = self.differences.get(table) {
            for batch in &difference.come {
                if let Some(names) = batch.column_by_name(column) {
                    came.take_in(names, way).map_err(failed)?;
                }
            }
        }
        let allowed = match by {
            subject_columns::SubjectKind::Subject => self.agreeing_among(&came, now_ms).await?,
            subject_columns::SubjectKind::Device => self.owned_among(&came, now_ms).await?,
        };
        let Some(allowed) = allowed else {
            return Ok(None);
        };
        for name in &allowed {
            came.keys.remove(&query::landing::hash(name));
        }
        let key = KeyOf {
            column: column.to_owned(),
            by: way,
        };
        let columns = [column.to_owned()];
        let Some(left) = self.sides(table, &columns, &key, lost).await? else {
            return Ok(None);
        };
        let mut refused = came;
        for batch in &left.after {
            refused.take_in(batch.column(0), way).map_err(failed)?;
        }
        Ok(Some(refused.keys.len() as u64))
    }

    /// Which devices are theirs who agree, out of some.
    async fn owned_among(
        &self,
        devices: &Touched,
        now_ms: i64,
    ) -> Result<Option<std::collections::HashSet<String>>, Error> {
        let key = KeyOf {
            column: "serialnumber".to_owned(),
            by: By::Value,
        };
        let columns = ["serialnumber", "subject"].map(str::to_owned);
        let owners = self
            .sides("system.device_owner", &columns, &key, devices)
            .await?;
        let Some(owners) = owners else {
            return Ok(None);
        };
        let people = Touched::of(&owners.after, 1, By::Subject);
        let people =
            people.map_err(|error| Error::execution("system.device_owner", error.into()))?;
        let Some(agree) = self.agreeing_among(&people, now_ms).await? else {
            return Ok(None);
        };
        let owned = owners.after.iter();
        let owned = owned.flat_map(|batch| in_force::owned(batch, |owner| agree.contains(owner)));
        Ok(Some(owned.map(str::to_owned).collect()))
    }

    /// Keeps one of several equal rows, on each side and of those that stand in
    /// the table besides, and tells how many rows each side left out.
    pub(crate) async fn distinct(
        &self,
        table: &str,
        before: &mut Computed,
        after: &mut Computed,
    ) -> Result<Option<[u64; 2]>, Error> {
        let failed = |error: arrow::error::ArrowError| Error::execution(table, error.into());
        let (old, left_out_before) = distinct(&before.rows).map_err(failed)?;
        let (new, mut left_out_after) = distinct(&after.rows).map_err(failed)?;
        // What stays on both sides is in the table once already.
        let stays = counted(&old);
        let come = keeping(&new, |hash| !stays.contains_key(&hash)).map_err(failed)?;
        let Some(there) = self.standing_among(table, &come).await? else {
            return Ok(None);
        };
        let kept = keeping(&new, |hash| {
            stays.contains_key(&hash) || !there.contains_key(&hash)
        });
        let kept = kept.map_err(failed)?;
        left_out_after += count(&new) - count(&kept);
        (before.rows, after.rows) = (old, kept);
        Ok(Some([left_out_before, left_out_after]))
    }

    /// Which of some rows a table holds.
    async fn standing_among(
        &self,
        table: &str,
        rows: &[RecordBatch],
    ) -> Result<Option<Counted>, Error> {
        let failed = |error: arrow::error::ArrowError| Error::execution(table, error.into());
        let Some(first) = rows.first() else {
            return Ok(Some(Counted::default()));
        };
        let schema = first.schema();
        let fields = schema.fields();
        let mut kinds = fields.iter().map(|field| field.data_type());
        let place = kinds
            .position(|kind| *kind == DataType::Int64)
            .unwrap_or_default();
        let key = KeyOf {
            column: fields[place].name().clone(),
            by: By::Value,
        };
        let touched = Touched::of(rows, place, key.by).map_err(failed)?;
        let columns: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let sides = self.sides(table, &columns, &key, &touched).await?;
        Ok(sides.map(|sides| counted(&sides.before)))
    }
}
