//! Comments of a model side: what people write, and the copies that the engine writes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use notion_sync_core::comment::{
    Card, Comments, Discuss, DiscussStep, FoundCard, RemoteComment, Said,
};
use notion_sync_core::id::{OpId, RemoteRef};
use notion_sync_core::remote::{Ack, Trace};
use notion_sync_core::{Error, ErrorKind, Result};

/// One comment as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelComment {
    /// Its id.
    pub id: u32,
    /// What it is written on: kind and id of the object.
    pub place: RemoteRef,
    /// Who wrote it.
    pub author: String,
    /// Its text.
    pub text: String,
    /// Whether its thread is resolved.
    pub resolved: bool,
    /// The operation that wrote it last, where the engine wrote it.
    pub marker: Option<OpId>,
    /// What it says, where it is the one that shows the state of the sync.
    pub card: Option<Card>,
    created: DateTime<Utc>,
    edited: DateTime<Utc>,
}

/// The comments of a model side.
#[derive(Debug, Default)]
pub(super) struct Talk {
    items: BTreeMap<u32, ModelComment>,
    next: u32,
    pub(super) forbidden: bool,
}

impl Talk {
    pub(super) fn write(
        &mut self,
        place: RemoteRef,
        author: &str,
        text: &str,
        marker: Option<OpId>,
        now: DateTime<Utc>,
    ) -> u32 {
        self.next += 1;
        let id = self.next;
        self.items.insert(
            id,
            ModelComment {
                id,
                place,
                author: author.to_owned(),
                text: text.to_owned(),
                resolved: false,
                marker,
                card: None,
                created: now,
                edited: now,
            },
        );
        id
    }

    pub(super) fn edit(&mut self, id: u32, text: &str, now: DateTime<Utc>) {
        if let Some(comment) = self.items.get_mut(&id) {
            text.clone_into(&mut comment.text);
            comment.edited = now;
        }
    }

    pub(super) fn delete(&mut self, id: u32) -> Option<ModelComment> {
        self.items.remove(&id)
    }

    pub(super) fn resolve(&mut self, id: u32, resolved: bool) {
        if let Some(comment) = self.items.get_mut(&id) {
            comment.resolved = resolved;
        }
    }

    pub(super) fn on(&self, place: &RemoteRef) -> Vec<ModelComment> {
        (self.items.values())
            .filter(|comment| comment.place == *place)
            .cloned()
            .collect()
    }

    fn refuse(&self) -> Result<()> {
        if self.forbidden {
            return Err(Error::new(ErrorKind::Forbidden, "use comments")
                .message("the connection lacks a capability"));
        }
        Ok(())
    }

    pub(super) fn list(&self, place: &RemoteRef) -> Result<Comments> {
        self.refuse()?;
        let items = (self.items.values())
            .filter(|comment| comment.place == *place && !comment.resolved)
            .map(shown)
            .collect();
        Ok(Comments {
            items,
            complete: true,
        })
    }

    pub(super) fn one(&self, object: &RemoteRef) -> Result<Option<RemoteComment>> {
        self.refuse()?;
        let id: u32 = object.id.parse().unwrap_or(0);
        Ok(self.items.get(&id).map(shown))
    }

    /// Carries out a write of the engine.
    pub(super) fn discuss(
        &mut self,
        op: &OpId,
        discuss: &Discuss,
        now: DateTime<Utc>,
    ) -> Result<Ack> {
        const DURING: &str = "write a comment";
        self.refuse()?;
        let id = match &discuss.step {
            DiscussStep::Post(said) => {
                let text = mirror(said);
                self.write(discuss.place.clone(), "sync", &text, Some(op.clone()), now)
            }
            DiscussStep::Card { known, card } => {
                let there = |one: &ModelComment| one.card.is_some() && one.place == discuss.place;
                let found = match known {
                    Some(known) => known.id.parse().ok(),
                    None => (self.items.values())
                        .find(|one| there(one))
                        .map(|one| one.id),
                };
                let id = match found {
                    Some(id) if !self.items.contains_key(&id) => {
                        return Ok(Ack {
                            notes: BTreeMap::from([("gone".to_owned(), "true".to_owned())]),
                            ..Ack::default()
                        });
                    }
                    Some(id) => id,
                    None => self.write(discuss.place.clone(), "sync", "", None, now),
                };
                if let Some(held) = self.items.get_mut(&id) {
                    held.text = format!("state of the sync, {}", card.page);
                    held.card = Some((**card).clone());
                    held.marker = Some(op.clone());
                    held.edited = now;
                }
                id
            }
            DiscussStep::Edit {
                comment, expected, ..
            }
            | DiscussStep::Delete { comment, expected } => {
                let id = comment.id.parse().unwrap_or(0);
                let Some(held) = self.items.get_mut(&id) else {
                    return match discuss.step {
                        DiscussStep::Delete { .. } => Ok(Ack::default()),
                        _ => Err(Error::new(ErrorKind::NotFound, DURING)),
                    };
                };
                if shown(held).hash() != *expected {
                    return Err(Error::new(ErrorKind::Stale, DURING));
                }
                if let DiscussStep::Edit { said, .. } = &discuss.step {
                    held.text = mirror(said);
                    held.marker = Some(op.clone());
                    held.edited = now;
                    id
                } else {
                    self.items.remove(&id);
                    return Ok(Ack::default());
                }
            }
        };
        Ok(self.items.get(&id).map(ack).unwrap_or_default())
    }

    /// What comments that show the state of the sync say on these objects.
    pub(super) fn cards(&self, objects: &[RemoteRef]) -> Vec<FoundCard> {
        (self.items.values())
            .filter(|one| objects.contains(&one.place))
            .filter_map(|one| {
                let card = one.card.as_ref()?;
                Some(FoundCard {
                    object: one.place.clone(),
                    page: card.page.clone(),
                    record: Some(card.record.clone()),
                })
            })
            .collect()
    }

    pub(super) fn trace(&self, op: &OpId, discuss: &Discuss) -> Trace {
        if let DiscussStep::Delete { comment, .. } = &discuss.step {
            let there = comment
                .id
                .parse()
                .is_ok_and(|id: u32| self.items.contains_key(&id));
            return if there {
                Trace::NotApplied
            } else {
                Trace::Applied(Ack::default())
            };
        }
        (self.items.values())
            .find(|comment| comment.marker.as_ref() == Some(op))
            .map_or(Trace::NotApplied, |comment| Trace::Applied(ack(comment)))
    }
}

/// What a copy says.
fn mirror(said: &Said) -> String {
    let about = (said.about.iter())
        .map(|about| format!(", {about}"))
        .collect::<String>();
    format!("{} ({}{about}): {}", said.author, said.side, said.text)
}

fn reference(comment: &ModelComment) -> RemoteRef {
    RemoteRef::new(
        comment.place.system.clone(),
        "comment",
        comment.id.to_string(),
    )
}

fn shown(comment: &ModelComment) -> RemoteComment {
    RemoteComment {
        object: reference(comment),
        place: comment.place.clone(),
        thread: Some(comment.id.to_string()),
        author: comment.author.clone(),
        text: comment.text.clone(),
        created_at: Some(comment.created),
        edited_at: Some(comment.edited),
        ours: comment.marker.is_some(),
        marker: comment.marker.clone(),
        url: None,
        about: (comment.place.kind == "pull")
            .then(|| format!("pull request #{}", comment.place.id)),
    }
}

fn ack(comment: &ModelComment) -> Ack {
    Ack {
        snapshot: None,
        notes: BTreeMap::from([("shown".to_owned(), shown(comment).hash().to_string())]),
        links: BTreeMap::from([("comment".to_owned(), reference(comment))]),
        ..Ack::default()
    }
}

/// The place of comments on a page.
pub(super) fn page(id: &str) -> RemoteRef {
    RemoteRef::new("notion", "page", id)
}

/// The place of comments on an issue.
pub(super) fn issue(number: u32) -> RemoteRef {
    RemoteRef::new("github", "issue", number.to_string())
}
