//! What GraphQL shows of checks, and how pull requests and issues name each other.

use notion_sync_testkit::github::Conclusion;
use serde_json::{Value, json};

use crate::github_checks::{R, checked_world};
use crate::github_mergeability::{check, commit, status};
use crate::github_support::Client;

const ROLLUP: &str = "query($n:Int!,$id:ID!){repository(owner:\"acme\",name:\"handbook\"){pullRequest(number:$n){
  isInMergeQueue autoMergeRequest{enabledAt mergeMethod} statusCheckRollup{state}
  commits(last:1){nodes{commit{oid statusCheckRollup{state contexts(first:1){
    totalCount checkRunCount statusContextCount checkRunCountsByState{state count}
    pageInfo{hasNextPage endCursor} nodes{__typename
      ... on CheckRun{name status conclusion isRequired(pullRequestNumber:$n) checkSuite{app{databaseId slug}}}
      ... on StatusContext{context state isRequired(pullRequestId:$id)}}}
    rest:contexts(first:100,after:\"Y3Vyc29yOjE=\"){nodes{__typename
      ... on CheckRun{name status conclusion isRequired(pullRequestNumber:$n) checkSuite{app{databaseId slug}}}
      ... on StatusContext{context state isRequired(pullRequestId:$id)}}}}}}}}}}";

#[test]
fn one_query_shows_what_is_required_and_how_it_stands() {
    let mut client = Client::of(checked_world(json!({
        "protected_branches": {"main": {"required_checks": ["deploy"]}},
        "rulesets": [{"include": ["main"], "rules": [
            {"type": "required_status_checks", "checks": [{"context": "build", "integration_id": 8}]}]}],
    })));
    let opened = crate::github_pulls::open(&mut client);
    let ask = |client: &mut Client| {
        let found = client.graphql(ROLLUP, json!({"n": 1, "id": opened["node_id"]}));
        assert_eq!(found["errors"], Value::Null, "{found}");
        let pull = found["data"]["repository"]["pullRequest"].clone();
        assert_eq!(pull["isInMergeQueue"], false);
        pull["commits"]["nodes"][0]["commit"]["statusCheckRollup"].clone()
    };
    assert_eq!(ask(&mut client), Value::Null);
    check(&mut client, "build", "ci", Some(Conclusion::Success));
    check(&mut client, "build", "other", None);
    status(&mut client, "deploy", "success");
    let found = ask(&mut client);
    assert_eq!(
        (
            &found["state"],
            &found["contexts"]["totalCount"],
            &found["contexts"]["checkRunCount"],
            &found["contexts"]["statusContextCount"],
            &found["contexts"]["pageInfo"]["hasNextPage"],
        ),
        (
            &json!("PENDING"),
            &json!(3),
            &json!(2),
            &json!(1),
            &json!(true)
        )
    );
    assert_eq!(
        found["contexts"]["checkRunCountsByState"],
        json!([{"state": "IN_PROGRESS", "count": 1}, {"state": "SUCCESS", "count": 1}])
    );
    assert_eq!(
        found["contexts"]["nodes"][0],
        json!({"__typename": "CheckRun", "name": "build", "status": "COMPLETED", "conclusion": "SUCCESS",
               "isRequired": true, "checkSuite": {"app": {"databaseId": 8, "slug": "ci"}}})
    );
    assert_eq!(
        found["rest"]["nodes"],
        json!([
            {"__typename": "CheckRun", "name": "build", "status": "IN_PROGRESS", "conclusion": null,
             "isRequired": false, "checkSuite": {"app": {"databaseId": 9, "slug": "other"}}},
            {"__typename": "StatusContext", "context": "deploy", "state": "SUCCESS", "isRequired": true},
        ])
    );
    for (state, rollup) in [("error", "ERROR"), ("failure", "FAILURE")] {
        check(&mut client, "build", "other", Some(Conclusion::Success));
        status(&mut client, "deploy", state);
        assert_eq!(ask(&mut client)["state"], rollup);
    }
    let unnamed = client.graphql(
        "{repository(owner:\"acme\",name:\"handbook\"){pullRequest(number:1){statusCheckRollup{contexts(first:1){nodes{... on CheckRun{isRequired}}}}}}}",
        Value::Null,
    );
    assert!(unnamed["errors"][0]["message"].is_string(), "{unnamed}");
}

#[test]
fn pull_requests_and_issues_name_each_other() {
    let mut client = Client::of(checked_world(json!({})));
    for title in ["one", "two"] {
        client
            .send("POST", &format!("{R}/issues"), json!({"title": title}))
            .expect(201);
    }
    for (head, base, body) in [
        (
            "topic",
            "main",
            "Closes #1, fixes acme/handbook#2 and mentions #1",
        ),
        ("more", "topic", "Closes #1"),
    ] {
        if head == "more" {
            let now = client.now;
            client
                .emulator
                .reset_branch("acme/handbook", "more", "topic", "bob", now)
                .expect("a branch");
            commit(&mut client, "more", "m", "m");
        }
        client
            .send(
                "POST",
                &format!("{R}/pulls"),
                json!({"title": head, "head": head, "base": base, "body": body}),
            )
            .expect(201);
    }
    let query = "query($all:Boolean){repository(owner:\"acme\",name:\"handbook\"){
        a:pullRequest(number:3){closingIssuesReferences(first:10){nodes{number}}}
        b:pullRequest(number:4){closingIssuesReferences(first:10){nodes{number}}}
        issue(number:1){closedByPullRequestsReferences(first:10,includeClosedPrs:$all){nodes{number}}}}}";
    let found = client.graphql(query, json!({"all": false}));
    let repository = &found["data"]["repository"];
    assert_eq!(
        repository["a"]["closingIssuesReferences"]["nodes"],
        json!([{"number": 1}, {"number": 2}])
    );
    // Only what goes to the default branch closes.
    assert_eq!(
        repository["b"]["closingIssuesReferences"]["nodes"],
        json!([])
    );
    let by = &repository["issue"]["closedByPullRequestsReferences"]["nodes"];
    assert_eq!(*by, json!([{"number": 3}]));
    client
        .send("PATCH", &format!("{R}/pulls/3"), json!({"state": "closed"}))
        .expect(200);
    for (all, left) in [(false, json!([])), (true, json!([{"number": 3}]))] {
        let found = client.graphql(query, json!({"all": all}));
        let by = &found["data"]["repository"]["issue"]["closedByPullRequestsReferences"];
        assert_eq!(by["nodes"], left);
    }
}
