//! Benchmarks: time and memory of counting at a thousand times the reference data, and
//! with many people at the same instants.
//!
//! Run each test alone, in a release build:
//! `/usr/bin/time -v BINARY --ignored --exact --nocapture ownership::benchmarks::NAME`

use std::sync::Arc;
use std::time::Instant;

use super::*;

const DEVICES: u32 = 956_000;

/// Instants like those of the scaled reference data: every copy of the 956 devices has
/// its own hour, and a device reports every two to four seconds.
fn spread(number: u32) -> impl Iterator<Item = i64> {
    let random = mix(u64::from(number));
    let period = 2030 + (random % 1970) as i64;
    let start =
        1_655_561_935_465 + i64::from(number / 956) * 3_600_000 + (random >> 20) as i64 % 2_480_000;
    (0..30).map(move |i| start + i * period)
}

fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (z ^ (z >> 27)) & (u64::MAX >> 1)
}

/// Thirty distinct of `0..many`, ascending, at random.
fn thirty_of(many: u64, number: u32) -> Vec<i64> {
    let mut random = u64::from(number) << 20;
    let mut chosen = Vec::new();
    while chosen.len() < 30 {
        random = mix(random);
        let instant = (random % many) as i64;
        if !chosen.contains(&instant) {
            chosen.push(instant);
        }
    }
    chosen.sort_unstable();
    chosen
}

#[allow(clippy::print_stderr, reason = "reports figures")]
fn report(what: &str, since: &mut Instant) {
    eprintln!("{what}: {:.2} s", since.elapsed().as_secs_f64());
    *since = Instant::now();
}

fn devices<I: IntoIterator<Item = i64>>(count: u32, of: impl Fn(u32) -> I) -> DeviceInstants {
    let mut readings = DeviceReadings::new();
    for device in 0..count {
        of(device)
            .into_iter()
            .for_each(|i| readings.push(device, i));
    }
    readings.finish()
}

/// Matches all devices on `threads`. Returns the number of right and of wrong owners.
fn match_all(devices: &DeviceInstants, people: &PeopleByInstant, threads: u32) -> (usize, usize) {
    let share = devices.devices().div_ceil(threads);
    let part = |thread: u32| {
        let mut matcher = people.matcher();
        let (mut right, mut wrong) = (0, 0);
        for device in thread * share..((thread + 1) * share).min(devices.devices()) {
            let instants = devices.of(device);
            for period in owners(&mut matcher, instants, None) {
                match period.owner.person == device {
                    true => right += 1,
                    false => wrong += 1,
                }
            }
        }
        (right, wrong)
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|i| scope.spawn(move || part(i))).collect();
        parts
            .into_iter()
            .map(|part| part.join().unwrap())
            .fold((0, 0), |sum, (right, wrong)| (sum.0 + right, sum.1 + wrong))
    })
}

#[test]
#[ignore = "measures"]
fn claims_at_factor_1000() {
    let mut since = Instant::now();
    let devices = Arc::new(devices(DEVICES, spread));
    report("gather devices", &mut since);
    let claimants: Vec<_> = (0..DEVICES).map(Some).collect();
    for threads in [1, 2] {
        let claims = ClaimCounter::new(devices.clone(), &claimants);
        report("prepare claims", &mut since);
        let share = DEVICES.div_ceil(threads);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let claims = &claims;
                scope.spawn(move || {
                    let (mut persons, mut instants) = (Vec::new(), Vec::new());
                    for person in thread * share..((thread + 1) * share).min(DEVICES) {
                        for instant in spread(person) {
                            persons.extend([person; 3]);
                            instants.extend([instant; 3]);
                        }
                        if persons.len() > 8000 || person + 1 == DEVICES {
                            claims.add_readings(&persons, &instants);
                            persons.clear();
                            instants.clear();
                        }
                    }
                    claims.add_readings(&persons, &instants);
                });
            }
        });
        report(&format!("mark 86 million, {threads} threads"), &mut since);
        let holding = (0..DEVICES)
            .filter(|&d| claims.shared_instants(d) == 30)
            .count();
        assert_eq!(holding as u32, DEVICES);
        report("count", &mut since);
    }
}

#[test]
#[ignore = "measures"]
fn matching_at_factor_1000() {
    let mut since = Instant::now();
    let devices = devices(DEVICES, spread);
    report("gather devices", &mut since);
    let all: Vec<u32> = (0..DEVICES).collect();
    let wanted = Arc::new(InstantFilter::new(&devices, &all));
    report("want", &mut since);
    let mut readings = PersonReadings::new(wanted);
    for person in 0..DEVICES {
        for instant in spread(person) {
            (0..3).for_each(|_| readings.push(person, instant));
        }
    }
    report("gather 86 million readings of people", &mut since);
    let people = readings.finish();
    report("sort", &mut since);
    for threads in [1, 2] {
        let (right, wrong) = match_all(&devices, &people, threads);
        report(&format!("match, {threads} threads"), &mut since);
        assert_eq!(wrong, 0);
        assert!(right as f64 > 0.99 * f64::from(DEVICES), "{right}");
    }
}

#[allow(clippy::print_stderr, reason = "reports figures")]
fn crowd(
    devices_count: u32,
    people_count: u32,
    device: impl Fn(u32) -> Vec<i64>,
    person: impl Fn(u32) -> Vec<i64>,
) {
    let mut since = Instant::now();
    let devices = devices(devices_count, device);
    let all: Vec<u32> = (0..devices_count).collect();
    let mut readings = PersonReadings::new(Arc::new(InstantFilter::new(&devices, &all)));
    for number in 0..people_count {
        person(number)
            .into_iter()
            .for_each(|i| readings.push(number, i));
    }
    let people = readings.finish();
    report("gather", &mut since);
    let (right, wrong) = match_all(&devices, &people, 1);
    report("match, 1 thread", &mut since);
    eprintln!("{right} of {devices_count} found, {wrong} wrong");
}

/// Removes one in twenty instants, at random.
fn with_losses(number: u32, instants: Vec<i64>) -> Vec<i64> {
    let kept = |i: &i64| !mix(u64::from(number) << 32 | *i as u64).is_multiple_of(20);
    instants.into_iter().filter(kept).collect()
}

#[test]
#[ignore = "measures"]
fn crowd_in_1000_ms() {
    crowd(
        100_000,
        100_000,
        |d| thirty_of(1000, d),
        |p| thirty_of(1000, p),
    );
}

#[test]
#[ignore = "measures"]
fn crowd_at_the_same_30_ms() {
    crowd(
        100_000,
        100_000,
        |_| (0..30).collect(),
        |_| (0..30).collect(),
    );
}

#[test]
#[ignore = "measures"]
fn crowd_at_the_same_30_ms_with_losses() {
    let of = |salt| move |number| with_losses(number ^ salt, (0..30).collect());
    crowd(100_000, 100_000, of(0), of(1 << 30));
}

#[test]
#[ignore = "measures"]
fn crowd_at_30_of_40_ms() {
    crowd(100_000, 100_000, |d| thirty_of(40, d), |p| thirty_of(40, p));
}

#[test]
#[ignore = "measures"]
fn crowd_at_30_of_40_ms_with_losses() {
    let of = |salt: u32| move |number| with_losses(number ^ salt, thirty_of(40, number));
    crowd(100_000, 100_000, of(0), of(1 << 30));
}

/// A million people within ten seconds, and a fiftieth as many devices.
#[test]
#[ignore = "measures"]
fn crowd_of_a_million_in_10000_ms() {
    crowd(
        20_000,
        1_000_000,
        |d| thirty_of(10_000, d),
        |p| thirty_of(10_000, p),
    );
}

#[test]
#[ignore = "measures"]
fn crowd_of_a_million_at_30_of_40_ms() {
    crowd(
        20_000,
        1_000_000,
        |d| thirty_of(40, d),
        |p| thirty_of(40, p),
    );
}
