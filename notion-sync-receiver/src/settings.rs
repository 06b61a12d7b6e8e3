//! What a receiver is told when it is made.

use std::sync::Arc;

use chrono::Duration;
use notion_sync_core::doorbell::Doorbell;
use secrecy::{ExposeSecret as _, SecretString};

use crate::metrics::Collector;
use crate::scope::Scope;

/// Settings of a [`Receiver`](crate::Receiver). The default knows no secret, so it refuses everything
/// but the handshake of Notion, and no mapping.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which mappings there are, and what each of them waits for.
    pub scope: Scope,
    /// What deliveries of Notion are signed with: the verification token of the subscription. Where
    /// there is none the receiver takes the one of the first handshake and keeps it in the store.
    pub notion: SigningSecrets,
    /// What deliveries of GitHub are signed with: the secret of the webhook.
    pub github: SigningSecrets,
    /// Who may send to `POST /events`: the token of `Authorization: Bearer …`. Without one, or with an
    /// empty one, nobody may.
    pub events_token: Option<SecretString>,
    /// How long it may take from a change to its event, before a webhook counts as silent. Default ten
    /// minutes: Notion may take five. Below zero counts as zero, more than 200 years as those.
    pub silence: Duration,
    /// Largest deliveries.
    pub limits: Limits,
    /// Figures of the host that `GET /metrics` shows after those of the receiver; none by default.
    pub collector: Option<Arc<dyn Collector>>,
    /// Rung after hints were stored. Default is one within this process, on a timer of tokio; put your
    /// own here where the worker is another process.
    pub doorbell: Option<Arc<dyn Doorbell>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            notion: SigningSecrets::default(),
            github: SigningSecrets::default(),
            events_token: None,
            silence: Duration::minutes(10),
            limits: Limits::default(),
            collector: None,
            doorbell: None,
        }
    }
}

/// The secret that a service signs its deliveries with, and the one before it: while a secret is
/// exchanged both count. An empty one is none.
#[derive(Debug, Clone, Default)]
pub struct SigningSecrets {
    current: Option<SecretString>,
    previous: Option<SecretString>,
}

impl SigningSecrets {
    /// The present secret and the previous one.
    #[must_use]
    pub fn new(current: Option<SecretString>, previous: Option<SecretString>) -> Self {
        Self {
            current: current.filter(is_some_text),
            previous: previous.filter(is_some_text),
        }
    }

    /// Whether there is a present one.
    #[must_use]
    pub fn has_current(&self) -> bool {
        self.current.is_some()
    }

    /// Both, as far as there are.
    pub(crate) fn all(&self) -> Vec<SecretString> {
        let both = self.current.iter().chain(&self.previous);
        both.cloned().collect()
    }
}

impl From<SecretString> for SigningSecrets {
    fn from(current: SecretString) -> Self {
        Self::new(Some(current), None)
    }
}

/// A secret that was forgotten must not become one that everybody knows.
pub(crate) fn is_some_text(secret: &SecretString) -> bool {
    !secret.expose_secret().is_empty()
}

/// Largest deliveries, in bytes. What is larger is refused with 413, and is never in memory as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of Notion. Default [`notion_sync_notion::webhook::MAX_BYTES`], 1 MiB.
    pub notion: usize,
    /// Of GitHub. Default [`notion_sync_github::webhook::MAX_BYTES`], 25 MiB.
    pub github: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            notion: notion_sync_notion::webhook::MAX_BYTES,
            github: notion_sync_github::webhook::MAX_BYTES,
        }
    }
}
