//! Test: the rules on the reference data, unchanged, with losses, with missing owners,
//! and with changed owners. Skips if the data is missing.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::*;

/// The reference data with numbers for people. By the record, person `d` owns device `d`.
struct Reference {
    /// (person, instant), as often as it was reported.
    people: Vec<(u32, i64)>,
    /// (device, instant).
    devices: Vec<(u32, i64)>,
}

/// The reference data. `None`, with a message, if it is missing.
#[allow(clippy::print_stderr, reason = "a test says why it skips")]
fn reference() -> Option<Reference> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/stedi");
    let lines = |kind: &str| -> Option<Vec<String>> {
        let mut lines = Vec::new();
        for file in fs::read_dir(root.join(kind).join("landing")).ok()? {
            let text = fs::read_to_string(file.ok()?.path()).ok()?;
            lines.extend(text.lines().map(str::to_owned));
        }
        Some(lines)
    };
    let Some(customers) = lines("customer") else {
        eprintln!("skipped: no reference data in ../shared");
        return None;
    };
    let mut by_email = HashMap::new();
    let mut by_serial = HashMap::new();
    for (number, line) in (0..).zip(&customers) {
        let email = crate::normalize_subject(field(line, "email")).into_owned();
        by_email.insert(email, number);
        by_serial.insert(field(line, "serialNumber").to_owned(), number);
    }
    let people = lines("accelerometer")?;
    let people = people.iter().map(|line| {
        let person = by_email[&*crate::normalize_subject(field(line, "user"))];
        (person, instant(line, "timestamp"))
    });
    let devices = lines("step_trainer")?;
    let devices = devices.iter().map(|line| {
        let device = by_serial[field(line, "serialNumber")];
        (device, instant(line, "sensorReadingTime"))
    });
    Some(Reference {
        people: people.collect(),
        devices: devices.collect(),
    })
}

/// The text of a field in a flat JSON line without escapes.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap();
    let value = rest.split([',', '}']).next().unwrap();
    value.trim().trim_matches('"')
}

fn instant(line: &str, name: &str) -> i64 {
    field(line, name).parse().unwrap()
}

/// A generator for tests: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Loss {
    Missing,
    Duplicated,
    ShiftedByFewMs,
    ShiftedByMore,
    /// One of these each time.
    Any,
}

/// Applies `loss` to five in a hundred readings.
fn lose(readings: &[(u32, i64)], loss: Loss, random: &mut Random) -> Vec<(u32, i64)> {
    let mut left = Vec::with_capacity(readings.len());
    for &(number, instant) in readings {
        if random.below(100) >= 5 {
            left.push((number, instant));
            continue;
        }
        let loss = match loss {
            Loss::Any => [
                Loss::Missing,
                Loss::Duplicated,
                Loss::ShiftedByFewMs,
                Loss::ShiftedByMore,
            ][random.below(4) as usize],
            loss => loss,
        };
        let sign = 1 - 2 * random.below(2) as i64;
        match loss {
            Loss::Missing | Loss::Any => {}
            Loss::Duplicated => left.extend([(number, instant); 2]),
            Loss::ShiftedByFewMs => {
                left.push((number, instant + sign * (1 + random.below(5) as i64)));
            }
            Loss::ShiftedByMore => {
                left.push((
                    number,
                    instant + sign * (1000 + random.below(59_000) as i64),
                ));
            }
        }
    }
    left
}

fn gather(people: &[(u32, i64)], devices: &[(u32, i64)]) -> (DeviceInstants, PeopleByInstant) {
    let mut readings = DeviceReadings::new();
    for &(device, instant) in devices {
        readings.push(device, instant);
    }
    let devices = readings.finish();
    let all: Vec<u32> = (0..devices.devices()).collect();
    let mut readings = PersonReadings::new(Arc::new(InstantFilter::new(&devices, &all)));
    for &(person, instant) in people {
        readings.push(person, instant);
    }
    (devices, readings.finish())
}

/// The owners without claims, before contested ones are discarded.
fn matches(people: &[(u32, i64)], devices: &[(u32, i64)]) -> (DeviceInstants, Vec<Ownership>) {
    let (devices, people) = gather(people, devices);
    let mut matcher = people.matcher();
    let mut owned = Vec::new();
    for device in 0..devices.devices() {
        let periods = owners(&mut matcher, devices.of(device), None);
        owned.extend(periods.iter().map(|period| period.of(device)));
    }
    (devices, owned)
}

/// The number of right and of wrong owners.
fn tally(devices: &DeviceInstants, owned: &[Ownership]) -> (usize, usize) {
    let discarded: HashSet<usize> = find_contested(devices, owned).into_iter().collect();
    let kept = (0..owned.len()).filter(|place| !discarded.contains(place));
    let right = kept.clone().filter(|&i| owned[i].device == owned[i].person);
    (right.clone().count(), kept.count() - right.count())
}

#[test]
fn every_device_finds_its_owner() {
    let Some(data) = reference() else { return };
    let (devices, people) = gather(&data.people, &data.devices);
    assert_eq!(devices.devices(), 956);
    let mut matcher = people.matcher();
    let mut nearest = 0;
    for device in 0..956 {
        let best = matcher.best(devices.of(device)).unwrap();
        assert_eq!((best.person, best.support), (device, 30));
        nearest = nearest.max(best.runner_up);
    }
    assert_eq!(nearest, 23);
    let (devices, owned) = matches(&data.people, &data.devices);
    assert_eq!(tally(&devices, &owned), (956, 0));

    let claimants: Vec<Option<u32>> = (0..956).map(Some).collect();
    let claims = ClaimCounter::new(Arc::new(devices), &claimants);
    let (persons, instants): (Vec<_>, Vec<_>) = data.people.iter().copied().unzip();
    claims.add_readings(&persons, &instants);
    assert!((0..956).all(|device| claims.shared_instants(device) == 30));
}

/// Applies one loss, or several in sequence, to both sides. `by_instant` takes each
/// person's reading of an instant once, which is harder: the data has mostly three, and
/// one of them survives.
///
/// With `some_unread`, a tenth of the phones was never read.
fn noise(seeds: Range<u64>, some_unread: bool) -> Vec<(String, usize, usize, usize)> {
    let Some(data) = reference() else {
        return Vec::new();
    };
    let once: HashSet<(u32, i64)> = data.people.iter().copied().collect();
    let mut once: Vec<_> = once.into_iter().collect();
    once.sort_unstable();
    let mut results = Vec::new();
    for (by_instant, readings) in [(false, &data.people), (true, &once)] {
        for losses in [
            &[Loss::Missing][..],
            &[Loss::Duplicated],
            &[Loss::ShiftedByFewMs],
            &[Loss::ShiftedByMore],
            &[Loss::Any],
            &[Loss::Missing, Loss::Duplicated, Loss::ShiftedByFewMs],
        ] {
            let (mut right, mut wrong, mut all) = (0, 0, 0);
            for seed in seeds.clone() {
                let mut random = Random(seed);
                let (mut people, mut devices) = (readings.clone(), data.devices.clone());
                for &loss in losses {
                    people = lose(&people, loss, &mut random);
                    devices = lose(&devices, loss, &mut random);
                }
                let unread = |person: u32| some_unread && (u64::from(person) + seed) % 10 == 0;
                people.retain(|reading| !unread(reading.0));
                let (devices, owned) = matches(&people, &devices);
                let (found, mistaken) = tally(&devices, &owned);
                all += (0..956).filter(|&person| !unread(person)).count();
                right += found;
                wrong += mistaken;
            }
            let name = format!("{losses:?}, by instant: {by_instant}, unread: {some_unread}");
            results.push((name, all, right, wrong));
        }
    }
    results
}

#[test]
fn losses_name_no_wrong_owner() {
    for (name, all, right, wrong) in noise(0..2, false) {
        assert_eq!(wrong, 0, "{name}");
        assert!(right * 100 >= all * 99, "{name}: {right} of {all}");
    }
}

#[test]
#[ignore = "a minute in release: the evidence for the rules' numbers"]
#[allow(clippy::print_stderr, reason = "reports figures")]
fn losses_over_many_seeds() {
    let results = [noise(0..200, false), noise(0..200, true)];
    for (name, all, right, wrong) in results.into_iter().flatten() {
        let percent = 100.0 * right as f64 / all as f64;
        eprintln!("{name}: {percent:.3} % of {all} found, {wrong} wrong");
        assert_eq!(wrong, 0, "{name}");
        assert!(right * 100 >= all * 99, "{name}: {right} of {all}");
    }
}

/// If a tenth of the phones was never read, their devices have no owner, although a
/// stranger may share 23 of 30 instants.
#[test]
fn a_missing_owner_is_not_replaced() {
    let Some(data) = reference() else { return };
    let mut near = 0;
    for tenth in 0..10 {
        let mut people = data.people.clone();
        people.retain(|reading| reading.0 % 10 != tenth);
        let gone = (0..956).filter(|person| person % 10 == tenth).count();
        let (devices, owned) = matches(&people, &data.devices);
        near += owned.iter().filter(|one| one.device != one.person).count();
        assert_eq!(tally(&devices, &owned), (956 - gone, 0), "tenth {tenth}");
    }
    // There were strangers to discard.
    assert!(near > 0);
}

/// Each device belongs to the next person a day later, with losses.
#[test]
fn changed_devices_have_both_owners() {
    const DAY_MS: i64 = 86_400_000;
    let Some(data) = reference() else { return };
    for losses in [
        &[][..],
        &[Loss::Any],
        &[Loss::Missing, Loss::ShiftedByFewMs],
    ] {
        let mut random = Random(7);
        let later = |readings: &[(u32, i64)]| -> Vec<(u32, i64)> {
            let moved = readings
                .iter()
                .map(|&(number, instant)| (number, instant + DAY_MS));
            readings.iter().copied().chain(moved).collect()
        };
        let mut people = later(&data.people);
        let mut devices = later(&data.devices);
        let first = data.devices.iter().map(|reading| reading.1).min().unwrap();
        for reading in &mut devices {
            if reading.1 >= first + DAY_MS / 2 {
                reading.0 = (reading.0 + 955) % 956;
            }
        }
        for &loss in losses {
            people = lose(&people, loss, &mut random);
            devices = lose(&devices, loss, &mut random);
        }
        let (devices, people) = gather(&people, &devices);
        let mut matcher = people.matcher();
        let mut found = 0;
        for device in 0..956 {
            let instants = devices.of(device);
            let whole = matcher.best(instants).unwrap();
            assert!(!is_clear(instants.len(), whole));
            let owners = owners(&mut matcher, instants, None);
            if owners.is_empty() {
                continue;
            }
            let people: Vec<u32> = owners.iter().map(|s| s.owner.person).collect();
            assert_eq!(people, [device, (device + 1) % 956]);
            assert_eq!(owners[0].valid_from, instants[0]);
            assert_eq!(owners[0].valid_to, Some(owners[1].valid_from));
            assert_eq!(owners[1].valid_to, None);
            let seam = owners[1].valid_from - first;
            assert!(
                losses.contains(&Loss::Any) || seam > DAY_MS / 2,
                "seam {seam}"
            );
            found += 1;
        }
        // Both periods must be clear, so twice as many can fail.
        assert!(found * 100 >= 956 * 98, "{losses:?}: {found}");
    }
}

/// Devices with only a few instants.
#[test]
fn tiny_devices() {
    let Some(data) = reference() else { return };
    let whole = gather(&data.people, &data.devices).0;
    for (size, found_min) in [(1, 0), (2, 0), (3, 0), (4, 0), (5, 950), (6, 950)] {
        let tiny: Vec<(u32, i64)> = (0..956)
            .flat_map(|device| {
                whole.of(device)[12..12 + size]
                    .iter()
                    .map(move |&i| (device, i))
            })
            .collect();
        let (devices, owned) = matches(&data.people, &tiny);
        let (right, wrong) = tally(&devices, &owned);
        assert_eq!(wrong, 0, "{size} instants");
        assert!(right >= found_min, "{size} instants: {right}");
        assert!(
            size >= SUPPORT_MIN as usize || right == 0,
            "{size} instants"
        );
    }
}
