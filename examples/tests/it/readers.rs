//! Readers of the program's output that go away are no error.

#![cfg(unix)]

use std::process::{Child, Command, Stdio};

use crate::scratch::Scratch;
use crate::services::Stand;
use crate::temporary::{env, left};

/// The end of a pipe that nobody reads from any more.
fn nobody() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Ends a process, and waits until it has.
#[track_caller]
fn stop(mut child: Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_log_that_nobody_reads_keeps_nothing_from_being_synchronised() {
    let stand = Stand::configured("log-reader", "[schedule]\npoll = 1\n");
    let mut env = stand.env();
    env.push(("NOTION_SYNC_LOG", "debug"));
    let program = |arguments: &[&str]| {
        let mut program = stand.folder.program(arguments, &env);
        program.stdout(Stdio::null()).stderr(nobody());
        program
    };
    let status = program(&["sync", "--wait"]).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(stand.rows().len(), 3);

    let page = stand.page("Releases");
    stand.rewrite(page, "Nothing is released", "Nothing is released at night.");
    let mut served = program(&["serve"]).spawn().unwrap();
    while !stand.file("docs/releases.md").contains("at night") {
        assert!(served.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    stop(served);
}

#[test]
fn a_demo_goes_on_when_nobody_reads_it_any_more() {
    let folder = Scratch::new("demo-reader");
    for json in [&[][..], &["--json"]] {
        let arguments = [&["demo"], json].concat();
        let mut program = folder.program(&arguments, &env(&folder));
        let ran = program.stdout(nobody()).output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.success() && said.is_empty(), "{said}");
    }
    assert_eq!(left(&folder), 0);
}

#[test]
fn emulators_serve_when_nobody_reads_where_any_more() {
    let folder = Scratch::new("emulate-reader");
    let mut program = folder.program(&["emulate"], &env(&folder));
    let child = program.stdout(nobody()).spawn().unwrap();
    while left(&folder) == 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    stop(child);
    assert_eq!(left(&folder), 0);
}
