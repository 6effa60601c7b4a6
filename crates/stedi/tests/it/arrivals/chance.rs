//! Generates random histories of a lake: a few people, a few devices, and readings
//! at few instants, so that everything meets everything.

use serde_json::{Value, json};

use super::models::{self, NAMES};
use super::step::{Delivery, EDITS, Line, Source, Spelled, Step, What};
use crate::random::Dice;

/// Start time of the first run.
pub(crate) const BEGIN: i64 = 2_000;

/// Number of instants of readings, one every ten milliseconds.
const INSTANTS: i64 = 48;

fn instant(number: i64) -> i64 {
    1_000 + 10 * (number % INSTANTS)
}

/// Generates a sequence of steps. The first one creates the landing folder.
pub(crate) fn steps(seed: u64) -> Vec<Step> {
    Chance::begin(seed, Language::Plain).make()
}

/// Generates a history of a lake with random models. It is short, since it tests
/// the models.
pub(crate) fn history(seed: u64) -> Vec<Step> {
    Chance::begin(seed, Language::All).make_history()
}

/// How e-mail addresses and numbers are spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Plain,
    /// Letters with two spellings in Unicode, and negative zeros.
    All,
}

struct Chance {
    dice: Dice,
    people: usize,
    now: i64,
    /// Lines that have arrived, by source.
    told: [Vec<Line>; 3],
    /// Readings that arrive late.
    held_back: Vec<(Source, Line)>,
    has_broken: bool,
    has_vanished: bool,
    language: Language,
}

impl Chance {
    fn begin(seed: u64, language: Language) -> Self {
        let mut dice = Dice::of(seed);
        let people = 2 + dice.below(5);
        Self {
            dice,
            people,
            now: BEGIN,
            told: Default::default(),
            held_back: Vec::new(),
            has_broken: false,
            has_vanished: false,
            language,
        }
    }

    fn make_history(&mut self) -> Vec<Step> {
        let step = |what: What| {
            let is_run = matches!(
                what,
                What::Select(_) | What::Full | What::During(..) | What::Twice
            );
            Step {
                what,
                run: !is_run,
                compare: false,
            }
        };
        let count = 3 + self.dice.below(NAMES.len() - 2);
        let product = What::Product {
            models: models::models(&mut self.dice, count),
            whole: self.dice.percent(15),
        };
        let mut steps = vec![Step {
            run: false,
            ..step(product)
        }];
        steps.push(step(self.first()));
        // Most often nothing happens but what runs take in by itself: where all is
        // built anew, what went wrong before is mended.
        let is_wild = self.dice.percent(30);
        for _ in 0..1 + self.dice.below(3) {
            let what = match is_wild {
                true => self.next_of_history(),
                false => self.news(),
            };
            let mut next = step(what);
            next.run &= self.dice.percent(88);
            steps.push(next);
        }
        if let Some(last) = steps.last_mut() {
            (last.run, last.compare) = (true, true);
        }
        steps
    }

    fn news(&mut self) -> What {
        match self.dice.below(100) {
            0..46 => self.arrival(),
            46..82 => self.entry(),
            82..88 => {
                self.now += self.dice.between(1, 700);
                What::Later(self.now)
            }
            88..91 => What::Compact,
            91..97 => {
                let after = self.dice.throw() % 1_000;
                What::During(after, Box::new(self.entry()))
            }
            _ => What::Twice,
        }
    }

    fn next_of_history(&mut self) -> What {
        let source = *self.dice.one_of(&Source::ALL);
        let nth = self.dice.below(6);
        match self.dice.below(100) {
            0..30 => self.arrival(),
            30..34 => What::Again(source, nth),
            34..36 => What::Rewrite(source, nth, self.dice.throw()),
            36..38 => What::Alter {
                source,
                nth,
                older: self.dice.percent(50),
            },
            38..40 => {
                self.has_vanished = true;
                What::Vanish(source, nth)
            }
            40..62 => self.entry(),
            62..72 => {
                self.now += self.dice.between(1, 700);
                What::Later(self.now)
            }
            // Another machine's clock.
            72..74 => What::Later(self.now - self.dice.between(1, 400)),
            74..80 => What::Select(self.dice.one_of::<&str>(&[
                "customer_trusted",
                "accelerometer_trusted",
                "customer_curated",
                "step_trainer_trusted",
                "r1",
                "r2",
                "r3",
            ])),
            80..81 => What::Full,
            81..85 => What::Kill(self.dice.throw() % 1_100),
            85..88 => What::Compact,
            88..95 => {
                let after = self.dice.throw() % 1_000;
                What::During(after, Box::new(self.entry()))
            }
            95..97 => What::Twice,
            97..98 if self.has_broken => What::Mend,
            98..99 if self.has_broken => What::Drop,
            _ => self.arrival(),
        }
    }

    fn make(&mut self) -> Vec<Step> {
        let mut steps = vec![Step {
            what: self.first(),
            run: self.dice.percent(85),
            compare: false,
        }];
        // A few live longer.
        let length = match self.dice.percent(8) {
            true => 10,
            false => 3 + self.dice.below(4),
        };
        while steps.len() < length {
            let what = self.next();
            let is_run = matches!(what, What::Select(_) | What::Full);
            // Several things may have happened since the last run.
            let run = !is_run && self.dice.percent(75);
            steps.push(Step {
                what,
                run,
                compare: run && self.dice.percent(20),
            });
        }
        if let Some(last) = steps.last_mut() {
            (last.run, last.compare) = (true, true);
        }
        steps
    }

    fn first(&mut self) -> What {
        let mut lines: Vec<(Source, Line)> = Vec::new();
        for person in 0..self.people {
            lines.push((Source::Customers, self.record(person)));
            if self.dice.percent(30) {
                lines.push((Source::Customers, self.record(person)));
            }
            if self.dice.percent(80) {
                self.session(person, &mut lines);
            }
        }
        // No folder is without any.
        let person = self.dice.below(self.people);
        let own = serial(person);
        lines.push((Source::Phones, self.phone(person, 0)));
        lines.push((Source::Trainers, self.trainer(&own, 0)));
        What::Arrive(self.divided(lines))
    }

    fn next(&mut self) -> What {
        loop {
            let nth = self.dice.below(6);
            let source = *self.dice.one_of(&Source::ALL);
            return match self.dice.below(100) {
                0..34 => self.arrival(),
                34..39 => What::Again(source, nth),
                39..43 => {
                    let mut lines = Vec::new();
                    self.some(&mut lines);
                    let source = lines[0].0;
                    lines.retain(|(of, _)| *of == source);
                    self.remember(&lines);
                    What::Grow(
                        source,
                        nth,
                        lines.into_iter().map(|(_, line)| line).collect(),
                    )
                }
                43..47 => What::Rewrite(source, nth, self.dice.throw()),
                47..49 => What::Alter {
                    source,
                    nth,
                    older: self.dice.percent(50),
                },
                49..50 => What::Touch(source, nth),
                50..52 => What::Rename(source, nth),
                52..56 => {
                    self.has_vanished = true;
                    What::Vanish(source, nth)
                }
                56..58 if self.has_vanished => What::Return,
                58..62 if self.has_broken => What::Mend,
                62..64 if self.has_broken => What::Drop,
                64..74 => self.entry(),
                74..82 => {
                    self.now += self.dice.between(1, 700);
                    What::Later(self.now)
                }
                82..88 => What::Models(self.edits()),
                88..91 => What::Select(self.dice.one_of::<&str>(&[
                    "customer_trusted",
                    "accelerometer_trusted",
                    "customer_curated",
                    "step_trainer_trusted",
                    "machine_learning_curated",
                    "training_set",
                ])),
                91..93 => What::Full,
                93..97 => What::Kill(self.dice.throw() % 1_100),
                97..98 => What::Vacuum,
                98 => What::Compact,
                99 if self.dice.percent(50) => What::Key(self.dice.below(3)),
                99 => What::Move,
                _ => continue,
            };
        }
    }

    fn arrival(&mut self) -> What {
        let mut lines = Vec::new();
        for _ in 0..=self.dice.below(2) {
            self.some(&mut lines);
        }
        if self.dice.percent(40) {
            lines.append(&mut self.held_back);
        }
        What::Arrive(self.divided(lines))
    }

    /// Adds lines that arrive together.
    fn some(&mut self, lines: &mut Vec<(Source, Line)>) {
        let person = self.dice.below(self.people);
        match self.dice.below(100) {
            0..30 => lines.push((Source::Customers, self.record(person))),
            30..38 => {
                // Somebody new.
                self.people += 1;
                let person = self.people - 1;
                lines.push((Source::Customers, self.record(person)));
                self.session(person, lines);
            }
            38..62 => self.session(person, lines),
            62..68 if self.language == Language::Plain => self.passed_on(person, lines),
            68..80 => {
                // Sent again, alone.
                let source = *self.dice.one_of(&Source::ALL);
                for _ in 0..=self.dice.below(3) {
                    let told = &self.told[source as usize];
                    if !told.is_empty() {
                        lines.push((source, self.dice.one_of(told).clone()));
                    }
                }
            }
            80..88 => {
                let at = self.dice.between(0, INSTANTS);
                lines.push((Source::Phones, self.phone(person, at)));
            }
            88..94 => {
                let at = self.dice.between(0, INSTANTS);
                let own = self.device_of(person);
                lines.push((Source::Trainers, self.trainer(&own, at)));
            }
            _ => {
                let broken = self.broken(person);
                lines.push(broken);
            }
        }
        if lines.is_empty() {
            lines.push((Source::Customers, self.record(person)));
        }
    }

    fn broken(&mut self, person: usize) -> (Source, Line) {
        self.has_broken = true;
        let whole = |line: Line| -> Value { serde_json::from_str(&line.text).unwrap() };
        match self.dice.below(4) {
            0 => {
                let at = self.dice.between(0, INSTANTS);
                let reading = whole(self.phone(person, at));
                (Source::Phones, Line::cut(&reading, 30))
            }
            1 => {
                let at = self.dice.between(0, INSTANTS);
                let reading = whole(self.trainer(&serial(person), at));
                (Source::Trainers, Line::cut(&reading, 40))
            }
            // The e-mail comes first, and can still be read.
            _ => {
                let record = whole(self.record(person));
                let cut = 60 + self.dice.below(60);
                (Source::Customers, Line::cut(&record, cut))
            }
        }
    }

    /// A person's phone and a device report at the same instants, except for some.
    fn session(&mut self, person: usize, lines: &mut Vec<(Source, Line)>) {
        let device = self.device_of(person);
        let start = self.dice.between(0, INSTANTS);
        let length = self.dice.between(3, 14);
        let (phones_late, trainers_late) = (self.dice.percent(12), self.dice.percent(12));
        for at in start..start + length {
            if self.dice.percent(92) {
                let line = (Source::Phones, self.phone(person, at));
                match phones_late {
                    true => self.held_back.push(line),
                    false => lines.push(line),
                }
            }
            if self.dice.percent(92) {
                let line = (Source::Trainers, self.trainer(&device, at));
                match trainers_late {
                    true => self.held_back.push(line),
                    false => lines.push(line),
                }
            }
        }
    }

    /// A device belongs to one person for a while, and then to another. Half of it
    /// may be known before, or arrive later.
    fn passed_on(&mut self, person: usize, lines: &mut Vec<(Source, Line)>) {
        let device = serial(person);
        let next = self.dice.below(self.people);
        let start = self.dice.between(0, INSTANTS / 2);
        let length = self.dice.between(6, 10);
        for (owner, start) in [(person, start), (next, start + length)] {
            let late = self.dice.percent(40);
            let phone = self.dice.percent(90);
            for at in start..start + length {
                let reading = (Source::Trainers, self.trainer(&device, at));
                let carried = (Source::Phones, self.phone(owner, at));
                let to = if late {
                    &mut self.held_back
                } else {
                    &mut *lines
                };
                to.push(reading);
                if phone {
                    to.push(carried);
                }
            }
        }
    }

    /// The serial number that a person claims: mostly their own. Devices are passed
    /// on, and some people have two.
    fn device_of(&mut self, person: usize) -> String {
        match self.unclear() {
            0..12 => serial(self.dice.below(self.people)),
            12..16 => format!("second-{person}"),
            16..18 => "shared".to_owned(),
            _ => serial(person),
        }
    }

    /// A random percentage. Below thirty, something about a device is irregular. An
    /// unclear owner is a reason for a full build, which histories of random models
    /// rarely test.
    fn unclear(&mut self) -> usize {
        let thrown = self.dice.below(100);
        match self.language {
            Language::All if self.dice.percent(94) => 99,
            _ => thrown,
        }
    }

    fn record(&mut self, person: usize) -> Line {
        let updated = match self.dice.below(100) {
            // Ties are wanted.
            0..50 => 500 + 100 * self.dice.between(0, 8),
            50..90 => self.dice.between(500, self.now),
            _ => self.dice.between(self.now, self.now + 400),
        };
        let serial = match self.unclear() {
            0..12 => json!("shared"),
            12..24 => json!(serial(self.dice.below(self.people))),
            24..30 => Value::Null,
            _ => json!(serial(person)),
        };
        let mut record = json!({
            "email": self.spelled(person, 25),
            "customerName": format!("Person {person}"),
            "phone": format!("555{}", self.dice.below(2)),
            "birthDay": "967",
            "serialNumber": serial,
            "registrationDate": 400 + person,
            "lastUpdateDate": updated,
        });
        for (purpose, given) in [("Research", 80), ("Public", 50), ("Friends", 30)] {
            let date = self.consent(given);
            if let Some(date) = date {
                record[format!("shareWith{purpose}AsOfDate")] = date;
            }
        }
        Line::of(&record)
    }

    /// The consent date of a record; `None` where it is absent.
    fn consent(&mut self, given: u64) -> Option<Value> {
        if !self.dice.percent(given) {
            let dates = [None, Some(json!(0)), Some(Value::Null), Some(json!(-1))];
            return self.dice.one_of::<Option<Value>>(&dates).clone();
        }
        let date = match self.dice.below(100) {
            0..50 => self.dice.between(400, 1_000),
            // Between readings.
            50..80 => instant(self.dice.between(0, INSTANTS)) + self.dice.between(-1, 2),
            80..90 => self.dice.between(1_500, self.now),
            _ => self.dice.between(self.now, self.now + 800),
        };
        Some(json!(date))
    }

    fn phone(&mut self, person: usize, at: i64) -> Line {
        let mut reading = json!({
            "user": self.spelled(person, 6),
            "timestamp": instant(at),
            "x": self.dice.between(-1, 4),
            "y": 0.5,
            "z": self.dice.between(0, 3),
        });
        if self.dice.percent(4) {
            reading["x"] = Value::Null;
        }
        if self.language == Language::All && self.dice.percent(6) {
            reading["x"] = json!(-0.0);
        }
        Line::of(&reading)
    }

    fn trainer(&mut self, device: &str, at: i64) -> Line {
        let mut reading = json!({
            "serialNumber": device,
            "sensorReadingTime": instant(at),
            "distanceFromObject": self.dice.between(0, 4),
        });
        if self.dice.percent(4) {
            reading["distanceFromObject"] = Value::Null;
        }
        Line::of(&reading)
    }

    /// A person's e-mail address; in this percentage of cases, in another spelling.
    fn spelled(&mut self, person: usize, percent: u64) -> String {
        // Every other name has a letter of two spellings.
        let name = match (self.language, person % 2) {
            (Language::All, 1) => match self.dice.percent(70) {
                true => "p\u{e9}",
                false => "pe\u{301}",
            },
            _ => "p",
        };
        let email = format!("{name}{person}@x.org");
        if !self.dice.percent(percent) {
            return email;
        }
        match self.dice.below(3) {
            0 => email.to_uppercase(),
            1 => format!(" {email}  "),
            _ => format!("{}{person}@X.org", name.replacen('p', "P", 1)),
        }
    }

    fn entry(&mut self) -> What {
        let person = self.dice.below(self.people);
        let at = match self.dice.below(100) {
            0..50 => self.now,
            50..90 => self.dice.between(500, self.now),
            _ => self.dice.between(self.now, self.now + 500),
        };
        What::Enter {
            act: self.dice.one_of::<&str>(&["grant", "withdraw", "withdraw"]),
            email: self.spelled(person, 25),
            purpose: self
                .dice
                .one_of::<&str>(&["research", "research", "research", "public"]),
            at,
        }
    }

    fn edits(&mut self) -> Vec<usize> {
        let mut edits: Vec<usize> = Vec::new();
        for _ in 0..self.dice.below(3) {
            let edit = self.dice.below(EDITS.len());
            // No two of one line.
            let place = |edit: usize| (EDITS[edit].0, EDITS[edit].1);
            if edits.iter().all(|known| place(*known) != place(edit)) {
                edits.push(edit);
            }
        }
        edits
    }

    /// Divides lines into files at random. Some lines are in two files.
    fn divided(&mut self, lines: Vec<(Source, Line)>) -> Vec<Delivery> {
        self.remember(&lines);
        let mut deliveries = Vec::new();
        for source in Source::ALL {
            let mut own: Vec<Line> = lines
                .iter()
                .filter(|(of, _)| *of == source)
                .map(|(_, line)| line.clone())
                .collect();
            if self.dice.percent(20) {
                own.reverse();
            }
            while !own.is_empty() {
                let whole = self.dice.percent(60);
                let end = if whole {
                    own.len()
                } else {
                    1 + self.dice.below(own.len())
                };
                let mut rest = own.split_off(end);
                if !rest.is_empty() && self.dice.percent(15) {
                    rest.push(own[0].clone());
                }
                let spelled = match self.dice.below(100) {
                    0..60 => Spelled::Lines,
                    60..70 => Spelled::OpenEnd,
                    70..78 => Spelled::Pretty,
                    78..86 => Spelled::Concatenated,
                    86..92 => Spelled::Array,
                    _ => Spelled::Gzip,
                };
                deliveries.push(Delivery {
                    source,
                    lines: own,
                    spelled,
                });
                own = rest;
            }
        }
        deliveries
    }

    fn remember(&mut self, lines: &[(Source, Line)]) {
        for (source, line) in lines {
            if line.whole.is_none() {
                self.told[*source as usize].push(line.clone());
            }
        }
    }
}

fn serial(person: usize) -> String {
    format!("device-{person}")
}
