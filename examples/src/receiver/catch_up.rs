//! Deliveries of GitHub that failed while nobody listened.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_github::webhook::{Deliveries, HookPlace};
use notion_sync_github::{AppTokens, GithubClient, InstallationTokens};

use super::watch::Source;
use super::{Concern, Receiver};
use crate::config::Config;
use crate::secrets::{GithubSecret, Secrets};
use crate::wiring::{self, Parts};

/// Most deliveries that are read in one go.
const MOST: usize = 200;

/// Reads the lists of deliveries of hooks with the credentials that there are.
#[derive(Debug, Clone)]
pub struct HookReaders {
    ours: Deliveries,
    app: Option<Deliveries>,
}

/// What reads the lists of deliveries.
///
/// # Errors
///
/// [`ErrorKind::Configuration`] when there is no credential or a setting does not do.
pub fn deliveries(config: &Config, secrets: &Secrets, parts: &Parts) -> Result<HookReaders> {
    let client = wiring::github_client(config, secrets, parts)?;
    let app = match secrets.github()? {
        GithubSecret::Token(_) => None,
        GithubSecret::App(app) => {
            let settings = client.settings().clone();
            let (send, clock) = (Arc::clone(&parts.github_http), Arc::clone(&parts.clock));
            let tokens =
                InstallationTokens::new(app, Arc::clone(&send), Arc::clone(&clock), settings)?;
            let tokens = Arc::new(AppTokens::new(Arc::new(tokens)));
            let settings = client.settings().clone();
            Some(Deliveries::new(GithubClient::new(
                send, tokens, clock, settings,
            )?))
        }
    };
    Ok(HookReaders {
        ours: Deliveries::new(client),
        app,
    })
}

impl HookReaders {
    fn of(&self, place: &HookPlace) -> Option<&Deliveries> {
        match place {
            HookPlace::App => self.app.as_ref(),
            HookPlace::Repository { .. } | HookPlace::Organization { .. } => Some(&self.ours),
        }
    }
}

/// Takes what failed since, of every hook that ever sent something. `known` is what was taken this
/// way before, and grows. Answers how many hints are new.
///
/// A hook that the credential may not read is left out: polls find what it announced.
///
/// # Errors
///
/// When the store fails.
pub async fn catch_up(
    readers: &HookReaders,
    receiver: &Receiver,
    since: DateTime<Utc>,
    known: &mut BTreeSet<String>,
) -> Result<usize> {
    let shared = &receiver.shared;
    let mut new = 0;
    for place in shared.watch.of(Source::Github).hooks {
        let Some(reader) = readers.of(&place) else {
            continue;
        };
        let caught = match reader.missed(&place, since, known, MOST).await {
            Ok(caught) => caught,
            Err(error) => {
                tracing::warn!(%error, ?place, "failed deliveries cannot be read");
                continue;
            }
        };
        for delivery in caught.missed {
            let concern = shared.scope.github(&delivery);
            let hint = delivery.change(shared.clock.now());
            if let Some(mut hint) = hint
                && concern != Concern::Nobody
            {
                if let Concern::One(mapping) = concern {
                    hint.mapping = Some(mapping);
                }
                match shared.inbox.take(hint).await {
                    Ok(true) => {
                        shared.served.delivery(Source::Github, "caught_up");
                        new += 1;
                    }
                    Ok(false) | Err(ErrorKind::Invalid) => {}
                    Err(kind) => {
                        return Err(Error::new(kind, "take a delivery that failed"));
                    }
                }
            }
            known.insert(delivery.id);
        }
        if caught.left > 0 {
            tracing::info!(
                left = caught.left,
                ?place,
                "failed deliveries were left out"
            );
        }
    }
    Ok(new)
}
