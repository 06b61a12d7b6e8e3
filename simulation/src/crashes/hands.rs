//! What people do in the worlds of the matrix, and the words they write.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK};
use notion_sync_testkit::github::{GithubEmulator, Refusal};
use notion_sync_testkit::notion::{NotionId, Person, PersonError};
use notion_sync_testkit::simulation::{Failure, words};
use serde_json::{Value, json};

use crate::scenario::{Theatre, lock};

/// What becomes of something that people do.
pub(crate) type Done = Result<(), Failure>;

/// Something that people do before the engine looks again.
pub(crate) type Act = fn(&mut Hands<'_>) -> Done;

/// What people remember, by the name they gave it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    trashed: BTreeMap<String, NotionId>,
    of_pages: BTreeMap<String, NotionId>,
    of_issues: BTreeMap<String, u64>,
}

/// People in a world.
#[derive(Debug)]
pub(crate) struct Hands<'a> {
    pub(crate) theatre: &'a Theatre,
    pub(crate) memory: &'a mut Memory,
}

pub(crate) fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new("harness", error.to_string())
}

fn refused(refusal: &Refusal) -> Failure {
    broken(format!("{} {}", refusal.status, refusal.message))
}

impl Hands<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.theatre.stage.now()
    }

    /// What somebody who acted had read and what stands there now: words that are gone were seen.
    fn wrote(&self, place: &str, before: &str, after: &str) {
        let mut ledger = lock(&self.theatre.people.ledger);
        ledger.replaced(before, after);
        for token in words(after).difference(&words(before)) {
            ledger.born(*token, place);
        }
    }

    fn text_of(&self, page: NotionId) -> String {
        let notion = self.theatre.stage.notion();
        if !notion.is_alive(page) {
            return String::new();
        }
        let title = notion.title(page).unwrap_or_default();
        let properties = notion.properties(page);
        format!("{title} {properties:?} {}", notion.markdown(page))
    }

    fn with_page(
        &self,
        page: NotionId,
        work: impl FnOnce(&mut Person<'_>) -> Result<(), PersonError>,
    ) -> Done {
        let before = self.text_of(page);
        let stage = &self.theatre.stage;
        stage.in_notion("ada", work).map_err(broken)?;
        self.wrote(&format!("page {page}"), &before, &self.text_of(page));
        Ok(())
    }

    fn page(&self, title: &str) -> Result<NotionId, Failure> {
        self.theatre.stage.page(title).map_err(broken)
    }

    /// The block of a page that begins so gets another text.
    pub(crate) fn edit_block(&self, title: &str, begins: &str, text: &str) -> Done {
        let page = self.page(title)?;
        let block = self.theatre.stage.block(page, begins).map_err(broken)?;
        self.with_page(page, |ada| ada.edit_text(block, text))
    }

    /// A page gets another title.
    pub(crate) fn rename(&self, title: &str, to: &str) -> Done {
        let page = self.page(title)?;
        self.with_page(page, |ada| ada.rename(page, to))
    }

    /// A property of a page says this.
    pub(crate) fn set(&self, title: &str, property: &str, value: Value) -> Done {
        let page = self.page(title)?;
        self.with_page(page, |ada| ada.set_property(page, property, value))
    }

    /// A page goes to the trash.
    pub(crate) fn trash(&mut self, title: &str) -> Done {
        let page = self.page(title)?;
        self.memory.trashed.insert(title.to_owned(), page);
        self.theatre.people.remember_trash(page);
        self.with_page(page, |ada| ada.trash(page))
    }

    /// What went to the trash under this title comes back.
    pub(crate) fn restore(&mut self, title: &str) -> Done {
        let page = self.memory.trashed.get(title).copied();
        let page = page.ok_or_else(|| broken("it is not in the trash"))?;
        self.with_page(page, |ada| ada.restore(page))
    }

    /// Somebody comments on a page; the comment is remembered by its text.
    pub(crate) fn comment_page(&mut self, title: &str, text: &str) -> Done {
        let page = self.page(title)?;
        let stage = &self.theatre.stage;
        let said = stage.in_notion("ada", |ada| ada.comment(page, text));
        let said = said.map_err(broken)?;
        self.memory.of_pages.insert(text.to_owned(), said);
        Ok(())
    }

    /// A comment on a page gets another text, or goes.
    pub(crate) fn change_page_comment(&mut self, said: &str, text: Option<&str>) -> Done {
        let comment = self.memory.of_pages.get(said).copied();
        let comment = comment.ok_or_else(|| broken("no such comment"))?;
        let change = |ada: &mut Person<'_>| match text {
            Some(text) => ada.edit_comment(comment, text),
            None => ada.delete_comment(comment),
        };
        self.theatre.stage.in_notion("ada", change).map_err(broken)
    }

    /// A file of the handbook becomes what is made of it; `None` deletes it.
    pub(crate) fn file(&self, path: &str, change: impl FnOnce(&str) -> Option<String>) -> Done {
        let before = self.theatre.stage.file(path).unwrap_or_default();
        let after = change(&before);
        let stage = &self.theatre.stage;
        stage
            .push("ada", "Work", &[(path, after.as_deref())])
            .map_err(broken)?;
        let place = format!("file {path}");
        self.wrote(&place, &before, &after.unwrap_or_default());
        Ok(())
    }

    /// One line of a file that contains this says something else.
    pub(crate) fn edit_line(&self, path: &str, contains: &str, line: &str) -> Done {
        self.file(path, |text| {
            let lines = text
                .lines()
                .map(|old| if old.contains(contains) { line } else { old });
            Some(lines.collect::<Vec<_>>().join("\n") + "\n")
        })
    }

    /// Every open pull request of the handbook is merged by somebody who read it.
    pub(crate) fn merge_pulls(&self) -> Done {
        let stage = &self.theatre.stage;
        let everything = || {
            let github = stage.github();
            let files = github.files(HANDBOOK, "main").unwrap_or_default();
            files.into_values().collect::<String>()
        };
        for (number, pull) in stage.open_pulls() {
            let mut seen = everything();
            let head = pull.pull.map(|pull| pull.head).unwrap_or_default();
            let files = stage.github().files(HANDBOOK, &head).unwrap_or_default();
            seen.extend(files.into_values());
            stage.merge("ada", number).map_err(broken)?;
            lock(&self.theatre.people.ledger).replaced(&seen, &everything());
        }
        Ok(())
    }

    fn with_issue(
        &self,
        title: &str,
        work: impl FnOnce(&mut GithubEmulator, u64, DateTime<Utc>) -> Result<(), Refusal>,
    ) -> Done {
        let issues = self.theatre.stage.issues();
        let found = issues.into_iter().find(|(_, issue)| issue.title == title);
        let (number, issue) = found.ok_or_else(|| broken(format!("no issue {title:?}")))?;
        let text =
            |title: &str, body: Option<String>| format!("{title} {}", body.unwrap_or_default());
        let before = text(&issue.title, issue.body);
        let now = self.now();
        let mut github = self.theatre.stage.github();
        work(&mut github, number, now).map_err(|refusal| refused(&refusal))?;
        let after = github.issue(BACKLOG, number);
        drop(github);
        let after = after.map_or_else(String::new, |issue| text(&issue.title, issue.body));
        self.wrote(&format!("issue {number}"), &before, &after);
        Ok(())
    }

    /// An issue gets another title.
    pub(crate) fn retitle(&self, title: &str, to: &str) -> Done {
        self.with_issue(title, |github, number, now| {
            github.retitle(BACKLOG, number, "ada", to, now)
        })
    }

    /// The text of an issue says something else at one place.
    pub(crate) fn edit_issue(&self, title: &str, from: &str, to: &str) -> Done {
        self.with_issue(title, |github, number, now| {
            let issue = github.issue(BACKLOG, number);
            let body = issue.and_then(|issue| issue.body).unwrap_or_default();
            github.rewrite(BACKLOG, number, "ada", Some(&body.replace(from, to)), now)
        })
    }

    /// An issue is deleted, for good.
    pub(crate) fn delete_issue(&self, title: &str) -> Done {
        self.with_issue(title, |github, number, _| {
            github.delete_issue(BACKLOG, number)
        })
    }

    /// An issue has these labels.
    pub(crate) fn label(&self, title: &str, labels: &[&str]) -> Done {
        self.with_issue(title, |github, number, now| {
            github.label(BACKLOG, number, "ada", labels, now)
        })
    }

    /// Somebody comments on an issue; the comment is remembered by its text.
    pub(crate) fn comment_issue(&mut self, title: &str, text: &str) -> Done {
        let mut said = None;
        self.with_issue(title, |github, number, now| {
            said = Some(github.comment(BACKLOG, number, "bob", text, now)?);
            Ok(())
        })?;
        self.memory
            .of_issues
            .extend(said.map(|id| (text.to_owned(), id)));
        Ok(())
    }

    /// A comment on an issue gets another text, or goes.
    pub(crate) fn change_issue_comment(&mut self, said: &str, text: Option<&str>) -> Done {
        let comment = self.memory.of_issues.get(said).copied();
        let comment = comment.ok_or_else(|| broken("no such comment"))?;
        let now = self.now();
        let mut github = self.theatre.stage.github();
        let changed = match text {
            Some(text) => github.edit_comment(BACKLOG, comment, text, now),
            None => github.delete_comment(BACKLOG, comment, now),
        };
        changed.map_err(|refusal| refused(&refusal))
    }

    /// A status or stage of a task.
    pub(crate) fn stage(&self, title: &str, stage: &str) -> Done {
        self.set(title, "Stage", json!(stage))
    }
}
