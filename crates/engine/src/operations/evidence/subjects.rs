//! People and devices: who is in each table, consent, devices, quarantine.

use catalog::{Model, Party};
use evidence::{
    Consent, DeviceFigures, PurposeFigures, Quarantined, Subjects, SubjectsChange, Table, Zone,
};
use lake::Commit;
use query::Session;
use query::sql::parse::quote;

use super::rows::Rows;
use crate::Error;
use crate::contract::privacy_gates;
use crate::contract::subject_columns::{self, SubjectKind};
use crate::subjects::quarantine;

/// The people or devices in a model's rows, and what changed since the version before
/// with other rows. `None` if the model names nobody. `columns` are those of its table,
/// `commits` are newest first. A version before that cannot be read is told in `remarks`.
///
/// # Errors
/// [`Error::Query`].
pub(super) async fn of_model(
    session: &Session,
    model: &Model,
    columns: &[&str],
    commits: &[Commit],
    remarks: &mut Vec<String>,
) -> Result<Option<Subjects>, Error> {
    if subject_columns::is_training_set(model, columns) {
        return Ok(Some(Subjects {
            kind: word(true).to_owned(),
            count: pseudonyms(session, model).await?,
            change: None,
        }));
    }
    let Some((kind, column)) = subject_columns::column(model) else {
        return Ok(None);
    };
    let now = privacy_gates::people(session, model, (kind, column)).await?;
    let mut subjects = Subjects {
        kind: word(kind == SubjectKind::Subject).to_owned(),
        count: now.names().len() as u64,
        change: None,
    };
    let content = |commit: &Commit| Some(commit.commit_info.as_ref()?.content.clone());
    let newest = commits.first().and_then(content);
    let before = commits.iter().find(|commit| content(commit) != newest);
    if let Some(before) = before {
        let as_of = format!("version as of {}", before.version);
        let before_names =
            privacy_gates::people_as_of(session, model, (kind, column), &as_of).await;
        let before_names = match before_names {
            Ok(names) => names,
            Err(error) if has_nothing_to_compare(&error) => return Ok(Some(subjects)),
            Err(error @ (Error::Lake(_) | Error::Query(_))) => {
                remarks.push(format!(
                    "who entered or left {} since version {} is unknown: {error}",
                    model.name, before.version
                ));
                return Ok(Some(subjects));
            }
            Err(error) => return Err(error),
        };
        let (now, then) = (now.names(), before_names.names());
        subjects.change = Some(SubjectsChange {
            since_version: before.version,
            entered: now.iter().filter(|name| !then.contains(name)).count() as u64,
            left: then.iter().filter(|name| !now.contains(name)).count() as u64,
        });
    }
    Ok(Some(subjects))
}

/// Whether an older version was removed, or had other columns.
fn has_nothing_to_compare(error: &Error) -> bool {
    use lake::Error::{NoVersion, VersionRemoved};
    matches!(
        error,
        Error::Lake(NoVersion { .. } | VersionRemoved { .. })
            | Error::Query(query::Error::Sql { .. })
    )
}

/// How many people the pseudonyms in the training set stand for.
async fn pseudonyms(session: &Session, model: &Model) -> Result<u64, Error> {
    let (zone, table) = (model.zone, quote(model.name.as_ref()));
    let sql = format!("select count(distinct subject) from {zone}.{table}");
    count(session, &sql).await
}

/// The people or devices in the rows of a landing table, as they are now, and in how many
/// rows each of `columns` is null; `None` if it has no column that names them. Who is named
/// only in input that is no row is not counted. One SELECT counts both, since the
/// files of a landing table are read as a whole for each. Groups of one person each can
/// be spilled, other than the set of `count(distinct)`.
///
/// # Errors
/// [`Error::Query`], also if landing files cannot be read.
pub(super) async fn of_landing(
    session: &Session,
    table: &str,
    columns: &[String],
) -> Result<Option<(Subjects, Vec<u64>)>, Error> {
    let project = &session.tables().project;
    let Some((party, column)) = project.roles().party(table) else {
        return Ok(None);
    };
    let column = quote(&column.to_lowercase());
    let name = match party {
        Party::Subject => format!("subject({column})"),
        Party::Device => column,
    };
    let (mut sums, mut nulls) = (String::new(), String::new());
    for (place, column) in columns.iter().enumerate() {
        sums.push_str(&format!(", coalesce(sum(nulls_{place}), 0)"));
        nulls.push_str(&format!(
            ", count(*) - count({}) as nulls_{place}",
            quote(column)
        ));
    }
    let sql = format!(
        "select count(named){sums} from \
         (select nullif({name}, '') as named{nulls} from landing.{} group by 1)",
        quote(table)
    );
    let rows = Rows::of(session, &sql).await?;
    let row = rows.iter().next();
    let count = |column| row.as_ref().map_or(0, |row| row.count(column));
    let subjects = Subjects {
        kind: word(party == Party::Subject).to_owned(),
        count: count(0),
        change: None,
    };
    Ok(Some((subjects, (1..=columns.len()).map(count).collect())))
}

fn word(are_people: bool) -> &'static str {
    match are_people {
        true => "people",
        false => "devices",
    }
}

/// Figures about consent and devices. Consent is in force or not at `now_ms`. `tables`
/// tell how many people have records.
///
/// # Errors
/// [`Error::Query`] or [`Error::Lake`].
pub(super) async fn consent(
    session: &Session,
    now_ms: i64,
    tables: &[Table],
) -> Result<Consent, Error> {
    let mut consent = Consent::default();
    let roles = session.tables().project.roles();
    if let Some(records) = roles.person_records() {
        let mut tables = tables.iter();
        let of_records =
            tables.find(|table| table.zone == Zone::Landing && records.table == *table.table);
        let people = of_records.and_then(|table| table.subjects.as_ref());
        consent.people = people.map(|people| people.count);
    }
    of_notes(session, now_ms, &mut consent).await?;
    Ok(consent)
}

/// The figures that need nothing but what runs noted.
///
/// # Errors
/// As [`consent`].
pub(super) async fn of_notes(
    session: &Session,
    now_ms: i64,
    consent: &mut Consent,
) -> Result<(), Error> {
    let now = now_ms;
    let sql = format!(
        "with person as (
            select purpose, subject,
                max(case when valid_from <= {now} and (valid_to is null or valid_to > {now}) then 1 else 0 end) as holds,
                max(case when valid_from > {now} then 1 else 0 end) as is_later
            from system.consent group by purpose, subject
        )
        select purpose,
            sum(holds),
            sum(case when holds = 0 and is_later = 0 then 1 else 0 end),
            sum(case when holds = 0 and is_later = 1 then 1 else 0 end)
        from person group by purpose order by purpose"
    );
    for row in Rows::of(session, &sql).await?.iter() {
        consent.purposes.push(PurposeFigures {
            purpose: row.text(0),
            in_force: row.count(1),
            ended: row.count(2),
            later: row.count(3),
        });
    }
    let sql = "select count(*) from system.consent_register";
    consent.by_hand = count(session, sql).await?;
    let sql = "select coalesce(evidence, 'nobody') as known_by, count(distinct serialnumber) \
        from system.device_owner group by 1 order by 1";
    for row in Rows::of(session, sql).await?.iter() {
        consent.devices.push(DeviceFigures {
            evidence: row.text(0),
            devices: row.count(1),
        });
    }
    let state = quarantine::state(session).await?;
    consent.suspended = state.named.all()?.len() as u64;
    consent.undecodable = state.undecodable.len() as u64;
    Ok(())
}

async fn count(session: &Session, sql: &str) -> Result<u64, Error> {
    crate::contract::checks::count(session, sql).await
}

/// What could not be read, by table and reason.
///
/// # Errors
/// [`Error::Query`] or [`Error::Lake`].
pub(super) async fn quarantined(session: &Session) -> Result<Vec<Quarantined>, Error> {
    let sql = "select table_name, reason, state, sum(coalesce(places, 1)), sum(byte_length) \
        from system.quarantine group by table_name, reason, state \
        order by table_name, reason, state";
    let rows = Rows::of(session, sql).await?;
    let entries = rows.iter().map(|row| Quarantined {
        table: row.text(0),
        reason: row.text(1),
        is_dropped: row.text(2) == query::landing::DROPPED,
        places: row.count(3),
        bytes: row.count(4),
    });
    Ok(entries.collect())
}
