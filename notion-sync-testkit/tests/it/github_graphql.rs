//! GraphQL.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::github_support::{Client, start};

const COMMIT: &str = "mutation($i:CreateCommitOnBranchInput!){createCommitOnBranch(input:$i){clientMutationId commit{oid signature{isValid} parents(first:1){nodes{oid}}} ref{name}}}";

fn commit_input(head: &str, additions: Value, deletions: Value) -> Value {
    json!({"i": {
        "branch": {"repositoryNameWithOwner": "acme/handbook", "branchName": "main"},
        "expectedHeadOid": head, "message": {"headline": "Sync", "body": "Sync-Run-Id: 1"},
        "fileChanges": {"additions": additions, "deletions": deletions}, "clientMutationId": "op-1",
    }})
}

#[test]
fn a_commit_is_made_only_on_the_head_that_was_seen() {
    let mut client = Client::new();
    client.as_user("ghs_bot");
    let head = client.emulator.branches("acme/handbook").expect("branches")["main"].to_string();
    let files = json!([{"path": "docs/a.md", "contents": STANDARD.encode("new a\n")}, {"path": "x/y.md", "contents": ""}]);
    let made = client.graphql(
        COMMIT,
        commit_input(&head, files.clone(), json!([{"path": "docs/b.md"}])),
    );
    let made = &made["data"]["createCommitOnBranch"];
    assert_eq!(
        (
            &made["clientMutationId"],
            &made["commit"]["signature"]["isValid"],
            &made["ref"]["name"]
        ),
        (&json!("op-1"), &json!(true), &json!("main"))
    );
    assert_eq!(made["commit"]["parents"]["nodes"][0]["oid"], head.as_str());
    let tree = client
        .emulator
        .files("acme/handbook", "main")
        .expect("files");
    assert_eq!(
        (
            tree["docs/a.md"].as_str(),
            tree["x/y.md"].as_str(),
            tree.contains_key("docs/b.md")
        ),
        ("new a\n", "", false)
    );
    assert_eq!(
        client
            .emulator
            .commits("acme/handbook", "main")
            .expect("commits")[0]
            .message,
        "Sync\n\nSync-Run-Id: 1"
    );
    let stale = client.graphql(COMMIT, commit_input(&head, files.clone(), json!([])));
    assert_eq!(stale["data"]["createCommitOnBranch"], Value::Null);
    assert_eq!(stale["errors"][0]["type"], "STALE_DATA");
    assert_eq!(stale["errors"][0]["path"], json!(["createCommitOnBranch"]));
    assert_eq!(
        stale["errors"][0]["message"],
        format!("Expected branch to point to \"{head}\" but it did not. Pull and try again.")
    );
    let head = made["commit"]["oid"].as_str().expect("an id").to_owned();
    for (additions, deletions) in [
        (json!([]), json!([{"path": "no/such"}])),
        (json!([{"path": "a", "contents": "?"}]), json!([])),
        (
            json!([{"path": "a", "contents": ""}, {"path": "a", "contents": ""}]),
            json!([]),
        ),
        (json!([{"path": "a/../b", "contents": ""}]), json!([])),
    ] {
        let refused = client.graphql(COMMIT, commit_input(&head, additions, deletions));
        assert!(refused["errors"][0]["message"].is_string(), "{refused}");
    }
    assert_eq!(
        client.emulator.branches("acme/handbook").expect("branches")["main"].to_string(),
        head
    );
    client.as_user("ghs_reader");
    assert_eq!(
        client.graphql(COMMIT, commit_input(&head, files, json!([])))["errors"][0]["type"],
        "FORBIDDEN"
    );
}

#[test]
fn drafts_are_toggled() {
    let mut client = Client::new();
    let created = client
        .send(
            "POST",
            "/repos/acme/handbook/pulls",
            json!({"title": "T", "head": "topic", "base": "main", "draft": true}),
        )
        .expect(201);
    assert_eq!(created["draft"], true);
    for (mutation, draft) in [
        ("markPullRequestReadyForReview", false),
        ("convertPullRequestToDraft", true),
    ] {
        let query = format!(
            "mutation($id:ID!){{{mutation}(input:{{pullRequestId:$id}}){{pullRequest{{isDraft mergeStateStatus}}}}}}"
        );
        let answer = client.graphql(&query, json!({"id": created["node_id"]}));
        assert_eq!(
            answer["data"][mutation]["pullRequest"]["isDraft"], draft,
            "{answer}"
        );
    }
    let wrong = client.graphql(
        "mutation{convertPullRequestToDraft(input:{pullRequestId:\"nonsense\"}){pullRequest{id}}}",
        json!({}),
    );
    assert_eq!(wrong["errors"][0]["type"], "NOT_FOUND");
}

#[test]
fn unknown_things_are_named_before_anything_happens() {
    let mut client = Client::new();
    for (query, message) in [
        (
            "{ viewer { login shoeSize } }",
            "Field 'shoeSize' doesn't exist on type 'User'",
        ),
        (
            "{ viewer }",
            "Field must have selections (field 'viewer' returns User but has no selections. Did you mean 'viewer { ... }'?)",
        ),
        (
            "{ viewer { login { x } } }",
            "Selections can't be made on scalars (field 'login' returns String but has selections)",
        ),
        (
            "{ viewer { ... on Fish { id } } }",
            "No such type Fish, so it can't be a fragment condition",
        ),
        (
            "{ viewer { ...f } }",
            "Fragment f was used, but not defined",
        ),
        (
            "mutation { createIssue(input: {}) { issue { nope } } }",
            "Field 'nope' doesn't exist on type 'Issue'",
        ),
        (
            "query($a: Int!) { viewer { login } }",
            "Variable $a was provided invalid value",
        ),
    ] {
        let answer = client.graphql(query, json!({}));
        assert_eq!(answer["errors"][0]["message"], message);
        assert!(answer.get("data").is_none());
    }
    let loops = client.graphql(
        "query { viewer { ...a } } fragment a on User { ...b } fragment b on User { ...a }",
        json!({}),
    );
    assert!(loops["errors"][0]["message"].is_string());
    assert_eq!(
        client
            .emulator
            .issue_numbers("acme/handbook")
            .expect("numbers"),
        Vec::<u64>::new()
    );
    client
        .as_user("")
        .send("POST", "/graphql", json!({"query": "{viewer{login}}"}))
        .expect(401);
}

#[test]
fn connections_are_paged_by_cursor() {
    let mut client = Client::new();
    for n in 1..=7 {
        client
            .emulator
            .open_issue("acme/handbook", "ada", &format!("t{n}"), None, start())
            .expect("an issue");
    }
    let query = "query($c:String,$n:Int){repository(owner:\"acme\",name:\"handbook\"){issues(first:$n,after:$c,orderBy:{field:CREATED_AT,direction:ASC}){totalCount nodes{number} pageInfo{hasNextPage endCursor}}}}";
    for size in 1..=8 {
        let (mut seen, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let answer = client.graphql(query, json!({"c": cursor, "n": size}));
            let page = &answer["data"]["repository"]["issues"];
            assert_eq!(page["totalCount"], 7);
            seen.extend(
                page["nodes"]
                    .as_array()
                    .expect("nodes")
                    .iter()
                    .map(|node| node["number"].as_u64().expect("a number")),
            );
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            cursor = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(seen, (1..=7).collect::<Vec<_>>(), "{size}");
    }
    for (arguments, kind) in [
        ("", "MISSING_PAGINATION_BOUNDARIES"),
        ("(first: 101)", "EXCESSIVE_PAGINATION"),
        ("(first: -1)", "INVALID_PAGINATION_BOUNDARIES"),
        ("(first: 1, after: \"x\")", "INVALID_CURSOR_ARGUMENTS"),
    ] {
        let answer = client.graphql(&format!("{{repository(owner:\"acme\",name:\"handbook\"){{issues{arguments}{{nodes{{id}}}}}}}}"), json!({}));
        assert_eq!(answer["errors"][0]["type"], kind, "{answer}");
    }
}

#[test]
fn aliases_fragments_and_nodes_work_together() {
    let mut client = Client::new();
    let issue = client
        .send(
            "POST",
            "/repos/acme/handbook/issues",
            json!({"title": "T", "labels": ["bug"], "assignees": ["bob"]}),
        )
        .expect(201);
    let answer = client.graphql(
        "query($id:ID!,$with:Boolean!){a:repository(owner:\"acme\",name:\"handbook\"){ref(qualifiedName:\"refs/heads/main\"){target{oid ... on Commit{history(first:1){totalCount}}}} defaultBranchRef{name}} n:node(id:$id){__typename ...i} viewer{login name @include(if:$with)} x:repository(owner:\"acme\",name:\"none\"){id}} fragment i on Issue{number labels(first:5){nodes{name}} assignees(first:5){nodes{login}} author{login ... on User{id}}}",
        json!({"id": issue["node_id"], "with": false}),
    );
    let data = &answer["data"];
    assert_eq!(
        (
            &data["n"]["__typename"],
            &data["n"]["number"],
            &data["n"]["labels"]["nodes"][0]["name"]
        ),
        (&json!("Issue"), &json!(1), &json!("bug"))
    );
    assert_eq!(
        (&data["viewer"], &data["x"]),
        (&json!({"login": "Ada"}), &Value::Null)
    );
    assert_eq!(data["a"]["ref"]["target"]["history"]["totalCount"], 1);
    assert_eq!(
        (&answer["errors"][0]["type"], &answer["errors"][0]["path"]),
        (&json!("NOT_FOUND"), &json!(["x"]))
    );
    let fields = client.graphql(
        "{__type(name:\"Issue\"){fields(includeDeprecated:true){name}}}",
        json!({}),
    );
    assert!(
        fields["data"]["__type"]["fields"]
            .as_array()
            .expect("fields")
            .contains(&json!({"name": "stateReason"}))
    );
}

#[test]
fn issues_are_moved_and_deleted() {
    let mut client = Client::new();
    let create = client.graphql(
        "mutation($r:ID!){createIssue(input:{repositoryId:$r,title:\"T\"}){issue{id number}}}",
        json!({"r": client_repository()}),
    );
    let id = create["data"]["createIssue"]["issue"]["id"].clone();
    assert!(id.is_string(), "{create}");
    let closed = client.graphql("mutation($i:ID!){closeIssue(input:{issueId:$i,stateReason:NOT_PLANNED}){issue{state stateReason}}}", json!({"i": id}));
    assert_eq!(
        closed["data"]["closeIssue"]["issue"],
        json!({"state": "CLOSED", "stateReason": "NOT_PLANNED"})
    );
    let target = client.get("/repos/acme/empty").expect(200)["node_id"].clone();
    let moved = client.graphql("mutation($i:ID!,$r:ID!){transferIssue(input:{issueId:$i,repositoryId:$r}){issue{id number repository{name}}}}", json!({"i": id, "r": target}));
    assert_eq!(
        moved["data"]["transferIssue"]["issue"]["repository"]["name"],
        "empty"
    );
    let id = moved["data"]["transferIssue"]["issue"]["id"].clone();
    client.graphql(
        "mutation($i:ID!){deleteIssue(input:{issueId:$i}){repository{id}}}",
        json!({"i": id}),
    );
    client.get("/repos/acme/empty/issues/1").expect(410);
}

fn client_repository() -> Value {
    Client::new().get("/repos/acme/handbook").expect(200)["node_id"].clone()
}

#[test]
fn a_review_and_a_merge_go_through_graphql_too() {
    let mut client = Client::new();
    let created = client
        .send(
            "POST",
            "/repos/acme/handbook/pulls",
            json!({"title": "T", "head": "topic", "base": "main"}),
        )
        .expect(201);
    let review = "mutation($id:ID!,$e:PullRequestReviewEvent!){addPullRequestReview(input:{pullRequestId:$id,event:$e,body:\"b\"}){pullRequestReview{state author{login}}}}";
    let own = client.graphql(review, json!({"id": created["node_id"], "e": "APPROVE"}));
    assert_eq!(
        own["errors"][0]["message"],
        "Can not approve your own pull request"
    );
    client.as_user("ghp_bob");
    let approved = client.graphql(review, json!({"id": created["node_id"], "e": "APPROVE"}));
    assert_eq!(
        approved["data"]["addPullRequestReview"]["pullRequestReview"],
        json!({"state": "APPROVED", "author": {"login": "bob"}})
    );
    let merge = "mutation($id:ID!,$h:GitObjectID){mergePullRequest(input:{pullRequestId:$id,mergeMethod:SQUASH,expectedHeadOid:$h}){pullRequest{state reviewDecision mergeCommit{oid}}}}";
    let stale = client.graphql(
        merge,
        json!({"id": created["node_id"], "h": "0".repeat(40)}),
    );
    assert_eq!(
        stale["errors"][0]["message"],
        "Head branch was modified. Review and try the merge again."
    );
    let merged = client.graphql(
        merge,
        json!({"id": created["node_id"], "h": created["head"]["sha"]}),
    );
    let pull = &merged["data"]["mergePullRequest"]["pullRequest"];
    assert_eq!(
        (&pull["state"], &pull["reviewDecision"]),
        (&json!("MERGED"), &json!("APPROVED"))
    );
    let tip = client.emulator.branches("acme/handbook").expect("branches")["main"].to_string();
    assert_eq!(pull["mergeCommit"]["oid"], tip);
}
