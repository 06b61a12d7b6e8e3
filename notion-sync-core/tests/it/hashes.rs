//! Content hashes are stored: whatever is done for speed, their values stay.

use notion_sync_core::document::markdown;
use notion_sync_core::document::merge::BodyBase;
use notion_sync_core::document::{Block, BlockKind, Color, Document, Inline, InlineKind, RichText};
use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::Side;
use proptest::prelude::*;

use super::fixtures::{documents, examples};
use super::markdown_properties::any_document;
use super::merge_pool::{body, doc, edit, few, item, strokes};

/// The domain of hashes of bodies.
const CANON: &str = "nsync/canon/v1";

/// The definition: BLAKE3 over the JSON text of a copy in canonical form.
fn defined(document: &Document) -> ContentHash {
    let json = serde_json::to_string(&document.canonical().blocks).unwrap();
    ContentHash::of_bytes(CANON, json.as_bytes())
}

fn defined_of_block(block: &Block) -> ContentHash {
    let json = serde_json::to_string(&block.canonical()).unwrap();
    ContentHash::of_bytes(CANON, json.as_bytes())
}

fn every_block<'a>(blocks: &'a [Block], visit: &mut impl FnMut(&'a Block)) {
    for block in blocks {
        visit(block);
        every_block(&block.children, visit);
    }
}

fn check(document: &Document, name: &str) -> usize {
    assert_eq!(document.hash(), defined(document), "{name}");
    let mut count = 0;
    every_block(&document.blocks, &mut |block| {
        assert_eq!(block.hash(), defined_of_block(block), "{name}");
        count += 1;
    });
    count
}

#[test]
fn recorded_documents_hash_as_defined() {
    let documents = documents().into_iter();
    let examples = examples().into_iter();
    let examples = examples.map(|(file, number, text)| (format!("{file} {number}"), text));
    let mut count = 0;
    for (name, text) in documents.chain(examples) {
        if let Ok(parsed) = markdown::parse(&text, &markdown::Limits::default()) {
            count += check(&parsed.document, &name);
        }
    }
    println!("{count} blocks");
}

/// A value as earlier versions stored it.
#[test]
fn a_known_body_has_its_known_hash() {
    let source = "# Title\n\nSome *text* with a [link](https://example.com/a).\n\n- one\n  - two\n\
                  - [x] done\n\n```rust\nfn main() {}\n```\n\n| a | b |\n| --- | --: |\n| 1 | 2 |\n";
    let parsed = markdown::parse(source, &markdown::Limits::default()).unwrap();
    assert_eq!(
        parsed.document.hash().to_string(),
        "a9e23ed7cdc0a8f261492e13b38519ae9fc7acc89704066dcda3e1ac2993c36d"
    );
}

/// The same content as it may be held: text cut into runs, other line ends, decomposed letters,
/// white space outside, empty paragraphs at the end.
fn rewritten(block: &Block, seed: usize) -> Block {
    let mut out = block.clone();
    if let Some(text) = out.kind.text_mut() {
        let cut = |inline: &Inline| -> Vec<Inline> {
            let InlineKind::Text(text) = &inline.kind else {
                return vec![inline.clone()];
            };
            let at = text.char_indices().nth(seed % 5).map_or(0, |(at, _)| at);
            let (one, other) = text.split_at(at);
            [one, other]
                .map(|part| Inline {
                    kind: InlineKind::Text(part.to_owned()),
                    ..inline.clone()
                })
                .to_vec()
        };
        *text = RichText(text.0.iter().flat_map(cut).collect());
    }
    if let BlockKind::Code { code, .. } = &mut out.kind {
        *code = code.replace('\n', "\r\n");
    }
    out.children = block
        .children
        .iter()
        .map(|child| rewritten(child, seed + 1))
        .collect();
    if seed.is_multiple_of(3) {
        out.children.push(Block::new(BlockKind::Paragraph {
            text: RichText::plain(" "),
            color: Color::new("red"),
        }));
    }
    out
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn random_documents_hash_as_defined(document in any_document()) {
        check(&document, "random");
    }

    /// What is compared without hashing is what hashes say.
    #[test]
    fn comparisons_agree_with_hashes(one in any_document(), other in any_document(), seed in 0_usize..9) {
        let again = doc(one.blocks.iter().map(|block| rewritten(block, seed)).collect());
        for (a, b) in [(&one, &other), (&one, &again), (&again, &other)] {
            let equal = a.hash() == b.hash();
            prop_assert_eq!(a.canon_eq(b), equal);
            let base = BodyBase::agree(a, b);
            for side in Side::BOTH {
                let held = base.hash(side);
                for body in [&one, &other, &again] {
                    prop_assert_eq!(base.holds(side, body), held == body.hash());
                }
            }
        }
    }

    /// The same where equal blocks are common.
    #[test]
    fn equal_blocks_are_told_by_their_hashes(body in body(), changes in strokes(0..4)) {
        let one = doc(vec![item("all", body.0.blocks)]);
        let other = edit(&one, &changes, "new");
        prop_assert_eq!(one.canon_eq(&other), one.hash() == other.hash());
        let base = BodyBase::agree(&one, &one);
        prop_assert_eq!(base.holds(Side::Github, &other), one.hash() == other.hash());
    }
}
