//! Secrets: from the environment or from files it names, never printed.

use std::fmt;
use std::path::Path;

use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_github::AppInstallation;
use notion_sync_store::KeyRing;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Config, Fault, Faults, Sealing};
use crate::wiring;

/// Longest file that is read as a secret, in bytes. A private key has about 3,000.
const MAX_FILE: u64 = 64 * 1024;

/// What helps where a store is there and its key is not: with a new one it would stay shut.
const SEALED: &str = "the store is there: restore the key that it was made with, as ENCRYPTION_KEY, \
     ENCRYPTION_KEY_FILE or the file of store.key_file; a new key does not open it. Where the key is lost, \
     see the chapter Backups in docs/operations.md";

/// What speaks for us at GitHub.
#[derive(Debug, Clone)]
pub enum GithubSecret {
    /// `GITHUB_TOKEN`.
    Token(SecretString),
    /// `GITHUB_APP_ID`, `GITHUB_APP_PRIVATE_KEY`, `GITHUB_APP_INSTALLATION_ID`.
    App(AppInstallation),
}

/// Everything secret. Each is missing until it is needed.
#[derive(Clone, Default)]
pub struct Secrets {
    /// `NOTION_INTEGRATION_TOKEN`.
    pub notion_token: Option<SecretString>,
    /// `NOTION_WEBHOOK_SECRET`.
    pub notion_webhook: Option<SecretString>,
    /// `NOTION_WEBHOOK_SECRET_PREVIOUS`: still accepted during a rotation.
    pub notion_webhook_previous: Option<SecretString>,
    /// Token or App.
    pub github: Option<GithubSecret>,
    /// `GITHUB_WEBHOOK_SECRET`.
    pub github_webhook: Option<SecretString>,
    /// `GITHUB_WEBHOOK_SECRET_PREVIOUS`: still accepted during a rotation.
    pub github_webhook_previous: Option<SecretString>,
    /// `NOTION_SYNC_EVENTS_TOKEN`: who may send events to `POST /events`.
    pub events_token: Option<SecretString>,
    /// `ENCRYPTION_KEY`.
    pub encryption_key: Option<SecretString>,
    /// `ENCRYPTION_KEY_PREVIOUS`: keys that may still open, separated by commas or white space.
    pub encryption_key_previous: Option<SecretString>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("notion_token", &self.notion_token.is_some())
            .field("notion_webhook", &self.notion_webhook.is_some())
            .field(
                "notion_webhook_previous",
                &self.notion_webhook_previous.is_some(),
            )
            .field("github", &self.github.is_some())
            .field("github_webhook", &self.github_webhook.is_some())
            .field(
                "github_webhook_previous",
                &self.github_webhook_previous.is_some(),
            )
            .field("events_token", &self.events_token.is_some())
            .field("encryption_key", &self.encryption_key.is_some())
            .field(
                "encryption_key_previous",
                &self.encryption_key_previous.is_some(),
            )
            .finish()
    }
}

impl Secrets {
    /// Reads every secret that is set. `env` looks up a variable; each has a twin with `_FILE` that
    /// names a file with the value.
    ///
    /// # Errors
    ///
    /// All faults at once: a file that cannot be read, both twins set, half a GitHub App. Values
    /// never appear.
    pub fn read(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut get = |name: &str| match secret(env, name) {
            Ok(secret) => secret,
            Err(fault) => {
                faults.push(fault);
                None
            }
        };
        let mut secrets = Self {
            notion_token: get("NOTION_INTEGRATION_TOKEN"),
            notion_webhook: get("NOTION_WEBHOOK_SECRET"),
            notion_webhook_previous: get("NOTION_WEBHOOK_SECRET_PREVIOUS"),
            github: None,
            github_webhook: get("GITHUB_WEBHOOK_SECRET"),
            github_webhook_previous: get("GITHUB_WEBHOOK_SECRET_PREVIOUS"),
            events_token: get("NOTION_SYNC_EVENTS_TOKEN"),
            encryption_key: get("ENCRYPTION_KEY"),
            encryption_key_previous: get("ENCRYPTION_KEY_PREVIOUS"),
        };
        let token = get("GITHUB_TOKEN");
        let id = get("GITHUB_APP_ID");
        let key = get("GITHUB_APP_PRIVATE_KEY");
        let installation = get("GITHUB_APP_INSTALLATION_ID");
        match github(token, id, key, installation) {
            Ok(github) => secrets.github = github,
            Err(fault) => faults.push(fault),
        }
        faults.into_result(secrets)
    }

    /// The keys that seal and open the store; `None` where sealing is off.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when sealing is on and there is no key, or the key is none.
    pub fn keys(&self, config: &Config, folder: &Path) -> Result<Option<KeyRing>> {
        if config.store.sealing == Sealing::Off {
            return Ok(None);
        }
        let exists = wiring::store_file(config, folder).is_some_and(|file| file.exists());
        let from_file = match (&self.encryption_key, &config.store.key_file) {
            (None, Some(file)) => Some(read_file(&folder.join(file)).map_err(|why| {
                Error::new(ErrorKind::Configuration, "read the encryption key")
                    .with("file", file.display())
                    .message(why)
                    .remedy(match exists {
                        true => SEALED.to_owned(),
                        false => "correct store.key_file, or let `notion-sync init` make a key"
                            .to_owned(),
                    })
            })?),
            _ => None,
        };
        let Some(key) = self.encryption_key.as_ref().or(from_file.as_ref()) else {
            return Err(Error::new(ErrorKind::Configuration, "open the store")
                .message("text in the store is encrypted, and there is no key")
                .remedy(match exists {
                    true => SEALED,
                    false => {
                        "set ENCRYPTION_KEY or ENCRYPTION_KEY_FILE, let `notion-sync init` make a \
                         key, or write sealing = \"off\" into [store]"
                    }
                }));
        };
        KeyRing::parse(key, self.encryption_key_previous.as_ref()).map(Some)
    }

    /// The token of Notion.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when it is missing.
    pub fn notion_token(&self) -> Result<SecretString> {
        self.notion_token.clone().ok_or_else(|| {
            Error::new(ErrorKind::Configuration, "connect to Notion")
                .message("there is no token")
                .remedy("set NOTION_INTEGRATION_TOKEN or NOTION_INTEGRATION_TOKEN_FILE")
        })
    }

    /// What speaks for us at GitHub.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when it is missing.
    pub fn github(&self) -> Result<&GithubSecret> {
        self.github.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Configuration, "connect to GitHub")
                .message("there is no credential")
                .remedy(
                    "set GITHUB_TOKEN, or GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY and \
                     GITHUB_APP_INSTALLATION_ID (each also with _FILE)",
                )
        })
    }
}

fn secret(
    env: &dyn Fn(&str) -> Option<String>,
    name: &str,
) -> std::result::Result<Option<SecretString>, Fault> {
    let twin = format!("{name}_FILE");
    let place = |name: &str| format!("environment variable {name}");
    let value = env(name).filter(|value| !value.trim().is_empty());
    let file = env(&twin).filter(|value| !value.is_empty());
    match (value, file) {
        (Some(_), Some(_)) => Err(Fault::new(
            place(&twin),
            format!("{name} is set too, and it is not clear which one counts"),
        )
        .remedy("unset one of the two")),
        (Some(value), None) => Ok(Some(SecretString::from(value.trim().to_owned()))),
        (None, Some(file)) => read_file(Path::new(&file)).map(Some).map_err(|why| {
            Fault::new(place(&twin), format!("{file:?}: {why}"))
                .remedy("name a file that holds the secret and nothing else")
        }),
        (None, None) => Ok(None),
    }
}

/// The text of a file without white space around it. The error never shows any of it.
fn read_file(path: &Path) -> std::result::Result<SecretString, String> {
    let size = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if size > MAX_FILE {
        return Err(format!("it has more than {MAX_FILE} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(SecretString::from(text.trim().to_owned()))
}

fn github(
    token: Option<SecretString>,
    id: Option<SecretString>,
    key: Option<SecretString>,
    installation: Option<SecretString>,
) -> std::result::Result<Option<GithubSecret>, Fault> {
    let place = "environment";
    match (id, key, installation) {
        (None, None, None) => Ok(token.map(GithubSecret::Token)),
        (Some(id), Some(private_key), Some(installation)) => {
            if token.is_some() {
                return Err(
                    Fault::new(place, "both GITHUB_TOKEN and a GitHub App are set")
                        .remedy("unset GITHUB_TOKEN, or the three variables of the App"),
                );
            }
            let number = installation.expose_secret().parse().map_err(|_| {
                Fault::new(
                    "environment variable GITHUB_APP_INSTALLATION_ID",
                    "it is no number",
                )
                .remedy("copy the number at the end of the installation's address")
            })?;
            Ok(Some(GithubSecret::App(AppInstallation {
                app_id: id.expose_secret().to_owned(),
                private_key,
                installation_id: number,
            })))
        }
        (id, key, installation) => {
            let missing: Vec<&str> = [
                ("GITHUB_APP_ID", id.is_none()),
                ("GITHUB_APP_PRIVATE_KEY", key.is_none()),
                ("GITHUB_APP_INSTALLATION_ID", installation.is_none()),
            ]
            .into_iter()
            .filter_map(|(name, missing)| missing.then_some(name))
            .collect();
            Err(Fault::new(
                place,
                format!("a GitHub App needs {} too", missing.join(" and ")),
            )
            .remedy("set all three, or only GITHUB_TOKEN"))
        }
    }
}
