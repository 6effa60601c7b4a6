//! Consent entered by hand, when the places that record it are lost together.
//!
//! A withdrawal cannot be derived from other data. If the register, its copies and
//! the release are gone, the rest of the lake must keep a run from publishing the
//! person who withdrew.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::places::copy;
use crate::program::{Outcome, count, rows, stedi};

/// A lake of one run, the same lake after a withdrawal and another run, and the
/// person who withdrew.
struct Lakes {
    dir: TempDir,
    person: String,
}

static LAKES: LazyLock<Lakes> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let before = dir.path().join("before");
    fs::create_dir(&before).unwrap();
    call(&before, "sample landing --customers 8 --seed 3").done();
    call(&before, "run").done();
    let person = rows(&before, "select email from customer_trusted order by email")[0]["email"]
        .as_str()
        .unwrap()
        .to_owned();
    let after = dir.path().join("after");
    copy(&before, &after);
    withdraw(&after, &person);
    call(&after, "run").done();
    Lakes { dir, person }
});

fn call(dir: &Path, words: &str) -> Outcome {
    stedi(dir, words).env("STEDI_KEY", &"5".repeat(64)).run()
}

fn withdraw(dir: &Path, email: &str) {
    stedi(dir, "consent withdraw").input(email).run().done();
}

fn own(of: &str) -> TempDir {
    let own = tempfile::tempdir().unwrap();
    copy(&LAKES.dir.path().join(of), own.path());
    own
}

fn remove(dir: &Path, folders: &[&str]) {
    for folder in folders {
        fs::remove_dir_all(dir.join("lake/system").join(folder)).unwrap();
    }
}

fn of_person(dir: &Path) -> u64 {
    let email = &LAKES.person;
    count(
        dir,
        &format!("select count(*) from customer_trusted where email = '{email}'"),
    )
}

#[test]
fn nobody_is_published_again_where_all_that_tells_of_entries_is_lost() {
    if crate::long::is_left_out() {
        return;
    }
    type Loss = (&'static str, fn(&Path));
    let losses: [Loss; 4] = [
        ("register, copies and release", |dir| {
            remove(dir, &["consent_register", "decisions", "release"]);
        }),
        ("all that the system keeps", |dir| remove(dir, &[""])),
        ("all of it, put back from before the withdrawal", |dir| {
            remove(dir, &[""]);
            let old = LAKES.dir.path().join("before/lake/system");
            copy(&old, &dir.join("lake/system"));
        }),
        ("register and copies, the release from before", |dir| {
            remove(dir, &["consent_register", "decisions", "release"]);
            let old = LAKES.dir.path().join("before/lake/system/release");
            copy(&old, &dir.join("lake/system/release"));
        }),
    ];
    for (lost, lose) in losses {
        let own = own("after");
        lose(own.path());
        for words in ["run", "repair"] {
            let refused = call(own.path(), words).ended(4);
            let refused = refused.says("system.consent_register");
            refused.hints("--accept-lost-entries");
            assert_eq!(of_person(own.path()), 0, "{lost}: {words}");
        }
        // Somebody enters it again, and says so.
        withdraw(own.path(), &LAKES.person);
        call(own.path(), "repair --accept-lost-entries").done();
        assert_eq!(of_person(own.path()), 0, "{lost}");
        call(own.path(), "run").done().says("nothing new");
    }
}

/// A person without rows in any table may have withdrawn.
#[test]
fn a_lake_that_cannot_tell_whether_there_were_entries_is_not_published() {
    let own = own("before");
    remove(own.path(), &[""]);
    call(own.path(), "run")
        .ended(4)
        .says("whether anybody withdrew by hand is unknown")
        .hints("--accept-lost-entries");
    let verified = call(own.path(), "verify");
    assert_ne!(verified.code, 0, "{verified}");
    call(own.path(), "repair --accept-lost-entries").done();
    call(own.path(), "run").done().says("nothing new");
    // Now it is known that there are none.
    remove(own.path(), &["release"]);
    call(own.path(), "run").done();
    call(own.path(), "verify").done();
}

/// No confirmation is required if it is certain that no entry is lost.
#[test]
fn a_lost_release_alone_is_made_again() {
    if crate::long::is_left_out() {
        return;
    }
    for (of, folders) in [
        ("before", &["release"][..]),
        ("after", &["release"]),
        ("after", &["release", "decisions"]),
        ("after", &["release", "consent_register"]),
    ] {
        let own = own(of);
        let person = of_person(own.path());
        remove(own.path(), folders);
        call(own.path(), "run").done();
        assert_eq!(of_person(own.path()), person, "{of}: {folders:?}");
        call(own.path(), "verify").done();
        call(own.path(), "run").done().says("nothing new");
    }
}

#[test]
fn copies_that_are_gone_are_told_and_written_again() {
    let own = own("after");
    let copies = own.path().join("lake/system/decisions");
    remove(own.path(), &["decisions"]);
    call(own.path(), "verify")
        .ended(3)
        .says("system/decisions: it lacks copies of entries of the register of consent: 1")
        .hints("stedi repair");
    call(own.path(), "run").done().says("system/decisions");
    assert_ne!(fs::read_dir(&copies).unwrap().count(), 0);
    call(own.path(), "verify").done();
    call(own.path(), "run").done().says("nothing new");
    // They stand for the register.
    remove(own.path(), &["consent_register"]);
    call(own.path(), "run").done();
    assert_eq!(of_person(own.path()), 0);
    call(own.path(), "verify").done();
}
