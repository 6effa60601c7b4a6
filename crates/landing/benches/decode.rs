//! Benchmark: decoder throughput per core on lines in the shape of the three
//! sources, compared with serde_json (typed, values only) and arrow-json.
//!
//! `cargo bench -p stedi-landing`

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use landing::{Column, Decoder, Keep, KeySet, Schema, Spec, Type};
use serde::Deserialize;

/// Input bytes for each source.
const BYTES: usize = 4 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "fields are what is parsed")]
struct Customer<'a> {
    customer_name: &'a str,
    email: &'a str,
    phone: &'a str,
    birth_day: &'a str,
    serial_number: &'a str,
    registration_date: i64,
    last_update_date: i64,
    share_with_research_as_of_date: Option<i64>,
    share_with_public_as_of_date: Option<i64>,
    share_with_friends_as_of_date: Option<i64>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "fields are what is parsed")]
struct Accelerometer<'a> {
    user: &'a str,
    timestamp: i64,
    x: f64,
    y: f64,
    z: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "fields are what is parsed")]
struct StepTrainer<'a> {
    sensor_reading_time: i64,
    serial_number: &'a str,
    distance_from_object: i64,
}

/// Pseudorandom numbers (xorshift), so that every run decodes the same bytes.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn serial(&mut self) -> String {
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            self.below(1 << 32),
            self.below(1 << 16),
            self.below(1 << 12),
            self.below(1 << 12),
            self.below(1 << 48)
        )
    }
}

const NAMES: [&str; 6] = ["Ann", "Bertrand", "Chioma", "Dai", "Evgenia", "Fu"];

fn lines(mut line: impl FnMut(&mut Random) -> String) -> Bytes {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut lines = String::new();
    while lines.len() < BYTES {
        lines.push_str(&line(&mut random));
        lines.push('\n');
    }
    Bytes::from(lines)
}

fn person(random: &mut Random) -> String {
    let first = NAMES[random.below(6) as usize];
    let last = NAMES[random.below(6) as usize];
    format!("{first}.{last}@example.org")
}

fn accelerometer() -> Bytes {
    let mut user = String::new();
    lines(|random| {
        if user.is_empty() || random.below(30) == 0 {
            user = person(random);
        }
        let time = 1_655_564_000_000 + random.below(1_000_000);
        let mut axis = || random.below(3) as i64 - 1;
        let (x, y, z) = (axis(), axis(), axis());
        format!("{{\"user\":\"{user}\",\"timestamp\":{time},\"x\":{x}.0,\"y\":{y}.0,\"z\":{z}.0}}")
    })
}

fn step_trainer() -> Bytes {
    lines(|random| {
        format!(
            "{{\"sensorReadingTime\":{},\"serialNumber\":\"{}\",\"distanceFromObject\":{}}}",
            1_655_564_000_000 + random.below(1_000_000),
            random.serial(),
            200 + random.below(100)
        )
    })
}

fn customer() -> Bytes {
    lines(|random| {
        let time = 1_655_564_000_000 + random.below(1_000_000);
        let mut line = format!(
            "{{\"customerName\": \"{} {}\", \"email\": \"{}\", \"phone\": \"{}\", \
             \"birthDay\": \"{}-01-01\", \"serialNumber\": \"{}\", \
             \"registrationDate\": {time}, \"lastUpdateDate\": {time}",
            NAMES[random.below(6) as usize],
            NAMES[random.below(6) as usize],
            person(random),
            5_550_000_000 + random.below(1_000_000),
            1900 + random.below(100),
            random.serial(),
        );
        for purpose in ["Research", "Public", "Friends"] {
            if random.below(2) == 0 {
                line.push_str(&format!(", \"shareWith{purpose}AsOfDate\": {time}"));
            }
        }
        line + "}"
    })
}

fn schema(columns: &[(&str, Type)]) -> Schema {
    let columns = columns
        .iter()
        .map(|(name, kind)| Column::optional(*name, *kind))
        .collect();
    Schema { columns }
}

/// Row filter that keeps about half of the people.
#[derive(Debug)]
struct HalfOfThePeople;

impl KeySet for HalfOfThePeople {
    fn contains(&self, text: &str) -> bool {
        text < "Chioma.Dai"
    }
}

fn bench(criterion: &mut Criterion) {
    let accelerometer_schema = schema(&[
        ("user", Type::Text),
        ("timestamp", Type::Long),
        ("x", Type::Double),
        ("y", Type::Double),
        ("z", Type::Double),
    ]);
    let step_trainer_schema = schema(&[
        ("sensorreadingtime", Type::Long),
        ("serialnumber", Type::Text),
        ("distancefromobject", Type::Long),
    ]);
    let customer_schema = schema(&[
        ("customername", Type::Text),
        ("email", Type::Text),
        ("phone", Type::Text),
        ("birthday", Type::Text),
        ("serialnumber", Type::Text),
        ("registrationdate", Type::Long),
        ("lastupdatedate", Type::Long),
        ("sharewithresearchasofdate", Type::Long),
        ("sharewithpublicasofdate", Type::Long),
        ("sharewithfriendsasofdate", Type::Long),
    ]);

    let lines = accelerometer();
    bench_all(criterion, "accelerometer", &accelerometer_schema, &lines);
    bench_serde::<Accelerometer<'_>>(criterion, "accelerometer", &lines);
    let two_columns = Spec {
        projection: Some(vec![1, 2]),
        ..Spec::all(Arc::new(accelerometer_schema.clone()))
    };
    bench_stedi(
        criterion,
        "accelerometer",
        "stedi, two columns",
        two_columns,
        &lines,
    );
    let filtered = Spec {
        keep: Some(Keep {
            column: 0,
            keys: Arc::new(HalfOfThePeople),
        }),
        ..Spec::all(Arc::new(accelerometer_schema))
    };
    bench_stedi(
        criterion,
        "accelerometer",
        "stedi, half the people",
        filtered,
        &lines,
    );

    let lines = step_trainer();
    bench_all(criterion, "step_trainer", &step_trainer_schema, &lines);
    bench_serde::<StepTrainer<'_>>(criterion, "step_trainer", &lines);

    let lines = customer();
    bench_all(criterion, "customer", &customer_schema, &lines);
    bench_serde::<Customer<'_>>(criterion, "customer", &lines);
}

fn bench_all(criterion: &mut Criterion, name: &str, schema: &Schema, lines: &Bytes) {
    let all = Spec::all(Arc::new(schema.clone()));
    bench_stedi(criterion, name, "stedi", all.clone(), lines);
    let general = Decoder::general_only(all);
    measure(criterion, name, "stedi, general path", lines, || {
        black_box(general.decode_all(lines.clone()));
    });
    // arrow-json matches names exactly: use the file's spelling.
    let first: serde_json::Map<String, serde_json::Value> =
        serde_json::Deserializer::from_slice(lines)
            .into_iter()
            .flatten()
            .take(200)
            .fold(
                serde_json::Map::new(),
                |mut all, line: serde_json::Map<_, _>| {
                    all.extend(line);
                    all
                },
            );
    let fields: Vec<arrow::datatypes::Field> = schema
        .arrow()
        .fields()
        .iter()
        .map(|field| {
            let spelling = first
                .keys()
                .find(|key| key.eq_ignore_ascii_case(field.name()));
            let name = spelling.unwrap_or(field.name());
            arrow::datatypes::Field::new(name, field.data_type().clone(), true)
        })
        .collect();
    let spelling = Arc::new(arrow::datatypes::Schema::new(fields));
    measure(criterion, name, "arrow-json", lines, || {
        let reader = arrow::json::ReaderBuilder::new(Arc::clone(&spelling))
            .with_batch_size(8192)
            .build(Cursor::new(lines.as_ref()))
            .expect("a reader");
        for batch in reader {
            black_box(batch.expect("a batch"));
        }
    });
}

fn bench_stedi(criterion: &mut Criterion, group: &str, name: &str, spec: Spec, lines: &Bytes) {
    let decoder = Decoder::new(spec);
    let once = decoder.decode_all(lines.clone());
    assert_eq!(once.tally.rejected_objects, 0);
    measure(criterion, group, name, lines, || {
        black_box(decoder.decode_all(lines.clone()));
    });
}

fn bench_serde<'a, T: Deserialize<'a>>(criterion: &mut Criterion, group: &str, lines: &'a Bytes) {
    measure(criterion, group, "serde_json", lines, || {
        for line in serde_json::Deserializer::from_slice(lines).into_iter::<T>() {
            black_box(line.map_err(|error| error.to_string()).expect("a line"));
        }
    });
}

fn measure(
    criterion: &mut Criterion,
    group: &str,
    name: &str,
    lines: &Bytes,
    mut run: impl FnMut(),
) {
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Bytes(lines.len() as u64));
    group.sample_size(20);
    group.warm_up_time(std::time::Duration::from_millis(500));
    group.measurement_time(std::time::Duration::from_secs(2));
    group.bench_function(name, |bencher| bencher.iter(&mut run));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
