//! Webhooks that are lost, doubled and reordered change nothing but the moment.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{Method, Request};
use notion_sync_core::engine::Budget;
use notion_sync_examples::config::Config;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, World};
use notion_sync_examples::receiver;
use notion_sync_examples::secrets::Secrets;
use notion_sync_receiver::{Receiver, Source};
use notion_sync_testkit::webhook::{Channel, Delivery, GithubHook, NotionHook, Trouble};
use secrecy::SecretString;
use serde_json::json;

use crate::shown_support::{equal, settle};

const NOTION: &str = "secret_emulated";
const GITHUB: &str = "emulated";

/// A stage with both hooks, and a receiver over the store of its engine.
struct Hooked {
    stage: Stage,
    receiver: Receiver,
    notion: NotionHook,
    github: GithubHook,
    channel: Channel,
    /// How many rounds found something before any poll.
    early: usize,
}

impl Hooked {
    async fn new(trouble: Trouble, form: bool) -> Self {
        let mut stage = Stage::in_memory(World::small().unwrap(), Terms::default())
            .await
            .unwrap();
        settle(&mut stage).await;
        stage.pass(30);
        for number in stage.open_pulls().into_keys() {
            stage.merge("ada", number).unwrap();
        }
        settle(&mut stage).await;
        stage.pass(30);
        let store = stage.engine().await.unwrap().store().clone();
        let id = |name: &str| stage.notion().id(name).to_string();
        let config = format!(
            "[[documents]]\nname = \"handbook\"\ndata_source = \"{}\"\nrepository = \"acme/handbook\"\n\
             [[tasks]]\nname = \"backlog\"\ndata_source = \"{}\"\nrepository = \"{BACKLOG}\"\n",
            id("handbook-pages"),
            id("backlog-tasks")
        );
        let secrets = Secrets {
            notion_webhook: Some(SecretString::from(NOTION)),
            github_webhook: Some(SecretString::from(GITHUB)),
            ..Secrets::default()
        };
        let config = Config::parse(&config, "test").unwrap();
        let receiver = receiver::open(&config, &secrets, store, stage.clock.clone())
            .await
            .unwrap();
        let notion = NotionHook::subscribe(NOTION, &stage.notion());
        let github = GithubHook::add(GITHUB, form, &stage.github());
        Self {
            notion,
            github,
            channel: Channel::new(trouble, 7),
            receiver,
            early: 0,
            stage,
        }
    }

    async fn post(&self, delivery: Delivery) {
        let path = if delivery.headers.contains_key("x-github-event") {
            "/webhooks/github"
        } else {
            "/webhooks/notion"
        };
        let mut request = Request::new(Body::from(delivery.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().unwrap();
        *request.headers_mut() = delivery.headers;
        let status = self.receiver.handle(request).await.status();
        assert!(status.is_success(), "{status} to {}", delivery.id);
    }

    /// What happened is announced, as far as the channel lets it through; then the engine looks
    /// where it was told to, and at last a poll finds the rest.
    async fn round(&mut self) {
        let now = self.stage.now();
        let mut sent = self.notion.collect(&self.stage.notion(), now);
        sent.extend(self.github.collect(&self.stage.github(), now));
        for delivery in self.channel.carry(sent) {
            self.post(delivery).await;
        }
        let engine = self.stage.engine().await.unwrap();
        let tick = engine.tick(Budget::default()).await.unwrap();
        let hints: usize = tick.mappings.iter().map(|report| report.hints).sum();
        let found: usize = tick
            .mappings
            .iter()
            .flat_map(|report| report.found.values())
            .sum();
        if hints > 0 && found > 0 {
            self.early += 1;
        }
        settle(&mut self.stage).await;
        self.stage.pass(30);
        // Our own writes are announced too.
        let now = self.stage.now();
        let mut own = self.notion.collect(&self.stage.notion(), now);
        own.extend(self.github.collect(&self.stage.github(), now));
        for delivery in self.channel.carry(own) {
            self.post(delivery).await;
        }
    }

    /// A week of edits on both sides.
    async fn week(&mut self) {
        let stage = &self.stage;
        let release = stage.file("docs/releases.md").unwrap();
        let tuesday = release.replace("on Tuesdays", "on Wednesdays");
        stage
            .push("bob", "Move it", &[("docs/releases.md", Some(&tuesday))])
            .unwrap();
        let now = stage.now();
        stage
            .github()
            .retitle(BACKLOG, 1, "ada", "Darker mode", now)
            .unwrap();
        stage
            .github()
            .open_issue(BACKLOG, "bob", "Crash", Some("It crashes."), now)
            .unwrap();
        self.round().await;

        let stage = &self.stage;
        let page = stage.page("Releases").unwrap();
        let block = stage.block(page, "Nothing is released").unwrap();
        let task = stage.page("Login fails after password reset").unwrap();
        stage
            .in_notion("ada", |ada| {
                ada.edit_text(block, "Nothing is released on Mondays.")
            })
            .unwrap();
        stage
            .in_notion("bob", |bob| bob.set_property(task, "Status", json!("Done")))
            .unwrap();
        self.round().await;

        let stage = &self.stage;
        let task = stage.page("Crash").unwrap();
        stage
            .in_notion("ada", |ada| ada.rename(task, "Crash at start"))
            .unwrap();
        let file = stage.file("docs/releases.md").unwrap();
        let more = format!("{file}\nAsk Bob.\n");
        stage
            .push(
                "ada",
                "More",
                &[
                    ("docs/releases.md", Some(&more)),
                    ("docs/new.md", Some("# New\n\nText.\n")),
                ],
            )
            .unwrap();
        let now = stage.now();
        stage
            .github()
            .close(BACKLOG, 1, "bob", Some("completed"), now)
            .unwrap();
        self.round().await;
    }

    /// What both sides hold for people.
    fn held(&self) -> BTreeMap<String, String> {
        let stage = &self.stage;
        let mut out = BTreeMap::new();
        for (title, page) in stage.pages().into_iter().chain(stage.tasks()) {
            let notion = stage.notion();
            let status = notion
                .properties(page)
                .get("Status")
                .cloned()
                .unwrap_or_default();
            out.insert(
                format!("page {title}"),
                format!("{} {}", status["name"], notion.markdown(page)),
            );
        }
        for path in ["docs/releases.md", "docs/new.md"] {
            let text = stage.file(path).unwrap();
            let lines: Vec<&str> = text
                .lines()
                .filter(|line| !line.starts_with("notion_"))
                .collect();
            out.insert(format!("file {path}"), lines.join("\n"));
        }
        for issue in stage.issues().values() {
            let text = issue.body.clone().unwrap_or_default();
            let visible = text.split("-->").last().unwrap_or_default().to_owned();
            let text = visible.split("[Open in Notion]").next().unwrap_or_default();
            out.insert(
                format!("issue {}", issue.title),
                format!(
                    "{} {:?} {:?} {text}",
                    issue.open, issue.labels, issue.assignees
                ),
            );
        }
        out
    }
}

async fn after(trouble: Trouble, form: bool) -> (BTreeMap<String, String>, Hooked) {
    let mut hooked = Hooked::new(trouble, form).await;
    hooked.week().await;
    equal(&mut hooked.stage).await;
    (hooked.held(), hooked)
}

#[tokio::test]
async fn lost_doubled_and_reordered_webhooks_end_in_the_same_state() {
    let (alone, polled) = after(Trouble::ALL_LOST, false).await;
    assert_eq!(polled.early, 0);
    let served = polled.receiver.metrics();
    for source in Source::ALL {
        assert_eq!(served.deliveries(source, "accepted"), 0);
    }
    assert!(
        alone["page Releases"].contains("on Wednesdays"),
        "{alone:#?}"
    );
    assert!(
        alone["file docs/releases.md"].contains("on Mondays"),
        "{alone:#?}"
    );
    assert!(alone.contains_key("issue Crash at start") && alone.contains_key("page Darker mode"));
    for (trouble, form) in [
        (Trouble::default(), false),
        (Trouble::ALL_DOUBLED, true),
        (Trouble::ALL_REORDERED, false),
        (
            Trouble {
                lost: 300,
                doubled: 300,
                reordered: true,
                late: 300,
            },
            true,
        ),
    ] {
        let (held, hooked) = after(trouble, form).await;
        assert_eq!(held, alone, "{trouble:?}");
        let served = hooked.receiver.metrics();
        assert!(
            served.deliveries(Source::Github, "accepted") > 0,
            "{trouble:?}"
        );
        assert!(
            served.deliveries(Source::Notion, "accepted") > 0,
            "{trouble:?}"
        );
        assert!(
            hooked.early > 0,
            "{trouble:?} announced nothing before the poll"
        );
        if trouble == Trouble::ALL_DOUBLED {
            let repeated = served.deliveries(Source::Github, "repeated");
            assert!(repeated >= served.deliveries(Source::Github, "accepted"));
        }
    }
}
