//! Property values and schemas.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use serde_json::{Value, json};

use crate::notion_support::{Client, id_of, rich, text};

/// Every writable type: what is sent, what is read, what clears it.
#[test]
fn properties_are_written_read_and_cleared() {
    let mut client = Client::new();
    let ada = client.id("ada");
    let logout = client.id("logout");
    let alpha = client.id("alpha");
    let page = format!("pages/{}", client.id("login"));
    let cases: Vec<(&str, &str, Value, &str, Value, Value, Value)> = vec![
        (
            "Name",
            "title",
            rich("New"),
            "/0/plain_text",
            json!("New"),
            json!([]),
            json!([]),
        ),
        (
            "Notes",
            "rich_text",
            rich("n"),
            "/0/text/content",
            json!("n"),
            json!([]),
            json!([]),
        ),
        (
            "Points",
            "number",
            json!(2.5),
            "",
            json!(2.5),
            Value::Null,
            Value::Null,
        ),
        (
            "Area",
            "select",
            json!({"name": "Front"}),
            "/name",
            json!("Front"),
            Value::Null,
            Value::Null,
        ),
        (
            "Tags",
            "multi_select",
            json!([{"name": "green"}, {"name": "red"}]),
            "/0/name",
            json!("green"),
            json!([]),
            json!([]),
        ),
        (
            "Due",
            "date",
            json!({"start": "2026-12-24", "end": "2026-12-26"}),
            "/end",
            json!("2026-12-26"),
            Value::Null,
            Value::Null,
        ),
        (
            "Who",
            "people",
            json!([{"id": ada}]),
            "/0/name",
            json!("Ada"),
            json!([]),
            json!([]),
        ),
        (
            "Files",
            "files",
            json!([{"name": "a.png", "external": {"url": "https://e.org/a.png"}}]),
            "/0/external/url",
            json!("https://e.org/a.png"),
            json!([]),
            json!([]),
        ),
        (
            "Ok",
            "checkbox",
            json!(true),
            "",
            json!(true),
            json!(false),
            json!(false),
        ),
        (
            "Link",
            "url",
            json!("https://e.org"),
            "",
            json!("https://e.org"),
            Value::Null,
            Value::Null,
        ),
        (
            "Mail",
            "email",
            json!("a@e.org"),
            "",
            json!("a@e.org"),
            Value::Null,
            Value::Null,
        ),
        (
            "Phone",
            "phone_number",
            json!("1 2"),
            "",
            json!("1 2"),
            Value::Null,
            Value::Null,
        ),
        (
            "Blocks",
            "relation",
            json!([{"id": logout}]),
            "/0/id",
            json!(logout),
            json!([]),
            json!([]),
        ),
        (
            "Project",
            "relation",
            json!([{"id": alpha}]),
            "/0/id",
            json!(alpha),
            json!([]),
            json!([]),
        ),
        (
            "Check",
            "verification",
            json!({"state": "verified"}),
            "/state",
            json!("verified"),
            json!({"state": "unverified"}),
            json!({"state": "unverified", "verified_by": null, "date": null}),
        ),
        (
            "Where",
            "place",
            json!({"lat": 1.5, "lon": 2.5}),
            "/lat",
            json!(1.5),
            Value::Null,
            Value::Null,
        ),
        (
            "State",
            "status",
            json!({"name": "In progress"}),
            "/name",
            json!("In progress"),
            Value::Null,
            json!("default"),
        ),
    ];
    for (name, kind, sent, at, read, clear, cleared) in cases {
        let body = json!({"properties": {name: {kind: sent}}});
        let got = client.patch(&page, body).ok();
        let value = &got["properties"][name][kind];
        assert_eq!(value.pointer(at), Some(&read), "{name}: {value}");
        let got = client
            .patch(&page, json!({"properties": {name: {kind: clear}}}))
            .ok();
        let value = &got["properties"][name][kind];
        if name == "State" {
            assert_eq!(value["name"], "Not started");
        } else {
            assert_eq!(*value, cleared, "{name}");
        }
        assert_eq!(client.get(&page).ok()["properties"], got["properties"]);
    }
}

/// What no page write may do, and what it is told.
#[test]
fn wrong_property_writes() {
    let mut client = Client::new();
    let page = format!("pages/{}", client.id("login"));
    let before = client.get(&page).ok();
    let many: Vec<Value> = (0..101).map(|n| json!({"name": format!("o{n}")})).collect();
    let spans: Vec<Value> = (0..101)
        .map(|_| json!({"text": {"content": "x"}}))
        .collect();
    let bot = client.id("sync");
    let home = client.id("home");
    let cases = vec![
        (
            json!({"Foo": {"number": 1}}),
            "Foo is not a property that exists.",
        ),
        (
            json!({"State": {"select": {"name": "Done"}}}),
            "State is expected to be status.",
        ),
        (
            json!({"State": {"status": {"name": "Nope"}}}),
            "Status option \"Nope\" does not exist",
        ),
        (
            json!({"Area": {"select": {"name": "a, b"}}}),
            "commas not allowed",
        ),
        (json!({"Area": {"select": {"id": "zzz"}}}), "does not exist"),
        (
            json!({"Tags": {"multi_select": many}}),
            "length should be ≤ `100`, instead was `101`",
        ),
        (
            json!({"Notes": {"rich_text": spans}}),
            "length should be ≤ `100`, instead was `101`",
        ),
        (
            json!({"Notes": {"rich_text": rich(&"x".repeat(2001))}}),
            "body.properties.Notes.rich_text[0].text.content.length should be ≤ `2000`, instead was `2001`.",
        ),
        (json!({"Points": {"number": "3"}}), "should be a number"),
        (json!({"Ok": {"checkbox": null}}), "should be a boolean"),
        (
            json!({"Due": {"date": {"start": "soon"}}}),
            "valid ISO 8601",
        ),
        (
            json!({"Due": {"date": {"start": "2026-02-02", "end": "2026-02-01"}}}),
            "after or equal",
        ),
        (json!({"Mail": {"email": "x".repeat(201)}}), "≤ `200`"),
        (json!({"Link": {"url": "x".repeat(2001)}}), "≤ `2000`"),
        (json!({"Who": {"people": [{"id": bot}]}}), "id of a person"),
        (
            json!({"Blocks": {"relation": [{"id": home}]}}),
            "related data source",
        ),
        (json!({"Echo": {"formula": {}}}), "cannot be set"),
        (json!({"Sum": {"rollup": {}}}), "cannot be set"),
        (json!({"No": {"unique_id": {}}}), "cannot be set"),
        (
            json!({"Made": {"created_time": "2026-01-01"}}),
            "cannot be set",
        ),
        (
            json!({"Edited": {"last_edited_time": "2026-01-01"}}),
            "cannot be set",
        ),
        (json!({"Maker": {"created_by": {}}}), "cannot be set"),
        (json!({"Editor": {"last_edited_by": {}}}), "cannot be set"),
        (json!({"Push": {"button": {}}}), "cannot be set"),
    ];
    for (properties, part) in cases {
        // A right value beside the wrong one is not written either.
        let mut both = properties.clone();
        both["Phone"] = json!({"phone_number": "9"});
        let answer = client.patch(&page, json!({"properties": both}));
        let (status, code, message) = answer.refusal();
        assert_eq!(
            (status, code),
            (400, "validation_error"),
            "{properties}: {message}"
        );
        assert!(message.contains(part), "{properties}: {message}");
        assert_eq!(client.get(&page).ok()["properties"], before["properties"]);
    }
    for (body, part) in [
        (
            json!({"archived": true}),
            "body.archived should be not present",
        ),
        (json!({"parent": {}}), "body.parent should be not present"),
        (json!([]), "body should be an object"),
    ] {
        let answer = client.patch(&page, body);
        assert!(answer.refusal().2.contains(part), "{}", answer.body);
    }
}

#[test]
fn an_unknown_option_is_created_for_selects_only() {
    let mut client = Client::new();
    let tasks = client.id("tasks");
    let page = format!("pages/{}", client.id("login"));
    let got = client
        .patch(
            &page,
            json!({"properties": {"Area": {"select": {"name": "Side"}},
            "Tags": {"multi_select": [{"name": "blue"}, {"name": "red"}, {"name": "blue"}]}}}),
        )
        .ok();
    let made = got["properties"]["Area"]["select"]["id"].clone();
    assert_eq!(
        got["properties"]["Tags"]["multi_select"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let source = client.get(&format!("data_sources/{tasks}")).ok();
    let options = source["properties"]["Area"]["select"]["options"]
        .as_array()
        .unwrap();
    assert_eq!(
        options.iter().filter(|option| option["id"] == made).count(),
        1
    );
    assert_eq!(options.len(), 3);
    assert_eq!(
        source["properties"]["State"]["status"]["options"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn references_are_cut_and_read_one_by_one() {
    let mut client = Client::new();
    let tasks = client.id("tasks");
    let mut ids = Vec::new();
    for n in 0..30 {
        let made = client
            .post(
                "pages",
                json!({"parent": {"data_source_id": tasks},
            "properties": {"Name": {"title": rich(&format!("row {n}"))}, "Points": {"number": n}}}),
            )
            .ok();
        ids.push(id_of(&made));
    }
    let login = client.id("login");
    let all: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
    let got = client
        .patch(
            &format!("pages/{login}"),
            json!({"properties": {"Blocks": {"relation": all}}}),
        )
        .ok();
    let blocks = &got["properties"]["Blocks"];
    assert_eq!(blocks["relation"].as_array().unwrap().len(), 25);
    assert_eq!(blocks["has_more"], true);
    let path = format!("pages/{login}/properties/{}", text(&blocks["id"]));
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let list = client.get(&format!("{path}?page_size=7{cursor}")).ok();
        assert_eq!(list["type"], "property_item");
        assert_eq!(list["property_item"]["type"], "relation");
        for item in list["results"].as_array().unwrap() {
            seen.push(id_of(&item["relation"]));
        }
        match list["next_cursor"].as_str() {
            Some(next) => {
                assert!(text(&list["property_item"]["next_url"]).ends_with(next));
                cursor = format!("&start_cursor={next}");
            }
            None => break,
        }
    }
    assert_eq!(seen, ids);
    // The rollup counts them all; a trashed one leaves both.
    let sum = &got["properties"]["Sum"]["rollup"];
    assert_eq!(sum["number"], json!(f64::from((0..30).sum::<i32>())));
    client
        .patch(&format!("pages/{}", ids[29]), json!({"in_trash": true}))
        .ok();
    let got = client.get(&format!("pages/{login}")).ok();
    assert_eq!(
        got["properties"]["Sum"]["rollup"]["number"],
        json!(f64::from((0..29).sum::<i32>()))
    );
    // Simple types are one object; unknown ids are 404.
    let points =
        client.get(&format!("data_sources/{tasks}")).ok()["properties"]["Points"]["id"].clone();
    let item = client
        .get(&format!("pages/{login}/properties/{}", text(&points)))
        .ok();
    assert_eq!(item["object"], "property_item");
    assert_eq!(item["number"], 3);
    assert_eq!(
        client.get(&format!("pages/{login}/properties/nope")).status,
        404
    );
}

#[test]
fn dual_relations_change_both_sides() {
    let mut client = Client::new();
    let (login, alpha) = (client.id("login"), client.id("alpha"));
    let body = json!({"properties": {"Project": {"relation": [{"id": alpha}]}}});
    client.patch(&format!("pages/{login}"), body).ok();
    let other = client.get(&format!("pages/{alpha}")).ok();
    assert_eq!(
        other["properties"]["Related to Tasks (Project)"]["relation"],
        json!([{"id": login}])
    );
    let body = json!({"properties": {"Related to Tasks (Project)": {"relation": []}}});
    client.patch(&format!("pages/{alpha}"), body).ok();
    let page = client.get(&format!("pages/{login}")).ok();
    assert_eq!(page["properties"]["Project"]["relation"], json!([]));
}

#[test]
fn property_ids_work_as_keys_in_both_spellings() {
    let mut client = Client::new();
    let login = client.id("login");
    let page = client.get(&format!("pages/{login}")).ok();
    let encoded = text(&page["properties"]["Points"]["id"]).to_owned();
    let got = client
        .patch(
            &format!("pages/{login}"),
            json!({"properties": {encoded.clone(): {"number": 77}}}),
        )
        .ok();
    assert_eq!(got["properties"]["Points"]["number"], 77);
    for query in [
        format!("filter_properties={}", encoded.replace('%', "%25")),
        format!("filter_properties[]={encoded}"),
        "filter_properties=Points".to_owned(),
    ] {
        let got = client.get(&format!("pages/{login}?{query}")).ok();
        let keys: Vec<&String> = got["properties"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["Points"], "{query}");
    }
    assert_eq!(
        client
            .get(&format!("pages/{login}?filter_properties=Nope"))
            .status,
        400
    );
}

#[test]
fn schemas_change() {
    let mut client = Client::new();
    let (tasks, login) = (client.id("tasks"), client.id("login"));
    let path = format!("data_sources/{tasks}");
    let got = client
        .patch(&path, json!({"title": rich("Renamed"), "properties": {
            "Points": {"name": "Size"},
            "Notes": null,
            "Extra": {"rich_text": {}},
            "Area": {"select": {"options": [{"name": "Back", "color": "red"}, {"name": "New"}]}},
            "State": {"status": {"options": [{"name": "Not started"}, {"name": "Done"},
                {"name": "Review", "group": "In progress"}, {"name": "Later"}]}}
        }}))
        .ok();
    assert_eq!(got["title"][0]["plain_text"], "Renamed");
    let properties = got["properties"].as_object().unwrap();
    assert!(!properties.contains_key("Points") && !properties.contains_key("Notes"));
    assert_eq!(properties["Extra"]["type"], "rich_text");
    let groups = properties["State"]["status"]["groups"].as_array().unwrap();
    let sizes: Vec<usize> = groups
        .iter()
        .map(|g| g["option_ids"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [2, 1, 1]);
    let page = client.get(&format!("pages/{login}")).ok();
    assert_eq!(page["properties"]["Size"]["number"], 3);
    assert_eq!(page["properties"]["Area"]["select"]["name"], "Back");
    // A type change loses what does not fit, a removed option clears rows.
    client
        .patch(
            &path,
            json!({"properties": {"Size": {"rich_text": {}},
        "Area": {"select": {"options": []}}}}),
        )
        .ok();
    let page = client.get(&format!("pages/{login}")).ok();
    assert_eq!(page["properties"]["Size"]["rich_text"], json!([]));
    assert_eq!(page["properties"]["Area"]["select"], Value::Null);
    for (properties, part) in [
        (json!({"Name": null}), "title"),
        (
            json!({"Nope": null}),
            "Could not find property with name or id: Nope",
        ),
        (json!({"Nope": {"name": "x"}}), "Could not find property"),
        (json!({"Size": {"name": "Due"}}), "exists"),
        (json!({"Second": {"title": {}}}), "title"),
        (json!({"X": {"hologram": {}}}), "Fix one"),
        (
            json!({"X": {"select": {"options": [{"name": "a,b"}]}}}),
            "commas",
        ),
    ] {
        let answer = client.patch(&path, json!({"properties": properties}));
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.refusal().2.contains(part), "{}", answer.body);
    }
}

#[test]
fn only_the_first_mentions_are_filled_in() {
    let mut client = Client::new();
    let (login, ada) = (client.id("login"), client.id("ada"));
    let spans: Vec<Value> = (0..30)
        .map(|_| json!({"mention": {"user": {"id": ada}}}))
        .collect();
    let page = client
        .patch(
            &format!("pages/{login}"),
            json!({"properties": {"Notes": {"rich_text": spans}}}),
        )
        .ok();
    let shown = page["properties"]["Notes"]["rich_text"].as_array().unwrap();
    let filled = |spans: &[Value]| {
        spans
            .iter()
            .filter(|span| span["mention"]["user"].get("name").is_some())
            .count()
    };
    assert_eq!((shown.len(), filled(shown)), (30, 25));
    let id = text(&page["properties"]["Notes"]["id"]).to_owned();
    let list = client.get(&format!("pages/{login}/properties/{id}")).ok();
    let items: Vec<Value> = list["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["rich_text"].clone())
        .collect();
    assert_eq!(filled(&items), 30);
}

#[test]
fn templates_are_listed_and_applied() {
    let mut world = crate::notion_support::world();
    world.databases[1].data_sources[0].templates = vec!["form".to_owned(), "child".to_owned()];
    world.pages.push(
        serde_json::from_value(
            json!({"id": "form", "parent": "home", "title": "Form", "markdown": "# To do"}),
        )
        .unwrap(),
    );
    let mut client = Client::of(
        world,
        notion_sync_testkit::emulator::EmulatorBounds::notion(),
    );
    let projects = client.id("projects");
    let list = client
        .get(&format!("data_sources/{projects}/templates?page_size=1"))
        .ok();
    assert_eq!(
        list["templates"][0],
        json!({"id": client.id("form"), "name": "form", "is_default": true})
    );
    assert_eq!(list["has_more"], true);
    let make = |template: Value| json!({"parent": {"data_source_id": projects}, "properties": {}, "template": template});
    let page = client.post("pages", make(json!({"type": "default"}))).ok();
    assert_eq!(client.markdown(id_of(&page)), "# To do");
    let page = client.post("pages", make(json!({"type": "none"}))).ok();
    assert_eq!(client.markdown(id_of(&page)), "");
    let login = client.id("login");
    assert_eq!(
        client
            .post(
                "pages",
                make(json!({"type": "template_id", "template_id": login}))
            )
            .status,
        400
    );
}
