//! Anchors in front of headings: places that links lead to, which nobody sees.
//!
//! With at most one blank line between them they are part of the heading. An anchor that somebody
//! wrote on a page is a block there: it is written with two.

use super::html;
use super::node::Node;
use crate::document::{Block, BlockKind, Inline, InlineKind};

/// Most anchors of one heading.
const ANCHORS: usize = 32;

/// Most bytes of them.
const BYTES: usize = 8_192;

/// A comment that says nothing: people write it in front of an anchor to have a block of HTML.
const NOTHING: &str = "<!---->";

/// What stands in a file between an anchor that is a block and a heading.
pub(crate) const APART: &str = "\n\n\n";

/// Makes anchors that stand right in front of headings part of these.
pub(crate) fn fold(source: &str, nodes: &mut Vec<Node>) {
    // Nearly always there is none.
    let found = nodes.windows(2).any(|pair| {
        matches!(pair[1].kind, BlockKind::Heading { .. }) && may_be_anchor(&pair[0].kind)
    });
    if !found {
        return;
    }
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    for mut node in std::mem::take(nodes) {
        while let Some(before) = out.last()
            && take(source, &mut node, before)
        {
            out.pop();
        }
        out.push(node);
    }
    *nodes = out;
}

/// Whether the block before a heading became part of it.
fn take(source: &str, heading: &mut Node, before: &Node) -> bool {
    let BlockKind::Heading { anchor, .. } = &mut heading.kind else {
        return false;
    };
    let between = source.get(before.span.end..heading.span.start);
    if between.is_none_or(|between| between.matches('\n').count() >= APART.len()) {
        return false;
    }
    let said = before.children.is_empty().then(|| source_of(&before.kind));
    let Some(mut source) = said.flatten() else {
        return false;
    };
    if let Some(nearer) = anchor {
        source.push_str("\n\n");
        source.push_str(nearer);
        if !is_anchor(&source) {
            return false;
        }
    }
    *anchor = Some(source.into());
    heading.span.start = before.span.start;
    if let Some(place) = &mut heading.place {
        place.indent = before.indent();
    }
    true
}

/// Whether a block would be taken for the anchor of a heading behind it.
pub(crate) fn is_block(block: &Block) -> bool {
    block.children.is_empty() && source_of(&block.kind).is_some()
}

fn may_be_anchor(kind: &BlockKind) -> bool {
    let starts = |source: &str| source.starts_with("<a ") || source.starts_with(NOTHING);
    match kind {
        BlockKind::Verbatim { markdown } => starts(markdown),
        BlockKind::Paragraph { text, .. } => matches!(
            text.0.iter().find(|run| !is_blank(run)).map(|run| &run.kind),
            Some(InlineKind::Verbatim(tag)) if starts(tag)),
        _ => false,
    }
}

fn is_blank(run: &Inline) -> bool {
    matches!(&run.kind, InlineKind::Text(text) if text.trim().is_empty())
}

/// The anchors that a block is, where it is nothing else.
fn source_of(kind: &BlockKind) -> Option<String> {
    if !may_be_anchor(kind) {
        return None;
    }
    let source = match kind {
        BlockKind::Verbatim { markdown } => markdown.clone(),
        BlockKind::Paragraph { text, color } if color.is_default() => {
            let mut source = String::new();
            // White space at both ends of a paragraph is not written.
            let ahead = text.0.iter().take_while(|run| is_blank(run)).count();
            let runs = &text.0[ahead..];
            let behind = runs.iter().rev().take_while(|run| is_blank(run)).count();
            for run in &runs[..runs.len() - behind] {
                match &run.kind {
                    InlineKind::Verbatim(tag) => source.push_str(tag),
                    InlineKind::Text(space) if space.chars().all(|c| c == ' ') => source.push(' '),
                    _ => return None,
                }
                if run.link.is_some() || !run.annotations.is_plain() {
                    return None;
                }
            }
            source
        }
        _ => return None,
    };
    is_anchor(&source).then_some(source)
}

/// Whether a source is nothing but anchors: `<a id="x"></a>`, any number of them.
pub(crate) fn is_anchor(source: &str) -> bool {
    if source.len() > BYTES {
        return false;
    }
    let mut rest = source.trim_ascii_end();
    for _ in 0..ANCHORS {
        let shown = rest
            .strip_prefix(NOTHING)
            .unwrap_or(rest)
            .trim_ascii_start();
        let Some(inner) = shown.strip_prefix("<a ") else {
            return false;
        };
        let Some(end) = html::tag_end(inner) else {
            return false;
        };
        let named = html::attributes(&inner[..end]).is_some_and(|attributes| {
            !attributes.is_empty()
                && attributes
                    .iter()
                    .all(|(name, _)| matches!(*name, "id" | "name"))
        });
        let Some(behind) = inner[end + 1..].trim_ascii_start().strip_prefix("</a>") else {
            return false;
        };
        if !named {
            return false;
        }
        rest = behind.trim_ascii_start();
        if rest.is_empty() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_anchor;

    #[test]
    fn anchors_are_tags_that_name_a_place() {
        for source in [
            "<a id=\"x\"></a>",
            "<a name='x'></a>",
            "<!----><a id=\"x\"></a>",
            "<a id=\"x\" name=\"x\"> </a> <a id=\"y\"></a>\n\n<a id=\"z\"></a>",
        ] {
            assert!(is_anchor(source), "{source}");
        }
        for source in [
            "",
            "<a>",
            "<!---->",
            "<!-- x --><a id=\"x\"></a>",
            "<a ></a>",
            "<a id=\"x\">",
            "<a id=\"x\">text</a>",
            "<a id=\"x\" href=\"y\"></a>",
            "<a href=\"y\"></a>",
            "<a id=\"x\"></a> text",
            "<b id=\"x\"></b>",
            &"<a id=\"x\"></a>".repeat(33),
        ] {
            assert!(!is_anchor(source), "{source}");
        }
    }
}
