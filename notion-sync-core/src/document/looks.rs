//! Whether blocks look the same.

use super::model::{Block, BlockKind};
use super::rich_text::{InlineKind, RichText};

/// Whether two lists of blocks differ at most in white space of their texts, and in how white space is formatted:
/// nobody sees that, and services store it otherwise than they were sent. In code every character counts.
pub(crate) fn looks_the_same(one: &[Block], other: &[Block]) -> bool {
    let shown = |blocks| <[Block]>::iter(blocks).filter(|block| !block.is_blank());
    let (mut one, mut other) = (shown(one), shown(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b))
                if seen(&a.kind) == seen(&b.kind) && looks_the_same(&a.children, &b.children) => {}
            _ => return false,
        }
    }
}

/// What anybody sees of a block.
fn seen(kind: &BlockKind) -> BlockKind {
    let mut kind = kind.canonical();
    if let Some(text) = kind.text_mut() {
        *text = without_blanks(text);
    }
    if let BlockKind::TableRow { cells } = &mut kind {
        for cell in cells {
            *cell = without_blanks(cell);
        }
    }
    kind
}

fn without_blanks(text: &RichText) -> RichText {
    let mut out = text.clone();
    for run in &mut out.0 {
        match &mut run.kind {
            InlineKind::Text(text) if !run.annotations.code => text.retain(|c| !c.is_whitespace()),
            // Nor does it count in a formula.
            InlineKind::Equation(source) => source.retain(|c| !c.is_whitespace()),
            _ => {}
        }
    }
    out.canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::markdown::{Limits, parse_body};

    #[test]
    fn only_white_space_counts_for_nothing() {
        let blocks = |text: &str| parse_body(text, &Limits::default()).unwrap().blocks;
        let body = "one **two** three\n\n- [ ] four\n- `five`\n\n| six |\n| --- |\n| seven |\n";
        for same in [
            "one  **two** three\n\n- [ ] four\n- `five`\n\n| six |\n| --- |\n| seven |\n",
            "one **two**\u{a0}three\n\n- [ ] four\n- `five`\n\n| six |\n| --- |\n|  seven |\n",
            "one **two&nbsp;**&nbsp;three\n\n- [ ] four\n- `five`\n\n| six |\n| --- |\n| seven |\n",
        ] {
            assert!(looks_the_same(&blocks(body), &blocks(same)), "{same}");
        }
        for (part, other) in [
            ("**two**", "two"),
            ("one ", "one, "),
            ("[ ]", "[x]"),
            ("`five`", "`fi ve`"),
            ("- `five`", "1. `five`"),
            ("seven", "eight"),
            ("three\n", "three\n\n---\n"),
            ("- [ ] four\n", ""),
        ] {
            let edited = body.replace(part, other);
            assert!(!looks_the_same(&blocks(body), &blocks(&edited)), "{edited}");
            assert!(!looks_the_same(&blocks(&edited), &blocks(body)), "{edited}");
        }
    }
}
