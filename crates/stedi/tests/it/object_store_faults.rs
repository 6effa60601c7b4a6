//! A store that throttles, fails, breaks off, stalls, and loses answers: a run
//! succeeds as if nothing had happened, or reports that the store is gone and
//! leaves a lake that the next run completes.

use std::fs;

use crate::bucket::Bucket;
use crate::object_store::{EXPECTED, holds, run};
use crate::places::{MANY, SMALL};
use crate::program::{Call, finish};
use crate::proxy::{ALL, Fault, Proxy, Request, at_random};

/// A run through `proxy`, with short timeouts.
fn run_through(bucket: &Bucket, proxy: &Proxy) -> Call {
    through(bucket, proxy, "run")
}

fn through(bucket: &Bucket, proxy: &Proxy, words: &str) -> Call {
    bucket
        .stedi_at(&proxy.endpoint(), words)
        .env("AWS_TIMEOUT", "2s")
}

/// Faults, seed, and the number of faulty requests per thousand.
type Weather = (&'static [Fault], u64, u64);

const WEATHER: [Weather; 9] = [
    (&[Fault::Throttled], 1, 100),
    (&[Fault::Unable], 2, 100),
    (&[Fault::BadGateway], 3, 100),
    (&[Fault::ResetBefore], 4, 100),
    (&[Fault::ResetAfter], 5, 100),
    (&[Fault::AnswerLost], 6, 100),
    (&[Fault::Stalled], 7, 20),
    (&[Fault::Truncated], 8, 200),
    (&ALL, 9, 100),
];

/// Checks several cases at the same time, since such a run mostly waits.
pub(crate) fn at_once<Case: Sync>(cases: &[Case], check: impl Fn(&Case) + Sync) {
    for some in cases.chunks(3) {
        std::thread::scope(|scope| {
            for case in some {
                scope.spawn(|| check(case));
            }
        });
    }
}

#[test]
fn a_run_survives_bad_weather() {
    at_once(&WEATHER, |(faults, seed, per_mille)| {
        let Some(bucket) = Bucket::with_landing(&SMALL.dir) else {
            return;
        };
        let case = format!("{faults:?} by seed {seed}");
        let weather = Proxy::new(bucket.server(), at_random(*seed, *per_mille, faults));
        run_through(&bucket, &weather).run().done();
        holds(&bucket, &EXPECTED, &case);
        let before = bucket.contents("lake");
        run_through(&bucket, &weather)
            .run()
            .done()
            .says("nothing new");
        bucket.unchanged(&before, "lake", &case);
        let met = weather.done().len();
        eprintln!("{case}: {met} of {} requests", weather.requests());
        assert!(met > 3, "{case}: {met} faults show nothing");
    });
}

#[test]
fn readers_survive_bad_weather() {
    let Some(bucket) = Bucket::with_landing(&SMALL.dir) else {
        return;
    };
    run(&bucket).run().done();
    let server = bucket.server().clone();
    let call =
        |endpoint: &str, words: &str| bucket.stedi_at(endpoint, words).env("AWS_TIMEOUT", "2s");
    let readers = [
        ("tables", None),
        ("verify", None),
        ("report --format json", None),
        ("history training_set", None),
        ("sql -c", Some("select * from machine_learning_curated")),
    ];
    for (faults, seed, per_mille) in WEATHER {
        let calls = readers.map(|(words, statement)| {
            let weather = Proxy::new(&server, at_random(seed, per_mille, faults));
            let call = call(&weather.endpoint(), words);
            (statement.into_iter().fold(call, Call::arg).start(), weather)
        });
        for ((child, line), _weather) in calls {
            finish(child, line).done();
        }
    }
}

/// Every PUT is executed, and its first answer is lost. A lake commits by
/// conditional PUTs; on the retry, the store answers that the object exists.
#[test]
fn answers_to_puts_that_were_done_are_lost() {
    let faults = [
        Fault::AnswerLost,
        Fault::ResetAfter,
        Fault::BadGateway,
        Fault::Truncated,
    ];
    at_once(&faults, |fault| {
        let Some(bucket) = Bucket::with_landing(&SMALL.dir) else {
            return;
        };
        let fault = *fault;
        let case = format!("{fault:?}");
        let proxy = Proxy::new(bucket.server(), move |request: &Request| {
            (request.method == "PUT" && request.repeats == 0).then_some(fault)
        });
        run_through(&bucket, &proxy).run().done();
        let done = proxy.done();
        let commits = done
            .iter()
            .filter(|(_, request)| request.contains("_delta_log/0"));
        assert!(commits.count() >= 8, "{case}: {done:?}");
        holds(&bucket, &EXPECTED, &case);
        let before = bucket.contents("lake");
        run_through(&bucket, &proxy)
            .run()
            .done()
            .says("nothing new");
        bucket.unchanged(&before, "lake", &case);
    });
}

/// The same for requests without any answer, for objects that can be created only
/// once.
#[test]
fn nothing_is_heard_of_commits_that_were_made() {
    let Some(bucket) = Bucket::with_landing(&SMALL.dir) else {
        return;
    };
    let proxy = Proxy::new(bucket.server(), |request: &Request| {
        let probe = request.path.contains("_probe");
        (request.conditional && request.repeats == 0 && !probe).then_some(Fault::Stalled)
    });
    let call = run_through(&bucket, &proxy).env("AWS_TIMEOUT", "500ms");
    call.run().done();
    assert!(proxy.done().len() >= 8, "{:?}", proxy.done());
    holds(&bucket, &EXPECTED, "stalled");
}

/// The prefix of releases in a lake.
const RELEASES: &str = "system/release/";

/// When the store goes away: the tenth of the run's requests that are done by then,
/// and the fault that shows it.
const AWAY: [(u64, Fault); 6] = [
    (0, Fault::ResetBefore),
    (2, Fault::Unable),
    (4, Fault::Throttled),
    (6, Fault::ResetBefore),
    (8, Fault::AnswerLost),
    (9, Fault::BadGateway),
];

#[test]
fn a_store_that_stays_away_ends_the_run_and_the_next_completes_it() {
    // Of a run that nothing happens to.
    let Some(requests) = with_half_a_lake(|bucket| {
        let proxy = Proxy::new(bucket.server(), |_| None);
        run_through(bucket, &proxy).run().done();
        proxy.requests()
    }) else {
        return;
    };
    at_once(&AWAY, |(tenth, fault)| {
        let (from, fault) = (requests * tenth / 10, *fault);
        let case = format!("{fault:?} from request {from} of {requests}");
        with_half_a_lake(|bucket| {
            let before = bucket.contents("lake");
            let proxy = Proxy::new(bucket.server(), move |request: &Request| {
                (request.number >= from).then_some(fault)
            });
            let call = run_through(bucket, &proxy).env("AWS_MAX_ATTEMPTS", "3");
            let ended = call.run().ended(1);
            for part in ["error: ", "the ", "store", "\nhint: check AWS_ENDPOINT"] {
                assert!(ended.err.contains(part), "{case}: {part:?}: {ended}");
            }
            // Whatever was there stands, and can be read; of releases, the newest.
            let now = bucket.contents("lake");
            let newest = now.keys().rfind(|of| of.contains(RELEASES));
            let stands = |of: &String| {
                now.contains_key(of) || of.contains(RELEASES) && newest.is_some_and(|new| of < new)
            };
            let lost: Vec<_> = before.keys().filter(|of| !stands(of)).collect();
            assert!(lost.is_empty(), "{case}: {lost:?}");
            let alone = bucket.count(
                "select count(*) from customer_curated c
                 left anti join customer_trusted t on c.email = t.email",
            );
            assert_eq!(alone, 0, "{case}");
            run(bucket).run().done();
            holds(bucket, &EXPECTED, &case);
        });
    });
}

/// A lake of half the readings exists; then the other half arrives.
fn with_half_a_lake<T>(check: impl FnOnce(&Bucket) -> T) -> Option<T> {
    let bucket = Bucket::with_landing(&SMALL.dir)?;
    let folder = SMALL.dir.join("landing/accelerometer/landing");
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    let text = fs::read_to_string(file.path()).unwrap();
    let half: String = text.split_inclusive('\n').step_by(2).collect();
    let name = file.file_name().into_string().unwrap();
    let below = format!("landing/accelerometer/landing/{name}");
    bucket.put(&below, half);
    run(&bucket).run().done();
    bucket.put(&below, text);
    Some(check(&bucket))
}

/// A multipart upload is completed by a request of its own.
#[test]
fn the_answer_to_the_last_request_of_a_large_file_is_lost() {
    let Some(bucket) = Bucket::empty() else {
        return;
    };
    let proxy = Proxy::new(bucket.server(), move |request: &Request| {
        let last = request.method == "POST" && request.path.contains("uploadId=");
        (last && request.repeats == 0).then_some(Fault::AnswerLost)
    });
    let landing = MANY.dir.join("landing").display().to_string();
    let out = bucket.url("out");
    for words in [
        "export accelerometer_landing --as ndjson --personal --to",
        "export --check",
    ] {
        // Parts are given the time that they take: of one that is sent twice at
        // once, this server may keep neither.
        let call = bucket.stedi_at(&proxy.endpoint(), words).arg(&out);
        call.env("STEDI_LANDING", &landing).run().done();
    }
    assert_eq!(proxy.done().len(), 1, "{:?}", proxy.done());
}

/// A store that ignores `If-None-Match` loses commits.
#[test]
fn a_store_without_conditional_puts_is_refused_at_first_use() {
    let Some(bucket) = Bucket::with_landing(&SMALL.dir) else {
        return;
    };
    let proxy = Proxy::new(bucket.server(), |request: &Request| {
        request.conditional.then_some(Fault::Unconditional)
    });
    // A PUT that was given up might still arrive when the probe is taken away.
    bucket
        .stedi_at(&proxy.endpoint(), "run")
        .run()
        .ended(1)
        .says("does not keep conditional PUTs apart")
        .hints("atomic If-None-Match");
    assert!(!proxy.done().is_empty());
    let left = bucket.contents("lake");
    assert!(left.is_empty(), "something is left: {left:?}");
    let doctor = through(&bucket, &proxy, "doctor").run().ended(1);
    assert!(
        doctor.out.contains("does not keep conditional PUTs apart"),
        "{doctor}"
    );
}
