//! `sync --wait` ends where nothing can be waited for.

use std::net::TcpListener;

use crate::services::Stand;

/// The address of nobody.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_service_that_has_vanished_is_waited_for_no_longer_than_asked() {
    let stand = Stand::configured("vanished", "");
    stand.run(&["sync", "--wait"]).ends(0);
    let page = stand.page("Releases");
    let say = |text: &str| stand.rewrite(page, "Nothing is released", text);
    say("Nothing is released on Mondays.");
    // What is written is looked at once more when it has settled: that is under way for minutes.
    let file = stand.folder.path().join("notion-sync.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let slow = text.replace("\nsettle = 1\n", "\nsettle = 600\n");
    assert_ne!(slow, text);
    stand.folder.file("notion-sync.toml", &slow);
    stand.run(&["sync"]);
    say("Nothing is released on Sundays.");
    let before = stand.file("docs/releases.md");
    let gone = closed();
    let wait = ["sync", "--wait", "--wait-at-most", "0s"];
    let ran = stand.run_with(&wait, &[("GITHUB_API_URL", &gone)]).ends(1);
    let host = gone.trim_start_matches("http://");
    for said in [
        "error:",
        "--wait-at-most",
        "GitHub at",
        host,
        "GITHUB_API_URL",
    ] {
        assert!(ran.out.contains(said), "{said}: {ran:?}");
    }
    // Without Notion it does not even begin.
    let ran = stand.run_with(&wait, &[("NOTION_API_BASE_URL", &gone)]);
    let said = ran.ends(1).err;
    for part in ["refused", "Notion", host, "NOTION_API_BASE_URL"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert_eq!(stand.file("docs/releases.md"), before);
    // What is due later than that is left, too.
    let ran = stand.run(&wait).ends(1);
    assert!(ran.out.contains("--wait-at-most"), "{ran:?}");
    // Nothing was lost by it; the suite's own limit ends this.
    stand.folder.file("notion-sync.toml", &text);
    while !stand.file("docs/releases.md").contains("on Sundays.") {
        stand.run(&["sync", "--full"]);
    }
}

#[test]
fn how_long_is_a_number_with_a_unit() {
    let stand = Stand::configured("how-long", "");
    for wrong in ["", "5", "m", "1.5h", "5 parsecs", "99999999999999999999h"] {
        let ran = stand.run(&["sync", "--wait", "--wait-at-most", wrong]);
        assert!(ran.code == 2 && ran.err.contains("30m"), "{wrong}: {ran:?}");
    }
    // It says something about waiting only.
    stand.run(&["sync", "--wait-at-most", "5m"]).ends(2);
}
