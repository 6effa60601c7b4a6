//! The child processes of a server: the same program, with the settings of the server.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use catalog::Project;
use engine::Setup;
use evidence::OperationKind;
use lake::Location;
use server::Launcher;

use crate::args::Undecodable;
use crate::settings::Settings;

/// Makes children that work on the places of one setup.
#[derive(Debug)]
pub(super) struct Children {
    settings: Settings,
    landing: OsString,
    lake: OsString,
    program: PathBuf,
}

impl Children {
    /// # Errors
    /// If the system does not tell where the program is.
    pub(super) fn of(settings: &Settings, setup: &Setup) -> Result<Self> {
        // On Linux this is the program that runs, even where another was put in its place.
        let itself = PathBuf::from("/proc/self/exe");
        let program = match itself.exists() {
            true => itself,
            false => std::env::current_exe()?,
        };
        Ok(Self {
            settings: settings.clone(),
            landing: place(&setup.landing),
            lake: place(&setup.lake),
            program,
        })
    }
}

fn place(location: &Location) -> OsString {
    match location.folder() {
        Some(folder) => folder.into(),
        None => location.to_string().into(),
    }
}

impl Launcher for Children {
    /// A key in the environment, and what reaches a store, is in the environment of the
    /// child too, and not among its arguments, which other users see.
    fn command(&self, operation: OperationKind) -> Command {
        let settings = &self.settings;
        let mut command = Command::new(&self.program);
        command.arg0("stedi");
        match operation {
            OperationKind::Run => command.arg("run"),
            OperationKind::FullRun => command.args(["run", "--full"]),
            OperationKind::Plan => command.arg("plan"),
        };
        command.args(["--progress", "ndjson", "--format", "json"]);
        command.arg("--landing").arg(&self.landing);
        command.arg("--lake").arg(&self.lake);
        let memory = settings.memory_bytes.value.to_string();
        command.args(["--memory", &memory]);
        command.args(["--undecodable", undecodable(settings.undecodable.value)]);
        if let Some(project) = &settings.project.value {
            command.arg("--project").arg(project);
        }
        if let Some(file) = &settings.key_file.value {
            command.arg("--key-file").arg(file);
        }
        if let Some(config) = &settings.config {
            command.arg("--config").arg(config);
        }
        if let Some(now_ms) = settings.now_ms.value {
            command.args(["--now", &now_ms.to_string()]);
        }
        command
    }

    fn ask_to_end(&self, pid: u32) {
        let Ok(pid) = libc::pid_t::try_from(pid) else {
            return;
        };
        #[allow(unsafe_code, reason = "only C can send a signal")]
        // SAFETY: sends a signal to a child that nobody has waited for yet, so that the id
        // is its own.
        unsafe {
            libc::kill(pid, libc::SIGTERM);
        }
    }

    fn project(&self) -> Result<Project, String> {
        self.settings
            .read_project()
            .map_err(|error| format!("{error:#}"))
    }
}

fn undecodable(value: Undecodable) -> &'static str {
    match value {
        Undecodable::Warn => "warn",
        Undecodable::Stop => "stop",
    }
}
