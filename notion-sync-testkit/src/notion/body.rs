//! A page's body as Markdown, and giving a page a new body while keeping the blocks that stay.

use std::collections::{BTreeMap, BTreeSet};

use super::alignment::common;
use super::block::{Content, NewBlock};
use super::error::{ApiError, ApiResult};
use super::id::NotionId;
use super::markdown::{self, Ink, write_one, write_shallow};
use super::model::Parent;
use super::view::View;
use super::workspace::{Act, DEEPEST, ObjectKind, Place, Workspace};

/// The tree below an object as one viewer sees it, ready to be written.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) blocks: Vec<NewBlock>,
    /// Blocks that Markdown only names, and parts that are missing.
    pub(crate) unknown: Vec<NotionId>,
    /// Whether parts are missing.
    pub(crate) truncated: bool,
}

/// The most ids that an answer lists as unknown.
const MOST_UNKNOWN: usize = 100;

impl Rendered {
    fn note(&mut self, id: NotionId) {
        if self.unknown.len() < MOST_UNKNOWN && !self.unknown.contains(&id) {
            self.unknown.push(id);
        }
    }
}

/// Collects the blocks below `id`, at most `limit` of them. Without a view everything is seen.
pub(crate) fn collect(
    ws: &Workspace,
    view: Option<&View<'_>>,
    id: NotionId,
    limit: usize,
) -> Rendered {
    let mut out = Rendered::default();
    let mut left = limit;
    out.blocks = below(ws, view, id, &mut left, &mut out, 0);
    out
}

/// One block and what stands below it, for reading a block that an answer called unknown.
pub(crate) fn collect_block(
    ws: &Workspace,
    view: Option<&View<'_>>,
    id: NotionId,
    limit: usize,
) -> Rendered {
    let mut out = Rendered::default();
    let mut left = limit;
    out.blocks = single(ws, view, id, &mut left, &mut out, 0)
        .into_iter()
        .collect();
    out
}

fn below(
    ws: &Workspace,
    view: Option<&View<'_>>,
    id: NotionId,
    left: &mut usize,
    out: &mut Rendered,
    depth: usize,
) -> Vec<NewBlock> {
    if depth > DEEPEST {
        return Vec::new();
    }
    ws.living_children(id)
        .filter_map(|id| single(ws, view, id, left, out, depth))
        .collect()
}

fn single(
    ws: &Workspace,
    view: Option<&View<'_>>,
    id: NotionId,
    left: &mut usize,
    out: &mut Rendered,
    depth: usize,
) -> Option<NewBlock> {
    let placeholder = |out: &mut Rendered| {
        out.truncated = true;
        out.note(id);
        NewBlock {
            id: Some(id),
            content: Content::Placeholder { id: Some(id) },
            children: vec![],
        }
    };
    if *left == 0 {
        // One placeholder stands for everything that follows.
        return (!out.truncated).then(|| placeholder(out));
    }
    *left -= 1;
    let Some(block) = ws.objects.blocks.get(&id) else {
        let content = match ws.kind_of(id)? {
            ObjectKind::Page => Content::ChildPage { id },
            ObjectKind::Database => Content::ChildDatabase { id },
            _ => return None,
        };
        if view.is_some_and(|view| !view.sees(id)) {
            return Some(placeholder(out));
        }
        return Some(NewBlock {
            id: Some(id),
            content,
            children: Vec::new(),
        });
    };
    let mut children_of = id;
    if let Content::Synced { from: Some(source) } = block.content {
        let seen = view.is_none_or(|view| view.sees(source));
        if !seen || ws.synced_source(source).is_none() || ws.in_trash(source) {
            return Some(placeholder(out));
        }
        if ws.is_within(id, source) {
            return Some(NewBlock {
                id: Some(id),
                content: block.content.clone(),
                children: Vec::new(),
            });
        }
        children_of = source;
    }
    if block.content.is_unknown_to_markdown() {
        out.note(id);
        return Some(NewBlock {
            id: Some(id),
            content: block.content.clone(),
            children: vec![],
        });
    }
    Some(NewBlock {
        id: Some(id),
        content: block.content.clone(),
        children: below(ws, view, children_of, left, out, depth + 1),
    })
}

/// What a new body would do to the page, before anything is done.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// The new first level: what stays, what is new.
    top: Vec<Kept>,
    /// Stored objects that are in the body no more.
    removed: Vec<NotionId>,
    /// Pages and databases that stand elsewhere and are named by the new body.
    brought: Vec<NotionId>,
}

#[derive(Debug)]
enum Kept {
    /// A stored block or child; its children become these, `None` leaves them alone.
    Stored(NotionId, Option<Vec<Kept>>),
    New(NewBlock),
    /// A new block whose children are partly stored: child pages inside it.
    Around(Content, Vec<Kept>),
}

/// Compares the stored body of a page with a new one.
pub(crate) fn plan(ws: &Workspace, page: NotionId, new: Vec<NewBlock>) -> Change {
    let old = collect(ws, None, page, usize::MAX).blocks;
    let mut change = Change::default();
    let mut work = Compare {
        ws,
        ink: Ink::stable(ws),
        page,
        change: &mut change,
    };
    let top = work.siblings(old, new, 0);
    change.top = top;
    // What is named again, or stands inside something that stays, is not gone.
    let mut placed = BTreeSet::new();
    placed_ids(&change.top, &mut placed);
    change.removed.retain(|id| !placed.contains(id));
    change
}

fn placed_ids(kept: &[Kept], out: &mut BTreeSet<NotionId>) {
    for kept in kept {
        match kept {
            Kept::Stored(id, below) => {
                out.insert(*id);
                placed_ids(below.as_deref().unwrap_or_default(), out);
            }
            Kept::Around(_, below) => placed_ids(below, out),
            Kept::New(_) => {}
        }
    }
}

fn named_id(content: &Content) -> Option<NotionId> {
    match content {
        Content::ChildPage { id } | Content::ChildDatabase { id } => Some(*id),
        Content::Placeholder { id } => *id,
        _ => None,
    }
}

struct Compare<'a> {
    ws: &'a Workspace,
    ink: Ink<'a>,
    page: NotionId,
    change: &'a mut Change,
}

impl Compare<'_> {
    /// How a block reads, without the signatures of hosted files and with stable names.
    fn key(&self, block: &NewBlock, deep: bool) -> String {
        let clean = unsign(block);
        let text = if deep {
            write_one(&clean, self.ink)
        } else {
            write_shallow(&clean, self.ink)
        };
        match (&block.content, block.id) {
            // A placeholder is known by the block it stands for, not by its words.
            (content, id) if content.is_unknown_to_markdown() => {
                id.map_or(text, |id| format!("<unknown {id}>"))
            }
            (Content::Placeholder { id }, own) => {
                id.or(own).map_or(text, |id| format!("<unknown {id}>"))
            }
            (Content::ChildPage { id } | Content::ChildDatabase { id }, _) => {
                format!("<child {id}>")
            }
            (Content::Table(shape), _) if !deep => format!("{} {text}", shape.width),
            (Content::TableRow(row), _) => {
                let cell = |rich| {
                    let leaf = NewBlock::leaf(Content::paragraph(rich));
                    write_shallow(&leaf, self.ink)
                };
                let cells: Vec<String> = row.cells.iter().cloned().map(cell).collect();
                let looks: Vec<String> = row.cell_colors.iter().map(|c| c.api()).collect();
                let own = if looks.iter().all(|look| look == "default") {
                    vec![]
                } else {
                    looks
                };
                format!("<tr> {} {own:?} {}", row.color.api(), cells.join(" | "))
            }
            // What only the app shows of meetings is not compared.
            (Content::MeetingNotes { .. }, _) => {
                let notes = if deep {
                    markdown::write(&clean.children, self.ink)
                } else {
                    String::new()
                };
                format!("<meeting-notes> {notes}")
            }
            // The address of a source is its id, which a new body may leave out.
            (Content::Synced { from: None }, _) if !deep => "<synced_block>".to_owned(),
            _ => text,
        }
    }

    fn siblings(&mut self, old: Vec<NewBlock>, new: Vec<NewBlock>, depth: usize) -> Vec<Kept> {
        let old_deep: Vec<String> = old.iter().map(|block| self.key(block, true)).collect();
        let new_deep: Vec<String> = new.iter().map(|block| self.key(block, true)).collect();
        let same = common(&old_deep, &new_deep);
        let mut out = Vec::new();
        let mut old = old.into_iter().map(Some).collect::<Vec<_>>();
        let mut new = new.into_iter().map(Some).collect::<Vec<_>>();
        let (mut from, mut to) = (0, 0);
        let ends = same.into_iter().map(Some).chain(std::iter::once(None));
        for pair in ends {
            let (old_end, new_end) = pair.unwrap_or((old.len(), new.len()));
            let gap_old: Vec<NewBlock> = old
                .get_mut(from..old_end)
                .unwrap_or_default()
                .iter_mut()
                .filter_map(Option::take)
                .collect();
            let gap_new: Vec<NewBlock> = new
                .get_mut(to..new_end)
                .unwrap_or_default()
                .iter_mut()
                .filter_map(Option::take)
                .collect();
            self.gap(gap_old, gap_new, depth, &mut out);
            if pair.is_some() {
                let stored = old.get_mut(old_end).and_then(Option::take);
                if let Some(id) = stored.and_then(|block| block.id) {
                    out.push(Kept::Stored(id, None));
                }
                (from, to) = (old_end + 1, new_end + 1);
            }
        }
        out
    }

    /// Between blocks that are the same: those whose own line is the same keep their id too.
    fn gap(&mut self, old: Vec<NewBlock>, new: Vec<NewBlock>, depth: usize, out: &mut Vec<Kept>) {
        let old_keys: Vec<String> = old.iter().map(|block| self.key(block, false)).collect();
        let new_keys: Vec<String> = new.iter().map(|block| self.key(block, false)).collect();
        let mut pairs: BTreeMap<usize, usize> = common(&old_keys, &new_keys)
            .into_iter()
            .map(|(a, b)| (b, a))
            .collect();
        let mut old: Vec<Option<NewBlock>> = old.into_iter().map(Some).collect();
        for (index, block) in new.into_iter().enumerate() {
            let partner = pairs
                .remove(&index)
                .and_then(|at| old.get_mut(at))
                .and_then(Option::take);
            match partner {
                Some(NewBlock {
                    id: Some(id),
                    children,
                    content,
                }) if depth < DEEPEST => {
                    let below = if named_id(&content).is_some() || content.is_unknown_to_markdown()
                    {
                        None
                    } else {
                        Some(self.siblings(children, block.children, depth + 1))
                    };
                    out.push(Kept::Stored(id, below));
                }
                _ => out.extend(self.fresh(block, depth)),
            }
        }
        for gone in old.into_iter().flatten() {
            self.remove(gone, true);
        }
    }

    /// A block of the new body that matches none of the old: new, or brought from elsewhere.
    fn fresh(&mut self, block: NewBlock, depth: usize) -> Option<Kept> {
        if let Some(id) = named_id(&block.content) {
            let stands_here = self.ws.page_of(id) == Some(self.page)
                && id != self.page
                && self.ws.objects.blocks.contains_key(&id);
            match self.ws.kind_of(id) {
                Some(ObjectKind::Page | ObjectKind::Database)
                    if !self.ws.is_within(self.page, id) =>
                {
                    if self.ws.above(id) != Some(self.page) {
                        self.change.brought.push(id);
                    }
                    return Some(Kept::Stored(id, None));
                }
                Some(ObjectKind::Block) if stands_here => return Some(Kept::Stored(id, None)),
                _ => return None,
            }
        }
        if matches!(block.content, Content::MeetingNotes { .. }) {
            // They come about in meetings only.
            return None;
        }
        if depth < DEEPEST && holds_named(&block) {
            let below = block
                .children
                .into_iter()
                .filter_map(|child| self.fresh(child, depth + 1))
                .collect();
            return Some(Kept::Around(block.content, below));
        }
        Some(Kept::New(block))
    }

    /// A stored block that is gone, with the child pages and databases inside it. Other blocks
    /// inside it go with it.
    fn remove(&mut self, block: NewBlock, first: bool) {
        let mirrored = matches!(block.content, Content::Synced { from: Some(_) });
        let child = matches!(
            block.content,
            Content::ChildPage { .. } | Content::ChildDatabase { .. }
        );
        if let Some(id) = block.id.filter(|_| first || child) {
            self.change.removed.push(id);
        }
        // A copy of a synced block shows children that are not its own.
        for child in block.children.into_iter().filter(|_| !mirrored) {
            self.remove(child, false);
        }
    }
}

fn holds_named(block: &NewBlock) -> bool {
    block
        .children
        .iter()
        .any(|child| named_id(&child.content).is_some() || holds_named(child))
}

/// The same tree with hosted addresses that somebody read, signature and all, made plain again.
fn unsign(block: &NewBlock) -> NewBlock {
    let mut out = block.clone();
    fn walk(block: &mut NewBlock) {
        if let Content::Media {
            file: super::block::FileRef::External(url),
            ..
        } = &mut block.content
            && url.starts_with(super::file_input::HOSTED)
            && let Some((base, _)) = url.split_once('?')
        {
            *url = base.to_owned();
        }
        block.children.iter_mut().for_each(walk);
    }
    walk(&mut out);
    out
}

impl Change {
    /// Whether nothing changes at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.removed.is_empty()
            && self.brought.is_empty()
            && self
                .top
                .iter()
                .all(|kept| matches!(kept, Kept::Stored(_, None)))
    }

    /// The pages and databases that the new body takes from elsewhere.
    pub(crate) fn brought(&self) -> &[NotionId] {
        &self.brought
    }

    /// The child pages and databases that the change would delete.
    pub(crate) fn deleted_children(&self, ws: &Workspace) -> Vec<NotionId> {
        let is_child = |id: &&NotionId| {
            matches!(
                ws.kind_of(**id),
                Some(ObjectKind::Page | ObjectKind::Database)
            )
        };
        self.removed.iter().filter(is_child).copied().collect()
    }

    /// Refuses a change that deletes children when nobody allowed it.
    pub(crate) fn guard(&self, ws: &Workspace, allowed: bool) -> ApiResult<()> {
        let children = self.deleted_children(ws);
        if allowed || children.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = children
            .iter()
            .map(|id| format!("\"{}\" ({id})", ws.title_text(*id).unwrap_or_default()))
            .collect();
        Err(ApiError::validation(format!(
            "This operation would delete {} child page(s) or database(s): {}. \
             Set allow_deleting_content to true to allow it.",
            children.len(),
            list.join(", ")
        )))
    }

    /// Carries it out.
    pub(crate) fn apply(self, ws: &mut Workspace, page: NotionId, act: Act) {
        for id in &self.brought {
            match ws.kind_of(*id) {
                Some(ObjectKind::Page) => ws.move_page(*id, Parent::Page(page), Place::End, act),
                Some(ObjectKind::Database) => {
                    ws.detach(*id);
                    if let Some(base) = ws.objects.databases.get_mut(id) {
                        base.parent = Parent::Page(page);
                    }
                    ws.changes += 1;
                }
                _ => {}
            }
        }
        // One pass over the children of each parent, however many are gone.
        let gone: BTreeSet<NotionId> = self.removed.iter().copied().collect();
        let parents: BTreeSet<NotionId> =
            self.removed.iter().filter_map(|id| ws.above(*id)).collect();
        for parent in parents {
            if let Some(children) = ws.children_mut(parent) {
                children.retain(|child| !gone.contains(child));
            }
        }
        for id in &self.removed {
            if ws
                .kind_of(*id)
                .is_some_and(|kind| kind != ObjectKind::Block)
            {
                ws.set_trash(*id, true, act);
            } else if let Some(block) = ws.objects.blocks.get_mut(id) {
                block.in_trash = true;
                block.edited_at = act.at;
                block.edited_by = act.by;
            }
        }
        place(ws, page, self.top, act);
        ws.touch(page, act);
    }
}

/// Gives `parent` exactly these children.
fn place(ws: &mut Workspace, parent: NotionId, kept: Vec<Kept>, act: Act) {
    let mut ids = Vec::with_capacity(kept.len());
    for kept in kept {
        match kept {
            Kept::Stored(id, below) => {
                adopt(ws, id, parent);
                if let Some(below) = below {
                    let target = match ws.objects.blocks.get(&id).map(|block| &block.content) {
                        Some(Content::Synced { from: Some(source) }) => *source,
                        _ => id,
                    };
                    place(ws, target, below, act);
                }
                ids.push(id);
            }
            Kept::New(block) => ids.extend(ws.store_blocks(parent, vec![block], act)),
            Kept::Around(content, below) => {
                let new = ws.store_blocks(parent, vec![NewBlock::leaf(content)], act);
                ids.extend(&new);
                if let Some(id) = new.first() {
                    place(ws, *id, below, act);
                }
            }
        }
    }
    // Children in the trash keep their place at the end.
    let placed: BTreeSet<NotionId> = ids.iter().copied().collect();
    let trashed: Vec<NotionId> = ws
        .children(parent)
        .iter()
        .copied()
        .filter(|id| !placed.contains(id) && is_trashed(ws, *id))
        .collect();
    if let Some(children) = ws.children_mut(parent) {
        *children = ids;
        children.extend(trashed);
    }
    ws.changes += 1;
}

fn is_trashed(ws: &Workspace, id: NotionId) -> bool {
    let o = &ws.objects;
    o.blocks.get(&id).is_some_and(|block| block.in_trash)
        || o.pages.get(&id).is_some_and(|page| page.state.in_trash)
        || o.databases.get(&id).is_some_and(|base| base.in_trash)
}

/// Makes a stored object a child of `parent`, wherever it stood before.
fn adopt(ws: &mut Workspace, id: NotionId, parent: NotionId) {
    if ws.above(id) == Some(parent) {
        return;
    }
    ws.detach(id);
    let is_page = ws.objects.pages.contains_key(&parent);
    let above = if is_page {
        Parent::Page(parent)
    } else {
        Parent::Block(parent)
    };
    if let Some(block) = ws.objects.blocks.get_mut(&id) {
        block.parent = parent;
        block.in_trash = false;
    } else if let Some(page) = ws.objects.pages.get_mut(&id) {
        page.state.parent = above;
    } else if let Some(base) = ws.objects.databases.get_mut(&id) {
        base.parent = above;
    }
}

/// The whole body of a page as Markdown, as it is compared: no signatures.
pub(crate) fn stable_markdown(ws: &Workspace, page: NotionId) -> String {
    markdown::write(&collect(ws, None, page, usize::MAX).blocks, Ink::stable(ws))
}
