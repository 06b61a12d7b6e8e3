//! What people did, for those who judge.

use chrono::{DateTime, Utc};
use notion_sync_testkit::notion::NotionId;
use serde_json::json;

use super::people::{People, lock, notion};

impl People {
    /// Whether anybody ever did anything to `page <id>` or `issue <number>`.
    pub(crate) fn touched(&self, object: &str) -> bool {
        self.first_touched(object).is_some()
    }

    /// When somebody first did something to `page <id>` or `issue <number>`.
    pub(crate) fn first_touched(&self, object: &str) -> Option<DateTime<Utc>> {
        let id = |text: &str| text.rsplit(' ').next().unwrap_or_default().to_owned();
        let id = id(object);
        let names = |said: &str| {
            let other = |at: char| !at.is_alphanumeric() && at != '-';
            let words: Vec<&str> = said.split(other).filter(|word| !word.is_empty()).collect();
            words
                .windows(2)
                .any(|two| two[1] == id && (two[0] == "issue" || id.len() > 20))
                || words
                    .first()
                    .is_some_and(|word| id.len() > 20 && *word == id)
        };
        let memory = lock(&self.memory);
        let first = memory.said.iter().find(|(_, said)| names(said));
        first.map(|(at, _)| *at)
    }

    /// Somebody makes a task's status this, after everything else.
    pub(crate) fn say(&self, page: NotionId, status: &str, now: DateTime<Utc>) -> Option<()> {
        let mut notion = notion(&self.services);
        let mut person = notion.person("ada", now).ok()?;
        person.set_property(page, "Status", json!(status)).ok()?;
        let mut statuses = lock(&self.statuses);
        let said = statuses.entry(page).or_default();
        said.push((now, status.to_owned()));
        Some(())
    }

    /// How often people made the status of a task one of these.
    pub(crate) fn said(&self, page: &str, values: &[String]) -> usize {
        self.said_at(page, values).len()
    }

    /// When people made the status of a task one of these.
    pub(crate) fn said_at(&self, page: &str, values: &[String]) -> Vec<DateTime<Utc>> {
        let statuses = lock(&self.statuses);
        let said = statuses.iter().filter(|(id, _)| id.to_string() == page);
        said.flat_map(|(_, said)| said)
            .filter(|(_, status)| values.contains(status))
            .map(|(at, _)| *at)
            .collect()
    }

    /// Whether people moved a page to the trash more often than once.
    pub(crate) fn trashed_again(&self, page: &str) -> bool {
        let ends = format!("({page}) goes to the trash");
        let memory = lock(&self.memory);
        (memory.said.iter())
            .filter(|(_, said)| said.ends_with(&ends))
            .count()
            > 1
    }

    /// Whether a page and an issue are but called the same.
    pub(crate) fn are_twins(&self, page: &str, number: u64) -> bool {
        let memory = lock(&self.memory);
        let mut twins = memory.twins.iter();
        twins.any(|(id, issue)| *issue == number && id.to_string() == page)
    }

    /// Somebody else moves a page to the trash.
    pub(crate) fn remember_trash(&self, page: NotionId) {
        lock(&self.memory).ever_trashed.insert(page);
    }

    /// Whether somebody ever moved a page to the trash.
    pub(crate) fn ever_trashed(&self, page: &str) -> bool {
        let memory = lock(&self.memory);
        (memory.ever_trashed.iter()).any(|trashed| trashed.to_string() == page)
    }

    /// Whether somebody moved a file with this origin that did not name its page yet, and somebody edited it: it may be
    /// known again neither by its name nor by its text.
    pub(crate) fn moved_and_edited(&self, origin: u32) -> bool {
        let memory = lock(&self.memory);
        let mut places = memory.moved.get(&origin).into_iter().flatten();
        places.any(|place| memory.files.contains_key(place))
    }
}
