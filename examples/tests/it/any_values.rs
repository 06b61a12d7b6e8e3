//! Titles and values of all kinds, through the engine and the adapters, both ways.

use notion_sync_core::document::front_matter::{FrontMatter, Value as Front};
use notion_sync_core::document::markdown;
use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, World};
use notion_sync_testkit::notion::NotionId;
use notion_sync_testkit::simulation::Stream;
use serde_json::{Value, json};

use crate::shown_support::{settle, sweep};

const FILE: &str = "docs/shapes.md";

/// What means something in YAML, in Markdown or to one of the services.
const PIECES: [&str; 44] = [
    "alpha",
    "βeta",
    "1.",
    "- x",
    "*star*",
    "_under_",
    "`tick`",
    "<b>",
    "&amp;",
    "# hash",
    "$x$",
    "\\",
    "|",
    "a: b",
    "\"double\"",
    "'single'",
    "[link](u)",
    "![image](i)",
    "~~gone~~",
    "yes",
    "null",
    "1e3",
    "0x1F",
    "2026-01-01",
    "@ada",
    "🙂",
    "---",
    "!tag",
    "%",
    "{a: b}",
    "[x]",
    "<!-- c -->",
    "https://example.org/a_b",
    "x_1",
    "5 * 3 * 2",
    "~",
    "#12",
    "...",
    "?",
    "=",
    "2026-1-1",
    "12:30",
    "+1",
    ".5",
];

pub(crate) fn words(random: &mut Stream) -> String {
    let count = 1 + random.below(3);
    let words: Vec<&str> = (0..count).map(|_| *random.of(&PIECES)).collect();
    words.join(" ")
}

fn plain(value: Option<&Value>) -> String {
    let runs = value.and_then(Value::as_array).into_iter().flatten();
    runs.filter_map(|run| run["plain_text"].as_str()).collect()
}

fn names(value: Option<&Value>) -> Vec<String> {
    let options = value.and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<String> = options
        .filter_map(|one| Some(one["name"].as_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

async fn only_pair(terms: Terms) -> Stage {
    let mut stage = Stage::in_memory(World::team().unwrap(), terms)
        .await
        .unwrap();
    settle(&mut stage).await;
    stage
}

/// The front matter and the title of the file.
fn filed(stage: &Stage) -> (Option<Front>, Option<Front>, String) {
    let text = stage.file(FILE).unwrap();
    let front = FrontMatter::read(&text).unwrap();
    let of = |key: &str| front.as_ref().and_then(|front| front.get(key));
    let parsed = markdown::parse(&text, &markdown::Limits::default()).unwrap();
    let title = parsed.document.blocks[0].to_plain().trim_end().to_owned();
    (of("owner"), of("tags"), title)
}

fn paged(stage: &Stage, page: NotionId) -> (String, Vec<String>, String) {
    let notion = stage.notion();
    let properties = notion.properties(page);
    (
        plain(properties.get("Owner")),
        names(properties.get("Tags")),
        notion.title(page).unwrap_or_default(),
    )
}

/// Values of the front matter and the title of a page say the same on both sides, whoever wrote them.
#[tokio::test]
async fn any_value_of_a_page_and_its_file_follows() {
    let mut stage = only_pair(Terms::documents(Policy::ManualReview)).await;
    let text = "---\nowner: Ada\ntags: [a]\n---\n\n# Shapes\n\nText.\n";
    stage.push("bob", "Add", &[(FILE, Some(text))]).unwrap();
    stage.pass(30);
    settle(&mut stage).await;
    let page = stage.page("Shapes").unwrap();
    let mut random = Stream::new(3, "values");
    for case in 0..60 {
        let (mut owner, title) = (words(&mut random), words(&mut random));
        let ends = [
            "\n",
            "\nsecond: line",
            "\n\n  - x\n# y",
            "\t",
            "  ",
            " 10:00:00Z",
        ];
        if random.chance(40) {
            owner.push_str(random.of::<&str>(&ends));
        }
        let mut tags: Vec<String> = (0..random.below(3)).map(|_| words(&mut random)).collect();
        tags.sort();
        tags.dedup();
        let source = stage.file(FILE).unwrap();
        let by_page = random.chance(50);
        if by_page {
            let edit = stage.in_notion("ada", |ada| {
                ada.set_property(page, "Owner", json!(owner))?;
                ada.set_property(page, "Tags", json!(tags))?;
                ada.rename(page, &title)
            });
            edit.unwrap();
        } else {
            let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
            lines.retain(|line| {
                !line.starts_with("owner:")
                    && !line.starts_with("tags:")
                    && !line.starts_with("  - ")
            });
            lines.insert(1, format!("owner: {}", json!(owner)));
            lines.insert(2, format!("tags: {}", json!(tags)));
            let at = lines
                .iter()
                .position(|line| line.starts_with("# "))
                .unwrap();
            lines[at] = format!("# {title}");
            let text = lines.join("\n") + "\n";
            stage.push("bob", "Edit", &[(FILE, Some(&text))]).unwrap();
        }
        let written = (stage.file(FILE).unwrap(), paged(&stage, page));
        stage.pass(30);
        settle(&mut stage).await;
        let file = stage.file(FILE).unwrap();
        let (own, own_tags, own_title) = filed(&stage);
        let (said, said_tags, said_title) = paged(&stage, page);
        let told = format!(
            "case {case}, by page {by_page}: {owner:?} {tags:?} {title:?}\n{}\n=>\n{file}",
            written.0
        );
        match by_page {
            true => assert_eq!(
                (said.clone(), said_tags.clone(), said_title.clone()),
                written.1,
                "{told}"
            ),
            false => assert_eq!(file, written.0, "{told}"),
        }
        assert_eq!(own, Some(Front::Text(said)), "{told}");
        let filed_tags: Vec<Front> = said_tags.into_iter().map(Front::Text).collect();
        let mut own_tags = match own_tags {
            Some(Front::List(tags)) => tags,
            None => Vec::new(),
            other => panic!("{other:?} {told}"),
        };
        own_tags.sort_by_key(|tag| format!("{tag:?}"));
        let mut filed_tags = filed_tags;
        filed_tags.sort_by_key(|tag| format!("{tag:?}"));
        assert_eq!(own_tags, filed_tags, "{told}");
        assert_eq!(own_title, said_title, "{told}");
    }
    assert_eq!(sweep(&mut stage).await.applied, []);
}

/// So do the title and the labels of a task.
#[tokio::test]
async fn any_value_of_a_page_and_its_issue_follows() {
    let mut stage = only_pair(Terms::tasks(Policy::ManualReview)).await;
    let now = stage.now();
    let number = {
        let mut github = stage.github();
        (github.open_issue(BACKLOG, "bob", "Shapes", Some("Text."), now)).unwrap()
    };
    stage.pass(30);
    settle(&mut stage).await;
    let page = stage.page("Shapes").unwrap();
    let mut random = Stream::new(3, "values");
    for case in 0..60 {
        let title = words(&mut random);
        let mut labels: Vec<String> = (0..random.below(3)).map(|_| words(&mut random)).collect();
        // The longest name that GitHub takes.
        labels.retain(|name| name.chars().count() <= 50);
        labels.sort();
        labels.dedup();
        let by_page = random.chance(50);
        if by_page {
            let edit = stage.in_notion("ada", |ada| {
                ada.set_property(page, "Labels", json!(labels))?;
                ada.rename(page, &title)
            });
            edit.unwrap();
        } else {
            let now = stage.now();
            let mut github = stage.github();
            github.retitle(BACKLOG, number, "bob", &title, now).unwrap();
            let new: Vec<&str> = labels.iter().map(String::as_str).collect();
            github.label(BACKLOG, number, "bob", &new, now).unwrap();
        }
        stage.pass(30);
        settle(&mut stage).await;
        let issue = stage.github().issue(BACKLOG, number).unwrap();
        let (own_title, own_labels) = {
            let notion = stage.notion();
            (
                notion.title(page).unwrap_or_default(),
                names(notion.properties(page).get("Labels")),
            )
        };
        let told = format!("case {case}, by page {by_page}: {title:?} {labels:?}");
        assert_eq!(issue.title, own_title, "{told}");
        let mut shown = issue.labels.clone();
        shown.sort();
        assert_eq!(shown, own_labels, "{told}");
        if by_page {
            assert_eq!(own_title, title, "{told}");
        }
    }
    assert_eq!(sweep(&mut stage).await.applied, []);

    // A name that GitHub does not take stays on the page, and holds up nothing.
    let long = "l".repeat(60);
    let edit = stage.in_notion("ada", |ada| {
        ada.set_property(page, "Labels", json!([long]))?;
        ada.rename(page, "Last")
    });
    edit.unwrap();
    stage.pass(30);
    settle(&mut stage).await;
    let issue = stage.github().issue(BACKLOG, number).unwrap();
    assert_eq!((issue.title.as_str(), issue.labels), ("Last", vec![]));
    assert_eq!(sweep(&mut stage).await.applied, []);
    let labels = names(stage.notion().properties(page).get("Labels"));
    assert_eq!(labels, [long]);
}

/// What is no date holds up nothing but itself, also where a page is to be made.
#[tokio::test]
async fn a_value_that_is_no_date_holds_up_nothing_else() {
    let mut stage = only_pair(Terms::documents(Policy::ManualReview)).await;
    let text =
        |date: &str, words: &str| format!("---\nreviewed: {date}\n---\n\n# Shapes\n\n{words}\n");
    let push = |stage: &Stage, text: &str| {
        stage.push("bob", "Edit", &[(FILE, Some(text))]).unwrap();
        stage.pass(30);
    };
    let mut page = None;
    for (date, said) in [
        ("soon", None),
        ("2026-01-31", Some("2026-01-31")),
        ("2026-01-01 10:00:00", Some("2026-01-31")),
        ("20260102", Some("2026-01-31")),
        ("2026-02-01", Some("2026-02-01")),
    ] {
        let text = text(date, &format!("Words {date}."));
        push(&stage, &text);
        settle(&mut stage).await;
        let page = *page.get_or_insert(stage.page("Shapes").unwrap());
        let held = stage.notion().properties(page)["Reviewed"]["start"].clone();
        assert_eq!(held.as_str(), said, "{date}");
        let words = stage.notion().markdown(page);
        assert_eq!(words.trim_end(), format!("Words {date}."));
        assert_eq!(stage.file(FILE).unwrap(), text);
        let record = stage.live().await.unwrap().remove(0);
        let problem = record.problem.clone().map(|problem| problem.message);
        assert_eq!(problem.is_some(), Some(date) != said, "{date}: {problem:?}");
        assert!(
            problem.as_ref().is_none_or(|why| why.contains("no date")),
            "{date}: {problem:?}"
        );
    }
}
