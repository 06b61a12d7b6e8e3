//! The task above a task: a page of the same data source, an issue of the same tracker.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::Side;
use crate::value::Value;

/// What the registry knows of objects that others name as their parents, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relatives {
    known: Vec<Relative>,
    by_page: BTreeMap<String, usize>,
    by_issue: BTreeMap<String, usize>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    /// Id of its page, where it has one.
    pub page: Option<String>,
    /// Id of its issue, where it has one.
    pub issue: Option<String>,
    /// What people call it.
    pub title: String,
    /// Whether it is kept the same. Not so any more after it was removed, or left the mapping.
    pub alive: bool,
}

/// Why a side cannot name a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unnamed {
    /// Its counterpart does not exist yet; a sentence for people.
    Awaited(String),
    /// It is nothing that the mapping keeps the same; a sentence for people.
    Outside(String),
    /// It is no single parent; a sentence for people.
    Unfit(String),
}

impl Relatives {
    /// Adds one. What is known already under one of its ids stays.
    pub fn add(&mut self, relative: Relative) {
        let at = self.known.len();
        if let Some(page) = &relative.page {
            self.by_page.entry(page.clone()).or_insert(at);
        }
        if let Some(issue) = &relative.issue {
            self.by_issue.entry(issue.clone()).or_insert(at);
        }
        self.known.push(relative);
    }

    fn find(&self, side: Side, id: &str) -> Option<&Relative> {
        let by = match side {
            Side::Notion => &self.by_page,
            Side::Github => &self.by_issue,
        };
        self.known.get(*by.get(id)?)
    }

    /// What a value says on both sides: the page where there is one, else the issue's own id, which
    /// is the id of no page. More than one page stays as it is: no issue has more than one parent.
    pub(super) fn project(&self, side: Side, value: &Value) -> Value {
        let ids = value.elements();
        let mut several = ids.iter();
        match (several.next(), several.next()) {
            (None, _) => Value::Null,
            (Some(_), Some(_)) => Value::Set(ids),
            (Some(id), None) => {
                let page = self
                    .find(side, id)
                    .and_then(|known| known.page.as_ref())
                    .filter(|_| side == Side::Github);
                Value::Text(page.unwrap_or(id).clone())
            }
        }
    }

    /// The value that names a parent on `side`.
    pub(super) fn inject(&self, side: Side, canonical: &Value) -> Result<Value, Unnamed> {
        let id = match canonical {
            Value::Set(pages) if pages.len() > 1 => {
                return Err(Unnamed::Unfit(format!(
                    "{} pages are named as the parent, and an issue has one parent: leave one of them",
                    pages.len()
                )));
            }
            one => match one.elements().into_iter().next() {
                Some(id) => id,
                None if side == Side::Notion => return Ok(Value::Set(BTreeSet::new())),
                None => return Ok(Value::Null),
            },
        };
        let known = (self.find(Side::Notion, &id)).or_else(|| self.find(Side::Github, &id));
        let Some(known) = known else {
            return Err(Unnamed::Outside(match side {
                Side::Github => format!(
                    "the parent {id} is no page of this mapping: the parent stays as it is on both \
                     sides"
                ),
                Side::Notion => format!(
                    "the parent issue {id} is not kept the same with a page: the parent stays as it \
                     is on both sides"
                ),
            }));
        };
        if !known.alive {
            return Err(Unnamed::Outside(format!(
                "the parent {:?} was removed or left the mapping: the parent stays as it is on both \
                 sides",
                known.title
            )));
        }
        match (side, &known.page, &known.issue) {
            (Side::Notion, Some(page), _) => Ok(Value::set([page.clone()])),
            (Side::Github, _, Some(issue)) => Ok(Value::Text(issue.clone())),
            _ => Err(Unnamed::Awaited(format!(
                "waits until its parent {:?} has {}",
                known.title,
                match side {
                    Side::Notion => "a page",
                    Side::Github => "an issue",
                }
            ))),
        }
    }

    /// A value as people read it: titles instead of ids.
    pub(super) fn show(&self, side: Side, value: &Value) -> Option<String> {
        let ids = value.elements();
        let titles: Vec<String> = ids
            .iter()
            .map(|id| match self.find(side, id) {
                Some(known) if !known.title.is_empty() => known.title.clone(),
                _ => id.clone(),
            })
            .collect();
        (!titles.is_empty()).then(|| titles.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relatives() -> Relatives {
        let mut relatives = Relatives::default();
        for (page, issue, alive) in [
            (Some("p1"), Some("9#1"), true),
            (Some("p2"), None, true),
            (None, Some("9#3"), true),
            (Some("p4"), Some("9#4"), false),
        ] {
            relatives.add(Relative {
                page: page.map(str::to_owned),
                issue: issue.map(str::to_owned),
                title: format!("Task {}", page.or(issue).unwrap_or_default()),
                alive,
            });
        }
        relatives
    }

    #[test]
    fn a_pair_says_the_same_on_both_sides() {
        let relatives = relatives();
        let (page, issue) = (Value::set(["p1"]), Value::text("9#1"));
        let said = relatives.project(Side::Notion, &page);
        assert_eq!(said, relatives.project(Side::Github, &issue));
        assert_eq!(relatives.inject(Side::Notion, &said), Ok(page));
        assert_eq!(relatives.inject(Side::Github, &said), Ok(issue));
        let nothing = relatives.project(Side::Notion, &Value::set::<&str>([]));
        assert_eq!(nothing, relatives.project(Side::Github, &Value::Null));
        assert_eq!(relatives.inject(Side::Github, &nothing), Ok(Value::Null));
    }

    #[test]
    fn what_has_no_counterpart_says_why() {
        let relatives = relatives();
        let inject = |from: Side, value: &Value| {
            relatives.inject(from.other(), &relatives.project(from, value))
        };
        let awaited = |from, value: &Value| matches!(inject(from, value), Err(Unnamed::Awaited(_)));
        let outside = |from, value: &Value| matches!(inject(from, value), Err(Unnamed::Outside(_)));
        assert!(awaited(Side::Notion, &Value::set(["p2"])));
        assert!(awaited(Side::Github, &Value::text("9#3")));
        assert!(outside(Side::Notion, &Value::set(["p4"])));
        assert!(outside(Side::Github, &Value::text("9#4")));
        assert!(outside(Side::Notion, &Value::set(["p9"])));
        assert!(outside(Side::Github, &Value::text("acme/other#1")));
        let two = Value::set(["p1", "p2"]);
        assert!(matches!(inject(Side::Notion, &two), Err(Unnamed::Unfit(_))));
        assert_eq!(
            relatives.show(Side::Notion, &two).as_deref(),
            Some("Task p1, Task p2")
        );
        assert_eq!(relatives.show(Side::Github, &Value::Null), None);
    }
}
