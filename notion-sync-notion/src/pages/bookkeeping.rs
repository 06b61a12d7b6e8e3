//! Properties that belong to the engine: where the counterpart is, how the last synchronisation
//! went, and which operations made and wrote the page.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::Result;
use notion_sync_core::id::OpId;
use notion_sync_core::mapping::MappingKind;
use notion_sync_core::snapshot::{Field, Marker};
use notion_sync_core::value::Value;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::property;
use crate::wire::{DataSource, Page, SchemaProperty};

/// The names of the engine's properties in a data source. What the schema does not have is neither
/// read nor written.
///
/// `op` and `last_op` are what makes a lost answer to a write findable: without them a create whose
/// answer was lost can often not be told from one that never happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BookkeepingNames {
    /// Path of the file. Text.
    pub path: String,
    /// Commit of the last content change. Text.
    pub commit: String,
    /// `owner/name` of the repository. Text, select or URL.
    pub repository: String,
    /// Number of the issue or pull request. Number or text.
    pub number: String,
    /// Link to the counterpart. URL or text.
    pub url: String,
    /// How the last synchronisation went. Select, status or text.
    pub status: String,
    /// What went wrong. Text.
    pub message: String,
    /// When the last synchronisation was. Date or text.
    pub synced_at: String,
    /// Whether the issue is open or closed. Select or text.
    pub state: String,
    /// Number of the pull request. Number or text.
    pub pull_number: String,
    /// Link to the pull request. URL or text.
    pub pull_url: String,
    /// How it stands: draft, open, merged, closed. Select or text.
    pub pull_state: String,
    /// What its reviewers decided. Select or text.
    pub review: String,
    /// Its checks in a word. Select or text.
    pub checks: String,
    /// The operation that made the page. Text, hidden from people.
    pub op: String,
    /// The last operation that wrote the page. Text, hidden from people.
    pub last_op: String,
}

impl Default for BookkeepingNames {
    fn default() -> Self {
        Self {
            path: "GitHub Path".to_owned(),
            commit: "GitHub Commit".to_owned(),
            repository: "GitHub Repository".to_owned(),
            number: "GitHub Number".to_owned(),
            url: "GitHub URL".to_owned(),
            status: "GitHub Sync Status".to_owned(),
            message: "GitHub Sync Message".to_owned(),
            synced_at: "Last GitHub Sync At".to_owned(),
            state: "GitHub Status".to_owned(),
            pull_number: "PR Number".to_owned(),
            pull_url: "PR URL".to_owned(),
            pull_state: "PR Status".to_owned(),
            review: "PR Review".to_owned(),
            checks: "PR Checks".to_owned(),
            op: "Sync Op".to_owned(),
            last_op: "Sync Last Op".to_owned(),
        }
    }
}

/// The role of the operation that made the page.
pub(crate) const OP: &str = "op";
/// The role of the operation that wrote the page last.
pub(crate) const LAST_OP: &str = "last_op";
/// The role of the link to the counterpart.
pub(crate) const URL: &str = "url";

/// Whether a mapping of this kind writes a role.
pub(crate) fn is_written(role: &str, kind: MappingKind) -> bool {
    match role {
        "path" | "commit" => kind == MappingKind::Documents,
        "repository" | "number" => kind == MappingKind::Tasks,
        role => !is_extra(role) || kind == MappingKind::Tasks,
    }
}

/// Whether a role is there for those who want to see it: it is not missed.
pub(crate) fn is_extra(role: &str) -> bool {
    matches!(
        role,
        "state" | "pull_number" | "pull_url" | "pull_state" | "review" | "checks"
    )
}

impl BookkeepingNames {
    /// Every role with the name of its property and the types that can hold it, the one that
    /// [`create_properties`](crate::access::create_properties) makes first.
    #[must_use]
    pub fn roles(&self) -> [(&'static str, &str, &'static [&'static str]); 16] {
        const TEXT: &[&str] = &["rich_text"];
        const WORD: &[&str] = &["select", "rich_text"];
        [
            ("path", &self.path, TEXT),
            ("commit", &self.commit, TEXT),
            (
                "repository",
                &self.repository,
                &["rich_text", "select", "url"],
            ),
            ("number", &self.number, &["number", "rich_text"]),
            (URL, &self.url, &["url", "rich_text"]),
            ("status", &self.status, &["select", "status", "rich_text"]),
            ("message", &self.message, TEXT),
            ("synced_at", &self.synced_at, &["date", "rich_text"]),
            ("state", &self.state, WORD),
            ("pull_number", &self.pull_number, &["number", "rich_text"]),
            ("pull_url", &self.pull_url, &["url", "rich_text"]),
            ("pull_state", &self.pull_state, WORD),
            ("review", &self.review, WORD),
            ("checks", &self.checks, WORD),
            (OP, &self.op, TEXT),
            (LAST_OP, &self.last_op, TEXT),
        ]
    }

    /// The properties of a schema that hold bookkeeping, by role. One of a wrong type is left out.
    pub(crate) fn find<'s>(
        &self,
        schema: &'s DataSource,
    ) -> BTreeMap<&'static str, &'s SchemaProperty> {
        self.roles()
            .into_iter()
            .filter_map(|(role, name, kinds)| {
                let found = schema
                    .properties
                    .iter()
                    .find(|property| property.name == name)?;
                kinds
                    .contains(&found.kind.as_str())
                    .then_some((role, found))
            })
            .collect()
    }
}

/// The bookkeeping of one schema.
#[derive(Debug)]
pub(crate) struct Bookkeeping<'s> {
    roles: BTreeMap<&'static str, &'s SchemaProperty>,
}

impl<'s> Bookkeeping<'s> {
    pub(crate) fn new(names: &BookkeepingNames, schema: &'s DataSource) -> Self {
        Self {
            roles: names.find(schema),
        }
    }

    /// The property that holds a role.
    pub(crate) fn property(&self, role: &str) -> Option<&'s SchemaProperty> {
        self.roles.get(role).copied()
    }

    /// Whether a property id holds a role.
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.roles.values().any(|property| property.id == id)
    }

    /// The roles that a snapshot shows and a write may name.
    pub(crate) fn roles(&self) -> BTreeSet<String> {
        self.roles
            .keys()
            .filter(|role| !matches!(**role, OP | LAST_OP))
            .map(|role| (*role).to_owned())
            .collect()
    }

    /// The ids of all of them.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.roles.values().map(|property| property.id.as_str())
    }

    fn text(&self, role: &str, page: &Page) -> Option<String> {
        let found = page.property(&self.property(role)?.id)?;
        // A cut value of ours is whole as far as it matters: text is never cut.
        let (property::Reading::Whole(field) | property::Reading::Cut(field)) =
            property::read(found);
        match field {
            Field::Value(Value::Text(text) | Value::Number(text)) => Some(text),
            _ => None,
        }
    }

    /// What stands on a page, by role, without the operations. Empty values are left out.
    pub(crate) fn read(&self, page: &Page) -> BTreeMap<String, String> {
        self.roles()
            .into_iter()
            .filter_map(|role| {
                let text = self.text(&role, page)?;
                Some((role, text))
            })
            .collect()
    }

    /// The marker of a page.
    pub(crate) fn marker(&self, page: &Page) -> Marker {
        Marker {
            counterpart: self.text(URL, page),
            created_by: self.text(OP, page).map(OpId::from),
            written_by: self.text(LAST_OP, page).map(OpId::from),
            aside: false,
            record: None,
            newer_format: None,
        }
    }

    /// Adds what has to be written to a request's properties: what differs from the page, or
    /// everything where there is no page yet. Roles without a property are left out.
    ///
    /// # Errors
    ///
    /// When a value does not fit its property.
    pub(crate) fn write(
        &self,
        fields: &BTreeMap<String, String>,
        page: Option<&Page>,
        out: &mut Map<String, Json>,
    ) -> Result<()> {
        for (role, wanted) in fields {
            let Some(property) = self.property(role) else {
                continue;
            };
            let current = page.and_then(|page| self.text(role, page));
            if page.is_some()
                && current.as_deref().unwrap_or_default() == canonical(property, wanted)
            {
                continue;
            }
            if page.is_none() && wanted.is_empty() {
                continue;
            }
            let value = match property.kind.as_str() {
                _ if wanted.is_empty() => Value::Null,
                "number" => Value::Number(wanted.clone()),
                _ => Value::Text(wanted.clone()),
            };
            out.insert(property.id.clone(), property::write(property, &value)?);
        }
        Ok(())
    }

    /// Adds the mark of an operation.
    pub(crate) fn stamp(&self, role: &str, op: &OpId, out: &mut Map<String, Json>) {
        if let Some(property) = self.property(role)
            && let Ok(json) = property::write(property, &Value::Text(op.as_str().to_owned()))
        {
            out.insert(property.id.clone(), json);
        }
    }
}

/// How a value reads once it was stored.
fn canonical(property: &SchemaProperty, wanted: &str) -> String {
    let stored = match property.kind.as_str() {
        "number" => property::canonical_number(wanted),
        "date" => property::date_to_notion(wanted).and_then(|date| {
            let object = crate::wire::Object::parse(date.to_string().as_bytes()).ok()?;
            property::date_from_notion(&object)
        }),
        _ => None,
    };
    stored.unwrap_or_else(|| wanted.to_owned())
}
