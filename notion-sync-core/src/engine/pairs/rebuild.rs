//! The registry made again from the marks on both sides.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::audit::AuditEvent;
use crate::engine::observe::bind::Bound;
use crate::engine::observe::text;
use crate::engine::pairs::finding::Finding;
use crate::engine::pairs::findings::Comparison;
use crate::engine::pairs::identity::remember_marks;
use crate::engine::pairs::inventory::{Inventory, Stocktaking};
use crate::engine::pairs::marks::{self, Standing, bare, named_by_page};
use crate::engine::pairs::partners::held_back;
use crate::engine::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{MappingId, RecordId, RemoteRef};
use crate::mapping::View;
use crate::record::{Life, Record};
use crate::state::{Batch, MappingState, RecordState, SaveBody};

/// What a rebuild made of one mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rebuilt {
    /// The mapping.
    pub mapping: MappingId,
    /// Records that were there already and stay as they are.
    pub kept: usize,
    /// Pairs that got a record.
    pub pairs: Vec<RebuiltPair>,
    /// What is left for people: marks that name nothing, that contradict each other, copies.
    pub findings: Vec<Finding>,
}

/// A pair that was found by its marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RebuiltPair {
    /// Its record; the same id as before wherever the marks tell it.
    pub record: RecordId,
    /// The page's title.
    pub title: String,
    /// The page.
    pub page: RemoteRef,
    /// The file or issue.
    pub object: RemoteRef,
    /// Whether the page names the object.
    pub page_names: bool,
    /// Whether the object names the page.
    pub object_names: bool,
    /// Address of the page for people.
    pub page_url: Option<String>,
    /// Address of the object for people.
    pub object_url: Option<String>,
}

impl Engine {
    /// Makes a record for every pair whose marks name each other, or of which one side's marks name
    /// an object that nobody else claims. Writes to neither side and carries out no rule.
    ///
    /// A pair has no agreed version then: the next [`tick`](Self::tick) compares both sides and takes
    /// what is equal as agreed; what differs is a conflict under every policy, and nothing is
    /// overwritten. Records that are there already stay as they are; with some, `force` is needed.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when there are records and no `force`;
    /// [`Configuration`](ErrorKind::Configuration) for a mapping that is not configured; what listing
    /// and the store end with. Pairs that got their record keep it: with `force` it goes on.
    pub async fn rebuild(
        &self,
        mapping: &MappingId,
        force: bool,
        dry_run: bool,
    ) -> Result<Rebuilt> {
        const DURING: &str = "rebuild the registry";
        let binding = self.binding_of(mapping, DURING)?;
        let records = self.state().records(mapping).await?;
        if !records.is_empty() && !force {
            return Err(Error::new(ErrorKind::AlreadyExists, DURING)
                .with("mapping", mapping)
                .with("records", records.len())
                .message("the registry is not empty")
                .remedy("add --force to keep what is there and add only what is missing"));
        }
        let stored = self.state().mapping(mapping).await?;
        let bound = self.bind(binding, &stored.value).await?;
        let stock = &mut Stocktaking::default();
        let (inventory, mut records) = self.whole_inventory(binding, &bound, stock).await?;
        let kept = records.len();
        let pairs = self
            .rebuild_pairs(binding, &bound, &inventory, &mut records, dry_run)
            .await?;
        let duplicates = self.unseen_duplicates(&inventory, &records).await?;
        let job = Comparison {
            binding,
            inventory: &inventory,
            records: &records,
            carrying: BTreeSet::new(),
            busy: BTreeSet::new(),
            duplicates,
        };
        Ok(Rebuilt {
            mapping: mapping.clone(),
            kept,
            pairs,
            findings: job.findings(),
        })
    }

    async fn rebuild_pairs(
        &self,
        binding: &Binding,
        bound: &Bound,
        inventory: &Inventory,
        records: &mut Vec<Record>,
        dry_run: bool,
    ) -> Result<Vec<RebuiltPair>> {
        let kind = binding.mapping.kind;
        let mut owned: BTreeSet<RemoteRef> = BTreeSet::new();
        let mut waiting: BTreeMap<RemoteRef, RecordId> = BTreeMap::new();
        for record in records.iter() {
            match held_back(record) {
                Some((_, object)) => {
                    waiting.insert(object, record.id.clone());
                }
                None => owned.extend(record.notion.iter().chain(&record.github).cloned()),
            }
        }
        // Whatever names an object of a pair that is known is a copy of its partner.
        let owned_pages: BTreeSet<String> = owned.iter().map(|object| bare(&object.id)).collect();
        let owned_names: BTreeSet<_> = (inventory.others.iter())
            .filter(|view| owned.contains(&view.object))
            .flat_map(|view| marks::names_of(kind, view))
            .collect();
        let pages: Vec<&View> = (inventory.pages.iter())
            .filter(|page| !owned.contains(&page.object))
            .filter(|page| named_by_page(kind, page).is_disjoint(&owned_names))
            .collect();
        let others: Vec<&View> = (inventory.others.iter())
            .filter(|view| !owned.contains(&view.object))
            .filter(|view| {
                let named = view.marker.counterpart.as_deref();
                !named.is_some_and(|named| owned_pages.contains(&bare(named)))
            })
            .collect();
        let (page_is, _) = marks::pair(kind, &pages, &others);
        let mut taken = BTreeSet::new();
        let mut out = Vec::new();
        for (page, standing) in pages.iter().zip(&page_is) {
            let Standing::Paired(at, _) = standing else {
                continue;
            };
            let other = others[*at];
            let holders = [&page.object, &other.object].map(|object| waiting.get(object).cloned());
            let (mut state, released) = match holders {
                [Some(keep), other] => (
                    self.known_record(&keep, "rebuild the registry").await?,
                    other,
                ),
                [None, Some(keep)] => (
                    self.known_record(&keep, "rebuild the registry").await?,
                    None,
                ),
                [None, None] => {
                    let id = self.id_of_pair(binding, page, other, &taken).await?;
                    let record = Record::new(id, binding.mapping.id.clone());
                    (RecordState::new(record), None)
                }
            };
            let names = names_each_other(binding, page, other);
            self.adopt(&mut state, page, other);
            let record = &state.record;
            taken.insert(record.id.clone());
            if !dry_run {
                if let Some(other) = &released {
                    self.release(other).await?;
                }
                let row = self.decision(
                    record,
                    AuditEvent::Mapping,
                    "the pair was found by its marks".to_owned(),
                    &[
                        ("page", page.object.to_string()),
                        ("object", other.object.to_string()),
                    ],
                );
                let mut batch = Batch::default();
                batch.record_with_audit(&mut state, SaveBody::Yes, vec![row])?;
                self.state().commit(batch).await?;
            }
            let record = &state.record;
            out.push(RebuiltPair {
                record: record.id.clone(),
                title: record.title.clone(),
                page: page.object.clone(),
                object: other.object.clone(),
                page_names: names.0,
                object_names: names.1,
                page_url: page.url.clone(),
                object_url: other.url.clone(),
            });
            records.retain(|one| one.id != record.id && Some(&one.id) != released.as_ref());
            records.push(state.record);
        }
        if !dry_run {
            self.remember_schema(binding, bound).await?;
        }
        Ok(out)
    }

    /// The record of a pair that has no agreed version yet.
    fn adopt(&self, state: &mut RecordState, page: &View, other: &View) {
        let record = &mut state.record;
        record.notion = Some(page.object.clone());
        record.github = Some(other.object.clone());
        record.life = Life::Live;
        record.base = None;
        record.problem = None;
        record.held_since = None;
        record.title = text::title_of(page);
        record.path.clone_from(&other.place);
        record.urls = (page.url.clone(), other.url.clone());
        remember_marks(record, Some(page), Some(other));
        record.look_at = Some(self.now());
        state.body = None;
    }

    /// Which property is which field: names are resolved once, and the registry forgot them.
    async fn remember_schema(&self, binding: &Binding, bound: &Bound) -> Result<()> {
        let stored = self.state().mapping(&binding.mapping.id).await?;
        let mut next = MappingState::clone(&stored.value);
        bound.remember(&mut next, self.now());
        if next == *stored.value {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.mapping(&binding.mapping.id, &next, &stored)?;
        self.state().commit(batch).await
    }
}

fn names_each_other(binding: &Binding, page: &View, other: &View) -> (bool, bool) {
    let kind = binding.mapping.kind;
    let by_page = !named_by_page(kind, page).is_disjoint(&marks::names_of(kind, other));
    let named = other.marker.counterpart.as_deref();
    (
        by_page,
        named.is_some_and(|id| bare(id) == bare(&page.object.id)),
    )
}
