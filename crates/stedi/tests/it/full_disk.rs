//! A lake on a disk that is full.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::company::STEDI_TABLES;
use crate::delta;
use crate::equal;
use crate::growing_landing::{Minds, consistent, deliver, on_lake};
use crate::program::Call;

/// A small disk, mounted in a namespace of its own: only calls that enter the
/// namespace see it.
pub(crate) struct Disk {
    holder: Child,
    dir: PathBuf,
}

impl Disk {
    /// Mounts a disk of this size at `dir`; `None` if this user may not mount.
    pub(crate) fn of(dir: &Path, kilobytes: u64) -> Option<Self> {
        let mount = format!("mount -t tmpfs -o size={kilobytes}k tmpfs \"$0\" && exec sleep 600");
        let holder = Command::new("unshare")
            .args(["-m", "sh", "-c", &mount])
            .arg(dir)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let disk = Self {
            holder: holder.ok()?,
            dir: dir.to_owned(),
        };
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(5) {
            let mounts = fs::read_to_string(format!("/proc/{}/mounts", disk.holder.id()));
            let mounted = format!(" {} tmpfs ", dir.display());
            if mounts.is_ok_and(|mounts| mounts.contains(&mounted)) {
                return Some(disk);
            }
            sleep(Duration::from_millis(5));
        }
        None
    }

    /// The process in whose namespace it is.
    pub(crate) fn id(&self) -> u32 {
        self.holder.id()
    }

    /// The path of its files outside of the namespace.
    pub(crate) fn seen(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.dir.strip_prefix("/").unwrap())
    }

    fn call(&self, dir: &Path, words: &str) -> Call {
        on_lake(dir, "disk/lake", words).among_files_of(self.holder.id(), dir)
    }

    /// Fills it up to this much free space.
    pub(crate) fn fill(&self, kilobytes: u64) {
        let ballast = self.seen().join("ballast");
        let mut file = File::create(&ballast).unwrap();
        let chunk = [1_u8; 1 << 12];
        while std::io::Write::write_all(&mut file, &chunk).is_ok() {}
        let filled = file.metadata().unwrap().len();
        file.set_len(filled.saturating_sub(kilobytes << 10))
            .unwrap();
    }

    /// Gives the room back.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.seen().join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn a_full_disk_ends_a_run_and_room_lets_the_next_one_complete() {
    if crate::long::is_left_out() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mount = dir.join("disk");
    fs::create_dir(&mount).unwrap();
    let Some(disk) = Disk::of(&mount, 8 << 10) else {
        eprintln!("skipped: a disk of one's own needs the right to mount one");
        return;
    };
    let lake = disk.seen().join("lake");
    deliver(dir, 0, Minds::Made);
    deliver(dir, 1, Minds::Made);
    disk.call(dir, "run").run().done();
    let (mut full, mut begun) = (0, 0);
    // In pages of 4 KiB, of which every file takes one at least.
    for (number, kilobytes) in [0, 16, 32, 44, 52, 60, 72, 88, 104].into_iter().enumerate() {
        deliver(dir, number + 2, Minds::Made);
        let rows = all_rows(&lake);
        disk.fill(kilobytes);
        let run = disk.call(dir, "run").run();
        let now = all_rows(&lake);
        disk.empty();
        let shows = format!("with {kilobytes} KiB of room: {run}");
        consistent(&lake).unwrap_or_else(|fault| panic!("{fault}\n{shows}"));
        if run.code == 0 {
            continue;
        }
        assert_eq!(run.code, 1, "{shows}");
        assert!(run.err.contains("space"), "{shows}");
        assert!(run.err.contains("hint: "), "{shows}");
        full += 1;
        // The lake is as it was, or the next run finishes what was begun.
        begun += u32::from(now != rows);
        disk.call(dir, "run").run().done();
        let fresh = dir.join("fresh");
        on_lake(dir, "fresh", "run").run().done();
        equal::lakes(&lake, &fresh, &STEDI_TABLES.map(str::to_owned))
            .unwrap_or_else(|fault| panic!("{fault}\n{shows}"));
        fs::remove_dir_all(fresh).unwrap();
    }
    eprintln!("{full} runs found no room, {begun} of them while they published");
    assert!(full > 3, "{full} runs found no room");
}

/// The rows of all tables, system tables included.
fn all_rows(lake: &Path) -> BTreeMap<String, BTreeMap<String, u64>> {
    let tables = delta::tables(lake).into_iter();
    tables
        .map(|table| {
            let rows = delta::read(lake, &table).unwrap().unwrap_or_default();
            let counted = rows.counted(None);
            (table, counted)
        })
        .collect()
}
