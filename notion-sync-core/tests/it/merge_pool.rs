//! Small random bodies from tiny pools, so that equal blocks and equal words are common.

use notion_sync_core::document::{
    Annotations, Block, BlockKind, Color, Document, Inline, InlineKind, MediaKind, MediaSource,
    RichText,
};
use notion_sync_core::id::BlockId;
use proptest::prelude::*;

use crate::markdown_properties::any_anchor;

const WORDS: [&str; 8] = ["ash", "birch", "cedar", "elm", "fir", "oak", "pine", "yew"];

/// Cases for each law of the merge.
pub(crate) fn config() -> ProptestConfig {
    cases(10_000)
}

/// Cases for what else is claimed of it.
pub(crate) fn few() -> ProptestConfig {
    cases(2_000)
}

fn cases(base: u32) -> ProptestConfig {
    let factor = std::env::var("NOTION_SYNC_CASES")
        .ok()
        .and_then(|text| text.parse::<u32>().ok())
        .unwrap_or(1);
    ProptestConfig {
        cases: base * factor,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

pub(crate) fn doc(blocks: Vec<Block>) -> Document {
    Document { blocks }
}

pub(crate) fn paragraph(text: &str) -> Block {
    Block::paragraph(text)
}

pub(crate) fn item(text: &str, children: Vec<Block>) -> Block {
    Block::new(BlockKind::BulletedItem {
        text: RichText::plain(text),
        color: Color::default(),
    })
    .with_children(children)
}

pub(crate) fn todo(text: &str, checked: bool) -> Block {
    Block::new(BlockKind::ToDo {
        text: RichText::plain(text),
        checked,
        color: Color::default(),
    })
}

pub(crate) fn code(code: &str) -> Block {
    Block::new(BlockKind::Code {
        code: code.to_owned(),
        language: "rust".into(),
        info: None,
        caption: RichText::default(),
    })
}

pub(crate) fn child_page(page: &str) -> Block {
    Block::new(BlockKind::ChildPage {
        page: page.to_owned(),
        title: String::new(),
    })
}

pub(crate) fn table(rows: &[&[&str]]) -> Block {
    Block::new(BlockKind::Table {
        width: rows.first().map_or(0, |row| row.len()),
        header_row: true,
        header_column: false,
        alignment: Vec::new(),
    })
    .with_children(
        rows.iter()
            .map(|cells| {
                Block::new(BlockKind::TableRow {
                    cells: cells.iter().copied().map(RichText::plain).collect(),
                })
            })
            .collect(),
    )
}

pub(crate) fn bold(text: &str) -> Inline {
    Inline {
        annotations: Annotations {
            bold: true,
            ..Annotations::default()
        },
        ..Inline::text(text)
    }
}

fn words(range: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&WORDS[..]), range).prop_map(|words| words.join(" "))
}

fn rich() -> impl Strategy<Value = RichText> {
    prop::collection::vec((prop::sample::select(&WORDS[..]), 0_u8..5), 1..6).prop_map(|words| {
        let mut runs = Vec::new();
        for (index, (word, style)) in words.into_iter().enumerate() {
            if index > 0 {
                runs.push(Inline::text(" "));
            }
            runs.push(if style == 0 {
                bold(word)
            } else {
                Inline::text(word)
            });
        }
        RichText(runs)
    })
}

fn leaf() -> impl Strategy<Value = Block> {
    prop_oneof![
        6 => rich().prop_map(|text| Block::new(BlockKind::Paragraph { text, color: Color::default() })),
        1 => Just(Block::paragraph("")),
        2 => (words(1..4), any::<bool>()).prop_map(|(text, checked)| todo(&text, checked)),
        1 => (1_u8..4, words(1..3), any_anchor()).prop_map(|(level, text, anchor)| Block::new(BlockKind::Heading {
            level,
            text: RichText::plain(text),
            toggle: false,
            color: Color::default(),
            anchor,
        })),
        1 => prop::collection::vec(words(1..3), 1..5).prop_map(|lines| code(&lines.join("\n"))),
        1 => Just(Block::new(BlockKind::Divider)),
        1 => prop::sample::select(&["p1", "p2"][..]).prop_map(child_page),
        1 => words(1..2).prop_map(|url| Block::new(BlockKind::Media {
            media: MediaKind::Image,
            source: MediaSource::External(format!("https://example.com/{url}.png")),
            caption: RichText::default(),
        })),
        1 => prop::collection::vec(words(1..3), 2..5).prop_map(|cells| {
            let rows: Vec<Vec<&str>> = cells.iter().map(|cell| vec![cell.as_str(), "x"]).collect();
            let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
            table(&rows)
        }),
    ]
}

fn block() -> impl Strategy<Value = Block> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        (0_u8..3, words(1..3), prop::collection::vec(inner, 1..4)).prop_map(
            |(kind, text, children)| {
                let text = RichText::plain(text);
                let color = Color::default();
                Block::new(match kind {
                    0 => BlockKind::BulletedItem { text, color },
                    1 => BlockKind::Toggle { text, color },
                    _ => BlockKind::Quote { text, color },
                })
                .with_children(children)
            },
        )
    })
}

/// A body that shows itself as an outline.
#[derive(Clone, PartialEq)]
pub(crate) struct Body(pub(crate) Document);

impl std::ops::Deref for Body {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.0
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&outline(&self.0.blocks))
    }
}

/// One line for a list of blocks.
pub(crate) fn outline(blocks: &[Block]) -> String {
    let parts: Vec<String> = blocks
        .iter()
        .map(|block| {
            let name = match &block.kind {
                BlockKind::Paragraph { text, .. } => format!("p {}", marked(text)),
                BlockKind::BulletedItem { text, .. } => format!("- {}", marked(text)),
                BlockKind::Toggle { text, .. } => format!("> {}", marked(text)),
                BlockKind::TableRow { cells } => cells
                    .iter()
                    .map(|cell| format!("|{}", marked(cell)))
                    .collect(),
                kind => format!("{kind:?}"),
            };
            let id = block
                .id
                .as_ref()
                .map(|id| format!("#{id} "))
                .unwrap_or_default();
            if block.children.is_empty() {
                format!("{id}{name}")
            } else {
                format!("{id}{name} {}", outline(&block.children))
            }
        })
        .collect();
    format!("[{}]", parts.join("; "))
}

fn marked(text: &RichText) -> String {
    let runs = text.0.iter().map(|run| match &run.kind {
        InlineKind::Text(text) if run.annotations.bold => format!("*{text}*"),
        InlineKind::Text(text) => text.clone(),
        other => format!("{other:?}"),
    });
    format!("{:?}", runs.collect::<String>())
}

/// A body.
pub(crate) fn body() -> impl Strategy<Value = Body> {
    prop::collection::vec(block(), 0..7).prop_map(|blocks| Body(doc(blocks)))
}

/// One edit by a person. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
pub(crate) enum Stroke {
    InsertBlock(usize),
    InsertInside(usize),
    InsertWord(usize, usize),
    ReplaceWord(usize, usize),
    Delete(usize),
    Move(usize, usize),
    Duplicate(usize),
    Tick(usize),
    /// Gives a heading another level, which no update through the API can do.
    Level(usize),
}

pub(crate) fn strokes(range: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Stroke>> {
    let n = 0_usize..40;
    prop::collection::vec(
        prop_oneof![
            2 => n.clone().prop_map(Stroke::InsertBlock),
            1 => n.clone().prop_map(Stroke::InsertInside),
            4 => (n.clone(), n.clone()).prop_map(|(a, b)| Stroke::InsertWord(a, b)),
            2 => (n.clone(), n.clone()).prop_map(|(a, b)| Stroke::ReplaceWord(a, b)),
            2 => n.clone().prop_map(Stroke::Delete),
            1 => (n.clone(), n.clone()).prop_map(|(a, b)| Stroke::Move(a, b)),
            1 => n.clone().prop_map(Stroke::Duplicate),
            1 => n.clone().prop_map(Stroke::Tick),
            1 => n.prop_map(Stroke::Level),
        ],
        range,
    )
}

/// Carries out the strokes. Every word that is written is new: `tag` with a number.
pub(crate) fn edit(document: &Document, strokes: &[Stroke], tag: &str) -> Document {
    let mut out = document.clone();
    for (number, stroke) in strokes.iter().enumerate() {
        let word = format!("{tag}{number}");
        let blocks = &mut out.blocks;
        let count = blocks.len();
        match *stroke {
            Stroke::InsertBlock(at) => blocks.insert(at % (count + 1), paragraph(&word)),
            Stroke::InsertInside(at) => {
                let mut fresh = Some(paragraph(&word));
                visit(blocks, at, &mut |block| {
                    if matches!(
                        block.kind,
                        BlockKind::BulletedItem { .. } | BlockKind::Toggle { .. }
                    ) && let Some(fresh) = fresh.take()
                    {
                        let place = at % (block.children.len() + 1);
                        block.children.insert(place, fresh);
                    }
                });
            }
            Stroke::InsertWord(at, place) => {
                visit(blocks, at, &mut |block| {
                    write_word(block, &word, place, false)
                });
            }
            Stroke::ReplaceWord(at, place) => {
                visit(blocks, at, &mut |block| {
                    write_word(block, &word, place, true)
                });
            }
            Stroke::Delete(at) if count > 0 => {
                blocks.remove(at % count);
            }
            Stroke::Move(from, to) if count > 1 => {
                let block = blocks.remove(from % count);
                blocks.insert(to % count, block);
            }
            Stroke::Duplicate(at) if count > 0 => {
                let copy = blocks[at % count].clone();
                blocks.insert(at % count, strip(&copy));
            }
            Stroke::Tick(at) => visit(blocks, at, &mut |block| {
                if let BlockKind::ToDo { checked, .. } = &mut block.kind {
                    *checked = !*checked;
                }
            }),
            Stroke::Level(at) => visit(blocks, at, &mut |block| {
                if let BlockKind::Heading { level, .. } = &mut block.kind {
                    *level = *level % 4 + 1;
                }
            }),
            Stroke::Delete(_) | Stroke::Move(..) | Stroke::Duplicate(_) => {}
        }
    }
    out
}

/// A copy without ids and spans.
pub(crate) fn strip(block: &Block) -> Block {
    Block {
        id: None,
        span: None,
        layout: block.layout,
        kind: block.kind.clone(),
        children: block.children.iter().map(strip).collect(),
    }
}

/// The `at`th block of the tree, in order.
fn visit(blocks: &mut [Block], at: usize, act: &mut dyn FnMut(&mut Block)) {
    let total = size(blocks);
    if total > 0 {
        let mut left = at % total;
        visit_at(blocks, &mut left, act);
    }
}

fn visit_at(blocks: &mut [Block], left: &mut usize, act: &mut dyn FnMut(&mut Block)) -> bool {
    for block in blocks {
        if *left == 0 {
            act(block);
            return true;
        }
        *left -= 1;
        if visit_at(&mut block.children, left, act) {
            return true;
        }
    }
    false
}

pub(crate) fn size(blocks: &[Block]) -> usize {
    blocks.iter().map(|block| 1 + size(&block.children)).sum()
}

fn write_word(block: &mut Block, word: &str, place: usize, replace: bool) {
    let texts: Vec<&mut RichText> = match &mut block.kind {
        BlockKind::Code { code, .. } => {
            let mut lines: Vec<String> = code.lines().map(str::to_owned).collect();
            let at = place % (lines.len() + 1);
            if replace && at < lines.len() {
                lines[at] = word.to_owned();
            } else {
                lines.insert(at, word.to_owned());
            }
            *code = lines.join("\n");
            return;
        }
        BlockKind::TableRow { cells } => cells.iter_mut().collect(),
        kind => kind.text_mut().into_iter().collect(),
    };
    let count = texts.len();
    for (index, text) in texts.into_iter().enumerate() {
        if index != place % count {
            continue;
        }
        let mut pieces: Vec<Inline> = Vec::new();
        for run in &text.0 {
            let InlineKind::Text(chars) = &run.kind else {
                pieces.push(run.clone());
                continue;
            };
            for piece in chars.split_inclusive(' ') {
                pieces.push(Inline {
                    kind: InlineKind::Text(piece.to_owned()),
                    ..run.clone()
                });
            }
        }
        let at = place % (pieces.len() + 1);
        if replace && at < pieces.len() {
            pieces[at] = Inline::text(format!("{word} "));
        } else {
            pieces.insert(at, Inline::text(format!(" {word} ")));
        }
        *text = RichText(pieces);
    }
}

/// All words anywhere in the blocks.
pub(crate) fn words_of(blocks: &[Block], out: &mut Vec<String>) {
    let mut add = |text: &str| {
        let parts = text.split(|c: char| !c.is_alphanumeric());
        out.extend(parts.filter(|word| !word.is_empty()).map(str::to_owned));
    };
    for block in blocks {
        match &block.kind {
            BlockKind::Code { code, .. } => add(code),
            BlockKind::TableRow { cells } => cells.iter().for_each(|cell| add(&cell.to_plain())),
            kind => {
                if let Some(text) = kind.text() {
                    add(&text.to_plain());
                }
            }
        }
    }
    for block in blocks {
        words_of(&block.children, out);
    }
}

/// The same with ids on every block.
pub(crate) fn with_ids(document: &Document) -> Document {
    let mut out = document.clone();
    let mut next = 0;
    number(&mut out.blocks, &mut next);
    out
}

fn number(blocks: &mut [Block], next: &mut usize) {
    for block in blocks {
        block.id = Some(BlockId::new(format!("id{next}")));
        *next += 1;
        number(&mut block.children, next);
    }
}

/// The same body with ids of their own for the blocks that have none yet, as people's blocks have.
pub(crate) fn with_all_ids(mut document: Document) -> Document {
    fn fill(blocks: &mut [Block], next: &mut usize) {
        for block in blocks {
            block.id.get_or_insert_with(|| {
                *next += 1;
                BlockId::new(format!("fresh{next}"))
            });
            fill(&mut block.children, next);
        }
    }
    fill(&mut document.blocks, &mut 0);
    document
}

/// What a poorer side keeps of a body: no bold, no toggles, no dividers; two paragraphs in a row
/// that are one word each become one.
pub(crate) fn project(blocks: &[Block]) -> Vec<Block> {
    let mut out: Vec<Block> = Vec::new();
    for block in blocks {
        let mut block = strip(block);
        block.children = project(&block.children);
        if let Some(text) = block.kind.text_mut() {
            for run in &mut text.0 {
                run.annotations.bold = false;
            }
        }
        match block.kind {
            BlockKind::Divider => continue,
            BlockKind::Toggle { text, color } => {
                block.kind = BlockKind::BulletedItem { text, color };
            }
            kind => block.kind = kind,
        }
        let short = |block: &Block| {
            matches!(&block.kind, BlockKind::Paragraph { text, .. }
                if !text.is_empty() && !text.to_plain().contains(' '))
        };
        if short(&block)
            && let Some(last) = out.last_mut()
            && short(last)
            && let (Some(more), Some(text)) = (block.kind.text(), last.kind.text_mut())
        {
            text.0.push(Inline::text(" and "));
            text.0.extend(more.0.clone());
            continue;
        }
        out.push(block);
    }
    out
}
