//! Both sides of a mapping listed in full: every object with its marks, without its text.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _};

use super::bind::Bound;
use super::text;
use super::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{RemoteRef, Side};
use crate::mapping::{BodyView, FileMarker, MappingKind, View};
use crate::record::Record;
use crate::remote::ListRequest;
use crate::snapshot::{Content, Presence, Snapshot};

/// How many files are read at once.
const READERS: usize = 4;

/// Everything that is there.
#[derive(Debug)]
pub(super) struct Inventory {
    pub(super) pages: Vec<View>,
    pub(super) others: Vec<View>,
}

impl Inventory {
    pub(super) fn view(&self, side: Side, object: &RemoteRef) -> Option<&View> {
        let all = match side {
            Side::Notion => &self.pages,
            Side::Github => &self.others,
        };
        (all.binary_search_by(|view| view.object.cmp(object)).ok()).map(|at| &all[at])
    }
}

impl Engine {
    /// Lists both sides. Pages and issues show their marks in the listing; the mark of a file stands
    /// in its text, so each file is read.
    ///
    /// # Errors
    ///
    /// What listing and reading end with; [`Unavailable`](ErrorKind::Unavailable) when a listing is
    /// not whole: what it lacks would pass for missing.
    pub(super) async fn inventory(&self, binding: &Binding, bound: &Bound) -> Result<Inventory> {
        let mut sides = Vec::new();
        for side in Side::BOTH {
            let listing = binding
                .remote(side)
                .list(ListRequest {
                    cursor: None,
                    full: true,
                })
                .await?;
            if !listing.complete {
                return Err(Error::new(ErrorKind::Unavailable, "list everything")
                    .with("mapping", &binding.mapping.id)
                    .with("side", side)
                    .message("the listing is not whole")
                    .remedy("try again later"));
            }
            let in_text = side == Side::Github
                && binding.mapping.kind == MappingKind::Documents
                && binding.mapping.file_marker == FileMarker::FrontMatter;
            let views: Vec<Result<View>> = stream::iter(listing.items)
                .map(|item| async move {
                    let read = in_text && item.content == Content::NotRead;
                    let snapshot = if read && item.presence == Presence::Present {
                        binding.remote(side).read(&item.object, true).await?
                    } else {
                        item
                    };
                    Ok(self.marks_of(binding, bound, side, &snapshot))
                })
                .buffered(READERS)
                .collect()
                .await;
            let mut all = Vec::with_capacity(views.len());
            for view in views {
                let view = view?;
                if view.presence == Presence::Present {
                    all.push(view);
                }
            }
            all.sort_by(|a, b| a.object.cmp(&b.object));
            sides.push(all);
        }
        let others = sides.pop().unwrap_or_default();
        let pages = sides.pop().unwrap_or_default();
        Ok(Inventory { pages, others })
    }

    /// Marks of issues that no record owns and nothing else pairs, from the sync's own comments.
    pub(super) async fn add_cards(
        &self,
        binding: &Binding,
        inventory: &mut Inventory,
        records: &[Record],
    ) -> Result<()> {
        let owned: BTreeSet<&RemoteRef> = (records.iter())
            .flat_map(|record| record.notion.iter().chain(&record.github))
            .collect();
        let pages: Vec<&View> = (inventory.pages.iter())
            .filter(|page| !owned.contains(&page.object))
            .collect();
        let mut others: Vec<&mut View> = (inventory.others.iter_mut())
            .filter(|view| !owned.contains(&view.object))
            .collect();
        self.read_cards(binding, &pages, &mut others).await
    }

    /// A view that keeps nothing of the text.
    fn marks_of(&self, binding: &Binding, bound: &Bound, side: Side, snapshot: &Snapshot) -> View {
        let place = snapshot.place.clone().filter(|_| side == Side::Github);
        let mut view = text::view(
            binding,
            bound,
            &self.bounds,
            side,
            snapshot,
            place.as_deref(),
        );
        view.body = BodyView::None;
        view.source = None;
        view.native = None;
        view
    }
}
