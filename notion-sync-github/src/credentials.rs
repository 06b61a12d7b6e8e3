//! Credentials: a personal access token, or an installation of a GitHub App.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::clock::Clock;
use notion_sync_core::hash::ContentHash;
use notion_sync_core::http::{HttpSend, SendError};
use notion_sync_core::{Error, ErrorKind, Result};
use octocrab::jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::client::log_call;
use crate::endpoint::Endpoint;
use crate::failure::classify;
use crate::settings::GithubSettings;
use crate::wire::InstallationToken;

/// A token as it goes into the `Authorization` header.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The secret.
    pub token: SecretString,
    /// A hash that tells credentials apart without giving them away; `ETag`s depend on it.
    pub fingerprint: String,
}

impl Credential {
    /// Wraps a token.
    #[must_use]
    pub fn new(token: SecretString) -> Self {
        let domain = "notion-sync github credential v1";
        let fingerprint = ContentHash::of_bytes(domain, token.expose_secret().as_bytes()).short(16);
        Self { token, fingerprint }
    }
}

/// What kind of credential a source holds: what can be asked about it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// A token of a person.
    Personal,
    /// An installation of an App.
    Installation,
}

/// Gives the token for the next request.
#[async_trait]
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// What it holds.
    fn kind(&self) -> CredentialKind;

    /// The token to use now; minted or refreshed where that is needed.
    async fn token(&self) -> Result<Credential>;

    /// The service refused the token with that fingerprint (401). Answers whether another one can
    /// be had, in which case the request is sent once more.
    async fn refused(&self, fingerprint: &str) -> bool;

    /// What the token may do, by permission name (`contents`: `write`), where that is known without
    /// trying.
    async fn permissions(&self) -> Option<BTreeMap<String, String>> {
        None
    }
}

/// A fine-grained or classic personal access token, or the token of an Actions job.
#[derive(Debug)]
pub struct PersonalToken {
    credential: Credential,
}

impl PersonalToken {
    /// Wraps a token.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when it cannot stand in a header. Its form is not checked
    /// further: GitHub changes lengths and prefixes.
    pub fn new(token: SecretString) -> Result<Self> {
        let text = token.expose_secret().trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(ErrorKind::Configuration, "use the GitHub token")
                .message("it is empty or holds characters that no token has"));
        }
        let token = SecretString::from(text.to_owned());
        Ok(Self {
            credential: Credential::new(token),
        })
    }
}

#[async_trait]
impl TokenSource for PersonalToken {
    fn kind(&self) -> CredentialKind {
        CredentialKind::Personal
    }

    async fn token(&self) -> Result<Credential> {
        Ok(self.credential.clone())
    }

    async fn refused(&self, _fingerprint: &str) -> bool {
        false
    }
}

/// What identifies an installation of a GitHub App.
#[derive(Debug, Clone)]
pub struct AppInstallation {
    /// App id or client id, the issuer of its tokens.
    pub app_id: String,
    /// RSA private key in PEM form.
    pub private_key: SecretString,
    /// Installation id.
    pub installation_id: u64,
}

/// Mints and refreshes installation tokens.
///
/// A token lives an hour and is replaced when less than five minutes are left, or once after a 401.
/// Callers that need one at the same time share one request.
pub struct InstallationTokens {
    app_id: String,
    installation_id: u64,
    key: EncodingKey,
    send: Arc<dyn HttpSend>,
    clock: Arc<dyn Clock>,
    settings: GithubSettings,
    current: Mutex<Option<Minted>>,
}

struct Minted {
    credential: Credential,
    expires_at: DateTime<Utc>,
    permissions: Option<BTreeMap<String, String>>,
}

/// A token with less than this left is replaced.
const REFRESH_MARGIN: Duration = Duration::minutes(5);
/// How far in the past a JSON web token is dated, against clocks that differ.
const ISSUED_BEFORE: Duration = Duration::seconds(60);
/// How long a JSON web token lives; GitHub refuses more than ten minutes.
const JWT_LIFE: Duration = Duration::minutes(9);

impl fmt::Debug for InstallationTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstallationTokens")
            .field("app_id", &self.app_id)
            .field("installation_id", &self.installation_id)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: String,
}

impl InstallationTokens {
    /// A source of tokens for `app`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the key is not an RSA key in PEM form.
    pub fn new(
        app: &AppInstallation,
        send: Arc<dyn HttpSend>,
        clock: Arc<dyn Clock>,
        settings: GithubSettings,
    ) -> Result<Self> {
        settings.validate()?;
        // A PEM that came through an environment variable often has its line ends escaped.
        let pem = app.private_key.expose_secret().replace("\\n", "\n");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| {
            Error::new(
                ErrorKind::Configuration,
                "use the private key of the GitHub App",
            )
            .message("it is not an RSA private key in PEM form")
            .remedy("download a key on the App's settings page and pass the whole file")
        })?;
        Ok(Self {
            app_id: app.app_id.clone(),
            installation_id: app.installation_id,
            key,
            send,
            clock,
            settings,
            current: Mutex::new(None),
        })
    }

    /// A JSON web token that speaks for the App itself, good for nine minutes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the key does not sign.
    pub fn app_token(&self) -> Result<SecretString> {
        let now = self.clock.now();
        let claims = Claims {
            iat: (now - ISSUED_BEFORE).timestamp(),
            exp: (now + JWT_LIFE).timestamp(),
            iss: self.app_id.clone(),
        };
        encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map(SecretString::from)
            .map_err(|_| {
                Error::new(ErrorKind::Configuration, "sign a token for the GitHub App")
                    .message("the private key does not sign")
            })
    }

    async fn mint(&self) -> Result<Minted> {
        const DURING: &str = "mint an installation token";
        let jwt = self.app_token()?;
        let id = self.installation_id;
        let url = format!(
            "{}/app/installations/{id}/access_tokens",
            self.settings.base()
        );
        let mut bearer = http::HeaderValue::from_str(&format!("Bearer {}", jwt.expose_secret()))
            .map_err(|_| Error::new(ErrorKind::Internal, DURING))?;
        bearer.set_sensitive(true);
        let request = http::Request::post(url)
            .header(http::header::AUTHORIZATION, bearer)
            .header(http::header::ACCEPT, "application/vnd.github+json")
            .header(http::header::USER_AGENT, "notion-sync")
            .header("x-github-api-version", &self.settings.api_version)
            .body(Bytes::new())
            .map_err(|error| Error::new(ErrorKind::Internal, DURING).caused_by(error))?;
        // A token that was minted and lost expires by itself, so every failure may be repeated.
        let started = self.clock.now();
        let sent = self.send.send(request).await;
        let endpoint = Endpoint {
            name: DURING,
            method: http::Method::POST,
            path: "/app/installations/{}/access_tokens",
            creates: false,
            cached: false,
            reads: false,
        };
        log_call(&endpoint, sent.as_ref().ok(), self.clock.now() - started);
        let response = sent.map_err(|error| {
            let text = match error {
                SendError::NotSent(text)
                | SendError::HeldBack(text)
                | SendError::NoAnswer(text) => text,
            };
            Error::new(ErrorKind::NotApplied, DURING).message(text)
        })?;
        if !response.status().is_success() {
            let found = classify(
                DURING,
                false,
                response.status(),
                response.headers(),
                response.body(),
                self.clock.now(),
            );
            return Err(match found.kind() {
                ErrorKind::Unauthorized => found.remedy(
                    "check app id, private key and that the clock of this machine is right",
                ),
                ErrorKind::NotFound => found
                    .with("installation", id)
                    .remedy("check that the App is installed and the installation id is right"),
                ErrorKind::Unavailable => {
                    Error::new(ErrorKind::NotApplied, DURING).caused_by(found)
                }
                _ => found,
            });
        }
        let answer: InstallationToken = serde_json::from_slice(response.body()).map_err(|_| {
            Error::new(ErrorKind::NotApplied, DURING).message("the answer has no token")
        })?;
        let now = self.clock.now();
        Ok(Minted {
            credential: Credential::new(answer.token),
            expires_at: answer.expires_at.unwrap_or(now + Duration::hours(1)),
            permissions: answer.permissions,
        })
    }
}

#[async_trait]
impl TokenSource for InstallationTokens {
    fn kind(&self) -> CredentialKind {
        CredentialKind::Installation
    }

    async fn token(&self) -> Result<Credential> {
        // Held while minting: whoever comes second finds the token of the first.
        let mut current = self.current.lock().await;
        if let Some(minted) = &*current
            && minted.expires_at - self.clock.now() >= REFRESH_MARGIN
        {
            return Ok(minted.credential.clone());
        }
        let minted = self.mint().await?;
        let credential = minted.credential.clone();
        *current = Some(minted);
        Ok(credential)
    }

    async fn refused(&self, fingerprint: &str) -> bool {
        let mut current = self.current.lock().await;
        if current
            .as_ref()
            .is_some_and(|minted| minted.credential.fingerprint == fingerprint)
        {
            *current = None;
        }
        true
    }

    async fn permissions(&self) -> Option<BTreeMap<String, String>> {
        self.token().await.ok()?;
        self.current.lock().await.as_ref()?.permissions.clone()
    }
}

/// Speaks for a GitHub App itself and not for an installation: for the list of deliveries of its
/// webhook. What it may do besides is to read about itself.
#[derive(Debug)]
pub struct AppTokens {
    tokens: Arc<InstallationTokens>,
}

impl AppTokens {
    /// Signs with the key of `tokens`.
    #[must_use]
    pub fn new(tokens: Arc<InstallationTokens>) -> Self {
        Self { tokens }
    }
}

#[async_trait]
impl TokenSource for AppTokens {
    fn kind(&self) -> CredentialKind {
        CredentialKind::Installation
    }

    async fn token(&self) -> Result<Credential> {
        self.tokens.app_token().map(Credential::new)
    }

    async fn refused(&self, _fingerprint: &str) -> bool {
        false
    }
}
