//! The edits that turn a source into another document.

mod insertion;
mod inside;

use std::collections::BTreeMap;

use super::Scope;
use super::align::{Step, align};
use crate::document::markdown::node::{Form, Node};
use crate::document::markdown::writer::{At, Writer, is_item, without_trailing_blanks};
use crate::document::markdown::{LineEnding, Settled, Source, Style};
use crate::document::{Block, BlockKind, Document, Span};

/// How large the pieces are that are written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grain {
    Words,
    Text,
    Block,
    Section,
    Run,
    Body,
}

impl Grain {
    fn next(self) -> Self {
        match self {
            Self::Words => Self::Text,
            Self::Text => Self::Block,
            Self::Block => Self::Section,
            Self::Section => Self::Run,
            Self::Run | Self::Body => Self::Body,
        }
    }
}

/// Makes the edits, finer or coarser.
pub(super) struct Planner<'a> {
    source: &'a str,
    read: &'a Source,
    new: &'a Document,
    settled: &'a Settled<'a>,
    newline: &'static str,
    steps: Vec<Step>,
    /// Grain of new top-level blocks that need more than words.
    grains: BTreeMap<usize, Grain>,
    grain: Grain,
    style: Style,
}

/// A region of the source and what replaces it, with `\n` line ends.
#[derive(Debug)]
struct Edit {
    span: Span,
    text: String,
}

/// What siblings stand in.
struct Container<'p> {
    /// What their lines start with.
    prefix: &'p str,
    /// Where the part before them ends.
    head: usize,
    /// Whether that part is a line of its own: text or an opening tag.
    solid: bool,
    root: bool,
}

/// The marker that an item is written with.
struct Marker {
    text: String,
    number: Option<u64>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        source: &'a str,
        read: &'a Source,
        new: &'a Document,
        settled: &'a Settled<'a>,
        ending: LineEnding,
    ) -> Self {
        let old = blocks_of(&read.nodes);
        let steps = align(
            without_trailing_blanks(&old),
            without_trailing_blanks(&new.blocks),
        );
        let mut style = Style::default();
        style_of(&read.nodes, &mut style);
        Self {
            source,
            read,
            new,
            settled,
            newline: ending.as_str(),
            steps,
            grains: BTreeMap::new(),
            grain: Grain::Words,
            style,
        }
    }

    pub(super) fn grain(&self) -> Grain {
        self.grain
    }

    pub(super) fn scope(&self) -> Scope {
        let grain = self.grains.values().copied().fold(self.grain, Grain::max);
        match grain {
            Grain::Words => Scope::Words,
            Grain::Text => Scope::Text,
            Grain::Block => Scope::Block,
            Grain::Section => Scope::Section,
            Grain::Run => Scope::Run,
            Grain::Body => Scope::Body,
        }
    }

    /// Takes larger pieces where the result was not what it should be.
    pub(super) fn widen(&mut self, wanted: &[Block], found: Option<&[Block]>) {
        let mut raised = false;
        if let Some(found) = found
            && found.len() == wanted.len()
        {
            for step in &self.steps {
                if let Step::Modify(_, at) = step
                    && wanted.get(*at) != found.get(*at)
                {
                    let grain = self.grains.entry(*at).or_insert(self.grain);
                    if *grain < Grain::Section {
                        *grain = grain.next();
                        raised = true;
                    }
                }
            }
        }
        if !raised {
            self.grain = self.grain.next();
            let modifies = self
                .steps
                .iter()
                .any(|step| matches!(step, Step::Modify(..)));
            if !modifies && self.grain < Grain::Run {
                self.grain = Grain::Run;
            }
        }
    }

    pub(super) fn widest(&mut self) {
        self.grain = Grain::Body;
    }

    /// The edited file.
    pub(super) fn text(&self) -> String {
        let mut edits = Vec::new();
        match self.grain {
            Grain::Body => self.body(&mut edits),
            Grain::Run => self.run(&mut edits),
            _ => {
                let container = Container {
                    prefix: "",
                    head: self.read.body,
                    solid: false,
                    root: true,
                };
                self.siblings(
                    &self.read.nodes,
                    &self.new.blocks,
                    0,
                    &self.steps,
                    &container,
                    None,
                    &mut edits,
                );
            }
        }
        self.apply(edits)
    }

    fn apply(&self, mut edits: Vec<Edit>) -> String {
        // The sort is stable: insertions at one place stay in order.
        edits.sort_by_key(|edit| edit.span.start);
        let mut out = String::with_capacity(self.source.len() + 256);
        let mut at = self.read.body.min(self.source.len());
        out.push_str(&self.source[..at]);
        for edit in edits {
            if edit.span.start > at {
                out.push_str(&self.source[at..edit.span.start]);
            }
            if self.newline == "\n" {
                out.push_str(&edit.text);
            } else {
                out.push_str(&edit.text.replace('\n', self.newline));
            }
            at = at.max(edit.span.end);
        }
        out.push_str(&self.source[at..]);
        out
    }

    fn body(&self, edits: &mut Vec<Edit>) {
        let mut text = self.writer().blocks(&self.new.blocks, 0, At::FileStart);
        if self.read.front_matter.is_some() && !text.is_empty() {
            text.insert(0, '\n');
        }
        if !text.is_empty() && self.source.ends_with(['\n', '\r']) {
            text.push('\n');
        }
        edits.push(Edit {
            span: Span {
                start: self.read.body,
                end: self.source.len(),
            },
            text,
        });
    }

    /// The first and the last step that is a change or stands in one line with one: what stands in
    /// one line may have one comment.
    fn changed(&self) -> Option<(usize, usize)> {
        let changed = |step: &Step| !matches!(step, Step::Keep(..));
        let mut first = self.steps.iter().position(changed)?;
        let mut last = self.steps.iter().rposition(changed)?;
        // Whether the old blocks around the start of a step stand in one line.
        let in_line = |at: usize| {
            let (before, behind) = self.steps.split_at_checked(at)?;
            let end = self
                .read
                .nodes
                .get(before.iter().rev().find_map(Step::old)?)?;
            let start = self.read.nodes.get(behind.iter().find_map(Step::old)?)?;
            let gap = self.source.get(end.span.end..start.span.start)?;
            (!gap.contains('\n')).then_some(())
        };
        while first > 0 && in_line(first).is_some() {
            first -= 1;
        }
        while in_line(last + 1).is_some() {
            last += 1;
        }
        Some((first, last))
    }

    /// Everything from the first to the last change as one piece.
    fn run(&self, edits: &mut Vec<Edit>) {
        let nodes = &self.read.nodes;
        let Some((first, last)) = self.changed() else {
            return;
        };
        let before = first.checked_sub(1).and_then(|at| self.steps.get(at));
        let after = self.steps.get(last + 1);
        let (old_from, new_from) = match before {
            Some(Step::Keep(old, new)) => (Some(nodes[*old].span.end), new + 1),
            _ => (None, 0),
        };
        let (old_to, new_to) = match after {
            Some(Step::Keep(old, new)) => (Some(nodes[*old].span.start), *new),
            _ => (None, without_trailing_blanks(&self.new.blocks).len()),
        };
        let number = self.number_of(&self.new.blocks, 0, new_from);
        let blocks = &self.new.blocks[new_from..new_to.max(new_from)];
        let at = if old_from.is_none() {
            At::FileStart
        } else {
            At::Inside
        };
        let mut text = self.writer().blocks(blocks, number, at);
        let start = old_from.unwrap_or_else(|| {
            nodes
                .first()
                .map_or(self.source.len(), |node| node.span.start)
        });
        let end =
            old_to.unwrap_or_else(|| nodes.last().map_or(self.source.len(), |node| node.span.end));
        if old_from.is_some() && !text.is_empty() {
            text.insert_str(0, "\n\n");
        }
        if let Some(to) = old_to {
            // The kept block's own indentation stays in front of it.
            let indent = " ".repeat(
                nodes
                    .iter()
                    .find(|node| node.span.start == to)
                    .map_or(0, |node| node.indent()),
            );
            if !text.is_empty() || old_from.is_some() {
                text.push_str("\n\n");
            }
            text.push_str(&indent);
        }
        edits.push(Edit {
            span: Span {
                start: start.min(end),
                end: end.max(start),
            },
            text,
        });
    }

    fn writer(&self) -> Writer<'_> {
        Writer {
            style: &self.style,
            ..self.settled.writer()
        }
    }

    fn number_of(&self, blocks: &[Block], first: usize, at: usize) -> usize {
        let mut number = first;
        for _ in blocks.iter().take(at) {
            number += self.settled.size(number);
        }
        number
    }

    fn is_blank(&self, from: usize, to: usize) -> bool {
        // Two line ends: what stands between them is blank or prefix only.
        self.source
            .get(from..to)
            .is_some_and(|gap| gap.matches('\n').count() > 1)
    }

    #[allow(clippy::too_many_arguments)]
    fn siblings(
        &self,
        nodes: &[Node],
        blocks: &[Block],
        first: usize,
        steps: &[Step],
        container: &Container<'_>,
        grain: Option<Grain>,
        edits: &mut Vec<Edit>,
    ) {
        let numbers: Vec<usize> = {
            let mut number = first;
            blocks
                .iter()
                .map(|_| {
                    let this = number;
                    number += self.settled.size(number);
                    this
                })
                .collect()
        };
        // The old sibling that stands before the next step, and the number of its item.
        let mut before: Option<usize> = None;
        let mut last_number: Option<u64> = None;
        let mut inserted: Option<&Block> = None;
        for (at, step) in steps.iter().enumerate() {
            match *step {
                Step::Keep(i, _) => {
                    before = Some(i);
                    inserted = None;
                    last_number = number_of_item(&nodes[i]);
                }
                Step::Modify(i, k) | Step::Replace(i, k) => {
                    let grain =
                        grain.unwrap_or_else(|| self.grains.get(&k).copied().unwrap_or(self.grain));
                    let modified = matches!(step, Step::Modify(..))
                        && grain < Grain::Section
                        && self.modify(&nodes[i], &blocks[k], numbers[k], container, grain, edits);
                    if !modified {
                        self.replace(nodes, i, &blocks[k], numbers[k], container, edits);
                    }
                    before = Some(i);
                    inserted = None;
                    last_number = number_of_item(&nodes[i]);
                }
                Step::Delete(_) if at > 0 && matches!(steps[at - 1], Step::Delete(_)) => {}
                Step::Delete(i) => {
                    let run = steps[at..]
                        .iter()
                        .take_while(|step| matches!(step, Step::Delete(_)))
                        .count();
                    edits.push(Edit {
                        span: self.deleted(nodes, before, (i, i + run - 1), container),
                        text: String::new(),
                    });
                }
                Step::Insert(k) => {
                    let next = steps[at..].iter().find_map(Step::old);
                    let marker = self.marker(nodes, before, next, &blocks[k], last_number);
                    last_number = marker.number;
                    let more = matches!(steps.get(at + 1), Some(Step::Insert(_)));
                    self.insert(
                        nodes,
                        (before, next),
                        inserted,
                        &blocks[k],
                        numbers[k],
                        &marker,
                        more,
                        container,
                        edits,
                    );
                    inserted = Some(&blocks[k]);
                }
            }
        }
    }

    /// What goes with the blocks from `first` to `last`: the gap before them, or the one behind
    /// them where only the other one parts what is left.
    fn deleted(
        &self,
        nodes: &[Node],
        before: Option<usize>,
        (first, last): (usize, usize),
        container: &Container<'_>,
    ) -> Span {
        let lead = match before {
            Some(before) => Some(nodes[before].span.end),
            None => container.solid.then_some(container.head),
        };
        let behind = nodes.get(last + 1).map(|next| {
            // Its own indentation stays in front of it.
            let gap = &self.source[nodes[last].span.end..next.span.start];
            let spaces = gap.len() - gap.trim_end_matches(' ').len();
            (next.span.start, spaces.min(next.indent()))
        });
        match (lead, behind) {
            (Some(lead), Some((next, indent)))
                if self.is_blank(lead, nodes[first].span.start)
                    && !self.is_blank(nodes[last].span.end, next) =>
            {
                Span {
                    start: nodes[first].span.start,
                    end: (next - indent).max(nodes[last].span.end),
                }
            }
            (Some(lead), _) => Span {
                start: lead,
                end: nodes[last].span.end,
            },
            (None, Some((next, indent))) => Span {
                start: nodes[first].span.start,
                end: (next - indent).max(nodes[last].span.end),
            },
            (None, None) => Span {
                start: nodes[first].span.start,
                end: nodes[last].span.end,
            },
        }
    }
}

fn blocks_of(nodes: &[Node]) -> Vec<Block> {
    nodes.iter().map(Node::to_block).collect()
}

fn is_numbered(marker: &str) -> bool {
    marker.starts_with(|c: char| c.is_ascii_digit())
}

fn number_of_item(node: &Node) -> Option<u64> {
    match node.form() {
        Form::Item { marker, .. } if is_numbered(marker) => {
            marker.get(..marker.len() - 1)?.parse().ok()
        }
        _ => None,
    }
}

/// Whether two kinds stand in one list.
fn same_list(a: &BlockKind, b: &BlockKind) -> bool {
    let numbered = |kind: &BlockKind| matches!(kind, BlockKind::NumberedItem { .. });
    is_item(a) && is_item(b) && numbered(a) == numbered(b)
}

/// The markers that a file uses first.
fn style_of(nodes: &[Node], style: &mut Style) {
    let (mut bullet, mut delimiter) = (None, None);
    let mut open: Vec<&Node> = nodes.iter().rev().collect();
    while let Some(node) = open.pop() {
        if let Form::Item { marker, .. } = node.form() {
            let found = if is_numbered(marker) {
                &mut delimiter
            } else {
                &mut bullet
            };
            *found = found.or(marker.chars().next_back());
            if bullet.is_some() && delimiter.is_some() {
                break;
            }
        }
        open.extend(node.children.iter().rev());
    }
    style.bullet = bullet.unwrap_or('-');
    style.delimiter = delimiter.unwrap_or('.');
}
