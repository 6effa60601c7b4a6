//! Calls of the binary, and their outcomes.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_stedi");

/// Timeout of a call.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary under test, or another build of it for long runs: that of
/// `STEDI_TEST_BINARY`.
pub(crate) fn binary() -> OsString {
    std::env::var_os("STEDI_TEST_BINARY").unwrap_or_else(|| BINARY.into())
}

/// Whether the program has this command.
pub(crate) fn knows(verb: &str) -> bool {
    static HELP: LazyLock<String> =
        LazyLock::new(|| stedi(Path::new("/"), "--help").run().done().out);
    let mut lines = HELP.lines();
    lines.any(|line| line.split_whitespace().next() == Some(verb))
}

/// Builder of a call.
pub(crate) struct Call {
    command: Command,
    line: String,
    input: Option<String>,
}

/// Exit code and output of a call.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    line: String,
}

/// `stedi WORDS`, run in `dir`, without the settings of the developer who runs the
/// tests.
pub(crate) fn stedi(dir: &Path, words: &str) -> Call {
    let mut command = Command::new(binary());
    command.current_dir(dir).args(words.split_whitespace());
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let ours = ["STEDI_", "AWS_", "XDG_", "NO_COLOR", "CLICOLOR"];
        if ours.iter().any(|prefix| name_text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command.env("HOME", env!("CARGO_TARGET_TMPDIR"));
    Call {
        command,
        line: format!("stedi {words}"),
        input: None,
    }
}

/// The rows of `statement`, for a folder with `landing` and `lake`.
#[track_caller]
pub(crate) fn rows(dir: &Path, statement: &str) -> Vec<Value> {
    let document = stedi(dir, "sql --format json -c")
        .arg(statement)
        .run()
        .done()
        .json();
    match document {
        Value::Array(rows) => rows,
        other => panic!("{statement}: not an array: {other}"),
    }
}

/// The only value of the only row of `statement`.
#[track_caller]
pub(crate) fn value(dir: &Path, statement: &str) -> Value {
    let rows = rows(dir, statement);
    let [Value::Object(row)] = rows.as_slice() else {
        panic!("{statement}: not one row: {rows:?}");
    };
    let mut values = row.values();
    match (values.next(), values.next()) {
        (Some(value), None) => value.clone(),
        _ => panic!("{statement}: not one column: {row:?}"),
    }
}

/// Like [`value`], for a count.
#[track_caller]
pub(crate) fn count(dir: &Path, statement: &str) -> u64 {
    let value = value(dir, statement);
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{statement}: no count: {value}"))
}

impl Call {
    /// Adds an argument, which may have spaces.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.line
            .push_str(&format!(" {:?}", arg.as_ref().to_string_lossy()));
        self.command.arg(arg);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.line = format!("{name}={value} {}", self.line);
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.line = format!("{name}= {}", self.line);
        self.command.env_remove(name);
        self
    }

    /// Sets the standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Runs it as a user without rights if the tests run as root.
    pub(crate) fn without_rights(mut self) -> Self {
        use std::os::unix::process::CommandExt;
        if runs_as_root() {
            self.command.uid(65_534).gid(65_534);
            // The tester's own key is out of reach.
            self.command.env("STEDI_KEY", "5".repeat(64));
        }
        self
    }

    /// Runs it in the mount namespace of the process `pid`, in its folder `dir`.
    pub(crate) fn among_files_of(mut self, pid: u32, dir: &Path) -> Self {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &pid.to_string(), "-m"])
            .arg(format!("--wd={}", dir.display()))
            .arg(self.command.get_program())
            .args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.command = command;
        self
    }

    /// The command, for what stays.
    pub(crate) fn command(self) -> Command {
        self.command
    }

    /// Runs it under a limit that the shell sets, such as `ulimit -f 1`.
    pub(crate) fn limited(mut self, limit: &str) -> Self {
        self.line = format!("{limit}; {}", self.line);
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")])
            .arg(self.command.get_program())
            .args(self.command.get_args());
        if let Some(dir) = self.command.get_current_dir() {
            command.current_dir(dir);
        }
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.command = command;
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Outcome {
        let (child, line) = self.start();
        finish(child, line)
    }

    /// Starts it; [`finish`] waits for its end.
    #[track_caller]
    pub(crate) fn start(self) -> (Child, String) {
        let line = self.line.clone();
        self.try_start()
            .unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Like [`Call::start`], for calls that the system may refuse to start.
    pub(crate) fn try_start(mut self) -> std::io::Result<(Child, String)> {
        let input = match &self.input {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        };
        let mut child = self
            .command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let (Some(text), Some(mut to)) = (self.input, child.stdin.take()) {
            // A program that ends early need not read it all.
            let _ = to.write_all(text.as_bytes());
        }
        Ok((child, self.line))
    }
}

/// Waits for a call that was started.
#[track_caller]
pub(crate) fn finish(mut child: Child, line: String) -> Outcome {
    fn collect(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut from) = from {
                let _ = from.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }
    let (out, err) = (collect(child.stdout.take()), collect(child.stderr.take()));
    // Where a core dump goes.
    let folder = std::fs::read_link(format!("/proc/{}/cwd", child.id()));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("{line}: still running after {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(3));
    };
    use std::os::unix::process::ExitStatusExt;
    let mut err = err.join().unwrap();
    if status
        .signal()
        .is_some_and(|signal| FAULTS.contains(&signal))
    {
        err += &kernel_log();
        err += &folder.map_or_else(|error| error.to_string(), |folder| backtrace(&folder));
    }
    Outcome {
        code: status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
        out: out.join().unwrap(),
        err,
        line,
    }
}

/// Signals of a program that did what no program may: SIGILL, SIGBUS, SIGFPE, SIGSEGV.
const FAULTS: [i32; 4] = [4, 7, 8, 11];

/// What the kernel said last, such as where a program accessed memory that it has not.
fn kernel_log() -> String {
    let said = Command::new("dmesg").output();
    let said = said.map_or_else(
        |error| format!("dmesg: {error}"),
        |said| String::from_utf8_lossy(&said.stdout).into_owned(),
    );
    let lines: Vec<&str> = said.lines().collect();
    format!("\n{}\n", lines[lines.len().saturating_sub(8)..].join("\n"))
}

/// Where the threads of a process were that left a core dump in `folder`.
fn backtrace(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_core = |name: &str| name.split('.').next() == Some("core");
    let dump = files.map(|file| file.path()).find(|path| {
        let name = path.file_name().and_then(std::ffi::OsStr::to_str);
        path.is_file() && name.is_some_and(is_core)
    });
    let Some(dump) = dump else {
        return format!("\nthe process left no core dump in {}", folder.display());
    };
    let asked = [
        "info registers",
        "x/4i $pc",
        "thread apply all backtrace 60",
    ];
    let told = Command::new("gdb")
        .args(["--batch", "--quiet"])
        .args(asked.iter().flat_map(|asked| ["-ex", asked]))
        .args([Path::new(env!("CARGO_BIN_EXE_stedi")), &dump])
        .output();
    match told {
        Ok(told) => String::from_utf8_lossy(&told.stdout).into_owned(),
        Err(error) => format!("\n{}: gdb: {error}", dump.display()),
    }
}

impl Outcome {
    /// Fails unless the exit code is 0.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        self.ended(0)
    }

    /// Fails unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Fails unless standard error contains `fragment`.
    #[track_caller]
    pub(crate) fn says(self, fragment: &str) -> Self {
        assert!(
            self.err.contains(fragment),
            "does not say {fragment:?}: {self}"
        );
        self
    }

    /// Fails unless one of the `hint:` lines contains `fragment`.
    #[track_caller]
    pub(crate) fn hints(self, fragment: &str) -> Self {
        let mut hints = self.err.lines().filter(|line| line.starts_with("hint: "));
        assert!(
            hints.any(|hint| hint.contains(fragment)),
            "does not hint {fragment:?}: {self}"
        );
        self
    }

    /// Fails unless standard error is empty.
    #[track_caller]
    pub(crate) fn silent(self) -> Self {
        assert!(self.err.is_empty(), "{self}");
        self
    }

    /// Standard output, parsed as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Standard output, parsed as one JSON document per line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}: {self}"))
            })
            .collect()
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let out: String = self.out.chars().take(2000).collect();
        write!(
            f,
            "{}\n  exit code {}\n--- stdout\n{out}\n--- stderr\n{}",
            self.line, self.code, self.err
        )
    }
}

/// Whether the tests run as root, who may read and write everything.
pub(crate) fn runs_as_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|of| of.uid() == 0)
}
