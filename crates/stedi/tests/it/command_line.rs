//! The command line: help, completions, wrong arguments.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::places::SMALL;
use crate::program::stedi;

const COMMANDS: [&str; 22] = [
    "demo",
    "run",
    "watch",
    "plan",
    "verify",
    "sql",
    "tables",
    "describe",
    "history",
    "lineage",
    "report",
    "listen",
    "export",
    "compact",
    "vacuum",
    "quarantine",
    "key",
    "consent",
    "sample",
    "init",
    "doctor",
    "completions",
];

#[test]
fn help_lists_every_command_and_reads_well() {
    let dir = &SMALL.dir;
    for words in ["--help", "-h", "help"] {
        let help = stedi(dir, words).run().done().silent().out;
        for command in COMMANDS {
            let line = help
                .lines()
                .find(|line| line.trim_start().starts_with(command));
            let line = line.unwrap_or_else(|| panic!("{words}: {command}: {help}"));
            assert!(
                line.trim().len() > command.len() + 8,
                "{command} without a word: {line}"
            );
        }
        for flag in [
            "--landing",
            "--lake",
            "--project",
            "--key-file",
            "--config",
            "--now",
            "--format",
            "--quiet",
            "--verbose",
            "--no-color",
            "--yes",
        ] {
            assert!(help.contains(flag), "{words}: {flag}");
        }
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{words}: {widest:?}");
        assert!(help.contains("Exit codes"), "{words}");
    }
    for command in COMMANDS {
        let help = stedi(dir, command).arg("--help").run().done().silent().out;
        assert!(help.contains("Usage: stedi"), "{command}: {help}");
        assert_eq!(
            stedi(dir, "help").arg(command).run().done().out,
            help,
            "{command}"
        );
    }
    let bare = stedi(dir, "").run();
    assert!(bare.code == 2 && bare.err.contains("Usage"), "{bare}");
    let version = stedi(dir, "--version").run().done().out;
    assert_eq!(version, format!("stedi {}\n", env!("CARGO_PKG_VERSION")));
}

/// The help page of a command begins with its own options. The global options have
/// their own page, to which a line refers.
#[test]
fn help_of_a_verb_shows_its_own_options() {
    let dir = &SMALL.dir;
    for (words, own) in [
        ("run", Some("--select <TABLE>...")),
        ("sql", Some("-c, --command <SQL>")),
        ("vacuum", Some("--keep <DURATION>")),
        ("tables", Some("--drop <NAME>")),
        ("doctor", None),
        ("quarantine list", Some("--all")),
        ("consent withdraw", Some("--email-file <FILE>")),
    ] {
        let help = stedi(dir, words).arg("--help").run().done().silent().out;
        let mut options = help.lines().skip_while(|line| *line != "Options:").skip(1);
        let first = options.next().unwrap_or_default().trim();
        assert!(
            first.starts_with(own.unwrap_or("-h, --help")),
            "{words}: {help}"
        );
        for global in ["--landing", "--memory", "--no-color", "Global options"] {
            assert!(!help.contains(global), "{words}: {global}: {help}");
        }
        let last = help.lines().last().unwrap_or_default();
        assert!(last.ends_with("`stedi help options`"), "{words}: {help}");
    }
    let page = stedi(dir, "help options").run().done().silent().out;
    assert_eq!(stedi(dir, "options").run().done().out, page);
    for global in ["--landing", "--lake", "--wide", "--memory", "--yes"] {
        assert!(page.contains(global), "{global}: {page}");
    }
    // They are taken before the verb and behind it, at any depth.
    let lake = SMALL.dir.join("lake");
    for words in [
        "--quiet tables --lake",
        "tables --quiet --lake",
        "quarantine list -q --lake",
    ] {
        stedi(&std::env::temp_dir(), words).arg(&lake).run().done();
    }
}

#[test]
fn completions_for_three_shells() {
    for (shell, says, check) in [
        ("bash", "complete -F _stedi", "bash -n"),
        ("zsh", "#compdef stedi", "zsh -n"),
        ("fish", "complete -c stedi", "fish --no-execute"),
    ] {
        let script = stedi(&SMALL.dir, "completions")
            .arg(shell)
            .run()
            .done()
            .silent()
            .out;
        assert!(script.contains(says), "{shell}");
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        let (program, flag) = check.split_once(' ').unwrap();
        let reader = Command::new(program)
            .arg(flag)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        let Ok(mut reader) = reader else {
            eprintln!("not read by {program}, which is not there");
            continue;
        };
        reader
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        assert!(reader.wait().unwrap().success(), "{program} cannot read it");
    }
    stedi(&SMALL.dir, "completions tcsh")
        .run()
        .ended(2)
        .says("bash");
}

#[test]
fn bash_completes_commands_and_flags() {
    let script = stedi(&SMALL.dir, "completions bash").run().done().out;
    for (typed, expected) in [
        ("stedi ver", "verify"),
        ("stedi run --sel", "--select"),
        ("stedi --format js", "json"),
    ] {
        let words: Vec<&str> = typed.split(' ').collect();
        let last = words.len() - 1;
        let ask = format!(
            "{script}\nCOMP_WORDS=({typed}); COMP_CWORD={last}; _stedi stedi '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words[last],
            words[last - 1],
        );
        let Ok(out) = Command::new("bash").arg("-c").arg(ask).output() else {
            eprintln!("skipped: bash is not there");
            return;
        };
        let offered = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            offered.lines().any(|line| line == expected),
            "{typed}: {offered:?}"
        );
    }
}

#[test]
fn wrong_command_lines_end_with_2() {
    for (words, says) in [
        ("frobnicate", "frobnicate"),
        ("veriy", "verify"),
        ("run --landnig x", "--landing"),
        ("run --format xml", "json"),
        ("run --expect", "--expect"),
        ("run extra", "extra"),
        ("describe", "<TABLE>"),
        ("describe customer_trusted --version old", "old"),
        ("history", "<TABLE>"),
        ("sample", "<OUT>"),
        ("sample out --customers few", "few"),
        ("sample out --customers -3", "-3"),
        ("sql -c", "--command"),
        ("sql -c x -f y", "--file"),
        ("completions", "<SHELL>"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let outcome = stedi(dir.path(), words)
            .run()
            .ended(2)
            .says("error: ")
            .says(says);
        assert!(outcome.out.is_empty(), "{outcome}");
        assert_eq!(
            crate::places::contents(dir.path()).len(),
            1,
            "{words} made something"
        );
    }
}
