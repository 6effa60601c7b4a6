//! What each role gets at the doors for tools: the same as everywhere.

use std::fmt::Write;

use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables};
use futures::TryStreamExt;
use server::Role;
use tonic::transport::Endpoint;

use crate::client::Client;
use crate::lake::{Doors, Options, runtime};

/// Statements, and whether a scientist, an engineer and a privacy officer are answered:
/// `-` is refused, `+` answered without a personal value, `p` with some.
const CASES: &str = "
    -++ select * from customer_landing
    -++ select email, phone, serialnumber from customer_trusted
    -++ select min(email), max(phone) from lakehouse.customer_trusted
    -++ select * from customer_trusted version as of 0
    -++ select * from \"customer_trusted@v0\"
    -++ select user from machine_learning_curated limit 20
    -++ select reverse(email) from customer_curated
    -++ select cast(email as varchar) as e from customer_curated order by 1
    --- select cast(email as bigint) from customer_curated
    -++ select try(cast(email as bigint)) from customer_curated
    -++ explain analyze select * from customer_trusted where email like 'a%'
    +++ explain verbose select * from machine_learning_curated
    +++ select * from customer_curated
    +++ select * from machine_learning_curated limit 100
    +++ select * from training_set limit 100
    +++ select table_name, column_name from information_schema.columns
    +++ show tables
    -++ show create table customer_trusted
    -+p select subject from system.consent
    -+p select * from system.device_owner
    -+p select * from privacy.consents
    -++ select * from privacy.violations
    --- select raw from system.quarantine
    --- select pseudonym('a')
    --- create table t as select 1
    --- insert into customer_trusted select * from customer_trusted
    --- copy customer_curated to '/tmp/copied'
    --- select * from read_csv('/etc/passwd')
";

/// What each person of synthetic data has in the address.
const PERSONAL: &str = "@example.";

const ROLES: [Role; 3] = [Role::Scientist, Role::Engineer, Role::PrivacyOfficer];

/// Whether each statement was answered, and everything that came, as text.
fn by_postgres(doors: &Doors, statements: &[&str]) -> Vec<(bool, String)> {
    let (mut client, _) = Client::started(doors.postgres);
    let answered = statements.iter().map(|sql| {
        let answers = client.query(sql);
        let all = answers.iter().fold(String::new(), |mut all, answer| {
            _ = write!(
                all,
                "{}{} ",
                answer.kind,
                String::from_utf8_lossy(&answer.body)
            );
            all
        });
        (!answers.iter().any(|answer| answer.kind == 'E'), all)
    });
    answered.collect()
}

async fn by_flight(doors: &Doors, statements: &[&str]) -> Vec<(bool, String)> {
    let endpoint = Endpoint::new(format!("http://{}", doors.flight)).unwrap();
    let mut client = FlightSqlServiceClient::new(endpoint.connect().await.unwrap());
    let mut answered = Vec::new();
    for sql in statements {
        let rows = async {
            let info = client.execute((*sql).to_owned(), None).await?;
            let ticket = info.endpoint[0].ticket.clone().unwrap();
            let stream = client.do_get(ticket).await?;
            stream.try_collect::<Vec<_>>().await
        };
        answered.push(match rows.await {
            Ok(rows) => (true, format!("{rows:?}")),
            Err(error) => (false, error.to_string()),
        });
    }
    let tables = CommandGetTables {
        include_schema: true,
        ..CommandGetTables::default()
    };
    let info = client.get_tables(tables).await.unwrap();
    let listed = client
        .do_get(info.endpoint[0].ticket.clone().unwrap())
        .await
        .unwrap();
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    let info = client.get_db_schemas(CommandGetDbSchemas::default()).await;
    let ticket = info.unwrap().endpoint[0].ticket.clone().unwrap();
    let schemas = client.do_get(ticket).await.unwrap();
    let schemas: Vec<_> = schemas.try_collect().await.unwrap();
    answered.push((true, format!("{listed:?} {schemas:?}")));
    answered
}

#[test]
fn each_role_gets_the_same_at_each_door() {
    let cases = CASES.lines().filter_map(|line| line.trim().split_once(' '));
    let (marks, statements): (Vec<&str>, Vec<&str>) = cases.unzip();
    for (at, role) in ROLES.into_iter().enumerate() {
        let doors = Doors::open(Options {
            role: Some(role),
            ..Options::default()
        });
        let (_, schemas) = &by_postgres(&doors, &["select nspname from pg_namespace"])[0];
        let by_postgres = by_postgres(&doors, &statements);
        let by_flight = runtime().block_on(by_flight(&doors, &statements));
        for (door, answers) in [("Postgres", &by_postgres), ("Flight SQL", &by_flight)] {
            for ((marks, sql), (is_answered, text)) in marks.iter().zip(&statements).zip(answers) {
                let mark = marks.as_bytes()[at];
                let shown = &text[..text.floor_char_boundary(600)];
                assert_eq!(*is_answered, mark != b'-', "{role}, {door}: {sql}: {shown}");
                let is_personal = text.contains(PERSONAL);
                assert_eq!(is_personal, mark == b'p', "{role}, {door}: {sql}: {shown}");
            }
        }
        let (_, listed) = by_flight.last().unwrap();
        let sees_landing = listed.contains("customer_landing");
        assert_eq!(sees_landing, role != Role::Scientist, "{role}: {listed}");
        for (door, listed) in [("Flight SQL", listed), ("Postgres", schemas)] {
            for (schema, is_there) in [
                ("lakehouse", true),
                ("system", role != Role::Scientist),
                ("privacy", role != Role::Scientist),
            ] {
                let found = listed.contains(schema);
                assert_eq!(found, is_there, "{role}, {door}: {schema}: {listed}");
            }
        }
        assert!(!doors.audit().contains("/etc/passwd"), "{role}");
    }
}
