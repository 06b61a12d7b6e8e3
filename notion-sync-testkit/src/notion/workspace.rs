//! The store: everything by id, and the primitive changes to it.

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

use super::block::{Block, Content, NewBlock};
use super::id::NotionId;
use super::model::{Objects, Page, PageState, Parent};
use super::property::{Kind, PropertyValue, Values};
use super::text::{Mention, Rich, SpanKind};

/// No tree is followed deeper than this.
pub(crate) const DEEPEST: usize = 256;

/// Who changes something, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act {
    pub(crate) by: NotionId,
    pub(crate) at: DateTime<Utc>,
}

/// Where new blocks go among their siblings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Start,
    End,
    After(NotionId),
}

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    Page,
    Block,
    Database,
    Source,
}

/// One workspace.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) seed: u64,
    pub(crate) name: String,
    pub(crate) id: NotionId,
    counter: u64,
    /// How many changes were made; an unchanged count means that a request only read.
    pub(crate) changes: u64,
    /// How long earlier states stay visible to queries.
    pub(crate) lag: Duration,
    pub(crate) objects: Objects,
    /// Whether moving a page counts as an edit of it.
    pub(crate) move_is_edit: bool,
}

impl Workspace {
    pub(crate) fn new(seed: u64, name: &str, lag: Duration) -> Self {
        Self {
            seed,
            name: name.to_owned(),
            id: NotionId::derived(seed, "workspace"),
            counter: 0,
            changes: 0,
            lag,
            objects: Objects::default(),
            move_is_edit: false,
        }
    }

    /// A new id. The sequence depends on the seed alone.
    pub(crate) fn next_id(&mut self) -> NotionId {
        self.counter += 1;
        NotionId::derived(self.seed, &format!("object {}", self.counter))
    }

    /// A short id as properties and options have them, free of collisions with `taken`.
    pub(crate) fn next_short_id(&mut self, taken: impl Fn(&str) -> bool) -> String {
        const LETTERS: &[u8] = b"abcdefghijkLMNOPQRSTUVWXYZ:;<=>?@[]^_`{|}~\\";
        loop {
            let hex = self.next_id().hex();
            let id: String = (0..4)
                .filter_map(|n| u8::from_str_radix(hex.get(n * 2..n * 2 + 2)?, 16).ok())
                .filter_map(|byte| LETTERS.get(usize::from(byte) % LETTERS.len()))
                .map(|byte| char::from(*byte))
                .collect();
            if !taken(&id) {
                return id;
            }
        }
    }

    pub(crate) fn kind_of(&self, id: NotionId) -> Option<ObjectKind> {
        let o = &self.objects;
        if o.blocks.contains_key(&id) {
            Some(ObjectKind::Block)
        } else if o.pages.contains_key(&id) {
            Some(ObjectKind::Page)
        } else if o.databases.contains_key(&id) {
            Some(ObjectKind::Database)
        } else if o.sources.contains_key(&id) {
            Some(ObjectKind::Source)
        } else {
            None
        }
    }

    /// What the object stands in; `None` at the top of the workspace or for an unknown id.
    pub(crate) fn above(&self, id: NotionId) -> Option<NotionId> {
        let o = &self.objects;
        if let Some(block) = o.blocks.get(&id) {
            return Some(block.parent);
        }
        if let Some(source) = o.sources.get(&id) {
            return Some(source.database);
        }
        let parent = match (o.pages.get(&id), o.databases.get(&id)) {
            (Some(page), _) => page.state.parent,
            (None, Some(database)) => database.parent,
            (None, None) => return None,
        };
        match parent {
            Parent::Workspace => None,
            Parent::Page(id) | Parent::Block(id) | Parent::Source(id) => Some(id),
        }
    }

    /// The object and everything above it, nearest first.
    pub(crate) fn lineage(&self, id: NotionId) -> impl Iterator<Item = NotionId> {
        std::iter::successors(Some(id), |id| self.above(*id)).take(DEEPEST * 4)
    }

    /// The page a block stands on; a page is its own.
    pub(crate) fn page_of(&self, id: NotionId) -> Option<NotionId> {
        self.lineage(id)
            .find(|id| self.objects.pages.contains_key(id))
    }

    fn trashed_itself(&self, id: NotionId) -> bool {
        let o = &self.objects;
        o.blocks.get(&id).is_some_and(|block| block.in_trash)
            || o.pages.get(&id).is_some_and(|page| page.state.in_trash)
            || o.databases
                .get(&id)
                .is_some_and(|database| database.in_trash)
            || o.sources.get(&id).is_some_and(|source| source.in_trash)
    }

    /// Whether the object or anything above it is in the trash.
    pub(crate) fn in_trash(&self, id: NotionId) -> bool {
        self.lineage(id).any(|id| self.trashed_itself(id))
    }

    /// Whether connections can see the object: the nearest flag above it decides.
    pub(crate) fn is_shared(&self, id: NotionId) -> bool {
        let o = &self.objects;
        self.lineage(id)
            .find_map(|id| {
                o.pages
                    .get(&id)
                    .and_then(|page| page.shared)
                    .or_else(|| o.databases.get(&id).and_then(|database| database.shared))
            })
            .unwrap_or(true)
    }

    /// The children of a page or block, trashed ones included.
    pub(crate) fn children(&self, id: NotionId) -> &[NotionId] {
        let o = &self.objects;
        match (o.blocks.get(&id), o.pages.get(&id)) {
            (Some(block), _) => &block.children,
            (None, Some(page)) => &page.children,
            (None, None) => &[],
        }
    }

    /// The children that are not in the trash.
    pub(crate) fn living_children(&self, id: NotionId) -> impl Iterator<Item = NotionId> {
        self.children(id)
            .iter()
            .copied()
            .filter(|id| !self.trashed_itself(*id))
    }

    pub(crate) fn children_mut(&mut self, id: NotionId) -> Option<&mut Vec<NotionId>> {
        let o = &mut self.objects;
        match (o.blocks.get_mut(&id), o.pages.get_mut(&id)) {
            (Some(block), _) => Some(&mut block.children),
            (None, Some(page)) => Some(&mut page.children),
            (None, None) => None,
        }
    }

    /// Takes an id out of whatever list of children holds it.
    pub(crate) fn detach(&mut self, id: NotionId) {
        if let Some(above) = self.above(id)
            && let Some(children) = self.children_mut(above)
        {
            children.retain(|child| *child != id);
        }
    }

    /// Puts ids into the children of `parent`.
    pub(crate) fn attach(&mut self, parent: NotionId, place: Place, ids: &[NotionId]) {
        let Some(children) = self.children_mut(parent) else {
            return;
        };
        let at = match place {
            Place::Start => 0,
            Place::End => children.len(),
            Place::After(sibling) => children
                .iter()
                .position(|id| *id == sibling)
                .map_or(children.len(), |index| index + 1),
        };
        children.splice(at..at, ids.iter().copied());
    }

    /// Changes a page and keeps the earlier state for as long as queries lag.
    pub(crate) fn edit_page<T>(
        &mut self,
        id: NotionId,
        act: Act,
        change: impl FnOnce(&mut PageState) -> T,
    ) -> Option<T> {
        let lag = self.lag;
        let page = self.objects.pages.get_mut(&id)?;
        remember(page, act.at, lag);
        let out = change(&mut page.state);
        page.state.edited_at = act.at;
        page.state.edited_by = act.by;
        self.changes += 1;
        Some(out)
    }

    /// Changes a page without counting it as an edit.
    pub(crate) fn alter_page(
        &mut self,
        id: NotionId,
        at: DateTime<Utc>,
        change: impl FnOnce(&mut PageState),
    ) {
        let lag = self.lag;
        if let Some(page) = self.objects.pages.get_mut(&id) {
            remember(page, at, lag);
            change(&mut page.state);
            self.changes += 1;
        }
    }

    /// Marks the page of a block, and the page itself, as edited.
    pub(crate) fn touch(&mut self, id: NotionId, act: Act) {
        if let Some(page) = self.page_of(id) {
            self.edit_page(page, act, |_| ());
        }
    }

    /// Stores blocks with everything below them; gives the ids of the first level.
    pub(crate) fn store_blocks(
        &mut self,
        parent: NotionId,
        blocks: Vec<NewBlock>,
        act: Act,
    ) -> Vec<NotionId> {
        let mut ids = Vec::with_capacity(blocks.len());
        for block in blocks {
            ids.push(self.store_block(parent, block, act, 0));
        }
        self.changes += 1;
        ids
    }

    fn store_block(&mut self, parent: NotionId, new: NewBlock, act: Act, depth: usize) -> NotionId {
        let id = self.next_id();
        self.objects.blocks.insert(
            id,
            Block {
                parent,
                content: new.content,
                children: Vec::new(),
                created_at: act.at,
                created_by: act.by,
                edited_at: act.at,
                edited_by: act.by,
                in_trash: false,
            },
        );
        if depth < DEEPEST {
            let children: Vec<NotionId> = new
                .children
                .into_iter()
                .map(|child| self.store_block(id, child, act, depth + 1))
                .collect();
            if let Some(block) = self.objects.blocks.get_mut(&id) {
                block.children = children;
            }
        }
        id
    }

    /// Stores blocks and puts them in place: an edit of the page.
    pub(crate) fn insert_blocks(
        &mut self,
        parent: NotionId,
        place: Place,
        blocks: Vec<NewBlock>,
        act: Act,
    ) -> Vec<NotionId> {
        let ids = self.store_blocks(parent, blocks, act);
        self.attach(parent, place, &ids);
        self.touch(parent, act);
        ids
    }

    /// Changes one block.
    pub(crate) fn edit_block(
        &mut self,
        id: NotionId,
        act: Act,
        change: impl FnOnce(&mut Block),
    ) -> bool {
        let Some(block) = self.objects.blocks.get_mut(&id) else {
            return false;
        };
        change(block);
        block.edited_at = act.at;
        block.edited_by = act.by;
        self.changes += 1;
        self.touch(id, act);
        true
    }

    /// A page that comes back although the block it stood in is gone comes back to the page.
    fn leave_trashed_block(&mut self, id: NotionId, act: Act) {
        let Some(Parent::Block(above)) = self.objects.pages.get(&id).map(|p| p.state.parent) else {
            return;
        };
        let gone = self
            .lineage(above)
            .take_while(|id| self.objects.blocks.contains_key(id))
            .any(|id| self.trashed_itself(id));
        if let (true, Some(page)) = (gone, self.page_of(above)) {
            self.detach(id);
            self.alter_page(id, act.at, |state| state.parent = Parent::Page(page));
        }
    }

    /// Moves a block, page or database to the trash or back. Restored objects return to the place
    /// they still have, or to the end.
    pub(crate) fn set_trash(&mut self, id: NotionId, trash: bool, act: Act) {
        if !trash {
            self.leave_trashed_block(id, act);
        }
        if !trash
            && let Some(above) = self.above(id)
            && !self.children(above).contains(&id)
        {
            self.attach(above, Place::End, &[id]);
        }
        match self.kind_of(id) {
            Some(ObjectKind::Page) => {
                self.edit_page(id, act, |state| state.in_trash = trash);
            }
            Some(ObjectKind::Block) => {
                self.edit_block(id, act, |block| block.in_trash = trash);
            }
            Some(ObjectKind::Database) => {
                if let Some(database) = self.objects.databases.get_mut(&id) {
                    database.in_trash = trash;
                    database.edited_at = act.at;
                    database.edited_by = act.by;
                    self.changes += 1;
                }
            }
            Some(ObjectKind::Source) => {
                if let Some(source) = self.objects.sources.get_mut(&id) {
                    source.in_trash = trash;
                    source.edited_at = act.at;
                    source.edited_by = act.by;
                    self.changes += 1;
                }
            }
            None => {}
        }
    }

    /// Creates a page below `parent` and gives its id.
    pub(crate) fn create_page(
        &mut self,
        id: Option<NotionId>,
        parent: Parent,
        values: Values,
        place: Place,
        act: Act,
    ) -> NotionId {
        let id = id.unwrap_or_else(|| self.next_id());
        let state = PageState {
            parent,
            values,
            icon: None,
            cover: None,
            in_trash: false,
            archived: false,
            locked: false,
            edited_at: act.at,
            edited_by: act.by,
        };
        let page = Page {
            created_at: act.at,
            created_by: act.by,
            written_at: act.at,
            state,
            past: Vec::new(),
            children: Vec::new(),
            shared: None,
        };
        self.objects.pages.insert(id, page);
        self.enter(id, parent, place);
        self.changes += 1;
        id
    }

    /// Makes a page known to its parent, and gives it a number where the table counts its rows.
    fn enter(&mut self, id: NotionId, parent: Parent, place: Place) {
        match parent {
            Parent::Workspace => {}
            Parent::Page(above) | Parent::Block(above) => self.attach(above, place, &[id]),
            Parent::Source(source) => {
                let Some(source) = self.objects.sources.get_mut(&source) else {
                    return;
                };
                source.rows.insert(id);
                let counted = source
                    .properties
                    .iter()
                    .find(|property| matches!(property.kind, Kind::UniqueId { .. }));
                if let Some(property) = counted
                    && let Some(page) = self.objects.pages.get_mut(&id)
                {
                    source.last_number += 1;
                    page.state.values.insert(
                        property.id.clone(),
                        PropertyValue::UniqueNumber(source.last_number),
                    );
                }
            }
        }
    }

    /// Gives a page another parent. Values that do not fit the new table stay hidden.
    pub(crate) fn move_page(&mut self, id: NotionId, parent: Parent, place: Place, act: Act) {
        self.detach(id);
        if self.move_is_edit {
            self.edit_page(id, act, |state| state.parent = parent);
        } else {
            self.alter_page(id, act.at, |state| state.parent = parent);
        }
        self.enter(id, parent, place);
    }

    /// The state of a page as queries show it at `now`; `None` while it is too new.
    pub(crate) fn seen_state<'a>(
        &self,
        page: &'a Page,
        now: DateTime<Utc>,
    ) -> Option<&'a PageState> {
        if self.lag.is_zero() {
            return Some(&page.state);
        }
        // A state is replaced in the eyes of a query only when the write is older than the lag.
        for (replaced, state) in &page.past {
            if *replaced + self.lag > now {
                return (page.written_at + self.lag <= now).then_some(state);
            }
        }
        (page.written_at + self.lag <= now).then_some(&page.state)
    }

    /// The title of a page as rich text.
    pub(crate) fn title_of(&self, id: NotionId) -> Option<&Rich> {
        let o = &self.objects;
        if let Some(page) = o.pages.get(&id) {
            static NONE: Rich = Vec::new();
            return Some(match page.state.values.get("title") {
                Some(PropertyValue::Text(rich)) => rich,
                _ => &NONE,
            });
        }
        o.databases
            .get(&id)
            .map(|database| &database.title)
            .or_else(|| o.sources.get(&id).map(|source| &source.title))
    }

    /// The title of anything that has one, as text.
    pub(crate) fn title_text(&self, id: NotionId) -> Option<String> {
        self.title_of(id).map(|rich| self.text_of(rich))
    }

    /// The text of a rich text without its looks.
    pub(crate) fn text_of(&self, rich: &[super::text::Span]) -> String {
        let mut out = String::new();
        for span in rich {
            match &span.kind {
                SpanKind::Text { content, .. } => out.push_str(content),
                SpanKind::Equation(expression) => out.push_str(expression),
                SpanKind::Mention(mention) => out.push_str(&self.mention_text(mention)),
            }
        }
        out
    }

    /// What a mention shows.
    pub(crate) fn mention_text(&self, mention: &Mention) -> String {
        // Titles may mention each other in a circle: one level is enough.
        let title = |id: &NotionId| {
            let rich = self.title_of(*id)?;
            Some(
                rich.iter()
                    .map(|span| match &span.kind {
                        SpanKind::Text { content, .. } => content.as_str(),
                        SpanKind::Equation(expression) => expression,
                        SpanKind::Mention(_) => "@",
                    })
                    .collect::<String>(),
            )
        };
        match mention {
            Mention::User(id) => format!(
                "@{}",
                self.objects
                    .users
                    .get(id)
                    .map_or("Anonymous", |user| user.name.as_str())
            ),
            Mention::Page(id) | Mention::Database(id) | Mention::DataSource(id) => title(id)
                .filter(|title| !title.is_empty())
                .unwrap_or_else(|| "Untitled".to_owned()),
            Mention::Agent(_) => "@Agent".to_owned(),
            Mention::Date(date) => date.shown(),
            Mention::CustomEmoji { name, .. } => format!(":{name}:"),
            Mention::LinkPreview(url) => url.clone(),
            Mention::Other { kind, value } => other_mention_text(kind, value),
        }
    }

    /// Whether `inner` is `outer` or stands below it.
    pub(crate) fn is_within(&self, inner: NotionId, outer: NotionId) -> bool {
        self.lineage(inner).any(|id| id == outer)
    }

    /// Copies the living blocks below a page or block as new blocks. Child pages are left out.
    pub(crate) fn copy_blocks(&self, parent: NotionId, depth: usize) -> Vec<NewBlock> {
        if depth >= DEEPEST {
            return Vec::new();
        }
        self.living_children(parent)
            .filter_map(|id| {
                let block = self.objects.blocks.get(&id)?;
                Some(NewBlock {
                    id: Some(id),
                    content: block.content.clone(),
                    children: self.copy_blocks(id, depth + 1),
                })
            })
            .collect()
    }

    /// The source that a copy of a synced block shows, when it exists and is a source.
    pub(crate) fn synced_source(&self, id: NotionId) -> Option<NotionId> {
        let block = self.objects.blocks.get(&id)?;
        matches!(block.content, Content::Synced { from: None }).then_some(id)
    }
}

fn remember(page: &mut Page, at: DateTime<Utc>, lag: Duration) {
    if lag.is_zero() {
        return;
    }
    page.past.retain(|(replaced, _)| *replaced + lag > at);
    page.past.push((at, page.state.clone()));
}

fn other_mention_text(kind: &str, value: &Value) -> String {
    let inner = |key: &str| value.get(key).and_then(Value::as_str);
    match kind {
        "template_mention" => match (
            inner("template_mention_date"),
            inner("template_mention_user"),
        ) {
            (Some("today"), _) => "@Today".to_owned(),
            (Some(_), _) => "@Now".to_owned(),
            (_, Some(_)) => "@Me".to_owned(),
            _ => "@".to_owned(),
        },
        "link_mention" => inner("href").unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}
