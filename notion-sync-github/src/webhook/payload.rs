//! The members of payloads that are looked at. Everything else stays in the text.

use std::collections::BTreeMap;

use notion_sync_core::webhook::Refusal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// What a delivery says. A member that is missing or of another form than expected is `None`: only
/// what it is about matters, and a read tells the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    /// What was done: `opened`, `edited`, …; some events have none.
    pub action: Option<String>,
    /// The repository.
    pub repository: Option<Repository>,
    /// Login of the organisation.
    pub organization: Option<String>,
    /// Id of the installation, where an App receives the delivery.
    pub installation: Option<u64>,
    /// Who did it.
    pub sender: Option<Sender>,
    /// The whole payload.
    json: String,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Its id.
    pub id: u64,
    /// `owner/name`.
    #[serde(default)]
    pub full_name: String,
}

/// Who did something. May be ourselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sender {
    /// User id.
    pub id: u64,
    /// Login.
    #[serde(default)]
    pub login: String,
    /// `User`, `Bot`, `Organization`, or newer.
    #[serde(rename = "type", default)]
    pub kind: String,
}

#[derive(Deserialize)]
struct Id {
    id: u64,
}

#[derive(Deserialize)]
struct Login {
    login: String,
}

type Members<'j> = BTreeMap<String, &'j RawValue>;

impl Payload {
    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`] when the text is no JSON object.
    pub(super) fn parse(json: &str) -> Result<Self, Refusal> {
        let members: Members<'_> =
            serde_json::from_str(json).map_err(|_| Refusal::Malformed("no JSON object"))?;
        Ok(Self {
            action: read(&members, "action"),
            repository: read(&members, "repository"),
            organization: read::<Login>(&members, "organization").map(|one| one.login),
            installation: read::<Id>(&members, "installation").map(|one| one.id),
            sender: read(&members, "sender"),
            json: json.to_owned(),
        })
    }

    /// The whole payload as it was sent, unknown members included.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// One member in any form; `None` when it is missing or of another form.
    #[must_use]
    pub fn member<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        read(&serde_json::from_str(&self.json).ok()?, name)
    }
}

fn read<T: DeserializeOwned>(members: &Members<'_>, name: &str) -> Option<T> {
    serde_json::from_str(members.get(name)?.get()).ok()
}
