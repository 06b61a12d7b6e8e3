//! What people do in Notion.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use notion_sync_testkit::notion::{BlockView, NotionEmulator, NotionId};
use notion_sync_testkit::simulation::{origin, origins, word};
use serde_json::{Value, json};

use super::{Aim, People, chosen, lock, notion, nth, table};
use crate::scenario::deed::{Act, Deed};
use crate::scenario::text::{changed_page_blocks, new_page_blocks};

fn blocks_of(notion: &NotionEmulator, page: NotionId) -> Vec<BlockView> {
    fn walk(blocks: Vec<BlockView>, out: &mut Vec<BlockView>) {
        for mut block in blocks {
            let below = std::mem::take(&mut block.children);
            if !block.text.is_empty() && block.kind != "code" && origins(&block.text).is_empty() {
                out.push(block);
            }
            walk(below, out);
        }
    }
    let mut out = Vec::new();
    walk(notion.blocks(page), &mut out);
    out
}

/// The names of the elements of a set.
fn elements(value: Option<&Value>) -> Vec<String> {
    let parts = value.and_then(Value::as_array);
    let names = parts.into_iter().flatten();
    names
        .filter_map(|part| Some(part.get("name")?.as_str()?.to_owned()))
        .collect()
}

impl People {
    fn page(&self, act: Act, aim: Option<Aim>) -> Option<(NotionId, bool)> {
        if self.near.is_some() && aim.is_none() {
            let tasks = self.is_of_tasks(act);
            return self.near(tasks).map(|page| (page, tasks));
        }
        let notion = notion(&self.services);
        let rows = |tasks| notion.rows(notion.id(table(tasks)));
        if let Some(Aim::Page(page)) = aim {
            let tasks = rows(true).contains(&page);
            return (tasks || rows(false).contains(&page)).then_some((page, tasks));
        }
        let mut all = Vec::new();
        for tasks in [false, true] {
            if if tasks { self.tasks } else { self.documents } {
                all.extend(rows(tasks).into_iter().map(|page| (page, tasks)));
            }
        }
        nth(&all, act.pick)
    }

    pub(super) fn in_notion(
        &self,
        act: Act,
        aim: Option<Aim>,
        who: &str,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let unique = word(act.token);
        if act.deed == Deed::NewPage {
            return self.new_page(act, who, now);
        }
        if act.deed == Deed::RestorePage {
            let (page, _) = nth(&lock(&self.memory).trashed, act.pick)?;
            notion(&self.services)
                .person(who, now)
                .ok()?
                .restore(page)
                .ok()?;
            lock(&self.memory).trashed.retain(|(id, _)| *id != page);
            return Some(format!("restores page {page}"));
        }
        let (page, tasks) = self.page(act, aim)?;
        let place = format!("page {page}");
        let mut notion = notion(&self.services);
        let blocks = blocks_of(&notion, page);
        let block = nth(&blocks, act.pick / 7);
        let title = notion.title(page).unwrap_or_default();
        let properties = notion.properties(page);
        let body = notion.markdown(page);
        let whole = format!("{title} {properties:?} {body}");
        let mut person = notion.person(who, now).ok()?;
        // Where tasks have rules their status is what people change most.
        let often = matches!(
            act.deed,
            Deed::EditBlock | Deed::ExtendBlock | Deed::SetOwner | Deed::SetTags
        );
        let deed = if tasks && self.rules && often && act.pick % 5 < 3 {
            Deed::SetStatus
        } else {
            act.deed
        };
        if self.blocks
            && deed == act.deed
            && let Some(text) = changed_page_blocks(&body, act)
        {
            person.set_markdown(page, &text).ok()?;
            let text = notion.markdown(page);
            self.wrote(act, &place, &body, &text);
            return Some(format!("{title:?} ({page}) becomes {text:?}"));
        }
        match deed {
            Deed::EditBlock | Deed::ExtendBlock | Deed::RevertBlock => {
                let block = block?;
                let old = block.text;
                let text = match act.deed {
                    Deed::EditBlock => format!("Now it says {unique} here."),
                    Deed::ExtendBlock => format!("{old} And {unique}."),
                    _ => lock(&self.memory).blocks.get(&block.id)?.clone(),
                };
                person.edit_text(block.id, &text).ok()?;
                lock(&self.memory).blocks.insert(block.id, old.clone());
                self.wrote(act, &place, &old, &text);
                Some(format!("{title:?} ({page}): {old:?} becomes {text:?}"))
            }
            Deed::AddBlock => {
                let text = format!("Added {unique} below.");
                match block {
                    Some(block) => person.insert_after(block.id, &text).ok()?,
                    None => person.append(page, &text).ok()?,
                };
                self.wrote(act, &place, "", &text);
                Some(format!("{title:?} ({page}): adds {text:?}"))
            }
            Deed::RemoveBlock => {
                // A table keeps one row: rows go with the other blocks.
                let block = block.filter(|one| !self.blocks || one.kind != "table_row")?;
                person.trash(block.id).ok()?;
                // What is below it goes too.
                self.wrote(act, &place, &body, &notion.markdown(page));
                Some(format!("{title:?} ({page}): removes {:?}", block.text))
            }
            Deed::RenamePage => {
                let text = format!("Titled {unique}");
                person.rename(page, &text).ok()?;
                self.wrote(act, &place, &title, &text);
                Some(format!("{title:?} ({page}) is called {text:?}"))
            }
            Deed::SetOwner if !tasks && self.marks => {
                let old = properties.get("Owner").map(Value::to_string);
                let text = format!("Owner {unique}");
                person.set_property(page, "Owner", json!(text)).ok()?;
                self.wrote(act, &place, &old.unwrap_or_default(), &text);
                Some(format!("{title:?} ({page}): {text}"))
            }
            Deed::CommentPage if tasks => {
                person.comment(page, &format!("Said {unique}.")).ok()?;
                Some(format!("comments on {title:?} ({page})"))
            }
            Deed::SetTags => {
                let (name, options) = if tasks {
                    ("Labels", ["bug", "feature", "docs"])
                } else {
                    ("Tags", ["onboarding", "operations", "release"])
                };
                let chosen = chosen(&options, act.pick / 7);
                person.set_property(page, name, json!(chosen)).ok()?;
                let old = elements(properties.get(name));
                self.wrote(act, &place, &old.join(" "), &chosen.join(" "));
                Some(format!("{title:?} ({page}): {name} are {chosen:?}"))
            }
            Deed::AddTag if tasks || self.marks => {
                let name = if tasks { "Labels" } else { "Tags" };
                let mut all = elements(properties.get(name));
                all.push(unique.clone());
                person.set_property(page, name, json!(all)).ok()?;
                lock(&self.ledger).added(act.token, &place);
                Some(format!("{title:?} ({page}): {name} are {all:?}"))
            }
            Deed::SetStatus if tasks => {
                let status = nth(&["To do", "Doing", "Done", "Dropped"], act.pick / 7)?;
                person.set_property(page, "Status", json!(status)).ok()?;
                let mut statuses = lock(&self.statuses);
                let said = statuses.entry(page).or_default();
                said.push((now, status.to_owned()));
                Some(format!("{title:?} ({page}): {status}"))
            }
            Deed::SetAssignee if tasks => {
                let chosen = chosen(&["ada", "bob"], act.pick / 7);
                person.set_property(page, "Assignee", json!(chosen)).ok()?;
                Some(format!("{title:?} ({page}): assigned to {chosen:?}"))
            }
            Deed::TrashPage => {
                person.trash(page).ok()?;
                let mut memory = lock(&self.memory);
                memory.trashed.push((page, tasks));
                memory.ever_trashed.insert(page);
                drop(memory);
                self.wrote(act, &place, &whole, "");
                Some(format!("{title:?} ({page}) goes to the trash"))
            }
            Deed::CopyPage => {
                let copy = person.duplicate(page).ok()?;
                lock(&self.ledger).copied(&whole);
                Some(format!("{title:?} ({page}) is copied as {copy}"))
            }
            _ => None,
        }
    }

    fn new_page(&self, act: Act, who: &str, now: DateTime<Utc>) -> Option<String> {
        let tasks = self.is_of_tasks(act);
        let mut notion = notion(&self.services);
        let source = notion.id(table(tasks));
        let title = format!("Page {}", word(act.token));
        let mut values = BTreeMap::from([("Name".to_owned(), json!(title))]);
        if tasks {
            values.insert("Status".to_owned(), json!("To do"));
        }
        let some = match self.blocks {
            true => new_page_blocks(act),
            false => "Some text.".to_owned(),
        };
        let body = format!("Comes from {}.\n\n{some}", origin(act.token));
        let mut person = notion.person(who, now).ok()?;
        let page = person.create_page(source, &values, &body).ok()?;
        self.wrote(act, &format!("page {page}"), "", &title);
        Some(format!("makes the page {title:?} ({page})"))
    }
}
