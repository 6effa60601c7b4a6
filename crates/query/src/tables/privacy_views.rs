//! The tables of the schema `privacy`: who agrees now, and whose rows are published although
//! they do not. They are computed from the tables of the lake when a statement reads them.
//!
//! A view reads its tables as they are; what a session shows of it follows from its own
//! columns, as of any other table.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use catalog::Model;

/// The schema of these tables.
pub const ZONE: &str = "privacy";

const TEXT: DataType = DataType::Utf8View;
const LONG: DataType = DataType::Int64;

/// A table of the schema.
pub(super) struct View {
    name: &'static str,
    columns: &'static [(&'static str, DataType)],
    personal: &'static [&'static str],
    select: fn(i64, &[Published<'_>], &[&str]) -> String,
}

/// One row for each person and purpose: the consent that is in force now, or else the newest
/// one.
const CONSENTS: View = View {
    name: "consents",
    columns: &[
        ("subject", TEXT),
        ("purpose", TEXT),
        ("in_force", DataType::Boolean),
        ("valid_from", LONG),
        ("valid_to", LONG),
        ("source", TEXT),
    ],
    personal: &["subject"],
    select: |now_ms, _, _| format!("with {} select * from consents", consents(now_ms)),
};

/// One row for each person or device with rows in a published table, without a consent to
/// research that is in force now.
const VIOLATIONS: View = View {
    name: "violations",
    columns: &[
        ("zone", TEXT),
        ("table_name", TEXT),
        ("subject", TEXT),
        ("device", TEXT),
        ("rows", LONG),
        ("reason", TEXT),
    ],
    personal: &["subject", "device"],
    select: violations,
};

const ALL: [&View; 2] = [&CONSENTS, &VIOLATIONS];

/// Names of all views.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|view| view.name)
}

/// Columns of a view.
pub fn schema(name: &str) -> Option<SchemaRef> {
    find(name).map(View::schema)
}

/// Personal columns of a view.
pub fn personal(name: &str) -> &'static [&'static str] {
    find(name).map_or(&[], |view| view.personal)
}

/// The view of that name.
pub(super) fn find(name: &str) -> Option<&'static View> {
    ALL.into_iter().find(|view| view.name == name)
}

impl View {
    /// Its columns.
    pub(super) fn schema(&self) -> SchemaRef {
        let columns = self.columns.iter();
        let fields = columns.map(|(name, kind)| Field::new(*name, kind.clone(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Its SELECT at `now_ms`, over published tables of models. `times` are the columns with
    /// times of devices' readings.
    pub(super) fn select(
        &self,
        now_ms: i64,
        published: &[Published<'_>],
        times: &[&str],
    ) -> String {
        (self.select)(now_ms, published, times)
    }
}

/// A model, and the columns of its published table.
pub(super) type Published<'m> = (&'m Model, SchemaRef);

/// The WITH queries that end in `consents`. The newest decision by hand counts at once: the
/// next run derives the same from it.
fn consents(now_ms: i64) -> String {
    let in_force = format!("valid_from <= {now_ms} and (valid_to is null or valid_to > {now_ms})");
    format!(
        "decided as (
            select subject(subject) as subject, purpose, act, valid_from as at, row_number() over (
                partition by subject(subject), purpose
                order by valid_from desc, position desc, entered_at desc, act desc
            ) as place
            from system.consent_register
            where valid_from <= {now_ms}
        ),
        withdrawn as (
            select subject, purpose, at from decided where place = 1 and act = 'withdraw'
        ),
        held as (
            select *, {in_force} as holds, row_number() over (
                partition by subject, purpose order by {in_force} desc, valid_from desc
            ) as place
            from system.consent
        ),
        consents as (
            select
                h.subject,
                h.purpose,
                h.holds and w.at is null as in_force,
                h.valid_from,
                case when h.holds and w.at is not null then w.at else h.valid_to end as valid_to,
                h.source
            from held h
            left join withdrawn w
                on w.subject = h.subject and w.purpose = h.purpose and w.at >= h.valid_from
            where h.place = 1
        )"
    )
}

/// People and devices are looked up in the columns that contracts name; a table whose people
/// have pseudonyms names none.
fn violations(now_ms: i64, published: &[Published<'_>], times: &[&str]) -> String {
    let parts = published.iter().flat_map(|of| rows_by_party(of, times));
    let parts: Vec<String> = parts.collect();
    let rows = match parts.is_empty() {
        true => "select '' as zone, '' as table_name, '' as party, '' as name, 0 as rows \
                 where false"
            .to_owned(),
        false => parts.join(" union all "),
    };
    let consents = consents(now_ms);
    format!(
        "with {consents},
        research as (select * from consents where purpose = 'research'),
        owner as (
            select
                o.serialnumber,
                min(o.subject) as subject,
                count(distinct o.subject) as owners,
                bool_or(r.subject is not null) as agreed_once,
                bool_or(coalesce(r.in_force, false)) as agrees,
                bool_and(coalesce(r.in_force, false)) as all_agree
            from system.device_owner o
            left join research r on r.subject = o.subject
            group by o.serialnumber
        ),
        agreeing as (
            select
                o.serialnumber,
                coalesce(o.valid_from, -9223372036854775808) as valid_from,
                coalesce(o.valid_to, 9223372036854775807) as valid_to
            from system.device_owner o
            join research r on r.subject = o.subject and r.in_force
        ),
        named as ({rows})
        select
            n.zone,
            n.table_name,
            case when n.party = 'subject' then n.name when o.owners = 1 then o.subject end
                as subject,
            case when n.party in ('device', 'reading') then n.name end as device,
            n.rows,
            case
                when n.party = 'unknown' or (n.party = 'device' and o.agrees) then 'not_checked'
                when n.name is null or n.name = '' then 'unnamed'
                when n.party = 'device' and o.subject is null then 'no_owner'
                when n.party = 'reading' and o.subject is null then 'no_owner'
                when o.owners > 1 and o.agreed_once then 'ended'
                when o.owners > 1 then 'no_consent'
                when r.subject is null then 'no_consent'
                when r.valid_from > {now_ms} then 'not_begun'
                else 'ended'
            end as reason
        from named n
        left join owner o on n.party in ('device', 'reading') and o.serialnumber = n.name
        left join research r
            on r.subject = case when n.party = 'subject' then n.name else o.subject end
        where case n.party
            when 'subject' then not coalesce(r.in_force, false)
            when 'device' then not coalesce(o.all_agree, false)
            else true
        end"
    )
}

/// For each column of a model that names a person or device, the SELECT that counts the rows of
/// each. Where a model has the time of a device's reading, only readings are counted of which
/// no owner of that time agrees: a device may have been passed on. A table that was built
/// before its contract named the column is counted as a whole.
fn rows_by_party((model, columns): &Published<'_>, times: &[&str]) -> Vec<String> {
    let (zone, table, contract) = (model.zone, &model.name, &model.contract);
    let subject = contract.subject.iter().map(|column| ("subject", column));
    let device = contract.device.iter().map(|column| ("device", column));
    let is_time = |name: &&&str| {
        let column = columns.field_with_name(name);
        column.is_ok_and(|column| *column.data_type() == DataType::Int64)
    };
    let time = times.iter().find(is_time);
    let from = format!("{zone}.\"{table}\"");
    let select = |(party, column): (&str, &catalog::ColumnName)| {
        let told = format!("select '{zone}' as zone, '{table}' as table_name,");
        if columns.index_of(column).is_err() {
            let nobody = "cast(null as varchar) as name, count(*) as rows";
            return format!("{told} 'unknown' as party, {nobody} from {from} having count(*) > 0");
        }
        let name = format!("cast(\"{}\" as varchar)", column.replace('"', "\"\""));
        match (party, time) {
            ("subject", _) => format!(
                "{told} 'subject' as party, subject({name}) as name, count(*) as rows \
                 from {from} group by 4"
            ),
            (_, Some(time)) => format!(
                "{told} 'reading' as party, m.name, count(*) as rows \
                 from (select {name} as name, \"{time}\" as at from {from}) m \
                 left join agreeing a on a.serialnumber = m.name \
                    and m.at >= a.valid_from and m.at < a.valid_to \
                 where a.serialnumber is null group by m.name"
            ),
            (_, None) => format!(
                "{told} 'device' as party, {name} as name, count(*) as rows \
                 from {from} group by 4"
            ),
        }
    };
    subject.chain(device).map(select).collect()
}
