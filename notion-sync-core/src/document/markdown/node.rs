//! Blocks together with how they stand in the source.

use crate::document::{Block, BlockKind, Document, Inline, InlineKind, Layout, RichText, Span};

/// A block and its place in the source.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: BlockKind,
    pub(crate) layout: Layout,
    /// From the first byte of its marker or content (behind indentation) to the end of its last
    /// line, without the line end.
    pub(crate) span: Span,
    pub(crate) children: Vec<Self>,
    /// Levels of blocks from here down, this one included.
    pub(crate) height: usize,
    /// Whether its own text stands in the source as text, not as data in a comment.
    pub(crate) textual: bool,
    /// Whether it is from a comment, or text with a comment.
    pub(crate) dialect: bool,
    /// Boxed, and absent where only blocks are read: a file has many nodes, and nearly all that
    /// are read are made blocks right away.
    pub(crate) place: Option<Box<Place>>,
}

/// How a block stands between its neighbours: what has to be known to change it in its place.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Where its own text stands.
    pub(crate) own: Option<Own>,
    /// Where its own part ends and its children start.
    pub(crate) head_end: usize,
    /// Columns between where its siblings' content starts and its own start.
    pub(crate) indent: usize,
    /// What a line of its children starts with, behind what a line of its siblings starts with.
    pub(crate) inner: String,
    pub(crate) form: Form,
}

/// How a block is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// In a way that says everything there is to say, or with a comment.
    Plain,
    /// `#` heading, or underlined heading; and where it starts, behind its anchors.
    Heading { underlined: bool, start: usize },
    /// A list item: its marker (`-`, `1.`), the white space behind it, and the box of a task.
    Item {
        marker: String,
        gap: usize,
        task: Option<Span>,
    },
    /// A quote or an alert.
    Quote,
    /// Code between fences.
    Fence,
    /// Indented code, with the indentation of its first line.
    Indented { lead: String },
    /// Something between two HTML blocks: `<details>` or a pair of comments.
    Wrapped,
    /// A table, with the end of its delimiter row.
    Table { delimiter_end: usize },
    /// A row with the spans of its cells.
    Row { cells: Vec<Span> },
}

/// Own text of a block in the source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Own {
    pub(crate) span: Option<Span>,
    pub(crate) pieces: Vec<Piece>,
}

impl Own {
    /// The text, which takes the pieces along unless they are to be kept.
    pub(crate) fn take_text(&mut self, keep: bool) -> RichText {
        if keep {
            rich_text(&self.pieces)
        } else {
            joined(std::mem::take(&mut self.pieces))
        }
    }
}

/// A piece of inline content and the bytes it came from.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) source: Span,
    pub(crate) inline: Inline,
}

impl Node {
    pub(crate) fn leaf(kind: BlockKind, span: Span) -> Self {
        Self {
            kind,
            layout: Layout::default(),
            span,
            children: Vec::new(),
            height: 1,
            textual: false,
            dialect: false,
            place: None,
        }
    }

    /// Its place, to change it; one that says nothing where there was none.
    pub(crate) fn place_mut(&mut self) -> &mut Place {
        let head_end = self.span.end;
        self.place.get_or_insert_with(|| {
            Box::new(Place {
                own: None,
                head_end,
                indent: 0,
                inner: String::new(),
                form: Form::Plain,
            })
        })
    }

    pub(crate) fn own(&self) -> Option<&Own> {
        self.place.as_ref()?.own.as_ref()
    }

    pub(crate) fn head_end(&self) -> usize {
        match &self.place {
            Some(place) => place.head_end,
            None => self.span.end,
        }
    }

    pub(crate) fn indent(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.indent)
    }

    pub(crate) fn inner(&self) -> &str {
        self.place.as_ref().map_or("", |place| &place.inner)
    }

    pub(crate) fn form(&self) -> &Form {
        self.place
            .as_ref()
            .map_or(&Form::Plain, |place| &place.form)
    }

    /// With children; the height follows.
    pub(crate) fn with_children(mut self, mut children: Vec<Self>) -> Self {
        // A list of one grew to room for four, also where that one became the text of an item.
        children.shrink_to_fit();
        self.height = 1 + children.iter().map(|child| child.height).max().unwrap_or(0);
        self.children = children;
        self
    }

    /// A block that came whole out of a comment.
    pub(crate) fn from_block(block: Block, span: Span) -> Self {
        let children = block
            .children
            .into_iter()
            .map(|child| Self::from_block(child, span))
            .collect();
        let mut node = Self::leaf(block.kind, span).with_children(children);
        node.layout = block.layout;
        node.dialect = true;
        node
    }

    /// Number of blocks from here down.
    pub(crate) fn count(&self) -> usize {
        1 + self.children.iter().map(Self::count).sum::<usize>()
    }

    /// The block of a node that is not needed any more.
    fn into_block(self) -> Block {
        Block {
            id: None,
            span: Some(self.span),
            layout: self.layout,
            kind: self.kind,
            children: self.children.into_iter().map(Self::into_block).collect(),
        }
    }

    /// The block. Depth was limited when the node was made.
    pub(crate) fn to_block(&self) -> Block {
        Block {
            id: None,
            span: Some(self.span),
            layout: self.layout,
            kind: self.kind.clone(),
            children: self.children.iter().map(Self::to_block).collect(),
        }
    }
}

/// The document of a list of nodes.
pub(crate) fn document(nodes: &[Node]) -> Document {
    Document {
        blocks: nodes.iter().map(Node::to_block).collect(),
    }
}

/// The document of nodes that are not needed any more.
pub(crate) fn into_document(nodes: Vec<Node>) -> Document {
    Document {
        blocks: nodes.into_iter().map(Node::into_block).collect(),
    }
}

/// Joins pieces to rich text.
pub(crate) fn rich_text(pieces: &[Piece]) -> RichText {
    let mut out: Vec<Inline> = Vec::with_capacity(pieces.len().min(8));
    for piece in pieces {
        if !join(&mut out, &piece.inline) {
            out.push(piece.inline.clone());
        }
    }
    RichText(out)
}

/// The same of pieces that are not needed any more.
pub(crate) fn joined(pieces: Vec<Piece>) -> RichText {
    let joins = |pair: &&[Piece]| match pair {
        [before, piece] => !looks_like(&before.inline, &piece.inline),
        _ => true,
    };
    // Runs are large and most texts have one: room for more would be most of the memory.
    let count = pieces.windows(2).filter(joins).count() + usize::from(!pieces.is_empty());
    let mut out: Vec<Inline> = Vec::with_capacity(count);
    for piece in pieces {
        if !join(&mut out, &piece.inline) {
            out.push(piece.inline);
        }
    }
    RichText(out)
}

/// Appends text to the last run where it looks the same.
fn join(out: &mut [Inline], inline: &Inline) -> bool {
    if let (Some(last), InlineKind::Text(text)) = (out.last_mut(), &inline.kind)
        && looks_like(last, inline)
        && let InlineKind::Text(before) = &mut last.kind
    {
        before.push_str(text);
        return true;
    }
    false
}

/// Whether two runs are text that looks and leads the same.
fn looks_like(one: &Inline, other: &Inline) -> bool {
    matches!(
        (&one.kind, &other.kind),
        (InlineKind::Text(_), InlineKind::Text(_))
    ) && one.annotations == other.annotations
        && one.link == other.link
}

#[cfg(test)]
mod tests {
    use super::{Block, Node};

    #[test]
    fn a_node_that_is_only_read_takes_no_more_room_than_its_block() {
        assert!(size_of::<Node>() <= size_of::<Block>());
    }
}
