//! Objects have the ids git gives them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::github_support::Client;

/// A fresh directory below the build's own.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a scratch directory");
    path
}

/// Runs git and returns what it printed.
#[track_caller]
pub(crate) fn git(
    directory: &Path,
    arguments: &[&str],
    input: &[u8],
    environment: &[(&str, &str)],
) -> String {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git runs");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input)
        .expect("git reads");
    let output = child.wait_with_output().expect("git ends");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn repository(name: &str) -> PathBuf {
    let path = scratch(name);
    git(&path, &["init", "-q", "-b", "main"], b"", &[]);
    path
}

#[test]
fn blobs_have_the_ids_of_hash_object() {
    let path = repository("hash-object");
    let mut client = Client::new();
    let contents: [&[u8]; 6] = [
        b"",
        b"a",
        b"alpha\n",
        b"\r\n\r\n",
        "grün – 緑\n".as_bytes(),
        &[0, 255, 10, 13, 128],
    ];
    for content in contents {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(content);
        let body = client
            .send(
                "POST",
                "/repos/acme/handbook/git/blobs",
                json!({"content": encoded, "encoding": "base64"}),
            )
            .expect(201);
        let sha = body["sha"].as_str().expect("a sha").to_owned();
        assert_eq!(sha, git(&path, &["hash-object", "--stdin"], content, &[]));
        let read = client
            .get(&format!("/repos/acme/handbook/git/blobs/{sha}"))
            .expect(200);
        let compact: String = read["content"]
            .as_str()
            .expect("text")
            .split('\n')
            .collect();
        assert_eq!(compact, encoded);
        assert_eq!(read["size"], content.len());
    }
}

#[test]
fn trees_have_the_ids_of_mktree_whatever_the_order() {
    let path = repository("mktree");
    let mut client = Client::new();
    // `a`, `a.b` and `a/` sort differently as names and as git sorts them.
    let files = ["a/x", "a.b", "a-b", "a0", "B", "z/y/x", "z.y", "ä"];
    let tree: Vec<Value> = files.iter().map(|file| json!({"path": file, "mode": "100644", "type": "blob", "content": format!("{file}\n")})).collect();
    let body = client
        .send(
            "POST",
            "/repos/acme/handbook/git/trees",
            json!({"tree": tree}),
        )
        .expect(201);
    for file in files {
        let at = path.join(file);
        std::fs::create_dir_all(at.parent().expect("a parent")).expect("a directory");
        std::fs::write(at, format!("{file}\n")).expect("a file");
    }
    git(&path, &["add", "-A"], b"", &[]);
    assert_eq!(body["sha"], git(&path, &["write-tree"], b"", &[]));
    let executable = client
        .send(
            "POST",
            "/repos/acme/handbook/git/trees",
            json!({"base_tree": body["sha"], "tree": [
                {"path": "run", "mode": "100755", "type": "blob", "content": "x"},
                {"path": "link", "mode": "120000", "type": "blob", "content": "run"},
                {"path": "z/y/x", "mode": "100644", "type": "blob", "sha": null},
            ]}),
        )
        .expect(201);
    std::fs::remove_file(path.join("z/y/x")).expect("removed");
    std::fs::write(path.join("run"), "x").expect("a file");
    std::os::unix::fs::symlink("run", path.join("link")).expect("a link");
    git(&path, &["add", "-A"], b"", &[]);
    git(&path, &["update-index", "--chmod=+x", "run"], b"", &[]);
    assert_eq!(executable["sha"], git(&path, &["write-tree"], b"", &[]));
}

#[test]
fn commits_have_the_ids_of_commit_tree() {
    let path = repository("commit-tree");
    let mut client = Client::new();
    let tree = client
        .send(
            "POST",
            "/repos/acme/handbook/git/trees",
            json!({"tree": [{"path": "f", "mode": "100644", "type": "blob", "content": "f\n"}]}),
        )
        .expect(201);
    std::fs::write(path.join("f"), "f\n").expect("a file");
    git(&path, &["add", "-A"], b"", &[]);
    let tree_id = git(&path, &["write-tree"], b"", &[]);
    assert_eq!(tree["sha"], tree_id);
    let mut parents: Vec<String> = Vec::new();
    for (message, date, zone) in [
        ("First\n", "2026-11-21T02:00:00Z", "1795226400 +0000"),
        (
            "Second, without a line break",
            "2026-11-21T02:00:00+05:30",
            "1795206600 +0530",
        ),
        (
            "Third\n\nKey: value\n",
            "2026-11-21T02:00:00-08:00",
            "1795255200 -0800",
        ),
    ] {
        let person = json!({"name": "Ada", "email": "ada@example.com", "date": date});
        let body = client
            .send("POST", "/repos/acme/handbook/git/commits", json!({
                "message": message, "tree": tree_id, "parents": parents, "author": person, "committer": person,
            }))
            .expect(201);
        let mut arguments = vec!["commit-tree", tree_id.as_str()];
        for parent in &parents {
            arguments.extend(["-p", parent.as_str()]);
        }
        let dates = [("GIT_AUTHOR_DATE", zone), ("GIT_COMMITTER_DATE", zone)];
        let ours = body["sha"].as_str().expect("a sha").to_owned();
        assert_eq!(
            ours,
            git(&path, &arguments, message.as_bytes(), &dates),
            "{message:?}"
        );
        parents.push(ours);
        parents.reverse();
    }
}

#[test]
fn refs_move_as_the_service_lets_them() {
    let mut client = Client::new();
    let r = "/repos/acme/handbook";
    let main = client.get(&format!("{r}/git/ref/heads/main")).expect(200)["object"]["sha"].clone();
    let topic =
        client.get(&format!("{r}/git/ref/heads/topic")).expect(200)["object"]["sha"].clone();
    let created = client
        .send(
            "POST",
            &format!("{r}/git/refs"),
            json!({"ref": "refs/heads/sync/a b".replace(' ', "-"), "sha": main}),
        )
        .expect(201);
    assert_eq!(created["ref"], "refs/heads/sync/a-b");
    for (reference, sha, message) in [
        ("refs/heads/sync/a-b", &main, "Reference already exists"),
        ("refs/heads/sync", &main, "Reference update failed"),
        ("refs/heads/main/x", &main, "Reference update failed"),
        (
            "heads/x",
            &main,
            "Reference name is not valid. It must start with 'refs/' and have at least two slashes.",
        ),
        (
            "refs/heads/x",
            &json!("0123456789012345678901234567890123456789"),
            "Object does not exist",
        ),
    ] {
        let body = client
            .send(
                "POST",
                &format!("{r}/git/refs"),
                json!({"ref": reference, "sha": sha}),
            )
            .expect(422);
        assert_eq!(body["message"], message, "{reference}");
        assert!(body.get("errors").is_none());
    }
    let patch = format!("{r}/git/refs/heads/sync/a-b");
    assert_eq!(
        client
            .send("PATCH", &patch, json!({"sha": topic}))
            .expect(200)["object"]["sha"],
        topic
    );
    let back = client
        .send("PATCH", &patch, json!({"sha": main, "force": false}))
        .expect(422);
    assert_eq!(back["message"], "Update is not a fast forward");
    assert_eq!(
        client
            .send("PATCH", &patch, json!({"sha": main, "force": true}))
            .expect(200)["object"]["sha"],
        main
    );
    let missing = client
        .send(
            "PATCH",
            &format!("{r}/git/refs/heads/none"),
            json!({"sha": main}),
        )
        .expect(422);
    assert_eq!(missing["message"], "Reference does not exist");
    assert_eq!(
        client
            .get(&format!("{r}/git/matching-refs/heads/sy"))
            .expect(200)
            .as_array()
            .expect("a list")
            .len(),
        1
    );
    client.send("DELETE", &patch, Value::Null).expect(204);
    assert_eq!(
        client.send("DELETE", &patch, Value::Null).expect(422)["message"],
        "Reference does not exist"
    );
    client
        .get(&format!("{r}/git/ref/heads/sync/a-b"))
        .expect(404);
    client.get(&format!("{r}/git/ref/heads/sync")).expect(404);
    assert_eq!(
        client
            .get("/repos/acme/empty/git/ref/heads/main")
            .expect(409)["message"],
        "Git Repository is empty."
    );
    assert!(client.checked == 0 || client.checked >= 8);
}

#[test]
fn bad_trees_and_commits_are_refused_and_leave_nothing() {
    let mut client = Client::new();
    let r = "/repos/acme/handbook";
    let tree =
        client.get(&format!("{r}/commits/main")).expect(200)["commit"]["tree"]["sha"].clone();
    let none = "0123456789012345678901234567890123456789";
    for (entry, message) in [
        (
            json!({"path": "no/such", "mode": "100644", "type": "blob", "sha": null}),
            "GitRPC::BadObjectState",
        ),
        (
            json!({"path": "../x", "mode": "100644", "type": "blob", "content": ""}),
            "tree.path contains a malformed path component",
        ),
        (
            json!({"path": "a//b", "mode": "100644", "type": "blob", "content": ""}),
            "tree.path contains a malformed path component",
        ),
        (
            json!({"path": ".git/config", "mode": "100644", "type": "blob", "content": ""}),
            "tree.path contains a malformed path component",
        ),
        (
            json!({"path": "x", "mode": "100600", "type": "blob", "content": ""}),
            "Must supply a valid tree.mode: 100600 is not one",
        ),
        (
            json!({"path": "x", "mode": "100644", "type": "tree", "content": ""}),
            "Must supply a valid tree.type",
        ),
        (
            json!({"path": "x", "mode": "100644", "type": "blob"}),
            "Must supply either tree.sha or tree.content",
        ),
        (
            json!({"path": "x", "mode": "100644", "type": "blob", "sha": tree, "content": "x"}),
            "Must supply either tree.sha or tree.content",
        ),
    ] {
        let body = client
            .send(
                "POST",
                &format!("{r}/git/trees"),
                json!({"base_tree": tree, "tree": [entry]}),
            )
            .expect(422);
        assert_eq!(body["message"], message);
    }
    client
        .send(
            "POST",
            &format!("{r}/git/trees"),
            json!({"base_tree": none, "tree": []}),
        )
        .expect(422);
    client
        .send(
            "POST",
            &format!("{r}/git/commits"),
            json!({"message": "m", "tree": none}),
        )
        .expect(422);
    client
        .send(
            "POST",
            &format!("{r}/git/commits"),
            json!({"message": "m", "tree": tree, "parents": [none]}),
        )
        .expect(422);
    client
        .send("POST", &format!("{r}/git/commits"), json!({"tree": tree}))
        .expect(422);
    client
        .send(
            "POST",
            &format!("{r}/git/blobs"),
            json!({"content": "?", "encoding": "base64"}),
        )
        .expect(422);
}

#[test]
fn recursive_trees_are_cut_where_the_settings_say() {
    let mut client = Client::with_settings(json!({"tree_entries": 3}));
    let all = client
        .get("/repos/acme/handbook/git/trees/main?recursive=1")
        .expect(200);
    assert_eq!(all["truncated"], true);
    assert_eq!(all["tree"].as_array().expect("a list").len(), 3);
    let flat = client
        .get("/repos/acme/handbook/git/trees/main")
        .expect(200);
    assert_eq!(
        (
            flat["truncated"].clone(),
            flat["tree"].as_array().expect("a list").len()
        ),
        (json!(false), 2)
    );
}

/// A commit of these files, made through the API on top of `parent`.
fn commit_files(
    client: &mut Client,
    files: &std::collections::BTreeMap<String, String>,
    parent: &str,
) -> String {
    let tree: Vec<Value> = files
        .iter()
        .map(|(path, content)| {
            json!({"path": path, "mode": "100644", "type": "blob", "content": content})
        })
        .collect();
    let tree = client
        .send(
            "POST",
            "/repos/acme/handbook/git/trees",
            json!({"tree": tree}),
        )
        .expect(201);
    let body = json!({"message": "files", "tree": tree["sha"], "parents": [parent]});
    let commit = client
        .send("POST", "/repos/acme/handbook/git/commits", body)
        .expect(201);
    commit["sha"].as_str().expect("a sha").to_owned()
}

#[test]
fn renames_are_those_that_git_finds() {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Write as _;
    // A generator of numbers that need not be good.
    let mut state = 7_u64;
    let mut below = move |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).expect("31 bits") % limit
    };
    let path = repository("renames");
    let mut client = Client::new();
    let parent = client
        .get("/repos/acme/handbook/git/ref/heads/main")
        .expect(200)["object"]["sha"]
        .clone();
    let parent = parent.as_str().expect("a sha").to_owned();
    let (mut inexact, mut total) = (0, 0);
    for round in 0..40 {
        let mut old: BTreeMap<String, String> = BTreeMap::new();
        for file in 0..2 + below(4) {
            let mut text = String::new();
            for line in 0..4 + below(8) {
                let end = if below(9) == 0 { "\r\n" } else { "\n" };
                let long = "and more of it ".repeat(below(8));
                let _ = write!(text, "{file} says line {line} {} {long}{end}", below(50));
            }
            old.insert(format!("docs/{}/f{file}.md", below(2)), text);
        }
        let mut new: BTreeMap<String, String> = BTreeMap::new();
        for (at, (path, text)) in old.iter().enumerate() {
            let name = path.rsplit('/').next().expect("a name");
            let kept: Vec<String> = text
                .split_inclusive('\n')
                .filter_map(|line| match below(10) {
                    0 => None,
                    1..=3 => Some(format!("round {round} wrote {}\n", below(1_000))),
                    _ => Some(line.to_owned()),
                })
                .collect();
            match below(5) {
                0 => drop(new.insert(path.clone(), text.clone())),
                1 => drop(new.insert(format!("moved/{name}"), kept.concat())),
                2 => drop(new.insert(format!("docs/r{at}.md"), kept.concat())),
                3 => drop(new.insert(format!("docs/s{at}.md"), text.clone())),
                _ => {}
            }
        }
        new.insert("docs/new.md".to_owned(), format!("only here {round}\n"));
        let base = commit_files(&mut client, &old, &parent);
        let head = commit_files(&mut client, &new, &base);
        let compared = client
            .get(&format!("/repos/acme/handbook/compare/{base}...{head}"))
            .expect(200);
        let ours: BTreeSet<(String, String)> = compared["files"]
            .as_array()
            .expect("files")
            .iter()
            .filter(|file| file["status"] == "renamed")
            .map(|file| {
                let name = |key: &str| file[key].as_str().expect("a path").to_owned();
                (name("previous_filename"), name("filename"))
            })
            .collect();
        for files in [&old, &new] {
            git(&path, &["rm", "-rfq", "--ignore-unmatch", "."], b"", &[]);
            for (name, content) in files {
                let file = path.join(name);
                std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
                std::fs::write(file, content).expect("a file");
            }
            git(&path, &["add", "-A"], b"", &[]);
            git(
                &path,
                &["commit", "-qm", "files", "--allow-empty"],
                b"",
                &[],
            );
        }
        let said = git(
            &path,
            &["diff", "--name-status", "-M", "HEAD~1", "HEAD"],
            b"",
            &[],
        );
        let mut theirs = BTreeSet::new();
        for line in said.lines().filter(|line| line.starts_with('R')) {
            let words: Vec<&str> = line.split('\t').collect();
            inexact += usize::from(words[0] != "R100");
            theirs.insert((words[1].to_owned(), words[2].to_owned()));
        }
        total += theirs.len();
        assert_eq!(ours, theirs, "round {round}: {said}\n{old:#?}\n{new:#?}");
    }
    assert!(inexact >= 10 && total > inexact, "{inexact} of {total}");
}
