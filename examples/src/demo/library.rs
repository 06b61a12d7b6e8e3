//! Any folder of Markdown, taken through a first synchronisation and through edits on both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use notion_sync_core::id::Side;
use notion_sync_core::mapping::{FileMarker, Policy};
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_testkit::notion::{BlockView, NotionId};
use serde::Serialize;

use super::clone::Clone as GitClone;
use super::stage::{Calls, Outcome, Stage};
use super::terms::Terms;
use crate::emulation::{HANDBOOK, World};

/// What Ada adds to a paragraph in Notion.
const IN_NOTION: &str = " Read again by Ada.";
/// What Bob adds to a paragraph in the repository.
const ON_GITHUB: &str = " Checked by Bob.";

/// What came of a folder.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LibraryReport {
    /// Markdown files in the folder.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were not synchronised, and why.
    pub skipped: BTreeMap<String, String>,
    /// Pages that the first synchronisation made.
    pub pages: usize,
    /// Requests of the first synchronisation.
    pub first: Calls,
    /// Writes of a further synchronisation after everything had settled.
    pub further_writes: Vec<String>,
    /// Requests of that.
    pub further: Calls,
    /// Files that are not byte for byte what they were.
    pub changed: Vec<String>,
    /// Edits in Notion.
    pub in_notion: Option<EditReport>,
    /// Edits in a clone that were pushed.
    pub on_github: Option<EditReport>,
    /// What is wrong, one line each.
    pub faults: Vec<String>,
}

/// What came of edits on one side.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EditReport {
    /// Documents in which somebody edited one paragraph.
    pub documents: usize,
    /// Documents without a paragraph of plain text, which were passed over.
    pub passed_over: usize,
    /// Documents that changed on the other side, and only where they should.
    pub exact: usize,
    /// Commits that appeared.
    pub commits: usize,
    /// Trailers `Notion-Page-Id` in them.
    pub trailers: usize,
    /// Block writes to Notion.
    pub block_writes: usize,
    /// Blocks that kept their ids.
    pub blocks_kept: usize,
    /// Blocks of the edited pages before the edit.
    pub blocks: usize,
    /// Writes of a further synchronisation.
    pub further_writes: usize,
    /// Requests.
    pub calls: Calls,
}

/// A folder on a stage.
#[derive(Debug)]
pub struct Library {
    stage: Stage,
    originals: BTreeMap<String, Vec<u8>>,
    report: LibraryReport,
}

/// A paragraph of plain text that stands once in its file.
struct Spot {
    title: String,
    path: String,
    page: NotionId,
    block: NotionId,
    text: String,
}

fn markdown_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |path: &Path, error: std::io::Error| {
        Error::new(ErrorKind::Configuration, "read a folder of documents")
            .with("path", path.display())
            .message(error.to_string())
            .remedy("name a folder that can be read")
    };
    let mut found = Vec::new();
    let mut open = vec![(folder.to_path_buf(), 0)];
    while let Some((path, depth)) = open.pop() {
        let entries = std::fs::read_dir(&path).map_err(|error| failed(&path, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| failed(&path, error))?;
            // Links are not followed: they may lead round in a circle.
            let kind = entry.file_type().map_err(|error| failed(&path, error))?;
            let below = entry.path();
            if kind.is_dir() && depth < 64 {
                open.push((below, depth + 1));
            } else if kind.is_file() && below.extension().is_some_and(|end| end == "md") {
                found.push(below);
            }
        }
    }
    found.sort();
    Ok(found)
}

impl Library {
    /// Puts at most `most` Markdown files of a folder into a repository.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or holds no Markdown file.
    pub async fn load(folder: &Path, most: usize, store: Option<PathBuf>) -> Result<Self> {
        let mut originals = BTreeMap::new();
        let mut report = LibraryReport::default();
        let all = markdown_files(folder)?;
        if all.is_empty() {
            return Err(
                Error::new(ErrorKind::Configuration, "read a folder of documents")
                    .message(format!("no Markdown file below {}", folder.display()))
                    .remedy("name a folder with files that end in .md"),
            );
        }
        // A smaller run takes files from everywhere, not only the first folder.
        let step = all.len().div_ceil(most.max(1)).max(1);
        for path in all.into_iter().step_by(step) {
            let relative = path.strip_prefix(folder).unwrap_or(&path);
            let name = format!("docs/{}", relative.display());
            let bytes = std::fs::read(&path).map_err(|error| {
                Error::new(ErrorKind::Configuration, "read a document")
                    .with("path", path.display())
                    .message(error.to_string())
            })?;
            report.files += 1;
            report.bytes += bytes.len() as u64;
            originals.insert(name, bytes);
        }
        let mut world = World::team()?;
        if let Some(repository) = world.github.repositories.first_mut() {
            for (path, bytes) in &originals {
                if let Ok(text) = std::str::from_utf8(bytes) {
                    repository.files.insert(path.clone(), text.to_owned());
                }
            }
        }
        let terms = Terms {
            file_marker: FileMarker::None,
            ..Terms::documents(Policy::ManualReview).unguarded()
        };
        let stage = match store {
            Some(file) => Stage::in_file(world, terms, file)?,
            None => Stage::in_memory(world, terms).await?,
        };
        for (path, bytes) in &originals {
            if std::str::from_utf8(bytes).is_err() {
                let now = stage.now();
                stage
                    .github()
                    .commit_bytes(HANDBOOK, "main", "ada", "Add a file", path, bytes, now)
                    .map_err(|error| super::stage::refusal("load a document", &error))?;
            }
        }
        Ok(Self {
            stage,
            originals,
            report,
        })
    }

    /// What came of it so far.
    #[must_use]
    pub fn report(&self) -> &LibraryReport {
        &self.report
    }

    /// The stage.
    #[must_use]
    pub fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn fault(&mut self, text: String) {
        self.report.faults.push(text);
    }

    fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.fault(otherwise());
        }
    }

    fn complain(&mut self, outcome: &Outcome) {
        for error in &outcome.errors {
            self.fault(error.clone());
        }
        for guard in &outcome.guards {
            self.fault(guard.clone());
        }
        self.check(outcome.dead == 0, || {
            format!("{} operations were set aside", outcome.dead)
        });
    }

    /// The first synchronisation and a further one.
    ///
    /// # Errors
    ///
    /// When the store fails or nothing comes to rest.
    pub async fn first_sync(&mut self) -> Result<()> {
        let marks = self.stage.marks();
        let outcome = self.stage.settle().await?;
        self.report.first = self.stage.calls(marks);
        self.complain(&outcome);
        let records = self.stage.records().await?;
        let mut paired = BTreeSet::new();
        for record in &records {
            if let (Some(_), Some(path), None) =
                (&record.notion, &record.path, record.problem.as_ref())
            {
                paired.insert(path.clone());
            }
            if let (Some(path), Some(problem)) = (&record.path, &record.problem) {
                self.report
                    .skipped
                    .insert(path.clone(), problem.message.clone());
            }
        }
        for incident in &outcome.incidents {
            if !paired.contains(&incident.subject) && self.originals.contains_key(&incident.subject)
            {
                self.report
                    .skipped
                    .entry(incident.subject.clone())
                    .or_insert_with(|| incident.message.clone());
            }
        }
        for path in self.originals.keys().cloned().collect::<Vec<_>>() {
            let known = paired.contains(&path) || self.report.skipped.contains_key(&path);
            self.check(known, || format!("{path}: no page, and nobody says why"));
        }
        self.report.pages = {
            let notion = self.stage.notion();
            notion.rows(notion.id("handbook-pages")).len()
        };
        let pages = self.report.pages;
        self.check(pages == paired.len(), || {
            format!("{pages} pages for {} files", paired.len())
        });
        self.stage.pass(10);
        let marks = self.stage.marks();
        let outcome = self.stage.settle().await?;
        self.report.further = self.stage.calls(marks);
        self.complain(&outcome);
        self.report.further_writes = outcome
            .applied
            .iter()
            .map(|applied| applied.summary.clone())
            .collect();
        let writes = self.report.further_writes.len();
        self.check(writes == 0, || {
            format!("a further synchronisation wrote {writes} times")
        });
        self.compare_bytes();
        Ok(())
    }

    fn compare_bytes(&mut self) {
        for (path, bytes) in &self.originals {
            let now = self.stage.github().file(HANDBOOK, "main", path);
            if !matches!(now, Ok(Some(now)) if now == *bytes) {
                self.report.changed.push(path.clone());
            }
        }
        let changed = self.report.changed.len();
        self.check(changed == 0, || format!("{changed} files changed"));
    }

    /// Documents with a paragraph that can be edited and found again, spread over the library.
    async fn spots(&mut self, wanted: usize) -> Result<(Vec<Spot>, usize)> {
        let records = self.stage.live().await?;
        let mut spots = Vec::new();
        let mut without = 0;
        for record in records {
            let (Some(page), Some(path)) = (&record.notion, &record.path) else {
                continue;
            };
            let (Ok(page), Some(file)) = (page.id.parse::<NotionId>(), self.stage.file(path))
            else {
                continue;
            };
            let (blocks, markdown) = {
                let notion = self.stage.notion();
                (notion.blocks(page), notion.markdown(page))
            };
            let lines: BTreeSet<&str> = markdown.lines().collect();
            let spot = blocks.iter().find(|block| is_plain(block, &lines, &file));
            match spot {
                Some(block) => spots.push(Spot {
                    title: record.title.clone(),
                    path: path.clone(),
                    page,
                    block: block.id,
                    text: block.text.clone(),
                }),
                None => without += 1,
            }
        }
        spots.sort_by(|a, b| a.path.cmp(&b.path));
        let step = (spots.len() / wanted.max(1)).max(1);
        let chosen: Vec<Spot> = spots.into_iter().step_by(step).take(wanted).collect();
        Ok((chosen, without))
    }

    /// Somebody edits one paragraph in each of `wanted` pages.
    ///
    /// # Errors
    ///
    /// When the store fails or nothing comes to rest.
    pub async fn edit_in_notion(&mut self, wanted: usize) -> Result<()> {
        let (spots, passed_over) = self.spots(wanted).await?;
        let mut report = EditReport {
            documents: spots.len(),
            passed_over,
            ..EditReport::default()
        };
        let before: BTreeMap<String, String> = spots
            .iter()
            .filter_map(|spot| Some((spot.path.clone(), self.stage.file(&spot.path)?)))
            .collect();
        for spot in &spots {
            let text = format!("{}{IN_NOTION}", spot.text);
            self.stage
                .in_notion("ada", |ada| ada.edit_text(spot.block, &text))?;
        }
        let commits = self.stage.commits().len();
        let marks = self.stage.marks();
        let outcome = self.stage.settle().await?;
        report.calls = self.stage.calls(marks);
        self.complain(&outcome);
        let all = self.stage.commits();
        report.commits = all.len() - commits;
        for commit in all.iter().take(report.commits) {
            report.trailers += commit
                .message
                .lines()
                .filter(|line| line.starts_with("Notion-Page-Id: "))
                .count();
            let trailers = [
                "Notion-Editor: ",
                "Notion-Revision: ",
                "Sync-Run-Id: ",
                "Sync-Op: ",
            ];
            for trailer in trailers {
                let there = commit.message.contains(trailer);
                self.check(there, || format!("a commit has no trailer {trailer}"));
            }
        }
        for spot in &spots {
            let old = before.get(&spot.path).cloned().unwrap_or_default();
            let new = self.stage.file(&spot.path).unwrap_or_default();
            if is_insertion(&old, &new, IN_NOTION) {
                report.exact += 1;
            } else {
                let (removed, added) = super::story::line_changes(&old, &new);
                self.fault(format!(
                    "{} ({}): the edit shows as -{removed:?} +{added:?}",
                    spot.path, spot.title
                ));
            }
        }
        // Nothing else changed.
        let edited: BTreeSet<&String> = spots.iter().map(|spot| &spot.path).collect();
        let paths: Vec<String> = self.originals.keys().cloned().collect();
        for path in paths {
            let Some(bytes) = self.originals.get(&path) else {
                continue;
            };
            let now = self
                .stage
                .github()
                .file(HANDBOOK, "main", &path)
                .ok()
                .flatten();
            let same = now.as_ref() == Some(bytes);
            if edited.contains(&path) {
                if let Some(now) = now {
                    self.originals.insert(path, now);
                }
            } else {
                self.check(same, || format!("{path} changed, and nobody edited it"));
            }
        }
        self.check(report.commits == 1, || {
            format!(
                "{} commits for edits in Notion instead of one",
                report.commits
            )
        });
        report.further_writes = self.rest().await?;
        self.report.in_notion = Some(report);
        Ok(())
    }

    async fn rest(&mut self) -> Result<usize> {
        self.stage.pass(10);
        let outcome = self.stage.settle().await?;
        self.complain(&outcome);
        let writes = outcome.applied.len();
        self.check(writes == 0, || {
            format!(
                "the synchronisation after the edits wrote {writes} times: {:?}",
                outcome.applied.first()
            )
        });
        Ok(writes)
    }

    /// Somebody edits one paragraph in each of `wanted` files of a clone and pushes, with git.
    ///
    /// # Errors
    ///
    /// When git cannot be run, the store fails or nothing comes to rest.
    pub async fn edit_on_github(&mut self, wanted: usize, folder: &Path) -> Result<()> {
        let (spots, passed_over) = self.spots(wanted).await?;
        let mut report = EditReport {
            documents: spots.len(),
            passed_over,
            ..EditReport::default()
        };
        let mut before = BTreeMap::new();
        let clone = GitClone::make(&self.stage, HANDBOOK, "ada", folder).await?;
        for spot in &spots {
            let file = clone.read(&spot.path)?;
            let Some(end) = ending(&file, &spot.text) else {
                continue;
            };
            let (head, tail) = file.split_at(end);
            clone.write(&spot.path, &format!("{head}{ON_GITHUB}{tail}"))?;
            let blocks = flat(self.stage.notion().blocks(spot.page));
            report.blocks += blocks.len();
            before.insert(spot.path.clone(), blocks);
        }
        clone.push("Check some pages").await?;
        let marks = self.stage.marks();
        let outcome = self.stage.settle().await?;
        report.calls = self.stage.calls(marks);
        self.complain(&outcome);
        report.block_writes = self
            .stage
            .asked(marks)
            .iter()
            .filter(|line| {
                line.starts_with("notion ")
                    && line.contains("/v1/blocks/")
                    && !line.starts_with("notion GET")
            })
            .count();
        let to_github = outcome
            .applied
            .iter()
            .filter(|applied| applied.side == Side::Github)
            .count();
        self.check(to_github == 0, || {
            format!("a push was answered with {to_github} writes to GitHub")
        });
        for spot in &spots {
            let Some(old) = before.get(&spot.path) else {
                continue;
            };
            let new = flat(self.stage.notion().blocks(spot.page));
            let ids: BTreeSet<NotionId> = new.iter().map(|block| block.id).collect();
            report.blocks_kept += old.iter().filter(|block| ids.contains(&block.id)).count();
            match other_than_expected(old, &new, spot) {
                None => report.exact += 1,
                Some(why) => self.fault(format!("{} ({}): {why}", spot.path, spot.title)),
            }
        }
        let (kept, blocks) = (report.blocks_kept, report.blocks);
        self.check(kept == blocks, || {
            format!("{kept} of {blocks} blocks kept their ids")
        });
        report.further_writes = self.rest().await?;
        self.report.on_github = Some(report);
        Ok(())
    }
}

/// Whether a block is a paragraph of plain text that can be found in the file.
fn is_plain(block: &BlockView, lines: &BTreeSet<&str>, file: &str) -> bool {
    let plain = |c: char| {
        c.is_alphanumeric()
            || matches!(c, ' ' | ',' | '.' | '(' | ')' | ';' | '?' | '-' | '/' | '%')
    };
    block.kind == "paragraph"
        && block.children.is_empty()
        && block.text.chars().count() > 20
        && block
            .text
            .ends_with(|c: char| c.is_alphanumeric() || c == '.')
        && block.text.chars().all(plain)
        && lines.contains(block.text.as_str())
        && ending(file, &block.text).is_some()
}

/// Where a paragraph of this text ends in a file, if that can be told: its last words stand once in
/// the file, at the end of a line with nothing but a blank line or the end behind it.
fn ending(file: &str, text: &str) -> Option<usize> {
    let last = text.rsplitn(4, ' ').take(3).collect::<Vec<_>>();
    let last: Vec<&str> = last.into_iter().rev().collect();
    let words = last.join(" ");
    let mut found = file.match_indices(words.as_str());
    let (at, _) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let end = at + words.len();
    let rest = &file[end..];
    let alone = rest.is_empty()
        || ["\n\n", "\r\n\r\n"].iter().any(|gap| rest.starts_with(gap))
        || rest == "\n"
        || rest == "\r\n";
    alone.then_some(end)
}

/// Whether `new` is `old` with `inserted` at one place and nothing else.
fn is_insertion(old: &str, new: &str, inserted: &str) -> bool {
    if new.len() != old.len() + inserted.len() {
        return false;
    }
    new.match_indices(inserted).any(|(at, _)| {
        old.get(..at) == new.get(..at) && old.get(at..) == new.get(at + inserted.len()..)
    })
}

fn flat(blocks: Vec<BlockView>) -> Vec<BlockView> {
    let mut out = Vec::new();
    let mut open: Vec<BlockView> = blocks.into_iter().rev().collect();
    while let Some(mut block) = open.pop() {
        open.extend(std::mem::take(&mut block.children).into_iter().rev());
        out.push(block);
    }
    out
}

fn other_than_expected(old: &[BlockView], new: &[BlockView], spot: &Spot) -> Option<String> {
    if old.len() != new.len() {
        return Some(format!("{} blocks became {}", old.len(), new.len()));
    }
    for (old, new) in old.iter().zip(new) {
        let wanted = if old.id == spot.block {
            format!("{}{ON_GITHUB}", old.text)
        } else {
            old.text.clone()
        };
        if new.id != old.id || new.kind != old.kind {
            return Some(format!("the block {:?} was replaced", old.text));
        }
        if new.text != wanted {
            return Some(format!("a block says {:?} instead of {wanted:?}", new.text));
        }
        if old.id != spot.block && new.last_edited_by != old.last_edited_by {
            return Some(format!("the block {:?} was written without need", old.text));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insertion_is_told_from_other_changes() {
        assert!(is_insertion("a b\n", "a b X\n", " X"));
        assert!(!is_insertion("a b\n", "a b X", " X"));
        assert!(!is_insertion("a b\n", "A b X\n", " X"));
    }

    #[test]
    fn a_paragraph_ends_where_its_last_words_stand() {
        let file = "One two three\nfour five.\n\nNext.\n";
        assert_eq!(ending(file, "One two three four five."), None);
        assert_eq!(
            ending("x two three four.\n\ny", "one two three four."),
            Some(17)
        );
        assert_eq!(
            ending("two three four.\n\ntwo three four.\n", "two three four."),
            None
        );
    }
}
