//! Whether both sides say the same, looked at without the engine's own eyes.
//!
//! Titles and fields are compared by value, texts by their words in order: both are read as they
//! stand on the services, and nothing of the conversion that the synchronisation uses takes part.

use std::collections::BTreeSet;

use notion_sync_core::Result;
use notion_sync_core::document::front_matter::{FrontMatter, Value as FrontValue};
use notion_sync_core::id::MappingId;
use notion_sync_core::record::{Life, Record};
use notion_sync_github::reference;
use notion_sync_testkit::notion::NotionId;
use serde::Serialize;
use serde_json::Value;

use super::stage::Stage;
use super::terms;
use crate::emulation::BACKLOG;

/// A pair and what differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Pair {
    /// Title of the page.
    pub title: String,
    /// Path of the file or number of the issue.
    pub counterpart: String,
    /// What differs; empty when nothing does.
    pub differences: Vec<String>,
}

/// What both sides hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Every pair.
    pub pairs: Vec<Pair>,
    /// Pages without a counterpart.
    pub lonely_pages: Vec<String>,
    /// Files and issues without a counterpart.
    pub lonely_counterparts: Vec<String>,
    /// Records that are held up, and why.
    pub waiting: Vec<String>,
}

impl Comparison {
    /// Whether both sides hold the same, all of it.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.pairs.iter().all(|pair| pair.differences.is_empty())
            && self.lonely_pages.is_empty()
            && self.lonely_counterparts.is_empty()
            && self.waiting.is_empty()
    }

    /// Everything that is not equal, one line each.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let pairs = self.pairs.iter().flat_map(|pair| {
            let name = format!("{} <-> {}", pair.title, pair.counterpart);
            pair.differences
                .iter()
                .map(move |difference| format!("{name}: {difference}"))
        });
        let pages = self
            .lonely_pages
            .iter()
            .map(|title| format!("the page {title:?} has no counterpart"));
        let others = self
            .lonely_counterparts
            .iter()
            .map(|name| format!("{name} has no page"));
        pairs
            .chain(pages)
            .chain(others)
            .chain(self.waiting.iter().cloned())
            .collect()
    }
}

/// What is written with letters and says what kind of block it is in: toggles, callouts, equations, and code whose
/// language one side has no name for.
const MARKS: [&str; 5] = [
    "{toggle=\"true\"}",
    "[!NOTE]",
    "```math\n",
    "```markdown\n",
    "```plain text\n",
];

/// The words of a text: letters and digits, without tags, comments and everything else.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        plain.push_str(&rest[..start]);
        let tag = &rest[start..];
        let end = if tag.starts_with("<!--") {
            tag.find("-->").map(|end| end + 3)
        } else {
            tag.find('>').map(|end| end + 1)
        };
        plain.push(' ');
        match end {
            Some(end) => rest = &tag[end..],
            None => {
                rest = &tag[1..];
            }
        }
    }
    plain.push_str(rest);
    // What keeps text of a page from acting on GitHub is no difference.
    plain.retain(|c| c != '\u{200b}');
    for mark in MARKS {
        plain = plain.replace(mark, " ");
    }
    // Nor is how a file numbers a list: readers see the items counted from the first. Where such a
    // number is no marker at all but text, the page may have it in the middle of a line.
    plain
        .split_whitespace()
        .filter(|word| !is_number_of_item(word))
        .flat_map(|word| word.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a word could be the number of a list item.
fn is_number_of_item(word: &str) -> bool {
    let digits = word.strip_suffix(['.', ')']).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn first_difference(notion: &[String], github: &[String]) -> Option<String> {
    if notion == github {
        return None;
    }
    let same = notion
        .iter()
        .zip(github)
        .take_while(|(a, b)| a == b)
        .count();
    let around = |words: &[String]| {
        let from = same.saturating_sub(2);
        words[from.min(words.len())..(same + 4).min(words.len())].join(" ")
    };
    Some(format!(
        "word {}: Notion says {:?}, GitHub says {:?}",
        same + 1,
        around(notion),
        around(github)
    ))
}

/// Title and body of a Markdown file, and its front matter.
fn parts(text: &str) -> (String, String, Option<FrontMatter>) {
    let front = FrontMatter::read(text).ok().flatten();
    let body = front.as_ref().map_or(text, |front| {
        text.get(front.span().end..).unwrap_or_default()
    });
    let titled = front.as_ref().and_then(|front| match front.get("title") {
        Some(FrontValue::Text(title)) => Some(title),
        _ => None,
    });
    if let Some(title) = titled {
        return (title, body.to_owned(), front);
    }
    let trimmed = body.trim_start();
    if let Some(rest) = trimmed.strip_prefix("# ") {
        let (title, body) = rest.split_once('\n').unwrap_or((rest, ""));
        return (title.trim().to_owned(), body.to_owned(), front);
    }
    (String::new(), body.to_owned(), front)
}

fn text_of(value: Option<&Value>) -> String {
    match value {
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| item.get("plain_text").and_then(Value::as_str))
            .collect(),
        _ => String::new(),
    }
}

fn names_of(value: Option<&Value>) -> BTreeSet<String> {
    let items = value.and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(|item| item.get("name").and_then(Value::as_str))
        .map(str::to_owned)
        .collect()
}

fn document(stage: &Stage, page: NotionId, path: &str, differences: &mut Vec<String>) -> String {
    let (title, markdown, properties) = {
        let notion = stage.notion();
        (
            notion.title(page).unwrap_or_default(),
            notion.markdown(page),
            notion.properties(page),
        )
    };
    let Some(text) = stage.file(path) else {
        differences.push("the file is not there".to_owned());
        return title;
    };
    let (file_title, body, front) = parts(&text);
    if !file_title.is_empty() && words(&file_title) != words(&title) {
        differences.push(format!(
            "title: Notion says {title:?}, GitHub says {file_title:?}"
        ));
    }
    differences.extend(first_difference(&words(&markdown), &words(&body)));
    let Some(front) = front else { return title };
    for (property, key) in [("Owner", "owner"), ("Tags", "tags")] {
        let notion: BTreeSet<String> = match property {
            "Tags" => names_of(properties.get(property)),
            _ => [text_of(properties.get(property))]
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect(),
        };
        let github: BTreeSet<String> = match front.get(key) {
            Some(FrontValue::Text(text)) if !text.is_empty() => [text].into(),
            Some(FrontValue::List(items)) => items
                .into_iter()
                .filter_map(|item| match item {
                    FrontValue::Text(text) => Some(text),
                    _ => None,
                })
                .collect(),
            _ => BTreeSet::new(),
        };
        if notion != github {
            differences.push(format!(
                "{key}: Notion says {notion:?}, GitHub says {github:?}"
            ));
        }
    }
    title
}

fn task(stage: &Stage, page: NotionId, number: u64, differences: &mut Vec<String>) -> String {
    let (title, markdown, properties, people) = {
        let notion = stage.notion();
        let people = ["ada", "bob"].map(|login| (notion.id(login).to_string(), login));
        (
            notion.title(page).unwrap_or_default(),
            notion.markdown(page),
            notion.properties(page),
            people,
        )
    };
    let Some(issue) = stage.github().issue(BACKLOG, number) else {
        differences.push("the issue is not there".to_owned());
        return title;
    };
    if issue.title != title {
        differences.push(format!(
            "title: Notion says {title:?}, GitHub says {:?}",
            issue.title
        ));
    }
    let body = issue.body.unwrap_or_default();
    let body = without_link(&body);
    differences.extend(first_difference(&words(&markdown), &words(&body)));
    let status = properties
        .get("Status")
        .and_then(|status| status.get("name"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    if matches!(status, "To do" | "Doing") != issue.open {
        differences.push(format!(
            "state: Notion says {status:?}, GitHub says open = {}",
            issue.open
        ));
    }
    let labels: BTreeSet<String> = issue.labels.into_iter().collect();
    let own = names_of(properties.get("Labels"));
    if labels != own {
        differences.push(format!(
            "labels: Notion says {own:?}, GitHub says {labels:?}"
        ));
    }
    let assignees: BTreeSet<String> = issue.assignees.into_iter().collect();
    let assigned: BTreeSet<String> = properties
        .get("Assignee")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|person| person.get("id").and_then(Value::as_str))
        .map(|id| {
            people
                .iter()
                .find(|(known, _)| known == id)
                .map_or_else(|| id.to_owned(), |(_, login)| (*login).to_owned())
        })
        .collect();
    if assignees != assigned {
        differences.push(format!(
            "assignees: Notion says {assigned:?}, GitHub says {assignees:?}"
        ));
    }
    title
}

/// An issue's text without the visible link to its page.
fn without_link(body: &str) -> String {
    body.lines()
        .filter(|line| !(line.contains("notion.com/") || line.contains("notion.so/")))
        .collect::<Vec<_>>()
        .join("\n")
}

fn number(record: &Record) -> Option<u64> {
    let issue = record.github.as_ref()?;
    let (_, number) = reference::parse_numbered(issue).ok()?;
    Some(number)
}

impl Stage {
    /// Compares everything that is mapped.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn compare(&mut self) -> Result<Comparison> {
        let records = self.records().await?;
        let documents = MappingId::new(terms::DOCUMENTS);
        let mut comparison = Comparison::default();
        let mut pages: BTreeSet<NotionId> = BTreeSet::new();
        let mut paths: BTreeSet<String> = BTreeSet::new();
        let mut numbers: BTreeSet<u64> = BTreeSet::new();
        for record in &records {
            let subject = if record.title.is_empty() {
                record.id.to_string()
            } else {
                record.title.clone()
            };
            if let Some(problem) = &record.problem {
                comparison
                    .waiting
                    .push(format!("{subject}: {}", problem.message));
            }
            for (unit, conflict) in &record.conflicts {
                comparison.waiting.push(format!(
                    "{subject}: conflict about {unit} since {}",
                    conflict.since
                ));
            }
            if matches!(record.life, Life::Detached | Life::Tombstone) {
                continue;
            }
            let page = record
                .notion
                .as_ref()
                .and_then(|page| page.id.parse::<NotionId>().ok());
            let Some(page) = page else {
                comparison
                    .waiting
                    .push(format!("{subject}: has no page yet"));
                continue;
            };
            let mut differences = Vec::new();
            pages.insert(page);
            let (title, counterpart) = if record.mapping == documents {
                let Some(path) = record.path.clone() else {
                    comparison
                        .waiting
                        .push(format!("{subject}: has no file yet"));
                    continue;
                };
                if record.github.is_none() {
                    comparison
                        .waiting
                        .push(format!("{subject}: has no file yet"));
                    continue;
                }
                paths.insert(path.clone());
                (document(self, page, &path, &mut differences), path)
            } else {
                let Some(number) = number(record) else {
                    comparison
                        .waiting
                        .push(format!("{subject}: has no issue yet"));
                    continue;
                };
                numbers.insert(number);
                (
                    task(self, page, number, &mut differences),
                    format!("issue {number}"),
                )
            };
            comparison.pairs.push(Pair {
                title,
                counterpart,
                differences,
            });
        }
        comparison.pairs.sort();
        if self.terms.documents.is_some() {
            let lonely = self
                .pages()
                .into_iter()
                .filter(|(_, id)| !pages.contains(id));
            comparison
                .lonely_pages
                .extend(lonely.map(|(title, _)| title));
            let files = self.github().files(crate::emulation::HANDBOOK, "main");
            let lonely = files
                .unwrap_or_default()
                .into_keys()
                .filter(|path| path.starts_with("docs/") && path.ends_with(".md"))
                .filter(|path| !paths.contains(path));
            comparison.lonely_counterparts.extend(lonely);
        }
        if self.terms.tasks.is_some() {
            let lonely = self
                .tasks()
                .into_iter()
                .filter(|(_, id)| !pages.contains(id));
            comparison
                .lonely_pages
                .extend(lonely.map(|(title, _)| title));
            let issues = self.issues();
            let lonely = issues.keys().filter(|number| !numbers.contains(number));
            let named = lonely.map(|number| format!("issue {number}"));
            comparison.lonely_counterparts.extend(named);
        }
        Ok(comparison)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_leave_marks_and_tags_out() {
        let words = words("<!-- a\nb -->**One**, <td>two</td> 3 < 4");
        assert_eq!(words, ["One", "two", "3", "4"]);
        assert_eq!(
            super::words("1. a\n 7) b 8. c\n3.5 d\n2024"),
            ["a", "b", "c", "3", "5", "d", "2024"]
        );
    }

    #[test]
    fn a_difference_names_its_place() {
        let (a, b) = (words("one two three"), words("one too three"));
        let said = first_difference(&a, &b).unwrap();
        assert!(
            said.starts_with("word 2: ") && said.contains("too"),
            "{said}"
        );
        assert_eq!(first_difference(&a, &a), None);
    }

    #[test]
    fn titles_stand_in_front_matter_or_in_the_heading() {
        let (title, body, _) = parts("---\ntitle: A\n---\n\n# B\n");
        assert_eq!((title.as_str(), body.trim()), ("A", "# B"));
        let (title, body, _) = parts("---\nowner: A\n---\n\n# B\ntext\n");
        assert_eq!((title.as_str(), body.trim()), ("B", "text"));
    }
}
