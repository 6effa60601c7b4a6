//! Clients that people use. Those that this machine lacks are passed over, with a message;
//! CI has all, and says so with `STEDI_TEST_CLIENTS=all`. `STEDI_TEST_PYTHON` names a Python that has the packages of
//! `tests/doors/requirements.txt`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use server::Role;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::lake::{COUNTS, Doors, Options};

const JDBC: &str = "/usr/share/java/postgresql.jar";

fn script(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/doors");
    tests.join(name)
}

fn python() -> String {
    std::env::var("STEDI_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Whether a client that is missing is a fault.
fn must_have_all() -> bool {
    std::env::var("STEDI_TEST_CLIENTS").is_ok_and(|wanted| wanted == "all")
}

/// Whether a command ends well.
fn has(command: &str, arguments: &[&str]) -> bool {
    let output = Command::new(command).args(arguments).output();
    let has = output.is_ok_and(|output| output.status.success());
    if !has {
        assert!(
            !must_have_all(),
            "`{command} {}` does not run here",
            arguments.join(" ")
        );
        eprintln!(
            "skipped: `{command} {}` does not run here",
            arguments.join(" ")
        );
    }
    has
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

fn assert_has(text: &str, expected: &[&str]) {
    for part in expected {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn psql_describes_reads_copies_and_fetches() {
    if !has("psql", &["--version"]) {
        return;
    }
    let doors = Doors::open(Options::default());
    let place = format!(
        "host=127.0.0.1 port={} user=ada dbname=stedi",
        doors.postgres.port()
    );
    let text = output(Command::new("sh").arg(script("psql.sh")).arg(place));
    assert_has(
        &text,
        &[
            "| machine_learning_curated | table |",
            "Table \"lakehouse.machine_learning_curated\"",
            " sensorreadingtime  | bigint ",
            "rows | 43681",
            "serialnumber,n\n",
            "(2 rows)",
        ],
    );
}

#[test]
fn psycopg_sqlalchemy_and_pandas_read_the_published_counts() {
    if !has(&python(), &["-c", "import psycopg, sqlalchemy, pandas"]) {
        return;
    }
    let doors = Doors::open(Options::default());
    let port = doors.postgres.port();
    let place = format!("host=127.0.0.1 port={port} user=ada");
    let text = output(
        Command::new(python())
            .arg(script("psycopg_client.py"))
            .arg(place),
    );
    for (table, rows) in COUNTS {
        assert_has(&text, &[&format!("{table} {rows}\n")]);
    }
    assert_has(
        &text,
        &[
            "server cursor 43681",
            "copy 43681",
            "select 1; drop table customer_trusted -> 25006",
        ],
    );
    let url = format!("postgresql+psycopg://ada@127.0.0.1:{port}/stedi");
    let text = output(
        Command::new(python())
            .arg(script("sqlalchemy_client.py"))
            .arg(url),
    );
    assert_has(
        &text,
        &[
            "has True False",
            "rows 43681 8",
            "pandas (43681, 8)",
            "column x DOUBLE PRECISION",
        ],
    );
}

#[test]
fn jdbc_reads_metadata_and_rows() {
    if !Path::new(JDBC).exists() || !has("java", &["-version"]) {
        assert!(!must_have_all(), "no {JDBC}");
        eprintln!("skipped: no {JDBC} or no java");
        return;
    }
    let doors = Doors::open(Options::default());
    let url = format!(
        "jdbc:postgresql://127.0.0.1:{}/stedi",
        doors.postgres.port()
    );
    let mut java = Command::new("java");
    let text = output(
        java.args(["-cp", JDBC])
            .arg(script("Jdbc.java"))
            .args([&url, "ada"]),
    );
    assert_has(
        &text,
        &[
            " lakehouse machine_learning_curated TABLE",
            " sensorreadingtime int8 -5 YES 2",
            "prepared 43681",
            "fetched 43681",
            "42 2024-01-31 12:00:00",
        ],
    );
}

#[test]
fn statements_of_graphical_tools_are_answered() {
    if !has("psql", &["--version"]) {
        return;
    }
    let doors = Doors::open(Options::default());
    let place = format!(
        "host=127.0.0.1 port={} user=ada dbname=stedi",
        doors.postgres.port()
    );
    let mut psql = Command::new("psql");
    let text = output(
        psql.args([&place, "-XqtA", "-v", "ON_ERROR_STOP=1", "-f"])
            .arg(script("graphical_tools.sql")),
    );
    assert_has(
        &text,
        &[
            "curated table",
            "machine_learning_curated",
            "system.quarantine",
        ],
    );
}

#[test]
fn adbc_pandas_and_polars_read_the_published_counts() {
    if !has(
        &python(),
        &["-c", "import adbc_driver_flightsql, pandas, polars"],
    ) {
        return;
    }
    let doors = Doors::open(Options::default());
    let uri = format!("grpc://127.0.0.1:{}", doors.flight.port());
    let text = output(
        Command::new(python())
            .arg(script("adbc_client.py"))
            .arg(uri),
    );
    for (table, rows) in COUNTS {
        assert_has(&text, &[&format!("{table} {rows}\n")]);
    }
    assert_has(
        &text,
        &[
            "table stedi lakehouse machine_learning_curated 8",
            "arrow 43681",
            "pandas (43681, 8)",
            "bound 43681",
            "numbered (42, \"it's\", 41)",
            "polars 14460",
        ],
    );
    assert!(doors.audit().contains("\"outcome\":\"cancelled\""));
}

#[test]
fn where_tls_is_demanded_nothing_goes_in_the_open() {
    if !has("openssl", &["version"]) || !has("psql", &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key"), folder.path().join("certificate"));
    output(
        Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args([
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-keyout",
            ])
            .arg(&key)
            .arg("-out")
            .arg(&certificate),
    );
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&certificate).unwrap()],
            PrivateKeyDer::from_pem_file(&key).unwrap(),
        )
        .unwrap();
    let doors = Doors::open(Options {
        users: &[("ada", Role::Engineer, "a long password")],
        tls: Some(Arc::new(config)),
        ..Options::default()
    });
    let ask = |options: &str| {
        let place = format!(
            "host=localhost port={} user=ada dbname=stedi {options}",
            doors.postgres.port()
        );
        let mut psql = Command::new("psql");
        psql.args([
            &place,
            "-XqtA",
            "-c",
            "select count(*) from customer_trusted",
        ]);
        let asked = psql.env("PGPASSWORD", "a long password").output().unwrap();
        (
            String::from_utf8_lossy(&asked.stdout).trim().to_owned(),
            String::from_utf8_lossy(&asked.stderr).into_owned(),
        )
    };
    let verified = format!("sslmode=verify-full sslrootcert={}", certificate.display());
    assert_eq!(ask(&verified).0, "482");
    assert_eq!(ask("sslmode=require").0, "482");
    let (rows, error) = ask("sslmode=disable");
    assert!(
        rows.is_empty() && error.contains("demands TLS"),
        "{rows} {error}"
    );
}
