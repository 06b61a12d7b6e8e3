//! What stands between two HTML blocks: `<details>` and the container comments of the dialect.

use serde_json::Value;

use super::anchor;
use super::html;
use super::marker::Marker;
use super::node::{Form, Node};
use crate::document::{BlockKind, Color, InlineKind, RichText, Span};

/// How far down the stack a closing tag looks for what it closes.
const REACH: usize = 8;

/// Comments that hold the blocks up to their closing comment.
pub(crate) const CONTAINERS: [&str; 4] = ["column_list", "column", "synced", "nested"];

enum Opening {
    Details(BlockKind),
    Marker(Marker),
    /// An HTML block that leaves `<details>` open in a way that stays source text.
    Barrier,
}

struct Open {
    at: usize,
    opening: Opening,
}

/// Folds siblings. At most `depth` levels are folded.
pub(crate) fn fold(source: &str, nodes: Vec<Node>, depth: usize) -> Vec<Node> {
    let interesting = nodes
        .iter()
        .any(|node| matches!(&node.kind, BlockKind::Verbatim { markdown } if is_tag(markdown)));
    if !interesting {
        return nodes;
    }
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut stack: Vec<Open> = Vec::new();
    for node in nodes {
        let BlockKind::Verbatim { markdown } = &node.kind else {
            out.push(node);
            attributed(&mut out);
            continue;
        };
        if let Some(marker) = Marker::read(markdown) {
            if marker.closing {
                close_marker(source, &mut out, &mut stack, node, &marker);
            } else if CONTAINERS.contains(&marker.kind.as_str()) {
                if stack.len() < depth {
                    stack.push(Open {
                        at: out.len(),
                        opening: Opening::Marker(marker),
                    });
                }
                out.push(node);
            } else {
                out.push(lone(node, &marker));
            }
            continue;
        }
        let net = details_balance(markdown);
        if markdown.trim().eq_ignore_ascii_case("</details>") {
            close_details(source, &mut out, &mut stack, node);
        } else if net > 0 {
            let opening = match summary(markdown) {
                Some(kind) if net == 1 => Opening::Details(kind),
                _ => Opening::Barrier,
            };
            let times = match opening {
                Opening::Barrier => usize::try_from(net).unwrap_or(0),
                _ => 1,
            };
            let room = depth.saturating_sub(stack.len());
            let mut first = Some(opening);
            for _ in 0..times.min(room) {
                stack.push(Open {
                    at: out.len(),
                    opening: first.take().unwrap_or(Opening::Barrier),
                });
            }
            out.push(node);
        } else {
            for _ in net..0 {
                if matches!(
                    stack.last(),
                    Some(Open {
                        opening: Opening::Barrier,
                        ..
                    })
                ) {
                    stack.pop();
                }
            }
            out.push(node);
        }
    }
    out
}

fn is_tag(markdown: &str) -> bool {
    markdown.starts_with("<!--")
        || markdown
            .get(..8)
            .is_some_and(|head| head.eq_ignore_ascii_case("<details"))
}

fn details_balance(markdown: &str) -> i64 {
    if !markdown.contains('<') {
        return 0;
    }
    let lower = markdown.to_ascii_lowercase();
    let opened = i64::try_from(lower.matches("<details").count()).unwrap_or(0);
    opened - i64::try_from(lower.matches("</details").count()).unwrap_or(0)
}

/// Whether an opening HTML block starts a toggle, so that it does not stay source.
pub(crate) fn is_toggle(markdown: &str) -> bool {
    summary(markdown).is_some()
}

/// The toggle that an opening HTML block starts, where it is of the simple form.
fn summary(markdown: &str) -> Option<BlockKind> {
    let rest = markdown.trim();
    let rest = rest
        .strip_prefix("<details>")
        .or_else(|| rest.strip_prefix("<details open>"))?
        .trim_start();
    let inner = rest.strip_prefix("<summary>")?.strip_suffix("</summary>")?;
    if inner.contains("<summary") || inner.contains("</summary") {
        return None;
    }
    let inner = inner.trim();
    for level in 1..=6_u8 {
        let tag = format!("h{level}>");
        let heading = inner
            .strip_prefix('<')
            .and_then(|inner| inner.strip_prefix(tag.as_str()))
            .and_then(|inner| inner.strip_suffix(tag.as_str()))
            .and_then(|inner| inner.strip_suffix("</"));
        if let Some(inner) = heading {
            let (text, color) = styled(html::read_rich_text(inner)?);
            return Some(BlockKind::Heading {
                level,
                text,
                toggle: true,
                color,
                anchor: None,
            });
        }
    }
    let (text, color) = styled(html::read_rich_text(inner)?);
    Some(BlockKind::Toggle { text, color })
}

/// Takes a trailing style comment off.
fn styled(mut text: RichText) -> (RichText, Color) {
    let color = match text.0.last().map(|inline| &inline.kind) {
        Some(InlineKind::Verbatim(comment)) => Marker::read(comment)
            .filter(|marker| marker.kind == "style" && !marker.closing)
            .and_then(|marker| marker.text("color").map(Color::new)),
        _ => None,
    };
    if color.is_some() {
        text.0.pop();
    }
    (text, color.unwrap_or_default())
}

fn close_details(source: &str, out: &mut Vec<Node>, stack: &mut Vec<Open>, node: Node) {
    match stack.pop() {
        Some(Open {
            at,
            opening: Opening::Details(kind),
        }) => {
            let children = out.split_off(at + 1);
            wrap(source, out, children, node.span, kind);
        }
        Some(Open {
            opening: Opening::Barrier,
            ..
        }) => out.push(node),
        Some(open) => {
            stack.push(open);
            out.push(node);
        }
        None => out.push(node),
    }
}

fn close_marker(
    source: &str,
    out: &mut Vec<Node>,
    stack: &mut Vec<Open>,
    node: Node,
    close: &Marker,
) {
    let found = stack.iter().rev().take(REACH).position(
        |open| matches!(&open.opening, Opening::Marker(marker) if marker.kind == close.kind),
    );
    let Some(found) = found else {
        out.push(node);
        return;
    };
    stack.truncate(stack.len() - found);
    let Some(Open {
        at,
        opening: Opening::Marker(marker),
    }) = stack.pop()
    else {
        out.push(node);
        return;
    };
    let children = out.split_off(at + 1);
    if marker.kind == "nested" {
        // The first block owns the others.
        let mut children = children.into_iter().peekable();
        let Some(owner) = children.next_if(|owner| owner.children.is_empty()) else {
            // Written by hand and meaningless: keep what is there, the first block too.
            out.extend(children);
            out.push(node);
            return;
        };
        let head_end = owner.span.end;
        let own = owner.place.and_then(|place| place.own);
        wrap(source, out, children.collect(), node.span, owner.kind);
        if let Some(last) = out.last_mut() {
            last.textual = owner.textual;
            if let Some(place) = &mut last.place {
                place.own = own;
                place.head_end = head_end;
            }
        }
        return;
    }
    match marker.block_kind() {
        Some(kind) => wrap(source, out, children, node.span, kind),
        None => {
            out.extend(children);
            out.push(node);
        }
    }
}

/// Makes the opening block, which is the last one of `out`, the container of `children`.
fn wrap(source: &str, out: &mut Vec<Node>, mut children: Vec<Node>, close: Span, kind: BlockKind) {
    let Some(open) = out.pop() else { return };
    anchor::fold(source, &mut children);
    let mut node = Node::leaf(
        kind,
        Span {
            start: open.span.start,
            end: close.end,
        },
    )
    .with_children(children);
    if open.place.is_some() {
        let place = node.place_mut();
        place.head_end = open.span.end;
        place.indent = open.indent();
        place.form = Form::Wrapped;
    }
    out.push(node);
}

/// A comment that is a block by itself.
fn lone(mut node: Node, marker: &Marker) -> Node {
    if marker.kind == "block" {
        if let Some(block) = marker.block() {
            let place = node.place.take();
            node = Node::from_block(block, node.span);
            node.place = place;
        }
        return node;
    }
    // Blocks with text stand as text with a comment behind it, not as a comment.
    if let Some(kind) = marker.block_kind()
        && kind.text().is_none()
        && !matches!(kind, BlockKind::Table { .. } | BlockKind::TableRow { .. })
        && (marker.kind != "code" || marker.data.contains_key("code"))
    {
        node.kind = kind;
        node.dialect = true;
    }
    node
}

/// Joins a code block or table with the comment in front of it that carries what its Markdown does
/// not say.
fn attributed(out: &mut Vec<Node>) {
    let [.., comment, node] = &mut out[..] else {
        return;
    };
    let (BlockKind::Verbatim { markdown }, name) = (
        &comment.kind,
        match &node.kind {
            BlockKind::Code { .. } => "code",
            BlockKind::Table { .. } => "table",
            _ => return,
        },
    ) else {
        return;
    };
    let Some(marker) = Marker::read(markdown).filter(|marker| marker.kind == name) else {
        return;
    };
    match &mut node.kind {
        BlockKind::Code {
            language, caption, ..
        } => {
            if let Some(name) = marker.text("language") {
                *language = name.into();
            }
            if let Some(value) = marker.data.get("caption") {
                *caption = serde_json::from_value(value.clone()).unwrap_or_default();
            }
        }
        BlockKind::Table {
            header_row,
            header_column,
            ..
        } => {
            if marker.data.get("header_row") == Some(&Value::Bool(false)) {
                *header_row = false;
            }
            *header_column = marker.flag("header_column");
        }
        _ => {}
    }
    node.span.start = comment.span.start;
    if let Some(place) = &mut node.place {
        place.indent = comment.indent();
    }
    let at = out.len() - 2;
    out.remove(at);
}
