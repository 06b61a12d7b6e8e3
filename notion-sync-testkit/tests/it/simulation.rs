//! What an embedder does with the simulation: a world with a mapping of his own between the model sides,
//! seeds of it, and faults planted in it that the seeds must notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use notion_sync_core::Result;
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::document::{Block, BlockKind, Document, RichText};
use notion_sync_core::engine::{Binding, Engine};
use notion_sync_core::http::Request;
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::mapping::{
    Direction, FieldKind, FieldMap, Guard, Mapping, MappingKind, People, Policy,
};
use notion_sync_core::remote::{
    Abilities, Ack, Action, ListRequest, Listing, Remote, Schema, Trace, Write, WriteKind,
};
use notion_sync_core::snapshot::Snapshot;
use notion_sync_core::store::{Change, Hit, Item, Query, Store, Table};
use notion_sync_core::value::Value;
use notion_sync_store::MemoryStore;
use notion_sync_testkit::model::{ModelPages, ModelRepository};
use notion_sync_testkit::simulation::properties::Text;
use notion_sync_testkit::simulation::{
    Act, How, Ledger, MARKERS, Parts, Play, Season, Simulation, Stream, World, origin, origins,
    play_all, shrink, tell,
};

use super::simulation_http::{Posted, Service, page_of};

/// What is wrong with a shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// Nothing; pages are asked for over HTTP.
    OverHttp,
    /// Each third page that is made is made twice.
    Doubled,
    /// Each third change of a page is answered, and not made.
    Unmade,
    /// Of some commits a part is lost.
    Torn,
}

/// A shop whose orders are pages and issues.
#[derive(Debug)]
struct Shop {
    pages: ModelPages,
    repo: ModelRepository,
    store: Arc<dyn Store>,
    policy: Policy,
    planted: Planted,
}

fn shop(planted: Planted) -> impl Fn(u64, Arc<VirtualClock>) -> Shop + Sync {
    move |seed, clock| {
        let kept: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let policies = [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins];
        Shop {
            pages: ModelPages::new(
                clock.clone(),
                &[("state", "status"), ("labels", "multi_select")],
            ),
            repo: ModelRepository::issues(clock),
            store: match planted {
                Planted::Torn => Arc::new(Torn {
                    inner: kept,
                    commits: AtomicUsize::new(0),
                }),
                _ => kept,
            },
            policy: *Stream::new(seed, "policy").of(&policies),
            planted,
        }
    }
}

fn mapping(policy: Policy) -> Mapping {
    let pairs = |list: &[(&str, &str)]| {
        let owned = list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        owned.collect()
    };
    let field = |id: &str, kind| FieldMap {
        id: id.into(),
        notion: id.to_owned(),
        github: id.to_owned(),
        kind,
        direction: Direction::Both,
    };
    Mapping {
        id: "orders".into(),
        kind: MappingKind::Tasks,
        policy,
        deliver: Default::default(),
        delete_by_proposal: true,
        delete_beats_edit: false,
        adopt_by_key: false,
        file_marker: Default::default(),
        path_policy: Default::default(),
        path: Default::default(),
        reviewers: Vec::new(),
        fields: vec![
            field(
                "state",
                FieldKind::Class {
                    classes: pairs(&[("Open", "open"), ("Sent", "closed")]),
                    preferred: pairs(&[("open", "Open"), ("closed", "Sent")]),
                },
            ),
            field("labels", FieldKind::Set),
        ],
        links: Default::default(),
        rules: Vec::new(),
        create_when: None,
        keep_below: Default::default(),
        drift_status: false,
        notes: Default::default(),
        comments: None,
        sentinel: Default::default(),
        limits: Default::default(),
    }
}

fn page(id: &str) -> RemoteRef {
    RemoteRef::new("notion", "page", id)
}

fn issue(number: u32) -> RemoteRef {
    RemoteRef::new("github", "issue", number.to_string())
}

fn said(value: &Value) -> String {
    value.elements().into_iter().collect::<Vec<_>>().join(" ")
}

/// One label more.
fn labelled(value: &Value, word: String) -> Value {
    let mut labels = value.elements();
    labels.insert(word);
    Value::set(labels)
}

fn plain(block: &Block) -> String {
    block
        .kind
        .text()
        .map(RichText::to_plain)
        .unwrap_or_default()
}

impl Shop {
    fn in_notion(&self, act: &Act, ledger: &mut Ledger) -> Option<String> {
        let (mut random, word) = (act.random(), act.word());
        let pages = self.pages.live();
        if pages.is_empty() || random.chance(15) {
            let lines = [format!("Order {}.", origin(act.token)), "Nothing.".into()];
            let blocks = lines.iter().map(|line| Block::paragraph(line.as_str()));
            let body = Document {
                blocks: blocks.collect(),
            };
            let id = self.pages.create(&format!("Order {word}"), body);
            ledger.born(act.token, &page(&id).to_string());
            return Some(format!("page {id} is made"));
        }
        let id = random.of(&pages).clone();
        ledger.born(act.token, &page(&id).to_string());
        if random.chance(20) {
            let labels = labelled(&self.pages.field(&id, "labels"), word.clone());
            self.pages.set(&id, "labels", labels);
            return Some(format!("page {id} has the label {word}"));
        }
        if random.chance(30) {
            let new = format!("Named {word}");
            ledger.replaced(&said(&self.pages.field(&id, "title")), &new);
            self.pages.set(&id, "title", Value::text(&new));
            return Some(format!("page {id} is named {word}"));
        }
        let new = format!("Line {word}.");
        self.pages.edit_body(&id, |body| {
            let old = body.blocks.last_mut().filter(|_| random.chance(60));
            match old.filter(|block| origins(&plain(block)).is_empty()) {
                Some(block) => {
                    ledger.replaced(&plain(block), &new);
                    if let BlockKind::Paragraph { text, .. } = &mut block.kind {
                        *text = RichText::plain(new.as_str());
                    }
                }
                None => body.blocks.push(Block::paragraph(new.as_str())),
            }
        });
        Some(format!("page {id} says {word}"))
    }

    fn on_github(&self, act: &Act, ledger: &mut Ledger) -> Option<String> {
        let (mut random, word) = (act.random(), act.word());
        let numbers = self.repo.numbers();
        if numbers.is_empty() || random.chance(15) {
            let text = format!("Order {}.\n\nNothing.\n", origin(act.token));
            let number = self.repo.open_issue(&format!("Order {word}"), &text);
            ledger.born(act.token, &issue(number).to_string());
            return Some(format!("issue {number} is opened"));
        }
        let number = *random.of(&numbers);
        ledger.born(act.token, &issue(number).to_string());
        if random.chance(20) {
            let labels = labelled(&self.repo.issue(number, "labels"), word.clone());
            self.repo.set_issue(number, "labels", labels);
            return Some(format!("issue {number} has the label {word}"));
        }
        if random.chance(30) {
            let new = format!("Named {word}");
            ledger.replaced(&said(&self.repo.issue(number, "title")), &new);
            self.repo.set_issue(number, "title", Value::text(&new));
            return Some(format!("issue {number} is named {word}"));
        }
        let old = self.repo.issue_text(number);
        let mut parts: Vec<&str> = old.trim_end().split("\n\n").collect();
        let new = format!("Line {word}.");
        match parts.last_mut().filter(|_| random.chance(60)) {
            Some(last) if origins(last).is_empty() => *last = &new,
            _ => parts.push(&new),
        }
        let text = format!("{}\n", parts.join("\n\n"));
        ledger.replaced(&old, &text);
        self.repo.set_issue_text(number, &text);
        Some(format!("issue {number} says {word}"))
    }
}

impl World for Shop {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn engine(&self, parts: &Parts) -> Result<Engine> {
        let pages: Arc<dyn Remote> = match self.planted {
            Planted::OverHttp => {
                let service = Service::new(self.pages.clone());
                let way = parts.way(Side::Notion, service.clone());
                Arc::new(Posted::new(service, way, parts.clock()))
            }
            Planted::Doubled | Planted::Unmade => Arc::new(Sloppy {
                inner: self.pages.clone(),
                planted: self.planted,
                writes: AtomicUsize::new(0),
            }),
            _ => Arc::new(self.pages.clone()),
        };
        let notion = match self.planted {
            // What it sends fails on its way already.
            Planted::OverHttp => pages,
            _ => parts.remote(pages),
        };
        let engine = Engine::new(parts.store(), parts.clock()).with_decisions(3);
        let guard = Guard {
            removals: 100,
            edits: 100,
            ..Guard::default()
        };
        Ok(engine.with_guard(guard).with_mapping(Binding {
            mapping: mapping(self.policy),
            notion,
            github: parts.remote(Arc::new(self.repo.clone())),
            people: People::default(),
        }))
    }

    fn act(&self, act: &Act, ledger: &mut Ledger) -> Option<String> {
        match act.side {
            Side::Notion => self.in_notion(act, ledger),
            Side::Github => self.on_github(act, ledger),
        }
    }

    fn object(&self, _: Side, request: &Request) -> Option<RemoteRef> {
        page_of(request)
    }

    fn texts(&self) -> Vec<Text> {
        let pages = self.pages.live().into_iter().map(|id| {
            let fields = ["title", "labels"].map(|key| said(&self.pages.field(&id, key)));
            let body: Vec<String> = self.pages.body(&id).blocks.iter().map(plain).collect();
            Text {
                side: Side::Notion,
                object: page(&id),
                text: format!("{}\n{}", fields.join("\n"), body.join("\n")),
            }
        });
        let issues = self.repo.numbers().into_iter().map(|number| {
            let fields = ["title", "labels"].map(|key| said(&self.repo.issue(number, key)));
            Text {
                side: Side::Github,
                object: issue(number),
                text: format!("{}\n{}", fields.join("\n"), self.repo.issue_text(number)),
            }
        });
        pages.chain(issues).collect()
    }
}

#[test]
fn seeds_of_an_own_world_hold() {
    let season = Season {
        jobs: 2,
        ..Season::of(51..101)
    };
    let worlds = Simulation::new(shop(Planted::Nothing));
    let tally = play_all(&worlds, &season, &mut |_, _| {});
    if let Some((seed, failure)) = tally.failures.first() {
        panic!("{}", tell(&worlds, *seed, failure));
    }
    assert_eq!((tally.seeds, tally.repeated), (50, 1));
    assert_eq!(tally.missing(&MARKERS), Vec::<&str>::new());
    assert!(tally.counts.contains_key("parked"), "{:?}", tally.counts);
}

#[test]
fn seeds_of_an_adapter_over_http_hold() {
    let worlds = Simulation::new(shop(Planted::OverHttp));
    let tally = play_all(&worlds, &Season::of(1..31), &mut |_, _| {});
    if let Some((seed, failure)) = tally.failures.first() {
        panic!("{}", tell(&worlds, *seed, failure));
    }
    let must = [
        "limited",
        "dropped after",
        "5xx after",
        "crashed after a write",
    ];
    assert_eq!(tally.missing(&must), Vec::<&str>::new());
}

#[test]
fn the_canary_fails_and_shrinks_to_nothing() {
    let worlds = Simulation::new(shop(Planted::Nothing));
    let season = Season {
        canary: true,
        ..Season::of(5..9)
    };
    let mut told = Vec::new();
    let tally = play_all(&worlds, &season, &mut |seed, failure| {
        told.push((seed, failure.property));
    });
    assert_eq!(told, [(5, "canary")]);
    assert_eq!((tally.seeds, tally.repeated), (1, 1));
    let how = How {
        canary: true,
        ..How::default()
    };
    let (script, run) = shrink(&worlds, worlds.script(5), how, "canary");
    assert!(script.steps.is_empty(), "{script:?}");
    assert!(!run.lines.is_empty());
}

#[test]
fn a_page_that_is_made_twice_is_noticed() {
    let worlds = Simulation::new(shop(Planted::Doubled));
    let tally = play_all(&worlds, &Season::of(1..21), &mut |_, _| {});
    let (seed, failure) = tally.failures.first().expect("a seed fails");
    assert_eq!(failure.property, "P11", "{seed}: {failure:?}");
    let told = tell(&worlds, *seed, failure);
    assert!(told.starts_with(&format!("SEED={seed}\nP11: ")), "{told}");
    assert!(told.contains("what happens:\n"), "{told}");
    assert!(told.contains("Notion create "), "{told}");
}

#[test]
fn a_change_that_is_not_made_is_noticed() {
    let worlds = Simulation::new(shop(Planted::Unmade));
    let tally = play_all(&worlds, &Season::of(1..21), &mut |_, _| {});
    let (seed, failure) = tally.failures.first().expect("a seed fails");
    assert_eq!(failure.property, "P02", "{seed}: {failure:?}");
}

#[test]
fn a_commit_that_is_stored_in_part_is_noticed() {
    let worlds = Simulation::new(shop(Planted::Torn));
    let tally = play_all(&worlds, &Season::of(1..21), &mut |_, _| {});
    let (seed, failure) = tally.failures.first().expect("a seed fails");
    assert_eq!(failure.property, "P14", "{seed}: {failure:?}");
}

#[test]
fn the_same_seed_goes_the_same_way_on_any_number_of_threads() {
    let worlds = Simulation::new(shop(Planted::Nothing));
    let digests = [1, 3].map(|jobs| {
        let season = Season {
            jobs,
            ..Season::of(1..9)
        };
        play_all(&worlds, &season, &mut |_, _| {}).digest()
    });
    assert_eq!(digests[0], digests[1]);
    let other = play_all(&worlds, &Season::of(2..10), &mut |_, _| {});
    assert_ne!(digests[0], other.digest());
}

/// Pages that are written carelessly.
#[derive(Debug)]
struct Sloppy {
    inner: ModelPages,
    planted: Planted,
    writes: AtomicUsize,
}

#[async_trait]
impl Remote for Sloppy {
    fn side(&self) -> Side {
        self.inner.side()
    }

    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn schema(&self) -> Result<Schema> {
        self.inner.schema().await
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        self.inner.list(request).await
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        self.inner.read(object, content).await
    }

    fn group(&self, action: &Action) -> Option<String> {
        self.inner.group(action)
    }

    fn kind(&self, action: &Action) -> WriteKind {
        self.inner.kind(action)
    }

    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        let here = |action: &Action| match self.planted {
            Planted::Doubled => matches!(action, Action::Create(_)),
            _ => matches!(action, Action::Update(_)),
        };
        let strikes = batch.iter().any(|write| here(&write.action))
            && self.writes.fetch_add(1, Ordering::Relaxed) % 3 == 2;
        match self.planted {
            Planted::Doubled if strikes => {
                let _ = self.inner.write(batch).await;
            }
            Planted::Unmade if strikes => {
                return batch.iter().map(|_| Ok(Ack::default())).collect();
            }
            _ => {}
        }
        self.inner.write(batch).await
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        self.inner.trace(batch, sent_at).await
    }
}

/// A store that does not store the audit of each tenth commit that has one.
#[derive(Debug)]
struct Torn {
    inner: Arc<dyn Store>,
    commits: AtomicUsize,
}

fn is_audit(change: &Change) -> bool {
    matches!(
        change,
        Change::Put {
            table: Table::Audit,
            ..
        }
    )
}

#[async_trait]
impl Store for Torn {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        self.inner.get(table, key).await
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.inner.get_many(table, keys).await
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.inner.query(query).await
    }

    async fn commit(&self, mut changes: Vec<Change>) -> Result<()> {
        let audit = changes.iter().any(is_audit);
        if audit && self.commits.fetch_add(1, Ordering::Relaxed) % 10 == 9 {
            changes.retain(|change| !is_audit(change));
        }
        self.inner.commit(changes).await
    }
}
