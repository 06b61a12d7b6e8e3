//! Projects by GraphQL and by REST.

use notion_sync_testkit::github::{GithubWorld, ProjectPlace};
use serde_json::{Value, json};

use crate::github_support::{Client, NEW, relation, world};

pub(crate) const PLAN: ProjectPlace<'static> = ProjectPlace {
    owner: "acme",
    number: 3,
};

const FIND: &str = "query($owner:String!,$n:Int!){organization(login:$owner){projectV2(number:$n){\
    id title number closed public url viewerCanUpdate owner{__typename id} \
    fields(first:50){totalCount nodes{__typename ... on ProjectV2FieldCommon{id name dataType} \
    ... on ProjectV2SingleSelectField{options{id name color description}} \
    ... on ProjectV2IterationField{configuration{duration startDay \
    iterations{id title startDate duration} completedIterations{id title startDate duration}}}}}}}}";

const ITEMS: &str = "query($id:ID!,$c:String,$n:Int!){node(id:$id){__typename ... on ProjectV2{items(first:$n,after:$c){\
    totalCount pageInfo{hasNextPage endCursor} nodes{id updatedAt isArchived type project{number} \
    content{__typename ... on Issue{id number repository{nameWithOwner}} ... on PullRequest{id number} \
    ... on DraftIssue{id title body}} \
    fieldValues(first:20){nodes{__typename \
    ... on ProjectV2ItemFieldSingleSelectValue{optionId name field{__typename ... on ProjectV2FieldCommon{id name}}} \
    ... on ProjectV2ItemFieldTextValue{text field{__typename ... on ProjectV2FieldCommon{id name}}} \
    ... on ProjectV2ItemFieldNumberValue{number field{__typename ... on ProjectV2FieldCommon{id name}}} \
    ... on ProjectV2ItemFieldDateValue{date field{__typename ... on ProjectV2FieldCommon{id name}}} \
    ... on ProjectV2ItemFieldLabelValue{labels(first:5){nodes{name}}} \
    ... on ProjectV2ItemFieldRepositoryValue{repository{name}} \
    ... on ProjectV2ItemFieldIterationValue{iterationId title startDate duration field{__typename ... on ProjectV2FieldCommon{id name}}}}}}}}}}";

const ADD: &str = "mutation($p:ID!,$c:ID!){addProjectV2ItemById(input:{projectId:$p,contentId:$c}){item{id type}}}";
const SET: &str = "mutation($p:ID!,$i:ID!,$f:ID!,$v:ProjectV2FieldValue!){updateProjectV2ItemFieldValue(input:{\
    projectId:$p,itemId:$i,fieldId:$f,value:$v}){projectV2Item{id}}}";
const CLEAR: &str = "mutation($p:ID!,$i:ID!,$f:ID!){clearProjectV2ItemFieldValue(input:{projectId:$p,itemId:$i,fieldId:$f}){\
    projectV2Item{id}}}";

/// The usual world with a project of the organization, one that is closed, and one of a person.
pub(crate) fn planned() -> GithubWorld {
    let mut raw = serde_json::to_value(world()).expect("a world");
    raw["accounts"][4]["issue_types"] = json!(["Bug", "Task"]);
    raw["repositories"][0]["issues"] = json!([
        {"title": "First", "labels": ["bug"], "milestone": 1, "assignees": ["bob"]}, {"title": "Second"},
    ]);
    raw["repositories"][1]["issues"] = json!([{"title": "Secret"}]);
    raw["projects"] = json!([
        {"owner": "acme", "number": 3, "title": "Plan", "collaborators": {"bob": "read"},
         "fields": [
            {"name": "Status", "kind": "single_select", "options": ["Todo", "Done"]},
            {"name": "Sprint", "kind": "iteration", "iterations": [
                {"title": "Sprint 1", "start": "2026-11-01", "days": 14},
                {"title": "Sprint 2", "start": "2026-11-15", "days": 14}]},
            {"name": "Due", "kind": "date"}, {"name": "Points", "kind": "number"}, {"name": "Note", "kind": "text"}],
         "items": [{"repository": "acme/handbook", "number": 1}, {"repository": "acme/notes", "number": 1}]},
        {"owner": "acme", "title": "Old", "closed": true, "public": true},
        {"owner": "ada", "title": "Mine"},
    ]);
    raw["apps"][0]["permissions"]["organization_projects"] = "write".into();
    let tokens = raw["tokens"].as_array_mut().expect("tokens");
    tokens.extend([
        json!({"token": "ghp_scoped", "login": "ada", "scopes": ["repo", "read:project"]}),
        json!({"token": "ghp_unscoped", "login": "ada", "scopes": ["repo"]}),
        json!({"token": "github_pat_planner", "login": "ada", "permissions": {"organization_projects": "write", "issues": "read"}}),
        json!({"token": "ghs_planner", "installation": 70, "permissions": {"organization_projects": "read"}}),
    ]);
    serde_json::from_value(raw).expect("a valid world")
}

fn find(client: &mut Client) -> Value {
    let answer = client.graphql(FIND, json!({"owner": "acme", "n": 3}));
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    answer["data"]["organization"]["projectV2"].clone()
}

fn field<'a>(project: &'a Value, name: &str) -> &'a Value {
    let nodes = project["fields"]["nodes"].as_array().expect("fields");
    nodes
        .iter()
        .find(|field| field["name"] == name)
        .expect("the field")
}

fn named<'a>(list: &'a Value, member: &str, name: &str) -> &'a str {
    let mut all = list.as_array().expect("a list").iter();
    let found = all.find(|one| one[member] == name).expect(name);
    found["id"].as_str().expect("an id")
}

fn items(client: &mut Client, project: &Value) -> Vec<Value> {
    let answer = client.graphql(ITEMS, json!({"id": project["id"], "c": null, "n": 100}));
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    let nodes = &answer["data"]["node"]["items"]["nodes"];
    nodes.as_array().expect("items").clone()
}

fn value<'a>(item: &'a Value, name: &str) -> &'a Value {
    let mut nodes = item["fieldValues"]["nodes"]
        .as_array()
        .expect("values")
        .iter();
    nodes
        .find(|value| value["field"]["name"] == name)
        .unwrap_or(&Value::Null)
}

fn issue_id(client: &mut Client, number: u64) -> Value {
    client
        .get(&format!("/repos/acme/handbook/issues/{number}"))
        .expect(200)["node_id"]
        .clone()
}

#[track_caller]
fn refused(answer: &Value, kind: &str, message: &str) {
    let error = &answer["errors"][0];
    assert_eq!(error["type"], kind, "{answer}");
    let said = error["message"].as_str().expect("a message");
    assert!(said.contains(message), "{said}");
}

#[test]
fn a_project_tells_its_fields_with_options_and_iterations() {
    let mut client = Client::of(planned());
    let project = find(&mut client);
    assert_eq!(project["title"], "Plan");
    assert_eq!(project["closed"], false);
    assert_eq!(project["viewerCanUpdate"], true);
    assert_eq!(project["url"], "https://github.com/orgs/acme/projects/3");
    let kinds: Vec<(&str, &str)> = project["fields"]["nodes"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| {
            (
                field["name"].as_str().expect("a name"),
                field["dataType"].as_str().expect("a type"),
            )
        })
        .collect();
    assert_eq!(kinds[0], ("Title", "TITLE"));
    assert_eq!(kinds[2], ("Status", "SINGLE_SELECT"));
    assert_eq!(
        kinds[10..],
        [
            ("Sprint", "ITERATION"),
            ("Due", "DATE"),
            ("Points", "NUMBER"),
            ("Note", "TEXT")
        ]
    );
    let options = &field(&project, "Status")["options"];
    assert_eq!(options.as_array().map(Vec::len), Some(2));
    assert_ne!(
        named(options, "name", "Todo"),
        named(options, "name", "Done")
    );
    let sprints = &field(&project, "Sprint")["configuration"];
    assert_eq!(sprints["completedIterations"][0]["title"], "Sprint 1");
    assert_eq!(sprints["iterations"][0]["title"], "Sprint 2");
    // A login of a person is no organization, and the other way round.
    let answer = client.graphql(FIND, json!({"owner": "ada", "n": 1}));
    refused(&answer, "NOT_FOUND", "Could not resolve to an Organization");
    let answer = client.graphql(FIND, json!({"owner": "acme", "n": 9}));
    refused(&answer, "NOT_FOUND", "Could not resolve to a ProjectV2");
    let mine = client.graphql(
        "{user(login:\"ada\"){projectV2(number:1){title} projectsV2(first:5){totalCount nodes{number}}}}",
        json!({}),
    );
    assert_eq!(mine["data"]["user"]["projectV2"]["title"], "Mine");
}

#[test]
fn values_are_set_and_cleared_one_by_one() {
    let mut client = Client::of(planned());
    let project = find(&mut client);
    let (p, item) = (
        project["id"].clone(),
        items(&mut client, &project)[0]["id"].clone(),
    );
    let done = named(&field(&project, "Status")["options"], "name", "Done");
    let sprint = named(
        &field(&project, "Sprint")["configuration"]["completedIterations"],
        "title",
        "Sprint 1",
    );
    for (name, value) in [
        ("Status", json!({"singleSelectOptionId": done})),
        ("Sprint", json!({"iterationId": sprint})),
        ("Due", json!({"date": "2026-12-24"})),
        ("Points", json!({"number": 2.5})),
        ("Note", json!({"text": "soon"})),
    ] {
        let f = &field(&project, name)["id"];
        let answer = client.graphql(SET, json!({"p": p, "i": item, "f": f, "v": value}));
        assert_eq!(answer["errors"], Value::Null, "{answer}");
    }
    let found = items(&mut client, &project)[0].clone();
    assert_eq!(value(&found, "Status")["name"], "Done");
    assert_eq!(value(&found, "Status")["optionId"], done);
    assert_eq!(value(&found, "Sprint")["title"], "Sprint 1");
    assert_eq!(value(&found, "Due")["date"], "2026-12-24");
    assert_eq!(value(&found, "Points")["number"], 2.5);
    assert_eq!(value(&found, "Note")["text"], "soon");
    assert_eq!(value(&found, "Title")["text"], "First");
    let note = &field(&project, "Note")["id"];
    let answer = client.graphql(CLEAR, json!({"p": p, "i": item, "f": note}));
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    let found = items(&mut client, &project)[0].clone();
    assert_eq!(value(&found, "Note"), &Value::Null);
    for (name, value, message) in [
        (
            "Status",
            json!({"singleSelectOptionId": "00000000"}),
            "does not belong to the field",
        ),
        (
            "Status",
            json!({"text": "Done"}),
            "Did not receive a single select option Id",
        ),
        (
            "Sprint",
            json!({"iterationId": "00000000"}),
            "does not belong to the field",
        ),
        ("Due", json!({"date": "tomorrow"}), "Did not receive a date"),
        ("Title", json!({"text": "x"}), "currently not supported"),
    ] {
        let f = &field(&project, name)["id"];
        let answer = client.graphql(SET, json!({"p": p, "i": item, "f": f, "v": value}));
        refused(&answer, "VALIDATION", message);
    }
    let answer = client.graphql(
        SET,
        json!({"p": p, "i": item, "f": "PVTF_AAAAAAAAAAA", "v": {"text": "x"}}),
    );
    refused(&answer, "NOT_FOUND", "global id");
}

#[test]
fn adding_twice_is_adding_once_and_items_go_as_they_came() {
    let mut client = Client::of(planned());
    let project = find(&mut client);
    let p = project["id"].clone();
    let second = issue_id(&mut client, 2);
    let first = client.graphql(ADD, json!({"p": p, "c": second}));
    let again = client.graphql(ADD, json!({"p": p, "c": second}));
    let item = first["data"]["addProjectV2ItemById"]["item"]["id"].clone();
    assert!(item.as_str().is_some_and(|id| id.starts_with("PVTI_")));
    assert_eq!(first["data"], again["data"]);
    assert_eq!(items(&mut client, &project).len(), 3);
    let seen = "query($id:ID!){node(id:$id){... on Issue{projectItems(first:10){nodes{id isArchived project{number} \
        fieldValueByName(name:\"status\"){__typename ... on ProjectV2ItemFieldSingleSelectValue{name}}}}}}}";
    let answer = client.graphql(seen, json!({"id": second}));
    assert_eq!(
        answer["data"]["node"]["projectItems"]["nodes"][0]["id"],
        item
    );
    // Archived, an item keeps its values, but takes no others.
    let archive = "mutation($p:ID!,$i:ID!){archiveProjectV2Item(input:{projectId:$p,itemId:$i}){item{isArchived}}}";
    let answer = client.graphql(archive, json!({"p": p, "i": item}));
    assert_eq!(
        answer["data"]["archiveProjectV2Item"]["item"]["isArchived"],
        true
    );
    let note = &field(&project, "Note")["id"];
    let answer = client.graphql(
        SET,
        json!({"p": p, "i": item, "f": note, "v": {"text": "x"}}),
    );
    refused(
        &answer,
        "UNPROCESSABLE",
        "The item is archived and cannot be updated",
    );
    let again = client.graphql(ADD, json!({"p": p, "c": second}));
    assert_eq!(first["data"], again["data"]);
    let restore = "mutation($p:ID!,$i:ID!){unarchiveProjectV2Item(input:{projectId:$p,itemId:$i}){item{isArchived}}}";
    client.graphql(restore, json!({"p": p, "i": item}));
    let answer = client.graphql(
        SET,
        json!({"p": p, "i": item, "f": note, "v": {"text": "x"}}),
    );
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    let draft = "mutation($p:ID!){addProjectV2DraftIssue(input:{projectId:$p,title:\"Idea\",body:\"b\"}){projectItem{id type \
        content{__typename ... on DraftIssue{title body}}}}}";
    let answer = client.graphql(draft, json!({"p": p}));
    let made = &answer["data"]["addProjectV2DraftIssue"]["projectItem"];
    assert_eq!(
        (&made["type"], &made["content"]["title"]),
        (&json!("DRAFT_ISSUE"), &json!("Idea"))
    );
    let delete = "mutation($p:ID!,$i:ID!){deleteProjectV2Item(input:{projectId:$p,itemId:$i}){deletedItemId}}";
    let answer = client.graphql(delete, json!({"p": p, "i": item}));
    assert_eq!(answer["data"]["deleteProjectV2Item"]["deletedItemId"], item);
    let answer = client.graphql(delete, json!({"p": p, "i": item}));
    refused(&answer, "NOT_FOUND", "global id");
    // An issue that is deleted leaves, one that moves stays.
    let now = client.now;
    let moved = client
        .emulator
        .transfer_issue("acme/handbook", 1, "acme/empty", "ada", now)
        .expect("moved");
    client
        .emulator
        .delete_issue("acme/notes", 1)
        .expect("deleted");
    let left = client.emulator.project_view(PLAN).expect("a project");
    assert_eq!(left[0].issue, Some(("acme/empty".to_owned(), moved)));
    assert_eq!(left[1].issue, None);
    assert_eq!(left.len(), 2);
}

#[test]
fn items_are_read_in_pages() {
    let mut client = Client::of(planned());
    let project = find(&mut client);
    let mut cursor = Value::Null;
    let mut seen = Vec::new();
    loop {
        let answer = client.graphql(ITEMS, json!({"id": project["id"], "c": cursor, "n": 1}));
        let page = &answer["data"]["node"]["items"];
        seen.extend(
            page["nodes"]
                .as_array()
                .expect("items")
                .iter()
                .map(|item| item["id"].clone()),
        );
        if page["pageInfo"]["hasNextPage"] != true {
            break;
        }
        cursor = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seen.len(), 2);
    let mut path = "/orgs/acme/projectsV2/3/items?per_page=1".to_owned();
    let mut count = 0;
    loop {
        let answer = client.get(&path);
        count += answer.body.as_array().expect("items").len();
        match answer
            .header("link")
            .and_then(|link| relation(link, "next"))
        {
            Some(next) => path = next,
            None => {
                let link = answer.header("link").expect("a way back");
                let back = relation(link, "prev").expect("a way back");
                assert_eq!(
                    client.get(&back).expect(200).as_array().map(Vec::len),
                    Some(1)
                );
                break;
            }
        }
    }
    assert_eq!(count, 2);
    client
        .get("/orgs/acme/projectsV2/3/items?after=x")
        .expect(422);
}

#[test]
fn who_may_not_see_an_issue_sees_that_there_is_one() {
    let mut client = Client::of(planned());
    client.as_user("ghp_bob");
    let project = find(&mut client);
    assert_eq!(project["viewerCanUpdate"], false);
    let found = items(&mut client, &project);
    assert_eq!(found[0]["type"], "ISSUE");
    assert_eq!(found[1]["type"], "REDACTED");
    assert_eq!(found[1]["content"], Value::Null);
    assert_eq!(found[1]["fieldValues"]["nodes"], json!([]));
    let rest = client.get("/orgs/acme/projectsV2/3/items").expect(200);
    assert_eq!(rest[1]["content"], Value::Null);
    assert_eq!(rest[1]["fields"], json!([]));
    let second = issue_id(&mut client, 2);
    let answer = client.graphql(ADD, json!({"p": project["id"], "c": second}));
    refused(&answer, "FORBIDDEN", "does not have permission");
}

#[test]
fn projects_have_rights_of_their_own() {
    let mut client = Client::of(planned());
    let project = find(&mut client);
    let second = issue_id(&mut client, 2);
    for (token, read, write) in [
        ("ghp_ada", "", ""),
        ("ghp_carol", "", ""),
        ("ghp_bob", "", "FORBIDDEN"),
        ("ghp_mallory", "NOT_FOUND", "NOT_FOUND"),
        ("ghs_bot", "", ""),
        ("ghs_planner", "", "FORBIDDEN"),
        ("ghs_reader", "FORBIDDEN", "FORBIDDEN"),
        ("github_pat_narrow", "FORBIDDEN", "FORBIDDEN"),
        ("github_pat_planner", "", ""),
        ("ghp_scoped", "", "INSUFFICIENT_SCOPES"),
        ("ghp_unscoped", "INSUFFICIENT_SCOPES", "INSUFFICIENT_SCOPES"),
    ] {
        client.as_user(token);
        let found = client.graphql(FIND, json!({"owner": "acme", "n": 3}));
        let kind = found["errors"][0]["type"].as_str().unwrap_or_default();
        assert_eq!(kind, read, "{token}: {found}");
        let status = match read {
            "" => 200,
            "NOT_FOUND" => 404,
            _ => 403,
        };
        client.get("/orgs/acme/projectsV2/3").expect(status);
        let added = client.graphql(ADD, json!({"p": project["id"], "c": second}));
        let kind = added["errors"][0]["type"].as_str().unwrap_or_default();
        assert_eq!(kind, write, "{token}: {added}");
    }
    // What is not to be seen has no item in the list of an issue's items, only its place.
    client.as_user("ghs_reader");
    let query = "query($id:ID!){node(id:$id){... on Issue{projectItems(first:10){nodes{id}}}}}";
    let answer = client.graphql(query, json!({"id": second}));
    assert_eq!(
        answer["data"]["node"]["projectItems"]["nodes"],
        json!([null])
    );
    client.get("/orgs/acme/projectsV2").expect(200);
    client.as_user("ghp_mallory");
    let open = client.get("/orgs/acme/projectsV2").expect(200);
    assert_eq!(open[0]["title"], "Old");
    // Projects of people are for people alone.
    for (token, status) in [
        ("ghp_ada", 200),
        ("ghs_bot", 404),
        ("github_pat_planner", 403),
        ("ghp_bob", 404),
    ] {
        client.as_user(token);
        client.get("/users/ada/projectsV2/1").expect(status);
    }
    client.get("/orgs/ada/projectsV2/1").expect(404);
}

#[test]
fn rest_does_the_same() {
    for version in [crate::github_support::OLD, NEW] {
        let mut client = Client::of(planned());
        client.version = version;
        let projects = client.get("/orgs/acme/projectsV2").expect(200);
        assert_eq!(projects.as_array().map(Vec::len), Some(2));
        assert_eq!(
            client.get("/orgs/acme/projectsV2/4").expect(200)["state"],
            "closed"
        );
        let fields = client.all("/orgs/acme/projectsV2/3/fields?per_page=4");
        assert_eq!(fields.len(), 14);
        let of = |name: &str| {
            fields
                .iter()
                .find(|field| field["name"] == name)
                .expect("a field")
                .clone()
        };
        let status = of("Status");
        client
            .get(&format!("/orgs/acme/projectsV2/3/fields/{}", status["id"]))
            .expect(200);
        let second = client.get("/repos/acme/handbook/issues/2").expect(200);
        let body = json!({"type": "Issue", "id": second["id"]});
        let item = client
            .send("POST", "/orgs/acme/projectsV2/3/items", body)
            .expect(201);
        let body = json!({"type": "Issue", "owner": "acme", "repo": "handbook", "number": 2});
        let again = client
            .send("POST", "/orgs/acme/projectsV2/3/items", body)
            .expect(201);
        assert_eq!(item["id"], again["id"]);
        let path = format!("/orgs/acme/projectsV2/3/items/{}", item["id"]);
        let done = &status["options"][1]["id"];
        let body = json!({"fields": [
            {"id": status["id"], "value": done}, {"id": of("Points")["id"], "value": 3},
            {"id": of("Due")["id"], "value": "2026-12-24"}, {"id": of("Note")["id"], "value": "soon"},
            {"id": of("Sprint")["id"], "value": of("Sprint")["configuration"]["iterations"][1]["id"]},
        ]});
        let set = client.send("PATCH", &path, body).expect(200);
        let shown = |body: &Value, name: &str| {
            let all = body["fields"].as_array().expect("fields");
            all.iter()
                .find(|field| field["name"] == name)
                .map(|field| field["value"].clone())
        };
        assert_eq!(
            shown(&set, "Status").expect("a value")["name"]["raw"],
            "Done"
        );
        assert_eq!(shown(&set, "Points"), Some(json!(3.0)));
        assert_eq!(shown(&set, "Title").expect("a value")["number"], 2);
        // Without a wish there is the title alone.
        let bare = client.get(&path).expect(200);
        assert_eq!(bare["fields"].as_array().map(Vec::len), Some(1));
        let one = client
            .get(&format!("{path}?fields={}", of("Note")["id"]))
            .expect(200);
        assert_eq!(shown(&one, "Note").expect("a value")["raw"], "soon");
        // One bad value, and nothing is set.
        let body = json!({"fields": [
            {"id": of("Note")["id"], "value": null}, {"id": status["id"], "value": "00000000"}]});
        client.send("PATCH", &path, body).expect(422);
        let one = client
            .get(&format!("{path}?fields={}", of("Note")["id"]))
            .expect(200);
        assert_eq!(shown(&one, "Note").expect("a value")["raw"], "soon");
        let body = json!({"fields": [{"id": of("Note")["id"], "value": null}]});
        let cleared = client.send("PATCH", &path, body).expect(200);
        assert_eq!(shown(&cleared, "Note"), Some(Value::Null));
        client.send("DELETE", &path, Value::Null).expect(204);
        client.get(&path).expect(404);
        let body = json!({"title": "Idea"});
        let draft = client
            .send("POST", "/orgs/acme/projectsV2/3/drafts", body.clone())
            .expect(201);
        assert_eq!(draft["content_type"], "DraftIssue");
        client
            .send("POST", "/orgs/acme/projectsV2/4/drafts", body.clone())
            .expect(422);
        let own = client.get("/users/ada").expect(200)["id"].clone();
        client
            .send("POST", &format!("/user/{own}/projectsV2/1/drafts"), body)
            .expect(201);
        assert_eq!(
            client
                .get("/users/ada/projectsV2/1/items")
                .expect(200)
                .as_array()
                .map(Vec::len),
            Some(1)
        );
        client.get("/orgs/acme/projectsV2?q=plan").expect(422);
        assert!(client.checked > 15 || crate::github_openapi::description().is_none());
    }
}

#[test]
fn options_that_are_edited_get_other_ids() {
    let mut client = Client::of(planned());
    let now = client.now;
    let before = find(&mut client);
    let one = ("acme/handbook", 1);
    client
        .emulator
        .set_project_field(PLAN, one, ("Status", "Done"), "ada", now)
        .expect("set");
    client
        .emulator
        .replace_project_options(PLAN, "Status", &["Todo", "Done", "Late"], now)
        .expect("replaced");
    let after = find(&mut client);
    let done =
        |project: &Value| named(&field(project, "Status")["options"], "name", "Done").to_owned();
    assert_ne!(done(&before), done(&after));
    assert!(
        client.emulator.project_view(PLAN).expect("a project")[0]
            .values
            .is_empty()
    );
}

#[test]
fn worlds_that_contradict_themselves_are_refused() {
    for projects in [
        json!([{"title": "x"}]),
        json!([{"owner": "acme", "number": 1}, {"owner": "ACME", "number": 1}]),
        json!([{"owner": "acme", "fields": [{"name": "a", "kind": "text"}, {"name": "A", "kind": "date"}]}]),
        json!([{"owner": "acme", "items": [{"repository": "acme/handbook", "number": 99}]}]),
    ] {
        let mut raw = serde_json::to_value(world()).expect("a world");
        raw["projects"] = projects.clone();
        let world: GithubWorld = serde_json::from_value(raw).expect("a world");
        let built =
            notion_sync_testkit::github::GithubEmulator::new(world, crate::github_support::start());
        assert!(built.is_err(), "{projects}");
    }
}
