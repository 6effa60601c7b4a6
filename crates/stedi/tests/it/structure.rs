//! Checks the structure of the code by its `use` paths: no cycle of modules in any
//! crate, no dependency between crates or between the engine's folders against the
//! direction in ARCHITECTURE.md, no file with an empty name such as `utils`.
//!
//! A module is a file. Paths are followed through re-exports to the module that
//! defines the name, so `crate::Error` is a dependency on `error.rs`. Code that is
//! compiled only for tests is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// The crates that each crate may use, from top to bottom.
const CRATES: [(&str, &[&str]); 15] = [
    (
        "stedi",
        &[
            "engine", "query", "lake", "landing", "privacy", "catalog", "sample", "pages",
            "evidence", "glue", "server", "ingest", "door",
        ],
    ),
    (
        "server",
        &[
            "engine", "query", "lake", "landing", "privacy", "catalog", "pages", "evidence", "door",
        ],
    ),
    ("ingest", &["lake", "landing", "catalog", "door"]),
    ("door", &[]),
    (
        "engine",
        &["query", "lake", "landing", "privacy", "catalog", "evidence"],
    ),
    ("pages", &["evidence"]),
    ("evidence", &[]),
    ("query", &["lake", "landing", "privacy", "catalog", "trino"]),
    ("lake", &["landing", "privacy", "catalog"]),
    ("landing", &[]),
    ("privacy", &[]),
    ("catalog", &[]),
    ("glue", &["catalog"]),
    ("sample", &[]),
    ("trino", &[]),
];

/// The engine's folders from top to bottom: each may use those below it.
const ENGINE_FOLDERS: [&str; 7] = [
    "model_test",
    "operations",
    "run",
    "incremental",
    "write",
    "contract",
    "subjects",
];

/// File names that do not tell what the file holds.
const EMPTY_NAMES: [&str; 8] = [
    "utils", "util", "common", "core", "helpers", "helper", "manager", "misc",
];

#[test]
fn modules_depend_one_way() {
    let faults = faults_of(&sources(&workspace().join("crates")));
    assert!(faults.is_empty(), "\n{}", lines(&faults));
}

/// Errors below the binary name their cause. What a user of the command line can do
/// about it is worded in the binary: over HTTP, a flag or a verb would be wrong.
#[test]
fn errors_of_the_lower_crates_name_no_flags_and_verbs() {
    // A warning, which the report of a run takes as text; and the command of another
    // process, as that process gave it.
    const EXCEPTIONS: [&str; 2] = [
        "crates/engine/src/removed_tables.rs",
        "crates/lake/src/lock_holder.rs",
    ];
    const LOWER: [&str; 3] = ["crates/engine/", "crates/query/", "crates/lake/"];
    let files = sources(&workspace().join("crates"));
    let faults: Vec<Fault> = files
        .iter()
        .filter(|(file, _)| {
            let mut crates = LOWER.into_iter();
            crates.any(|of| file.starts_with(of)) && !EXCEPTIONS.contains(&file.as_str())
        })
        .flat_map(|(file, text)| {
            let text = without_tests(text);
            let named: Vec<usize> = (1..)
                .zip(text.lines())
                .filter(|(_, line)| names_flag_or_verb(line))
                .map(|(number, _)| number)
                .collect();
            named.into_iter().map(|line| Fault {
                file: file.clone(),
                line,
                what: "a flag or verb of the command line; say the cause as a variant, and word the hint in crates/stedi/src/hints".to_owned(),
            })
        })
        .collect();
    assert!(faults.is_empty(), "\n{}", lines(&faults));
}

#[test]
fn flags_and_verbs_in_texts_are_found() {
    for (line, expected) in [
        (r#"hint: "give more with --memory".to_owned(),"#, true),
        (
            "    which shows the tables; `stedi tables` lists them \\",
            true,
        ),
        ("/// `stedi run` does it with --full.", false),
        ("    // As with --full.", false),
        (r#""a - b", "select 1 -- 2", "--""#, false),
        ("let left = right;", false),
    ] {
        assert_eq!(names_flag_or_verb(line), expected, "{line}");
    }
}

/// Whether a line of code has `--flag` or `` `stedi verb` `` in a text.
fn names_flag_or_verb(line: &str) -> bool {
    if line.trim_start().starts_with("//") {
        return false;
    }
    let mut after_dashes = line.split("--").skip(1);
    line.contains("`stedi ")
        || after_dashes.any(|after| after.starts_with(|c: char| c.is_ascii_lowercase()))
}

#[test]
fn a_cycle_of_modules_is_found() {
    check(
        &[
            ("crates/lake/src/lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("crates/lake/src/a.rs", "use crate::b::B;\npub struct A;\n"),
            (
                "crates/lake/src/b.rs",
                "use crate::c::{C, D};\npub struct B;\n",
            ),
            (
                "crates/lake/src/c.rs",
                "// crate::a in a comment\npub struct C(crate::a::A);\npub struct D;\n",
            ),
        ],
        &[
            "crates/lake/src/a.rs:1: a cycle of modules: a -> b -> c -> a; move what `a` takes from `b`",
        ],
    );
}

#[test]
fn a_cycle_through_a_re_export_is_found() {
    check(
        &[
            (
                "crates/lake/src/lib.rs",
                "mod a;\nmod b;\npub use b::{self, B};\n",
            ),
            ("crates/lake/src/a.rs", "use crate::B;\npub struct A;\n"),
            ("crates/lake/src/b.rs", "use super::a::A;\npub struct B;\n"),
        ],
        &["crates/lake/src/a.rs:1: a cycle of modules: a -> b -> a; move what `a` takes from `b`"],
    );
}

#[test]
fn a_cycle_of_a_module_with_its_own_child_is_found() {
    check(
        &[
            ("crates/lake/src/lib.rs", "mod a;\n"),
            (
                "crates/lake/src/a/mod.rs",
                "mod b;\nuse b::B;\npub struct A;\n",
            ),
            ("crates/lake/src/a/b.rs", "use super::A;\npub struct B;\n"),
        ],
        &[
            "crates/lake/src/a/mod.rs:2: a cycle of modules: a -> a::b -> a; move what `a` takes from `a::b`",
        ],
    );
}

#[test]
fn an_arrow_between_crates_against_the_direction_is_found() {
    check(
        &[
            ("crates/lake/src/lib.rs", "use query::Session;\n"),
            ("crates/query/src/lib.rs", "pub struct Session;\n"),
        ],
        &[
            "crates/lake/src/lib.rs:1: `lake` names the crate `query`, which stands above it; move what needs it up, or pass it in",
        ],
    );
}

#[test]
fn an_arrow_between_folders_against_the_direction_is_found() {
    check(
        &[
            ("crates/engine/src/lib.rs", "mod run;\nmod write;\n"),
            ("crates/engine/src/run/mod.rs", "pub mod plan;\n"),
            ("crates/engine/src/run/plan.rs", "pub struct Plan;\n"),
            ("crates/engine/src/write/mod.rs", "mod build;\n"),
            (
                "crates/engine/src/write/build.rs",
                "\nfn of(plan: &crate::run::plan::Plan) {}\n",
            ),
        ],
        &[
            "crates/engine/src/write/build.rs:2: `write` names `run::plan`, which stands above it; move what needs it up, or pass it in",
        ],
    );
}

#[test]
fn a_file_with_an_empty_name_is_found() {
    check(
        &[
            ("crates/lake/src/lib.rs", "mod utils;\n"),
            ("crates/lake/src/utils.rs", ""),
        ],
        &[
            "crates/lake/src/utils.rs:1: the name `utils` says nothing; name the file after what it holds",
        ],
    );
}

#[test]
fn arrows_of_tests_do_not_count() {
    check(
        &[
            ("crates/lake/src/lib.rs", "mod a;\nmod b;\n"),
            ("crates/lake/src/a.rs", "use crate::b::B;\npub struct A;\n"),
            (
                "crates/lake/src/b.rs",
                "pub struct B;\n\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n",
            ),
        ],
        &[],
    );
}

fn check(files: &[(&str, &str)], expected: &[&str]) {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    let found: Vec<String> = faults_of(&files).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

/// A fault and its place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

fn lines(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// A module of a crate.
struct Module {
    krate: String,
    /// Path of the module; empty for the crate's root.
    path: Vec<String>,
    file: String,
    /// Every path that the module uses, with its line; without re-exports.
    named: Vec<(usize, Vec<String>)>,
    /// The path of each re-exported name.
    exported: BTreeMap<String, Vec<String>>,
}

impl Module {
    fn shown(&self) -> String {
        match self.path.is_empty() {
            true => self.krate.clone(),
            false => self.path.join("::"),
        }
    }
}

fn faults_of(files: &[(String, String)]) -> Vec<Fault> {
    let modules: Vec<Module> = files.iter().filter_map(|(f, t)| read(f, t)).collect();
    let mut faults = empty_names(&modules);
    faults.extend(wrong_crates(&modules));
    let places: BTreeMap<(String, Vec<String>), usize> = modules
        .iter()
        .enumerate()
        .map(|(at, module)| ((module.krate.clone(), module.path.clone()), at))
        .collect();
    let mut arrows: Vec<BTreeMap<usize, usize>> = vec![BTreeMap::new(); modules.len()];
    for (from, module) in modules.iter().enumerate() {
        for (line, path) in &module.named {
            let Some(to) = target(&modules, &places, module, path) else {
                continue;
            };
            if to != from {
                arrows[from].entry(to).or_insert(*line);
            }
        }
    }
    faults.extend(wrong_folders(&modules, &arrows));
    faults.extend(cycles(&modules, &arrows));
    faults.sort();
    faults
}

fn empty_names(modules: &[Module]) -> Vec<Fault> {
    let named = modules.iter().filter_map(|module| {
        let name = module.path.last()?;
        EMPTY_NAMES.contains(&name.as_str()).then(|| Fault {
            file: module.file.clone(),
            line: 1,
            what: format!("the name `{name}` says nothing; name the file after what it holds"),
        })
    });
    named.collect()
}

fn wrong_crates(modules: &[Module]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for module in modules {
        let may = CRATES.iter().find(|(name, _)| *name == module.krate);
        let may = may.map_or(&[][..], |(_, may)| may);
        let known = |name: &str| CRATES.iter().any(|(krate, _)| *krate == name);
        let own = |name: &str| {
            modules.iter().any(|m| {
                m.krate == module.krate && m.path.first().map(String::as_str) == Some(name)
            })
        };
        let mut told = BTreeSet::new();
        for (line, path) in &module.named {
            let name = path[0].as_str();
            if known(name)
                && name != module.krate
                && !own(name)
                && !may.contains(&name)
                && told.insert(name)
            {
                faults.push(Fault {
                    file: module.file.clone(),
                    line: *line,
                    what: format!(
                        "`{}` names the crate `{name}`, which stands above it; move what needs it up, or pass it in",
                        module.krate
                    ),
                });
            }
        }
    }
    faults
}

fn wrong_folders(modules: &[Module], arrows: &[BTreeMap<usize, usize>]) -> Vec<Fault> {
    let floor = |module: &Module| {
        let folder = module.path.first()?;
        let floor = ENGINE_FOLDERS.iter().position(|name| name == folder);
        floor.filter(|_| module.krate == "engine")
    };
    let mut faults = Vec::new();
    for (from, targets) in arrows.iter().enumerate() {
        for (to, line) in targets {
            if let (Some(own), Some(other)) = (floor(&modules[from]), floor(&modules[*to]))
                && other < own
            {
                faults.push(Fault {
                    file: modules[from].file.clone(),
                    line: *line,
                    what: format!(
                        "`{}` names `{}`, which stands above it; move what needs it up, or pass it in",
                        modules[from].path[0],
                        modules[*to].shown()
                    ),
                });
            }
        }
    }
    faults
}

/// One fault for each dependency that closes a cycle, searched from the first
/// module.
fn cycles(modules: &[Module], arrows: &[BTreeMap<usize, usize>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut done = vec![false; modules.len()];
    for start in 0..modules.len() {
        if done[start] {
            continue;
        }
        if let Some(cycle) = shortest_cycle(arrows, start) {
            for module in &cycle {
                done[*module] = true;
            }
            let names: Vec<String> = cycle.iter().map(|m| modules[*m].shown()).collect();
            let next = cycle[1 % cycle.len()];
            faults.push(Fault {
                file: modules[start].file.clone(),
                line: arrows[start][&next],
                what: format!(
                    "a cycle of modules: {} -> {}; move what `{}` takes from `{}`",
                    names.join(" -> "),
                    names[0],
                    names[0],
                    modules[next].shown()
                ),
            });
        }
    }
    faults
}

/// The shortest cycle through a module.
fn shortest_cycle(arrows: &[BTreeMap<usize, usize>], start: usize) -> Option<Vec<usize>> {
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    let mut reached = vec![start];
    let mut at = 0;
    while at < reached.len() {
        let module = reached[at];
        at += 1;
        for next in arrows[module].keys() {
            if *next == start {
                let mut cycle = vec![module];
                while let Some(previous) = before.get(cycle.last()?) {
                    cycle.push(*previous);
                }
                cycle.reverse();
                return Some(cycle);
            }
            if !reached.contains(next) {
                before.insert(*next, module);
                reached.push(*next);
            }
        }
    }
    None
}

/// The module that defines the item of a path, if it is in the same crate.
fn target(
    modules: &[Module],
    places: &BTreeMap<(String, Vec<String>), usize>,
    from: &Module,
    path: &[String],
) -> Option<usize> {
    let mut base = from.path.clone();
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().map(String::as_str) == Some("super") {
                base.pop()?;
                rest = &rest[1..];
            }
        }
        first => {
            // A child of this module, or a name from elsewhere.
            let mut child = base.clone();
            child.push(first.to_owned());
            places.get(&(from.krate.clone(), child))?;
        }
    }
    let at = |path: &[String]| places.get(&(from.krate.clone(), path.to_vec())).copied();
    while let Some(next) = rest.first() {
        let mut child = base.clone();
        child.push(next.clone());
        if at(&child).is_none() {
            break;
        }
        base = child;
        rest = &rest[1..];
    }
    let place = at(&base)?;
    let module = &modules[place];
    let Some(item) = rest.first() else {
        return Some(place);
    };
    match module.exported.get(item) {
        Some(origin) => target(modules, places, module, origin).or(Some(place)),
        None => Some(place),
    }
}

/// Reads a source file; `None` for a file of tests.
fn read(file: &str, text: &str) -> Option<Module> {
    let (krate, inside) = file.strip_prefix("crates/")?.split_once("/src/")?;
    let mut path: Vec<String> = inside
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if matches!(path.last()?.as_str(), "mod" | "lib" | "main") {
        path.pop();
    }
    let text = without_tests(&plain(text));
    let mut module = Module {
        krate: krate.to_owned(),
        path,
        file: file.to_owned(),
        named: Vec::new(),
        exported: BTreeMap::new(),
    };
    let mut line = 1;
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_alphabetic() || c == '_' || c == '\n') {
        if rest[at..].starts_with('\n') {
            line += 1;
            rest = &rest[at + 1..];
            continue;
        }
        rest = &rest[at..];
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        if word == "use" && rest[3..].starts_with(char::is_whitespace) {
            let statement_end = rest.find(';').unwrap_or(rest.len());
            let statement = &rest[3..statement_end];
            let is_export = text[..text.len() - rest.len()]
                .trim_end()
                .rsplit(['\n', ';', '}'])
                .next()
                .is_some_and(|before| before.trim_start().starts_with("pub"));
            for (path, name) in expanded(statement.trim()) {
                if is_export {
                    module.exported.insert(name, path);
                } else {
                    module.named.push((line, path));
                }
            }
            line += statement.matches('\n').count();
            rest = &rest[statement_end..];
            continue;
        }
        if word.contains("::") {
            let path: Vec<String> = word
                .split("::")
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect();
            if !path.is_empty() {
                module.named.push((line, path));
            }
        }
        rest = &rest[end..];
    }
    Some(module)
}

/// The paths of a `use` tree, each with the name that it imports.
fn expanded(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let (path, name) = match tree.split_once(" as ") {
            Some((path, name)) => (path.trim(), name.trim().to_owned()),
            None => (tree, tree.rsplit("::").next().unwrap_or(tree).to_owned()),
        };
        let path: Vec<String> = path
            .split("::")
            .map(|part| part.trim().to_owned())
            .collect();
        return match path.last().map(String::as_str) {
            Some("self") => {
                let path = path[..path.len() - 1].to_vec();
                let name = path.last().cloned().unwrap_or_default();
                vec![(path, name)]
            }
            Some(_) => vec![(path, name)],
            None => Vec::new(),
        };
    };
    let (before, inside) = (
        &tree[..open],
        &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())],
    );
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts
        .flat_map(|part| expanded(&format!("{}{}", before.trim(), part.trim())))
        .collect()
}

/// The source with comments, strings and characters blanked out; line numbers stay.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes: Vec<char> = text.chars().collect();
    let mut at = 0;
    let blank = |out: &mut String, c: char| out.push(if c == '\n' { '\n' } else { ' ' });
    while at < bytes.len() {
        let next = bytes.get(at + 1).copied();
        match bytes[at] {
            '/' if next == Some('/') => {
                while at < bytes.len() && bytes[at] != '\n' {
                    at += 1;
                }
            }
            '/' if next == Some('*') => {
                while at < bytes.len() && !(bytes[at] == '*' && bytes.get(at + 1) == Some(&'/')) {
                    blank(&mut out, bytes[at]);
                    at += 1;
                }
                at += 2;
            }
            'r' if next == Some('"')
                || (next == Some('#') && matches!(bytes.get(at + 2), Some('"' | '#'))) =>
            {
                let mut hashes = 0;
                at += 1;
                while bytes.get(at) == Some(&'#') {
                    hashes += 1;
                    at += 1;
                }
                at += 1;
                while at < bytes.len() {
                    let closes =
                        bytes[at] == '"' && (1..=hashes).all(|n| bytes.get(at + n) == Some(&'#'));
                    if closes {
                        at += 1 + hashes;
                        break;
                    }
                    blank(&mut out, bytes[at]);
                    at += 1;
                }
            }
            '"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != '"' {
                    if bytes[at] == '\\' {
                        blank(&mut out, bytes[at]);
                        at += 1;
                    }
                    if at < bytes.len() {
                        blank(&mut out, bytes[at]);
                    }
                    at += 1;
                }
                at += 1;
            }
            '\'' if bytes.get(at + 2) == Some(&'\'') && next != Some('\\') => at += 3,
            '\'' if next == Some('\\') => {
                at += 3;
                while at < bytes.len() && bytes[at] != '\'' {
                    at += 1;
                }
                at += 1;
            }
            c => {
                out.push(c);
                at += 1;
            }
        }
    }
    out
}

/// Leaves out items behind `#[cfg(test)]`.
fn without_tests(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = match (item.find(';'), item.find('{')) {
            (Some(end), Some(open)) if end < open => end + 1,
            (Some(end), None) => end + 1,
            (_, Some(open)) => {
                let mut depth = 0;
                let closes = item[open..].char_indices().find(|(_, c)| {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    depth == 0
                });
                closes.map_or(item.len(), |(close, _)| open + close + 1)
            }
            (None, None) => item.len(),
        };
        out.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All sources of the crates, without files of tests.
fn sources(crates: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![crates.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(
                    name.as_str(),
                    "tests" | "benches" | "target" | "node_modules" | "web"
                ) {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                let inside = path.strip_prefix(crates).unwrap();
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((format!("crates/{}", inside.display()), text));
            }
        }
    }
    let tests: Vec<PathBuf> = files
        .iter()
        .flat_map(|(file, text)| test_modules(file, text))
        .collect();
    files.retain(|(file, _)| {
        !tests.iter().any(|test| {
            Path::new(file).starts_with(test) || Path::new(file) == test.with_extension("rs")
        })
    });
    files.sort();
    files
}

/// Files of modules that are declared behind `#[cfg(test)]`.
fn test_modules(file: &str, text: &str) -> Vec<PathBuf> {
    let own = Path::new(file);
    let folder = match own.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") => own.with_file_name(""),
        _ => own.with_extension(""),
    };
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]"
            && let Some(next) = lines.peek()
            && let Some(name) = next
                .trim()
                .strip_suffix(';')
                .and_then(|l| l.rsplit_once("mod "))
        {
            found.push(folder.join(name.1));
        }
    }
    found
}

/// Paths in backticks that begin at the root of the repository, or below the
/// engine's or the query crate's sources, must exist.
#[test]
fn the_map_names_places_that_are_there() {
    let root = workspace();
    let map = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let bases = [
        "",
        "crates/engine/src",
        "crates/query/src",
        "crates/lake/src",
    ];
    let missing: Vec<&str> = map
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|place| {
            place.contains('/') && !place.contains(' ') && !place.starts_with("system/")
        })
        .filter(|place| {
            !bases
                .iter()
                .any(|base| root.join(base).join(place).exists())
        })
        .collect();
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names {missing:?}, which are not there"
    );
}
