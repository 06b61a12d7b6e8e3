//! What people do to issues and their comments.

use std::collections::BTreeMap;

use notion_sync_core::id::RemoteRef;
use notion_sync_core::value::Value;

use super::ModelRepository;
use crate::model::{ModelComment, PERSON, comments};

impl ModelRepository {
    /// A person opens an issue and gets its number.
    pub fn open_issue(&self, title: &str, text: &str) -> u32 {
        let now = self.clock.now();
        let fields = BTreeMap::from([
            ("title".to_owned(), Value::text(title)),
            ("state".to_owned(), Value::text("open")),
        ]);
        self.lock()
            .open(fields, text.to_owned(), (now, PERSON), None, None)
    }

    /// A person sets a field of an issue.
    pub fn set_issue(&self, number: u32, key: &str, value: Value) {
        let now = self.clock.now();
        if let Some(issue) = self.lock().issues.get_mut(&number) {
            issue.fields.insert(key.to_owned(), value);
            issue.updated = now;
        }
    }

    /// A person sets a field of an issue, and the issue's time of change stays as it was.
    pub fn set_issue_silently(&self, number: u32, key: &str, value: Value) {
        if let Some(issue) = self.lock().issues.get_mut(&number) {
            issue.fields.insert(key.to_owned(), value);
        }
    }

    /// A person edits the text of an issue.
    pub fn set_issue_text(&self, number: u32, text: &str) {
        let now = self.clock.now();
        if let Some(issue) = self.lock().issues.get_mut(&number) {
            text.clone_into(&mut issue.text);
            issue.updated = now;
        }
    }

    /// From now on neither listings nor a look for what a write did show an issue, or they do again.
    pub fn hide_issue(&self, number: u32, hidden: bool) {
        if let Some(issue) = self.lock().issues.get_mut(&number) {
            issue.hidden = hidden;
        }
    }

    /// The page that an issue names.
    #[must_use]
    pub fn issue_page(&self, number: u32) -> Option<String> {
        (self.lock().issues.get(&number)).and_then(|issue| issue.page.clone())
    }

    /// A person changes the page that an issue names, or removes the whole mark.
    pub fn set_issue_page(&self, number: u32, page: Option<&str>) {
        let now = self.clock.now();
        if let Some(issue) = self.lock().issues.get_mut(&number) {
            issue.page = page.map(str::to_owned);
            if page.is_none() {
                issue.created_by = None;
            }
            issue.updated = now;
        }
    }

    /// A person opens an issue with the body of another, its mark included.
    pub fn copy_issue(&self, number: u32) -> Option<u32> {
        let now = self.clock.now();
        let mut inner = self.lock();
        let source = inner.issues.get(&number).cloned()?;
        Some(inner.open(
            source.fields,
            source.text,
            (now, PERSON),
            source.page,
            source.created_by,
        ))
    }

    /// A field of an issue.
    #[must_use]
    pub fn issue(&self, number: u32, key: &str) -> Value {
        self.lock()
            .issues
            .get(&number)
            .and_then(|i| i.fields.get(key).cloned())
            .unwrap_or_default()
    }

    /// The text of an issue.
    #[must_use]
    pub fn issue_text(&self, number: u32) -> String {
        self.lock()
            .issues
            .get(&number)
            .map(|issue| issue.text.clone())
            .unwrap_or_default()
    }

    /// A person comments on an issue. Answers the comment's id.
    pub fn comment(&self, number: u32, author: &str, text: &str) -> u32 {
        let now = self.clock.now();
        let mut inner = self.lock();
        if let Some(issue) = inner.issues.get_mut(&number) {
            issue.updated = now;
        }
        (inner.talk).write(comments::issue(number), author, text, None, now)
    }

    /// A person comments on a pull request, which does not move its issue.
    pub fn comment_on_pull(&self, number: u32, author: &str, text: &str) -> u32 {
        let now = self.clock.now();
        let place = RemoteRef::new("github", "pull", number.to_string());
        self.lock().talk.write(place, author, text, None, now)
    }

    /// A person edits a comment, which does not move its issue.
    pub fn edit_comment(&self, id: u32, text: &str) {
        let now = self.clock.now();
        self.lock().talk.edit(id, text, now);
    }

    /// A person deletes a comment.
    pub fn delete_comment(&self, id: u32) {
        let now = self.clock.now();
        let mut inner = self.lock();
        let Some(gone) = inner.talk.delete(id) else {
            return;
        };
        let number: u32 = gone.place.id.parse().unwrap_or(0);
        if let Some(issue) = inner.issues.get_mut(&number) {
            issue.updated = now;
        }
    }

    /// While set, comments can neither be read nor written.
    pub fn forbid_comments(&self, forbidden: bool) {
        self.lock().talk.forbidden = forbidden;
    }

    /// What people and copies say on an issue, oldest first.
    #[must_use]
    pub fn discussion(&self, number: u32) -> Vec<ModelComment> {
        self.lock().talk.on(&comments::issue(number))
    }

    /// What the engine has to say on an issue besides.
    #[must_use]
    pub fn comments(&self, number: u32) -> Vec<String> {
        self.lock()
            .issues
            .get(&number)
            .map(|issue| {
                issue
                    .comments
                    .iter()
                    .map(|(_, text)| text.clone())
                    .collect()
            })
            .unwrap_or_default()
    }

    /// Numbers of all issues.
    #[must_use]
    pub fn numbers(&self) -> Vec<u32> {
        self.lock().issues.keys().copied().collect()
    }
}
