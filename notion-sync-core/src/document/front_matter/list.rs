//! YAML lists with one item a line: items come and go, and the other lines stay as they are.

use std::collections::BTreeMap;

use super::{Value, yaml};
use crate::document::merge::sequence::matches_hashed;

/// An item and what stands in front of it.
struct Item<'s> {
    /// Comments and blank lines.
    lead: Vec<&'s str>,
    line: &'s str,
}

impl Item<'_> {
    /// What stays of it when it is removed.
    fn comments(self) -> impl Iterator<Item = String> {
        let comments = self.lead.into_iter().filter(|line| !line.trim().is_empty());
        comments.map(str::to_owned)
    }
}

/// The source of a value that was a list with one item a line, with other items.
///
/// Unchanged items keep their lines, and comments stay where they are, those of removed items too:
/// they may be about the items behind. Where an item takes several lines, all are written anew.
/// `None` where `source` is no such list, or an item cannot be written.
pub(super) fn edited(
    source: &str,
    before: &Value,
    items: &[Value],
    literal: bool,
    newline: &str,
) -> Option<String> {
    let indent = indent(source)?;
    let Value::List(before) = before else {
        return None;
    };
    let old = read(source, indent).filter(|old| old.len() == before.len());
    let kept: BTreeMap<usize, usize> = match &old {
        Some(_) => kept(before, items),
        None => BTreeMap::new(),
    };
    let mut old = old.unwrap_or_default().into_iter().enumerate().peekable();
    let mut lines: Vec<String> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let next = kept.range(at..).next();
        // What was removed before the next item that stays; a new item takes the place of one.
        let mut free = |lines: &mut Vec<String>| {
            let removed = old.next_if(|(was, _)| next.is_none_or(|(_, next)| was < next))?;
            lines.extend(removed.1.comments());
            Some(())
        };
        match next {
            Some((stays, _)) if *stays == at => {
                while free(&mut lines).is_some() {}
                let (_, item) = old.next()?;
                lines.extend(item.lead.iter().map(|line| (*line).to_owned()));
                lines.push(item.line.to_owned());
            }
            _ => {
                free(&mut lines);
                lines.push(format!("{indent}- {}", yaml::inline(item, literal)?));
            }
        }
    }
    lines.extend(old.flat_map(|(_, item)| item.comments()));
    let head = source.lines().next().unwrap_or_default().trim_end();
    let mut out = head.to_owned();
    for line in lines {
        out.push_str(newline);
        out.push_str(&line);
    }
    Some(out)
}

/// The items that were there before and stay, each with the number that it had.
fn kept(before: &[Value], items: &[Value]) -> BTreeMap<usize, usize> {
    let names = |values: &[Value]| -> Vec<Option<String>> {
        let name = |value: &Value| match value {
            Value::Text(text) | Value::Literal(text) => Some(text.clone()),
            _ => None,
        };
        values.iter().map(name).collect()
    };
    let pairs = matches_hashed(&names(before), &names(items)).into_iter();
    let same = pairs.filter(|(was, is)| {
        let pair = before.get(*was).zip(items.get(*is));
        pair.is_some_and(|(was, is)| was.same(is))
    });
    same.map(|(was, is)| (is, was)).collect()
}

/// The comment on the line of a key whose value starts on the next line.
pub(super) fn comment(source: &str) -> Option<&str> {
    let head = source.lines().next()?.trim();
    head.starts_with('#').then_some(head)
}

/// The indentation of a list with one item a line.
fn indent(source: &str) -> Option<&str> {
    let value = source.trim_start_matches([' ', '\t']);
    if !value.starts_with(['\n', '\r', '#', '-']) {
        return None;
    }
    let line = value.lines().find(|line| content(line).is_some())?;
    line.get(..line.len() - line.trim_start().len())
}

/// What an item says, with a comment behind it.
fn content(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix('-')?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start())
}

/// The items of a list, where each has one line.
fn read<'s>(source: &'s str, indent: &str) -> Option<Vec<Item<'s>>> {
    let mut out = Vec::new();
    let mut lead = Vec::new();
    for line in source.lines().skip(1) {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            lead.push(line);
            continue;
        }
        let said = line
            .strip_prefix(indent)
            .filter(|rest| rest.starts_with('-'));
        let said = said.and_then(content)?;
        // What looks like a comment below is the text of a block scalar.
        if said.starts_with(['|', '>']) {
            return None;
        }
        out.push(Item {
            lead: std::mem::take(&mut lead),
            line,
        });
    }
    Some(out)
}
