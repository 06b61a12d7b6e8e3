//! Folders of the system's for temporary files are removed, however the program ends.

#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::scratch::Scratch;

/// Temporary files of the program lie in this folder.
pub(crate) fn env(folder: &Scratch) -> [(&'static str, &str); 2] {
    let path = folder.path().to_str().unwrap();
    [("TMPDIR", path), ("PATH", env!("PATH"))]
}

/// How many of them there are.
pub(crate) fn left(folder: &Scratch) -> usize {
    let entries = std::fs::read_dir(folder.path()).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with("notion-sync-"))
        .count()
}

fn signal(name: &str, process: u32) {
    let process = process.to_string();
    let sent = Command::new("kill").args(["-s", name, &process]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn emulators_leave_nothing_behind() {
    let folder = Scratch::new("emulate-ends");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for wrong in [
        &["emulate", "--notion", &taken][..],
        &["emulate", "--github-socket", "/nowhere/at/all"],
    ] {
        folder.run(wrong, &env(&folder)).ends(2);
        assert_eq!(left(&folder), 0, "{wrong:?}");
    }
    for name in ["INT", "TERM", "HUP"] {
        let mut program = folder.program(&["emulate", "--json"], &env(&folder));
        let mut child = program.spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert_eq!(left(&folder), 1, "{line}");
        signal(name, child.id());
        assert!(child.wait().unwrap().success(), "{name}");
        assert_eq!(left(&folder), 0, "{name}");
    }
}

#[test]
fn a_demo_that_is_stopped_leaves_nothing_behind() {
    let folder = Scratch::new("demo-ends");
    for name in ["INT", "TERM"] {
        let mut program = folder.program(&["demo"], &env(&folder));
        // Nobody reads: it waits for room before its end.
        let mut child = program.stderr(Stdio::null()).spawn().unwrap();
        while left(&folder) == 0 {
            assert!(child.try_wait().unwrap().is_none());
        }
        signal(name, child.id());
        // What it said is read now, so that it can end.
        let output = child.wait_with_output().unwrap();
        let whole = String::from_utf8(output.stdout)
            .unwrap()
            .contains("Both sides are equal");
        assert!(
            output.status.code() == Some(1) || whole,
            "{:?}",
            output.status
        );
        assert_eq!(left(&folder), 0, "{name}");
    }
}

#[test]
fn what_a_demo_keeps_can_be_opened_and_cloned() {
    let folder = Scratch::new("demo-keeps");
    let said = folder
        .run(&["demo", "--keep", "kept"], &env(&folder))
        .ends(0)
        .out;
    let config = "kept/notion-sync.toml";
    assert!(said.contains(config), "{said}");
    let status = folder.run(&["status", "--config", config], &env(&folder));
    assert!(status.out.contains("handbook: "), "{status:?}");
    for name in ["acme/handbook", "acme/app"] {
        let line = said
            .lines()
            .find(|line| line.ends_with(&format!("# {name}")))
            .unwrap();
        let path = line.split_whitespace().nth(2).unwrap();
        let log = Command::new("git")
            .current_dir(folder.path())
            .args(["--git-dir", path, "ls-tree", "-r", "--name-only", "HEAD"])
            .output()
            .unwrap();
        let files = String::from_utf8(log.stdout).unwrap();
        assert_eq!(
            files.contains("docs/welcome.md"),
            name == "acme/handbook",
            "{line}: {files}"
        );
    }
    let (own, kept) = (folder.path().join("own"), "kept-own/notion-sync.toml");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("page.md"), "# Page\n\nSome text.\n").unwrap();
    let demo = [
        "demo",
        "--documents",
        "own",
        "--edits",
        "0",
        "--keep",
        "kept-own",
    ];
    let said = folder.run(&demo, &env(&folder)).ends(0).out;
    assert!(said.contains(kept), "{said}");
    folder
        .run(&["status", "--config", kept], &env(&folder))
        .ends(0);
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let ran = folder
        .run(&["demo", "--documents", "empty"], &env(&folder))
        .ends(2);
    assert!(ran.err.contains("no Markdown file below empty"), "{ran:?}");
}
