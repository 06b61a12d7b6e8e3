//! Elements of HTML around blocks: tags beside the blocks in a file, one paragraph that says the
//! opening tag and holds the blocks on a page.

use std::collections::BTreeMap;

use super::encoding::{Carried, read_code};
use super::paragraph::{self, are_lines};
use crate::document::Element;
use crate::document::canon::{is_nothing, trimmed};
use crate::document::edit::is_irreplaceable;
use crate::document::markdown::{is_toggle, tag_end};
use crate::document::model::{Block, BlockKind};

/// Most elements inside each other on a page; tags around more of them stay beside their blocks.
///
/// Every second level of nesting costs a request of its own when a page is made, and no file that
/// people write goes deeper.
const LEVELS: usize = 8;

/// Tags that stand for themselves.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

/// Tags behind which Markdown reads no blocks.
const RAW: [&str; 4] = ["pre", "script", "style", "textarea"];

/// What a line of HTML does to the blocks around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag<'a> {
    Opening(&'a str),
    Closing(&'a str),
}

/// A tag in a source.
struct Lone<'a> {
    name: &'a str,
    closing: bool,
    /// Behind the name.
    rest: &'a str,
}

impl<'a> Lone<'a> {
    /// Of what stands between `<` and `>`.
    fn of(inner: &'a str) -> Option<Self> {
        let (inner, closing) = match inner.strip_prefix('/') {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        let end = inner
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .unwrap_or(inner.len());
        let (name, rest) = inner.split_at(end);
        let sound = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && (rest.is_empty() || rest.starts_with([' ', '\t', '\n', '/']));
        sound.then_some(Self {
            name,
            closing,
            rest,
        })
    }

    fn is_one_of(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(self.name))
    }
}

impl<'a> Tag<'a> {
    /// Of a source that closes something, or that opens one thing and closes everything else that
    /// it opens.
    fn of(source: &'a str) -> Option<Self> {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = source;
        while let Some(at) = rest.find('<') {
            // What is opened is opened first.
            if at > 0 && open.is_empty() {
                return None;
            }
            let inner = &rest[at + 1..];
            let end = tag_end(inner)?;
            let tag = Lone::of(&inner[..end])?;
            rest = &inner[end + 1..];
            if tag.is_one_of(&RAW) {
                return None;
            }
            if tag.closing {
                if open.is_empty() {
                    // Any other spelling would not come back.
                    let exact = tag.rest.is_empty() && rest.is_empty();
                    return (exact && !tag.is_one_of(&VOID)).then_some(Self::Closing(tag.name));
                }
                // The one that is to stay open is closed by nothing in the source.
                if open.len() == 1 || open.pop() != Some(tag.name) {
                    return None;
                }
            } else if !tag.rest.ends_with('/') && !tag.is_one_of(&VOID) {
                open.push(tag.name);
            }
        }
        match open[..] {
            [name] => Some(Self::Opening(name)),
            _ => None,
        }
    }
}

/// What stands in a block, where it decides about an element around the block.
#[derive(Debug, Clone, Copy, Default)]
struct Inside {
    /// Elements inside each other.
    levels: usize,
    /// Whether something is there that Notion cannot create again.
    fixed: bool,
}

impl Inside {
    fn of(block: &Block) -> Self {
        let mut inside = Self {
            levels: 0,
            fixed: is_irreplaceable(&block.kind),
        };
        for child in &block.children {
            inside.add(Self::of(child));
        }
        if !block.children.is_empty() && opening(block).is_some() {
            inside.levels += 1;
        }
        inside
    }

    fn add(&mut self, other: Self) {
        self.levels = self.levels.max(other.levels);
        self.fixed |= other.fixed;
    }
}

/// An opening tag that waits for its closing one.
#[derive(Debug)]
struct Open {
    name: String,
    /// Where its block stands.
    at: usize,
    /// Closing tags without an opening one before it.
    strays: usize,
    inside: Inside,
    said: Element,
}

/// Finds which tag closes which, in time that is linear in their number.
///
/// A closing tag closes the nearest opening one of its name; tags in between that were opened and
/// not closed close nothing.
#[derive(Debug, Default)]
struct Matcher {
    open: Vec<Open>,
    /// Places in `open`.
    names: BTreeMap<String, Vec<usize>>,
    strays: usize,
}

impl Matcher {
    fn open(&mut self, name: &str, at: usize, said: Element) {
        let place = self.open.len();
        self.names.entry(name.to_owned()).or_default().push(place);
        self.open.push(Open {
            name: name.to_owned(),
            at,
            strays: self.strays,
            inside: Inside::default(),
            said,
        });
    }

    fn hold(&mut self, inside: impl FnOnce() -> Inside) {
        if let Some(open) = self.open.last_mut() {
            open.inside.add(inside());
        }
    }

    fn close(&mut self, name: &str) -> Option<Open> {
        let Some(place) = self.names.get_mut(name).and_then(Vec::pop) else {
            self.strays += 1;
            return None;
        };
        let mut inside = Inside::default();
        while self.open.len() > place + 1
            && let Some(unclosed) = self.open.pop()
        {
            if let Some(places) = self.names.get_mut(&unclosed.name) {
                places.pop();
            }
            inside.add(unclosed.inside);
        }
        let mut open = self.open.pop()?;
        open.inside.add(inside);
        Some(open)
    }

    /// Whether every tag that was closed since `open` had been opened since.
    fn is_whole(&self, open: &Open) -> bool {
        open.strays == self.strays
    }
}

/// The HTML that a block is and that holds nothing: of a page, or of a file.
fn leaf(block: &Block) -> Option<String> {
    if !trimmed(&block.children).is_empty() {
        return None;
    }
    let source = match &block.kind {
        BlockKind::Verbatim { markdown } => markdown.clone(),
        BlockKind::Paragraph { text, color } if color.is_default() => paragraph::source(text)?,
        BlockKind::Code {
            code,
            language,
            caption,
            ..
        } => match read_code(language, code, !caption.canonical().is_empty()) {
            Carried::Kind(BlockKind::Verbatim { markdown }) => markdown,
            _ => return None,
        },
        _ => return None,
    };
    are_lines(&source).then_some(source)
}

/// The source that a paragraph says and that opens an element, with the name of that.
fn opening(block: &Block) -> Option<(String, String)> {
    let BlockKind::Paragraph { text, color } = &block.kind else {
        return None;
    };
    if !color.is_default() {
        return None;
    }
    let source = paragraph::code(text)?;
    // A toggle is a block of its own in a file.
    let Some(Tag::Opening(name)) = Tag::of(&source) else {
        return None;
    };
    let name = name.to_owned();
    (are_lines(&source) && !is_toggle(&source)).then_some((source, name))
}

/// Whether a block of a page is an element around the blocks in it: an opening tag, and nothing in
/// it takes the closing tag that stands in the file behind them.
pub(super) fn is_element(block: &Block) -> bool {
    let children = trimmed(&block.children);
    if children.is_empty() {
        return false;
    }
    let Some((_, name)) = opening(block) else {
        return false;
    };
    let mut matcher = Matcher::default();
    matcher.open(&name, 0, Element::Unsaid);
    for (at, child) in children.iter().enumerate() {
        let Some(source) = leaf(child) else { continue };
        match Tag::of(&source) {
            Some(Tag::Opening(name)) => matcher.open(name, at + 1, Element::Unsaid),
            Some(Tag::Closing(name)) => {
                matcher.close(name);
            }
            None => {}
        }
    }
    let own = matcher.close(&name);
    own.is_some_and(|own| own.at == 0 && matcher.is_whole(&own))
        && Inside::of(block).levels <= LEVELS
}

/// Puts the blocks of a page between two tags into the paragraph that says the opening one. `said`
/// is what the blocks' layout said. Gives the places of the closing tags that went.
pub(super) fn nest(blocks: &mut Vec<Block>, said: &[Element]) -> Vec<usize> {
    let mut gone = Vec::new();
    let mut matcher = Matcher::default();
    let mut out: Vec<Block> = Vec::with_capacity(blocks.len());
    for (at, block) in std::mem::take(blocks).into_iter().enumerate() {
        let said = said.get(at).copied().unwrap_or_default();
        let source = leaf(&block);
        match source.as_deref().and_then(Tag::of) {
            Some(Tag::Opening(name)) => {
                // A toggle that the file does not take for one stays beside what follows.
                let toggle = source.as_deref().is_some_and(is_toggle);
                matcher.open(name, out.len(), if toggle { Element::Apart } else { said });
                out.push(block);
            }
            Some(Tag::Closing(name)) => {
                let Some(open) = matcher.close(name) else {
                    out.push(block);
                    continue;
                };
                let mut inside = open.inside;
                // Something that cannot be created again must not move into the element; what is
                // in it already stays.
                let may = !inside.fixed || open.said == Element::Around;
                if may
                    && said != Element::Apart
                    && open.said != Element::Apart
                    && matcher.is_whole(&open)
                    && inside.levels < LEVELS
                    && out.len() > open.at + 1
                    // Nobody keeps empty paragraphs at the end of what a block holds.
                    && !out.last().is_some_and(is_nothing)
                {
                    let children = out.split_off(open.at + 1);
                    if let Some(element) = out.last_mut() {
                        // Code holds no blocks.
                        if let Some(source) = leaf(element) {
                            element.kind = paragraph::of_code(&source);
                        }
                        element.children = children;
                    }
                    gone.push(at);
                    inside.levels += 1;
                } else {
                    out.push(block);
                }
                matcher.hold(|| inside);
            }
            None => {
                matcher.hold(|| Inside::of(&block));
                out.push(block);
            }
        }
    }
    *blocks = out;
    gone
}

/// Whether there may be anything to nest: a closing tag.
pub(super) fn may_nest(blocks: &[Block]) -> bool {
    blocks.iter().any(|block| {
        matches!(&block.kind, BlockKind::Paragraph { text, .. }
            if matches!(&text.0[..], [run] if run.annotations.code))
            && matches!(
                leaf(block).as_deref().and_then(Tag::of),
                Some(Tag::Closing(_))
            )
    })
}

/// Elements of a page in the shape of a page as source around what they hold, for [`flatten`].
/// Paragraphs that hold nothing (any more) and say source become that.
pub(super) fn read(blocks: &mut [Block]) {
    for block in blocks {
        if is_element(block) {
            if let Some((markdown, _)) = opening(block) {
                let kept = trimmed(&block.children).len();
                block.children.truncate(kept);
                block.kind = BlockKind::Verbatim { markdown };
            }
        } else {
            read_leaf(block);
        }
        read(&mut block.children);
    }
}

/// Makes a paragraph that holds nothing and says source that source.
pub(super) fn read_leaf(block: &mut Block) {
    if let BlockKind::Paragraph { text, color } = &block.kind
        && color.is_default()
        && trimmed(&block.children).is_empty()
        && let Some(markdown) = paragraph::source(text)
    {
        block.kind = BlockKind::Verbatim { markdown };
        block.children.clear();
    }
}

/// Puts what elements hold behind their opening tags, and the closing tags behind that.
pub(super) fn flatten(blocks: &mut Vec<Block>) {
    let mut holds = false;
    for block in blocks.iter_mut() {
        flatten(&mut block.children);
        if let BlockKind::Verbatim { markdown } = &block.kind
            && are_lines(markdown)
            && Tag::of(markdown).is_some()
        {
            holds |= !block.children.is_empty();
            block.layout.element = match block.children[..] {
                [] => Element::Apart,
                _ => Element::Around,
            };
        }
    }
    if !holds {
        return;
    }
    // From the end, in place: a second list of the blocks of a long page would be most of the memory
    // that reading it takes.
    let count = blocks.len();
    let more: usize = (blocks.iter())
        .filter(|block| closing(block).is_some())
        .map(|block| block.children.len() + 1)
        .sum();
    let filler = || Block::new(BlockKind::Divider);
    blocks.reserve_exact(more);
    blocks.resize_with(count + more, filler);
    let mut end = blocks.len();
    for at in (0..count).rev() {
        if end == at + 1 {
            // Nothing before it holds anything.
            break;
        }
        let mut block = std::mem::replace(&mut blocks[at], filler());
        if let Some(markdown) = closing(&block) {
            end -= 1;
            blocks[end] = Block::new(BlockKind::Verbatim { markdown });
            for child in std::mem::take(&mut block.children).into_iter().rev() {
                end -= 1;
                blocks[end] = child;
            }
        }
        end -= 1;
        blocks[end] = block;
    }
}

/// The closing tag behind what an opening one holds, where it holds anything.
fn closing(block: &Block) -> Option<String> {
    match &block.kind {
        BlockKind::Verbatim { markdown } if !block.children.is_empty() => match Tag::of(markdown) {
            Some(Tag::Opening(name)) => Some(format!("</{name}>")),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Tag;

    #[test]
    fn tags_that_hold_blocks() {
        use Tag::{Closing, Opening};
        for (line, tag) in [
            ("<div>", Some(Opening("div"))),
            ("<Listing number=\"1-1\">", Some(Opening("Listing"))),
            ("<my-note\tx>", Some(Opening("my-note"))),
            ("</div>", Some(Closing("div"))),
            ("</div >", None),
            ("<div/>", None),
            ("<div />", None),
            ("<IMG src=x>", None),
            ("<pre>", None),
            ("</Script>", None),
            ("<!-- div -->", None),
            ("<?php x ?>", None),
            ("<!DOCTYPE html>", None),
            ("<1>", None),
            ("<div", None),
            ("<x caption=\"`Vec<T>` and </x>\">", Some(Opening("x"))),
            (
                "<details x>\n<summary>a <b>c</b><img></summary>",
                Some(Opening("details")),
            ),
            ("<details x>\n<summary>a <b>c</summary>", None),
            ("<details x>\n<summary>", None),
            ("<div></div>", None),
            ("<p>x</p><div>", None),
            ("</p></div>", None),
            ("<div>\n<!-- x -->", None),
        ] {
            assert_eq!(Tag::of(line), tag, "{line}");
        }
    }
}
