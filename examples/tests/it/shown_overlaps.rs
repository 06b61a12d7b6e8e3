//! People who edit in the moment between the look that precedes a write and the write: on Notion, where no write is
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
use notion_sync_notion::webhook::{Delivery as Received, NotionWebhook};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::emulator::EmulatorBounds;
use notion_sync_testkit::notion::NotionId;
use notion_sync_testkit::webhook::{Delivery, NotionHook};
use secrecy::SecretString;

use crate::shown_support::{full, settle};

const TOKEN: &str = "secret_emulated";

/// What somebody writes when the next write to Notion begins.
#[derive(Debug, Clone)]
enum Gesture {
    Title(NotionId, String),
    Text(NotionId, String),
}

/// Who waits for the next write.
#[derive(Debug, Default)]
struct Ambush {
    stage: Mutex<Option<(Services, Arc<VirtualClock>, NotionHook)>>,
    gesture: Mutex<Option<Gesture>>,
    announced: Mutex<Vec<Delivery>>,
}

impl Ambush {
    fn strike(&self, request: &Request) {
        let path = request.uri().path();
        let mut next = self.gesture.lock().unwrap();
        let fits = match &*next {
            Some(Gesture::Title(..)) => path.starts_with("/v1/pages/"),
            Some(Gesture::Text(..)) => path.starts_with("/v1/blocks/"),
            None => false,
        };
        if !fits || request.method() != Method::PATCH {
            return;
        }
        let mut stage = self.stage.lock().unwrap();
        let (services, clock, hook) = stage.as_mut().unwrap();
        let mut notion = services.notion.lock().unwrap();
        let mut ada = notion.person("ada", clock.now()).unwrap();
        match next.take().unwrap() {
            Gesture::Title(page, title) => ada.rename(page, &title).unwrap(),
            Gesture::Text(block, text) => ada.edit_text(block, &text).unwrap(),
        }
        let told = hook.collect(&notion, clock.now());
        self.announced.lock().unwrap().extend(told);
    }
}

#[derive(Debug)]
struct Lurking(Arc<Ambush>);

impl Between for Lurking {
    fn way(&self, side: Side, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
        match side {
            Side::Notion => Arc::new(Way(self.0.clone(), inner)),
            Side::Github => inner,
        }
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
    hook: NotionWebhook,
}

impl Scene {
    async fn new() -> Self {
        let ambush = Arc::new(Ambush::default());
        let terms = Terms {
            documents: Some(Policy::GithubWins),
            tasks: Some(Policy::GithubWins),
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
        let hook = NotionHook::subscribe(TOKEN, &stage.notion());
        *ambush.stage.lock().unwrap() = Some((stage.services.clone(), stage.clock.clone(), hook));
        Self {
            stage,
            ambush,
            hook: NotionWebhook::new([SecretString::from(TOKEN)]),
        }
    }

    /// What was announced on the way, and what is new by now, arrives; the engine looks at it.
    async fn deliver(&mut self) {
        let mut arrived = std::mem::take(&mut *self.ambush.announced.lock().unwrap());
        {
            let mut stage = self.ambush.stage.lock().unwrap();
            let (services, clock, hook) = stage.as_mut().unwrap();
            arrived.extend(hook.collect(&services.notion.lock().unwrap(), clock.now()));
        }
        let now = self.stage.now();
        let engine = self.stage.engine().await.unwrap();
        for delivery in arrived {
            let received = self.hook.receive(&delivery.headers, &delivery.body, now);
            let Received::Event(event) = received.unwrap() else {
                panic!("no event");
            };
            if let Some(change) = event.change(now) {
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

    /// Whether a word is anywhere on a page or in what an open conflict holds.
    async fn is_kept(&mut self, page: NotionId, word: &str) -> bool {
        let text = {
            let notion = self.stage.notion();
            format!("{} {}", notion.page(page).unwrap(), notion.markdown(page))
        };
        let conflicts = self.stage.records().await.unwrap();
        let conflicts = conflicts
            .iter()
            .flat_map(|record| record.conflicts.values());
        text.contains(word)
            || conflicts
                .map(|one| &one.notion_text)
                .any(|text| text.contains(word))
    }
}

#[tokio::test]
async fn shown_overlaps_edits_that_a_write_replaced_are_told_of() {
    let rounds = if full() { 100 } else { 10 };
    let mut scene = Scene::new().await;
    let task = scene.stage.page("Dark mode").unwrap();
    let document = scene.stage.page("Releases").unwrap();
    let (mut lost, mut told_of_lost) = (0, 0);
    for round in 0..rounds {
        let told = scene.told().await;
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
        settle(&mut scene.stage).await;
        assert!(
            scene.ambush.gesture.lock().unwrap().is_none(),
            "nothing was written in round {round}"
        );
        scene.deliver().await;
        settle(&mut scene.stage).await;
        if !scene.is_kept(page, &word).await {
            lost += 1;
            told_of_lost += usize::from(scene.told().await > told);
        }
        scene.stage.pass(30);
    }
    println!(
        "{rounds} edits right before a write: {lost} replaced, {told_of_lost} of these told of"
    );
    assert!(
        lost * 2 > rounds,
        "hardly any edit was replaced: nothing is shown"
    );
    assert_eq!(told_of_lost, lost);
}

#[tokio::test]
async fn shown_overlaps_nothing_is_told_of_edits_at_other_times() {
    let mut scene = Scene::new().await;
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
