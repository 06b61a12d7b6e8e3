//! How careful each block of a document has to be written, found out by reading back.

use super::inline_writer::Care;
use super::writer::{At, Writer, without_trailing_blanks};
use super::{Limits, Style, body_start, node, reader};
use crate::document::canon::says_the_same;
use crate::document::{Block, BlockKind, Document};

/// Rounds of writing and reading back. Each raises what came back different; four would do if
/// blocks never influenced each other.
const ROUNDS: usize = 9;

/// A document with the care that each of its blocks needs, by number in document order.
#[derive(Debug)]
pub(crate) struct Settled<'a> {
    document: &'a Document,
    style: &'a Style,
    care: Vec<Care>,
    sizes: Vec<usize>,
    /// The whole document as it was last written, where no care was raised since.
    text: Option<String>,
}

impl<'a> Settled<'a> {
    pub(crate) fn of(document: &'a Document, style: &'a Style) -> Self {
        let mut sizes = Vec::new();
        for block in &document.blocks {
            measure(block, &mut sizes);
        }
        let mut settled = Self {
            document,
            style,
            care: vec![Care::Plain; sizes.len()],
            sizes,
            text: None,
        };
        settled.settle();
        settled
    }

    pub(crate) fn writer(&self) -> Writer<'_> {
        Writer {
            style: self.style,
            care: &self.care,
            sizes: &self.sizes,
        }
    }

    /// Number of blocks in the block with a number.
    pub(crate) fn size(&self, number: usize) -> usize {
        self.sizes.get(number).copied().unwrap_or(1)
    }

    /// The whole document.
    pub(crate) fn into_text(mut self) -> String {
        self.text.take().unwrap_or_else(|| self.write())
    }

    fn write(&self) -> String {
        let mut text = self
            .writer()
            .blocks(&self.document.blocks, 0, At::FileStart);
        if !text.is_empty() {
            text.push('\n');
        }
        // It grew to twice its length at worst, and is in use while it is read back, when the most
        // memory is.
        text.shrink_to_fit();
        text
    }

    fn settle(&mut self) {
        // What was read within limits may be longer when written, and is ours.
        let limits = Limits {
            bytes: usize::MAX,
            blocks: usize::MAX,
            depth: 512,
        };
        let mut canonical = None;
        for round in 0..ROUNDS {
            let text = self.write();
            let Ok(nodes) = reader::read_blocks(&text, body_start(&text), &limits) else {
                return;
            };
            let found = node::into_document(nodes);
            // Nearly always everything came back as it is, and no canonical form has to be made.
            if says_the_same(&self.document.blocks, &found.blocks) {
                self.text = Some(text);
                return;
            }
            let found = found.canonical();
            let wanted = canonical.get_or_insert_with(|| self.document.canonical());
            let mut raised = Vec::new();
            self.compare(
                &wanted.blocks,
                &found.blocks,
                &self.document.blocks,
                0,
                None,
                &mut raised,
            );
            if raised.is_empty() {
                self.text = Some(text);
                return;
            }
            for number in raised {
                if let Some(care) = self.care.get_mut(number) {
                    *care = if round + 3 >= ROUNDS {
                        Care::Data
                    } else {
                        care.next()
                    };
                }
            }
        }
    }

    /// Collects the numbers of the blocks that came back different.
    fn compare(
        &self,
        wanted: &[Block],
        found: &[Block],
        original: &[Block],
        first: usize,
        parent: Option<usize>,
        raised: &mut Vec<usize>,
    ) {
        let before = raised.len();
        let original = without_trailing_blanks(original);
        let mut numbers = Vec::with_capacity(wanted.len());
        let mut number = first;
        for _ in original {
            numbers.push(number);
            number += self.size(number);
        }
        if wanted.len() == found.len() && wanted.len() == original.len() {
            for (at, (want, have)) in wanted.iter().zip(found).enumerate() {
                if want == have {
                    continue;
                }
                let number = numbers[at];
                let own = want.kind == have.kind;
                if own && !want.children.is_empty() && self.care[number] < Care::Data {
                    self.compare(
                        &want.children,
                        &have.children,
                        &original[at].children,
                        number + 1,
                        Some(number),
                        raised,
                    );
                } else {
                    self.raise(want, number, parent, raised);
                }
            }
        } else {
            let head = wanted
                .iter()
                .zip(found)
                .take_while(|(want, have)| want == have)
                .count();
            let tail = wanted[head..]
                .iter()
                .rev()
                .zip(found[head.min(found.len())..].iter().rev())
                .take_while(|(want, have)| want == have)
                .count();
            for at in head..wanted.len() - tail {
                if let (Some(number), Some(want)) = (numbers.get(at), wanted.get(at)) {
                    self.raise(want, *number, parent, raised);
                }
            }
        }
        // Nothing left to raise here although something is wrong: the block around it is data.
        let stuck = raised.len() == before
            || raised[before..]
                .iter()
                .all(|number| self.care[*number] == Care::Data);
        if stuck && let Some(parent) = parent {
            raised.push(parent);
            // Straight to data: other steps concern text only.
            raised.push(parent);
            raised.push(parent);
        }
    }

    fn raise(&self, want: &Block, number: usize, parent: Option<usize>, raised: &mut Vec<usize>) {
        // A row cannot be data by itself, its table can.
        let row = matches!(want.kind, BlockKind::TableRow { .. });
        if row && self.care[number] >= Care::Explicit {
            if let Some(parent) = parent {
                raised.extend([parent; 3]);
            }
        } else {
            raised.push(number);
        }
    }
}

fn measure(block: &Block, sizes: &mut Vec<usize>) -> usize {
    let at = sizes.len();
    sizes.push(1);
    let mut size = 1;
    for child in &block.children {
        size += measure(child, sizes);
    }
    sizes[at] = size;
    size
}
