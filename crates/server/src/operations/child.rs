//! The child process of a run: starting it, and reading what it says within bounds.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

use evidence::{OperationKind, RunCheck, Verdict};
use serde::Deserialize;

use super::going::{Document, Event, Going};
use crate::fault::Fault;

/// Bytes of the longest line that is read; what is longer is passed over.
const LINE_BYTES_MAX: u64 = 256 << 10;

/// Bytes of the largest document that is read.
const DOCUMENT_BYTES_MAX: u64 = 8 << 20;

/// How often the end of a process is looked for that says nothing any more.
const LOOK: Duration = Duration::from_millis(10);

/// What a child says.
pub(super) struct Output {
    events: ChildStderr,
    document: ChildStdout,
}

/// The report of a run, as far as it is shown.
#[derive(Deserialize)]
struct Report {
    checks: Vec<RunCheck>,
}

/// Starts the child of `going`.
///
/// # Errors
/// What the system says.
pub(super) fn launch(mut command: Command, going: &Going) -> Result<Output, Fault> {
    let failed = |error| Fault::internal("starting a process", error);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C at a terminal is for the server, which then asks its child to end.
        .process_group(0);
    let mut child = command.spawn().map_err(failed)?;
    let (events, document) = (child.stderr.take(), child.stdout.take());
    going.put_child(child);
    let output = events.zip(document);
    let output = output.map(|(events, document)| Output { events, document });
    output.ok_or_else(|| Fault::internal("starting a process", "it has no output"))
}

impl Output {
    /// Reads what the child of `going` says until it ends.
    pub(super) fn follow(self, going: &Going) {
        let document = std::thread::spawn(|| document(self.document));
        hear(BufReader::new(self.events), going);
        let code = loop {
            match going.try_wait() {
                Some(code) => break code,
                None => std::thread::sleep(LOOK),
            }
        };
        let document = document.join().ok().flatten();
        let document = document.and_then(|bytes| match going.operation {
            OperationKind::Plan => serde_json::from_slice(&bytes).ok().map(Document::Plan),
            OperationKind::Run | OperationKind::FullRun => {
                let report: Report = serde_json::from_slice(&bytes).ok()?;
                let mut checks = report.checks;
                checks.retain(|check| check.verdict > Verdict::Ok);
                Some(Document::Report(checks))
            }
        });
        going.end(code, document);
    }
}

fn hear(mut lines: impl BufRead, going: &Going) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut lines)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == LINE_BYTES_MAX {
            if !skip_line(&mut lines) {
                return;
            }
            continue;
        }
        match serde_json::from_slice::<Event>(&line) {
            Ok(event) => going.hear(event),
            // A wrong command line, or what the system says of the process.
            Err(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim();
                match text.split_once(": ") {
                    _ if text.is_empty() => {}
                    Some((level @ ("error" | "hint"), rest)) => going.message(level, rest),
                    _ => going.message("info", text),
                }
            }
        }
    }
}

/// Passes over the rest of a line; `false` at the end.
fn skip_line(lines: &mut impl BufRead) -> bool {
    loop {
        let (passed, is_end) = match lines.fill_buf() {
            Ok([]) | Err(_) => return false,
            Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (bytes.len(), false),
            },
        };
        lines.consume(passed);
        if is_end {
            return true;
        }
    }
}

/// The whole document; `None` if it is too large. It is read to its end in any case: a
/// child that nobody reads would wait.
fn document(mut from: ChildStdout) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = (&mut from).take(DOCUMENT_BYTES_MAX).read_to_end(&mut bytes);
    let rest = std::io::copy(&mut from, &mut std::io::sink());
    matches!((read, rest), (Ok(_), Ok(0))).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use evidence::{OperationStage, TableState};

    use super::*;
    use crate::principal::{Door, Principal, Role};

    fn heard(lines: &[u8]) -> Going {
        let who = Principal::local(Role::Engineer);
        let going = Going::new(OperationKind::Run, who, Door::Page);
        hear(lines, &going);
        going
    }

    fn empty_project() -> catalog::Project {
        catalog::Project::parse(Vec::new()).unwrap()
    }

    #[test]
    fn events_are_followed_and_other_lines_are_messages() {
        let going = heard(
            b"{\"event\":\"locked\",\"run\":\"r\",\"ms\":1}\n\
            {\"event\":\"plan\",\"tables\":[\"a\",\"b\",\"c\"],\"ms\":2}\n\
            {\"event\":\"begin\",\"table\":\"a\",\"ms\":3}\n\
            {\"event\":\"end\",\"table\":\"a\",\"rows\":7,\"ms\":9}\n\
            {\"event\":\"begin\",\"table\":\"b\",\"ms\":3}\n\
            {\"event\":\"rows\",\"table\":\"b\",\"rows\":5,\"ms\":4}\n\
            {\"event\":\"rows\",\"table\":\"nobody\",\"rows\":5,\"ms\":4}\n\
            {\"event\":\"unheard\"}\n\
            {\"event\":\"message\",\"level\":\"warning\",\"text\":\"w\",\"ms\":4}\n\
            {\"event\":\"message\",\"level\":\"hint\",\"text\":\"h\",\"ms\":4}\n\
            error: plain",
        );
        let told = going.told(&empty_project());
        let states: Vec<_> = told.tables.iter().map(|t| (t.state, t.rows)).collect();
        assert_eq!(
            states,
            [
                (TableState::Built, 7),
                (TableState::Building, 5),
                (TableState::Waiting, 0)
            ]
        );
        assert_eq!(told.run.as_deref(), Some("r"));
        assert_eq!(told.stage, OperationStage::Building);
        let said: Vec<_> = told.messages.iter().map(|m| m.text.as_str()).collect();
        assert_eq!(said, ["{\"event\":\"unheard\"}", "w", "plain"]);
        assert_eq!(told.messages[1].hint.as_deref(), Some("h"));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut lines = vec![b'x'; 3 * LINE_BYTES_MAX as usize];
        lines.push(b'\n');
        for number in 0..10_000 {
            lines.extend(format!("message {number}\n").bytes());
        }
        let told = heard(&lines).told(&empty_project());
        assert_eq!(told.messages[0].text, "message 0");
        assert_eq!(told.messages.len() as u64 + told.messages_more, 10_000);
        assert!(told.messages.len() < 1000);
    }
}
