//! The reconciliation job: compares the registry with every mark on both sides.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::observe::bind::Bound;
use crate::engine::observe::text;
use crate::engine::pairs::finding::{Finding, FindingKind, Remedy};
use crate::engine::pairs::identity::record_id;
use crate::engine::pairs::inventory::{Inventory, Stocktaking};
use crate::engine::pairs::marks::{
    self, Name, Standing, TWICE, bare, is_marked_page, named_by_page, names_of,
};
use crate::engine::pairs::partners::held_back;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::id::{MappingId, RemoteRef, Side};
use crate::mapping::{FileMarker, MappingKind, View};
use crate::operation::{OpState, Operation};
use crate::reconcile::is_closed;
use crate::record::{Duplicate, Life, Record};
use crate::remote::{Action, ProposalKind};

/// The bookkeeping of a page by which it names its counterpart.
const NAMING: [&str; 3] = ["url", "path", "number"];

const JOIN: &str = "take the wrong mark off, then join with `notion-sync link`";

impl Engine {
    /// Lists every page and every object on GitHub of a mapping and compares what they say about
    /// each other with the registry. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) for a mapping that is not configured; what
    /// listing ends with.
    pub async fn findings(&self, mapping: &MappingId) -> Result<Vec<Finding>> {
        self.findings_from(mapping, &mut Stocktaking::default())
            .await
    }

    /// As [`findings`](Self::findings), going on where an earlier call ended with an error. What was read
    /// by then stands in `stock`, which belongs to this mapping alone; a call that succeeds empties it.
    ///
    /// # Errors
    ///
    /// As [`findings`](Self::findings). [`RateLimited`](crate::ErrorKind::RateLimited) says when going on
    /// can help.
    pub async fn findings_from(
        &self,
        mapping: &MappingId,
        stock: &mut Stocktaking,
    ) -> Result<Vec<Finding>> {
        let binding = self.binding_of(mapping, "compare all marks")?;
        let stored = self.state().mapping(mapping).await?;
        let bound = self.bind(binding, &stored.value).await?;
        self.look_for_findings(binding, &bound, stock)
            .await
            .map(|(_, findings)| findings)
    }

    pub(in crate::engine) async fn look_for_findings(
        &self,
        binding: &Binding,
        bound: &Bound,
        stock: &mut Stocktaking,
    ) -> Result<(Inventory, Vec<Finding>)> {
        let (inventory, records) = self.whole_inventory(binding, bound, stock).await?;
        let mut carrying = BTreeSet::new();
        for record in &records {
            let silent = (record.github.as_ref())
                .and_then(|object| inventory.view(Side::Github, object))
                .is_some_and(|view| view.marker.counterpart.is_none());
            if silent && record.life == Life::Live {
                let operations = self.state().operations_of(&record.id).await?;
                if record.marked || carried(binding, record, &operations) {
                    carrying.insert(record.id.as_str().to_owned());
                }
            }
        }
        let duplicates = self.unseen_duplicates(&inventory, &records).await?;
        let mut busy = BTreeSet::new();
        for op in self.state().open_operations(&binding.mapping.id).await? {
            busy.insert(op.value.record.as_str().to_owned());
        }
        let job = Comparison {
            binding,
            inventory: &inventory,
            records: &records,
            carrying,
            busy,
            duplicates,
        };
        let findings = job.findings();
        Ok((inventory, findings))
    }
}

/// Whether the object on GitHub of a record was given a mark at some time.
fn carried(binding: &Binding, record: &Record, operations: &[Operation]) -> bool {
    let tasks = binding.mapping.kind == MappingKind::Tasks;
    if !tasks && binding.mapping.file_marker == FileMarker::None {
        return false;
    }
    if operations.is_empty() {
        // The registry was rebuilt. An issue of a page that was there first was made by the sync.
        let first =
            (record.notion.as_ref()).is_some_and(|page| record_id(binding, page) == record.id);
        return tasks && first;
    }
    operations
        .iter()
        .filter(|op| op.side == Side::Github && op.state == OpState::Done)
        .any(|op| match &op.write.action {
            Action::Create(_) => true,
            Action::Bookkeep { fields, .. } => fields.values().any(|value| !value.is_empty()),
            Action::Update(update) => update.content.is_some() && op.write.page.is_some(),
            Action::Propose(propose) => propose.kind == ProposalKind::Create,
            _ => false,
        })
}

/// Registry and inventory of one mapping.
pub(in crate::engine) struct Comparison<'a> {
    pub(in crate::engine) binding: &'a Binding,
    pub(in crate::engine) inventory: &'a Inventory,
    pub(in crate::engine) records: &'a [Record],
    /// Records whose object on GitHub has no mark and should.
    pub(in crate::engine) carrying: BTreeSet<String>,
    /// Records with writes under way.
    pub(in crate::engine) busy: BTreeSet<String>,
    /// Objects that no record owns and that a creation made besides another one, which is named too.
    pub(in crate::engine) duplicates: BTreeMap<RemoteRef, RemoteRef>,
}

impl Comparison<'_> {
    pub(in crate::engine) fn findings(&self) -> Vec<Finding> {
        let mut out = Vec::new();
        for record in self.records {
            if let Some(known) = &record.duplicate {
                self.of_duplicate(record, known, &mut out);
                continue;
            }
            match record.life {
                Life::Live if !self.busy.contains(record.id.as_str()) => {
                    self.of_pair(record, &mut out);
                }
                Life::Provisioning if record.copy => self.of_copy(record, &mut out),
                _ => {}
            }
        }
        self.of_the_rest(&mut out);
        out.sort_by(|a, b| {
            (a.kind, &a.record, &a.page, &a.object).cmp(&(b.kind, &b.record, &b.page, &b.object))
        });
        out
    }

    fn finding(
        &self,
        (kind, on): (FindingKind, Side),
        record: Option<&Record>,
        (page, object): (Option<&View>, Option<&View>),
        message: impl Into<String>,
        remedy: Remedy,
    ) -> Finding {
        let seen = |side: Side| record.and_then(|record| record.object(side).cloned());
        let title = (record.map(|record| record.title.clone()))
            .filter(|title| !title.is_empty())
            .or_else(|| page.or(object).map(text::title_of))
            .unwrap_or_default();
        Finding {
            mapping: self.binding.mapping.id.clone(),
            kind,
            side: on,
            record: record.map(|record| record.id.clone()),
            title,
            page: (page.map(|view| view.object.clone())).or_else(|| seen(Side::Notion)),
            object: (object.map(|view| view.object.clone())).or_else(|| seen(Side::Github)),
            page_url: (page.and_then(|view| view.url.clone()))
                .or_else(|| record.and_then(|record| record.urls.0.clone())),
            object_url: (object.and_then(|view| view.url.clone()))
                .or_else(|| record.and_then(|record| record.urls.1.clone())),
            message: message.into(),
            remedy,
        }
    }

    fn of_pair(&self, record: &Record, out: &mut Vec<Finding>) {
        let view =
            |side: Side| (record.object(side)).and_then(|object| self.inventory.view(side, object));
        let (page, object) = (view(Side::Notion), view(Side::Github));
        let decides = || {
            Remedy::Sync(
                "`notion-sync sync --full` looks for it and decides, see the audit".to_owned(),
            )
        };
        let both = (page, object);
        if page.is_none() && record.notion.is_some() {
            let what = "the page is not in the data source, or not shared any more";
            out.push(self.finding(
                (FindingKind::MissingOnNotion, Side::Notion),
                Some(record),
                both,
                what,
                decides(),
            ));
        }
        if object.is_none() && record.github.is_some() {
            let what = "the object is not on GitHub any more, or out of the mapping's reach";
            out.push(self.finding(
                (FindingKind::MissingOnGithub, Side::Github),
                Some(record),
                both,
                what,
                decides(),
            ));
        }
        let newer = [(Side::Notion, page), (Side::Github, object)]
            .into_iter()
            .find_map(|(side, view)| Some((side, view?.marker.newer_format.as_deref()?)));
        if let Some((side, version)) = newer {
            let what = format!("its mark has format {version}, which this program does not know");
            let how =
                Remedy::Person("update the program: until then the pair is only read".to_owned());
            out.push(self.finding(
                (FindingKind::UnknownMarker, side),
                Some(record),
                both,
                what,
                how,
            ));
            return;
        }
        let (Some(page), Some(object)) = (page, object) else {
            return;
        };
        self.mark_on_github(record, page, object, out);
        self.mark_on_page(record, page, object, out);
    }

    fn mark_on_github(&self, record: &Record, page: &View, object: &View, out: &mut Vec<Finding>) {
        let both = (Some(page), Some(object));
        match object.marker.counterpart.as_deref() {
            Some(named) if bare(named) == bare(&page.object.id) => {}
            Some(named) => {
                let there =
                    (self.inventory.pages.iter()).any(|view| bare(&view.object.id) == bare(named));
                let kind = if there {
                    FindingKind::WrongBackLink
                } else {
                    FindingKind::DanglingId
                };
                let what = format!("the object on GitHub names the page {named} instead");
                let how = "the registry says one thing and the mark another: put the right page id \
                           into the mark, or break the pair with `notion-sync link --remove`";
                let how = Remedy::Person(how.to_owned());
                out.push(self.finding((kind, Side::Github), Some(record), both, what, how));
            }
            None if self.carrying.contains(record.id.as_str()) => {
                let what = "the object on GitHub does not name its page any more";
                let how = match self.binding.mapping.kind {
                    MappingKind::Documents => "write the page's id into the file, in a commit",
                    MappingKind::Tasks => "write the hidden block into the issue",
                };
                let how = Remedy::Repair(how.to_owned());
                let kind = FindingKind::MissingBackLink;
                out.push(self.finding((kind, Side::Github), Some(record), both, what, how));
            }
            None => {}
        }
    }

    fn mark_on_page(&self, record: &Record, page: &View, object: &View, out: &mut Vec<Finding>) {
        let kind = self.binding.mapping.kind;
        let both = (Some(page), Some(object));
        let value = |key: &str| page.bookkeeping.get(key).map_or("", String::as_str);
        let wrote = |key: &str| record.bookkept.get(key).map_or("", String::as_str);
        let changed: Vec<&str> = (NAMING.into_iter())
            .filter(|key| !wrote(key).is_empty() && value(key) != wrote(key))
            .collect();
        if changed.is_empty() {
            return;
        }
        let again = || Remedy::Repair("write the properties of the page again".to_owned());
        if changed.iter().all(|key| value(key).is_empty()) {
            let what = format!("the page lacks {}", changed.join(", "));
            let found = FindingKind::MissingBackLink;
            out.push(self.finding((found, Side::Notion), Some(record), both, what, again()));
            return;
        }
        let own = names_of(kind, object);
        let others: BTreeMap<Name, &RemoteRef> = (self.inventory.others.iter())
            .filter(|view| view.object != object.object)
            .flat_map(|view| {
                names_of(kind, view)
                    .into_iter()
                    .map(|name| (name, &view.object))
            })
            .collect();
        let named = named_by_page(kind, page);
        if let Some(other) = named
            .iter()
            .find_map(|name| others.get(name).filter(|_| !own.contains(name)))
        {
            let what = format!("the page names {other} instead");
            let how = "the registry says one thing and the page another: correct the properties of \
                       the page, or break the pair with `notion-sync link --remove`";
            let how = Remedy::Person(how.to_owned());
            out.push(self.finding(
                (FindingKind::WrongBackLink, Side::Notion),
                Some(record),
                both,
                what,
                how,
            ));
        } else if named.iter().any(|name| !own.contains(name)) {
            let confirmed = match &object.marker.counterpart {
                Some(named) => bare(named) == bare(&page.object.id),
                None => true,
            };
            let how = if confirmed {
                again()
            } else {
                Remedy::Person(JOIN.to_owned())
            };
            let what = format!(
                "the page names something that is not there ({})",
                changed.join(", ")
            );
            out.push(self.finding(
                (FindingKind::DanglingId, Side::Notion),
                Some(record),
                both,
                what,
                how,
            ));
        }
    }

    /// A second object of one creation that is there and was not put away.
    fn of_duplicate(&self, record: &Record, known: &Duplicate, out: &mut Vec<Finding>) {
        let side = if record.notion.is_some() {
            Side::Notion
        } else {
            Side::Github
        };
        let seen = record.object(side);
        let Some(view) = seen.and_then(|object| self.inventory.view(side, object)) else {
            return;
        };
        let marked = view.marker.created_by.as_ref() == Some(&known.op);
        if record.life == Life::Detached || is_closed(Some(view)) || !marked {
            return;
        }
        let problem = record.problem.as_ref().filter(|problem| problem.drift);
        let how = match problem {
            Some(problem) => Remedy::Person(problem.message.clone()),
            None => removes_it(),
        };
        out.push(self.duplicate(Some(record), side, view, &known.of, how));
    }

    fn duplicate(
        &self,
        record: Option<&Record>,
        side: Side,
        view: &View,
        of: &RemoteRef,
        how: Remedy,
    ) -> Finding {
        let both = match side {
            Side::Notion => (Some(view), None),
            Side::Github => (None, Some(view)),
        };
        let what = format!("one creation made it besides {of}");
        self.finding((FindingKind::DuplicateClaim, side), record, both, what, how)
    }

    fn of_copy(&self, record: &Record, out: &mut Vec<Finding>) {
        let view =
            |side: Side| (record.object(side)).and_then(|object| self.inventory.view(side, object));
        let (page, object) = (view(Side::Notion), view(Side::Github));
        let marked = match (page, object) {
            (_, Some(object)) => object.marker.counterpart.is_some(),
            (Some(page), None) => is_marked_page(self.binding.mapping.kind, page),
            (None, None) => false,
        };
        if marked {
            out.push(self.copy(Some(record), page, object));
        }
    }

    fn copy(&self, record: Option<&Record>, page: Option<&View>, object: Option<&View>) -> Finding {
        let what = match (page, self.binding.mapping.kind) {
            (Some(_), _) => "the page carries the properties of another page",
            (None, MappingKind::Documents) => "the file carries the page id of another file",
            (None, MappingKind::Tasks) => "the issue carries the page id of another issue",
        };
        let how =
            Remedy::Repair("take the copied marks off; it is an object of its own then".to_owned());
        let side = if page.is_some() {
            Side::Notion
        } else {
            Side::Github
        };
        self.finding((FindingKind::Copy, side), record, (page, object), what, how)
    }

    /// Objects that no record owns, and those that only a record owns that waits for them.
    fn of_the_rest(&self, out: &mut Vec<Finding>) {
        let kind = self.binding.mapping.kind;
        let mut owned: BTreeMap<&RemoteRef, &Record> = BTreeMap::new();
        let mut waiting: BTreeMap<&RemoteRef, &Record> = BTreeMap::new();
        for record in self.records {
            let into = if held_back(record).is_some() {
                &mut waiting
            } else {
                &mut owned
            };
            for object in record.notion.iter().chain(&record.github) {
                into.insert(object, record);
            }
        }
        let page_owner: BTreeMap<String, &Record> = (owned.iter())
            .filter(|(object, record)| record.notion.as_ref() == Some(**object))
            .map(|(object, record)| (bare(&object.id), *record))
            .collect();
        let mut name_owner: BTreeMap<Name, &Record> = BTreeMap::new();
        for view in &self.inventory.others {
            if let Some(record) = owned.get(&view.object) {
                name_owner.extend(names_of(kind, view).into_iter().map(|name| (name, *record)));
            }
        }
        for (side, views) in [
            (Side::Notion, &self.inventory.pages),
            (Side::Github, &self.inventory.others),
        ] {
            for view in views {
                if let Some(of) = self.duplicates.get(&view.object) {
                    out.push(self.duplicate(None, side, view, of, removes_it()));
                }
            }
        }
        let strange = |view: &&View| {
            !owned.contains_key(&view.object) && !self.duplicates.contains_key(&view.object)
        };
        let mut pages = Vec::new();
        for page in self.inventory.pages.iter().filter(strange) {
            let original = named_by_page(kind, page)
                .iter()
                .find_map(|name| name_owner.get(name).copied())
                .filter(|record| record.notion.is_some());
            match original {
                Some(_) => {
                    out.push(self.copy(waiting.get(&page.object).copied(), Some(page), None));
                }
                None => pages.push(page),
            }
        }
        let mut others = Vec::new();
        for object in self.inventory.others.iter().filter(strange) {
            let owner = (object.marker.counterpart.as_deref())
                .and_then(|named| page_owner.get(&bare(named)));
            match owner {
                Some(owner) if owner.github.is_some() => {
                    out.push(self.copy(waiting.get(&object.object).copied(), None, Some(object)));
                }
                Some(_) => {}
                None => others.push(object),
            }
        }
        let (page_is, other_is) = marks::pair(kind, &pages, &others);
        for (page, standing) in pages.iter().zip(&page_is) {
            let record = waiting.get(&page.object).copied();
            let object = match standing {
                Standing::Paired(at, _) => Some(others[*at]),
                _ => None,
            };
            if let Some((kind, what, how)) =
                said(Side::Notion, standing, named_by_page(kind, page).is_empty())
            {
                out.push(self.finding(
                    (kind, Side::Notion),
                    record,
                    (Some(page), object),
                    what,
                    how,
                ));
            }
        }
        for (object, standing) in others.iter().zip(&other_is) {
            let record = waiting.get(&object.object).copied();
            if matches!(standing, Standing::Paired(..)) {
                continue;
            }
            if let Some((kind, what, how)) =
                said(Side::Github, standing, object.marker.counterpart.is_none())
            {
                out.push(self.finding(
                    (kind, Side::Github),
                    record,
                    (None, Some(object)),
                    what,
                    how,
                ));
            }
        }
    }
}

fn removes_it() -> Remedy {
    let what = "`notion-sync sync --full` removes it softly where nobody has worked on it, and says so where \
                somebody may have";
    Remedy::Sync(what.to_owned())
}

/// What the standing of an object without a pair means for people.
fn said(side: Side, standing: &Standing, silent: bool) -> Option<(FindingKind, String, Remedy)> {
    let person = |how: &str| Remedy::Person(how.to_owned());
    Some(match standing {
        Standing::Unmarked => return None,
        Standing::Paired(_, both) => (
            FindingKind::OrphanMarker,
            if *both {
                "page and object on GitHub name each other, and the registry knows no such pair"
            } else {
                "one of page and object on GitHub names the other, and the registry knows no such \
                 pair"
            }
            .to_owned(),
            Remedy::Sync(
                "`notion-sync link --rebuild`, or the next sync, makes the record".to_owned(),
            ),
        ),
        Standing::Copy(_) => (
            FindingKind::Copy,
            format!("it carries the marks of another object on {side}"),
            Remedy::Repair("take the copied marks off; it is an object of its own then".to_owned()),
        ),
        Standing::Contested(why) if *why == TWICE => (
            FindingKind::DuplicateClaim,
            (*why).to_owned(),
            person("nobody can tell which one is right: take the mark off the others"),
        ),
        Standing::Contested(why) => (FindingKind::WrongBackLink, (*why).to_owned(), person(JOIN)),
        Standing::Orphan if silent => (
            FindingKind::OrphanMarker,
            "the sync made it, and nothing names it".to_owned(),
            person(
                "join it with `notion-sync link`; or clear its `Sync Op`, and it is an object of its \
                 own",
            ),
        ),
        Standing::Orphan => (
            FindingKind::DanglingId,
            "it names a counterpart that is not there, or not shared".to_owned(),
            person(
                "share or restore the counterpart; or take the mark off, and it is an object of its own",
            ),
        ),
    })
}
