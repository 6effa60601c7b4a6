//! A lake of synthetic data, built once, and doors to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sample::Sample;
use server::{Audit, Desk, Gate, Limits, Principal, Role, Users};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The tables with their published counts.
pub(crate) const COUNTS: &[(&str, u64)] = &[
    ("customer_landing", 956),
    ("accelerometer_landing", 81_273),
    ("step_trainer_landing", 28_680),
    ("customer_trusted", 482),
    ("accelerometer_trusted", 40_981),
    ("step_trainer_trusted", 14_460),
    ("customer_curated", 482),
    ("machine_learning_curated", 43_681),
    ("training_set", 32_025),
];

/// The threads of all doors of this process.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

fn setup() -> query::Setup {
    static BUILT: OnceLock<(TempDir, query::Setup)> = OnceLock::new();
    let (_, setup) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let landing = folder.path().join("landing");
        Sample::default().write(&landing).unwrap();
        let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse");
        let project = catalog::Project::read(&project).unwrap();
        let place = |path: PathBuf| ::lake::Location::parse(path.to_str().unwrap()).unwrap();
        let setup = query::Setup {
            landing: place(landing),
            lake: place(folder.path().join("lake")),
            memory_bytes: 1 << 30,
            now_ms: chrono::Utc::now().timestamp_millis(),
            key: Some(Arc::new(query::pseudonym_key::StandIn)),
            ..query::Setup::nowhere(project)
        };
        let run = async {
            let (progress, interrupt) = (Arc::new(engine::NoProgress), Arc::default());
            engine::run(&setup, &engine::RunOptions::default(), progress, interrupt).await
        };
        let report = runtime().block_on(run).unwrap();
        assert_ne!(report.verdict(), engine::Verdict::Fail, "{report:?}");
        (folder, setup)
    });
    setup.clone()
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Doors to the lake, until dropped.
pub(crate) struct Doors {
    pub(crate) postgres: SocketAddr,
    pub(crate) flight: SocketAddr,
    pub(crate) folder: TempDir,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// How doors differ between tests.
#[derive(Default)]
pub(crate) struct Options {
    /// Who asks where nobody signs in.
    pub(crate) role: Option<Role>,
    /// Name, role and password of those who sign in.
    pub(crate) users: &'static [(&'static str, Role, &'static str)],
    pub(crate) tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
    pub(crate) time: Option<Duration>,
}

impl Doors {
    pub(crate) fn open(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let setup = setup();
        let limits = Limits {
            time: options.time.unwrap_or(Duration::from_secs(60)),
            memory_bytes: 512 << 20,
            rows: 1_000_000,
            running: 4,
            waiting: 64,
        };
        let users = (!options.users.is_empty()).then(|| {
            let users = Users::at(folder.path().join("users.json"));
            for (name, role, password) in options.users {
                users.add(name, *role, false, Some(password)).unwrap();
            }
            Arc::new(users)
        });
        let (stop, stopped) = watch::channel(false);
        let audit = Arc::new(Audit::open(&folder.path().join("audit.ndjson")).unwrap());
        let opened = async {
            let gate = Gate {
                desk: Desk::open(setup, limits, audit).await.unwrap(),
                users,
                local: Principal {
                    name: "local".into(),
                    role: options.role.unwrap_or(Role::Engineer),
                    sees_personal: false,
                },
                tls: options.tls,
                stop: stopped,
            };
            let (postgres, flight) = (listener().await, listener().await);
            let places = (postgres.local_addr().unwrap(), flight.local_addr().unwrap());
            let tasks = vec![
                tokio::spawn(server::postgres(postgres, gate.clone())),
                tokio::spawn(server::flight(flight, gate)),
            ];
            (places, tasks)
        };
        let ((postgres, flight), tasks) = runtime().block_on(opened);
        Self {
            postgres,
            flight,
            folder,
            stop,
            tasks,
        }
    }

    /// Lines of the audit log.
    pub(crate) fn audit(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("audit.ndjson")).unwrap()
    }

    /// Closes the doors; how long it took.
    pub(crate) fn close(&mut self) -> Duration {
        let began = std::time::Instant::now();
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut self.tasks);
        runtime().block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        began.elapsed()
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
