//! Deliveries that never arrived: GitHub repeats none by itself, and keeps them for three days.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use notion_sync_core::webhook::{MAX_DEPTH, is_id, text};
use notion_sync_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use super::delivery::Delivery;
use crate::client::GithubClient;
use crate::endpoint::{
    APP_HOOK_DELIVERIES, APP_HOOK_DELIVERY, Call, Endpoint, ORG_HOOK_DELIVERIES, ORG_HOOK_DELIVERY,
    REPOSITORY_HOOK_DELIVERIES, REPOSITORY_HOOK_DELIVERY,
};

/// Most pages of one list, of 100 attempts each.
const MAX_PAGES: usize = 50;

/// Where a hook is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookPlace {
    /// The hook of a GitHub App. Needs the App's own token
    /// ([`AppTokens`](crate::AppTokens)), not that of an installation.
    App,
    /// A hook of a repository. Needs the permission to read webhooks of it.
    Repository {
        /// Id of the repository.
        repository: u64,
        /// Id of the hook.
        hook: u64,
    },
    /// A hook of an organisation. Needs the permission to read its webhooks.
    Organization {
        /// Login of the organisation.
        login: String,
        /// Id of the hook.
        hook: u64,
    },
}

impl HookPlace {
    /// The place of the hook that sent a delivery, as the delivery says.
    #[must_use]
    pub fn of(delivery: &Delivery) -> Option<Self> {
        let hook = delivery.hook.as_ref()?;
        match hook.target.as_str() {
            "integration" => Some(Self::App),
            "repository" => Some(Self::Repository {
                repository: hook.target_id,
                hook: hook.id,
            }),
            "organization" => Some(Self::Organization {
                login: delivery.payload.organization.clone()?,
                hook: hook.id,
            }),
            _ => None,
        }
    }

    fn call(&self, of: [&'static Endpoint; 3], delivery: Option<u64>) -> Call {
        let [app, repository, organization] = of;
        let delivery = delivery.map(|id| id.to_string());
        let mut arguments: Vec<String> = Vec::new();
        let endpoint = match self {
            Self::App => app,
            Self::Repository {
                repository: id,
                hook,
            } => {
                arguments.extend([id.to_string(), hook.to_string()]);
                repository
            }
            Self::Organization { login, hook } => {
                arguments.extend([login.clone(), hook.to_string()]);
                organization
            }
        };
        arguments.extend(delivery);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Call::new(endpoint, &arguments)
    }
}

/// One attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Attempt {
    /// Id of the attempt.
    pub id: u64,
    /// Id of the delivery, the same in every attempt.
    pub guid: String,
    /// When.
    pub delivered_at: DateTime<Utc>,
    /// What our side answered; 0 when there was no answer.
    #[serde(default)]
    pub status_code: u16,
    /// The event.
    #[serde(default)]
    pub event: String,
}

impl Attempt {
    /// Whether our side took it.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status_code)
    }
}

/// What was never taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CatchUp {
    /// Deliveries no attempt of which succeeded, oldest first.
    pub missed: Vec<Delivery>,
    /// How many more there are than were asked for; they were not read.
    pub left: usize,
    /// Ids of those whose payload cannot be used, now or later.
    pub unusable: Vec<String>,
}

#[derive(Deserialize)]
struct Full {
    guid: String,
    event: String,
    request: Option<Sent>,
}

#[derive(Deserialize)]
struct Sent {
    payload: Option<Value>,
}

/// Reads the list of deliveries of hooks.
#[derive(Debug, Clone)]
pub struct Deliveries {
    client: GithubClient,
}

impl Deliveries {
    /// Asks with this client. For [`HookPlace::App`] its credential must be the App's own.
    #[must_use]
    pub fn new(client: GithubClient) -> Self {
        Self { client }
    }

    /// Every attempt since, newest first. Ends after 5,000.
    ///
    /// # Errors
    ///
    /// What the requests end with; [`ErrorKind::Forbidden`] or [`ErrorKind::NotFound`] where the
    /// credential may not read hooks.
    pub async fn attempts(&self, place: &HookPlace, since: DateTime<Utc>) -> Result<Vec<Attempt>> {
        let lists = [
            &APP_HOOK_DELIVERIES,
            &REPOSITORY_HOOK_DELIVERIES,
            &ORG_HOOK_DELIVERIES,
        ];
        let mut next = Some(place.call(lists, None).query("per_page", "100"));
        let mut out = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some(call) = next else { break };
            let answer = self.client.call(call.clone()).await?;
            let page: Vec<Attempt> = answer.json()?;
            let reached = page.iter().any(|one| one.delivered_at < since);
            out.extend(page.into_iter().filter(|one| one.delivered_at >= since));
            if reached {
                break;
            }
            next = self.client.next_page(&call, &answer);
        }
        Ok(out)
    }

    /// The deliveries since then no attempt of which succeeded, with their payloads, so that they
    /// can be taken without asking GitHub to send them again. `known` says which ids need not be
    /// read; at most `most` payloads are.
    ///
    /// # Errors
    ///
    /// As [`attempts`](Self::attempts).
    pub async fn missed(
        &self,
        place: &HookPlace,
        since: DateTime<Utc>,
        known: &BTreeSet<String>,
        most: usize,
    ) -> Result<CatchUp> {
        let mut succeeded: BTreeSet<String> = BTreeSet::new();
        let mut failed: BTreeMap<String, Attempt> = BTreeMap::new();
        for attempt in self.attempts(place, since).await? {
            if attempt.succeeded() {
                succeeded.insert(attempt.guid);
            } else if is_id(&attempt.guid) && !known.contains(&attempt.guid) {
                failed.insert(attempt.guid.clone(), attempt);
            }
        }
        failed.retain(|guid, _| !succeeded.contains(guid));
        let mut failed: Vec<Attempt> = failed.into_values().collect();
        failed.sort_by_key(|attempt| (attempt.delivered_at, attempt.id));
        let mut out = CatchUp {
            left: failed.len().saturating_sub(most),
            ..CatchUp::default()
        };
        for attempt in failed.into_iter().take(most) {
            match self.delivery(place, &attempt).await {
                Ok(delivery) => out.missed.push(delivery),
                // One that cannot be used must not hide the others.
                Err(error) if error.kind() == ErrorKind::Invalid => {
                    out.unusable.push(attempt.guid);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(out)
    }

    async fn delivery(&self, place: &HookPlace, attempt: &Attempt) -> Result<Delivery> {
        let ones = [
            &APP_HOOK_DELIVERY,
            &REPOSITORY_HOOK_DELIVERY,
            &ORG_HOOK_DELIVERY,
        ];
        let call = place.call(ones, Some(attempt.id));
        let full: Full = self.client.call(call).await?.json()?;
        let unusable = |message: String| {
            Error::new(ErrorKind::Invalid, "use a delivery that failed")
                .with("delivery", &attempt.guid)
                .message(message)
        };
        let json = match full.request.and_then(|sent| sent.payload) {
            // Some servers give the payload as text.
            Some(Value::String(text)) => text,
            Some(payload) => payload.to_string(),
            None => return Err(unusable("it has no payload any more".to_owned())),
        };
        let json = text(json.as_bytes())
            .map_err(|refusal| unusable(format!("{refusal} (at most {MAX_DEPTH} levels)")))?;
        if full.guid != attempt.guid {
            return Err(unusable("another delivery was answered".to_owned()));
        }
        Delivery::parse(&full.guid, &full.event, None, json)
            .map_err(|refusal| unusable(refusal.to_string()))
    }
}
