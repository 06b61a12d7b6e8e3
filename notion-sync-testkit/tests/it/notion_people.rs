//! What people do, worlds, control requests.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;

use notion_sync_testkit::emulator::{Emulator, EmulatorBounds};
use notion_sync_testkit::notion::{NotionEmulator, NotionWorld};
use serde_json::{Value, json};

use crate::notion_support::{Client, id_of, text, world};

#[test]
fn a_day_of_a_person() {
    let mut client = Client::new();
    let (tasks, child, projects) = (
        client.id("tasks"),
        client.id("child"),
        client.id("projects"),
    );
    let ada = client.id("ada");
    let now = client.now;
    let notion = &mut client.notion;
    let values = BTreeMap::from([
        ("Name".to_owned(), json!("Write")),
        ("Tags".to_owned(), json!(["red", "new"])),
        ("Who".to_owned(), json!(["ada"])),
        ("Due".to_owned(), json!("2026-12-01")),
    ]);
    let page = notion
        .person("ada", now)
        .unwrap()
        .create_page(tasks, &values, "# Plan\n- [ ] a\n- [ ] b\nend")
        .unwrap();
    assert_eq!(notion.rows(tasks).last(), Some(&page));
    let blocks = notion.blocks(page);
    let kinds: Vec<&str> = blocks.iter().map(|block| block.kind.as_str()).collect();
    assert_eq!(kinds, ["heading_1", "to_do", "to_do", "paragraph"]);
    let mut person = notion.person("Ada", now).unwrap();
    assert_eq!(person.id(), ada);
    person.edit_text(blocks[3].id, "the **end**").unwrap();
    person.check(blocks[1].id, true).unwrap();
    person.insert_after(blocks[1].id, "- [ ] between").unwrap();
    person.append(page, "last").unwrap();
    person.prepend(page, "first").unwrap();
    person.trash(blocks[2].id).unwrap();
    person.rename(page, "Written").unwrap();
    person.set_property(page, "Points", json!(7)).unwrap();
    person.comment(page, "done").unwrap();
    person.lock(page, true).unwrap();
    assert_eq!(
        notion.markdown(page),
        "first\n# Plan\n- [x] a\n- [ ] between\nthe **end**\nlast"
    );
    assert_eq!(notion.title(page).as_deref(), Some("Written"));
    assert_eq!(notion.properties(page)["Points"], 7);
    assert_eq!(notion.comments(page), ["done"]);
    assert_eq!(notion.page(page).unwrap()["is_locked"], true);
    // A copy has the values and the body, another id and another number.
    let copy = notion.person("ada", now).unwrap().duplicate(page).unwrap();
    assert_eq!(notion.markdown(copy), notion.markdown(page));
    let (mine, theirs) = (notion.properties(page), notion.properties(copy));
    assert_eq!(mine["Points"], theirs["Points"]);
    assert_ne!(mine["No"], theirs["No"]);
    assert!(
        notion
            .blocks(page)
            .iter()
            .zip(notion.blocks(copy))
            .all(|(a, b)| a.id != b.id)
    );
    // Everything else people do with pages.
    let mut person = notion.person("ada", now).unwrap();
    person.restore(blocks[2].id).unwrap();
    person.set_markdown(page, "all new").unwrap();
    person.move_page(page, projects).unwrap();
    person.trash(copy).unwrap();
    assert!(!notion.is_alive(copy));
    assert_eq!(notion.title(page).as_deref(), Some("Written"));
    let mut person = notion.person("ada", now).unwrap();
    person.restore(copy).unwrap();
    person.purge(copy).unwrap();
    assert!(notion.page(copy).is_none());
    let mut person = notion.person("ada", now).unwrap();
    assert!(person.move_page(child, child).is_err());
    assert!(person.set_property(page, "Nope", json!(1)).is_err());
    assert!(person.edit_text(page, "x").is_err());
    assert!(person.check(blocks[0].id, true).is_err());
    assert!(person.append(tasks, "x").is_err());
    assert!(person.change_schema(page, &json!({})).is_err());
    person
        .change_schema(projects, &json!({"Goal": {"rich_text": {}}}))
        .unwrap();
    assert!(notion.person("Zoe", now).is_err());
    assert_eq!(client.get(&format!("pages/{copy}")).status, 404);
    assert_eq!(
        client.get(&format!("pages/{page}")).ok()["properties"]["Goal"]["rich_text"],
        json!([])
    );
}

#[test]
fn people_can_be_driven_over_http() {
    let mut client = Client::new();
    let login = client.id("login");
    let mut control = |method: &str, path: &str, body: Value| -> Option<(u16, Value)> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1{path}"))
            .body(bytes::Bytes::from(body.to_string()))
            .unwrap();
        let response = client.notion.control(&request, client.now)?;
        Some((
            response.status().as_u16(),
            serde_json::from_slice(response.body()).unwrap(),
        ))
    };
    let (status, all) = control("GET", "/_emulator/people/summary", json!({})).unwrap();
    assert_eq!(status, 200);
    assert!(
        all["users"]
            .as_array()
            .unwrap()
            .iter()
            .any(|user| user["token"] == "ntn_ada")
    );
    let (_, copy) = control(
        "POST",
        &format!("/_emulator/people/pages/{login}/duplicate"),
        json!({"as": "Bob"}),
    )
    .unwrap();
    let copy = id_of(&copy);
    let (status, ids) = control(
        "POST",
        "/_emulator/people/pages/login/blocks",
        json!({"blocks": [{"type": "hologram", "hologram": {"a": 1}}]}),
    )
    .unwrap();
    assert_eq!((status, ids["ids"].as_array().unwrap().len()), (200, 1));
    assert_eq!(
        control(
            "PUT",
            "/_emulator/people/pages/login/markdown",
            json!({"markdown": "new"})
        )
        .unwrap()
        .0,
        200
    );
    for gesture in ["lock", "unlock", "unshare", "share", "unshare"] {
        assert_eq!(
            control(
                "POST",
                &format!("/_emulator/people/pages/{login}/{gesture}"),
                json!({})
            )
            .unwrap()
            .0,
            200
        );
    }
    let mut options = control("GET", "/_emulator/people/options", json!({}))
        .unwrap()
        .1;
    options["rate_limit"] = json!(3);
    assert_eq!(
        control("PUT", "/_emulator/people/options", options)
            .unwrap()
            .1["rate_limit"],
        3
    );
    assert_eq!(
        control("PUT", "/_emulator/people/options", json!({"nope": 1}))
            .unwrap()
            .0,
        400
    );
    assert_eq!(
        control("POST", "/_emulator/people/pages/login/dance", json!({}))
            .unwrap()
            .0,
        404
    );
    assert_eq!(
        control(
            "POST",
            "/_emulator/people/pages/nobody/duplicate",
            json!({})
        )
        .unwrap()
        .0,
        400
    );
    assert_eq!(
        control("GET", "/_emulator/people/nothing", json!({}))
            .unwrap()
            .0,
        404
    );
    assert!(
        control("GET", "/_emulator/log", json!({})).is_none(),
        "not ours"
    );
    assert_eq!(client.get(&format!("pages/{login}")).status, 404);
    let page = client.get(&format!("pages/{copy}")).ok();
    assert_eq!(page["created_by"]["id"], json!(client.id("bob")));
    assert_eq!(client.get("users/me").status, 200);
    assert_eq!(client.get("users/me").status, 429);
}

#[test]
fn worlds_are_data() {
    let world = world();
    let text_of = serde_json::to_string(&world).unwrap();
    assert_eq!(
        serde_json::from_str::<NotionWorld>(&text_of).unwrap(),
        world
    );
    let a = NotionEmulator::new(world.clone(), EmulatorBounds::notion()).unwrap();
    let login = a.id("login");
    assert_eq!(login, world.id("login"));
    assert_eq!(a.markdown(login), "Steps\n- [ ] try\n- [x] look");
    assert_eq!(a.comments(login), ["Is it done?"]);
    assert_eq!(a.actor("ntn_sync"), Some("Sync"));
    assert_eq!(a.tokens().count(), 4);
    assert_eq!(a.properties(login)["Who"][0]["name"], "Ada");
    let small = NotionEmulator::new(NotionWorld::small(), EmulatorBounds::notion()).unwrap();
    assert_eq!(small.actor("ntn_ada"), Some("Ada"));
    let given = "0123456789abcdef0123456789abcdef";
    assert_eq!(world.id(given).hex(), given);
}

/// What is wrong with a world is said with the place.
#[test]
fn wrong_worlds() {
    let base = json!({"databases": [{"id": "d", "title": "D", "data_sources": [
        {"id": "s", "title": "S", "properties": {"Name": "title", "N": "number"}}]}]});
    let cases = [
        (
            json!({"pages": [{"id": "a", "parent": "nowhere"}]}),
            "page \"a\"",
            "parent",
        ),
        (
            json!({"pages": [{"id": "a"}, {"id": "a"}]}),
            "page \"a\"",
            "taken",
        ),
        (
            json!({"pages": [{"id": "a", "parent": "s", "properties": {"Nope": 1}}]}),
            "page \"a\"",
            "not a property",
        ),
        (
            json!({"pages": [{"id": "a", "parent": "s", "properties": {"N": "x"}}]}),
            "page \"a\"",
            "number",
        ),
        (
            json!({"pages": [{"id": "a", "blocks": [{"paragraph": 1}]}]}),
            "page \"a\"",
            "Fix one",
        ),
        (json!({"pages": [{"id": "s"}]}), "page \"s\"", "taken"),
        (
            json!({"databases": [{"id": "x", "data_sources": [{"id": "y", "properties": {"P": "hologram"}}]}]}),
            "data source \"y\"",
            "Fix one",
        ),
        (
            json!({"databases": [{"id": "x", "parent": "s"}]}),
            "database \"x\"",
            "not a page",
        ),
        (
            json!({"comments": [{"on": "nothing"}]}),
            "comment",
            "nothing",
        ),
    ];
    for (extra, place, part) in cases {
        let mut all = base.clone();
        for (key, value) in extra.as_object().unwrap() {
            let list = all
                .as_object_mut()
                .unwrap()
                .entry(key.clone())
                .or_insert_with(|| json!([]));
            list.as_array_mut()
                .unwrap()
                .extend(value.as_array().unwrap().iter().cloned());
        }
        let world: NotionWorld = serde_json::from_value(all).unwrap();
        let error = NotionEmulator::new(world, EmulatorBounds::notion()).unwrap_err();
        assert_eq!(error.place, place);
        assert!(error.problem.contains(part), "{error}");
    }
    assert!(serde_json::from_value::<NotionWorld>(json!({"pagse": []})).is_err());
}

#[test]
fn hosted_files_are_signed_anew_at_every_read() {
    let mut world = world();
    let file = "https://prod-files-secure.s3.us-west-2.amazonaws.com/w/f/plan.png";
    world.pages.push(
        serde_json::from_value(json!({"id": "media", "parent": "home", "title": "Media",
        "blocks": [{"paragraph": {"rich_text": "before"}}, {"image": {"file": {"url": file}}}]}))
        .unwrap(),
    );
    let mut client = Client::of(world, EmulatorBounds::notion());
    let page = client.id("media");
    let (first, second) = (client.markdown(page), client.markdown(page));
    assert_ne!(first, second);
    let stable = format!("before\n![]({file})");
    assert_eq!(client.notion.markdown(page), stable);
    let blocks = client.notion.blocks(page);
    // A link that somebody read, old as it may be, still means the same block.
    client.replace(page, &first.replace("before", "after")).ok();
    let after = client.notion.blocks(page);
    assert_eq!(blocks[1].id, after[1].id);
    assert_eq!(
        client.notion.markdown(page),
        stable.replace("before", "after")
    );
    let image = client.get(&format!("blocks/{}", blocks[1].id)).ok();
    assert!(text(&image["image"]["file"]["url"]).starts_with(&format!("{file}?X-Amz-Algorithm=")));
    assert_eq!(
        image["image"]["file"]["expiry_time"],
        "2026-11-20T13:00:30.000Z"
    );
}
