//! Merging two edits of one block.

use std::mem::discriminant;

use super::MAX_DEPTH;
use super::base::{BasePair, BodyBase};
use super::compose::{Choice, bare};
use super::region::{State, regions_at};
use crate::document::canon::{is_same, is_same_kind};
use crate::document::model::{Block, BlockKind, RichText};
use crate::document::text_merge::{merge_lines, merge_rich};

/// Merges two edits of a pair of single blocks, or says that they conflict (`None`).
///
/// The result is the block for Notion and the block for the file. Where both held the same form
/// the two say the same. Where they did not, each side's form is kept outside of what the other
/// side edited: the other side's edit is applied to it, not the other side's form.
pub(crate) fn merge_pair(
    pair: &BasePair,
    notion: &Block,
    github: &Block,
    depth: usize,
) -> Option<(Block, Block)> {
    let (base_n, base_g) = pair.singles()?;
    // The two forms may be of different kinds, but each side must have kept its own.
    let kept = |base: &Block, now: &Block| discriminant(&base.kind) == discriminant(&now.kind);
    if depth >= MAX_DEPTH || !kept(base_n, notion) || !kept(base_g, github) {
        return None;
    }
    let kind_n = merge_kind(&base_g.kind, &notion.kind, &github.kind)?;
    let kind_g = merge_kind(&base_n.kind, &github.kind, &notion.kind)?;
    let (children_n, children_g) = merge_children(
        [base_n, base_g, notion, github].map(|block| &*block.children),
        depth,
    )?;
    let merged_n = stay(notion, kind_n, children_n);
    let merged_g = stay(github, kind_g, children_g);
    let sound = |before: &Block, after: &Block| is_sound(after) || !is_sound(before);
    (sound(notion, &merged_n) && sound(github, &merged_g)).then_some((merged_n, merged_g))
}

/// Merges the children of a block: what Notion and the file held (`base_n`, `base_g`), and what they
/// hold now. `None` where they conflict.
fn merge_children(
    [base_n, base_g, notion, github]: [&[Block]; 4],
    depth: usize,
) -> Option<(Vec<Block>, Vec<Block>)> {
    // Most blocks have none.
    if [base_n, base_g, notion, github]
        .iter()
        .all(|list| list.is_empty())
    {
        return Some((Vec::new(), Vec::new()));
    }
    let base = BodyBase::agree_blocks(base_n, base_g);
    let regions = regions_at(&base, notion, github, depth + 1);
    if !regions.is_clean() {
        return None;
    }
    let merged = regions.compose_blocks(|region| match region.state {
        State::Diverged => Choice::Hold,
        _ => region.default_choice(),
    });
    Some((merged.notion, merged.github))
}

/// The block after a merge: itself where nothing changed, else with its id (it is still that
/// block, if an update can make it so) and without its span (its lines are no longer its source).
fn stay(before: &Block, kind: BlockKind, children: Vec<Block>) -> Block {
    let stays = before.kind.can_become(&kind);
    let after = Block {
        id: before.id.clone(),
        span: None,
        layout: before.layout,
        kind,
        children,
    };
    if is_same(&after, before) {
        before.clone()
    } else if stays {
        after
    } else {
        bare(&after)
    }
}

/// Whether a block's own fields and its children fit together.
fn is_sound(block: &Block) -> bool {
    match &block.kind {
        BlockKind::Table { width, .. } => !block.children.is_empty()
            && block.children.iter().all(
                |row| matches!(&row.kind, BlockKind::TableRow { cells } if cells.len() == *width),
            ),
        BlockKind::ColumnList => {
            block.children.len() >= 2
                && block
                    .children
                    .iter()
                    .all(|column| matches!(column.kind, BlockKind::Column { .. }))
        }
        BlockKind::Heading { toggle: false, .. } => block.children.is_empty(),
        _ => true,
    }
}

/// Merges what a block says itself. `ours` is returned as it is where `theirs` changed nothing.
fn merge_kind(base: &BlockKind, ours: &BlockKind, theirs: &BlockKind) -> Option<BlockKind> {
    if is_same_kind(theirs, base) || is_same_kind(theirs, ours) {
        return Some(ours.clone());
    }
    if is_same_kind(ours, base) {
        return Some(theirs.clone());
    }
    let (base_c, ours_c, theirs_c) = (base.canonical(), ours.canonical(), theirs.canonical());
    if discriminant(base) == discriminant(ours) {
        merge_fields(&base_c, &ours_c, &theirs_c)
    } else {
        merge_text_only(&base_c, ours_c, &theirs_c)
    }
}

/// Takes an edit of the text, and of nothing else, into a block of another kind.
fn merge_text_only(base: &BlockKind, ours: BlockKind, theirs: &BlockKind) -> Option<BlockKind> {
    let mut rest = theirs.clone();
    *rest.text_mut()? = base.text()?.clone();
    if rest != *base {
        return None;
    }
    let merged = merge_rich(base.text()?, ours.text()?, theirs.text()?)?;
    let mut out = ours;
    *out.text_mut()? = merged;
    Some(out)
}

/// By value: whoever changed it wins, both only with the same value.
fn merge_value<T: PartialEq + Clone>(base: &T, ours: &T, theirs: &T) -> Option<T> {
    if theirs == base || theirs == ours {
        Some(ours.clone())
    } else if ours == base {
        Some(theirs.clone())
    } else {
        None
    }
}

/// Field by field; all three are canonical and of one kind.
fn merge_fields(base: &BlockKind, ours: &BlockKind, theirs: &BlockKind) -> Option<BlockKind> {
    use BlockKind as K;
    // The text is merged for every kind that has one, the rest kind by kind.
    let mut out = match (base, ours, theirs) {
        (
            K::Paragraph { color: b, .. },
            K::Paragraph { text, color: o },
            K::Paragraph { color: t, .. },
        ) => K::Paragraph {
            text: text.clone(),
            color: merge_value(b, o, t)?,
        },
        (
            K::Heading {
                level: b_level,
                toggle: b_toggle,
                color: b,
                ..
            },
            K::Heading {
                text,
                level: o_level,
                toggle: o_toggle,
                color: o,
                ..
            },
            K::Heading {
                level: t_level,
                toggle: t_toggle,
                color: t,
                ..
            },
        ) => K::Heading {
            text: text.clone(),
            level: merge_value(b_level, o_level, t_level)?,
            toggle: merge_value(b_toggle, o_toggle, t_toggle)?,
            color: merge_value(b, o, t)?,
            // Whoever writes the file takes it from there.
            anchor: None,
        },
        (
            K::BulletedItem { color: b, .. },
            K::BulletedItem { text, color: o },
            K::BulletedItem { color: t, .. },
        ) => K::BulletedItem {
            text: text.clone(),
            color: merge_value(b, o, t)?,
        },
        (
            K::NumberedItem { color: b, .. },
            K::NumberedItem {
                text,
                start,
                color: o,
            },
            K::NumberedItem { color: t, .. },
        ) => K::NumberedItem {
            text: text.clone(),
            start: *start,
            color: merge_value(b, o, t)?,
        },
        (
            K::ToDo {
                checked: b_checked,
                color: b,
                ..
            },
            K::ToDo {
                text,
                checked: o_checked,
                color: o,
            },
            K::ToDo {
                checked: t_checked,
                color: t,
                ..
            },
        ) => K::ToDo {
            text: text.clone(),
            checked: merge_value(b_checked, o_checked, t_checked)?,
            color: merge_value(b, o, t)?,
        },
        (K::Toggle { color: b, .. }, K::Toggle { text, color: o }, K::Toggle { color: t, .. }) => {
            K::Toggle {
                text: text.clone(),
                color: merge_value(b, o, t)?,
            }
        }
        (K::Quote { color: b, .. }, K::Quote { text, color: o }, K::Quote { color: t, .. }) => {
            K::Quote {
                text: text.clone(),
                color: merge_value(b, o, t)?,
            }
        }
        (
            K::Callout {
                icon: b_icon,
                color: b,
                ..
            },
            K::Callout {
                text,
                icon: o_icon,
                color: o,
            },
            K::Callout {
                icon: t_icon,
                color: t,
                ..
            },
        ) => K::Callout {
            text: text.clone(),
            icon: merge_value(b_icon, o_icon, t_icon)?,
            color: merge_value(b, o, t)?,
        },
        _ => return merge_other_fields(base, ours, theirs),
    };
    let merged = merge_rich(base.text()?, ours.text()?, theirs.text()?)?;
    *out.text_mut()? = merged;
    Some(out)
}

/// Field by field, for kinds without text of their own.
fn merge_other_fields(base: &BlockKind, ours: &BlockKind, theirs: &BlockKind) -> Option<BlockKind> {
    use BlockKind as K;
    Some(match (base, ours, theirs) {
        (
            K::Code {
                code: b,
                language: b_language,
                caption: b_caption,
                ..
            },
            K::Code {
                code: o,
                language: o_language,
                caption: o_caption,
                info,
            },
            K::Code {
                code: t,
                language: t_language,
                caption: t_caption,
                ..
            },
        ) => K::Code {
            code: merge_lines(b, o, t)?,
            language: merge_value(b_language, o_language, t_language)?,
            info: info.clone(),
            caption: merge_rich(b_caption, o_caption, t_caption)?,
        },
        (
            K::Table {
                width: b_width,
                header_row: b_row,
                header_column: b_column,
                ..
            },
            K::Table {
                width: o_width,
                header_row: o_row,
                header_column: o_column,
                alignment,
            },
            K::Table {
                width: t_width,
                header_row: t_row,
                header_column: t_column,
                ..
            },
        ) => K::Table {
            width: merge_value(b_width, o_width, t_width)?,
            header_row: merge_value(b_row, o_row, t_row)?,
            header_column: merge_value(b_column, o_column, t_column)?,
            alignment: alignment.clone(),
        },
        (K::TableRow { cells: b }, K::TableRow { cells: o }, K::TableRow { cells: t }) => {
            if b.len() != o.len() || b.len() != t.len() {
                return None;
            }
            let cells: Option<Vec<RichText>> = b
                .iter()
                .zip(o)
                .zip(t)
                .map(|((b, o), t)| merge_rich(b, o, t))
                .collect();
            K::TableRow { cells: cells? }
        }
        (
            K::Media {
                source: b,
                caption: b_caption,
                media: b_media,
            },
            K::Media {
                source: o,
                caption: o_caption,
                media: o_media,
            },
            K::Media {
                source: t,
                caption: t_caption,
                media: t_media,
            },
        ) => K::Media {
            media: merge_value(b_media, o_media, t_media)?,
            source: merge_value(b, o, t)?,
            caption: merge_rich(b_caption, o_caption, t_caption)?,
        },
        (
            K::Bookmark {
                url: b,
                caption: b_caption,
            },
            K::Bookmark {
                url: o,
                caption: o_caption,
            },
            K::Bookmark {
                url: t,
                caption: t_caption,
            },
        ) => K::Bookmark {
            url: merge_value(b, o, t)?,
            caption: merge_rich(b_caption, o_caption, t_caption)?,
        },
        (
            K::Embed {
                url: b,
                caption: b_caption,
            },
            K::Embed {
                url: o,
                caption: o_caption,
            },
            K::Embed {
                url: t,
                caption: t_caption,
            },
        ) => K::Embed {
            url: merge_value(b, o, t)?,
            caption: merge_rich(b_caption, o_caption, t_caption)?,
        },
        // Equations, raw Markdown, opaque blocks, links by id: by value, which conflicts here.
        _ => return None,
    })
}
