//! Rules of a task mapping as settings say them.

use notion_sync_core::effect::{Effect, Merge, OpenPull};
use notion_sync_core::rule::{Rule, Values, When};
use serde::{Deserialize, Serialize};

use super::StatusSection;

/// Before the name of a group of a status property.
const GROUP: &str = "group:";
/// Most rules of one mapping.
pub(super) const MOST_RULES: usize = 100;

/// `[[tasks.rules]]`: when a property of the page changes, do something on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleSection {
    /// Its name: what fired is remembered under it.
    pub name: String,
    /// The property; that of `status` where it is not written.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub property: String,
    /// Fires when the property becomes one of these and was none of them. `group:NAME` stands for
    /// all options of a group of a status; the empty text for no value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub becomes: Vec<String>,
    /// Fires when the property was one of these and is none of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<String>,
    /// Fires at every change to one of these, from another of them too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<String>,
    /// Only from these values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// What is done, in order.
    #[serde(rename = "do")]
    pub steps: Vec<Effect>,
    /// Whether a page that is created with such a value fires.
    pub fire_on_create: bool,
    /// Whether a change that the sync itself wrote fires.
    pub on_engine_write: bool,
    /// Hours that a step may wait for its precondition. Default 168.
    pub expires_hours: u32,
}

impl Default for RuleSection {
    fn default() -> Self {
        Self {
            name: String::new(),
            property: String::new(),
            becomes: Vec::new(),
            leaves: Vec::new(),
            is: Vec::new(),
            from: Vec::new(),
            steps: Vec::new(),
            fire_on_create: false,
            on_engine_write: false,
            expires_hours: 168,
        }
    }
}

impl RuleSection {
    /// The rule. `status` is the property that is meant where none is written.
    pub(crate) fn rule(&self, status: Option<&StatusSection>) -> Rule {
        let property = if self.property.is_empty() {
            status.map_or("", |status| status.property.as_str())
        } else {
            self.property.as_str()
        };
        let when = if !self.leaves.is_empty() {
            When::Leaves(values(&self.leaves))
        } else if !self.is.is_empty() {
            When::Is(values(&self.is))
        } else {
            When::Enters(values(&self.becomes))
        };
        Rule {
            id: self.name.clone(),
            on: property.to_owned(),
            when,
            from: (!self.from.is_empty()).then(|| values(&self.from)),
            steps: self.steps.clone(),
            fire_on_create: self.fire_on_create,
            on_engine_write: self.on_engine_write,
            expires_hours: self.expires_hours,
        }
    }
}

/// Options and groups.
pub(crate) fn values(words: &[String]) -> Values {
    let mut out = Values::default();
    for word in words {
        match word.strip_prefix(GROUP) {
            Some(group) => out.groups.insert(group.to_owned()),
            None => out.options.insert(word.clone()),
        };
    }
    out
}

/// What most teams do: a draft pull request when a task is ready for review, and a merge, once
/// everything that is required has passed, when it is done. That issues are closed and reopened is
/// no rule: state is kept the same.
pub(crate) fn common(status: &StatusSection) -> Vec<Rule> {
    let review = Rule::new("common-review", status.property.as_str())
        .enters([
            "Ready for Review",
            "Ready for review",
            "In Review",
            "In review",
        ])
        .then(Effect::OpenPull(OpenPull::default()));
    let dropped = |option: &str| {
        let word = option.to_lowercase();
        [
            "cancel",
            "drop",
            "reject",
            "duplicate",
            "won't",
            "wont",
            "not planned",
            "archive",
        ]
        .iter()
        .any(|sign| word.contains(sign))
    };
    let done = status.closed.iter().filter(|option| !dropped(option));
    let ship = Rule::new("common-ship", status.property.as_str())
        .enters(done.cloned())
        .then(Effect::Merge(Merge {
            ready: true,
            ..Merge::default()
        }));
    vec![review, ship]
}
