//! Rules: when a property of a page changes into something, do something on GitHub.
//!
//! What can be a unit is a unit: closing an issue, labels, assignees are kept the same by value. A
//! rule is for what no value mirrors: open a draft pull request, merge it, comment, start a
//! workflow. Remotes show states and not transitions, so a rule keeps the last value it accepted
//! ([`Trigger`]); a settled value that differs is an edge, and an edge fires at most once, whatever
//! crashes or is delivered twice in between.
//!
//! ```
//! use notion_sync_core::effect::{Effect, Merge, OpenPull};
//! use notion_sync_core::rule::Rule;
//!
//! let review = Rule::new("review", "Status")
//!     .enters(["Ready for Review"])
//!     .then(Effect::OpenPull(OpenPull::default()));
//! let ship = Rule::new("ship", "Status")
//!     .enters(["Done", "Shipped"])
//!     .then(Effect::Merge(Merge::default()));
//! assert_eq!(review.steps.len() + ship.steps.len(), 2);
//! ```

mod trigger;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use trigger::{ActionState, Cause, Heard, RuleAction, Trigger};

use crate::effect::Effect;
use crate::hash::ContentHash;
use crate::remote::FieldSchema;
use crate::value::Value;

/// Values of a property: options by name, or all options of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Values {
    /// Options, texts, elements of a set; `true` and `false` of a checkbox; the empty text is no
    /// value.
    pub options: BTreeSet<String>,
    /// Groups of a status property.
    pub groups: BTreeSet<String>,
}

impl Values {
    /// Options by name.
    #[must_use]
    pub fn of<T: Into<String>>(options: impl IntoIterator<Item = T>) -> Self {
        Self {
            options: options.into_iter().map(Into::into).collect(),
            groups: BTreeSet::new(),
        }
    }

    /// Whether a value, or an element of it, is one of them. `schema` knows the groups.
    #[must_use]
    pub fn holds(&self, value: &Value, schema: Option<&FieldSchema>) -> bool {
        let said: BTreeSet<String> = match value {
            Value::Null => BTreeSet::from([String::new()]),
            Value::Bool(bit) => BTreeSet::from([bit.to_string()]),
            Value::Set(set) if set.is_empty() => BTreeSet::from([String::new()]),
            other => other.elements(),
        };
        said.iter().any(|one| {
            self.options.contains(one)
                || schema.is_some_and(|schema| {
                    schema.options.iter().any(|(option, group)| {
                        option == one
                            && group
                                .as_ref()
                                .is_some_and(|group| self.groups.contains(group))
                    })
                })
        })
    }
}

/// Which change fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// From none of the values to one of them.
    Enters(Values),
    /// From one of the values to none of them.
    Leaves(Values),
    /// Every change to one of the values, from another of them too.
    Is(Values),
    /// Every change.
    Changes,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name: what fired is remembered under it.
    pub id: String,
    /// Id or name of the property on Notion.
    pub on: String,
    /// Which change fires.
    pub when: When,
    /// Only from these values; `None` from any.
    #[serde(default)]
    pub from: Option<Values>,
    /// What is done, in order: each step waits for the one before.
    pub steps: Vec<Effect>,
    /// Whether a page that is created with such a value fires once it has its issue.
    #[serde(default)]
    pub fire_on_create: bool,
    /// Whether a change that the sync itself wrote fires.
    #[serde(default)]
    pub on_engine_write: bool,
    /// Hours that a step may wait for its precondition. Default 168, a week.
    #[serde(default = "week")]
    pub expires_hours: u32,
}

fn week() -> u32 {
    168
}

impl Rule {
    /// A rule without steps that fires when the property becomes anything it was not; give it a
    /// condition.
    pub fn new(id: impl Into<String>, property: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            on: property.into(),
            when: When::Enters(Values::default()),
            from: None,
            steps: Vec::new(),
            fire_on_create: false,
            on_engine_write: false,
            expires_hours: week(),
        }
    }

    /// Fires when the property becomes one of these and was none of them.
    #[must_use]
    pub fn enters<T: Into<String>>(mut self, options: impl IntoIterator<Item = T>) -> Self {
        self.when = When::Enters(Values::of(options));
        self
    }

    /// Fires when the property was one of these and is none of them.
    #[must_use]
    pub fn leaves<T: Into<String>>(mut self, options: impl IntoIterator<Item = T>) -> Self {
        self.when = When::Leaves(Values::of(options));
        self
    }

    /// Adds a step.
    #[must_use]
    pub fn then(mut self, effect: Effect) -> Self {
        self.steps.push(effect);
        self
    }

    /// Hash of everything that decides what it does: under another one nothing fires until a value
    /// was accepted.
    #[must_use]
    pub fn version(&self) -> ContentHash {
        ContentHash::of("nsync/rule/v1", self)
    }

    /// Whether a change fires.
    fn fires(&self, before: &Value, after: &Value, schema: Option<&FieldSchema>) -> bool {
        let from = self
            .from
            .as_ref()
            .is_none_or(|from| from.holds(before, schema));
        from && match &self.when {
            When::Enters(values) => values.holds(after, schema) && !values.holds(before, schema),
            When::Leaves(values) => values.holds(before, schema) && !values.holds(after, schema),
            When::Is(values) => values.holds(after, schema),
            When::Changes => before != after,
        }
    }

    /// Whether what was started may go on while the property says this.
    #[must_use]
    pub fn stands(&self, value: &Value, schema: Option<&FieldSchema>) -> bool {
        match &self.when {
            When::Enters(values) | When::Is(values) => values.holds(value, schema),
            When::Leaves(values) => !values.holds(value, schema),
            When::Changes => true,
        }
    }
}
