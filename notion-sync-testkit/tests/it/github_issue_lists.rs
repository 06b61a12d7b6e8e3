//! Lists and search of issues, and issues that went away.

use serde_json::{Value, json};

use crate::github_issues::open;
use crate::github_support::{Client, start};

const R: &str = "/repos/acme/handbook";

#[test]
fn lists_filter_sort_and_page() {
    let mut client = Client::new();
    for n in 1..=25_i64 {
        client.tick(10);
        client.as_user(if n % 5 == 0 { "ghs_bot" } else { "ghp_ada" });
        let labels = if n % 2 == 0 {
            json!(["bug"])
        } else {
            json!(["bug", "odd"])
        };
        open(
            &mut client,
            json!({"title": format!("t{n}"), "labels": labels, "assignees": if n == 3 { json!(["bob"]) } else { json!([]) }}),
        );
    }
    client.as_user("ghp_ada");
    for n in [4, 8, 12] {
        client.tick(10);
        client
            .send(
                "PATCH",
                &format!("{R}/issues/{n}"),
                json!({"state": "closed"}),
            )
            .expect(200);
    }
    let numbers = |client: &mut Client, query: &str| -> Vec<u64> {
        client
            .all(&format!("{R}/issues?{query}"))
            .iter()
            .map(|issue| issue["number"].as_u64().expect("a number"))
            .collect()
    };
    assert_eq!(numbers(&mut client, "").len(), 22);
    assert_eq!(
        numbers(&mut client, "state=closed&sort=updated&direction=asc"),
        [4, 8, 12]
    );
    assert_eq!(
        numbers(
            &mut client,
            "state=all&sort=created&direction=asc&per_page=7"
        ),
        (1..=25).collect::<Vec<_>>()
    );
    assert_eq!(
        numbers(&mut client, "labels=bug,ODD&per_page=100").len(),
        13
    );
    assert_eq!(
        numbers(&mut client, "creator=notion-sync%5Bbot%5D&state=all"),
        [25, 20, 15, 10, 5]
    );
    assert_eq!(numbers(&mut client, "assignee=bob"), [3]);
    assert_eq!(numbers(&mut client, "assignee=none").len(), 21);
    assert_eq!(numbers(&mut client, "milestone=none&assignee=*"), [3]);
    let moved = client.get(&format!("{R}/issues/8")).expect(200)["updated_at"]
        .as_str()
        .expect("a time")
        .to_owned();
    assert_eq!(
        numbers(
            &mut client,
            &format!("state=all&since={moved}&sort=updated&direction=asc")
        ),
        [8, 12]
    );
    client
        .get(&format!("{R}/issues?since=yesterday"))
        .expect(422);
    client.get(&format!("{R}/issues?state=broken")).expect(422);
}

#[test]
fn every_page_size_gives_the_same_items() {
    let mut client = Client::new();
    for n in 0..37 {
        client
            .emulator
            .open_issue("acme/handbook", "ada", &format!("t{n}"), None, start())
            .expect("an issue");
    }
    let whole: Vec<Value> = client.all(&format!("{R}/issues?per_page=100"));
    assert_eq!(whole.len(), 37);
    for size in 1..=40 {
        let first = client.get(&format!("{R}/issues?per_page={size}"));
        let last = 37_usize.div_ceil(size);
        match first.header("link") {
            None => assert_eq!(last, 1),
            Some(link) => {
                assert!(
                    link.contains("https://api.github.com/repositories/100/issues?"),
                    "{link}"
                );
                assert!(
                    link.contains(&format!("page={last}>; rel=\"last\"")),
                    "{link}"
                );
            }
        }
        assert_eq!(
            client.all(&format!("{R}/issues?per_page={size}")),
            whole,
            "{size}"
        );
        let beyond = client.get(&format!("{R}/issues?per_page={size}&page=999"));
        assert_eq!(beyond.body, json!([]));
        assert!(beyond.header("link").is_some_and(|link| link.contains("rel=\"prev\"") && !link.contains("rel=\"next\"")));
    }
    for odd in [
        "per_page=0",
        "per_page=-1",
        "per_page=x",
        "page=0",
        "page=99999999999999999999",
    ] {
        client.get(&format!("{R}/issues?{odd}")).expect(200);
    }
    assert_eq!(
        client
            .get(&format!("{R}/issues?per_page=1000"))
            .body
            .as_array()
            .expect("a list")
            .len(),
        37
    );
}

#[test]
fn deleted_and_transferred_issues_answer_for_themselves() {
    let mut client = Client::new();
    for title in ["gone", "moved", "hidden"] {
        client
            .emulator
            .open_issue("acme/handbook", "ada", title, Some("b"), start())
            .expect("an issue");
    }
    client
        .emulator
        .comment("acme/handbook", 2, "bob", "c", start())
        .expect("a comment");
    client
        .emulator
        .delete_issue("acme/handbook", 1)
        .expect("deleted");
    assert_eq!(
        client
            .emulator
            .transfer_issue("acme/handbook", 2, "acme/empty", "ada", start()),
        Ok(1)
    );
    assert_eq!(
        client
            .emulator
            .transfer_issue("acme/handbook", 3, "acme/notes", "ada", start()),
        Ok(1)
    );
    assert_eq!(
        client.get(&format!("{R}/issues/1")).expect(410)["message"],
        "This issue was deleted"
    );
    client
        .send("PATCH", &format!("{R}/issues/1"), json!({"title": "x"}))
        .expect(410);
    let moved = client.get(&format!("{R}/issues/2"));
    assert_eq!(moved.status, 301);
    let target = moved
        .header("location")
        .expect("a location")
        .replace("https://api.github.com", "");
    assert_eq!(target, "/repositories/102/issues/1");
    assert_eq!(client.get(&target).expect(200)["title"], "moved");
    assert_eq!(
        client.get(&format!("{target}/comments")).expect(200)[0]["body"],
        "c"
    );
    assert_eq!(
        client
            .send("PATCH", &format!("{R}/issues/2"), json!({}))
            .status,
        307
    );
    assert_eq!(client.get(&format!("{R}/issues/3")).status, 301);
    client
        .as_user("ghp_mallory")
        .get(&format!("{R}/issues/3"))
        .expect(404);
    assert_eq!(
        client.all(&format!("{R}/issues?state=all")),
        Vec::<Value>::new()
    );
}

#[test]
fn new_issues_are_late_in_lists_but_not_alone() {
    let mut world = crate::github_support::world();
    world.bounds.visibility_seconds = 30;
    let mut client = Client::of(world);
    open(&mut client, json!({"title": "T"}));
    assert_eq!(client.get(&format!("{R}/issues")).expect(200), json!([]));
    client.get(&format!("{R}/issues/1")).expect(200);
    client.tick(29);
    assert_eq!(client.get(&format!("{R}/issues")).expect(200), json!([]));
    client.tick(1);
    assert_eq!(
        client
            .get(&format!("{R}/issues"))
            .expect(200)
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn search_lags_and_matches_words() {
    let mut client = Client::with_settings(
        json!({"search_delay_seconds": 60, "search_sees_html_comments": false}),
    );
    open(
        &mut client,
        json!({"title": "Alpha beta", "body": "marker one-two <!-- secret words -->"}),
    );
    open(&mut client, json!({"title": "two and one", "body": "x"}));
    let total = |client: &mut Client, query: &str| {
        client.get(&format!("/search/issues?q={query}")).expect(200)["total_count"].clone()
    };
    assert_eq!(total(&mut client, "is:issue+alpha"), 0);
    client.tick(60);
    for (query, count) in [
        ("is:issue+alpha", 1),
        ("is:issue+one-two", 2),
        ("is:issue+%22one-two%22", 1),
        ("is:issue+secret", 0),
        ("is:pr+alpha", 0),
        ("is:issue+repo:acme/handbook+is:open", 2),
        ("is:issue+repo:acme/notes", 0),
        ("is:issue+author:bob", 0),
        ("is:issue+author:ada", 2),
    ] {
        assert_eq!(total(&mut client, query), count, "{query}");
    }
    client.get("/search/issues?q=alpha").expect(422);
    client.get("/search/issues?q=").expect(422);
    client
        .get(&format!("/search/issues?q=is:issue+{}", "x".repeat(260)))
        .expect(422);
}
