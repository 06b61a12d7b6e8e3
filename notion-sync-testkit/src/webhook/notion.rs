//! Events of Notion, from what changed in the emulated workspace.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{Delivery, delivery_id};
use crate::notion::{NotionEmulator, NotionId};

/// A subscription to everything.
#[derive(Debug, Clone)]
pub struct NotionHook {
    token: String,
    pages: BTreeMap<NotionId, Seen>,
    sources: Vec<NotionId>,
    sent: u64,
}

/// A page when it was looked at.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    edited: Option<(DateTime<Utc>, NotionId)>,
    alive: bool,
    parent: Value,
    properties: Value,
    body: String,
}

impl NotionHook {
    /// Subscribes: what is there already is no news. `token` signs the deliveries.
    #[must_use]
    pub fn subscribe(token: &str, notion: &NotionEmulator) -> Self {
        let world = notion.world();
        let sources = world
            .databases
            .iter()
            .flat_map(|database| &database.data_sources)
            .map(|source| notion.id(&source.id))
            .collect();
        let mut hook = Self {
            token: token.to_owned(),
            pages: BTreeMap::new(),
            sources,
            sent: 0,
        };
        hook.pages = hook.look(notion);
        hook
    }

    /// The request with which a subscription begins.
    #[must_use]
    pub fn handshake(&self) -> Delivery {
        let body = json!({ "verification_token": self.token }).to_string();
        let mut delivery = Delivery::notion(&self.token, "handshake", body);
        delivery.headers.remove("x-notion-signature");
        delivery
    }

    /// What changed since the last call. A page that was not edited gives none.
    pub fn collect(&mut self, notion: &NotionEmulator, now: DateTime<Utc>) -> Vec<Delivery> {
        let pages = self.look(notion);
        let mut out = Vec::new();
        for (id, page) in &pages {
            let kinds: Vec<&str> = match self.pages.get(id) {
                None if page.alive => vec!["page.created"],
                None => Vec::new(),
                Some(known) if known == page => Vec::new(),
                Some(known) if known.alive != page.alive => {
                    vec![if page.alive {
                        "page.undeleted"
                    } else {
                        "page.deleted"
                    }]
                }
                Some(known) => {
                    let changes = [
                        (known.parent != page.parent, "page.moved"),
                        (
                            known.properties != page.properties,
                            "page.properties_updated",
                        ),
                        (known.body != page.body, "page.content_updated"),
                    ];
                    changes
                        .into_iter()
                        .filter_map(|(changed, kind)| changed.then_some(kind))
                        .collect()
                }
            };
            for kind in kinds {
                let updated = self.updated(*id, page, kind);
                out.push(self.event(notion, *id, page, kind, updated, now));
            }
        }
        self.pages = pages;
        out
    }

    /// Pages of all data sources, and those that were there once.
    fn look(&self, notion: &NotionEmulator) -> BTreeMap<NotionId, Seen> {
        let rows = self.sources.iter().flat_map(|source| notion.rows(*source));
        rows.chain(self.pages.keys().copied())
            .filter_map(|id| {
                let page = notion.page(id)?;
                let seen = Seen {
                    edited: notion.last_edit(id),
                    alive: notion.is_alive(id),
                    parent: page.get("parent").cloned().unwrap_or_default(),
                    properties: page.get("properties").cloned().unwrap_or_default(),
                    body: notion.markdown(id),
                };
                Some((id, seen))
            })
            .collect()
    }

    /// Ids of the properties that changed.
    fn updated(&self, id: NotionId, page: &Seen, kind: &str) -> Vec<Value> {
        if kind != "page.properties_updated" {
            return Vec::new();
        }
        let before = self.pages.get(&id).map(|known| &known.properties);
        let properties = page.properties.as_object();
        properties
            .into_iter()
            .flatten()
            .filter(|(name, value)| before.and_then(|all| all.get(name.as_str())) != Some(*value))
            .filter_map(|(_, value)| value.get("id").cloned())
            .collect()
    }

    fn event(
        &mut self,
        notion: &NotionEmulator,
        id: NotionId,
        page: &Seen,
        kind: &str,
        updated: Vec<Value>,
        now: DateTime<Utc>,
    ) -> Delivery {
        self.sent += 1;
        let event = delivery_id("notion", self.sent);
        let (at, by) = page.edited.unwrap_or((now, id));
        let is_bot =
            (notion.world().users.iter()).any(|user| user.bot && notion.id(&user.id) == by);
        let mut data = json!({ "parent": parent(&page.parent) });
        if kind == "page.properties_updated" {
            data["updated_properties"] = Value::Array(updated);
        }
        if kind == "page.content_updated" {
            data["updated_blocks"] = json!([]);
        }
        let body = json!({
            "id": event,
            "timestamp": at.max(now - chrono::Duration::hours(1)).to_rfc3339_opts(SecondsFormat::Millis, true),
            "workspace_id": NotionId::derived(0, "workspace").to_string(),
            "workspace_name": "Emulated",
            "subscription_id": NotionId::derived(0, "subscription").to_string(),
            "integration_id": NotionId::derived(0, "integration").to_string(),
            "type": kind,
            "authors": [{ "id": by.to_string(), "type": if is_bot { "bot" } else { "person" } }],
            "attempt_number": 1,
            "api_version": "2026-03-11",
            "entity": { "id": id.to_string(), "type": "page" },
            "data": data,
        });
        Delivery::notion(&self.token, &event, body.to_string())
    }
}

/// The parent in the words of events, which are not those of the API.
fn parent(api: &Value) -> Value {
    let text = |name: &str| api.get(name).and_then(Value::as_str);
    if let Some(source) = text("data_source_id") {
        return json!({
            "id": text("database_id").unwrap_or(source),
            "type": "database",
            "data_source_id": source,
        });
    }
    for kind in ["page", "block", "database"] {
        if let Some(id) = text(&format!("{kind}_id")) {
            return json!({ "id": id, "type": kind });
        }
    }
    json!({ "id": NotionId::derived(0, "workspace").to_string(), "type": "space" })
}
