//! Flight SQL, call by call: sign-in, whose tickets are whose, cancelling, what is refused.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use arrow_flight::sql::CommandGetTables;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{FlightInfo, Ticket};
use futures::TryStreamExt;
use server::{Role, Users};
use tonic::transport::{Channel, Endpoint};

use crate::lake::{Doors, Options, runtime};

type Client = FlightSqlServiceClient<Channel>;

async fn client(to: SocketAddr) -> Client {
    let endpoint = Endpoint::new(format!("http://{to}")).unwrap();
    FlightSqlServiceClient::new(endpoint.connect().await.unwrap())
}

fn ticket(info: &FlightInfo) -> Ticket {
    info.endpoint[0].ticket.clone().unwrap()
}

/// Rows of a ticket; what went wrong as text.
async fn rows(client: &mut Client, ticket: Ticket) -> Result<usize, String> {
    let stream = client
        .do_get(ticket)
        .await
        .map_err(|error| error.to_string())?;
    let batches: Vec<_> = stream
        .try_collect()
        .await
        .map_err(|error| error.to_string())?;
    Ok(batches.iter().map(|batch| batch.num_rows()).sum())
}

async fn refused(client: &mut Client, sql: &str) -> String {
    match client.execute(sql.to_owned(), None).await {
        Ok(_) => panic!("{sql} was not refused"),
        Err(error) => error.to_string(),
    }
}

const USERS: &[(&str, Role, &str)] = &[
    ("ada", Role::Engineer, "a long password"),
    ("sam", Role::Scientist, "another password"),
];

#[test]
fn tickets_and_tokens_are_their_owners_alone() {
    let doors = Doors::open(Options {
        users: USERS,
        ..Options::default()
    });
    runtime().block_on(async {
        let mut nobody = client(doors.flight).await;
        assert!(
            refused(&mut nobody, "select 1 as a")
                .await
                .contains("sign in")
        );
        assert!(
            nobody
                .get_tables(CommandGetTables::default())
                .await
                .is_err()
        );
        let mut wrong = Vec::new();
        for (name, password) in [
            ("ada", "another password"),
            ("eve", "a long password"),
            ("ada", ""),
        ] {
            let error = nobody
                .handshake(name, password)
                .await
                .unwrap_err()
                .to_string();
            wrong.push(error);
        }
        assert!(wrong.iter().all(|error| *error == wrong[0]), "{wrong:?}");

        let (mut ada, mut sam) = (client(doors.flight).await, client(doors.flight).await);
        ada.handshake("ada", "a long password").await.unwrap();
        sam.handshake("sam", "another password").await.unwrap();
        let info = ada
            .execute("select email from customer_trusted".to_owned(), None)
            .await
            .unwrap();
        assert!(rows(&mut sam, ticket(&info)).await.is_err());
        assert_eq!(rows(&mut ada, ticket(&info)).await, Ok(482));
        // It is fetched once.
        assert!(rows(&mut ada, ticket(&info)).await.is_err());
        for sql in [
            "select * from customer_trusted",
            "select email from customer_curated",
            "select * from system.consent",
            "select count(*) from machine_learning_curated where \"user\" like 'a%'",
        ] {
            let error = refused(&mut sam, sql).await;
            assert!(!error.contains("internal"), "{error}");
        }
        let tables = CommandGetTables {
            include_schema: true,
            ..CommandGetTables::default()
        };
        let info = sam.get_tables(tables).await.unwrap();
        let listed: Vec<_> = sam
            .do_get(ticket(&info))
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let listed = format!("{listed:?}");
        assert!(
            listed.contains("training_set") && !listed.contains("customer_trusted"),
            "{listed}"
        );

        let users = Users::at(doors.folder.path().join("users.json"));
        let token = users.add_token("sam", chrono::Duration::days(1)).unwrap();
        let mut robot = client(doors.flight).await;
        robot.set_token(token);
        let info = robot
            .execute("select 1 as a".to_owned(), None)
            .await
            .unwrap();
        assert_eq!(rows(&mut robot, ticket(&info)).await, Ok(1));
        users.remove("sam").unwrap();
        for gone in [&mut robot, &mut sam] {
            refused(gone, "select 1 as a").await;
        }
    });
    let audit = doors.audit();
    assert!(
        audit.contains("\"door\":\"flight\",\"action\":\"sign-in\",\"outcome\":\"refused\""),
        "{audit}"
    );
    assert!(
        !audit.contains("eve") && !audit.contains("password"),
        "{audit}"
    );
}

#[test]
fn statements_are_prepared_cancelled_and_only_read() {
    let mut doors = Doors::open(Options::default());
    runtime().block_on(async {
        let mut ada = client(doors.flight).await;
        for (sql, expected) in [
            ("delete from customer_trusted", "writes"),
            ("create view v as select 1 as a", "only reading"),
            ("copy customer_trusted to '/tmp/x'", ""),
            ("set datafusion.execution.batch_size = 1", ""),
            ("select 1 as a; select 2 as b", "2 statements"),
            ("", "no statement"),
        ] {
            let error = refused(&mut ada, sql).await;
            assert!(error.contains(expected), "{sql}: {error}");
        }
        assert!(
            ada.execute_update("delete from customer_trusted".to_owned(), None)
                .await
                .is_err()
        );
        assert!(ada.begin_transaction().await.is_err());

        let mut prepared = ada
            .prepare(
                "select x from machine_learning_curated limit 3".to_owned(),
                None,
            )
            .await
            .unwrap();
        assert_eq!(prepared.dataset_schema().unwrap().field(0).name(), "x");
        for _ in 0..2 {
            let info = prepared.execute().await.unwrap();
            assert_eq!(rows(&mut ada, ticket(&info)).await, Ok(3));
        }
        prepared.close().await.unwrap();
        let mut unbound = ada.prepare("select ? as a".to_owned(), None).await.unwrap();
        assert!(unbound.execute().await.is_err());

        let endless = "select count(*) as n from accelerometer_landing a, accelerometer_landing b, \
                       accelerometer_landing c where a.x + b.x > c.y";
        let info = ada.execute(endless.to_owned(), None).await.unwrap();
        let mut other = ada.clone();
        let fetching = tokio::spawn({
            let ticket = ticket(&info);
            async move { rows(&mut other, ticket).await }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        let began = Instant::now();
        let request = arrow_flight::CancelFlightInfoRequest::new(info);
        let cancelled = ada.inner_mut();
        let body = prost::Message::encode_to_vec(&request);
        let action = arrow_flight::Action::new("CancelFlightInfo", body);
        cancelled.do_action(action).await.unwrap();
        let error = fetching.await.unwrap().unwrap_err();
        assert!(error.contains("cancelled"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5));
    });
    assert!(doors.close() < Duration::from_secs(1));
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[test]
fn those_who_never_sign_in_keep_nobody_out() {
    use std::io::Write;
    let doors = Doors::open(Options {
        users: USERS,
        ..Options::default()
    });
    let began = Instant::now();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let strangers: Vec<_> = (0..300)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(doors.flight).unwrap();
            _ = stream.write_all(&[PREFACE, &settings].concat());
            stream
        })
        .collect();
    runtime().block_on(async {
        let mut ada = client(doors.flight).await;
        ada.handshake("ada", "a long password").await.unwrap();
        let sql = "select count(*) as n from training_set".to_owned();
        let info = ada.execute(sql, None).await.unwrap();
        assert_eq!(rows(&mut ada, ticket(&info)).await, Ok(1));
    });
    assert!(began.elapsed() < Duration::from_secs(8));
    drop(strangers);
}

#[test]
fn what_is_no_call_ends_its_connection_and_no_other() {
    use std::io::{Read, Write};
    let doors = Doors::open(Options::default());
    let preface = PREFACE;
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        vec![0xff; 4096],
        [preface, &[0xff; 4096]].concat(),
        [preface, &[0, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat(),
    ] {
        let mut stream = std::net::TcpStream::connect(doors.flight).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        _ = stream.write_all(&bytes);
        _ = stream.shutdown(std::net::Shutdown::Write);
        _ = stream.read_to_end(&mut Vec::new());
    }
    runtime().block_on(async {
        let mut ada = client(doors.flight).await;
        let info = ada
            .execute(
                "select count(*) as n from customer_trusted".to_owned(),
                None,
            )
            .await
            .unwrap();
        assert_eq!(rows(&mut ada, ticket(&info)).await, Ok(1));
        // A statement longer than any message.
        let long = format!("select '{}' as a", "a".repeat(5 << 20));
        assert!(ada.execute(long, None).await.is_err());
    });
}
