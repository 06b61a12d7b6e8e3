//! What stands at the end of a body: writes that were cut off, and empty paragraphs.

use notion_sync_core::document::merge::{BodyBase, Region, regions};
use notion_sync_core::document::{Block, Document};
use notion_sync_core::id::Side;

use crate::merge_cases::strong;
use crate::merge_pool::{doc, item, paragraph};

/// A list whose items stand one below the other.
fn nested(words: &[&str]) -> Block {
    let mut below: Vec<Block> = Vec::new();
    for word in words.iter().rev() {
        below = vec![item(word, below)];
    }
    below.remove(0)
}

/// A body whose blocks are deeper than one request writes: the first levels alone are there.
#[test]
fn a_block_that_was_cut_off_below_is_nobodys_edit() {
    let first = nested(&["first"]);
    let (b, wanted) = (
        doc(vec![first.clone()]),
        doc(vec![first.clone(), nested(&["a", "b", "c", "d"])]),
    );
    let shown = doc(vec![first, nested(&["a", "b"])]);
    let (before, sent) = (BodyBase::agree(&b, &b), BodyBase::agree(&wanted, &wanted));
    for side in Side::BOTH {
        let base = before.confirmed(&sent, side, &shown).unwrap();
        let (notion, github) = match side {
            Side::Notion => (&shown, &wanted),
            Side::Github => (&wanted, &shown),
        };
        let regions = regions(&base, notion, github);
        assert!(regions.is_clean(), "{:?}", base.notion());
        let out = regions.compose(Region::default_choice);
        assert!(out.notion.canon_eq(&wanted), "{:?}", out.notion);
    }
}

/// What a person took out of a block that was to grow is no write that stopped there.
#[test]
fn what_was_there_before_a_cut_off_write_and_is_gone_was_removed() {
    let (b, wanted) = (
        doc(vec![nested(&["a", "b"])]),
        doc(vec![nested(&["a", "b", "c"])]),
    );
    let shown = doc(vec![nested(&["a"])]);
    let (before, sent) = (BodyBase::agree(&b, &b), BodyBase::agree(&wanted, &wanted));
    let base = before.confirmed(&sent, Side::Notion, &shown).unwrap();
    // Whether that was before or after the write nobody knows: unless both sides say the same it is no silent edit.
    assert!(regions(&base, &shown, &shown).is_clean());
    for there in [&b, &wanted] {
        assert!(!regions(&base, &shown, there).is_clean());
    }
}

/// The answer to a write was lost, and a person changed the very block that it wrote. They may have seen what was written
/// or what was there before: what the other side says by now, the old text too, is not written over.
#[test]
fn a_block_that_was_edited_after_a_write_without_an_outcome_has_no_base() {
    let one = |text: &str| doc(vec![paragraph("first"), paragraph(text), paragraph("last")]);
    let (old, sent, edited) = (one("it was so"), one("it is so"), one("it is not so"));
    let before = BodyBase::agree(&old, &old);
    let after = BodyBase::agree(&sent, &sent);
    for side in Side::BOTH {
        let base = before.confirmed(&after, side, &edited).unwrap();
        let sides = |other: &Document| match side {
            Side::Notion => regions(&base, &edited, other).is_clean(),
            Side::Github => regions(&base, other, &edited).is_clean(),
        };
        assert!(sides(&edited), "both say the same");
        for there in [&old, &sent, &one("something else")] {
            assert!(!sides(there), "{there:?}");
        }
        // What stands beside it has its base.
        let mut elsewhere = edited.clone();
        elsewhere.blocks[0] = paragraph("First");
        assert!(sides(&elsewhere), "an edit of another block");
    }
}

/// The same where the person changed no word, or wrote by chance what was sent in another form.
#[test]
fn words_that_were_sent_in_another_form_have_no_base() {
    let body = |last: &[Block]| {
        let mut blocks = vec![paragraph("first")];
        blocks.extend_from_slice(last);
        doc(blocks)
    };
    let (old, sent) = (body(&[]), body(&[paragraph("beta")]));
    let (before, after) = (BodyBase::agree(&old, &old), BodyBase::agree(&sent, &sent));
    for edited in [item("beta", Vec::new()), strong("beta")] {
        let edited = body(&[edited]);
        for side in Side::BOTH {
            let base = before.confirmed(&after, side, &edited).unwrap();
            let (notion, github) = match side {
                Side::Notion => (&edited, &sent),
                Side::Github => (&sent, &edited),
            };
            assert!(!regions(&base, notion, github).is_clean(), "{edited:?}");
        }
    }
}

/// A conflict that a side answered by removing its part leaves what stands before it at that side's end. An empty
/// paragraph there says nothing: it was added, is not there when the file is read again, and nobody removed it.
#[test]
fn an_empty_paragraph_before_a_removed_end_is_nobodys_edit() {
    let list = |text: &str| item(text, vec![strong("ash"), strong("ash")]);
    let body = doc(vec![strong("ash"), paragraph(""), list("ash")]);
    let grown = doc(vec![
        strong("ash"),
        paragraph(""),
        paragraph(""),
        list("n1 ash"),
    ]);
    let cut = doc(vec![paragraph("g2")]);
    for side in Side::BOTH {
        let base = BodyBase::agree(&body, &body);
        let (notion, github) = match side {
            Side::Notion => (&grown, &cut),
            Side::Github => (&cut, &grown),
        };
        let first = regions(&base, notion, github).compose(Region::default_choice);
        assert_eq!(first.base.held.len(), 1);
        let again = regions(&first.base, &first.notion, &first.github);
        let second = again.compose(Region::default_choice);
        assert!(!second.notion_changed && !second.github_changed);
        assert_eq!(second.base, first.base);
        // What stands before the conflict on the side that still has it stays there.
        let kept = match side {
            Side::Notion => &second.notion,
            Side::Github => &second.github,
        };
        assert_eq!(kept.blocks.len(), 3, "{kept:?}");
    }
}
