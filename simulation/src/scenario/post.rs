//! Webhooks of both services, on a way that loses, doubles, delays and reorders them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use notion_sync_core::event::{ChangeEvent, Detected, EVENT_VERSION};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::webhook::Refusal;
use notion_sync_examples::demo::Stage;
use notion_sync_github::webhook::GithubWebhook;
use notion_sync_notion::webhook::{Delivery, NotionWebhook};
use notion_sync_testkit::simulation::Failure;
use notion_sync_testkit::webhook::{Channel, GithubHook, NotionHook, Trouble};

/// The secret of both hooks.
const SECRET: &str = "emulated";

/// Carries webhooks.
#[derive(Debug)]
pub(super) struct Post {
    notion: NotionHook,
    github: GithubHook,
    channel: Channel,
    seen_by: (NotionWebhook, GithubWebhook),
}

fn refused(refusal: &Refusal) -> Failure {
    Failure::new("harness", format!("a delivery was refused: {refusal}"))
}

impl Post {
    /// Both hooks are there from now on.
    pub(super) fn new(trouble: Trouble, seed: u64, stage: &Stage) -> Self {
        Self {
            notion: NotionHook::subscribe(SECRET, &stage.notion()),
            github: GithubHook::add(SECRET, seed.is_multiple_of(2), &stage.github()),
            channel: Channel::new(trouble, seed),
            seen_by: (
                NotionWebhook::new([SECRET.into()]),
                GithubWebhook::new([SECRET.into()]),
            ),
        }
    }

    /// What arrives of all that happened since the last call, as the hints that it gives.
    pub(super) fn collect(&mut self, stage: &Stage) -> Result<Vec<ChangeEvent>, Failure> {
        let now = stage.now();
        let mut sent = self.notion.collect(&stage.notion(), now);
        sent.extend(self.github.collect(&stage.github(), now));
        let (notion, github) = &self.seen_by;
        let mut hints = Vec::new();
        for delivery in self.channel.carry(sent) {
            let (headers, body) = (&delivery.headers, &delivery.body);
            hints.extend(if headers.contains_key("x-github-event") {
                let received = github.receive(headers, body);
                received.map_err(|error| refused(&error))?.change(now)
            } else {
                match notion.receive(headers, body, now) {
                    Ok(Delivery::Event(event)) => event.change(now),
                    Ok(Delivery::Handshake(_)) => None,
                    // The way is slower than what a receiver takes.
                    Err(Refusal::Stale) => None,
                    Err(error) => return Err(refused(&error)),
                }
            });
        }
        Ok(hints)
    }
}

/// Hints that name what does not exist.
pub(super) fn forged(number: u32, now: DateTime<Utc>) -> Vec<ChangeEvent> {
    let hint = |side, kind: &str, id: String| ChangeEvent {
        version: EVENT_VERSION,
        id: format!("forged-{number}-{kind}-{}", now.timestamp_millis()),
        side,
        mapping: None,
        detected: Detected::Request,
        detected_at: now,
        occurred_at: None,
        object: RemoteRef::new(
            match side {
                Side::Notion => "notion",
                Side::Github => "github",
            },
            kind,
            id,
        ),
        event: None,
        revision: None,
        actors: Vec::new(),
        people: None,
        changed: BTreeMap::new(),
    };
    vec![
        hint(
            Side::Notion,
            "page",
            format!("00000000-0000-4000-8000-{number:012}"),
        ),
        hint(Side::Github, "issue", format!("1#{}", 100_000 + number)),
        hint(Side::Github, "file", format!("docs/none-{number}.md")),
        hint(Side::Notion, "page", "../../nothing".to_owned()),
    ]
}
