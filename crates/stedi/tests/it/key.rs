//! The key of pseudonyms: created when first needed, kept secret, replaced,
//! destroyed, and never printed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::places::{SMALL, contents, unchanged};
use crate::program::{Call, Outcome, finish, stedi};

const TRAINEES: &str = r#"/*
grain = "One person who agreed, without a name."
[checks]
not_null = ["person"]
unique = ["person"]
*/
select pseudonym(subject(email)) as person, count(*) as records
from customer_trusted
group by 1
"#;

const GIVEN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A folder with landing data, a lake, and a project with pseudonyms in `p`; keys
/// are below `settings`.
struct Own(TempDir);

impl Own {
    /// With a lake that has no pseudonyms yet.
    fn new() -> Self {
        let own = SMALL.with_own_lake();
        stedi(own.path(), "init p").run().done();
        fs::write(own.path().join("p/curated/trainees.sql"), TRAINEES).unwrap();
        Self(own)
    }

    /// The same without a lake.
    fn without_lake() -> Self {
        let own = Self::new();
        fs::remove_dir_all(own.dir().join("lake")).unwrap();
        own
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn call(&self, words: &str) -> Call {
        let settings = self.dir().join("settings");
        stedi(self.dir(), words).env("XDG_CONFIG_HOME", settings.to_str().unwrap())
    }

    fn run(&self, more: &str) -> Outcome {
        self.call(&format!("run --project p {more}")).run()
    }

    /// Pseudonyms of the lake at `lake`, read without a key.
    fn pseudonyms(&self, lake: &str) -> BTreeSet<String> {
        let select = "select person from trainees";
        let call = self.call("sql --project p --format json --lake");
        let rows = call.arg(lake).arg("-c").arg(select).run().done().json();
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["person"].as_str().unwrap().to_owned())
            .collect()
    }

    fn show(&self, more: &str) -> Value {
        let words = format!("key show --format json {more}");
        self.call(&words).run().done().json()
    }

    /// All files below `settings`.
    fn key_files(&self) -> Vec<PathBuf> {
        let files = contents(&self.dir().join("settings")).into_keys();
        files.filter(|path| path.is_file()).collect()
    }

    fn key_file(&self) -> PathBuf {
        let files = self.key_files();
        let [file] = files.as_slice() else {
            panic!("not one key file: {files:?}");
        };
        file.clone()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The secret, a line of a key file.
fn secret(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.len() == 64);
    line.unwrap_or_else(|| panic!("no key in {}", file.display()))
        .to_owned()
}

fn write_key(file: &Path, key: &str, mode: u32) {
    fs::write(file, key).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_first_run_that_needs_a_key_makes_it() {
    let own = Own::without_lake();
    // Reading makes none, nor does a run that needs none.
    own.call("tables --project p").run().done();
    own.call("doctor --project p").run().done();
    own.run("--select customer_trusted").done();
    assert_eq!(own.show("")["there"], false);
    own.call("sql -c")
        .arg("select pseudonym('a')")
        .run()
        .ended(1)
        .says("there is no key file")
        .hints("stedi run");
    own.call("key rotate")
        .run()
        .ended(1)
        .says("nothing was replaced");
    own.call("key destroy --yes")
        .run()
        .ended(1)
        .says("nothing was destroyed");
    assert_eq!(own.key_files(), [] as [PathBuf; 0]);

    let run = own.run("").done().says("created the pseudonym key");
    let file = own.key_file();
    assert!(run.err.contains(file.to_str().unwrap()), "{run}");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    let pseudonyms = own.pseudonyms("lake");
    assert!(pseudonyms.len() > 5, "{pseudonyms:?}");
    for pseudonym in &pseudonyms {
        let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        assert!(
            pseudonym.len() == 32 && pseudonym.chars().all(digit),
            "{pseudonym}"
        );
    }
    let shown = own.show("");
    assert_eq!(shown["there"], true);
    assert_eq!(shown["place"], file.to_str().unwrap());
    assert_eq!(shown["origin"], "default");
    assert_eq!(shown["fingerprint"].as_str().unwrap().len(), 16);
    assert!(shown["since"].as_str().unwrap().ends_with('Z'), "{shown}");

    // The next run uses it, and writes nothing.
    let before = contents(own.dir());
    let again = own.run("").done().says("nothing new");
    assert!(!again.err.contains("key"), "{again}");
    unchanged(&before, own.dir(), "a run with nothing new");
    // And so does whoever asks.
    let select = "select count(*) as n from customer_trusted c join trainees t on t.person = pseudonym(subject(upper(c.email)))";
    let call = own.call("sql --project p --format json -c").arg(select);
    assert_eq!(call.run().done().json()[0]["n"], pseudonyms.len());
}

#[test]
fn null_in_null_out_and_letter_by_letter() {
    let own = Own::new();
    let select = "select pseudonym(null) as n, pseudonym('a') = pseudonym('A') as folded, \
                  pseudonym('a') = pseudonym(subject(' A')) as same, pseudonym(concat('', 'a')) as value";
    let call = own.call("sql --format json -c").arg(select);
    let row = &call.env("STEDI_KEY", GIVEN).run().done().json()[0];
    assert_eq!(row["n"], Value::Null);
    assert_eq!(row["folded"], false);
    assert_eq!(row["same"], true);
    assert_eq!(row["value"].as_str().unwrap().len(), 32);
    own.call("sql -c")
        .arg("select pseudonym(1, 2)")
        .env("STEDI_KEY", GIVEN)
        .run()
        .ended(1);
}

/// A lake that is moved or renamed keeps its key. Another lake has another key,
/// even at the path of an earlier lake.
#[test]
fn a_key_belongs_to_a_lake_and_not_to_its_place() {
    let own = Own::without_lake();
    own.run("").done();
    let first = own.pseudonyms("lake");
    let fingerprint = own.show("")["fingerprint"].clone();
    let absolute = format!("--lake {}", own.dir().join("p/../lake").display());
    let url = format!("--lake file://{}", own.dir().join("lake").display());
    for lake in [absolute.as_str(), &url] {
        assert_eq!(own.show(lake)["fingerprint"], fingerprint, "{lake}");
    }
    fs::rename(own.dir().join("lake"), own.dir().join("moved")).unwrap();
    assert_eq!(own.show("--lake moved")["fingerprint"], fingerprint);
    own.run("--lake moved").done().says("nothing new");

    assert_eq!(own.show("")["there"], false, "a lake that is not there");
    own.run("").done().says("created the pseudonym key");
    assert_ne!(own.show("")["fingerprint"], fingerprint);
    assert!(own.pseudonyms("lake").is_disjoint(&first));
    assert_eq!(own.key_files().len(), 2);
}

/// Until its first run has published, a lake has no id: a failed run and its retry
/// use the same key.
#[test]
fn a_first_run_that_fails_keeps_its_key_for_the_next() {
    let own = Own::without_lake();
    let file = own.dir().join("p/curated/trainees.sql");
    let failing = "[checks.accepted]\nrecords = { max = 0 }\n*/";
    fs::write(&file, TRAINEES.replace("*/", failing)).unwrap();
    own.run("").ended(3).says("created the pseudonym key");
    assert!(!own.dir().join("lake").exists());
    let key = secret(&own.key_file());
    fs::write(&file, TRAINEES).unwrap();
    let run = own.run("").done();
    assert!(!run.err.contains("created the pseudonym key"), "{run}");
    assert_eq!(secret(&own.key_file()), key);
    assert!(!own.pseudonyms("lake").is_empty());
}

#[test]
fn the_same_key_gives_the_same_pseudonyms_where_it_is_told_to() {
    let own = Own::without_lake();
    own.run("--key-file k/mine --lake a").done().says("k/mine");
    assert_eq!(mode(&own.dir().join("k/mine")), 0o600);
    let expected = own.pseudonyms("a");
    own.run("--lake b --key-file k/mine").done();
    assert_eq!(own.pseudonyms("b"), expected);
    let call = own.call("run --project p --lake c");
    call.env("STEDI_KEY_FILE", "k/mine").run().done();
    assert_eq!(own.pseudonyms("c"), expected);
    // In the settings file a path is meant from where the file lies.
    fs::write(
        own.dir().join("k/s.toml"),
        "key_file = \"mine\"\nlake = \"../d\"\n",
    )
    .unwrap();
    own.run("--config k/s.toml").done();
    assert_eq!(own.pseudonyms("d"), expected);
    // The variable with the key wins over all of them.
    let key = secret(&own.dir().join("k/mine"));
    let call = own.call("run --project p --lake e --key-file other");
    call.env("STEDI_KEY", &key.to_uppercase()).run().done();
    assert_eq!(own.pseudonyms("e"), expected);
    assert!(!own.dir().join("other").exists());
    assert_eq!(own.key_files(), [] as [PathBuf; 0]);
    own.run("--lake f").done();
    assert!(own.pseudonyms("f").is_disjoint(&expected));
}

#[test]
fn where_the_key_comes_from() {
    let own = Own::new();
    let file = own.dir().join("mine");
    write_key(&file, &format!("{GIVEN}\n"), 0o600);
    let shown = own.show("--key-file mine");
    assert_eq!(shown["origin"], "flag");
    let expected = &shown["fingerprint"];
    assert_eq!(shown["since"], Value::Null, "the file does not tell");
    let call = own.call("key show --format json --key-file nowhere");
    let by_variable = call.env("STEDI_KEY", GIVEN).run().done().json();
    assert_eq!(&by_variable["fingerprint"], expected);
    assert_eq!(by_variable["origin"], "STEDI_KEY");
    for command in ["key rotate", "key destroy --yes"] {
        let call = own.call(command).env("STEDI_KEY", GIVEN);
        call.run().ended(2).says("STEDI_KEY").hints("unset");
    }
    for words in [
        "key show",
        "key show --format csv",
        "key show --format ndjson",
        "doctor",
    ] {
        let told = own.call(words).arg("--key-file").arg("mine").run().done();
        assert!(told.out.contains(expected.as_str().unwrap()), "{told}");
        assert!(told.out.contains("mine"), "{told}");
    }
}

#[test]
fn keys_that_are_refused() {
    let own = Own::without_lake();
    let dir = own.dir();
    fs::create_dir(dir.join("lake")).unwrap();
    fs::create_dir(dir.join("folder")).unwrap();
    write_key(&dir.join("wide"), GIVEN, 0o644);
    write_key(&dir.join("group"), GIVEN, 0o640);
    write_key(&dir.join("short"), &GIVEN[1..], 0o600);
    write_key(&dir.join("empty"), "", 0o600);
    write_key(&dir.join("letter"), "Dear Jane,\n", 0o600);
    write_key(&dir.join("lake/inside"), GIVEN, 0o600);
    std::os::unix::fs::symlink(dir.join("lake/inside"), dir.join("link")).unwrap();
    for (file, says, hints) in [
        ("wide", "(mode 0644)", "chmod 600 wide"),
        ("group", "(mode 0640)", "chmod 600 group"),
        ("short", "holds no key", "64 hexadecimal digits"),
        ("empty", "holds no key", "64 hexadecimal digits"),
        ("letter", "holds no key", "64 hexadecimal digits"),
        ("folder", "holds no key", "--key-file"),
        ("lake/inside", "is inside the lake", "--key-file"),
        ("lake/new", "is inside the lake", "--key-file"),
        ("p/../lake/new", "is inside the lake", "--key-file"),
        ("link", "is inside the lake", "--key-file"),
        ("landing/new", "is inside the landing folder", "--key-file"),
    ] {
        let before = contents(dir);
        for words in [
            "run --project p",
            "key show",
            "key rotate",
            "key destroy --yes",
        ] {
            let told = own.call(words).arg("--key-file").arg(file).run();
            let told = told.ended(2).says(says).hints(hints);
            let shown = format!("{}{}", told.out, told.err);
            for part in [&GIVEN[..16], "Jane"] {
                assert!(!shown.contains(part), "{file}: {told}");
            }
            unchanged(&before, dir, &format!("{words} with {file}"));
        }
        let doctor = own.call("doctor --key-file").arg(file).run().ended(1);
        assert!(doctor.out.contains(says), "{doctor}");
    }
    for given in ["abc", &GIVEN[1..], &format!("{GIVEN}0")] {
        let call = own.call("tables").env("STEDI_KEY", given);
        let told = call.run().ended(2).says("STEDI_KEY holds no key");
        assert!(!told.err.contains(given), "{}", told.err);
    }
    // What was refused can be mended as it was hinted.
    fs::set_permissions(dir.join("wide"), fs::Permissions::from_mode(0o600)).unwrap();
    own.run("--key-file wide").done();
    // Whoever can write to the folder of keys could put one there.
    let keys = dir.join("settings/stedi/keys");
    fs::create_dir_all(&keys).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o777)).unwrap();
    own.run("")
        .ended(2)
        .says("other users can write")
        .hints("chmod 700");
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let own = Own::new();
    fs::write(own.dir().join("file"), "").unwrap();
    own.run("--key-file file/k").ended(2).says("file/k");
    let lake = own.dir().join("lake");
    let before = contents(&lake);
    // Settings that are a file: no folder can be made in it.
    let call = stedi(own.dir(), "run --project p");
    let place = own.dir().join("file");
    let run = call.env("XDG_CONFIG_HOME", place.to_str().unwrap()).run();
    assert!([1, 2].contains(&run.code), "{run}");
    run.hints("--key-file");
    unchanged(&before, &lake, "no key could be made");
}

#[test]
fn rotation_changes_every_pseudonym() {
    let own = Own::without_lake();
    own.run("").done();
    let (before, file) = (own.pseudonyms("lake"), own.key_file());
    let (old, shown) = (secret(&file), own.show(""));
    let rotated = own.call("key rotate --project p").run().done();
    let rotated = rotated.hints("trainees").hints("stedi run");
    assert_eq!(own.key_file(), file);
    assert_eq!(mode(&file), 0o600);
    assert_ne!(secret(&file), old);
    assert_ne!(own.show("")["fingerprint"], shown["fingerprint"]);
    assert!(!rotated.err.contains(&secret(&file)), "{rotated}");
    assert_eq!(own.pseudonyms("lake"), before, "until the next run");
    own.run("").done().says("published trainees");
    let after = own.pseudonyms("lake");
    assert_eq!(after.len(), before.len());
    assert!(after.is_disjoint(&before));
}

#[test]
fn what_is_destroyed_is_gone() {
    let own = Own::without_lake();
    own.run("").done();
    let (before, file) = (own.pseudonyms("lake"), own.key_file());
    let old = secret(&file);
    for answer in ["", "no\n", "y\n"] {
        let asked = own.call("key destroy --project p").input(answer).run();
        asked.ended(1).says("will be destroyed").hints("--yes");
        assert_eq!(secret(&file), old, "{answer:?}");
    }
    let gone = own.call("key destroy --project p").input("yes\n").run();
    gone.done().says("was destroyed").hints("trainees");
    assert_eq!(own.key_files(), [] as [PathBuf; 0]);
    assert_eq!(own.show("")["there"], false);
    assert_eq!(own.pseudonyms("lake"), before, "tables stand");
    own.run("").done().says("created the pseudonym key");
    assert!(own.pseudonyms("lake").is_disjoint(&before));
    assert_ne!(secret(&own.key_file()), old);
    own.call("key destroy --yes").run().done();
    assert_eq!(own.key_files(), [] as [PathBuf; 0]);
}

#[test]
fn two_runs_at_once_end_with_one_key() {
    for round in 0..3 {
        let own = Own::without_lake();
        let begun: Vec<_> = (0..3)
            .map(|_| own.call("run --project p").start())
            .collect();
        let ended: Vec<Outcome> = begun
            .into_iter()
            .map(|(child, line)| finish(child, line))
            .collect();
        assert!(
            ended.iter().any(|run| run.code == 0),
            "{round}: {}",
            ended[0]
        );
        for run in &ended {
            assert!([0, 5].contains(&run.code), "{round}: {run}");
        }
        own.key_file();
        // The table is of that key: making it once more changes nothing.
        own.run("").done();
        let before = own.pseudonyms("lake");
        own.run("").done().says("nothing new");
        assert_eq!(own.pseudonyms("lake"), before);
        let select = "select count(*) as n from customer_trusted c join trainees t on t.person = pseudonym(subject(c.email))";
        let asked = own.call("sql --project p --format json -c").arg(select);
        assert_eq!(asked.run().done().json()[0]["n"], before.len(), "{round}");
    }
}

/// No part of a key is in the program's output or in the lake.
#[test]
fn a_key_is_never_told() {
    let own = Own::without_lake();
    let mut said = String::new();
    let mut note = |outcome: Outcome| said += &format!("{}{}", outcome.out, outcome.err);
    note(own.run("-v --format json").done());
    let file = own.key_file();
    let mut keys = vec![secret(&file)];
    for words in [
        "key show",
        "key show --format json",
        "key show --format csv",
        "doctor",
        "verify --project p -v",
    ] {
        note(own.call(words).run());
    }
    note(
        own.call("sql -v -c")
            .arg("explain verbose select pseudonym(email) from customer_landing")
            .run()
            .done(),
    );
    note(
        own.call("sql -v -c")
            .arg("select pseudonym(email, 1) from customer_landing")
            .run()
            .ended(1),
    );
    note(
        own.call("sql -v -c")
            .arg("select cast(pseudonym(email) as bigint) from customer_landing")
            .run()
            .ended(1),
    );
    note(own.call("key rotate --project p").run().done());
    keys.push(secret(&file));
    note(own.run("-v").done());
    note(
        own.call("sql -v -c")
            .arg("select pseudonym('x')")
            .env("STEDI_KEY", GIVEN)
            .run()
            .done(),
    );
    keys.push(GIVEN.to_owned());
    note(own.call("key destroy --yes").run().done());
    let lake: String = contents(&own.dir().join("lake"))
        .iter()
        .map(|(path, bytes)| format!("{} {}", path.display(), String::from_utf8_lossy(bytes)))
        .collect();
    for key in keys {
        // A part of it would do for someone who is patient.
        for start in (0..64).step_by(8) {
            let part = &key[start..start + 8];
            for (text, of) in [(&said, "what was said"), (&lake, "the lake")] {
                assert!(
                    !text.to_lowercase().contains(part),
                    "a part of a key in {of}"
                );
            }
        }
    }
}
