//! People who edit in the moment between the look that precedes a write and the write: of pages and issues no write is
//! conditional, their words are replaced. A webhook says that they were there, and the audit must say so too.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::Method;
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::clock::{Clock as _, VirtualClock};
use notion_sync_core::engine::Budget;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::Side;
use notion_sync_core::mapping::Policy;
use notion_sync_core::state::State;
use notion_sync_examples::demo::{Between, Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, Services, World};
use notion_sync_github::webhook::GithubWebhook;
use notion_sync_notion::webhook::{Delivery as Received, NotionWebhook};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::emulator::EmulatorBounds;
use notion_sync_testkit::notion::NotionId;
use notion_sync_testkit::webhook::{Delivery, GithubHook, NotionHook};
use secrecy::SecretString;

use crate::shown_support::{full, settle};

const TOKEN: &str = "secret_emulated";

/// What somebody writes when the next write of the same begins.
#[derive(Debug, Clone)]
enum Gesture {
    Title(NotionId, String),
    Text(NotionId, String),
    IssueTitle(String),
    /// A word of the body of the issue, and what is written in its place.
    IssueText(String, String),
}

/// The issue that people edit.
const ISSUE: u64 = 1;

/// The hooks of both services, and what they announced.
#[derive(Debug)]
struct Hooks {
    services: Services,
    clock: Arc<VirtualClock>,
    notion: NotionHook,
    github: GithubHook,
    announced: Vec<(Side, Delivery)>,
}

impl Hooks {
    fn collect(&mut self) {
        let now = self.clock.now();
        let told = self
            .notion
            .collect(&self.services.notion.lock().unwrap(), now);
        self.announced
            .extend(told.into_iter().map(|one| (Side::Notion, one)));
        let told = self
            .github
            .collect(&self.services.github.lock().unwrap(), now);
        self.announced
            .extend(told.into_iter().map(|one| (Side::Github, one)));
    }

    fn act(&self, gesture: Gesture) {
        let now = self.clock.now();
        let mut notion = self.services.notion.lock().unwrap();
        let mut ada = notion.person("ada", now).unwrap();
        let mut github = self.services.github.lock().unwrap();
        match gesture {
            Gesture::Title(page, title) => ada.rename(page, &title).unwrap(),
            Gesture::Text(block, text) => ada.edit_text(block, &text).unwrap(),
            Gesture::IssueTitle(title) => {
                github.retitle(BACKLOG, ISSUE, "bob", &title, now).unwrap();
            }
            Gesture::IssueText(word, other) => {
                let body = github.issue(BACKLOG, ISSUE).unwrap().body.unwrap();
                assert!(body.contains(&word), "{word} is not in {body}");
                let body = body.replace(&word, &other);
                github
                    .rewrite(BACKLOG, ISSUE, "bob", Some(&body), now)
                    .unwrap();
            }
        }
    }
}

/// Who waits for the next write.
#[derive(Debug, Default)]
struct Ambush {
    hooks: Mutex<Option<Hooks>>,
    gesture: Mutex<Option<Gesture>>,
}

impl Ambush {
    fn strike(&self, request: &Request) {
        let path = request.uri().path();
        let mut next = self.gesture.lock().unwrap();
        let fits = match &*next {
            Some(Gesture::Title(..)) => path.starts_with("/v1/pages/"),
            Some(Gesture::Text(..)) => path.starts_with("/v1/blocks/"),
            Some(Gesture::IssueTitle(_) | Gesture::IssueText(..)) => path.ends_with("/issues/1"),
            None => false,
        };
        if !fits || request.method() != Method::PATCH {
            return;
        }
        let mut hooks = self.hooks.lock().unwrap();
        let hooks = hooks.as_mut().unwrap();
        hooks.collect();
        hooks.act(next.take().unwrap());
        hooks.collect();
    }
}

#[derive(Debug)]
struct Lurking(Arc<Ambush>);

impl Between for Lurking {
    fn way(&self, _: Side, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
        Arc::new(Way(self.0.clone(), inner))
    }
}

#[derive(Debug)]
struct Way(Arc<Ambush>, Arc<dyn HttpSend>);

#[async_trait]
impl HttpSend for Way {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        self.0.strike(&request);
        self.1.send(request).await
    }
}

struct Scene {
    stage: Stage,
    ambush: Arc<Ambush>,
    notion: NotionWebhook,
    github: GithubWebhook,
}

impl Scene {
    async fn new(policy: Policy) -> Self {
        let ambush = Arc::new(Ambush::default());
        let terms = Terms {
            documents: Some(policy),
            tasks: Some(policy),
            ..Terms::default()
        };
        let mut stage = Stage::around(
            World::small().unwrap(),
            terms,
            EmulatorBounds::notion(),
            Arc::new(MemoryStore::new()),
            Arc::new(Lurking(ambush.clone())),
        )
        .unwrap();
        settle(&mut stage).await;
        stage.pass(30);
        for number in stage.open_pulls().into_keys() {
            stage.merge("ada", number).unwrap();
        }
        settle(&mut stage).await;
        stage.pass(30);
        let hooks = Hooks {
            services: stage.services.clone(),
            clock: stage.clock.clone(),
            notion: NotionHook::subscribe(TOKEN, &stage.notion()),
            github: GithubHook::add(TOKEN, false, &stage.github()),
            announced: Vec::new(),
        };
        *ambush.hooks.lock().unwrap() = Some(hooks);
        Self {
            stage,
            ambush,
            notion: NotionWebhook::new([SecretString::from(TOKEN)]),
            github: GithubWebhook::new([SecretString::from(TOKEN)]),
        }
    }

    /// What was announced on the way, and what is new by now, arrives; the engine looks at it.
    async fn deliver(&mut self) {
        let arrived = {
            let mut hooks = self.ambush.hooks.lock().unwrap();
            let hooks = hooks.as_mut().unwrap();
            hooks.collect();
            std::mem::take(&mut hooks.announced)
        };
        let now = self.stage.now();
        let engine = self.stage.engine().await.unwrap();
        for (side, delivery) in arrived {
            let change = match side {
                Side::Notion => {
                    let received = self.notion.receive(&delivery.headers, &delivery.body, now);
                    let Received::Event(event) = received.unwrap() else {
                        panic!("no event");
                    };
                    event.change(now)
                }
                Side::Github => {
                    let received = self.github.receive(&delivery.headers, &delivery.body);
                    received.unwrap().change(now)
                }
            };
            if let Some(change) = change {
                engine.ingest(change).await.unwrap();
            }
        }
        engine.tick(Budget::default()).await.unwrap();
    }

    /// How many edits are told of as possibly gone.
    async fn told(&mut self) -> usize {
        let store = self.stage.engine().await.unwrap().store().clone();
        let rows = State::new(&*store).audit(None).await.unwrap();
        rows.iter()
            .filter(|row| row.event == AuditEvent::Overlap)
            .count()
    }

    /// What was written in the moment of a write is gone or not, and told of or not.
    async fn end_of_round(&mut self, page: NotionId, word: &str, toll: &mut Toll) {
        let told = self.told().await;
        settle(&mut self.stage).await;
        assert!(
            self.ambush.gesture.lock().unwrap().is_none(),
            "nothing was written in the round of {word}"
        );
        self.deliver().await;
        settle(&mut self.stage).await;
        toll.rounds += 1;
        if !self.is_kept(page, word).await {
            toll.lost += 1;
            toll.told += usize::from(self.told().await > told);
        }
        self.stage.pass(30);
    }

    /// Whether a word is anywhere on a page, in the issue, or in what an open conflict holds.
    async fn is_kept(&mut self, page: NotionId, word: &str) -> bool {
        let mut text = {
            let notion = self.stage.notion();
            format!("{} {}", notion.page(page).unwrap(), notion.markdown(page))
        };
        let issue = self.stage.github().issue(BACKLOG, ISSUE).unwrap();
        text.push_str(&issue.title);
        text.push_str(&issue.body.unwrap_or_default());
        let conflicts = self.stage.records().await.unwrap();
        let conflicts = conflicts
            .iter()
            .flat_map(|record| record.conflicts.values());
        text.contains(word)
            || conflicts
                .flat_map(|one| [&one.notion_text, &one.github_text])
                .any(|text| text.contains(word))
    }
}

/// How many edits a write replaced, and of how many of these the audit tells.
#[derive(Default)]
struct Toll {
    rounds: usize,
    lost: usize,
    told: usize,
}

impl Toll {
    fn is_all_told(&self) {
        let Self { rounds, lost, told } = *self;
        println!("{rounds} edits right before a write: {lost} replaced, {told} of these told of");
        assert!(
            lost * 2 > rounds,
            "hardly any edit was replaced: nothing is shown"
        );
        assert_eq!(told, lost);
    }
}

#[tokio::test]
async fn shown_overlaps_edits_that_a_write_replaced_are_told_of() {
    let rounds = if full() { 100 } else { 10 };
    let mut scene = Scene::new(Policy::GithubWins).await;
    let task = scene.stage.page("Dark mode").unwrap();
    let document = scene.stage.page("Releases").unwrap();
    let mut toll = Toll::default();
    for round in 0..rounds {
        let word = format!("human{round}x");
        let now = scene.stage.now();
        let page = if round % 2 == 0 {
            let github = &mut scene.stage.github();
            github
                .retitle(BACKLOG, 1, "bob", &format!("Mode {round}"), now)
                .unwrap();
            let title = Gesture::Title(task, format!("Dark {word}"));
            *scene.ambush.gesture.lock().unwrap() = Some(title);
            task
        } else {
            let text = scene.stage.file("docs/releases.md").unwrap();
            let line = text
                .lines()
                .find(|line| line.starts_with("Nothing"))
                .unwrap();
            let other = text.replace(line, &format!("Nothing is released in week {round}."));
            let block = scene.stage.block(document, "Nothing").unwrap();
            let gesture = Gesture::Text(block, format!("Nothing but {word}."));
            *scene.ambush.gesture.lock().unwrap() = Some(gesture);
            scene
                .stage
                .push("bob", "Say when", &[("docs/releases.md", Some(&other))])
                .unwrap();
            document
        };
        scene.end_of_round(page, &word, &mut toll).await;
    }
    toll.is_all_told();
}

#[tokio::test]
async fn shown_overlaps_edits_of_issues_that_a_write_replaced_are_told_of() {
    let rounds = if full() { 100 } else { 10 };
    let mut scene = Scene::new(Policy::NotionWins).await;
    let task = scene.stage.page("Dark mode").unwrap();
    let mut toll = Toll::default();
    let text = |round| format!("said{round}y");
    let first = scene.stage.block(task, "").unwrap();
    scene
        .stage
        .in_notion("ada", |ada| ada.edit_text(first, &text(0)))
        .unwrap();
    settle(&mut scene.stage).await;
    scene.stage.pass(30);
    for round in 1..=rounds {
        let word = format!("human{round}x");
        let gesture = match round % 2 {
            0 => Gesture::IssueTitle(format!("Dark {word}")),
            _ => Gesture::IssueText(text(round - 1), format!("Nothing but {word}")),
        };
        *scene.ambush.gesture.lock().unwrap() = Some(gesture);
        scene
            .stage
            .in_notion("ada", |ada| {
                if round % 2 == 0 {
                    ada.rename(task, &format!("Mode {round}"))?;
                }
                ada.edit_text(first, &text(round))
            })
            .unwrap();
        scene.end_of_round(task, &word, &mut toll).await;
    }
    toll.is_all_told();
}

#[tokio::test]
async fn shown_overlaps_nothing_is_told_of_edits_at_other_times() {
    let mut scene = Scene::new(Policy::GithubWins).await;
    let task = scene.stage.page("Dark mode").unwrap();
    for round in 0..10 {
        let now = scene.stage.now();
        scene
            .stage
            .github()
            .retitle(BACKLOG, 1, "bob", &format!("Mode {round}"), now)
            .unwrap();
        settle(&mut scene.stage).await;
        scene.stage.pass(30);
        let title = format!("Dark {round}");
        scene
            .stage
            .in_notion("ada", |ada| ada.rename(task, &title))
            .unwrap();
        scene.deliver().await;
        settle(&mut scene.stage).await;
        scene.stage.pass(30);
        scene.deliver().await;
    }
    assert_eq!(scene.told().await, 0);
}
