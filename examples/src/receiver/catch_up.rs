//! Deliveries of GitHub that failed while nobody listened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::{Error, ErrorKind, Result, Retry};
use notion_sync_github::webhook::{Deliveries, HookPlace};
use notion_sync_github::{AppTokens, GithubClient, InstallationTokens};

use super::watch::Source;
use super::{Concern, Receiver};
use crate::secrets::{GithubSecret, Secrets};
use crate::wiring::Parts;

/// How far back is asked for: GitHub keeps deliveries for three days.
const KEPT: Duration = Duration::days(3);
/// By how much two windows of a hook overlap: GitHub tries an hour long, and clocks differ.
const OVERLAP: Duration = Duration::hours(1);
/// Most deliveries that are read between two looks at the list, and how often it is looked at in one go.
const MOST: usize = 50;
const LOOKS: usize = 4;

/// Reads the lists of deliveries of hooks with the credentials that there are.
#[derive(Debug, Clone)]
pub struct HookReaders {
    ours: Deliveries,
    app: Option<Deliveries>,
}

/// What reads the lists of deliveries. It keeps to the limits of `github`, whose credential it has, and
/// sends through `parts`: no lease is needed for it. An App's own token has limits of its own.
///
/// # Errors
///
/// [`ErrorKind::Configuration`] when there is no credential or a setting does not do.
pub fn deliveries(github: &GithubClient, secrets: &Secrets, parts: &Parts) -> Result<HookReaders> {
    let send = &parts.github_http;
    let app = match secrets.github()? {
        GithubSecret::Token(_) => None,
        GithubSecret::App(app) => {
            let clock = &parts.clock;
            let settings = github.settings().clone();
            let tokens =
                InstallationTokens::new(app, Arc::clone(send), Arc::clone(clock), settings)?;
            let tokens = Arc::new(AppTokens::new(Arc::new(tokens)));
            let settings = github.settings().clone();
            Some(Deliveries::new(GithubClient::new(
                Arc::clone(send),
                tokens,
                Arc::clone(clock),
                settings,
            )?))
        }
    };
    Ok(HookReaders {
        ours: Deliveries::new(github.sending_by(Arc::clone(send))),
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

/// Since when each hook has to be asked, and what need not be read again. Starts with everything that
/// GitHub still has.
#[derive(Debug, Default)]
pub struct Missed {
    since: BTreeMap<HookPlace, DateTime<Utc>>,
    known: BTreeSet<String>,
}

/// What catching up came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaughtUp {
    /// Hints that are new.
    pub new: usize,
    /// Whether there is more that was not read yet.
    pub more: bool,
    /// Whether a list could not be read, and may be readable later.
    pub failed: bool,
}

/// Takes what failed, of every hook that ever sent something. A hook is asked for less than everything
/// only from where everything before was taken.
///
/// A hook that the credential may not read is left out: polls find what it announced.
///
/// # Errors
///
/// When the store fails.
pub async fn catch_up(
    readers: &HookReaders,
    receiver: &Receiver,
    missed: &mut Missed,
) -> Result<CaughtUp> {
    let mut out = CaughtUp::default();
    for place in receiver.shared.watch.of(Source::Github).hooks {
        let Some(reader) = readers.of(&place) else {
            continue;
        };
        let now = receiver.shared.clock.now();
        let all = now - KEPT;
        let since = (missed.since.get(&place)).map_or(all, |since| all.max(*since));
        let mut complete = false;
        for _ in 0..LOOKS {
            let caught = match reader.missed(&place, since, &missed.known, MOST).await {
                Ok(caught) => caught,
                Err(error) => {
                    tracing::warn!(%error, ?place, "failed deliveries cannot be read");
                    out.failed |= error.retry() != Retry::Never;
                    break;
                }
            };
            missed.known.extend(caught.unusable);
            for delivery in caught.missed {
                out.new += usize::from(take(receiver, &delivery).await?);
                missed.known.insert(delivery.id);
            }
            complete = caught.left == 0;
            if complete {
                break;
            }
        }
        if complete {
            missed.since.insert(place, now - OVERLAP);
        } else if !out.failed {
            out.more = true;
        }
    }
    Ok(out)
}

/// Takes one delivery. Answers whether it is a new hint.
async fn take(
    receiver: &Receiver,
    delivery: &notion_sync_github::webhook::Delivery,
) -> Result<bool> {
    let shared = &receiver.shared;
    let concern = shared.scope.github(delivery);
    let Some(mut hint) = delivery.change(shared.clock.now()) else {
        return Ok(false);
    };
    match concern {
        Concern::Nobody => return Ok(false),
        Concern::One(mapping) => hint.mapping = Some(mapping),
        Concern::All => {}
    }
    match shared.inbox.take(hint).await {
        Ok(true) => {
            shared.served.delivery(Source::Github, "caught_up");
            Ok(true)
        }
        Ok(false) | Err(ErrorKind::Invalid) => Ok(false),
        Err(kind) => Err(Error::new(kind, "take a delivery that failed")),
    }
}
