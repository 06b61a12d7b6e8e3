//! Bodies as Markdown: forms, normalisation, fixed points, ids that stay, commands.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use serde_json::{Value, json};

use crate::notion_support::{Client, id_of, text};

/// Input, and how it comes back. What comes back comes back unchanged.
const FORMS: &[(&str, &str)] = &[
    ("", ""),
    ("plain", "plain"),
    ("one\n\n\ntwo", "one\ntwo"),
    ("one\r\ntwo", "one\ntwo"),
    ("trailing   ", "trailing"),
    ("   leading", "leading"),
    ("line<br>break", "line<br>break"),
    ("<empty-block/>", "<empty-block/>"),
    (
        "a\n<empty-block/>\n<empty-block/>",
        "a\n<empty-block/>\n<empty-block/>",
    ),
    ("# One {color=\"red\"}", "# One {color=\"red\"}"),
    ("##### Five\n###### Six", "#### Five\n#### Six"),
    ("#hash", "#hash"),
    ("\\# hash", "\\# hash"),
    (
        "## T {toggle=\"true\" color=\"blue_bg\"}\n\tinside\noutside",
        "## T {toggle=\"true\" color=\"blue_bg\"}\n\tinside\noutside",
    ),
    ("- a\n\t- b\n\t\t- c\n- d", "- a\n\t- b\n\t\t- c\n- d"),
    ("* a\n+ b", "- a\n- b"),
    ("2. a\n7. b\ntext\n9. c", "1. a\n2. b\ntext\n1. c"),
    (
        "- [ ] \n- [x] done\n- [X] too",
        "- [ ]\n- [x] done\n- [x] too",
    ),
    ("> q\n> r\n>", "> q\n> r\n>"),
    ("---", "---"),
    ("\\---", "\\---"),
    ("text\n---", "text\n---"),
    (
        "```ts\nlet a = `x`;\n\n\tb\n```",
        "```typescript\nlet a = `x`;\n\n\tb\n```",
    ),
    ("```\nx\n```", "```plain text\nx\n```"),
    ("```klingon\nx\n```", "```plain text\nx\n```"),
    (
        "````md\n```\ninner\n```\n````",
        "````markdown\n```\ninner\n```\n````",
    ),
    (
        "- a\n\t```rust\n\tfn x() {\n\t\ty\n\t}\n\t```",
        "- a\n\t```rust\n\tfn x() {\n\t\ty\n\t}\n\t```",
    ),
    ("$$x^2$$", "$$\nx^2\n$$"),
    ("$$\na\nb\n$$", "$$\na\nb\n$$"),
    ("$x^2$ and $`y`$", "$`x^2`$ and $`y`$"),
    ("5$ or 6$ paid", "5\\$ or 6\\$ paid"),
    ("__b__ _i_ **b** *i* ~~s~~", "**b** *i* **b** *i* ~~s~~"),
    ("snake_case_name and _x", "snake_case_name and _x"),
    ("**a *b* c**", "**a *b* c**"),
    ("*a **b***", "*a **b***"),
    ("**a***b*", "**a***b*"),
    ("***x***", "***x***"),
    ("** not bold **", "\\*\\* not bold \\*\\*"),
    ("a * b", "a \\* b"),
    ("unclosed **bold", "unclosed \\*\\*bold"),
    (
        "[t](https://e.org/a_(b)?q=1&r=2)",
        "[t](https://e.org/a_(b)?q=1&r=2)",
    ),
    ("[**t** `c`](https://e.org)", "[**t** `c`](https://e.org)"),
    ("[no link]", "\\[no link\\]"),
    ("[^https://e.org]", "\\[\\^https://e.org\\]"),
    ("`a<br>b`", "`a<br>b`"),
    ("`` a`b ``", "``a`b``"),
    (
        "<span color=\"red\">r</span><span underline=\"true\">u</span>",
        "<span color=\"red\">r</span><span underline=\"true\">u</span>",
    ),
    ("a <b> c", "a \\<b\\> c"),
    ("x {y} | z ^ ~", "x \\{y\\} \\| z \\^ \\~"),
    (
        "![cap](https://e.org/i.png) {color=\"red\"}",
        "![cap](https://e.org/i.png)",
    ),
    (
        "<video src=\"https://e.org/v\" color=\"red\">c **b**</video>",
        "<video src=\"https://e.org/v\">c **b**</video>",
    ),
    (
        "<table_of_contents color=\"gray\"/>",
        "<table_of_contents color=\"gray\"/>",
    ),
    (
        "<details color=\"red\">\n<summary>T **b**</summary>\n\tin\n</details>",
        "<details color=\"red\">\n<summary>T **b**</summary>\n\tin\n</details>",
    ),
    (
        "<callout icon=\"💡\" color=\"gray_bg\">\n\ttext\n\t- child\n</callout>",
        "<callout icon=\"💡\" color=\"gray_bg\">\n\ttext\n\t- child\n</callout>",
    ),
    (
        "::: callout {icon=\"💡\" color=\"red\"}\ntext\n:::",
        "<callout icon=\"💡\" color=\"red\">\n\ttext\n</callout>",
    ),
    (
        "<callout>\n\t- only\n</callout>",
        "<callout>\n\t- only\n</callout>",
    ),
    (
        "<columns>\n\t<column ratio=\"43.75\">\n\t\ta\n\t</column>\n\t<column>\n\t\tb\n\t</column>\n</columns>",
        "<columns>\n\t<column ratio=\"43.75\">\n\t\ta\n\t</column>\n\t<column>\n\t\tb\n\t</column>\n</columns>",
    ),
    (
        "<table header-row=\"true\">\n<tr>\n<td>a</td>\n<td>**b**<br>c</td>\n</tr>\n<tr color=\"red\">\n<td>x</td>\n</tr>\n</table>",
        "<table header-row=\"true\">\n\t<tr>\n\t\t<td>a</td>\n\t\t<td>**b**<br>c</td>\n\t</tr>\n\t<tr color=\"red\">\n\t\t<td>x</td>\n\t\t<td></td>\n\t</tr>\n</table>",
    ),
    (
        "| a | b\\|c |\n| --- | :-: |\n| 1 | 2 |",
        "<table header-row=\"true\">\n\t<tr>\n\t\t<td>a</td>\n\t\t<td>b\\|c</td>\n\t</tr>\n\t<tr>\n\t\t<td>1</td>\n\t\t<td>2</td>\n\t</tr>\n</table>",
    ),
    (
        "<mention-date start=\"2026-11-21\" end=\"2026-11-22\"/>",
        "<mention-date start=\"2026-11-21\" end=\"2026-11-22\"/>",
    ),
    (
        "<mention-date start=\"2026-11-21\" startTime=\"09:00\" timeZone=\"Europe/Berlin\"/>",
        "<mention-date start=\"2026-11-21\" startTime=\"09:00\" timeZone=\"Europe/Berlin\"/>",
    ),
    (":parrot: and :unknown:", ":parrot: and :unknown:"),
    (
        "para\n\tchild\n\t\tgrandchild\nnext",
        "para\n\tchild\n\t\tgrandchild\nnext",
    ),
    ("</callout>", "\\</callout\\>"),
    (
        "<details>\n<summary>a</summary>\n\tunclosed",
        "<details>\n<summary>a</summary>\n\tunclosed\n</details>",
    ),
    (
        "<synced_block>\n\tshared\n</synced_block>",
        "<synced_block url=\"*\">\n\tshared\n</synced_block>",
    ),
];

/// The ids of the new synced blocks cannot be written down beforehand.
fn blind(markdown: &str) -> String {
    let mut out = String::new();
    let mut rest = markdown;
    while let Some(at) = rest.find("<synced_block url=\"") {
        let start = at + "<synced_block url=\"".len();
        let end = start + rest[start..].find('"').unwrap();
        out.push_str(&rest[..start]);
        out.push('*');
        rest = &rest[end..];
    }
    out + rest
}

#[test]
fn forms_come_back_normalised_and_then_unchanged() {
    for (input, output) in FORMS {
        let mut client = Client::new();
        let page = client.page();
        let answer = client.replace(page, input).ok();
        let got = text(&answer["markdown"]).to_owned();
        assert_eq!(blind(&got), *output, "from {input:?}");
        assert_eq!(client.markdown(page), got);
        let ids: Vec<Value> = client
            .children(page)
            .iter()
            .map(|b| b["id"].clone())
            .collect();
        client.wait(300);
        let mark = client.notion_mark();
        assert_eq!(
            text(&client.replace(page, &got).ok()["markdown"]),
            got,
            "again {input:?}"
        );
        assert!(
            !client.effect_since(mark),
            "writing what is there changes nothing: {input:?}"
        );
        let after: Vec<Value> = client
            .children(page)
            .iter()
            .map(|b| b["id"].clone())
            .collect();
        assert_eq!(ids, after);
    }
}

impl Client {
    fn notion_mark(&self) -> u64 {
        use notion_sync_testkit::emulator::Emulator;
        self.notion.log().mark()
    }

    fn effect_since(&self, mark: u64) -> bool {
        use notion_sync_testkit::emulator::Emulator;
        self.notion.log().since(mark).any(|entry| entry.effect)
    }
}

/// Blocks that the edit does not touch keep their ids; parents of changed blocks too.
#[test]
fn ids_survive_an_edit_beside_them() {
    let mut client = Client::new();
    let page = client.page();
    client
        .replace(page, "# Title\nfirst\n- a\n\t- a1\n\t- a2\n- b\nlast")
        .ok();
    let before = client.notion.blocks(page);
    client
        .replace(
            page,
            "# Title\nfirst changed\n- a\n\t- a1\n\t- a2 changed\n- b\nnew\nlast",
        )
        .ok();
    let after = client.notion.blocks(page);
    let id = |list: &[notion_sync_testkit::notion::BlockView], path: &[usize]| {
        let mut block = &list[path[0]];
        for step in &path[1..] {
            block = &block.children[*step];
        }
        block.id
    };
    assert_eq!(id(&before, &[0]), id(&after, &[0]));
    assert_ne!(id(&before, &[1]), id(&after, &[1]));
    assert_eq!(id(&before, &[2]), id(&after, &[2]));
    assert_eq!(id(&before, &[2, 0]), id(&after, &[2, 0]));
    assert_ne!(id(&before, &[2, 1]), id(&after, &[2, 1]));
    assert_eq!(id(&before, &[3]), id(&after, &[3]));
    assert_eq!(id(&before, &[4]), id(&after, &[5]));
    // What was replaced is in the trash.
    let gone = client.get(&format!("blocks/{}", id(&before, &[1]))).ok();
    assert_eq!(gone["in_trash"], true);
}

#[test]
fn commands_of_the_markdown_endpoint() {
    let start = "## Log\nfirst\nsecond\nfirst again";
    let cases: Vec<(&str, Value, Result<&str, &str>)> = vec![
        (
            "update one",
            json!({"type": "update_content", "update_content": {"content_updates":
            [{"old_str": "second", "new_str": "2nd"}]}}),
            Ok("## Log\nfirst\n2nd\nfirst again"),
        ),
        (
            "update ambiguous",
            json!({"type": "update_content", "update_content": {"content_updates":
            [{"old_str": "first", "new_str": "1st"}]}}),
            Err("found 2 times"),
        ),
        (
            "update all",
            json!({"type": "update_content", "update_content": {"content_updates":
            [{"old_str": "first", "new_str": "1st", "replace_all_matches": true}]}}),
            Ok("## Log\n1st\nsecond\n1st again"),
        ),
        (
            "update case",
            json!({"type": "update_content", "update_content": {"content_updates":
            [{"old_str": "Second", "new_str": "x"}]}}),
            Err("String not found"),
        ),
        (
            "update half",
            json!({"type": "update_content", "update_content": {"content_updates":
            [{"old_str": "nowhere", "new_str": "x"}, {"old_str": "second", "new_str": "2nd"}]}}),
            Ok("## Log\nfirst\n2nd\nfirst again"),
        ),
        (
            "update nothing",
            json!({"type": "update_content", "update_content": {"content_updates": []}}),
            Err("populated"),
        ),
        (
            "update empty",
            json!({"type": "update_content", "update_content": {"content_updates":
            [{"old_str": "", "new_str": "x"}]}}),
            Err("empty"),
        ),
        (
            "insert end",
            json!({"type": "insert_content", "insert_content": {"content": "row\n"}}),
            Ok("## Log\nfirst\nsecond\nfirst again\nrow"),
        ),
        (
            "insert start",
            json!({"type": "insert_content", "insert_content": {"content": "row",
            "position": {"type": "start"}}}),
            Ok("row\n## Log\nfirst\nsecond\nfirst again"),
        ),
        (
            "insert after",
            json!({"type": "insert_content", "insert_content": {"content": "row",
            "after": "## Log...second"}}),
            Ok("## Log\nfirst\nsecond\nrow\nfirst again"),
        ),
        (
            "insert after one",
            json!({"type": "insert_content", "insert_content": {"content": "row\n",
            "after": "second\n"}}),
            Ok("## Log\nfirst\nsecond\nrow\nfirst again"),
        ),
        (
            "insert lost",
            json!({"type": "insert_content", "insert_content": {"content": "row",
            "after": "full_page"}}),
            Err("String not found"),
        ),
        (
            "insert both",
            json!({"type": "insert_content", "insert_content": {"content": "row",
            "after": "second", "position": {"type": "end"}}}),
            Err("not present"),
        ),
        (
            "range",
            json!({"type": "replace_content_range", "replace_content_range": {
            "content": "middle", "content_range": "first...second"}}),
            Ok("## Log\nmiddle\nfirst again"),
        ),
        (
            "range lost",
            json!({"type": "replace_content_range", "replace_content_range": {
            "content": "middle", "content_range": "a...b"}}),
            Err("String not found"),
        ),
        (
            "replace",
            json!({"type": "replace_content", "replace_content": {"new_str": "all"}}),
            Ok("all"),
        ),
        (
            "two commands",
            json!({"type": "replace_content", "replace_content": {"new_str": "all"},
            "insert_content": {"content": "x"}}),
            Err("not present"),
        ),
        (
            "no command",
            json!({"type": "paint", "paint": {}}),
            Err("replace_content"),
        ),
        (
            "no text",
            json!({"type": "replace_content", "replace_content": {}}),
            Err("new_str should be defined"),
        ),
    ];
    for (name, body, expected) in cases {
        let mut client = Client::new();
        let page = client.page();
        client.replace(page, start).ok();
        let answer = client.patch(&format!("pages/{page}/markdown"), body);
        match expected {
            Ok(markdown) => assert_eq!(text(&answer.ok()["markdown"]), markdown, "{name}"),
            Err(part) => {
                let (status, code, message) = answer.refusal();
                assert_eq!(
                    (status, code),
                    (400, "validation_error"),
                    "{name}: {message}"
                );
                assert!(message.contains(part), "{name}: {message}");
                assert_eq!(client.markdown(page), start, "{name}");
            }
        }
    }
}

#[test]
fn child_pages_are_guarded_and_moved() {
    let mut client = Client::new();
    let (home, child) = (client.id("home"), client.id("child"));
    let body = client.markdown(home);
    assert!(body.contains(&format!(
        "<page url=\"https://app.notion.com/p/{}\">Child</page>",
        child.hex()
    )));
    let refused = client.replace(home, "nothing left");
    let (status, _, message) = refused.refusal();
    assert_eq!(status, 400);
    assert!(
        message.contains("would delete 2 child page(s) or database(s)"),
        "{message}"
    );
    assert_eq!(client.markdown(home), body);
    // Naming a page on another page moves it there.
    let target = client.page();
    let tag = format!("<page url=\"https://app.notion.com/p/{}\"/>", child.hex());
    client.replace(target, &format!("before\n{tag}")).ok();
    assert!(client.markdown(target).contains("Child"));
    assert!(!client.markdown(home).contains("Child"));
    let page = client.get(&format!("pages/{child}")).ok();
    assert_eq!(page["parent"]["page_id"], json!(target));
    // With permission it goes to the trash.
    let body = json!({"type": "replace_content",
        "replace_content": {"new_str": "x", "allow_deleting_content": true}});
    client.patch(&format!("pages/{target}/markdown"), body).ok();
    assert_eq!(client.get(&format!("pages/{child}")).ok()["in_trash"], true);
    // A page cannot be put into itself.
    let inner = format!("<page url=\"https://app.notion.com/p/{}\"/>", target.hex());
    client.replace(target, &inner).ok();
    assert_eq!(client.markdown(target), "");
}

#[test]
fn what_markdown_cannot_say_stays_untouched() {
    let mut client = Client::new();
    let page = client.page();
    client
        .patch(
            &format!("blocks/{page}/children"),
            json!({"children": [
                {"paragraph": {"rich_text": [{"text": {"content": "text"}}]}},
                {"bookmark": {"url": "https://example.org"}},
                {"link_to_page": {"page_id": client.id("login")}},
                {"embed": {"url": "https://example.org/e"}},
                {"breadcrumb": {}}
            ]}),
        )
        .ok();
    let now = client.now;
    client
        .notion
        .person("ada", now)
        .unwrap()
        .append_blocks(
            page,
            &[
                json!({"type": "hologram", "hologram": {"depth": 3}}),
                json!({"type": "unsupported", "unsupported": {"block_type": "form"}}),
            ],
        )
        .unwrap();
    let children = client.children(page);
    let answer = client.get(&format!("pages/{page}/markdown")).ok();
    let markdown = text(&answer["markdown"]).to_owned();
    for alt in [
        "bookmark",
        "alias",
        "embed",
        "breadcrumb",
        "hologram",
        "form",
    ] {
        assert!(
            markdown.contains(&format!("alt=\"{alt}\"/>")),
            "{alt}: {markdown}"
        );
    }
    let unknown: Vec<Value> = children[1..]
        .iter()
        .map(|block| block["id"].clone())
        .collect();
    assert_eq!(answer["unknown_block_ids"], json!(unknown));
    assert_eq!(answer["truncated"], false);
    assert_eq!(children[5]["hologram"], json!({"depth": 3}));
    // Editing the text around them leaves them alone, also when they come in another order.
    let edited = markdown.replacen("text", "other text", 1);
    client.replace(page, &edited).ok();
    let after = client.children(page);
    assert_eq!(
        after[1..].iter().map(|b| &b["id"]).collect::<Vec<_>>(),
        unknown.iter().collect::<Vec<_>>()
    );
    // Reading one by its own id gives the placeholder again.
    let one = client
        .get(&format!("pages/{}/markdown", text(&unknown[0])))
        .ok();
    assert!(text(&one["markdown"]).starts_with("<unknown url="));
}

#[test]
fn the_first_heading_becomes_the_title_of_a_page_without_one() {
    let mut client = Client::new();
    let tasks = client.id("tasks");
    let body = json!({"parent": {"data_source_id": tasks}, "markdown": "intro\n# The title\nrest"});
    let page = client.post("pages", body).ok();
    assert_eq!(
        page["properties"]["Name"]["title"][0]["plain_text"],
        "The title"
    );
    assert_eq!(client.markdown(id_of(&page)), "intro\nrest");
    let body = json!({"parent": {"data_source_id": tasks}, "markdown": "# Stays",
        "properties": {"Name": {"title": [{"text": {"content": "Given"}}]}}});
    let page = client.post("pages", body).ok();
    assert_eq!(
        page["properties"]["Name"]["title"][0]["plain_text"],
        "Given"
    );
    assert_eq!(client.markdown(id_of(&page)), "# Stays");
}

#[test]
fn long_bodies_are_truncated_and_can_be_read_on() {
    let mut world = crate::notion_support::world();
    world.options.markdown_blocks = 3;
    let mut client = Client::of(
        world,
        notion_sync_testkit::emulator::EmulatorBounds::notion(),
    );
    let page = client.page();
    let body: Vec<String> = (0..6).map(|n| format!("line {n}")).collect();
    client.replace(page, &body.join("\n")).ok();
    let answer = client.get(&format!("pages/{page}/markdown")).ok();
    assert_eq!(answer["truncated"], true);
    let lines: Vec<&str> = text(&answer["markdown"]).lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[3].starts_with("<unknown url="));
    let rest = text(&answer["unknown_block_ids"][0]).to_owned();
    let rest = client.get(&format!("pages/{rest}/markdown")).ok();
    assert_eq!(text(&rest["markdown"]), "line 3");
}

#[test]
fn databases_and_blocks_have_no_markdown_to_write() {
    let mut client = Client::new();
    let base = client.id("backlog");
    assert_eq!(client.get(&format!("pages/{base}/markdown")).status, 400);
    let home = client.id("home");
    let block = id_of(&client.children(home)[0]);
    assert_eq!(client.replace(block, "x").status, 400);
    let hidden = client.id("hidden");
    assert_eq!(client.get(&format!("pages/{hidden}/markdown")).status, 404);
}

/// A child page inside a block that an edit removes goes to the trash, and comes back to the page.
#[test]
fn a_child_page_survives_the_block_around_it() {
    let mut client = Client::new();
    let (page, child) = (client.page(), client.id("child"));
    let tag = format!("<page url=\"https://app.notion.com/p/{}\"/>", child.hex());
    client
        .replace(
            page,
            &format!("<details>\n<summary>t</summary>\n\t{tag}\n</details>"),
        )
        .ok();
    let inside = client.get(&format!("pages/{child}")).ok();
    assert_eq!(inside["parent"]["type"], "block_id");
    assert_eq!(client.replace(page, "gone").status, 400);
    let body = json!({"type": "replace_content",
        "replace_content": {"new_str": "gone", "allow_deleting_content": true}});
    client.patch(&format!("pages/{page}/markdown"), body).ok();
    assert_eq!(client.get(&format!("pages/{child}")).ok()["in_trash"], true);
    let back = client
        .patch(&format!("pages/{child}"), json!({"in_trash": false}))
        .ok();
    assert_eq!(back["in_trash"], false);
    assert_eq!(back["parent"]["page_id"], json!(page));
    assert!(client.markdown(page).ends_with(">Child</page>"));
}

/// Meeting notes: the name that a version gives them, the transcript only on request, notes that
/// can be edited around what cannot.
#[test]
fn meeting_notes_are_shown_but_not_made() {
    let mut client = Client::new();
    let page = client.page();
    let now = client.now;
    let made = client.notion.person("ada", now).unwrap().append_blocks(page, &[json!({
        "type": "meeting_notes", "meeting_notes": {"title": "Weekly", "summary": "All *well*", "transcript": "Hi",
            "children": [{"paragraph": {"rich_text": "note"}}]}})]).unwrap();
    assert_eq!(client.children(page)[0]["type"], "meeting_notes");
    client.version = crate::notion_support::OLD.to_owned();
    assert_eq!(client.children(page)[0]["type"], "transcription");
    let body = client.markdown(page);
    assert!(
        body.contains("All \\*well\\*") && !body.contains("Hi"),
        "{body}"
    );
    let whole = client
        .get(&format!("pages/{page}/markdown?include_transcript=true"))
        .ok();
    assert!(text(&whole["markdown"]).contains("\t\tHi\n"));
    let edited = client
        .replace(
            page,
            &body
                .replace("note\n", "other note\n")
                .replace("Weekly", "x"),
        )
        .ok();
    assert!(
        text(&edited["markdown"]).contains("Weekly\n"),
        "the title is not changed by text"
    );
    assert!(text(&edited["markdown"]).contains("\t\tother note\n"));
    assert_eq!(client.notion.blocks(page)[0].id, made[0]);
    // Nothing makes new ones.
    let empty = client.page();
    assert_eq!(client.replace(empty, &body).ok()["markdown"], "");
}
