//! `stedi serve`: opens the doors of a lake until it is asked to stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use catalog::Expectations;
use engine::Setup;
use server::{
    Audit, Beside, Desk, Gate, HttpSetup, Launcher, Limits, Principal, Role, Saved, Users,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::launcher::Children;
use super::listen::{Arrival, Arriving, targets};
use super::run;
use crate::args::{ServeArgs, UsersArgs};
use crate::failure::{Ending, Failure};
use crate::folders;
use crate::output::{put, say};
use crate::runtime::{runtime, stopped};
use crate::settings::{Settings, seconds_of};
use crate::watchdog;

/// Statements that are computed at once, for each core.
const RUNNING_OF_CORE: usize = 2;

/// Statements that wait for their turn, for each that may run.
const WAITING_OF_RUNNING: usize = 16;

/// The least memory of a statement.
const STATEMENT_BYTES_MIN: usize = 64 << 20;

/// How long open requests, and a run that the server started, may go on once the program is
/// asked to stop. Each door and the run have less.
const GRACE: Duration = Duration::from_millis(800);

/// The doors and what they are opened with.
pub(crate) struct Doors {
    http: SocketAddr,
    postgres: Option<SocketAddr>,
    flight: Option<SocketAddr>,
    hosts: Vec<String>,
    tls: Option<(PathBuf, PathBuf)>,
    users: Option<PathBuf>,
    audit: Option<PathBuf>,
    saved: Option<PathBuf>,
    time: Duration,
    rows: u64,
    signs_in: bool,
    /// What takes records at the address of `http`.
    arrival: Option<Arrival>,
    /// Whether standard error has a line for what happens.
    is_logged: bool,
}

impl Doors {
    /// The page of a demo, for whoever is on this machine.
    pub(crate) fn of_demo(http: SocketAddr) -> Self {
        Self {
            http,
            postgres: None,
            flight: None,
            hosts: Vec::new(),
            tls: None,
            users: None,
            audit: None,
            saved: None,
            time: Duration::from_secs(300),
            rows: 1_000_000,
            signs_in: !http.ip().is_loopback(),
            arrival: None,
            is_logged: false,
        }
    }

    /// Where the doors are.
    fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let others = [self.postgres, self.flight].into_iter().flatten();
        std::iter::once(self.http).chain(others)
    }
}

pub(crate) fn serve(settings: &Settings, args: &ServeArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    let expect = run::expectations(&setup.project, args.expect.as_deref())?;
    let tls = args.tls_cert.clone().zip(args.tls_key.clone());
    let doors = Doors {
        http: args.http,
        postgres: args.pg,
        flight: args.flight,
        hosts: args.hosts.clone(),
        tls,
        users: args.users.users.clone(),
        audit: args.audit.clone(),
        saved: args.saved.clone(),
        time: seconds_of("timeout", &args.timeout)?,
        rows: args.max_rows,
        signs_in: true,
        arrival: arrival(args, &setup)?,
        is_logged: args.log.is_some(),
    };
    serve_lake(settings, setup, doors, expect)
}

/// What takes records, if it is asked for.
fn arrival(args: &ServeArgs, setup: &Setup) -> Result<Option<Arrival>> {
    if !args.listen {
        let of_posts = &args.arrival;
        if of_posts.sources.sources.is_some() || of_posts.state.is_some() {
            return Err(Failure::settings(
                "--sources and --state are for posts, which this server does not take",
                "give --listen, too",
            ));
        }
        return Ok(None);
    }
    let targets = targets(&setup.project, &setup.landing, true, &[])?;
    Arrival::new(&args.arrival, &setup.landing, targets, Some(args.http)).map(Some)
}

/// Serves the lake of `setup` until the program is asked to stop.
pub(super) fn serve_lake(
    settings: &Settings,
    setup: Setup,
    doors: Doors,
    expect: Option<Expectations>,
) -> Result<Ending> {
    serve_lake_while(settings, setup, doors, expect, std::future::pending())
}

/// Serves the lake while `meanwhile` goes on, whose error ends it.
pub(super) fn serve_lake_while(
    settings: &Settings,
    setup: Setup,
    mut doors: Doors,
    expect: Option<Expectations>,
    meanwhile: impl Future<Output = Result<()>>,
) -> Result<Ending> {
    let arrival = doors.arrival.take();
    let doors = &doors;
    let users = users_of(doors)?;
    let files = doors.tls.as_ref();
    let tls = tls_of(files.map(|(chain, key)| (chain.as_path(), key.as_path())))?;
    let audit = open_audit(doors)?;
    let saved = saved_of(settings, doors);
    let limits = limits(settings, doors);
    let launcher: Arc<dyn Launcher> = Arc::new(Children::of(settings, &setup)?);
    runtime()?.block_on(async {
        let http = bind(Some(doors.http), "--http").await?;
        let postgres = bind(doors.postgres, "--pg").await?;
        let flight = bind(doors.flight, "--flight").await?;
        let desk = Desk::open(setup, limits, audit).await?;
        let lake = desk.setup().lake.to_string();
        let asked = Arc::downgrade(&desk);
        watchdog::before_exit(move |outcome| {
            if let Some(desk) = asked.upgrade() {
                desk.end(outcome);
            }
        });
        let arriving = match arrival {
            Some(arrival) => Some(arrival.begin(settings.quiet || !doors.is_logged).await?),
            None => None,
        };
        let (close, stop) = watch::channel(false);
        let gate = Gate {
            desk,
            users,
            local: Principal::local(Role::Engineer),
            tls,
            stop,
        };
        let secure = if gate.tls.is_some() { "s" } else { "" };
        let mut serving = JoinSet::new();
        let mut told = format!("serving {lake}\n");
        if let Some(listener) = http {
            told += &format!("http{secure}://{}\n", listener.local_addr()?);
            let setup = HttpSetup {
                beside: arriving.as_ref().and_then(beside),
                launcher: Some(launcher),
                hosts: doors.hosts.clone(),
                expect,
                saved,
            };
            serving.spawn(server::http(listener, gate.clone(), setup));
        }
        if let Some(listener) = postgres {
            told += &format!("postgresql://{}/stedi\n", listener.local_addr()?);
            serving.spawn(server::postgres(listener, gate.clone()));
        }
        if let Some(listener) = flight {
            let tls = if gate.tls.is_some() { "tls" } else { "tcp" };
            told += &format!("grpc+{tls}://{}\n", listener.local_addr()?);
            serving.spawn(server::flight(listener, gate.clone()));
        }
        // Whoever started it waits for these lines.
        put(&told)?;
        tokio::select! {
            () = stopped() => {}
            ended = meanwhile => ended?,
        }
        _ = close.send(true);
        let all = async {
            if let Some(arriving) = arriving {
                arriving.spool.close();
                arriving.writers.done().await;
            }
            while serving.join_next().await.is_some() {}
            #[cfg(feature = "otel")]
            let _ = tokio::task::spawn_blocking(crate::output::flush_traces).await;
        };
        _ = tokio::time::timeout(GRACE, all).await;
        watchdog::say_last_words();
        Ok(Ending::Interrupted)
    })
}

/// Posts, and what is counted of them.
fn beside(arriving: &Arriving) -> Option<Beside> {
    let spool = arriving.spool.clone();
    Some(Beside {
        routes: arriving.posts()?.routes(),
        metrics: Arc::new(move || spool.counts().metrics()),
    })
}

/// What encrypts what comes in: the files of the chain of certificates and of its key.
pub(super) type TlsConfig = Arc<door::TlsConfig>;

/// Reads the files of TLS, if there are any.
pub(super) fn tls_of(files: Option<(&Path, &Path)>) -> Result<Option<TlsConfig>> {
    let tls = files.map(|(certificates, key)| {
        door::tls(certificates, key).map_err(|error| {
            Failure::settings(
                error.to_string(),
                "give the chain of certificates with --tls-cert and its private key with --tls-key, both as PEM",
            )
        })
    });
    tls.transpose()
}

/// Binds an address, if there is one.
pub(super) async fn bind(address: Option<SocketAddr>, flag: &str) -> Result<Option<TcpListener>> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(
            format!("cannot listen at {address}: {error}"),
            format!(
                "another program may listen there: choose another address with {flag}, such as 127.0.0.1:0"
            ),
        )
    })?;
    Ok(Some(listener))
}

/// The users who sign in; `None` where nobody needs to.
fn users_of(doors: &Doors) -> Result<Option<Arc<Users>>> {
    let users = users_file(doors.users.clone())?;
    let none = users.is_empty().map_err(|error| users_failure(&error))?;
    let open = doors
        .addresses()
        .find(|address| !address.ip().is_loopback());
    if let Some(open) = open
        && doors.tls.is_none()
    {
        return Err(Failure::settings(
            format!("{open} is not loopback, and what goes there must be encrypted"),
            "give --tls-cert and --tls-key, or serve at 127.0.0.1",
        ));
    }
    if let Some(open) = open
        && none
    {
        return Err(Failure::settings(
            format!("{open} is not loopback, and nobody could sign in there"),
            "add a user: stedi user add NAME --role engineer",
        ));
    }
    Ok((doors.signs_in && !none).then(|| Arc::new(users)))
}

/// The file of users.
pub(super) fn users_of_args(args: &UsersArgs) -> Result<Users> {
    users_file(args.users.clone())
}

fn users_file(named: Option<PathBuf>) -> Result<Users> {
    let own = || Some(folders::settings()?.join("users.json"));
    match named.or_else(own) {
        Some(path) => Ok(Users::at(path)),
        None => Err(Failure::settings(
            "there is no place for the file of users: neither HOME nor XDG_CONFIG_HOME is set",
            "name it with --users",
        )),
    }
}

/// What to do about users that cannot be read or changed.
pub(super) fn users_failure(error: &server::UsersError) -> anyhow::Error {
    use server::UsersError;
    let hint = match error {
        UsersError::Readable { path, .. } => {
            return Failure::settings(error.to_string(), format!("chmod 600 {path}"));
        }
        UsersError::File { .. } => "check the file, or name another with --users",
        UsersError::Known(_) => "choose another name, or remove the user first",
        UsersError::Unknown(_) => "`stedi user list` lists all users",
        UsersError::NoToken { .. } => "`stedi user list` lists all tokens",
        UsersError::Password => "a sentence is easy to remember",
        _ => "choose another",
    };
    Failure::settings(error.to_string(), hint)
}

fn open_audit(doors: &Doors) -> Result<Arc<Audit>> {
    let own = || Some(folders::state()?.join("audit.ndjson"));
    let path = doors.audit.clone().or_else(own).ok_or_else(|| {
        Failure::settings(
            "there is no place for the audit log: neither HOME nor XDG_STATE_HOME is set",
            "name it with --audit",
        )
    })?;
    let audit = Audit::open(&path).map_err(|error| {
        Failure::settings(
            format!("cannot write the audit log {}: {error}", path.display()),
            "check the folder, or name another file with --audit",
        )
    })?;
    Ok(Arc::new(audit))
}

/// Where statements are saved. A file that cannot be used holds up nothing but itself.
fn saved_of(settings: &Settings, doors: &Doors) -> Option<Arc<Saved>> {
    let own = || Some(folders::state()?.join("saved.json"));
    let saved = Saved::at(doors.saved.clone().or_else(own)?);
    if let Err(error) = saved.check() {
        say(
            settings,
            &format!(
                "warning: {error}\nhint: it is left as it is: mend it, or move it away to begin anew"
            ),
        );
    }
    Some(Arc::new(saved))
}

fn limits(settings: &Settings, doors: &Doors) -> Limits {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let running = cores * RUNNING_OF_CORE;
    Limits {
        time: doors.time,
        memory_bytes: (settings.memory_bytes.value / running).max(STATEMENT_BYTES_MIN),
        rows: doors.rows,
        running,
        waiting: running * WAITING_OF_RUNNING,
    }
}
