//! Both sides of a mapping listed in full: every object with its marks, without its text.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _};

use crate::engine::observe::bind::Bound;
use crate::engine::observe::text;
use crate::engine::{Binding, Engine};
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
pub(in crate::engine) struct Inventory {
    pub(in crate::engine) pages: Vec<View>,
    pub(in crate::engine) others: Vec<View>,
}

/// How far reading both sides of one mapping got. A call that an error ended goes on from here: what was
/// read is not read again, so that a comparison which needs more requests than a service allows in an
/// hour ends all the same.
#[derive(Debug, Default)]
pub struct Stocktaking {
    /// Sides that were read to the end.
    whole: BTreeMap<Side, Vec<View>>,
    /// The side that was listed and is being read.
    listed: Vec<Snapshot>,
    /// Of that side what was read, by place in the listing.
    read: BTreeMap<usize, View>,
}

impl Stocktaking {
    fn put_back(&mut self, inventory: Inventory) {
        self.whole.insert(Side::Notion, inventory.pages);
        self.whole.insert(Side::Github, inventory.others);
    }
}

impl Inventory {
    pub(in crate::engine) fn view(&self, side: Side, object: &RemoteRef) -> Option<&View> {
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
    async fn inventory(
        &self,
        binding: &Binding,
        bound: &Bound,
        stock: &mut Stocktaking,
    ) -> Result<Inventory> {
        for side in Side::BOTH {
            if stock.whole.contains_key(&side) {
                continue;
            }
            if stock.listed.is_empty() {
                let everything = ListRequest {
                    cursor: None,
                    full: true,
                };
                let listing = binding.remote(side).list(everything).await?;
                if !listing.complete {
                    return Err(Error::new(ErrorKind::Unavailable, "list everything")
                        .with("mapping", &binding.mapping.id)
                        .with("side", side)
                        .message("the listing is not whole")
                        .remedy("try again later"));
                }
                (stock.listed, stock.read) = (listing.items, BTreeMap::new());
            }
            let in_text = side == Side::Github
                && binding.mapping.kind == MappingKind::Documents
                && binding.mapping.file_marker == FileMarker::FrontMatter;
            let Stocktaking { listed, read, .. } = &mut *stock;
            let left: Vec<(usize, &Snapshot)> = (listed.iter().enumerate())
                .filter(|(at, _)| !read.contains_key(at))
                .collect();
            let mut views = stream::iter(left)
                .map(|(at, item)| async move {
                    let text = in_text && item.content == Content::NotRead;
                    if text && item.presence == Presence::Present {
                        let snapshot = binding.remote(side).read(&item.object, true).await?;
                        return Ok((at, self.marks_of(binding, bound, side, &snapshot)));
                    }
                    Ok((at, self.marks_of(binding, bound, side, item)))
                })
                .buffered(READERS);
            // One that is refused ends it: the others would be refused too.
            while let Some(view) = views.next().await {
                let (at, view): (usize, View) = view?;
                read.insert(at, view);
            }
            drop(views);
            let mut all: Vec<View> = (std::mem::take(read).into_values())
                .filter(|view| view.presence == Presence::Present)
                .collect();
            all.sort_by(|a, b| a.object.cmp(&b.object));
            stock.listed = Vec::new();
            stock.whole.insert(side, all);
        }
        let mut taken = std::mem::take(&mut stock.whole);
        let mut side = |side| taken.remove(&side).unwrap_or_default();
        Ok(Inventory {
            pages: side(Side::Notion),
            others: side(Side::Github),
        })
    }

    /// As [`inventory`](Self::inventory), with the marks that only comments show, and with the records as
    /// they are afterwards.
    pub(in crate::engine) async fn whole_inventory(
        &self,
        binding: &Binding,
        bound: &Bound,
        stock: &mut Stocktaking,
    ) -> Result<(Inventory, Vec<Record>)> {
        let mut inventory = self.inventory(binding, bound, stock).await?;
        let records = self.state().records(&binding.mapping.id).await?;
        match self.add_cards(binding, &mut inventory, &records).await {
            Ok(()) => Ok((inventory, records)),
            Err(error) => {
                stock.put_back(inventory);
                Err(error)
            }
        }
    }

    /// Marks of issues that no record owns and nothing else pairs, from the sync's own comments.
    async fn add_cards(
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
