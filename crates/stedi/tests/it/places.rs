//! Folders for calls of the program: landing data, lakes, projects.
//!
//! Lakes that many tests only read are built once per binary and kept below
//! `target/tmp`; tests that change one take a copy. A lock file guards the build,
//! because cargo-nextest runs every test in a process of its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use serde_json::Value;
use tempfile::TempDir;

use crate::people::People;
use crate::program::{BINARY, stedi};

/// A folder with `landing` and `lake`, built once and read by many tests.
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) people: People,
}

/// The folder that `stedi demo` creates, with its output in `out` and `err`.
pub(crate) static DEMO: LazyLock<Shared> = LazyLock::new(|| {
    shared("demo", |dir| {
        let outcome = stedi(dir, "demo .").run().done();
        fs::write(dir.join("out"), outcome.out).unwrap();
        fs::write(dir.join("err"), outcome.err).unwrap();
    })
});

/// The rows of its tables: the published counts.
pub(crate) const DEMO_COUNTS: [(&str, u64); 9] = [
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

/// A sample of forty people and its lake, for tests that do not depend on counts.
pub(crate) static SMALL: LazyLock<Shared> = LazyLock::new(|| {
    shared("small", |dir| {
        stedi(dir, "sample landing --customers 40 --seed 7")
            .run()
            .done();
        let outcome = stedi(dir, "run").run().done();
        fs::write(dir.join("out"), outcome.out).unwrap();
    })
});

/// Landing data of enough people for a run of several seconds, without a lake.
pub(crate) static MANY: LazyLock<Shared> = LazyLock::new(|| {
    shared("many", |dir| {
        stedi(dir, "sample landing --customers 6000").run().done();
    })
});

/// The lake of the reference data; `None` if the data is absent.
pub(crate) static REFERENCE: LazyLock<Option<Shared>> = LazyLock::new(|| {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/stedi");
    let Ok(data) = data.canonicalize() else {
        eprintln!("skipped: {} is not there", data.display());
        return None;
    };
    Some(shared("reference", |dir| {
        std::os::unix::fs::symlink(&data, dir.join("landing")).unwrap();
        let run = stedi(dir, "run --expect published --format json").run();
        fs::write(dir.join("run.json"), run.done().out).unwrap();
    }))
});

fn shared(name: &str, make: impl FnOnce(&Path)) -> Shared {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("it");
    fs::create_dir_all(&root).unwrap();
    let lock = File::create(root.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    // Neither the program nor what is asked of it may be another.
    let tests = std::env::current_exe().unwrap();
    let built = [Path::new(BINARY), &tests].map(|of| {
        let modified = fs::metadata(of).unwrap().modified().unwrap();
        modified.duration_since(UNIX_EPOCH).unwrap().as_millis()
    });
    let stamp = format!("{name}-{}-{}", built[0], built[1]);
    let dir = root.join(&stamp);
    let complete = root.join(format!("{stamp}.complete"));
    if !complete.exists() {
        // What an earlier build left, and what an earlier try left unfinished.
        for entry in fs::read_dir(&root).unwrap().flatten() {
            let entry_name = entry.file_name();
            if entry_name
                .to_string_lossy()
                .starts_with(&format!("{name}-"))
            {
                let _ = fs::remove_dir_all(entry.path());
                let _ = fs::remove_file(entry.path());
            }
        }
        fs::create_dir(&dir).unwrap();
        make(&dir);
        File::create(&complete).unwrap();
    }
    Shared {
        people: People::of(&dir.join("landing")),
        dir,
    }
}

impl Shared {
    /// A private folder with a copy of the lake and a link to the landing data.
    pub(crate) fn with_own_lake(&self) -> TempDir {
        let own = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(self.dir.join("landing"), own.path().join("landing")).unwrap();
        copy(&self.dir.join("lake"), &own.path().join("lake"));
        own
    }

    /// A private folder with copies of both.
    pub(crate) fn copied(&self) -> TempDir {
        let own = tempfile::tempdir().unwrap();
        copy(&self.dir.join("landing"), &own.path().join("landing"));
        copy(&self.dir.join("lake"), &own.path().join("lake"));
        own
    }
}

/// Copies a folder with its content; links stay links.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&from, &to);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else {
            fs::copy(&from, &to).unwrap();
            // A landing file is told from a changed one by its time.
            let modified = fs::metadata(&from).unwrap().modified().unwrap();
            let copy = File::options().append(true).open(&to).unwrap();
            copy.set_modified(modified).unwrap();
        }
    }
}

/// Every file and folder below `dir`, with its bytes. Empty if `dir` does not
/// exist.
pub(crate) fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(dir: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        let Ok(entries) = fs::read_dir(dir) else {
            return;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                found.insert(path.clone(), Vec::new());
                walk(&path, found);
            } else {
                found.insert(path.clone(), fs::read(&path).unwrap_or_default());
            }
        }
    }
    let mut found = BTreeMap::new();
    if dir.exists() {
        found.insert(dir.to_owned(), Vec::new());
    }
    walk(dir, &mut found);
    found
}

/// Fails if anything below `dir` has changed.
#[track_caller]
pub(crate) fn unchanged(before: &BTreeMap<PathBuf, Vec<u8>>, dir: &Path, case: &str) {
    let after = contents(dir);
    let new: Vec<_> = after.keys().filter(|p| !before.contains_key(*p)).collect();
    let gone: Vec<_> = before.keys().filter(|p| !after.contains_key(*p)).collect();
    let other: Vec<_> = before
        .iter()
        .filter(|(path, bytes)| after.get(*path).is_some_and(|now| now != *bytes))
        .map(|(path, _)| path)
        .collect();
    assert!(
        new.is_empty() && gone.is_empty() && other.is_empty(),
        "{case}: {} changed\n  new: {new:?}\n  gone: {gone:?}\n  other: {other:?}",
        dir.display()
    );
}

/// The log entries of all tables of a lake, system tables included.
pub(crate) fn log_entries(lake: &Path) -> Vec<PathBuf> {
    let all = contents(lake).into_keys();
    all.filter(|path| path.parent().is_some_and(|dir| dir.ends_with("_delta_log")))
        .collect()
}

/// Landing data written by hand, one JSON value per line.
#[derive(Default)]
pub(crate) struct Landing {
    pub(crate) customers: Vec<Value>,
    pub(crate) accelerometer: Vec<Value>,
    pub(crate) step_trainer: Vec<Value>,
}

impl Landing {
    /// Writes the three sources below `dir/landing`, into files named `name`.
    pub(crate) fn write(&self, dir: &Path, name: &str) {
        for (source, lines) in [
            ("customer", &self.customers),
            ("accelerometer", &self.accelerometer),
            ("step_trainer", &self.step_trainer),
        ] {
            let folder = dir.join("landing").join(source).join("landing");
            fs::create_dir_all(&folder).unwrap();
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            fs::write(folder.join(name), text).unwrap();
        }
    }

    /// A fresh folder with this landing data in it.
    pub(crate) fn laid_out(&self) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        self.write(dir.path(), "a.json");
        dir
    }
}

/// Appends lines to a file below `dir/landing`.
pub(crate) fn append(dir: &Path, file: &str, text: &str) {
    use std::io::Write;
    let path = dir.join("landing").join(file);
    let mut file = File::options().create(true).append(true).open(path);
    file.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
}
