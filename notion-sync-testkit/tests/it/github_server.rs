//! The emulator on sockets, and git itself against it.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use notion_sync_testkit::github::{GithubEmulator, GithubWorld, StatusState};
use notion_sync_testkit::server::{EmulatorServer, RunningServer, Sleeper, TimeSource};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::github_checks::checked_world;
use crate::github_git::{git, scratch};
use crate::github_support::{start, world};

struct Site {
    github: Arc<Mutex<GithubEmulator>>,
    server: RunningServer,
    clock: Arc<AtomicI64>,
}

async fn site(name: &str) -> Site {
    site_of(name, world()).await
}

async fn site_of(name: &str, world: GithubWorld) -> Site {
    let mut github = GithubEmulator::new(world, start()).expect("a consistent world");
    github.bind_git(&scratch(name)).expect("bare repositories");
    let github = Arc::new(Mutex::new(github));
    let clock = Arc::new(AtomicI64::new(start().timestamp()));
    let (read, moved) = (clock.clone(), clock.clone());
    let time: TimeSource = Arc::new(move || {
        chrono::DateTime::from_timestamp(read.load(Ordering::SeqCst), 0).expect("a time")
    });
    // A virtual clock: waiting moves it and takes no time.
    let sleep: Sleeper = Arc::new(move |duration| {
        moved.fetch_add(
            i64::try_from(duration.as_secs()).unwrap_or(0),
            Ordering::SeqCst,
        );
        Box::pin(std::future::ready(()))
    });
    let server = EmulatorServer::new(github.clone(), time, sleep)
        .with_git(github.clone())
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    Site {
        github,
        server,
        clock,
    }
}

/// One request on one connection. `None` when it was closed without an answer.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: test\r\nauthorization: Bearer ghp_ada\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    if answer.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .expect("a status")
        .parse()
        .expect("a number");
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

impl Site {
    async fn call(&self, method: &str, path: &str, body: Value) -> Option<(u16, Value)> {
        let address = self.server.address();
        let stream = tokio::net::TcpStream::connect(address)
            .await
            .expect("connected");
        exchange(stream, &address.to_string(), method, path, &body).await
    }
}

#[tokio::test]
async fn it_answers_on_tcp_and_on_a_unix_socket() {
    let mut site = site("sockets").await;
    let base = site.server.base_url();
    for prefix in ["", "/api/v3"] {
        let (status, body) = site
            .call("GET", &format!("{prefix}/repos/acme/handbook"), Value::Null)
            .await
            .expect("an answer");
        assert_eq!(
            (status, body["url"].as_str()),
            (
                200,
                Some(format!("{base}{prefix}/repos/acme/handbook").as_str())
            )
        );
        assert_eq!(body["clone_url"], format!("{base}/acme/handbook.git"));
    }
    for path in ["/graphql", "/api/graphql"] {
        let (_, body) = site
            .call("POST", path, json!({"query": "{viewer{login}}"}))
            .await
            .expect("an answer");
        assert_eq!(body["data"]["viewer"]["login"], "Ada");
    }
    let path = scratch("unix").join("s");
    site.server.bind_unix(&path).expect("a socket");
    let stream = tokio::net::UnixStream::connect(&path)
        .await
        .expect("connected");
    let (status, body) = exchange(stream, "api.github.com", "GET", "/user", &Value::Null)
        .await
        .expect("an answer");
    assert_eq!(
        (status, body["url"].as_str()),
        (200, Some("https://api.github.com/users/Ada"))
    );
}

#[tokio::test]
async fn control_sets_faults_and_shows_the_log() {
    let site = site("control").await;
    let (_, bounds) = site
        .call("GET", "/_emulator/bounds", Value::Null)
        .await
        .expect("an answer");
    assert_eq!(bounds["grain_seconds"], 1);
    for (fault, issues) in [
        (json!({"kind": "drop-before"}), 0),
        (json!({"kind": "drop-after"}), 1),
    ] {
        let rule = json!({"method": "POST", "path_contains": "/issues", "fault": fault});
        assert_eq!(
            site.call("POST", "/_emulator/faults", rule)
                .await
                .expect("an answer")
                .0,
            201
        );
        assert!(
            site.call("POST", "/repos/acme/handbook/issues", json!({"title": "T"}))
                .await
                .is_none()
        );
        assert_eq!(
            site.github
                .lock()
                .expect("a lock")
                .issue_numbers("acme/handbook")
                .expect("numbers")
                .len(),
            issues
        );
    }
    site.call(
        "POST",
        "/_emulator/faults",
        json!({"fault": {"kind": "delay", "milliseconds": 90_000}}),
    )
    .await
    .expect("an answer");
    let before = site.clock.load(Ordering::SeqCst);
    assert_eq!(
        site.call("GET", "/repos/acme/handbook", Value::Null)
            .await
            .expect("an answer")
            .0,
        200
    );
    assert_eq!(site.clock.load(Ordering::SeqCst), before + 90);
    let (_, log) = site
        .call("GET", "/_emulator/log?since=1", Value::Null)
        .await
        .expect("an answer");
    assert_eq!(
        (
            log["entries"].as_array().map(Vec::len),
            &log["entries"][0]["fault"],
            &log["entries"][0]["effect"]
        ),
        (Some(2), &json!("drop-after"), &json!(true))
    );
    assert_eq!(
        site.call("POST", "/_emulator/faults", json!({"fault": "nonsense"}))
            .await
            .expect("an answer")
            .0,
        400
    );
    assert_eq!(
        site.call("DELETE", "/_emulator/faults", Value::Null)
            .await
            .expect("an answer")
            .0,
        200
    );
    let gesture = json!({"gesture": "delete-issue", "repository": "acme/handbook", "number": 1});
    assert_eq!(
        site.call("POST", "/_emulator/github/gesture", gesture.clone())
            .await
            .expect("an answer")
            .0,
        200
    );
    assert_eq!(
        site.call("POST", "/_emulator/github/gesture", gesture)
            .await
            .expect("an answer")
            .0,
        404
    );
    assert_eq!(
        site.call("GET", "/repos/acme/handbook/issues/1", Value::Null)
            .await
            .expect("an answer")
            .0,
        410
    );
    assert_eq!(
        site.call("POST", "/_emulator/reset", Value::Null)
            .await
            .expect("an answer")
            .0,
        200
    );
    assert_eq!(
        site.call("GET", "/repos/acme/handbook/issues/1", Value::Null)
            .await
            .expect("an answer")
            .0,
        404
    );
}

/// Runs git beside the server, which needs this thread.
async fn run_git(directory: &Path, arguments: &[&str]) -> String {
    let (directory, arguments) = (
        directory.to_owned(),
        arguments
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>(),
    );
    tokio::task::spawn_blocking(move || {
        git(
            &directory,
            &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
            b"",
            &[],
        )
    })
    .await
    .expect("git ran")
}

#[tokio::test]
async fn git_clones_what_the_api_wrote_and_the_api_reads_what_git_pushed() {
    let site = site("git-site").await;
    let work = scratch("git-work");
    let with_token = |token: &str| {
        format!(
            "http://x:{token}@{}/acme/handbook.git",
            site.server.address()
        )
    };
    run_git(&work, &["clone", "-q", &with_token("ghp_bob"), "clone"]).await;
    let clone = work.join("clone");
    assert_eq!(
        std::fs::read_to_string(clone.join("docs/deep/c.md")).expect("a file"),
        "gamma\n"
    );
    let pull = site
        .call(
            "POST",
            "/repos/acme/handbook/pulls",
            json!({"title": "T", "head": "topic", "base": "main"}),
        )
        .await
        .expect("an answer")
        .1["number"]
        .clone();

    // A push of many files: they arrive as loose objects whatever their number.
    for n in 0..150 {
        std::fs::create_dir_all(clone.join("many")).expect("a directory");
        std::fs::write(clone.join(format!("many/{n}.md")), format!("file {n}\n")).expect("a file");
    }
    run_git(&clone, &["add", "-A"]).await;
    run_git(&clone, &["commit", "-q", "-m", "Many files"]).await;
    run_git(&clone, &["push", "-q", "origin", "main"]).await;
    let pushed = run_git(&clone, &["rev-parse", "HEAD"]).await;
    let (_, head) = site
        .call(
            "GET",
            "/repos/acme/handbook/git/ref/heads/main",
            Value::Null,
        )
        .await
        .expect("an answer");
    assert_eq!(head["object"]["sha"], pushed);
    let (_, commit) = site
        .call("GET", "/repos/acme/handbook/commits/main", Value::Null)
        .await
        .expect("an answer");
    assert_eq!(
        (
            &commit["commit"]["message"],
            &commit["author"]["login"],
            commit["files"].as_array().map(Vec::len)
        ),
        (&json!("Many files\n"), &json!("Ada"), Some(150))
    );

    // A change through the API, fetched.
    let content = site
        .call(
            "PUT",
            "/repos/acme/handbook/contents/api.md",
            json!({"message": "By API", "content": "YXBpCg=="}),
        )
        .await
        .expect("an answer");
    assert_eq!(content.0, 201);
    run_git(&clone, &["pull", "-q", "--ff-only"]).await;
    assert_eq!(
        std::fs::read_to_string(clone.join("api.md")).expect("a file"),
        "api\n"
    );

    // A forced push, a new branch and a deleted one.
    run_git(
        &clone,
        &["checkout", "-q", "-b", "feature/x", "origin/topic"],
    )
    .await;
    run_git(&clone, &["commit", "-q", "--amend", "-m", "Rewritten"]).await;
    run_git(
        &clone,
        &["push", "-q", "-f", "origin", "feature/x:topic", "feature/x"],
    )
    .await;
    let (_, shown) = site
        .call(
            "GET",
            &format!("/repos/acme/handbook/pulls/{pull}"),
            Value::Null,
        )
        .await
        .expect("an answer");
    assert_eq!(
        (&shown["state"], &shown["commits"]),
        (&json!("open"), &json!(1))
    );
    assert_eq!(
        shown["head"]["sha"],
        run_git(&clone, &["rev-parse", "HEAD"]).await
    );
    run_git(&clone, &["push", "-q", "origin", ":topic"]).await;
    let (_, shown) = site
        .call(
            "GET",
            &format!("/repos/acme/handbook/pulls/{pull}"),
            Value::Null,
        )
        .await
        .expect("an answer");
    assert_eq!(shown["state"], "closed");
    let branches: Vec<String> = site
        .github
        .lock()
        .expect("a lock")
        .branches("acme/handbook")
        .expect("branches")
        .into_keys()
        .collect();
    assert_eq!(branches, ["feature/x", "main"]);

    // git finds nothing wrong with what the emulator wrote.
    let bare = site
        .github
        .lock()
        .expect("a lock")
        .git_root()
        .expect("a root")
        .join("100.git");
    run_git(&bare, &["fsck", "--strict", "--full"]).await;
}

#[tokio::test]
async fn git_is_refused_without_a_right() {
    let site = site("git-refused").await;
    let work = scratch("git-refused-work");
    let url = |token: &str, name: &str| match token {
        "" => format!("http://{}/{name}.git", site.server.address()),
        token => format!("http://x:{token}@{}/{name}.git", site.server.address()),
    };
    run_git(&work, &["ls-remote", &url("", "acme/handbook")]).await;
    run_git(&work, &["ls-remote", &url("ghs_bot", "acme/notes")]).await;
    let failing = |arguments: Vec<String>| {
        let work = work.clone();
        tokio::task::spawn_blocking(move || {
            let output = std::process::Command::new("git")
                .args(&arguments)
                .current_dir(&work)
                .env("GIT_TERMINAL_PROMPT", "0")
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .output()
                .expect("git runs");
            assert!(!output.status.success(), "{arguments:?}");
        })
    };
    for (token, name) in [
        ("", "acme/notes"),
        ("ghp_mallory", "acme/notes"),
        ("wrong", "acme/notes"),
        ("ghp_ada", "acme/nowhere"),
    ] {
        failing(vec!["ls-remote".to_owned(), url(token, name)])
            .await
            .expect("ran");
    }
    run_git(&work, &["clone", "-q", &url("", "acme/handbook"), "c"]).await;
    let clone = work.join("c");
    run_git(&clone, &["commit", "-q", "--allow-empty", "-m", "x"]).await;
    for token in ["", "wrong", "ghp_mallory", "ghs_reader"] {
        failing(vec![
            "-C".to_owned(),
            "c".to_owned(),
            "push".to_owned(),
            url(token, "acme/handbook"),
            "main".to_owned(),
        ])
        .await
        .expect("ran");
    }
    assert_eq!(
        site.github
            .lock()
            .expect("a lock")
            .commits("acme/handbook", "main")
            .expect("commits")
            .len(),
        1
    );
}

/// Pushes and returns what git printed, and whether it went through.
async fn push(clone: &Path, url: String, what: &'static str) -> (bool, String) {
    let clone = clone.to_owned();
    tokio::task::spawn_blocking(move || {
        let output = std::process::Command::new("git")
            .args(["push", &url, what])
            .current_dir(&clone)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    })
    .await
    .expect("ran")
}

#[tokio::test]
async fn a_push_meets_the_rules_of_its_branch() {
    let rulesets = json!([
        {"include": ["~DEFAULT_BRANCH"], "bypass": [{"app": 7}], "rules": [{"type": "pull_request"}, {"type": "non_fast_forward"}]},
        {"include": ["main"], "enforcement": "evaluate", "rules": [{"type": "required_signatures"}]},
        {"include": ["release/*"], "exclude": ["release/old"], "rules": [{"type": "required_status_checks", "checks": [{"context": "build"}]}]},
        {"include": ["signed/**"], "rules": [{"type": "required_signatures"}]},
    ]);
    let world = checked_world(json!({
        "rulesets": rulesets, "protected_branches": {"classic": {"approvals": 1}},
        "branches": {"topic": {}, "classic": {}, "it's": {}},
    }));
    let site = site_of("git-rules", world).await;
    let work = scratch("git-rules-work");
    let url = |token: &str| {
        format!(
            "http://x:{token}@{}/acme/handbook.git",
            site.server.address()
        )
    };
    run_git(&work, &["clone", "-q", &url("ghp_ada"), "c"]).await;
    let clone = work.join("c");
    run_git(&clone, &["commit", "-q", "--allow-empty", "-m", "x"]).await;
    let heading =
        |branch: &str| format!("GH013: Repository rule violations found for refs/heads/{branch}.");
    for (what, branch, message) in [
        (
            "main",
            "main",
            "- Changes must be made through a pull request.",
        ),
        ("+main^:main", "main", ""),
        (
            "main:release/1",
            "release/1",
            "- Required status check \"build\" is expected.",
        ),
        (
            "main:signed/a/b",
            "signed/a/b",
            "- Commits must have verified signatures.",
        ),
    ] {
        let (done, said) = push(&clone, url("ghp_ada"), what).await;
        // Nothing changes where the branch is there already.
        assert_eq!(done, message.is_empty(), "{what}: {said}");
        if !done {
            assert!(
                said.contains(&heading(branch)) && said.contains(message),
                "{what}: {said}"
            );
        }
    }
    let (done, said) = push(&clone, url("ghp_ada"), "main:classic").await;
    assert!(!done && said.contains("GH006"), "{said}");
    for what in [
        "main:release/1/2",
        "main:release/old",
        "main:it's",
        "main:topic",
    ] {
        let (done, said) = push(&clone, url("ghp_ada"), what).await;
        assert!(done, "{what}: {said}");
    }
    // What the checks of the commit say counts as soon as they say it.
    let now = start();
    site.github
        .lock()
        .expect("a lock")
        .report_status(
            "acme/handbook",
            "topic",
            "build",
            StatusState::Success,
            "bob",
            now,
        )
        .expect("a status");
    let (done, said) = push(&clone, url("ghp_ada"), "main:release/3").await;
    assert!(done, "{said}");
    // The app that is spared may push, and rewrite.
    let (done, said) = push(&clone, url("ghs_bot"), "main").await;
    assert!(done, "{said}");
    let (done, said) = push(&clone, url("ghp_ada"), "+main^:main").await;
    assert!(
        !done && said.contains("- Cannot force-push to this branch"),
        "{said}"
    );
    let (done, said) = push(&clone, url("ghs_bot"), "+main^:main").await;
    assert!(done, "{said}");
}
