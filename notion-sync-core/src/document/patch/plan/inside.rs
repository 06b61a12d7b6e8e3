//! Changes inside the lines of a block.

use super::super::align::{Step, align};
use super::super::words;
use super::{Container, Edit, Grain, Planner};
use crate::document::markdown::inline_writer::{self, Care, Place};
use crate::document::markdown::node::{Form, Node};
use crate::document::markdown::writer::{continued, without_trailing_blanks};
use crate::document::{Block, BlockKind, RichText, Span};

impl Planner<'_> {
    /// Changes a block inside its lines; `false` where it has to be written anew.
    pub(super) fn modify(
        &self,
        node: &Node,
        block: &Block,
        number: usize,
        container: &Container<'_>,
        grain: Grain,
        edits: &mut Vec<Edit>,
    ) -> bool {
        let mut own = Vec::new();
        let old = node.to_block();
        let prefix = format!("{}{}", container.prefix, " ".repeat(node.indent()));
        if self.settled.writer().care.get(number) == Some(&Care::Data) {
            return false;
        }
        let done = match (&old.kind.canonical(), &block.kind.canonical()) {
            (a, b) if a == b => true,
            (a, b) => {
                grain < Grain::Block && self.own(node, a, b, number, &prefix, grain, &mut own)
            }
        };
        if !done {
            return false;
        }
        if matches!(node.form(), Form::Table { .. }) {
            if !self.rows(node, &old, block, number, &prefix, &mut own) {
                return false;
            }
        } else {
            let inner = format!("{prefix}{}", node.inner());
            let inside = Container {
                prefix: &inner,
                head: node.head_end(),
                solid: node.own().is_some() || *node.form() == Form::Wrapped,
                root: false,
            };
            let children = without_trailing_blanks(&old.children);
            let wanted = without_trailing_blanks(&block.children);
            let leaf = children.is_empty() && !wanted.is_empty();
            if leaf && !matches!(node.form(), Form::Item { .. } | Form::Quote | Form::Wrapped) {
                return false;
            }
            if node.dialect && children != wanted && node.inner().is_empty() {
                return false;
            }
            let steps = align(children, wanted);
            self.siblings(
                &node.children,
                wanted,
                number + 1,
                &steps,
                &inside,
                Some(grain),
                &mut own,
            );
        }
        edits.append(&mut own);
        true
    }

    /// Changes what a block says itself.
    #[allow(clippy::too_many_arguments)]
    fn own(
        &self,
        node: &Node,
        old: &BlockKind,
        new: &BlockKind,
        number: usize,
        prefix: &str,
        grain: Grain,
        edits: &mut Vec<Edit>,
    ) -> bool {
        if let (
            BlockKind::Code {
                language: a,
                caption: x,
                ..
            },
            BlockKind::Code {
                language: b,
                caption: y,
                code,
                ..
            },
        ) = (old, new)
        {
            return a == b && x == y && self.code(node, code, prefix, edits);
        }
        let (mut a, mut b) = (old.clone(), new.clone());
        let (Some(from), Some(to)) = (a.text_mut(), b.text_mut()) else {
            return false;
        };
        let (from, to) = (std::mem::take(from), std::mem::take(to));
        if let (
            BlockKind::ToDo { checked: was, .. },
            BlockKind::ToDo { checked: is, .. },
            Form::Item {
                task: Some(task), ..
            },
        ) = (&mut a, &b, node.form())
            && *was != *is
        {
            edits.push(Edit {
                span: *task,
                text: if *is { "[x]" } else { "[ ]" }.to_owned(),
            });
            *was = *is;
        }
        if let (
            BlockKind::Heading { level: was, .. },
            BlockKind::Heading { level: is, .. },
            Form::Heading {
                underlined: false,
                start,
            },
        ) = (&mut a, &b, node.form())
            && *was != *is
        {
            edits.push(Edit {
                span: Span {
                    start: *start,
                    end: *start + usize::from(*was),
                },
                text: "#".repeat(usize::from(*is)),
            });
            *was = *is;
        }
        if a != b {
            return false;
        }
        if from == to {
            return true;
        }
        let inner = match node.form() {
            Form::Item { .. } | Form::Quote => format!("{prefix}{}", node.inner()),
            _ => prefix.to_owned(),
        };
        self.own_text(node, &to, number, &inner, grain, edits)
    }

    fn own_text(
        &self,
        node: &Node,
        to: &RichText,
        number: usize,
        prefix: &str,
        grain: Grain,
        edits: &mut Vec<Edit>,
    ) -> bool {
        let (Some(own), false) = (node.own(), to.is_empty()) else {
            return false;
        };
        let Some(span) = own.span else {
            return false;
        };
        let place = match node.form() {
            Form::Heading { .. } => Place::Line,
            _ => Place::Paragraph,
        };
        let care = self
            .settled
            .writer()
            .care
            .get(number)
            .copied()
            .unwrap_or(Care::Plain);
        if grain == Grain::Words
            && care == Care::Plain
            && let Some(found) = words::edits(self.source, own, to, place)
        {
            edits.extend(found.into_iter().map(|(span, text)| Edit {
                span,
                text: continued(&text, prefix),
            }));
            return true;
        }
        let text = inline_writer::write(to, place, care);
        edits.push(Edit {
            span,
            text: continued(&text, prefix),
        });
        true
    }

    /// Changes the lines between two fences.
    fn code(&self, node: &Node, code: &str, prefix: &str, edits: &mut Vec<Edit>) -> bool {
        if let Form::Indented { lead } = node.form() {
            if code.starts_with(['\n', ' ', '\t']) || code.ends_with('\n') || code.is_empty() {
                return false;
            }
            edits.push(Edit {
                span: node.span,
                text: format!("{lead}{}", continued(code, &format!("{prefix}{lead}"))),
            });
            return true;
        }
        if *node.form() != Form::Fence {
            return false;
        }
        let text = &self.source[node.span.start..node.span.end];
        let (Some(first), Some(last)) = (text.find('\n'), text.rfind('\n')) else {
            return false;
        };
        let fence = text.trim_start().chars().next().unwrap_or('`');
        let closing = text[last + 1..].trim_start_matches([' ', '\t', '>']);
        if first >= last && !closing.starts_with(fence) || !closing.starts_with([fence]) {
            return false;
        }
        let end_of = |at: usize| {
            if text[..at].ends_with('\r') {
                at - 1
            } else {
                at
            }
        };
        let mut written = String::new();
        if !code.is_empty() {
            written = continued(&format!("\n{code}"), prefix);
        }
        edits.push(Edit {
            span: Span {
                start: node.span.start + end_of(first),
                end: node.span.start + end_of(last),
            },
            text: written,
        });
        true
    }

    /// Changes rows of a table, cells of a row.
    fn rows(
        &self,
        node: &Node,
        old: &Block,
        block: &Block,
        number: usize,
        prefix: &str,
        edits: &mut Vec<Edit>,
    ) -> bool {
        let Form::Table { delimiter_end } = *node.form() else {
            return false;
        };
        let end = |at: usize| {
            if at == 0 {
                delimiter_end
            } else {
                node.children[at].span.end
            }
        };
        let mut before = None;
        for step in align(&old.children, &block.children) {
            match step {
                Step::Keep(i, _) => before = Some(i),
                Step::Modify(i, k) | Step::Replace(i, k) => {
                    let row = self.number_of(&block.children, number + 1, k);
                    if !self.cells(&node.children[i], &block.children[k], row, edits) {
                        return false;
                    }
                    before = Some(i);
                }
                Step::Delete(0) => return false,
                Step::Delete(i) => edits.push(Edit {
                    span: Span {
                        start: end(i - 1),
                        end: node.children[i].span.end,
                    },
                    text: String::new(),
                }),
                Step::Insert(k) => {
                    let Some(before) = before else { return false };
                    let row = self.number_of(&block.children, number + 1, k);
                    let written = self.writer().row(&block.children[k], row);
                    edits.push(Edit {
                        span: Span {
                            start: end(before),
                            end: end(before),
                        },
                        text: format!("\n{prefix}{written}"),
                    });
                }
            }
        }
        true
    }

    fn cells(&self, node: &Node, row: &Block, number: usize, edits: &mut Vec<Edit>) -> bool {
        let (
            Form::Row { cells: spans },
            BlockKind::TableRow { cells: old },
            BlockKind::TableRow { cells: new },
        ) = (node.form(), &node.kind, &row.kind)
        else {
            return false;
        };
        if old.len() != new.len() || spans.len() != new.len() {
            return false;
        }
        let care = self
            .settled
            .writer()
            .care
            .get(number)
            .copied()
            .unwrap_or(Care::Plain);
        for ((old, new), span) in old.iter().zip(new).zip(spans) {
            if old.canonical() == new.canonical() {
                continue;
            }
            if span.start >= span.end {
                return false;
            }
            let text = &self.source[span.start..span.end];
            let lead = text.len() - text.trim_start().len();
            let written = inline_writer::write(new, Place::Cell, care);
            if text.trim().is_empty() {
                edits.push(Edit {
                    span: *span,
                    text: format!(" {written} "),
                });
            } else {
                edits.push(Edit {
                    span: Span {
                        start: span.start + lead,
                        end: span.start + text.trim_end().len(),
                    },
                    text: written,
                });
            }
        }
        true
    }
}
