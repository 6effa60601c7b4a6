//! `stedi verify`: checks the published tables again: damage, contracts, privacy
//! and row counts.

use std::sync::Arc;
use std::time::Instant;

use catalog::{Expectations, Model};
use futures::StreamExt;
use lake::AsOf;
use query::tables::model_id;
use query::{Query, Session, Setup, system};

use crate::Error;
use crate::contract::lineage::Lineage;
use crate::contract::planning::{self, Planned};
use crate::contract::report::{CheckKind, CheckReport, Report, TableReport, Verdict};
use crate::contract::subject_columns::{self, SubjectKind};
use crate::contract::{checks, privacy_gates};
use crate::integrity::{Integrity, session_of_one_release};
use crate::subjects::consent::{self, Consents};
use crate::subjects::name_hashes::NameHashes;
use crate::subjects::quarantine;

/// Checks every contract on the published tables and counts all rows.
///
/// # Errors
/// [`Error::Lake`] where nothing was published yet.
pub async fn verify(setup: &Setup, expect: Option<&Expectations>) -> Result<Report, Error> {
    let session = Arc::new(session_of_one_release(setup).await?);
    let (planned, _) = plan_all(setup).await?;
    verify_in(setup, &session, &planned, expect).await
}

/// All models of the project, planned, and their lineage. A contract that does not fit its
/// model is told with file and line, as a run would.
///
/// # Errors
/// As [`planning::plan_to_publish`].
pub(super) async fn plan_all(setup: &Setup) -> Result<(Vec<Planned>, Arc<Lineage>), Error> {
    let all: Vec<&Model> = setup.project.models().iter().collect();
    // Planning leaves names without rows behind, so it has a session of its own.
    planning::plan_to_publish(&Session::to_plan_in(setup)?, &all).await
}

/// As [`verify`], of `planned` models in a session of one release. Afterwards
/// `system.consent` of the session is what people agree to now, if landing files can be
/// read.
///
/// # Errors
/// As [`verify`].
pub(super) async fn verify_in(
    setup: &Setup,
    session: &Arc<Session>,
    planned: &[Planned],
    expect: Option<&Expectations>,
) -> Result<Report, Error> {
    let integrity = Integrity::of_all(session).await?;
    integrity.shield(session)?;
    integrity.shield_register(session)?;
    let known = quarantine::state(session).await?;
    session.intake().begin(Arc::clone(&known.dropped), None);
    let mut report = Report {
        checks: integrity.as_checks(),
        damages: integrity.damages.clone(),
        ..Report::default()
    };
    let expected = |table: &str| expect.and_then(|expect| expect.get(table));

    for table in setup.project.landing() {
        let started = Instant::now();
        let name = table.name.as_ref();
        let rows =
            match checks::count(session, &format!("select count(*) from landing.{name}")).await {
                Ok(rows) => Some(rows),
                // The lake can be verified where landing files are out of reach.
                Err(error @ Error::Query(query::Error::Landing(_))) => {
                    report.add_unchecked(format!("{name} was not counted"), &error);
                    None
                }
                Err(error) => return Err(error),
            };
        report.tables.push(TableReport {
            zone: "landing".to_owned(),
            table: name.to_owned(),
            rows,
            expected: expected(name),
            verdict: Verdict::Ok,
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    let consents = consents(session, setup.now_ms, &mut report).await?;
    let intake = session.intake().tables();
    report.quarantined = intake.values().map(|table| table.places).sum();
    let records = setup.project.roles().person_records();
    let records = records.and_then(|records| intake.get(records.table.as_ref()));
    report.undecodable = match records {
        Some(read) => read.undecodable.iter().cloned().collect(),
        None => known.undecodable.into_iter().collect(),
    };

    let mut missing = Vec::new();
    for planned in planned {
        let model = &planned.model;
        let started = Instant::now();
        let table = model_id(model);
        let is_damaged = integrity.is_damaged(&table);
        let version = match is_damaged {
            true => None,
            false => session.tables().version_as_of(&table, AsOf::Latest).await?,
        };
        if version.is_some() {
            let owners_are_known = !integrity.is_damaged(&system::DEVICE_OWNER.id());
            let checked = async {
                let mut checked = checks::run(session, model, None).await?;
                checked.extend(
                    gates(session, planned, &consents, owners_are_known, &mut report).await?,
                );
                Ok(checked)
            };
            match checked.await {
                Ok(checked) => report.checks.extend(checked),
                // A check may read a missing table, which is reported below.
                Err(Error::Lake(lake::Error::NoTable { .. })) => {}
                // Or a damaged table, which is reported as well.
                Err(_) if integrity.requires_full_build() => {}
                Err(error) => return Err(error),
            }
        } else if !is_damaged {
            report.checks.push(CheckReport {
                table: table.name.clone(),
                check: "exists".to_owned(),
                verdict: Verdict::Fail,
                violations: 1,
                kind: CheckKind::Contract,
            });
            missing.push(table.clone());
        }
        report.tables.push(TableReport {
            zone: table.zone,
            expected: expected(&table.name),
            table: table.name,
            rows: version.map(|version| version.rows()),
            verdict: Verdict::Ok,
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    if missing.len() == setup.project.models().len()
        && let Some(table) = missing.into_iter().next()
    {
        return Err(lake::Error::NoTable { table }.into());
    }
    report.set_table_verdicts();
    Ok(report)
}

/// What people agreed to, derived from landing files; as the last run derived it
/// where landing files are out of reach.
async fn consents(
    session: &Session,
    now_ms: i64,
    report: &mut Report,
) -> Result<Option<Consents>, Error> {
    let project = Arc::clone(&session.tables().project);
    let Some(records) = project.roles().person_records() else {
        return Ok(None);
    };
    let register = consent::register(session).await?;
    let known = quarantine::state(session).await?;
    match consent::derive(session, records, now_ms, &register, known.named.all()?).await {
        Ok(consents) => {
            let tables = session.tables();
            tables.put_derived(&system::CONSENT, &consents.rows)?;
            Ok(Some(consents))
        }
        Err(error @ Error::Query(query::Error::Landing(_))) => {
            report.add_unchecked(
                "who agrees was not derived anew, but is taken from the last run".to_owned(),
                &error,
            );
            consent::published(session, now_ms, &register)
                .await
                .map(Some)
        }
        Err(error) => Err(error),
    }
}

/// Devices whose owner agrees, by the owners that the last run derived.
async fn owners(session: &Session, agreed: &NameHashes) -> Result<NameHashes, Error> {
    let sql = "select serialnumber, subject from system.device_owner";
    let mut batches = session.query(sql).await?.stream()?;
    let mut owned = NameHashes::default();
    while let Some(batch) = batches.next().await {
        owned.extend(privacy_gates::devices_of_consenting_owners(
            &batch.map_err(Query::failed)?,
            agreed,
        ));
    }
    Ok(owned)
}

/// The privacy checks of a published table.
async fn gates(
    session: &Session,
    planned: &Planned,
    consents: &Option<Consents>,
    owners_are_known: bool,
    report: &mut Report,
) -> Result<Vec<CheckReport>, Error> {
    let model = &planned.model;
    let mut checks = Vec::new();
    // Where there are no records, nobody has agreed.
    let nobody = NameHashes::default();
    let agreed = consents.as_ref().map_or(&nobody, |known| &known.research);
    for (by, column) in subject_columns::columns(model) {
        if by == SubjectKind::Device && !owners_are_known {
            continue;
        }
        let people = privacy_gates::people(session, model, (by, column)).await?;
        let owned;
        let allowed = match by {
            SubjectKind::Subject => agreed,
            SubjectKind::Device => {
                owned = owners(session, agreed).await?;
                &owned
            }
        };
        checks.push(privacy_gates::consent(model, by, &people, allowed));
    }
    if owners_are_known {
        checks.extend(privacy_gates::passed_on(session, planned, agreed).await?);
    }
    match privacy_gates::groups(session, planned).await {
        Ok(groups) => checks.extend(groups),
        Err(error @ Error::Query(query::Error::Landing(_))) => report.add_unchecked(
            format!("people in the groups of {} were not counted", model.name),
            &error,
        ),
        Err(error) => return Err(error),
    }
    checks.extend(privacy_gates::training(session, planned).await?);
    Ok(checks)
}
