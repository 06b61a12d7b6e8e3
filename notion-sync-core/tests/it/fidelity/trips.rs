//! Round trips of everything recorded.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::document::blocks::{read, stages};
use notion_sync_core::document::dialect::{
    Carry, LinkContext, from_notion, named, normal, to_notion, to_notion_with,
};
use notion_sync_core::document::markdown::{self, Limits, Style};
use notion_sync_core::document::{Block, BlockKind, Document, limits, notion_markdown};

use super::rendered::rendered;
use super::service::store;
use crate::fixtures;
use crate::notion_fixtures::{block_objects, json_files};

pub(crate) fn context() -> LinkContext {
    LinkContext::new(
        "https://github.com/acme/handbook/blob/main",
        "https://raw.githubusercontent.com/acme/handbook/main",
        "docs/index.md",
    )
}

pub(crate) fn parse(source: &str) -> Document {
    let limits = Limits {
        bytes: 8 << 20,
        blocks: 100_000,
        depth: 200,
    };
    markdown::parse(source, &limits).unwrap().document
}

pub(crate) fn write(document: &Document) -> String {
    markdown::write(document, &Style::default())
}

/// What the trips of one body gave.
#[derive(Debug, Default)]
pub(crate) struct Trip {
    /// Which direction came back different, and how.
    pub(crate) differences: Vec<(&'static str, String)>,
    /// Which second pass changed something.
    pub(crate) unstable: Vec<&'static str>,
    /// Limits of the service that a request broke.
    pub(crate) violations: usize,
    pub(crate) blocks: usize,
    /// Blocks that are data.
    pub(crate) opaque: usize,
    /// Paragraphs that are nothing but source and hold no blocks.
    pub(crate) source: usize,
    /// Paragraphs of source that hold blocks.
    pub(crate) elements: usize,
    pub(crate) through_enhanced: bool,
}

impl Trip {
    fn count(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.blocks += 1;
            match &block.kind {
                BlockKind::Opaque { .. } => self.opaque += 1,
                BlockKind::Code { code, .. } if code.starts_with("<!-- notion-sync:") => {
                    self.opaque += 1;
                }
                BlockKind::Paragraph { text, .. } => {
                    let source = matches!(&text.0[..], [run]
                        if run.annotations.code && run.annotations.color.name() == "gray");
                    let holds = !block.children.is_empty();
                    self.source += usize::from(source && !holds);
                    self.elements += usize::from(source && holds);
                }
                _ => {}
            }
            self.count(&block.children);
        }
    }

    fn equal(&mut self, direction: &'static str, want: &Document, have: &Document) {
        if !have.canon_eq(want) {
            self.differences.push((direction, difference(want, have)));
        }
    }

    /// Puts a page where the service holds it, in stages, and reads it back.
    fn held(&mut self, page: &Document) -> Document {
        let plan = stages(&page.blocks);
        for issue in &plan.unwritable {
            self.differences.push(("unwritable", format!("{issue:?}")));
        }
        let (held, violations) = store(&plan);
        self.violations += violations.len();
        self.equal("stored", page, &held);
        held
    }
}

/// File -> page -> file twice, with the page as blocks and as enhanced Markdown.
pub(crate) fn file_trip(source: &str, carry: Carry) -> Trip {
    let mut trip = Trip::default();
    let file = parse(source);
    let page = to_notion_with(&file, &context(), carry).document;
    trip.count(&page.blocks);
    let held = trip.held(&page);
    let back = from_notion(&held, &context()).document;
    trip.equal("blocks", &normal(&file), &back);
    let text = write(&back);
    let (want, have) = (rendered(source), rendered(&text));
    if want != have && carry == Carry::Everything {
        trip.differences.push(("html", format!("{want}\n{have}")));
    }
    let again = to_notion_with(&parse(&text), &context(), carry).document;
    if !again.canon_eq(&page) {
        trip.unstable.push("page");
    }
    let held = trip.held(&again);
    if write(&from_notion(&held, &context()).document) != text {
        trip.unstable.push("file");
    }
    if let Ok(enhanced) = notion_markdown::write(&page) {
        trip.through_enhanced = true;
        let read = notion_markdown::parse(&enhanced, &limits::Limits::default()).unwrap();
        trip.equal("enhanced", &named(page), &named(read.clone()));
        if notion_markdown::write(&read).as_ref() != Ok(&enhanced) {
            trip.unstable.push("enhanced");
        }
    }
    trip
}

/// Page -> file -> page twice.
pub(crate) fn page_trip(page: &Document) -> Trip {
    let mut trip = Trip::default();
    trip.count(&page.blocks);
    let file = from_notion(page, &context()).document;
    let text = write(&file);
    trip.equal("file", &file, &parse(&text));
    let again = to_notion(&parse(&text), &context()).document;
    trip.equal("page", &normal(page), &again);
    if write(&from_notion(&again, &context()).document) != text {
        trip.unstable.push("file");
    }
    let (_, violations) = store(&stages(&again.blocks));
    trip.violations += violations.len();
    if let Ok(enhanced) = notion_markdown::write(page) {
        trip.through_enhanced = true;
        let read = notion_markdown::parse(&enhanced, &limits::Limits::default()).unwrap();
        trip.equal("enhanced", &named(page.clone()), &named(read));
    }
    trip
}

pub(crate) fn difference(a: &Document, b: &Document) -> String {
    let (a, b) = (a.canonical(), b.canonical());
    for (at, (a, b)) in a.blocks.iter().zip(&b.blocks).enumerate() {
        if a != b {
            return format!("block {at}\n  {a:?}\n  {b:?}");
        }
    }
    format!("{} and {} blocks", a.blocks.len(), b.blocks.len())
}

/// The checked-in list of cases that are not equal.
fn exceptions(list: &str) -> BTreeSet<String> {
    let text = include_str!("../../fidelity-exceptions.json");
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let cases = value[list].as_array().unwrap();
    for case in cases {
        assert!(
            case["reason"]
                .as_str()
                .is_some_and(|reason| reason.len() > 20)
        );
    }
    cases
        .iter()
        .map(|case| case["case"].as_str().unwrap().to_owned())
        .collect()
}

/// Prints the figures and checks what holds for every case.
fn judge(name: &str, all: &[(String, Trip)], known: &BTreeSet<String>) {
    let sum = |of: fn(&Trip) -> usize| all.iter().map(|(_, trip)| of(trip)).sum::<usize>();
    let unequal: BTreeSet<String> = all
        .iter()
        .filter(|(_, trip)| !trip.differences.is_empty())
        .map(|(case, _)| case.clone())
        .collect();
    println!(
        "{name}: {} cases, {} not equal; {} of {} blocks opaque (in {} cases), {} paragraphs of source alone (with these: in {} cases), {} paragraphs of source around blocks; {} second passes with a change; {} violations; {} cases through enhanced Markdown",
        all.len(),
        unequal.len(),
        sum(|trip| trip.opaque),
        sum(|trip| trip.blocks),
        sum(|trip| usize::from(trip.opaque > 0)),
        sum(|trip| trip.source),
        sum(|trip| usize::from(trip.opaque + trip.source > 0)),
        sum(|trip| trip.elements),
        sum(|trip| trip.unstable.len()),
        sum(|trip| trip.violations),
        sum(|trip| usize::from(trip.through_enhanced)),
    );
    for (case, trip) in all {
        assert_eq!(trip.violations, 0, "{case} breaks a limit");
        assert!(trip.unstable.is_empty(), "{case}: {:?}", trip.unstable);
        for (direction, what) in &trip.differences {
            assert!(known.contains(case), "{case} {direction}: {what}");
        }
    }
    let cured: Vec<_> = known.difference(&unequal).collect();
    assert!(
        all.is_empty() || cured.is_empty(),
        "in the list of exceptions and equal: {cured:?}"
    );
}

#[test]
fn spec_examples_come_back() {
    let all: Vec<_> = fixtures::examples()
        .into_iter()
        .map(|(file, number, source)| {
            (
                format!("{file} {number}"),
                file_trip(&source, Carry::Everything),
            )
        })
        .collect();
    let known = exceptions("examples");
    judge("examples of the specifications", &all, &known);
    assert!(known.len() * 100 <= all.len() || all.is_empty());
    let opaque = all
        .iter()
        .filter(|(_, trip)| trip.opaque + trip.source > 0)
        .count();
    assert!(opaque * 10 <= all.len(), "{opaque} of {}", all.len());
}

fn bodies() -> Vec<(String, String)> {
    fixtures::documents()
        .into_iter()
        .map(|(name, source)| {
            let parsed = markdown::parse(&source, &Limits::default()).unwrap();
            let body = parsed.front_matter.map_or(0, |front| front.span().end);
            (name, source[body..].to_owned())
        })
        .collect()
}

#[test]
fn documents_come_back() {
    let all: Vec<_> = bodies()
        .into_iter()
        .map(|(name, body)| (name, file_trip(&body, Carry::Everything)))
        .collect();
    judge("documents", &all, &exceptions("documents"));
    let blocks: usize = all.iter().map(|(_, trip)| trip.blocks).sum();
    let opaque: usize = all.iter().map(|(_, trip)| trip.opaque).sum();
    assert!(opaque * 100 <= blocks, "{opaque} of {blocks}");
    let source: usize = all.iter().map(|(_, trip)| trip.source).sum();
    assert!(source * 100 <= blocks, "{source} of {blocks}");
    assert!((opaque + source) * 100 <= blocks, "{opaque} and {source}");
}

/// What a sync does: layout stays in the file, and nothing else is lost.
#[test]
fn documents_come_back_without_their_layout() {
    let all: Vec<_> = bodies()
        .into_iter()
        .map(|(name, body)| (name, file_trip(&body, Carry::Content)))
        .collect();
    let known: BTreeSet<String> = ["commonmark-spec/spec.md", "gfm-spec/spec.md"]
        .map(str::to_owned)
        .into();
    judge("documents, content only", &all, &known);
}

#[test]
fn recorded_blocks_come_back() {
    let Some(root) = crate::notion_fixtures::fixtures() else {
        return;
    };
    let mut all = Vec::new();
    let mut trees: BTreeMap<String, Vec<Block>> = BTreeMap::new();
    for folder in [
        "blocks",
        "pages",
        "search",
        "queries",
        "fragments",
        "requests",
    ] {
        for (path, value) in json_files(&root.join("notion").join(folder)) {
            let mut objects = Vec::new();
            block_objects(&value, &mut objects);
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            for (at, object) in objects.iter().enumerate() {
                let block = read(&object.to_string()).unwrap();
                if value["results"].is_array() {
                    trees.entry(name.clone()).or_default().push(block.clone());
                }
                let page = Document {
                    blocks: vec![block],
                };
                all.push((format!("{name} {at}"), page_trip(&page)));
            }
        }
    }
    assert!(all.len() > 500);
    let none = BTreeSet::new();
    judge("recorded blocks", &all, &none);
    let lists: Vec<_> = trees
        .into_iter()
        .map(|(name, blocks)| (name, page_trip(&Document { blocks })))
        .collect();
    judge("recorded lists of blocks", &lists, &none);
}

#[test]
fn recorded_bodies_come_back() {
    let Some(root) = crate::notion_fixtures::fixtures() else {
        return;
    };
    let mut all = Vec::new();
    for (path, value) in json_files(&root.join("notion/markdown")) {
        let Some(body) = value["markdown"].as_str() else {
            continue;
        };
        let page = notion_markdown::parse(body, &limits::Limits::default()).unwrap();
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        all.push((name, page_trip(&page)));
    }
    assert!(all.len() >= 8);
    judge("recorded page bodies", &all, &BTreeSet::new());
}
