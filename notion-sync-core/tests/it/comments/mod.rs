//! Comments that follow to the other side: decisions, and people at random.

mod decisions;
mod people;

use notion_sync_core::comment::{CommentPair, Comments, PairState, RemoteComment, Seen, text_hash};
use notion_sync_core::id::{OpId, RemoteRef, Side};

pub(crate) fn place(side: Side) -> RemoteRef {
    match side {
        Side::Notion => RemoteRef::new("notion", "page", "p"),
        Side::Github => RemoteRef::new("github", "issue", "7"),
    }
}

pub(crate) fn reference(side: Side, id: u32) -> RemoteRef {
    let system = match side {
        Side::Notion => "notion",
        Side::Github => "github",
    };
    RemoteRef::new(system, "comment", format!("{id:04}"))
}

pub(crate) fn comment(side: Side, id: u32, text: &str, ours: bool) -> RemoteComment {
    RemoteComment {
        object: reference(side, id),
        place: place(side),
        thread: None,
        author: "Ada".to_owned(),
        text: text.to_owned(),
        created_at: None,
        edited_at: None,
        ours,
        marker: ours.then(|| OpId::from("op")),
        url: None,
        about: None,
    }
}

/// A comment on Notion with its mirror on GitHub, both as they were written.
pub(crate) fn pair(text: &str, mirror: &str) -> CommentPair {
    CommentPair {
        side: Side::Notion,
        origin: reference(Side::Notion, 1),
        place: place(Side::Notion),
        mirror: Some(reference(Side::Github, 1)),
        target: place(Side::Github),
        text: Some(text_hash(text)),
        shown: Some(text_hash(mirror)),
        state: PairState::Live,
        pending: None,
        again: false,
        voided: 0,
    }
}

pub(crate) fn seen(notion: Vec<RemoteComment>, github: Vec<RemoteComment>) -> Seen {
    let mut seen = Seen::default();
    for (side, items) in [(Side::Notion, notion), (Side::Github, github)] {
        let complete = true;
        seen.take(side, &place(side), Comments { items, complete });
    }
    seen
}
