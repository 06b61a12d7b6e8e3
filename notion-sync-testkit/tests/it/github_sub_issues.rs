//! Sub-issues and issue types.

use serde_json::{Value, json};

use crate::github_projects::planned;
use crate::github_support::Client;

const R: &str = "/repos/acme/handbook/issues";

/// A client with a number of issues, and their ids.
fn with_issues(count: u64) -> (Client, Vec<u64>) {
    let mut client = Client::of(planned());
    let ids = (3..3 + count)
        .map(|number| {
            let body = json!({"title": format!("Part {number}")});
            let made = client.send("POST", R, body).expect(201);
            made["id"].as_u64().expect("an id")
        })
        .collect();
    (client, ids)
}

fn link(
    client: &mut Client,
    parent: u64,
    child: u64,
    replace: bool,
) -> crate::github_support::Answer {
    let body = json!({"sub_issue_id": child, "replace_parent": replace});
    client.send("POST", &format!("{R}/{parent}/sub_issues"), body)
}

fn numbers(body: &Value) -> Vec<u64> {
    let all = body.as_array().expect("issues").iter();
    all.filter_map(|issue| issue["number"].as_u64()).collect()
}

#[test]
fn sub_issues_are_added_ordered_and_removed() {
    let (mut client, ids) = with_issues(3);
    client.get(&format!("{R}/3/parent")).expect(404);
    for id in &ids {
        link(&mut client, 1, *id, false).expect(201);
    }
    let parent = client.get(&format!("{R}/1")).expect(200);
    assert_eq!(
        parent["sub_issues_summary"],
        json!({"total": 3, "completed": 0, "percent_completed": 0})
    );
    client
        .send("PATCH", &format!("{R}/4"), json!({"state": "closed"}))
        .expect(200);
    let parent = client.get(&format!("{R}/1")).expect(200);
    assert_eq!(
        parent["sub_issues_summary"],
        json!({"total": 3, "completed": 1, "percent_completed": 33})
    );
    assert_eq!(
        numbers(&client.get(&format!("{R}/1/sub_issues")).expect(200)),
        [3, 4, 5]
    );
    assert_eq!(
        client.get(&format!("{R}/3/parent")).expect(200)["number"],
        1
    );
    let below = client.get(&format!("{R}/3")).expect(200);
    assert!(
        below["parent_issue_url"]
            .as_str()
            .is_some_and(|url| url.ends_with("/issues/1"))
    );
    let order = json!({"sub_issue_id": ids[2], "before_id": ids[0]});
    client
        .send("PATCH", &format!("{R}/1/sub_issues/priority"), order)
        .expect(200);
    assert_eq!(
        numbers(&client.get(&format!("{R}/1/sub_issues")).expect(200)),
        [5, 3, 4]
    );
    let query = "query($n:Int!){repository(owner:\"acme\",name:\"handbook\"){issue(number:$n){parent{number} \
        subIssues(first:10){totalCount nodes{number}} subIssuesSummary{total completed percentCompleted}}}}";
    let above = client.graphql(query, json!({"n": 1}));
    let above = &above["data"]["repository"]["issue"];
    assert_eq!(above["subIssues"]["nodes"][0]["number"], 5);
    assert_eq!(above["subIssuesSummary"]["completed"], 1);
    let below = client.graphql(query, json!({"n": 5}));
    assert_eq!(below["data"]["repository"]["issue"]["parent"]["number"], 1);
    // One parent only, unless it is to be replaced.
    let refused = link(&mut client, 2, ids[0], false).expect(422);
    assert!(
        refused["message"]
            .as_str()
            .is_some_and(|text| text.contains("may only have one parent"))
    );
    link(&mut client, 1, ids[0], true).expect(422);
    link(&mut client, 2, ids[0], true).expect(201);
    assert_eq!(
        client.get(&format!("{R}/3/parent")).expect(200)["number"],
        2
    );
    let body = json!({"sub_issue_id": ids[0]});
    client
        .send("DELETE", &format!("{R}/1/sub_issue"), body.clone())
        .expect(404);
    client
        .send("DELETE", &format!("{R}/2/sub_issue"), body)
        .expect(200);
    client.get(&format!("{R}/3/parent")).expect(404);
    let first = client.get(&format!("{R}/1")).expect(200)["node_id"].clone();
    let third = client.get(&format!("{R}/3")).expect(200)["node_id"].clone();
    for name in ["addSubIssue", "removeSubIssue"] {
        let query = format!(
            "mutation($p:ID!,$c:ID!){{{name}(input:{{issueId:$p,subIssueId:$c}}){{issue{{number}} subIssue{{number}}}}}}"
        );
        let answer = client.graphql(&query, json!({"p": first, "c": third}));
        assert_eq!(answer["data"][name]["subIssue"]["number"], 3);
    }
    // Links go with the issue, and stay with one that moves.
    let now = client.now;
    client
        .emulator
        .delete_issue("acme/handbook", 5)
        .expect("deleted");
    client
        .emulator
        .transfer_issue("acme/handbook", 4, "acme/notes", "ada", now)
        .expect("moved");
    let left = client.get(&format!("{R}/1/sub_issues")).expect(200);
    assert_eq!(left.as_array().map(Vec::len), Some(1));
    // A person who does not see the other repository does not see the sub-issue.
    client.as_user("ghp_bob");
    assert_eq!(
        client.get(&format!("{R}/1/sub_issues")).expect(200),
        json!([])
    );
}

#[test]
fn the_tree_has_limits() {
    let (mut client, ids) = with_issues(101);
    for id in &ids[..100] {
        link(&mut client, 1, *id, false).expect(201);
    }
    // Closed ones count.
    client
        .send("PATCH", &format!("{R}/3"), json!({"state": "closed"}))
        .expect(200);
    let refused = link(&mut client, 1, ids[100], false).expect(422);
    assert!(
        refused["message"]
            .as_str()
            .is_some_and(|text| text.contains("more than 100"))
    );
    let (mut client, ids) = with_issues(10);
    let one = client.get(&format!("{R}/1")).expect(200)["id"]
        .as_u64()
        .expect("an id");
    for (parent, id) in (3..).zip(&ids[1..8]) {
        link(&mut client, parent, *id, false).expect(201);
    }
    // Issue 3 has seven levels below it; an eighth may go on top of it, a ninth may not.
    link(&mut client, 1, ids[0], false).expect(201);
    link(&mut client, 10, ids[8], false).expect(422);
    link(&mut client, 2, one, false).expect(422);
    link(&mut client, 10, one, false).expect(422);
    link(&mut client, 1, one, false).expect(422);
    link(&mut client, 1, 999_999, false).expect(404);
    let pull = json!({"title": "p", "head": "topic", "base": "main"});
    client
        .send("POST", "/repos/acme/handbook/pulls", pull)
        .expect(201);
    let pull = client.get(&format!("{R}/13")).expect(200)["id"]
        .as_u64()
        .expect("an id");
    link(&mut client, 2, pull, false).expect(422);
    client.as_user("ghp_mallory");
    link(&mut client, 2, ids[9], false).expect(403);
}

#[test]
fn types_are_set_by_name() {
    let mut client = Client::of(planned());
    for path in ["/repos/acme/handbook/issue-types", "/orgs/acme/issue-types"] {
        let types = client.get(path).expect(200);
        let names: Vec<&str> = types
            .as_array()
            .expect("types")
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert_eq!(names, ["Bug", "Task"]);
    }
    let made = client
        .send("POST", R, json!({"title": "t", "type": "bug"}))
        .expect(201);
    assert_eq!(made["type"]["name"], "Bug");
    let path = format!("{R}/{}", made["number"]);
    assert_eq!(
        client
            .send("PATCH", &path, json!({"type": "Task"}))
            .expect(200)["type"]["name"],
        "Task"
    );
    client
        .send("PATCH", &path, json!({"type": "Epic"}))
        .expect(422);
    client
        .send("POST", R, json!({"title": "t", "type": "Epic"}))
        .expect(422);
    assert_eq!(
        client
            .send("PATCH", &path, json!({"title": "u"}))
            .expect(200)["type"]["name"],
        "Task"
    );
    assert_eq!(
        client
            .send("PATCH", &path, json!({"type": null}))
            .expect(200)["type"],
        Value::Null
    );
    // Who may not label may not say what it is.
    client.as_user("ghp_mallory");
    let made = client
        .send("POST", R, json!({"title": "t", "type": "Bug"}))
        .expect(201);
    assert_eq!(made["type"], Value::Null);
    client.get("/orgs/acme/issue-types").expect(404);
    client.get("/orgs/ada/issue-types").expect(404);
    client.as_user("ghs_bot");
    let refused = client.get("/orgs/acme/issue-types");
    assert_eq!(
        refused.header("x-accepted-github-permissions"),
        Some("issue_types=read")
    );
    refused.expect(403);
}
