//! Plays a history: a landing folder, its lake, and the fresh lakes that the lake
//! is compared with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use super::models::{Model, NAMES};
use super::step::{EDITS, Line, Nth, Source, Spelled, Step, What};
use crate::company::Company;
use crate::delta;
use crate::equal;
use crate::places::{contents, copy};
use crate::program::{Call, Outcome, finish, knows, stedi};
use crate::random::Dice;

/// The key of both lakes, so that pseudonyms are equal.
const KEYS: [&str; 3] = ["7", "8", "9"];

/// Duration of a run in microseconds: kills are spread over it.
static RUN_MICROS: AtomicU64 = AtomicU64::new(500_000);

/// Tables that random models do not read.
const NOT_READ: [&str; 2] = ["curated/training_set", "curated/machine_learning_curated"];

/// The data product of each company, as files.
static PRODUCTS: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    for company in [Company::Stedi, Company::Gym] {
        company.write_product(&dir.path().join(format!("{company:?}")));
    }
    dir
});

/// Counts of what was played.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effort {
    pub(crate) sequences: u64,
    pub(crate) runs: u64,
    pub(crate) comparisons: u64,
    /// Compared rows of each table, and other counts worth knowing.
    pub(crate) met: BTreeMap<String, u64>,
}

impl Effort {
    pub(crate) fn add(&mut self, other: Self) {
        self.sequences += other.sequences;
        self.runs += other.runs;
        self.comparisons += other.comparisons;
        for (what, count) in other.met {
            self.meet(&what, count);
        }
    }

    fn meet(&mut self, what: &str, count: u64) {
        *self.met.entry(what.to_owned()).or_default() += count;
    }
}

#[derive(Debug, Clone)]
struct Lying {
    source: Source,
    /// Path below the source's folder, without the suffix of its compression.
    stem: String,
    lines: Vec<Line>,
    spelled: Spelled,
    /// Whether its modification time is set to long ago.
    older: bool,
}

struct Entry {
    words: String,
    email: String,
}

/// A dropped entry of the quarantine.
struct Dropped {
    id: String,
    table: String,
    file: String,
    offset: usize,
    /// In hexadecimal digits.
    raw: String,
}

pub(crate) struct World {
    company: Company,
    dir: TempDir,
    files: Vec<Lying>,
    vanished: Vec<Lying>,
    names: [usize; 3],
    /// The name of the landing folder.
    landing: String,
    key: usize,
    now: i64,
    edits: Vec<usize>,
    /// Random models, if the history has any, and whether the complete product is
    /// there too.
    models: Option<(Vec<Model>, bool)>,
    entries: Vec<Entry>,
    dropped: Vec<Dropped>,
    /// Random numbers that choose the additional checks after a run.
    dice: Dice,
    /// The result of the last run of all tables.
    ended: i32,
    /// A run was killed, and no process has held the lock since.
    killed: bool,
    pub(crate) effort: Effort,
}

impl World {
    pub(crate) fn new(company: Company, seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if company != Company::Stedi {
            edit(company, dir.path(), &[]);
        }
        for source in Source::ALL {
            fs::create_dir_all(dir.path().join("landing").join(company.folder(source))).unwrap();
        }
        Self {
            company,
            dir,
            files: Vec::new(),
            vanished: Vec::new(),
            names: [0; 3],
            landing: "landing".to_owned(),
            key: 0,
            now: super::chance::BEGIN,
            edits: Vec::new(),
            models: None,
            entries: Vec::new(),
            dropped: Vec::new(),
            dice: Dice::of(seed),
            ended: 0,
            killed: false,
            effort: Effort::default(),
        }
    }

    /// Keeps all files for inspection.
    pub(crate) fn keep(self) -> PathBuf {
        self.dir.keep()
    }

    fn landing(&self) -> PathBuf {
        self.dir.path().join(&self.landing)
    }

    fn lake(&self) -> PathBuf {
        self.dir.path().join("lake")
    }

    pub(crate) fn play(&mut self, step: &Step) -> Result<(), String> {
        let mut run = step.run;
        let name = format!("{:?}", step.what);
        let end = name.find(['(', ' ']).unwrap_or(name.len());
        self.effort.meet(&format!("step {}", &name[..end]), 1);
        match &step.what {
            What::Arrive(deliveries) => {
                for delivery in deliveries {
                    self.lay(
                        delivery.source,
                        delivery.lines.clone(),
                        delivery.spelled,
                        None,
                    );
                }
            }
            What::Again(source, nth) => {
                if let Some(place) = self.place(*source, *nth) {
                    let file = self.files[place].clone();
                    self.lay(file.source, file.lines, file.spelled, None);
                }
            }
            What::Grow(source, nth, more) => self.change(*source, *nth, |file| {
                file.lines.extend_from_slice(more);
            }),
            What::Rewrite(source, nth, bits) => self.change(*source, *nth, |file| {
                let mut place = 0;
                file.lines.retain(|_| {
                    place += 1;
                    bits >> (place % 64) & 1 == 0
                });
                file.lines.reverse();
            }),
            What::Alter { source, nth, older } => self.change(*source, *nth, |file| {
                file.older ^= older;
                for line in &mut file.lines {
                    for (from, to) in [
                        ("\"z\":1", "\"z\":2"),
                        ("Object\":1", "Object\":2"),
                        ("\"5551\"", "\"5550\""),
                        ("\"cadence\":1", "\"cadence\":2"),
                        ("\"bpm\":1", "\"bpm\":2"),
                    ] {
                        line.text = line.text.replace(from, to);
                    }
                }
            }),
            What::Touch(source, nth) => self.change(*source, *nth, |_| {}),
            What::Rename(source, nth) => {
                if let Some(file) = self.take(*source, *nth) {
                    self.lay(file.source, file.lines, file.spelled, None);
                }
            }
            What::Vanish(source, nth) => {
                // Without any the folder would be taken for missing.
                let left = self.files.iter().filter(|file| file.source == *source);
                if left.count() > 1
                    && let Some(file) = self.take(*source, *nth)
                {
                    self.vanished.push(file);
                }
            }
            What::Return => {
                if let Some(file) = self.vanished.pop() {
                    self.lay(file.source, file.lines, file.spelled, Some(file.stem));
                }
            }
            What::Mend => {
                for place in 0..self.files.len() {
                    let mut file = self.files[place].clone();
                    let mut mended = false;
                    for line in &mut file.lines {
                        if let Some(whole) = line.whole.take() {
                            line.text = whole;
                            mended = true;
                        }
                    }
                    if mended {
                        write(self.company, &self.landing(), &file);
                        self.files[place] = file;
                    }
                }
            }
            What::Enter {
                act,
                email,
                purpose,
                at,
            } => {
                let now = self.now;
                let entry = Entry {
                    words: format!(
                        "consent {act} --unknown --purpose {purpose} --at {at} --who tester --now {now}"
                    ),
                    email: email.clone(),
                };
                enter(self.dir.path(), "lake", &entry)?;
                self.entries.push(entry);
            }
            What::During(thousandths, entry) => {
                let (child, line) = self.call("run", "lake").start();
                sleep(of_a_run(*thousandths));
                let step = Step {
                    what: What::clone(entry),
                    run: false,
                    compare: false,
                };
                let entered = self.play(&step);
                let outcome = finish(child, line);
                entered?;
                self.killed = false;
                if !self.is_refused(&outcome) {
                    ended(&outcome)?;
                }
            }
            What::Twice => {
                let calls = [0, 1].map(|_| self.call("run --wait 60", "lake").start());
                let outcomes = calls.map(|(child, line)| finish(child, line));
                self.killed = false;
                for outcome in &outcomes {
                    if !self.is_refused(outcome) {
                        ended(outcome)?;
                    }
                }
            }
            What::Later(now) => self.now = *now,
            What::Models(edits) => {
                self.edits.clone_from(edits);
                edit(self.company, self.dir.path(), edits);
            }
            What::Product { models, whole } => {
                self.models = Some((models.clone(), *whole));
                self.write_product();
            }
            What::Key(key) => self.key = *key,
            What::Move => {
                let before = self.landing();
                self.landing.push_str("-moved");
                fs::rename(before, self.landing()).unwrap();
            }
            What::Drop => self.drop_all()?,
            // It may have been refused.
            What::Select(table) if self.lacks(table) => {}
            What::Select(table) => {
                let ended = self.run(&format!("--select {table}"))?;
                if ended == 0 {
                    let reads: &[Source] = match *table {
                        "customer_trusted" | "members_agreed" => &[Source::Customers],
                        "accelerometer_trusted" | "strides_agreed" => {
                            &[Source::Customers, Source::Phones]
                        }
                        _ => &Source::ALL,
                    };
                    self.forget_dropped(reads);
                }
            }
            What::Full => {
                self.run_all("--full")?;
                run = false;
            }
            What::Kill(thousandths) => {
                self.kill(*thousandths);
                // Whether it got as far as the quarantine is not known.
                run |= !self.dropped.is_empty();
            }
            What::Compact => self.look_after("compact")?,
            What::Vacuum => self.look_after("vacuum")?,
        }
        if run {
            self.run_all("")?;
        }
        if step.compare {
            self.compare()?;
        }
        Ok(())
    }

    // Landing files.

    fn lay(&mut self, source: Source, lines: Vec<Line>, spelled: Spelled, stem: Option<String>) {
        let stem = stem.unwrap_or_else(|| {
            let name = &mut self.names[source as usize];
            *name += 1;
            // Names are no order, and some lie deeper.
            let number = *name * 37 % 100;
            match *name % 4 {
                0 => format!("deeper/{number:02}-{name}"),
                _ => format!("{number:02}-{name}"),
            }
        });
        let file = Lying {
            source,
            // Files are brought with the time at which they were written.
            older: lines.len().is_multiple_of(3),
            stem,
            lines,
            spelled,
        };
        write(self.company, &self.landing(), &file);
        self.files.push(file);
    }

    fn place(&self, source: Source, nth: Nth) -> Option<usize> {
        let own: Vec<usize> = (0..self.files.len())
            .filter(|place| self.files[*place].source == source)
            .collect();
        own.get(nth % own.len().max(1)).copied()
    }

    fn change(&mut self, source: Source, nth: Nth, change: impl FnOnce(&mut Lying)) {
        if let Some(place) = self.place(source, nth) {
            change(&mut self.files[place]);
            let landing = self.landing();
            write(self.company, &landing, &self.files[place]);
        }
    }

    fn take(&mut self, source: Source, nth: Nth) -> Option<Lying> {
        let file = self.files.remove(self.place(source, nth)?);
        fs::remove_file(path(self.company, &self.landing(), &file)).unwrap();
        Some(file)
    }

    // The living lake.

    fn words(&self, verb: &str, lake: &str) -> String {
        let is_built_in = self.company == Company::Stedi;
        let project = match is_built_in && self.edits.is_empty() && self.models.is_none() {
            true => "",
            false => "--project p",
        };
        let (landing, now) = (&self.landing, self.now);
        let quiet = if verb.starts_with("run") {
            ""
        } else {
            "--quiet"
        };
        format!("{verb} {quiet} --landing {landing} --lake {lake} --now {now} {project}")
    }

    fn call(&self, verb: &str, lake: &str) -> Call {
        stedi(self.dir.path(), &self.words(verb, lake)).env("STEDI_KEY", &KEYS[self.key].repeat(64))
    }

    fn run(&mut self, words: &str) -> Result<i32, String> {
        self.effort.runs += 1;
        self.killed = false;
        let started = Instant::now();
        let outcome = self.call(&format!("run {words}"), "lake").run();
        if self.is_refused(&outcome) {
            return self.run(words);
        }
        let took = started.elapsed().as_micros() as u64;
        let before = RUN_MICROS.load(Ordering::Relaxed);
        RUN_MICROS.store((before * 7 + took) / 8, Ordering::Relaxed);
        let mut said = outcome.err.lines();
        let how = said.find_map(|line| {
            let told = ["took in", "built everything anew", "rebuilt", "nothing new"];
            told.iter()
                .find(|told| line.starts_with(**told))
                .map(|told| match *told {
                    "built everything anew" => line,
                    told => told,
                })
        });
        self.effort
            .meet(&format!("run: {}", how.unwrap_or("the first")), 1);
        ended(&outcome)
    }

    /// Whether a table has a random model's name, but no such model exists.
    fn lacks(&self, table: &str) -> bool {
        let models = self.models.iter().flat_map(|(models, _)| models);
        let mut names = models.map(|model| model.name);
        NAMES.contains(&table) && !names.any(|name| name == table)
    }

    /// Removes a random model if it is refused when the project is read.
    fn is_refused(&mut self, outcome: &Outcome) -> bool {
        let Some((models, _)) = &mut self.models else {
            return false;
        };
        let told = |model: &Model| outcome.err.contains(&format!("{}:", model.file()));
        let Some(place) = models.iter().position(told) else {
            return false;
        };
        if outcome.code != 2 && outcome.code != 4 {
            return false;
        }
        models.remove(place);
        self.effort
            .meet(&format!("refused with {}", outcome.code), 1);
        self.write_product();
        true
    }

    fn write_product(&mut self) {
        edit(self.company, self.dir.path(), &self.edits);
        let Some((models, whole)) = &self.models else {
            return;
        };
        let project = self.dir.path().join("p");
        if !whole {
            fs::remove_file(project.join("published.toml")).unwrap();
            for table in NOT_READ {
                fs::remove_file(project.join(format!("{table}.sql"))).unwrap();
            }
        }
        for model in models {
            fs::write(project.join(model.file()), &model.text).unwrap();
        }
        self.effort.meet("models", models.len() as u64);
    }

    /// Runs all tables and checks what must hold afterwards.
    fn run_all(&mut self, words: &str) -> Result<(), String> {
        let planned = match self.dice.percent(self.looks(12)) {
            true => self.plan()?,
            false => None,
        };
        self.ended = self.run(words)?;
        if self.ended != 0 {
            // A check or a gate failed: it must fail in a full run, too.
            return self.compare();
        }
        self.forget_dropped(&Source::ALL);
        for (table, rows) in planned.into_iter().flatten() {
            let stands = delta::read(&self.lake(), &table)?.unwrap_or_default();
            if stands.rows.len() as u64 != rows {
                let stands = stands.rows.len();
                return Err(format!("{table}: {rows} rows were planned, {stands} came"));
            }
        }
        equal::nobody_without_consent(self.company, &self.lake(), &self.tables(), self.now)?;
        if self.dice.percent(self.looks(30)) {
            let before = contents(&self.lake());
            self.run("")?;
            let after = contents(&self.lake());
            if before != after {
                let new: Vec<_> = after
                    .iter()
                    .filter(|(path, bytes)| before.get(*path) != Some(bytes))
                    .map(|(path, _)| path)
                    .collect();
                return Err(format!("a run with nothing new wrote: {new:?}"));
            }
        }
        if self.dice.percent(self.looks(15)) {
            let outcome = self.call("verify", "lake").run();
            if outcome.code != 0 {
                return Err(format!("does not verify: {outcome}"));
            }
        }
        Ok(())
    }

    /// The percentage of runs with an additional check. With random models it is
    /// lower, because more histories are worth more than more checks.
    fn looks(&self, percent: u64) -> u64 {
        match self.models {
            Some(_) => percent / 3,
            None => percent,
        }
    }

    /// The number of rows that each table would have; `None` if checks fail.
    fn plan(&mut self) -> Result<Option<Vec<(String, u64)>>, String> {
        let before = contents(self.dir.path());
        let outcome = self.call("plan --format json", "lake").run();
        // Whoever holds the lake next finishes what a killed run began.
        let finishes = std::mem::take(&mut self.killed);
        if !finishes && contents(self.dir.path()) != before {
            return Err("a plan changed something".to_owned());
        }
        if ended(&outcome)? != 0 {
            return Ok(None);
        }
        let plan = outcome.json();
        let tables = plan.as_array().into_iter().flatten();
        let rows = tables.filter_map(|table| {
            let name = format!("{}/{}", table["zone"].as_str()?, table["table"].as_str()?);
            Some((name, table["rows"].as_u64()?))
        });
        Ok(Some(rows.collect()))
    }

    fn kill(&mut self, thousandths: u64) {
        let (mut child, _) = self.call("run", "lake").start();
        sleep(of_a_run(thousandths));
        let _ = child.kill();
        let _ = child.wait();
        self.killed = true;
    }

    fn look_after(&mut self, verb: &str) -> Result<(), String> {
        // Of a lake that has no table yet there is nothing to look after.
        if !knows(verb) || delta::tables(&self.lake()).is_empty() {
            return Ok(());
        }
        let outcome = self.call(verb, "lake").run();
        match outcome.code {
            0 => Ok(()),
            _ => Err(outcome.to_string()),
        }
    }

    fn drop_all(&mut self) -> Result<(), String> {
        let lake = self.lake();
        let open = quarantined(&lake)?;
        if open.is_empty() {
            return Ok(());
        }
        let outcome = self.call("quarantine drop --all", "lake").run();
        if outcome.code != 0 {
            return Err(outcome.to_string());
        }
        let known: BTreeSet<String> = self.dropped.iter().map(|of| of.id.clone()).collect();
        let new = open.into_iter().filter(|of| !known.contains(&of.id));
        self.dropped.extend(new);
        Ok(())
    }

    /// A run removes entries from the quarantine whose input no longer exists,
    /// dropped ones included.
    fn forget_dropped(&mut self, read: &[Source]) {
        let (files, company) = (&self.files, self.company);
        self.dropped.retain(|dropped| {
            let source = read
                .iter()
                .find(|source| company.landing_table(**source) == dropped.table);
            let Some(source) = source else {
                return true;
            };
            let mut same = files
                .iter()
                .filter(|file| file.source == *source && name(file) == dropped.file);
            same.any(|file| {
                let text = written(file);
                let rest = text.get(dropped.offset..).unwrap_or_default();
                let digits = rest.bytes().map(|byte| format!("{byte:02x}"));
                digits
                    .collect::<String>()
                    .starts_with(&dropped.raw.to_lowercase())
            })
        });
    }

    // Fresh lakes.

    /// The lake must equal what a full run makes of the current landing files.
    pub(crate) fn compare(&mut self) -> Result<(), String> {
        self.effort.comparisons += 1;
        let fresh = self.dir.path().join("fresh");
        for entry in &self.entries {
            enter(self.dir.path(), "fresh", entry)?;
        }
        let mut code = ended(&self.call("run", "fresh").run())?;
        if code == 0 && !self.dropped.is_empty() {
            let open = quarantined(&fresh)?;
            let ids = self.dropped.iter().map(|of| &of.id);
            let ids: Vec<&String> = ids
                .filter(|id| open.iter().any(|of| of.id == **id))
                .collect();
            if !ids.is_empty() {
                let call = self.call("quarantine drop", "fresh");
                let outcome = ids.into_iter().fold(call, Call::arg).run();
                if outcome.code != 0 {
                    return Err(outcome.to_string());
                }
                code = ended(&self.call("run", "fresh").run())?;
            }
        }
        if code != self.ended {
            return Err(format!(
                "a run of the living lake ended with {}, of a fresh one with {code}",
                self.ended
            ));
        }
        self.effort.meet(&format!("ended with {code}"), 1);
        if code == 0 {
            equal::lakes(&self.lake(), &fresh, &self.tables())?;
            equal::checks(&self.lake(), &fresh)?;
            for (what, count) in equal::told(&fresh, &self.tables())? {
                self.effort.meet(&what, count);
            }
        }
        let _ = fs::remove_dir_all(&fresh);
        Ok(())
    }

    /// The tables of the data product, by their paths in a lake.
    fn tables(&self) -> Vec<String> {
        let mut tables: Vec<String> = self.company.tables().map(str::to_owned).to_vec();
        let new = self.edits.iter().filter(|edit| EDITS[**edit].1.is_empty());
        tables.extend(new.map(|edit| EDITS[*edit].0.trim_end_matches(".sql").to_owned()));
        if let Some((models, whole)) = &self.models {
            tables.retain(|table| *whole || !NOT_READ.contains(&table.as_str()));
            tables.extend(models.iter().map(Model::table));
        }
        tables
    }
}

/// This many thousandths of the duration of a run.
fn of_a_run(thousandths: u64) -> Duration {
    Duration::from_micros(RUN_MICROS.load(Ordering::Relaxed) * thousandths / 1_000)
}

/// The allowed exit codes of a run: success, or refused by a check or a gate.
fn ended(outcome: &Outcome) -> Result<i32, String> {
    match outcome.code {
        0 | 3 | 4 => Ok(outcome.code),
        _ => Err(outcome.to_string()),
    }
}

fn enter(dir: &Path, lake: &str, entry: &Entry) -> Result<(), String> {
    let words = format!("{} --quiet --lake {lake}", entry.words);
    let (child, line) = stedi(dir, &words).input(&entry.email).start();
    let outcome = finish(child, line);
    match outcome.code {
        0 => Ok(()),
        _ => Err(outcome.to_string()),
    }
}

/// The open entries of a lake's quarantine.
fn quarantined(lake: &Path) -> Result<Vec<Dropped>, String> {
    let rows = delta::read(lake, "system/quarantine")?.unwrap_or_default();
    let of = |column: &str| -> Vec<String> {
        rows.of(column)
            .map(|value| value.unwrap_or_default().to_owned())
            .collect()
    };
    let columns = ["id", "table_name", "file", "byte_offset", "raw", "state"].map(of);
    let [ids, tables, files, offsets, raws, states] = columns;
    let entries = (0..ids.len()).filter(|row| states[*row] == "open");
    Ok(entries
        .map(|row| Dropped {
            id: ids[row].clone(),
            table: tables[row].clone(),
            file: files[row].clone(),
            offset: offsets[row].parse().unwrap_or_default(),
            raw: raws[row].clone(),
        })
        .collect())
}

/// Writes the data product with `edits` to `dir/p`.
fn edit(company: Company, dir: &Path, edits: &[usize]) {
    let project = dir.join("p");
    let _ = fs::remove_dir_all(&project);
    copy(&PRODUCTS.path().join(format!("{company:?}")), &project);
    for edit in edits {
        let (file, from, to) = EDITS[*edit];
        let file = project.join(file);
        let text = fs::read_to_string(&file).unwrap_or_default();
        // Another edit may have taken it away; alone, every edit fits.
        assert!(
            text.contains(from) || edits.len() > 1,
            "{}: no {from:?}",
            file.display()
        );
        let text = match from.is_empty() {
            true => to.to_owned(),
            false => text.replacen(from, to, 1),
        };
        fs::write(file, text).unwrap();
    }
}

fn name(file: &Lying) -> String {
    match file.spelled {
        Spelled::Gzip => format!("{}.json.gz", file.stem),
        _ => format!("{}.json", file.stem),
    }
}

fn path(company: Company, landing: &Path, file: &Lying) -> PathBuf {
    landing.join(company.folder(file.source)).join(name(file))
}

/// The text of a file before compression.
fn written(file: &Lying) -> String {
    let texts = file.lines.iter().map(|line| match file.spelled {
        Spelled::Pretty => pretty(&line.text),
        _ => line.text.clone(),
    });
    let texts: Vec<String> = texts.collect();
    match file.spelled {
        Spelled::Lines | Spelled::Pretty | Spelled::Gzip => {
            texts.iter().map(|text| format!("{text}\n")).collect()
        }
        Spelled::OpenEnd => texts.join("\n"),
        Spelled::Concatenated => texts.concat(),
        Spelled::Array => format!("[{}]\n", texts.join(",\n ")),
    }
}

fn pretty(text: &str) -> String {
    let value: Result<Value, _> = serde_json::from_str(text);
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
    pretty.unwrap_or_else(|_| text.to_owned())
}

fn write(company: Company, landing: &Path, file: &Lying) {
    let text = written(file);
    let text_hash = text.bytes().fold(7_u64, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let bytes = match file.spelled {
        Spelled::Gzip => {
            let mut packed =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            packed.write_all(text.as_bytes()).unwrap();
            packed.finish().unwrap()
        }
        _ => text.into_bytes(),
    };
    let path = path(company, landing, file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    if file.older {
        let opened = fs::File::options().write(true).open(&path).unwrap();
        // Other contents have another time, but no later one.
        let day = Duration::from_secs(86_400) * (1 + text_hash as u32 % 1_000);
        opened.set_modified(SystemTime::now() - day).unwrap();
    }
}
