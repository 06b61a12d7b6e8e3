//! People and bots.

use serde_json::value::RawValue;

use super::{Fields, Object, Parsed};

/// A user, possibly nothing but an id.
#[derive(Debug, Clone)]
pub struct User {
    /// Id, in canonical spelling.
    pub id: String,
    /// `person`, `bot`, `agent` or newer; empty on a partial user.
    pub kind: String,
    /// Name, where it may be seen.
    pub name: Option<String>,
    /// Address, where the connection may see it.
    pub email: Option<String>,
    /// Name of the workspace, on a bot.
    pub workspace: Option<String>,
    /// Everything else.
    pub rest: Object,
}

impl User {
    /// Reads a user object.
    ///
    /// # Errors
    ///
    /// When it is no object with an id.
    pub fn parse(bytes: &[u8]) -> Parsed<Self> {
        Self::of(Fields::parse(bytes)?)
    }

    /// Reads a user from raw JSON.
    ///
    /// # Errors
    ///
    /// When it is no object with an id.
    pub fn of_raw(raw: &RawValue) -> Parsed<Self> {
        Self::of(Fields::of(raw)?)
    }

    fn of(mut object: Fields<'_>) -> Parsed<Self> {
        let id = object.take_id()?;
        Ok(Self {
            id,
            kind: object.take("type").unwrap_or_default(),
            name: object.take("name"),
            email: object.object("person").and_then(|p| p.get("email")),
            workspace: object.object("bot").and_then(|b| b.get("workspace_name")),
            rest: object.into(),
        })
    }
}
