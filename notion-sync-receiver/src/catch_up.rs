//! Deliveries of GitHub that failed while nobody listened.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::{Error, ErrorKind, Result, Retry};
use notion_sync_github::webhook::{Deliveries, Delivery, HookPlace};

use crate::receiver::Receiver;
use crate::scope::Concern;
use crate::watch::Source;

/// How far back is asked for: GitHub keeps deliveries for three days.
const KEPT: Duration = Duration::days(3);
/// By how much two windows of a hook overlap: GitHub tries an hour long, and clocks differ.
const OVERLAP: Duration = Duration::hours(1);
/// How long a hook that may not be read, or is gone, is left out: by then somebody may have changed that.
const LEFT_OUT: Duration = Duration::hours(1);
/// Most deliveries that are read between two looks at the list, and how often it is looked at in one go.
const MOST: usize = 50;
const LOOKS: usize = 4;

/// Reads the lists of deliveries of hooks with the credentials that there are.
#[derive(Debug, Clone)]
pub struct HookReaders {
    ours: Deliveries,
    app: Option<Deliveries>,
}

impl HookReaders {
    /// Reads the hooks of repositories and organisations with the credential of `deliveries`, which needs
    /// the permission to read webhooks.
    #[must_use]
    pub fn new(deliveries: Deliveries) -> Self {
        Self {
            ours: deliveries,
            app: None,
        }
    }

    /// Reads the hook of a GitHub App, too: with a client that has the App's own token
    /// ([`AppTokens`](notion_sync_github::AppTokens)), not that of an installation.
    #[must_use]
    pub fn with_app(mut self, deliveries: Deliveries) -> Self {
        self.app = Some(deliveries);
        self
    }

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
    /// Until when hooks are left out.
    unreadable: BTreeMap<HookPlace, DateTime<Utc>>,
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
/// A hook that the credential may not read, or that is gone, is left out for an hour: polls find what it
/// announced. `missed` is what the call before left, and is kept from call to call; an hour between two is
/// enough, and a few minutes where one answers that it [failed](CaughtUp::failed) or that there is
/// [more](CaughtUp::more).
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
        if (missed.unreadable.get(&place)).is_some_and(|until| now < *until) {
            continue;
        }
        missed.unreadable.remove(&place);
        let all = now - KEPT;
        let since = (missed.since.get(&place)).map_or(all, |since| all.max(*since));
        let mut complete = false;
        let mut stopped = false;
        for _ in 0..LOOKS {
            let caught = match reader.missed(&place, since, &missed.known, MOST).await {
                Ok(caught) => caught,
                Err(error) => {
                    tracing::warn!(%error, ?place, "failed deliveries cannot be read");
                    stopped = true;
                    if error.retry() == Retry::Never {
                        missed.unreadable.insert(place.clone(), now + LEFT_OUT);
                    } else {
                        out.failed = true;
                    }
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
        } else {
            out.more |= !stopped;
        }
    }
    Ok(out)
}

/// Takes one delivery. Answers whether it is a new hint.
async fn take(receiver: &Receiver, delivery: &Delivery) -> Result<bool> {
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
            shared.metrics.delivery(Source::Github, "caught_up");
            Ok(true)
        }
        Ok(false) | Err(ErrorKind::Invalid) => Ok(false),
        Err(kind) => Err(Error::new(kind, "take a delivery that failed")),
    }
}
