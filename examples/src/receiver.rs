//! The receiver of webhooks, as the program's configuration and secrets want it.

use std::sync::Arc;

use async_trait::async_trait;
use notion_sync_core::Result;
use notion_sync_core::clock::Clock;
use notion_sync_core::id::MappingId;
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_github::webhook::Deliveries;
use notion_sync_github::{AppTokens, GithubClient, InstallationTokens};
use notion_sync_receiver::{
    Collector, Family, HookReaders, Limits, Place, Receiver, Scope, Settings, SigningSecrets, Value,
};

use crate::commands::standing::{self, MappingStanding};
use crate::config::Config;
use crate::secrets::{GithubSecret, Secrets};
use crate::wiring::Parts;

/// A receiver that puts hints into `store`, and shows how the mappings stand.
///
/// # Errors
///
/// As [`Receiver::new`].
pub async fn open(
    config: &Config,
    secrets: &Secrets,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
) -> Result<Receiver> {
    let standings = Standings {
        store: Arc::clone(&store),
        mappings: config.names().map(str::to_owned).collect(),
    };
    let settings = Settings {
        collector: Some(Arc::new(standings)),
        ..settings(config, secrets, &*store).await?
    };
    Receiver::new(settings, store, clock).await
}

/// What a configuration and its secrets mean for a receiver, over a store that knows which properties the
/// data sources have.
///
/// # Errors
///
/// When the store fails.
pub async fn settings(config: &Config, secrets: &Secrets, store: &dyn Store) -> Result<Settings> {
    Ok(Settings {
        scope: scope(config, store).await?,
        notion: SigningSecrets::new(
            secrets.notion_webhook.clone(),
            secrets.notion_webhook_previous.clone(),
        ),
        github: SigningSecrets::new(
            secrets.github_webhook.clone(),
            secrets.github_webhook_previous.clone(),
        ),
        events_token: secrets.events_token.clone(),
        silence: chrono::Duration::seconds(i64::from(config.receiver.silence)),
        limits: Limits {
            github: config.receiver.github_max_bytes,
            ..Limits::default()
        },
        ..Settings::default()
    })
}

/// What a configuration maps.
async fn scope(config: &Config, store: &dyn Store) -> Result<Scope> {
    let documents = config.documents.iter().map(|section| {
        Place::documents(
            section.name.as_str(),
            section.data_source.as_str(),
            section.repository.as_str(),
            section.branch.as_str(),
        )
    });
    let mut places: Vec<Place> = documents.collect();
    for section in &config.tasks {
        places.push(Place {
            comments: section.comments.is_some(),
            pulls: section.common_rules
                || section.drift_status
                || section.automation_comment
                || section.change_comments
                || !section.rules.is_empty()
                || shows_pulls(&section.name, store).await?,
            project: section.project.is_some(),
            ..Place::tasks(
                section.name.as_str(),
                section.data_source.as_str(),
                section.repository.names(),
            )
        });
    }
    Ok(Scope::new(places))
}

/// Whether the pages of a mapping show pull requests, or may do so: which properties a data source has is
/// known only after a first look.
async fn shows_pulls(mapping: &str, store: &dyn Store) -> Result<bool> {
    let known = State::new(store).mapping(&MappingId::new(mapping)).await?;
    let shows = |role: &String| role.starts_with("pull_") || role == "review" || role == "checks";
    let properties = &known.value.notion_schema.bookkeeping;
    Ok(known.value.schema_at.is_none() || properties.iter().any(shows))
}

/// What reads the lists of deliveries. It keeps to the limits of `github`, whose credential it has, and
/// sends through `parts`: no lease is needed for it. An App's own token has limits of its own.
///
/// # Errors
///
/// [`Configuration`](notion_sync_core::ErrorKind::Configuration) when there is no credential or a setting
/// does not do.
pub fn hook_readers(
    github: &GithubClient,
    secrets: &Secrets,
    parts: &Parts,
) -> Result<HookReaders> {
    let send = &parts.github_http;
    let readers = HookReaders::new(Deliveries::new(github.sending_by(Arc::clone(send))));
    let GithubSecret::App(app) = secrets.github()? else {
        return Ok(readers);
    };
    let clock = &parts.clock;
    let settings = github.settings().clone();
    let tokens = InstallationTokens::new(app, Arc::clone(send), Arc::clone(clock), settings)?;
    let tokens = Arc::new(AppTokens::new(Arc::new(tokens)));
    let settings = github.settings().clone();
    let app = GithubClient::new(Arc::clone(send), tokens, Arc::clone(clock), settings)?;
    Ok(readers.with_app(Deliveries::new(app)))
}

/// How the mappings stand, for `/metrics`.
#[derive(Debug)]
struct Standings {
    store: Arc<dyn Store>,
    mappings: Vec<String>,
}

#[async_trait]
impl Collector for Standings {
    async fn collect(&self) -> Result<Vec<Family>> {
        let mut standings = Vec::new();
        for mapping in &self.mappings {
            standings.push(standing::mapping(mapping, &*self.store).await?);
        }
        Ok(families(&standings))
    }
}

fn families(standings: &[MappingStanding]) -> Vec<Family> {
    type Gauge = (&'static str, &'static str, fn(&MappingStanding) -> Value);
    let gauges: [Gauge; 10] = [
        (
            "notion_sync_pairs",
            "Pairs that are kept the same.",
            |one| one.live.into(),
        ),
        (
            "notion_sync_queue_depth",
            "Writes that are not final.",
            |one| one.open_operations.into(),
        ),
        (
            "notion_sync_blocked",
            "Writes that wait for a person.",
            |one| one.blocked.into(),
        ),
        (
            "notion_sync_dead_letters",
            "Writes that were set aside.",
            |one| one.dead.into(),
        ),
        (
            "notion_sync_conflicts_open",
            "Pairs with open conflicts.",
            |one| one.conflicts.into(),
        ),
        (
            "notion_sync_drift",
            "Pairs that contradict the registry.",
            |one| one.drift.into(),
        ),
        (
            "notion_sync_sentinels_failing",
            "Sides whose sentinel cannot be read, on which nothing is taken for deleted.",
            |one| one.doubts.len().into(),
        ),
        (
            "notion_sync_failed_attempts",
            "Attempts that failed, or have no answer yet, of writes that are not final.",
            |one| one.attempts.into(),
        ),
        (
            "notion_sync_queue_oldest_age_seconds",
            "Age of the oldest write that is not final.",
            |one| Value::Age(one.oldest_operation),
        ),
        (
            "notion_sync_guard_stopped",
            "1 while the guard waits for an approval.",
            |one| one.guarded.is_some().into(),
        ),
    ];
    gauges
        .into_iter()
        .map(|(name, help, value)| {
            let mut family = Family::gauge(name, help);
            for one in standings {
                family.add(&[("mapping", &one.mapping)], value(one));
            }
            family
        })
        .collect()
}
