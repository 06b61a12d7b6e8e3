//! The corpus of the test kit: every case is judged, and the files say what our converters do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use notion_sync_core::document::blocks::{self, stages};
use notion_sync_core::document::dialect::{
    Carry, from_notion, named, normal, to_notion, to_notion_with,
};
use notion_sync_core::document::{Block, BlockKind, Document, limits, notion_markdown};
use notion_sync_testkit::corpus::{CONSTRUCTS, Case, Corpus, NESTING, Origin, Relation, Service};
use serde_json::{Value, json};

use super::rendered::rendered;
use super::service::store;
use super::trips::{context, parse, write};

/// Set to write the generated files anew instead of comparing them.
const UPDATE: &str = "NOTION_SYNC_UPDATE";

fn page_of(case: &Case) -> Document {
    let blocks = case
        .blocks
        .iter()
        .map(|block| blocks::read(&block.to_string()).unwrap())
        .collect();
    Document { blocks }
}

/// Block objects with their children inside.
fn objects(list: &[Block]) -> Vec<Value> {
    list.iter()
        .filter_map(|block| {
            let mut object = blocks::write(block).ok()?;
            let children = objects(&block.children);
            if !children.is_empty() {
                let kind = object["type"].as_str()?.to_owned();
                object[kind]["children"] = Value::Array(children);
            }
            object.as_object_mut()?.remove("object");
            Some(object)
        })
        .collect()
}

fn service(page: &Document) -> (Service, Document) {
    let plan = stages(&page.blocks);
    let (held, violations) = store(&plan);
    assert_eq!(violations, []);
    fn count(objects: &[Value]) -> usize {
        objects
            .iter()
            .map(|object| {
                let kind = object["type"].as_str().unwrap();
                1 + object[kind]["children"]
                    .as_array()
                    .map_or(0, |children| count(children))
            })
            .sum()
    }
    let service = Service {
        requests: plan.stages.len(),
        blocks: plan.stages.iter().map(|stage| count(&stage.children)).sum(),
        refused: plan
            .unwritable
            .iter()
            .map(|issue| format!("{:?}: {}", issue.place, issue.reason))
            .collect(),
    };
    (service, held)
}

/// The case with everything that follows from its given side.
fn completed(mut case: Case) -> Case {
    let page = match case.origin {
        Origin::Notion => {
            let page = page_of(&case);
            let text = write(&from_notion(&page, &context()).document);
            let back = to_notion(&parse(&text), &context()).document;
            case.round_trip = if back.canon_eq(&normal(&page)) {
                Relation::Equal
            } else {
                Relation::Different
            };
            assert_eq!(
                write(&from_notion(&back, &context()).document),
                text,
                "{}: second pass",
                case.name
            );
            case.markdown = text;
            case.service = service(&page).0;
            page
        }
        Origin::Markdown => {
            let file = parse(&case.markdown);
            let page = to_notion_with(&file, &context(), Carry::Everything).document;
            let (service, held) = service(&page);
            assert!(held.canon_eq(&page), "{}: stored", case.name);
            let text = write(&from_notion(&held, &context()).document);
            case.round_trip = if text == case.markdown {
                Relation::Equal
            } else if rendered(&text) == rendered(&case.markdown) {
                Relation::Rendered
            } else {
                Relation::Different
            };
            let again = to_notion_with(&parse(&text), &context(), Carry::Everything).document;
            assert!(again.canon_eq(&page), "{}: second pass", case.name);
            assert_eq!(
                write(&from_notion(&again, &context()).document),
                text,
                "{}: second pass",
                case.name
            );
            case.losses = to_notion(&file, &context())
                .report
                .entries
                .iter()
                .map(|entry| format!("{:?}: {}", entry.place, entry.reason))
                .collect();
            case.blocks = objects(&page.blocks);
            case.service = service;
            page
        }
    };
    case.through_enhanced = match notion_markdown::write(&page) {
        Ok(text) => {
            let read = notion_markdown::parse(&text, &limits::Limits::default()).unwrap();
            case.enhanced = Some(text);
            if named(read).canon_eq(&named(page)) {
                Relation::Equal
            } else {
                Relation::Different
            }
        }
        Err(_) => {
            case.enhanced = None;
            Relation::Refused
        }
    };
    let different = [case.round_trip, case.through_enhanced].contains(&Relation::Different);
    assert_eq!(
        different,
        !case.reason.is_empty(),
        "{}: {:?} {:?}\n{}\n{:#?}",
        case.name,
        case.round_trip,
        case.through_enhanced,
        case.markdown,
        case.blocks
    );
    case
}

fn given(name: String, origin: Origin, markdown: String, blocks: Vec<Value>) -> Case {
    let case = json!({"name": name, "origin": origin, "markdown": markdown, "blocks": blocks});
    serde_json::from_value(case).unwrap()
}

/// The array that children of a block stand in.
fn children_of(block: &mut Value) -> &mut Vec<Value> {
    let kind = block["type"].as_str().unwrap().to_owned();
    let payload = &mut block[&kind];
    if payload["children"].is_null() {
        payload["children"] = json!([]);
    }
    payload["children"].as_array_mut().unwrap()
}

/// Every pair of cases of which one can stand in the other.
fn pairs(cases: &[Case]) -> Vec<Case> {
    let mut out = Vec::new();
    let notion = |case: &&Case| case.origin == Origin::Notion;
    for outer in cases.iter().filter(notion).filter(|case| case.holds) {
        for inner in cases.iter().filter(notion) {
            let mut blocks = outer.blocks.clone();
            let last = blocks.last_mut().unwrap();
            let into = if last["type"] == "column_list" {
                children_of(&mut children_of(last)[0])
            } else {
                children_of(last)
            };
            into.extend(inner.blocks.iter().cloned());
            let name = format!("{} > {}", outer.name, inner.name);
            out.push(given(name, Origin::Notion, String::new(), blocks));
        }
    }
    for (format, value) in [
        ("bold", json!(true)),
        ("italic", json!(true)),
        ("strikethrough", json!(true)),
        ("underline", json!(true)),
        ("color", json!("green")),
    ] {
        for inner in cases.iter().filter(notion).filter(|case| case.inline) {
            let mut blocks = inner.blocks.clone();
            for run in blocks[0]["paragraph"]["rich_text"].as_array_mut().unwrap() {
                if run["annotations"].is_null() {
                    run["annotations"] = json!({});
                }
                run["annotations"][format] = value.clone();
            }
            let name = format!("text/{format} > {}", inner.name);
            out.push(given(name, Origin::Notion, String::new(), blocks));
        }
    }
    let markdown = |case: &&Case| case.origin == Origin::Markdown;
    for (outer, first, rest) in [
        ("in a quote", "> ", "> "),
        ("in a bulleted list", "- ", "  "),
        ("in a numbered list", "1. ", "   "),
        ("in an alert", "> [!TIP]\n> ", "> "),
        ("in details", "<details>\n<summary>More</summary>\n\n", ""),
    ] {
        for inner in cases.iter().filter(markdown) {
            let mut text = first.to_owned();
            for (at, line) in inner.markdown.trim_end().split('\n').enumerate() {
                if at > 0 {
                    text.push('\n');
                    text.push_str(if line.is_empty() {
                        rest.trim_end()
                    } else {
                        rest
                    });
                }
                text.push_str(line);
            }
            text.push('\n');
            if outer == "in details" {
                text.push_str("\n</details>\n");
            }
            let name = format!("{outer} > {}", inner.name);
            out.push(given(name, Origin::Markdown, text, Vec::new()));
        }
    }
    for (outer, before, after) in [
        ("bold", "**", "**"),
        ("italic", "*", "*"),
        ("strikethrough", "~~", "~~"),
        ("underline", "<u>", "</u>"),
        ("a heading", "## ", ""),
        ("a cell", "| a |\n| --- |\n| ", " |"),
    ] {
        for inner in cases.iter().filter(markdown).filter(|case| case.inline) {
            let text = format!("{before}{}{after}\n", inner.markdown.trim_end());
            let name = format!("in {outer} > {}", inner.name);
            out.push(given(name, Origin::Markdown, text, Vec::new()));
        }
    }
    out
}

/// One case a line.
fn printed(cases: &[Case]) -> String {
    let mut out = String::from("{\"format\":1,\"cases\":[\n");
    for (at, case) in cases.iter().enumerate() {
        let comma = if at + 1 < cases.len() { "," } else { "" };
        writeln!(out, "{}{comma}", serde_json::to_string(case).unwrap()).unwrap();
    }
    out.push_str("]}\n");
    out
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compares a generated file with what is checked in, or writes it anew.
fn up_to_date(file: &str, checked_in: &str, generated: &str) {
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(root().join(file), generated).unwrap();
        return;
    }
    let line = checked_in
        .lines()
        .zip(generated.lines())
        .position(|(a, b)| a != b);
    assert!(
        checked_in == generated,
        "{file} is out of date from line {:?} on: run this test with {UPDATE}=1",
        line.map(|line| line + 1)
    );
}

fn constructs() -> Vec<Case> {
    let given = Corpus::read(CONSTRUCTS).unwrap().cases;
    given.into_iter().map(completed).collect()
}

/// Why a pair cannot come back the way it was.
const REASONS: &[(&str, &str)] = &[
    (
        "in an alert > list/start-at",
        "on GitHub the line of an alert starts a paragraph that such a list cannot end; comrak shows a list",
    ),
    (
        "in an alert > code/indented",
        "on GitHub the line of an alert starts a paragraph that indented code cannot end; comrak shows code",
    ),
];

/// Whether a block is in it that would be another one if it were created again.
fn is_fixed(case: &Case) -> bool {
    fn holds(blocks: &[Block]) -> bool {
        blocks.iter().any(|block| {
            let fixed = matches!(
                block.kind,
                BlockKind::Opaque { .. } | BlockKind::Synced { .. }
            );
            fixed || holds(&block.children)
        })
    }
    let page = page_of(case);
    holds(&page.blocks) || !service(&page).0.refused.is_empty()
}

fn nesting(constructs: &[Case]) -> Vec<Case> {
    let mut out = Vec::new();
    for mut case in pairs(constructs) {
        if let Some((_, reason)) = REASONS.iter().find(|(name, _)| *name == case.name) {
            case.reason = (*reason).to_owned();
        }
        if case.name.starts_with("element > ") && is_fixed(&case) {
            case.reason = "what cannot be created again is not moved into an element that comes \
                           from a file; on a page that has it there it stays"
                .to_owned();
        }
        out.push(completed(case));
    }
    out
}

#[test]
fn corpus_says_what_the_converters_do() {
    let constructs = constructs();
    let count =
        |cases: &[Case], of: fn(&Case) -> bool| cases.iter().filter(|case| of(case)).count();
    let nesting = nesting(&constructs);
    for (name, cases) in [("constructs", &constructs), ("pairs", &nesting)] {
        println!(
            "{name}: {} cases, {} equal and {} rendered alike after the round trip, {} through enhanced Markdown, {} different",
            cases.len(),
            count(cases, |case| case.round_trip == Relation::Equal),
            count(cases, |case| case.round_trip == Relation::Rendered),
            count(cases, |case| case.through_enhanced == Relation::Equal),
            count(cases, |case| !case.reason.is_empty()),
        );
    }
    let mut names: Vec<&str> = constructs
        .iter()
        .chain(&nesting)
        .map(|case| case.name.as_str())
        .collect();
    let all = names.len();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None);
    assert!(all > 1_000);
    let guide = super::guide::dialect(&constructs);
    for file in [
        (
            "docs/dialect.md",
            include_str!("../../../../docs/dialect.md"),
            guide,
        ),
        (
            "notion-sync-testkit/corpus/constructs.json",
            CONSTRUCTS,
            printed(&constructs),
        ),
        (
            "notion-sync-testkit/corpus/nesting.json",
            NESTING,
            printed(&nesting),
        ),
    ] {
        up_to_date(file.0, file.1, &file.2);
    }
}
