//! The handshake of Notion: the token of a subscription, kept in the store.

use std::sync::PoisonError;

use chrono::{DateTime, Duration, Utc};
use http::StatusCode;
use notion_sync_core::state::{Batch, State};
use notion_sync_core::store::Store;
use notion_sync_core::webhook::{Refusal, same};
use notion_sync_core::{ErrorKind, Result};
use notion_sync_notion::webhook::{Handshake, NotionWebhook};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::answer::{Response, plain};
use crate::receiver::Receiver;
use crate::watch::Source;

/// Where the token of a handshake is kept.
pub(crate) const TOKEN: &str = "webhook:notion:token";

/// How often the store is asked for a token at most: another process may have taken the handshake, and
/// anybody can send what nobody signed.
const ASK_AGAIN: Duration = Duration::seconds(5);

/// The token that a handshake brought.
#[derive(Serialize, Deserialize)]
struct Kept {
    token: String,
    at: DateTime<Utc>,
}

/// The verification token that the handshake of Notion brought, for the person who has to paste it into
/// the settings of the connection.
///
/// # Errors
///
/// When the store fails.
pub async fn handshake_token(store: &dyn Store) -> Result<Option<SecretString>> {
    let kept = State::new(store).setting::<Kept>(TOKEN).await?;
    Ok(kept.map(|kept| SecretString::from(kept.value.token)))
}

/// Forgets the token of the handshake, so that the next one is taken. Answers whether there was one.
///
/// A receiver that runs meanwhile goes on with the one that it knows.
///
/// # Errors
///
/// When the store fails.
pub async fn forget_handshake(store: &dyn Store) -> Result<bool> {
    let state = State::new(store);
    let Some(kept) = state.setting::<Kept>(TOKEN).await? else {
        return Ok(false);
    };
    let mut batch = Batch::default();
    batch.forget_setting(TOKEN, &kept);
    state.commit(batch).await?;
    Ok(true)
}

impl Receiver {
    pub(crate) fn hook(&self) -> NotionWebhook {
        let notion = self.shared.notion.read();
        notion.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it is time to ask the store for a token once more.
    pub(crate) fn may_ask(&self, now: DateTime<Utc>) -> bool {
        if self.shared.named {
            return false;
        }
        let mut asked = self
            .shared
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if asked.is_some_and(|at| now < at + ASK_AGAIN) {
            return false;
        }
        *asked = Some(now);
        true
    }

    /// Takes over the token that another process keeps, and answers it.
    pub(crate) async fn learn_token(&self) -> Option<SecretString> {
        match handshake_token(&*self.shared.store).await {
            Ok(token) => {
                self.use_token(token.clone()?);
                token
            }
            Err(error) => {
                tracing::warn!(%error, "the token of the webhook cannot be read");
                None
            }
        }
    }

    fn use_token(&self, token: SecretString) {
        let shared = &self.shared;
        let hook = NotionWebhook::new([token]).with_max_bytes(shared.limits.notion);
        *shared
            .notion
            .write()
            .unwrap_or_else(PoisonError::into_inner) = hook;
        shared.watch.expects(Source::Notion, true);
    }

    /// Keeps the token of the first handshake. Two at the same time: the store lets one win.
    pub(crate) async fn handshake(&self, handshake: Handshake, now: DateTime<Utc>) -> Response {
        let shared = &self.shared;
        if handshake.known {
            shared.metrics.delivery(Source::Notion, "handshake");
            return plain(StatusCode::OK, "the token is in place");
        }
        let kept = Kept {
            token: handshake.token.expose_secret().to_owned(),
            at: now,
        };
        let state = State::new(&*shared.store);
        let mut batch = Batch::default();
        let stored = match batch.setting(TOKEN, &kept, None) {
            Ok(_) => state.commit(batch).await,
            Err(error) => Err(error),
        };
        match stored {
            Ok(()) => {
                self.use_token(handshake.token);
                shared.metrics.delivery(Source::Notion, "handshake");
                tracing::warn!(
                    "Notion sent the token of a webhook; `notion-sync webhooks token`, or \
                     `handshake_token` of the library, shows it"
                );
                plain(StatusCode::OK, "kept")
            }
            // Another process took one: the same, where the service sent it twice.
            Err(error) if error.kind() == ErrorKind::Stale => {
                let known = self.learn_token().await;
                if known.is_some_and(|known| same(known.expose_secret(), &kept.token)) {
                    shared.metrics.delivery(Source::Notion, "handshake");
                    return plain(StatusCode::OK, "the token is in place");
                }
                self.refused(Source::Notion, &Refusal::Handshake)
            }
            Err(_) => {
                shared.metrics.delivery(Source::Notion, "not_stored");
                plain(StatusCode::SERVICE_UNAVAILABLE, "it could not be stored")
            }
        }
    }
}
