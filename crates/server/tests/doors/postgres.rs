//! The Postgres protocol, message by message.

use std::time::{Duration, Instant};

use server::Role;

use crate::client::{Client, bound, execute, message, startup, sync};
use crate::lake::{Doors, Options};

/// A statement that takes longer than anybody waits.
const ENDLESS: &str = "select count(*) from accelerometer_landing a, accelerometer_landing b, \
                       accelerometer_landing c where a.x + b.x > c.y";

#[test]
fn statements_and_transactions_are_answered_with_the_right_messages() {
    let doors = Doors::open(Options::default());
    let (mut client, _) = Client::started(doors.postgres);
    for (sql, expected) in [
        ("select 1 as a", "TDCZI"),
        ("select 1 as a; select 2 as b", "TDCTDCZI"),
        ("", "IZI"),
        (" ; -- nothing\n;", "IZI"),
        ("selct 1", "E(42601)ZI"),
        ("select 1 as a; selct 2; select 3 as c", "TDCE(42601)ZI"),
        ("select * from nothing", "E(42P01)ZI"),
        ("select nothing from customer_trusted", "E(42703)ZI"),
        (
            "select x / (y - y) from machine_learning_curated where false",
            "TCZI",
        ),
        (
            "select 1 / (sensorreadingtime - sensorreadingtime) from machine_learning_curated",
            "TE(22012)ZI",
        ),
        (
            "select cast(sensorreadingtime as smallint) from machine_learning_curated",
            "TE(22018)ZI",
        ),
        ("select nothing(1)", "E(42883)ZI"),
        ("select length(true, 1)", "E(42883)ZI"),
        (
            "select x, count(*) from machine_learning_curated",
            "E(42803)ZI",
        ),
        (
            "select x from machine_learning_curated a, machine_learning_curated b",
            "E(42702)ZI",
        ),
        ("delete from customer_trusted", "E(25006)ZI"),
        ("create table t (a int)", "E(25006)ZI"),
        ("copy customer_trusted to '/tmp/t'", "E(42501)ZI"),
        ("copy customer_trusted to program 'id'", "E(42501)ZI"),
        ("copy customer_trusted from stdin", "E(25006)ZI"),
        ("copy (select 1 as a) to stdout", "HdcCZI"),
        ("show server_version", "TDCZI"),
        ("show nothing", "E(42704)ZI"),
        ("set work_mem = 1", "CZI"),
        ("set client_encoding to latin1", "E(22023)ZI"),
        ("begin", "CZT"),
        (
            "declare c cursor for select x from machine_learning_curated",
            "CZT",
        ),
        ("fetch 2 from c", "TDDCZT"),
        ("move 10 in c", "CZT"),
        ("move all in c", "CZT"),
        ("fetch all in c", "TCZT"),
        ("fetch 1 in c", "TCZT"),
        ("close c", "CZT"),
        ("fetch 1 from c", "E(34000)ZE"),
        ("select 1 as a", "E(25P02)ZE"),
        ("commit", "CZI"),
        ("begin; savepoint s; selct", "CCE(42601)ZE"),
        ("rollback to s", "CZT"),
        ("rollback", "CZI"),
        ("declare c cursor for select 1 as a", "E(25P01)ZI"),
        ("prepare p as select $1 + 1 as a", "CZI"),
        ("execute p(1)", "TDCZI"),
        ("execute p", "E(42601)ZI"),
        ("deallocate all", "CZI"),
        ("execute p(1)", "E(26000)ZI"),
        ("select * from pg_class where relname = 'nothing'", "TCZI"),
        ("select pg_read_file('/etc/passwd') as t", "TDCZI"),
        ("insert into pg_class values (1)", "E(25006)ZI"),
        (
            "with a as (delete from pg_class returning *) select * from a",
            "E(42601)ZI",
        ),
        ("select * from '/etc/passwd', pg_class", "E(42P01)ZI"),
    ] {
        assert_eq!(Client::kinds(&client.query(sql)), expected, "{sql}");
    }
    client.send(&[bound("truncate customer_trusted", &[]), sync()].concat());
    assert_eq!(Client::kinds(&client.until_ready()), "E(25006)ZI");
    // What the door refuses by itself is noted as what the desk refuses.
    let audit = doors.audit();
    for statement in [
        "delete from customer_trusted",
        "create table t (a int)",
        "copy customer_trusted from stdin",
        "truncate customer_trusted",
    ] {
        let line = format!("\"statement\":\"{statement}\",\"outcome\":\"refused\"");
        assert!(audit.contains(&line), "{statement}: {audit}");
    }
}

#[test]
fn portals_are_read_in_parts_and_failures_pass_over_the_rest() {
    let doors = Doors::open(Options::default());
    let (mut client, _) = Client::started(doors.postgres);
    let describe = message(b'D', b"P\0");
    let statement = message(b'D', b"S\0");
    let rows = bound("select x from machine_learning_curated limit 5", &[]);
    let found = bound(
        "select 1 as a from customer_trusted where customername = $1",
        &["it's"],
    );
    let number = bound(
        "select count(*) as n from customer_trusted where registrationdate > $1",
        &["5"],
    );
    let wrong = bound("select * from nothing", &[]);
    for (messages, expected) in [
        (
            vec![
                rows.clone(),
                describe.clone(),
                execute(2),
                execute(2),
                execute(2),
                sync(),
            ],
            "12TDDsDDsDCZI",
        ),
        (
            vec![rows.clone(), execute(0), execute(0), sync()],
            "12DDDDDCCZI",
        ),
        (vec![found, execute(0), sync()], "12CZI"),
        (
            vec![number, describe.clone(), execute(0), sync()],
            "12TDCZI",
        ),
        (vec![rows.clone(), statement, sync()], "12tTZI"),
        (
            vec![wrong.clone(), execute(0), rows.clone(), execute(0), sync()],
            "12E(42P01)ZI",
        ),
        (vec![wrong, describe, execute(0), sync()], "12E(42P01)ZI"),
        (
            vec![bound("select $1", &[]), execute(0), sync()],
            "1E(08P01)ZI",
        ),
        (
            vec![bound("select 1 as a; select 2 as b", &[]), sync()],
            "E(42601)ZI",
        ),
        (vec![bound("begin", &[]), execute(0), sync()], "12CZT"),
        (vec![bound("", &[]), execute(0), sync()], "12IZT"),
        (vec![bound("rollback", &[]), execute(0), sync()], "12CZI"),
        (vec![execute(0), sync()], "E(34000)ZI"),
    ] {
        client.send(&messages.concat());
        assert_eq!(Client::kinds(&client.until_ready()), expected);
    }
}

#[test]
fn what_is_no_message_ends_its_connection_and_no_other() {
    let mut doors = Doors::open(Options::default());
    let (mut witness, _) = Client::started(doors.postgres);
    let mut packets: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        vec![0; 8],
        vec![0xff; 64],
        (8u32.to_be_bytes().iter().chain(&[9, 9, 9, 9]))
            .copied()
            .collect(),
        startup(""),
        vec![0, 0, 0, 100, 0, 3, 0, 0, b'u'],
    ];
    for body in [
        message(b'P', b"never ended"),
        message(b'P', b"\0select 1\0\xff\xff"),
        message(b'B', b"\0\0\xff\xff"),
        message(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff"),
        message(b'Q', b"select \xff\xfe\0"),
        message(b'D', b""),
        message(b'!', b""),
        vec![b'Q', 0x7f, 0xff, 0xff, 0xff],
        vec![b'Q', 0, 0, 0, 1],
    ] {
        packets.push([startup("ada"), body].concat());
    }
    for packet in packets {
        let mut client = Client::connect(doors.postgres);
        client.send(&packet);
        client.half_close();
        client.rest();
        assert_eq!(Client::kinds(&witness.query("select 1 as a")), "TDCZI");
    }
    // A deep and a long statement end as errors.
    for sql in [
        format!("select {}1{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("select 1 {} from pg_class", "+ 1".repeat(200_000)),
        format!("select {} from pg_class", "not ".repeat(100_000)),
    ] {
        let answers = Client::kinds(&witness.query(&sql));
        assert!(
            answers.starts_with('E') && answers.ends_with("ZI"),
            "{answers}"
        );
    }
    assert!(doors.close() < Duration::from_secs(1));
    let last = witness.rest();
    assert_eq!(Client::kinds(&last), "E(57P01)");
}

#[test]
fn those_who_say_nothing_keep_nobody_out() {
    let doors = Doors::open(Options::default());
    let (mut witness, _) = Client::started(doors.postgres);
    let began = Instant::now();
    // More than there are places. Each has ten seconds to sign in.
    let silent: Vec<Client> = (0..300).map(|_| Client::connect(doors.postgres)).collect();
    let (mut newcomer, _) = Client::started(doors.postgres);
    assert_eq!(Client::kinds(&newcomer.query("select 1 as a")), "TDCZI");
    assert_eq!(Client::kinds(&witness.query("select 1 as a")), "TDCZI");
    assert!(began.elapsed() < Duration::from_secs(8));
    drop(silent);
}

#[test]
fn a_statement_is_cancelled_by_its_key_alone_and_a_half_closed_client_is_answered() {
    let doors = Doors::open(Options::default());
    let (mut client, key) = Client::started(doors.postgres);
    let cancel = |key: &[u8]| {
        let mut packet = [16u32.to_be_bytes(), 80_877_102u32.to_be_bytes()].concat();
        packet.extend(key);
        let mut other = Client::connect(doors.postgres);
        other.send(&packet);
        assert!(other.rest().is_empty());
    };
    client.send(&message(b'Q', format!("{ENDLESS}\0").as_bytes()));
    std::thread::sleep(Duration::from_millis(300));
    let mut wrong = key.clone();
    wrong[7] ^= 1;
    cancel(&wrong);
    let began = Instant::now();
    cancel(&key);
    assert_eq!(Client::kinds(&client.until_ready()), "TE(57014)ZI");
    assert!(began.elapsed() < Duration::from_secs(5));
    // A key that comes while nothing is computed cancels nothing.
    cancel(&key);
    assert_eq!(Client::kinds(&client.query("select 1 as a")), "TDCZI");
    client.send(&message(
        b'Q',
        b"select count(*) as n from accelerometer_trusted\0",
    ));
    client.half_close();
    assert_eq!(Client::kinds(&client.rest()), "TDCZI");
    assert!(doors.audit().contains("\"outcome\":\"cancelled\""));
}

#[test]
fn a_statement_ends_at_its_limit() {
    let doors = Doors::open(Options {
        time: Some(Duration::from_millis(700)),
        ..Options::default()
    });
    let (mut client, _) = Client::started(doors.postgres);
    for (sql, expected) in [
        (ENDLESS, "TE(54000)ZI"),
        (
            "select count(*) from pg_type a, pg_type b, pg_type c, pg_type d, pg_type e \
             where a.oid + b.oid + c.oid > d.oid + e.oid",
            "E(54000)ZI",
        ),
    ] {
        let answers = client.query(sql);
        assert_eq!(Client::kinds(&answers), expected, "{sql}");
    }
    assert_eq!(Client::kinds(&client.query("select 1 as a")), "TDCZI");
}

/// A reader that pauses lets others compute; one whose statement holds much memory does so
/// when its time is over.
#[test]
fn those_who_do_not_read_on_hold_nobody_up() {
    for (sql, pause, time) in [
        (
            "select a.x from accelerometer_landing a, customer_trusted c",
            2,
            6,
        ),
        (
            "select rpad(user, 400, 'x') as wide from accelerometer_trusted order by timestamp",
            9,
            12,
        ),
    ] {
        let time = Duration::from_secs(time);
        let doors = Doors::open(Options {
            time: Some(time),
            ..Options::default()
        });
        let began = Instant::now();
        // As many as are computed at once.
        let mut idle: Vec<Client> = (0..4)
            .map(|_| {
                let (mut client, _) = Client::started(doors.postgres);
                client.query("begin");
                client.query(&format!("declare c cursor for {sql}"));
                client
            })
            .collect();
        let fetching: Vec<_> = idle
            .iter_mut()
            .map(|client| Client::kinds(&client.query("fetch 2 from c")))
            .collect();
        assert_eq!(fetching, ["TDDCZT"; 4], "{sql}");
        assert!(began.elapsed() < time, "{sql}");
        std::thread::sleep(Duration::from_secs(pause).saturating_sub(began.elapsed()));
        let (mut other, _) = Client::started(doors.postgres);
        let answers = other.query("select count(*) as n from customer_trusted");
        assert_eq!(Client::kinds(&answers), "TDCZI", "{sql}");
        // Their time goes by the clock.
        std::thread::sleep(time.saturating_sub(began.elapsed()));
        let rest = Client::kinds(&idle[0].query("fetch all from c"));
        assert!(rest.ends_with("E(54000)ZE"), "{sql}: {rest}");
    }
}

#[test]
fn passwords_are_asked_for_and_noted() {
    let doors = Doors::open(Options {
        users: &[
            ("ada", Role::Engineer, "a long password"),
            ("sam", Role::Scientist, "another password"),
        ],
        ..Options::default()
    });
    let sign_in = |name: &str, password: &str| {
        let mut client = Client::connect(doors.postgres);
        client.send(&startup(name));
        assert_eq!(client.answer().unwrap().body, 3u32.to_be_bytes());
        client.send(&message(b'p', format!("{password}\0").as_bytes()));
        client
    };
    let refused = |name, password| {
        let answers = sign_in(name, password).rest();
        (Client::kinds(&answers), answers[0].field(b'M'))
    };
    let wrong = refused("ada", "another password");
    assert_eq!(wrong.0, "E(28P01)");
    for (name, password) in [
        ("eve", "a long password"),
        ("ada", ""),
        ("sam", "a long password"),
    ] {
        assert_eq!(refused(name, password), wrong, "{name}");
    }
    let mut sam = sign_in("sam", "another password");
    sam.until_ready();
    for sql in [
        "select * from customer_trusted",
        "select email from customer_curated",
        "select * from lakehouse.customer_landing",
        "select * from system.consent",
    ] {
        let answers = Client::kinds(&sam.query(sql));
        assert!(answers.starts_with("E(42"), "{sql}: {answers}");
    }
    let columns = sam.query("select column_name from information_schema.columns");
    let columns = format!(
        "{:?}",
        columns
            .iter()
            .map(|answer| String::from_utf8_lossy(&answer.body))
            .collect::<Vec<_>>()
    );
    assert!(
        columns.contains("sensorreadingtime") && !columns.contains("email"),
        "{columns}"
    );
    let audit = doors.audit();
    assert!(audit.contains("\"user\":\"ada\",\"role\":\"engineer\",\"door\":\"postgres\",\"action\":\"sign-in\",\"outcome\":\"refused\""), "{audit}");
    assert!(audit.contains("\"user\":\"sam\",\"role\":\"scientist\",\"door\":\"postgres\",\"action\":\"sign-in\",\"outcome\":\"done\""), "{audit}");
    assert!(
        audit.contains("\"user\":\"unknown\",\"role\":\"none\""),
        "{audit}"
    );
    assert!(
        !audit.contains("eve") && !audit.contains("password"),
        "{audit}"
    );
    // A user who is removed is told so at the next statement.
    server::Users::at(doors.folder.path().join("users.json"))
        .remove("sam")
        .unwrap();
    sam.send(&message(b'Q', b"select 1 as a\0"));
    assert_eq!(Client::kinds(&sam.rest()), "E(28000)");
}

/// A cursor and a portal that is read in parts are of the rights with which they were asked
/// for; a connection is of one user.
#[test]
fn rows_end_with_the_rights_with_which_they_were_asked_for() {
    const PASSWORD: &str = "a long password";
    type Change = fn(&server::Users) -> Result<(), server::UsersError>;
    let changes: [(&str, Change); 2] = [
        ("removed", |users| users.remove("ada")),
        ("added again", |users| {
            users.remove("ada")?;
            users.add("ada", Role::Engineer, false, Some(PASSWORD))
        }),
    ];
    let fetch = message(b'Q', b"fetch 2 from c\0");
    let asked: [(&[u8], &[u8]); 2] = [
        (
            &message(
                b'Q',
                b"declare c cursor for select email from customer_trusted\0",
            ),
            &fetch,
        ),
        (
            &[
                bound("select email from customer_trusted", &[]),
                execute(2),
                sync(),
            ]
            .concat(),
            &[execute(2), sync()].concat(),
        ),
    ];
    for (name, change) in changes {
        for (first, more) in asked {
            let doors = Doors::open(Options {
                users: &[("ada", Role::Engineer, PASSWORD)],
                ..Options::default()
            });
            let mut client = Client::connect(doors.postgres);
            client.send(&startup("ada"));
            client.answer().unwrap();
            client.send(&message(b'p', format!("{PASSWORD}\0").as_bytes()));
            client.until_ready();
            client.query("begin");
            client.send(first);
            client.until_ready();
            client.send(more);
            let answers = Client::kinds(&client.until_ready());
            assert!(answers.contains("DD"), "{answers}");
            change(&server::Users::at(doors.folder.path().join("users.json"))).unwrap();
            client.send(more);
            let answers = Client::kinds(&client.rest());
            assert_eq!(answers, "E(28000)", "{name}");
        }
    }
}
