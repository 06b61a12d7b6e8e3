//! Blocks that come into a file, or stand in place of another kind of block.

use super::{Container, Edit, Marker, Planner, is_numbered, same_list};
use crate::document::markdown::node::{Form, Node};
use crate::document::markdown::writer::{At, continued, is_item};
use crate::document::{Block, BlockKind, Span};

impl Planner<'_> {
    /// The list marker for a new item between its neighbours.
    pub(super) fn marker(
        &self,
        nodes: &[Node],
        before: Option<usize>,
        next: Option<usize>,
        block: &Block,
        last_number: Option<u64>,
    ) -> Marker {
        let numbered = matches!(block.kind, BlockKind::NumberedItem { .. });
        let neighbour = [before, next].into_iter().flatten().find_map(|at| {
            let node = &nodes[at];
            match node.form() {
                Form::Item { marker, gap, .. } if is_numbered(marker) == numbered => {
                    Some((marker.clone(), *gap, Some(at) == before))
                }
                _ => None,
            }
        });
        let (marker, gap, follows) = neighbour.unwrap_or_else(|| {
            let marker = if numbered {
                format!("1{}", self.style.delimiter)
            } else {
                self.style.bullet.to_string()
            };
            (marker, 1, false)
        });
        let mut number = None;
        let mut text = marker.clone();
        if numbered {
            let found = marker
                .get(..marker.len() - 1)
                .and_then(|n| n.parse::<u64>().ok());
            let value = match (follows, last_number, found) {
                (true, Some(last), _) | (false, Some(last), None) => last + 1,
                (false, Some(last), Some(_)) if before.is_some() => last + 1,
                (_, _, Some(found)) => found,
                _ => 1,
            };
            let value = value.min(999_999_999);
            number = Some(value);
            text = format!("{value}{}", &marker[marker.len() - 1..]);
        }
        text.push_str(&" ".repeat(gap.saturating_sub(1)));
        Marker { text, number }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn insert(
        &self,
        nodes: &[Node],
        (before, next): (Option<usize>, Option<usize>),
        inserted: Option<&Block>,
        block: &Block,
        number: usize,
        marker: &Marker,
        more: bool,
        container: &Container<'_>,
        edits: &mut Vec<Edit>,
    ) {
        let neighbour = before.or(next).map(|at| &nodes[at]);
        let indent = match neighbour {
            Some(node) if is_item(&node.kind) && is_item(&block.kind) => node.indent(),
            _ => 0,
        };
        let prefix = format!("{}{}", container.prefix, " ".repeat(indent));
        let at = match (before, container.root) {
            (None, true) => At::FileStart,
            (None, false) if !container.solid => At::Marker,
            _ => At::Inside,
        };
        let written = self.writer().block(block, number, at, &marker.text);
        let written = continued(&written, &prefix);
        let tight = self.is_tight(nodes, before, next);
        let blank = container.prefix.trim_end();
        let joined = |a: &BlockKind, b: &BlockKind| tight && same_list(a, b);
        if before.is_none() && inserted.is_none() && !container.solid {
            // Before the first of the siblings, or into nothing.
            if let Some(next) = next {
                let node = &nodes[next];
                let gap = if joined(&block.kind, &node.kind) || more {
                    "\n".to_owned()
                } else {
                    format!("\n{blank}\n")
                };
                let lead = format!("{}{}", container.prefix, " ".repeat(node.indent()));
                edits.push(Edit {
                    span: Span {
                        start: node.span.start,
                        end: node.span.start,
                    },
                    text: if more {
                        format!("{written}\n{blank}\n{lead}")
                    } else {
                        format!("{written}{gap}{lead}")
                    },
                });
            } else {
                self.insert_alone(&written, container, edits);
            }
            return;
        }
        if before.is_none() && !container.solid {
            // Behind a block that was itself inserted before the first of the siblings or into
            // nothing.
            let position = match next {
                Some(next) => nodes[next].span.start,
                None if container.root => self.source.len(),
                None => container.head,
            };
            let lead = format!(
                "{}{}",
                container.prefix,
                " ".repeat(next.map_or(0, |at| nodes[at].indent()))
            );
            let text = match (next, inserted) {
                (Some(_), _) => format!("{written}\n{blank}\n{lead}"),
                (None, Some(last)) if joined(&last.kind, &block.kind) => {
                    format!("\n{prefix}{written}")
                }
                (None, _) => format!("\n{blank}\n{prefix}{written}"),
            };
            edits.push(Edit {
                span: Span {
                    start: position,
                    end: position,
                },
                text,
            });
            return;
        }
        let position = match before {
            Some(before) => nodes[before].span.end,
            None => container.head,
        };
        let last = inserted
            .map(|block| &block.kind)
            .or(before.map(|at| &nodes[at].kind));
        let close = match last {
            Some(last) => joined(last, &block.kind),
            None => is_item(&block.kind) && container.solid && tight,
        };
        let mut text = if close {
            format!("\n{prefix}{written}")
        } else {
            format!("\n{blank}\n{prefix}{written}")
        };
        if let Some(next) = next
            && !more
            && !joined(&block.kind, &nodes[next].kind)
            && !self.is_blank(position, nodes[next].span.start)
        {
            text.push_str(&format!("\n{blank}"));
        }
        edits.push(Edit {
            span: Span {
                start: position,
                end: position,
            },
            text,
        });
    }

    /// Into a container that has nothing yet.
    fn insert_alone(&self, written: &str, container: &Container<'_>, edits: &mut Vec<Edit>) {
        if !container.root {
            let spaced = self.source[..container.head].ends_with([' ', '\t']);
            let gap = if spaced { "" } else { " " };
            edits.push(Edit {
                span: Span {
                    start: container.head,
                    end: container.head,
                },
                text: format!("{gap}{written}"),
            });
            return;
        }
        let end = self.source.len();
        let rest = &self.source[self.read.body..];
        let lead = if rest.is_empty() && self.read.body > 3 {
            if self.source.ends_with('\n') {
                "\n"
            } else {
                "\n\n"
            }
        } else if rest.is_empty() || rest.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let trail = if self.source.is_empty() || self.source.ends_with('\n') {
            "\n"
        } else {
            ""
        };
        edits.push(Edit {
            span: Span { start: end, end },
            text: format!("{lead}{written}{trail}"),
        });
    }

    /// Whether list items stand here without blank lines between them.
    fn is_tight(&self, nodes: &[Node], before: Option<usize>, next: Option<usize>) -> bool {
        let mut pairs = Vec::new();
        for at in [before, next].into_iter().flatten() {
            if at > 0 {
                pairs.push((at - 1, at));
            }
            if at + 1 < nodes.len() {
                pairs.push((at, at + 1));
            }
        }
        let gaps: Vec<bool> = pairs
            .into_iter()
            .filter(|(a, b)| same_list(&nodes[*a].kind, &nodes[*b].kind))
            .map(|(a, b)| self.is_blank(nodes[a].span.end, nodes[b].span.start))
            .collect();
        gaps.is_empty() || gaps.iter().any(|blank| !blank)
    }

    /// One block in place of another.
    pub(super) fn replace(
        &self,
        nodes: &[Node],
        i: usize,
        block: &Block,
        number: usize,
        container: &Container<'_>,
        edits: &mut Vec<Edit>,
    ) {
        let node = &nodes[i];
        let marker = match node.form() {
            Form::Item { marker, gap, .. }
                if is_numbered(marker) == matches!(block.kind, BlockKind::NumberedItem { .. }) =>
            {
                Marker {
                    text: format!("{marker}{}", " ".repeat(gap.saturating_sub(1))),
                    number: None,
                }
            }
            _ => self.marker(
                nodes,
                i.checked_sub(1),
                Some(i + 1).filter(|at| *at < nodes.len()),
                block,
                None,
            ),
        };
        let at = match (i, container.root) {
            (0, true) => At::FileStart,
            (0, false) if !container.solid => At::Marker,
            _ => At::Inside,
        };
        let prefix = format!("{}{}", container.prefix, " ".repeat(node.indent()));
        let written = self.writer().block(block, number, at, &marker.text);
        let mut text = continued(&written, &prefix);
        if !same_list(&node.kind, &block.kind) {
            let blank = container.prefix.trim_end();
            let lead = match i.checked_sub(1) {
                Some(before) => Some(nodes[before].span.end),
                None => container.solid.then_some(container.head),
            };
            if let Some(lead) = lead
                && !self.is_blank(lead, node.span.start)
            {
                edits.push(Edit {
                    span: Span {
                        start: lead,
                        end: node.span.start,
                    },
                    text: format!("\n{blank}\n{prefix}"),
                });
            }
            if let Some(next) = nodes.get(i + 1)
                && !self.is_blank(node.span.end, next.span.start)
            {
                text.push_str(&format!("\n{blank}"));
            }
        }
        edits.push(Edit {
            span: node.span,
            text,
        });
    }
}
