//! Reads samples back from their files and counts them as `docs/tables.md` defines
//! the tables, with code that does not know how they were made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use super::*;

#[test]
fn a_cohort_has_the_published_counts_for_any_seed() {
    for seed in [Sample::default().seed, 0, 2, 956, u64::MAX] {
        check(956, seed, PUBLISHED);
    }
}

#[test]
fn cohorts_add_up_exactly() {
    check(2 * 956, 1, PUBLISHED.times(2));
    check(3 * 956, 77, PUBLISHED.times(3));
}

#[test]
fn other_sizes_are_proportional() {
    for customers in [1, 2, 3, 10, 100, 500, 955, 957, 1_500] {
        let counts = Folder::sample(customers, 1).data().counts();
        let expected = |published: u64| published as f64 * customers as f64 / 956.0;
        let near = |count: u64, published: u64, tolerance: f64| {
            let expected = expected(published);
            assert!(
                (count as f64 - expected).abs() <= tolerance,
                "{customers} customers: {count} instead of {expected:.1} in {counts:?}"
            );
        };
        assert_eq!(counts.customers, customers);
        assert_eq!(counts.step_trainer, 30 * customers);
        near(counts.accelerometer, PUBLISHED.accelerometer, 10.0);
        near(counts.research, PUBLISHED.research, 1.0);
        near(counts.research_trainer, PUBLISHED.research_trainer, 30.0);
        // A person's readings come together, and so do the meetings of a device
        // group.
        near(counts.research_phone, PUBLISHED.research_phone, 90.0);
        near(counts.strangers, PUBLISHED.strangers, 150.0);
        near(counts.under_consent, PUBLISHED.under_consent, 180.0);
        near(
            counts.subjects_under_consent,
            PUBLISHED.subjects_under_consent,
            2.0,
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let bytes = |seed| {
        let folder = Folder::sample(300, seed);
        folder
            .files()
            .into_iter()
            .map(|path| fs::read(path).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(bytes(5), bytes(5));
    assert_ne!(bytes(5), bytes(6));
}

#[test]
fn the_bytes_never_change() {
    let folder = Folder::sample(40, 7);
    let paths = folder.files().into_iter();
    let bytes = paths.flat_map(|path| fs::read(path).unwrap());
    // FNV-1a with 64 bits.
    let hash = bytes.fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    assert_eq!(hash, 0xA026_164A_3A90_7126);
}

#[test]
fn written_reports_what_is_in_the_folders() {
    let folder = Folder::new();
    let written = Sample::default().write(&folder.path).unwrap();
    let files = folder.files();
    let bytes = files
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .sum();
    assert_eq!(
        written,
        Written {
            customers: 956,
            accelerometer: 81_273,
            step_trainer: 28_680,
            files: 1 + 9 + 3,
            bytes,
        }
    );
    assert_eq!(files.len(), 13);
    let name = |path: &PathBuf| {
        path.strip_prefix(&folder.path)
            .unwrap()
            .display()
            .to_string()
    };
    assert_eq!(
        name(&files[0]),
        "accelerometer/landing/accelerometer-1691348231445.json"
    );
}

#[test]
fn people_agree_in_every_combination_as_the_reference_data_has_them() {
    let data = Folder::sample(956, 4).data();
    let mut combinations = BTreeMap::new();
    for customer in &data.customers {
        let agreed = [
            customer.research.is_some(),
            customer.line.contains("\"shareWithPublicAsOfDate\": "),
            customer.line.contains("\"shareWithFriendsAsOfDate\": "),
        ];
        *combinations.entry(agreed).or_insert(0) += 1;
    }
    // Research, public, friends.
    assert_eq!(
        combinations.into_iter().collect::<Vec<_>>(),
        [
            ([false, false, false], 102),
            ([false, false, true], 121),
            ([false, true, false], 134),
            ([false, true, true], 117),
            ([true, false, false], 102),
            ([true, false, true], 140),
            ([true, true, false], 110),
            ([true, true, true], 130),
        ]
    );
    let count = |test: &dyn Fn(&Customer) -> bool| {
        data.customers
            .iter()
            .filter(|customer| test(customer))
            .count()
    };
    assert_eq!(count(&|c| c.registered == c.updated), 912);
    assert_eq!(count(&|c| c.research == Some(c.registered)), 459);
    assert_eq!(count(&|c| c.research == Some(c.updated)), 479);
}

#[test]
fn people_and_readings_are_unique_and_plainly_synthetic() {
    let data = Folder::sample(3_000, 8).data();
    let emails: BTreeSet<String> = data
        .customers
        .iter()
        .map(|customer| customer.email.to_lowercase())
        .collect();
    let serials: BTreeSet<&String> = data
        .customers
        .iter()
        .map(|customer| &customer.serial_number)
        .collect();
    assert_eq!((emails.len(), serials.len()), (3_000, 3_000));
    for email in emails {
        let (_, domain) = email.split_once('@').unwrap();
        assert!(
            ["example.com", "example.net", "example.org"].contains(&domain),
            "{email}"
        );
    }
    for customer in &data.customers {
        let phone = value(&customer.line, "phone");
        assert!(phone.len() == 10 && &phone[3..8] == "55501", "{phone}");
        let research = customer.research.unwrap_or(1);
        assert!((1..1_700_000_000_000).contains(&research));
        let serial: Vec<usize> = customer.serial_number.split('-').map(str::len).collect();
        assert_eq!(serial, [8, 4, 4, 4, 12]);
        let year: u64 = value(&customer.line, "birthDay")
            .split('-')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!((967..2_000).contains(&year));
    }

    let phone: BTreeSet<&String> = data.accelerometer.iter().collect();
    let trainer: BTreeSet<&String> = data.step_trainer.iter().collect();
    assert_eq!(phone.len(), data.accelerometer.len());
    assert_eq!(trainer.len(), data.step_trainer.len());
}

#[test]
fn a_phone_reports_at_exactly_its_devices_instants() {
    let data = Folder::sample(1_000, 2).data();
    let phones = data.phone_readings();
    let devices = data.device_instants();
    for customer in &data.customers {
        let device = &devices[&customer.serial_number];
        let instants: Vec<u64> = phones[&customer.email].keys().copied().collect();
        assert_eq!(&instants, device);
        assert_eq!(device.len(), 30);
        let step = device[1] - device[0];
        assert!(device.windows(2).all(|pair| pair[1] - pair[0] == step));
        assert!((2_000..=5_200).contains(&step), "{step}");
        assert!(
            phones[&customer.email]
                .values()
                .all(|count| (1..=3).contains(count))
        );
    }
}

#[test]
fn strangers_meet_and_people_of_different_cohorts_do_not() {
    let data = Folder::sample(2 * 956, 12).data();
    let mut devices_at: BTreeMap<u64, Vec<&String>> = BTreeMap::new();
    let devices = data.device_instants();
    for (serial_number, instants) in &devices {
        for instant in instants {
            devices_at.entry(*instant).or_default().push(serial_number);
        }
    }
    let mut sizes = BTreeMap::new();
    for devices in devices_at.values() {
        *sizes.entry(devices.len()).or_insert(0) += 1;
    }
    let shared: Vec<(usize, i32)> = sizes.into_iter().filter(|(size, _)| *size > 1).collect();
    // Two cohorts: 87 crossings of 16, three pairs; then the stars.
    assert_eq!(
        shared,
        [
            (2, 2 * (87 * 16 + 23 + 2 + 9)),
            (3, 2 * 77),
            (4, 2 * 3),
            (5, 2 * 2)
        ]
    );
}

#[test]
fn a_folder_with_landing_data_is_refused_and_left_alone() {
    let folder = Folder::new();
    let occupied = folder.path.join("step_trainer/landing");
    fs::create_dir_all(&occupied).unwrap();
    fs::write(occupied.join("mine.json"), "{}").unwrap();
    let error = Sample::default().write(&folder.path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("\nhint: "), "{error}");
    assert_eq!(fs::read_dir(&folder.path).unwrap().count(), 1);
}

#[test]
fn sizes_out_of_range_are_refused() {
    for customers in [0, Sample::CUSTOMERS_MAX + 1] {
        let folder = Folder::new();
        let sample = Sample { customers, seed: 1 };
        let error = sample.write(&folder.path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(!folder.path.exists());
    }
}

#[test]
fn many_lines_go_into_larger_files() {
    let cases = [(1, 10_000), (95_600, 10_000), (95_601, 1_000_000)];
    for (customers, expected) in cases {
        assert_eq!(files::lines_max(customers), expected);
    }
}

/// The counts in `docs/tables.md`.
const PUBLISHED: Counts = Counts {
    customers: 956,
    accelerometer: 81_273,
    step_trainer: 28_680,
    research: 482,
    research_phone: 40_981,
    research_trainer: 14_460,
    pairs: 43_681,
    strangers: 2_700,
    under_consent: 32_025,
    subjects_under_consent: 464,
    subjects_before_consent: 387,
};

fn check(customers: u64, seed: u64, expected: Counts) {
    let counts = Folder::sample(customers, seed).data().counts();
    assert_eq!(counts, expected, "{customers} customers, seed {seed}");
}

#[derive(Debug, PartialEq, Eq)]
struct Counts {
    customers: u64,
    accelerometer: u64,
    step_trainer: u64,
    /// People who consent to research; the readings of their phones and trainers.
    research: u64,
    research_phone: u64,
    research_trainer: u64,
    /// Pairs of those readings joined on time alone, and how many of the pairs
    /// belong to two people.
    pairs: u64,
    strangers: u64,
    /// Pairs of one person since consent; people who have such pairs; and people
    /// who have pairs before consent.
    under_consent: u64,
    subjects_under_consent: u64,
    subjects_before_consent: u64,
}

impl Counts {
    fn times(self, factor: u64) -> Self {
        Counts {
            customers: factor * self.customers,
            accelerometer: factor * self.accelerometer,
            step_trainer: factor * self.step_trainer,
            research: factor * self.research,
            research_phone: factor * self.research_phone,
            research_trainer: factor * self.research_trainer,
            pairs: factor * self.pairs,
            strangers: factor * self.strangers,
            under_consent: factor * self.under_consent,
            subjects_under_consent: factor * self.subjects_under_consent,
            subjects_before_consent: factor * self.subjects_before_consent,
        }
    }
}

/// The lines of a sample, parsed as far as the counts need it.
struct Data {
    customers: Vec<Customer>,
    accelerometer: Vec<String>,
    step_trainer: Vec<String>,
}

struct Customer {
    line: String,
    email: String,
    serial_number: String,
    registered: u64,
    updated: u64,
    research: Option<u64>,
}

impl Data {
    fn counts(&self) -> Counts {
        let phones = self.phone_readings();
        let devices = self.device_instants();
        let research: Vec<(&Customer, u64)> = self
            .customers
            .iter()
            .filter_map(|customer| Some((customer, customer.research?)))
            .collect();

        let mut phone_at: BTreeMap<u64, u64> = BTreeMap::new();
        for (customer, _) in &research {
            for (instant, count) in &phones[&customer.email] {
                *phone_at.entry(*instant).or_default() += count;
            }
        }
        let (mut pairs, mut own, mut trainer, mut under) = (0, 0, 0, 0);
        let (mut since, mut before) = (BTreeSet::new(), BTreeSet::new());
        for (customer, agreed) in &research {
            for instant in &devices[&customer.serial_number] {
                trainer += 1;
                pairs += phone_at[instant];
                let count = phones[&customer.email][instant];
                own += count;
                if instant >= agreed {
                    under += count;
                    since.insert(&customer.email);
                } else {
                    before.insert(&customer.email);
                }
            }
        }
        Counts {
            customers: self.customers.len() as u64,
            accelerometer: self.accelerometer.len() as u64,
            step_trainer: self.step_trainer.len() as u64,
            research: research.len() as u64,
            research_phone: phone_at.values().sum(),
            research_trainer: trainer,
            pairs,
            strangers: pairs - own,
            under_consent: under,
            subjects_under_consent: since.len() as u64,
            subjects_before_consent: before.len() as u64,
        }
    }

    /// Number of phone readings by e-mail address and time.
    fn phone_readings(&self) -> BTreeMap<String, BTreeMap<u64, u64>> {
        let mut readings: BTreeMap<String, BTreeMap<u64, u64>> = BTreeMap::new();
        for line in &self.accelerometer {
            let instants = readings.entry(value(line, "user").to_owned()).or_default();
            let time = value(line, "timestamp").parse().unwrap();
            *instants.entry(time).or_default() += 1;
        }
        readings
    }

    /// Report times of each serial number, in order.
    fn device_instants(&self) -> BTreeMap<String, Vec<u64>> {
        let mut devices: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for line in &self.step_trainer {
            let instants = devices
                .entry(value(line, "serialNumber").to_owned())
                .or_default();
            instants.push(value(line, "sensorReadingTime").parse().unwrap());
        }
        devices
            .values_mut()
            .for_each(|instants| instants.sort_unstable());
        devices
    }
}

/// The value of a key in a line of a sample, without quotes.
fn value<'a>(line: &'a str, key: &str) -> &'a str {
    given(line, key).unwrap_or_else(|| panic!("no {key} in {line}"))
}

fn given<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{key}\":"))?;
    let end = rest.find([',', '}']).unwrap();
    Some(rest[..end].trim().trim_matches('"'))
}

/// A folder for one test, removed at the end of the test.
struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A unique path at which nothing exists yet.
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stedi-sample-{}-{number}", std::process::id());
        Folder {
            path: std::env::temp_dir().join(name),
        }
    }

    fn sample(customers: u64, seed: u64) -> Self {
        let folder = Folder::new();
        Sample { customers, seed }.write(&folder.path).unwrap();
        folder
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for source in ["accelerometer", "customer", "step_trainer"] {
            let entries = fs::read_dir(self.path.join(source).join("landing")).unwrap();
            files.extend(entries.map(|entry| entry.unwrap().path()));
        }
        files.sort();
        files
    }

    fn data(&self) -> Data {
        let lines = |source: &str| -> Vec<String> {
            let files = self.files().into_iter();
            files
                .filter(|path| path.starts_with(self.path.join(source)))
                .flat_map(|path| {
                    let text = fs::read_to_string(path).unwrap();
                    text.lines().map(str::to_owned).collect::<Vec<_>>()
                })
                .collect()
        };
        let customers = lines("customer").into_iter().map(|line| Customer {
            email: value(&line, "email").to_owned(),
            serial_number: value(&line, "serialNumber").to_owned(),
            registered: value(&line, "registrationDate").parse().unwrap(),
            updated: value(&line, "lastUpdateDate").parse().unwrap(),
            research: given(&line, "shareWithResearchAsOfDate").map(|date| date.parse().unwrap()),
            line,
        });
        Data {
            customers: customers.collect(),
            accelerometer: lines("accelerometer"),
            step_trainer: lines("step_trainer"),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that wrote nothing has nothing to remove.
        let _ = fs::remove_dir_all(&self.path);
    }
}
