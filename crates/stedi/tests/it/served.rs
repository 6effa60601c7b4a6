//! A served lake, asked over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{BINARY, stedi};
use crate::stopping::signal;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program serving the lake of a folder, until it is dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: String,
    /// Users, audit log and home of the program.
    pub(crate) own: TempDir,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

/// A place for users and audit log.
pub(crate) fn own_place() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Adds a user with a password, and gives a token of the user.
pub(crate) fn add_user(own: &Path, name: &str, words: &str) -> String {
    let file = own.join("users.json");
    let users = format!("--users {}", file.display());
    stedi(own, &format!("user add {name} {words} {users}"))
        .input("a long enough password\n")
        .run()
        .done();
    let token = stedi(own, &format!("user token {name} {users}"))
        .run()
        .done();
    token.out.trim().to_owned()
}

impl Served {
    /// Serves the lake in `dir`, whoever asks.
    pub(crate) fn of(dir: &Path, words: &str) -> Self {
        Self::with(dir, own_place(), words)
    }

    /// Serves it with the users in `own`.
    pub(crate) fn with(dir: &Path, own: TempDir, words: &str) -> Self {
        Self::heard(dir, own, words, Stdio::null(), &[])
    }

    /// Serves it with variables of the environment, and with an end of its messages.
    pub(crate) fn heard(
        dir: &Path,
        own: TempDir,
        words: &str,
        messages: Stdio,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(BINARY);
        let (users, audit) = (own.path().join("users.json"), own.path().join("audit"));
        command
            .current_dir(dir)
            .args(["serve", "--http", "127.0.0.1:0", "--users"])
            .args([&users, &PathBuf::from("--audit"), &audit])
            .args(words.split_whitespace())
            .env("HOME", own.path())
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(messages);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = || lines.next().and_then(Result::ok).unwrap_or_default();
        let (serving, address) = (line(), line());
        let address = address.split_once("://").map(|(_, address)| address);
        let address = address.unwrap_or_else(|| panic!("not served: {serving:?}"));
        Self {
            address: address.to_owned(),
            child,
            own,
        }
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request; `head` are further lines of its head.
    pub(crate) fn ask(&self, request: &str, head: &[String], body: &str) -> Answer {
        let own_host = format!("Host: {}", self.address);
        let has_host = head.iter().any(|line| line.starts_with("Host:"));
        let mut lines = vec![format!("{request} HTTP/1.0")];
        lines.extend((!has_host).then_some(own_host));
        lines.extend(head.iter().cloned());
        if !body.is_empty() {
            lines.push(format!("Content-Length: {}", body.len()));
        }
        let mut stream = self.connect();
        let sent = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
        // The server may answer and close before a large body is sent.
        _ = stream.write_all(sent.as_bytes());
        answer(&mut stream)
    }

    /// Asks for a path as whoever has a token.
    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.ask(&format!("GET {path}"), &bearer(token), "")
    }

    /// Runs a statement to its end: what the API says of it.
    pub(crate) fn sql(&self, sql: &str, token: Option<&str>) -> Value {
        let mut head = bearer(token);
        head.push("Content-Type: application/json".to_owned());
        let body = json!({"sql": sql, "wait_ms": 30_000}).to_string();
        self.ask("POST /api/v1/queries", &head, &body).json()
    }

    /// The rows of a statement that gives few; its error if it fails.
    pub(crate) fn rows(&self, sql: &str, token: Option<&str>) -> Result<Vec<Value>, Value> {
        let query = self.sql(sql, token);
        let Some(id) = query["id"].as_str().filter(|_| query["state"] == "done") else {
            return Err(query);
        };
        let page = self
            .get(&format!("/api/v1/queries/{id}/rows"), token)
            .json();
        Ok(page["rows"].as_array().unwrap().clone())
    }

    /// The lines of the audit log.
    pub(crate) fn audit(&self) -> String {
        std::fs::read_to_string(self.own.path().join("audit")).unwrap()
    }

    /// Asks the program to end; how long it took.
    pub(crate) fn end(self) -> Duration {
        self.ended().0
    }

    /// The lines of the audit log, once the server has ended with an error.
    pub(crate) fn died(mut self) -> String {
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(1));
        self.audit()
    }

    /// As [`Served::end`], with the lines of the audit log.
    pub(crate) fn ended(mut self) -> (Duration, String) {
        let asked = Instant::now();
        signal(self.child.id(), "TERM");
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(130));
        (asked.elapsed(), self.audit())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// What is read until the other end closes.
pub(crate) fn answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.unwrap_or(0),
        head,
        body: bytes.get(end + 4..).unwrap_or_default().to_vec(),
    }
}

pub(crate) fn bearer(token: Option<&str>) -> Vec<String> {
    let line = token.map(|token| format!("Authorization: Bearer {token}"));
    line.into_iter().collect()
}

/// The value of a hidden field.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let field = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
    let value = field.unwrap_or_else(|| panic!("no {name}: {page}"));
    value.split('"').next().unwrap().to_owned()
}
