//! What the audit says of a request and its answer: which object, which fields, how much text, and what came
//! back. Never the text itself, nor the value of a field.

use std::collections::BTreeMap;

use crate::id::RemoteRef;
use crate::operation::Operation;
use crate::remote::{Ack, Action, ContentChange, NewContent, Update};

/// The details of the row about a write that was applied: the adapter's notes, and under `request` and `answer` one
/// line each.
pub(super) fn details(op: &Operation, ack: &Ack, traced: bool) -> BTreeMap<String, String> {
    let mut details = ack.notes.clone();
    details.insert("request".to_owned(), request(&op.write.action));
    details.insert("answer".to_owned(), answer(op, ack, traced));
    details
}

/// The details of the row about a write that will not be applied.
pub(in crate::engine) fn attempted(op: &Operation) -> BTreeMap<String, String> {
    [
        ("request".to_owned(), request(&op.write.action)),
        ("attempts".to_owned(), op.attempts.to_string()),
    ]
    .into()
}

/// What was asked for.
fn request(action: &Action) -> String {
    let (object, parts) = match action {
        Action::Create(create) => {
            let mut parts = named(create.fields.keys());
            parts.extend(match &create.content {
                NewContent::Empty => None,
                NewContent::Blocks(document) => Some(blocks(document.blocks.len())),
                NewContent::Text(text) => Some(bytes(text)),
            });
            parts.extend(create.place.as_ref().map(|place| format!("at {place}")));
            (None, parts)
        }
        Action::Update(update) => (Some(&update.object), changed(update)),
        Action::Remove { object, .. } | Action::Restore { object } => (Some(object), Vec::new()),
        Action::Propose(propose) => (None, vec![format!("branch {}", propose.branch)]),
        Action::Withdraw { proposal, reason } => (Some(proposal), vec![bytes(reason)]),
        Action::Comment { object, text } => (Some(object), vec![bytes(text)]),
        Action::Discuss(discuss) => (Some(&discuss.place), Vec::new()),
        Action::Effect(effect) => {
            let label = effect.request.effect.label();
            (effect.pull.as_ref(), vec![label])
        }
        Action::Flag {
            object, head, red, ..
        } => {
            let state = if *red { "failure" } else { "success" };
            (Some(object), vec![format!("{state} on {head}")])
        }
        Action::Bookkeep { object, fields } => (Some(object), named(fields.keys())),
    };
    let object = object.map(RemoteRef::to_string);
    let mut line: Vec<String> = vec![action.word().to_owned()];
    line.extend(object);
    line.extend((!parts.is_empty()).then(|| parts.join(", ")));
    line.join(" ")
}

fn changed(update: &Update) -> Vec<String> {
    let mut parts = named(update.fields.keys());
    parts.extend(update.content.as_ref().map(|content| match content {
        ContentChange::Blocks { expected, desired } => format!(
            "{} instead of {}",
            blocks(desired.blocks.len()),
            expected.blocks.len()
        ),
        ContentChange::Text { desired, .. } => bytes(desired),
    }));
    parts.extend(update.place.as_ref().map(|place| format!("to {place}")));
    parts.extend(named(update.bookkeeping.keys()));
    parts
}

/// What came back.
fn answer(op: &Operation, ack: &Ack, traced: bool) -> String {
    let mut line = Vec::new();
    line.push(if traced {
        format!("found applied after {} attempts", op.attempts)
    } else {
        format!("attempt {}", op.attempts)
    });
    if let Some(snapshot) = &ack.snapshot {
        line.push(format!(
            "{} revision {}",
            snapshot.object, snapshot.revision.token
        ));
    }
    line.extend((ack.links.iter()).map(|(role, object)| format!("{role} {object}")));
    line.extend((ack.refused.keys()).map(|field| format!("{field} refused")));
    line.join(", ")
}

/// Fields by their native keys. A service allows hundreds; a row of the audit names some.
fn named<'k>(keys: impl ExactSizeIterator<Item = &'k String>) -> Vec<String> {
    const MOST: usize = 20;
    let more = keys.len().saturating_sub(MOST);
    let mut out: Vec<String> = keys.take(MOST).cloned().collect();
    out.extend((more > 0).then(|| format!("{more} more")));
    out
}

fn blocks(count: usize) -> String {
    format!("{count} blocks")
}

fn bytes(text: &str) -> String {
    format!("{} bytes", text.len())
}
