//! Edits carried into files: only the lines of what changed differ.

use notion_sync_core::document::markdown::{self, Limits};
use notion_sync_core::document::patch::{self, PatchError, Scope};
use notion_sync_core::document::{Block, BlockKind, Document, Inline, InlineKind, RichText};
use proptest::prelude::*;

use crate::fixtures;
use crate::markdown_properties::{any_block, any_document};

fn read(source: &str) -> Document {
    markdown::parse(source, &Limits::default())
        .unwrap()
        .document
}

/// What a table of cases does to a document.
enum Change {
    /// Replaces a text inside the own text of the blocks.
    Word(&'static str, &'static str),
    /// Takes over the blocks of another source.
    Become(&'static str),
}

fn changed(old: &Document, change: &Change) -> Document {
    fn walk(blocks: &mut [Block], from: &str, to: &str) {
        for block in blocks {
            let runs = block.kind.text_mut().map(|text| &mut text.0);
            for run in runs.into_iter().flatten() {
                if let InlineKind::Text(text) = &mut run.kind {
                    *text = text.replace(from, to);
                }
            }
            if let BlockKind::TableRow { cells } = &mut block.kind {
                for run in cells.iter_mut().flat_map(|cell| &mut cell.0) {
                    if let InlineKind::Text(text) = &mut run.kind {
                        *text = text.replace(from, to);
                    }
                }
            }
            walk(&mut block.children, from, to);
        }
    }
    match change {
        Change::Word(from, to) => {
            let mut new = old.clone();
            walk(&mut new.blocks, from, to);
            new
        }
        Change::Become(source) => read(source),
    }
}

#[test]
fn edits_keep_the_style_around_them() {
    use Change::{Become, Word};
    for (source, change, expected) in [
        // Anchors stay in front of their headings.
        (
            "a\n\n<a id=\"x\"></a>\n\n## T\n\nb\n",
            Word("T", "U"),
            "a\n\n<a id=\"x\"></a>\n\n## U\n\nb\n",
        ),
        (
            "> <a id=\"x\"></a><a name='y'></a>\n> ## T\n> b\n",
            Word("T", "U"),
            "> <a id=\"x\"></a><a name='y'></a>\n> ## U\n> b\n",
        ),
        (
            "<a id=\"x\"></a>\r\n\r\n## T\r\n",
            Become("# T\n"),
            "<a id=\"x\"></a>\r\n\r\n# T\r\n",
        ),
        (
            "<a id=\"x\"></a>\n\nT\n===\n",
            Become("### T\n"),
            "<a id=\"x\"></a>\n\n### T\n",
        ),
        (
            "<a id=\"x\"></a>\n\n<a id=\"y\"></a>\n\n## T\n",
            Become("n\n\n## T\n"),
            "n\n\n<a id=\"x\"></a>\n\n<a id=\"y\"></a>\n\n## T\n",
        ),
        (
            "a\n\n<a id=\"x\"></a>\n\n## T\n\nb\n",
            Become("a\n\nb\n"),
            "a\n\nb\n",
        ),
        (
            "<a id=\"x\"></a>\n\n## T\n\na\n\nb\n",
            Become("a\n\nb\n\n## T\n"),
            "a\n\nb\n\n<a id=\"x\"></a>\n\n## T\n",
        ),
        (
            "## T\n",
            Become("<a id=\"x\"></a>\n\n\n## T\n"),
            "<a id=\"x\"></a>\n\n\n## T\n",
        ),
        // Words in texts of any style.
        (
            "Set\next\n===\n\nb\n",
            Word("ext", "EXT"),
            "Set\nEXT\n===\n\nb\n",
        ),
        ("a\nb  \nc\\\nd", Word("b", "x"), "a\nx  \nc\\\nd"),
        (
            "> one\ntwo\n> three\n",
            Word("two", "2"),
            "> one\n2\n> three\n",
        ),
        ("* a\r\n* b\r\n", Word("b", "c"), "* a\r\n* c\r\n"),
        (
            "see [the text][r] and *more*.\n\n[r]: u 'T'\n",
            Word("more", "less"),
            "see [the text][r] and *less*.\n\n[r]: u 'T'\n",
        ),
        (
            "see [the text][r]\n\n[r]: u\n",
            Word("text", "book"),
            "see [the book][r]\n\n[r]: u\n",
        ),
        (
            "a &amp; \\* `co de` __b__ x\n",
            Word("x", "y*"),
            "a &amp; \\* `co de` __b__ y\\*\n",
        ),
        ("a `co de` b\n", Word("de", "ed"), "a `co ed` b\n"),
        ("\u{feff}a b", Word("b", "c"), "\u{feff}a c"),
        (
            "---\nt: x\n---\n# A #\n",
            Word("A", "B"),
            "---\nt: x\n---\n# B #\n",
        ),
        (
            "|a|b|\n|-|:-:|\n|c|d|\n",
            Word("d", "e|f"),
            "|a|b|\n|-|:-:|\n|c|e\\|f|\n",
        ),
        ("1) a\n2) b\n", Word("b", "c"), "1) a\n2) c\n"),
        (
            "- a\n\n      code\n\n  b\n",
            Word("b", "c"),
            "- a\n\n      code\n\n  c\n",
        ),
        ("\t- a\n", Become("    - b\n    c\n"), "\t- b\n\tc\n"),
        // Other properties.
        (
            "* [ ] a\n* [X] b\n",
            Become("- [x] a\n- [ ] b\n"),
            "* [x] a\n* [ ] b\n",
        ),
        ("# A #\n\nb", Become("### A\n\nb"), "### A #\n\nb"),
        (
            "~~~ rust\na\nb\n~~~\n",
            Become("```rust\na\nc\nd\n```\n"),
            "~~~ rust\na\nc\nd\n~~~\n",
        ),
        (
            "> ```\n> a\n> ```\n",
            Become("> ```\n> a\n>\n> b\n> ```\n"),
            "> ```\n> a\n>\n> b\n> ```\n",
        ),
        // Blocks that come and go.
        ("a\n\n\nb\n", Become("a\n\nx\n\nb\n"), "a\n\nx\n\n\nb\n"),
        ("a\n\n\nb", Become("a\n\nb\n\nx"), "a\n\n\nb\n\nx"),
        ("a\n\nb\n", Become("x\n\na\n\nb\n"), "x\n\na\n\nb\n"),
        ("a\n\nb\n\n\nc\n", Become("a\n\nc"), "a\n\n\nc\n"),
        ("a\n\nb\n", Become("b"), "b\n"),
        ("a\n", Become(""), "\n"),
        ("", Become("a"), "a\n"),
        ("---\nt: x\n---\n", Become("a"), "---\nt: x\n---\n\na\n"),
        ("* a\n* b\n", Become("- a\n- x\n- b\n"), "* a\n* x\n* b\n"),
        (
            "*   a\n\n*   b\n",
            Become("- a\n- x\n- b\n"),
            "*   a\n\n*   x\n\n*   b\n",
        ),
        (
            "1) a\n2) b\n",
            Become("1. a\n2. b\n3. c\n4. d\n"),
            "1) a\n2) b\n3) c\n4) d\n",
        ),
        (
            "+ a\n\npara\n",
            Become("- a\n  - b\n\npara\n"),
            "+ a\n  + b\n\npara\n",
        ),
        (
            "> a\n> b\n",
            Become("> a\n> b\n>\n> c\n"),
            "> a\n> b\n>\n> c\n",
        ),
        ("# A\ntext\n", Become("# A\n\n- text\n"), "# A\n\n- text\n"),
        (
            "- a\n- b\n",
            Become("- a\n\nx\n\n- b\n"),
            "- a\n\nx\n\n- b\n",
        ),
        (
            "| a |\n|---|\n| b |\n",
            Become("| a |\n|---|\n| x |\n| b |\n"),
            "| a |\n|---|\n| x |\n| b |\n",
        ),
        (
            "| a |\n|---|\n| b |\n| c |\n",
            Become("| a |\n|---|\n| c |\n"),
            "| a |\n|---|\n| c |\n",
        ),
        (
            "<details>\n<summary>A</summary>\n\nb\n\n</details>\n",
            Become("<details>\n<summary>A</summary>\n\nb\n\nc\n\n</details>\n"),
            "<details>\n<summary>A</summary>\n\nb\n\nc\n\n</details>\n",
        ),
    ] {
        let old = read(source);
        let new = changed(&old, &change);
        let patched = patch::apply(source, &old, &new).unwrap();
        assert_eq!(patched.text, expected, "{source:?} {:?}", patched.rewritten);
        assert!(read(&patched.text).canon_eq(&new));
    }
}

/// What would be front matter of a file is text in an issue, and is patched as such.
#[test]
fn a_text_without_front_matter_is_patched_from_its_start() {
    let body = |source: &str| markdown::parse_body(source, &Limits::default()).unwrap();
    for (source, from, to, expected) in [
        (
            "---\nVersion: 1.2\n---\nThe app\ncrashes\n",
            "1.2",
            "1.3",
            "---\nVersion: 1.3\n---\nThe app\ncrashes\n",
        ),
        (
            "---\nSteps: open app: crash\n---\n* a\n",
            "crash",
            "stop",
            "---\nSteps: open app: stop\n---\n* a\n",
        ),
    ] {
        let old = body(source);
        let new = changed(&old, &Change::Word(from, to));
        let patched = patch::apply_body(source, &old, &new).unwrap();
        assert_eq!(patched.text, expected);
        assert!(body(&patched.text).canon_eq(&new));
    }
    // A rule that comes to the start does not make front matter of what follows.
    let old = body("a: b\n\n---\n\nc\n");
    let mut new = old.clone();
    new.blocks.swap(0, 1);
    let patched = patch::apply_body("a: b\n\n---\n\nc\n", &old, &new).unwrap();
    assert!(body(&patched.text).canon_eq(&new), "{}", patched.text);
}

/// Thousands of blocks can stand in one line, so none may look back to where the line starts.
#[test]
fn blocks_in_one_line_are_patched() {
    let file = |count: usize| format!("{}---\n", "[^1]: ".repeat(count));
    let (old, new) = (file(3_000), file(2_000));
    let patched = patch::apply(&old, &read(&old), &read(&new)).unwrap();
    assert_eq!(read(&patched.text).canonical(), read(&new).canonical());
}

#[test]
fn another_file_is_refused() {
    let old = read("a");
    assert_eq!(patch::apply("b", &old, &old), Err(PatchError::Stale));
    assert!(matches!(
        patch::apply(&"x".repeat(2 << 20), &old, &old),
        Err(PatchError::Markdown(_))
    ));
}

#[test]
fn an_unchanged_document_is_an_unchanged_file() {
    for (name, source) in fixtures::documents() {
        let document = read(&source);
        let patched = patch::apply(&source, &document, &document).unwrap();
        assert_eq!(patched.text, source, "{name}");
        assert_eq!(patched.rewritten, Scope::Nothing, "{name}");
    }
}

/// Numbers that look random, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }
}

fn paths(blocks: &[Block], at: &mut Vec<usize>, out: &mut Vec<Vec<usize>>) {
    for (number, block) in blocks.iter().enumerate() {
        at.push(number);
        let text = block.kind.text().is_some_and(|text| {
            text.0.iter().any(|run| matches!(&run.kind, InlineKind::Text(text) if text.contains(char::is_alphanumeric)))
        });
        if text {
            out.push(at.clone());
        }
        paths(&block.children, at, out);
        at.pop();
    }
}

fn block_at<'a>(blocks: &'a mut [Block], path: &[usize]) -> &'a mut Block {
    let (first, rest) = path.split_first().unwrap();
    let block = &mut blocks[*first];
    if rest.is_empty() {
        block
    } else {
        block_at(&mut block.children, rest)
    }
}

/// Changes one word of a text.
fn edit_word(text: &mut RichText, numbers: &mut Numbers) {
    let runs: Vec<&mut Inline> = text
        .0
        .iter_mut()
        .filter(|run| matches!(&run.kind, InlineKind::Text(text) if text.contains(char::is_alphanumeric)))
        .collect();
    let count = runs.len();
    let run = runs.into_iter().nth(numbers.below(count)).unwrap();
    let InlineKind::Text(text) = &mut run.kind else {
        panic!("filtered")
    };
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let word = words[numbers.below(words.len())].to_owned();
    let other = ["changed", "two words", "x", "*sign", "a_b_c"][numbers.below(5)];
    *text = text.replacen(&word, &format!("{word}{other}"), 1);
}

/// Lines that differ, by position from both ends.
fn differing_lines(old: &str, new: &str) -> (usize, usize) {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let tail = a[head..]
        .iter()
        .rev()
        .zip(b[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    (head, a.len() - tail)
}

#[test]
fn one_edit_changes_the_lines_of_one_block() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut scopes = std::collections::BTreeMap::<Scope, usize>::new();
    let mut one_line = 0;
    let documents = fixtures::documents();
    let rounds = if documents.is_empty() { 0 } else { 300 };
    for round in 0..rounds {
        let (name, source) = &documents[numbers.below(documents.len())];
        let old = read(source);
        let mut found = Vec::new();
        paths(&old.blocks, &mut Vec::new(), &mut found);
        if found.is_empty() {
            continue;
        }
        let path = &found[numbers.below(found.len())];
        let mut new = old.clone();
        let block = block_at(&mut new.blocks, path);
        edit_word(block.kind.text_mut().unwrap(), &mut numbers);
        let span = block.span.unwrap();
        let own_end = block
            .children
            .first()
            .map_or(span.end, |child| child.span.unwrap().start);
        let patched = patch::apply(source, &old, &new).unwrap();
        assert!(patched.rewritten <= Scope::Block, "{name} {path:?}");
        *scopes.entry(patched.rewritten).or_default() += 1;
        assert!(read_large(&patched.text).canon_eq(&new), "{name} {path:?}");
        let line = |at: usize| source[..at].matches('\n').count();
        let (from, to) = differing_lines(source, &patched.text);
        assert!(
            from >= line(span.start) && to <= line(own_end) + 1,
            "round {round} {name} {path:?}: lines {from}..{to} differ, the block has {}..{} ({:?})\n{:?}",
            line(span.start),
            line(own_end) + 1,
            patched.rewritten,
            &source[span.start..span.end.min(span.start + 200)]
        );
        one_line += usize::from(to - from == 1);
    }
    println!("{rounds} edits: {scopes:?}, {one_line} changed one line");
}

fn read_large(source: &str) -> Document {
    let limits = Limits {
        bytes: 4 << 20,
        ..Limits::default()
    };
    markdown::parse(source, &limits).unwrap().document
}

/// Blocks removed, moved, copied from elsewhere and inserted, several at once, at any depth.
#[test]
fn edits_of_the_tree() {
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut scopes = std::collections::BTreeMap::<Scope, usize>::new();
    let documents = fixtures::documents();
    let rounds = if documents.is_empty() { 0 } else { 300 };
    for _ in 0..rounds {
        let (name, source) = &documents[numbers.below(documents.len())];
        if source.len() > 60_000 {
            continue;
        }
        let old = read(source);
        let mut new = old.clone();
        for _ in 0..=numbers.below(3) {
            let mut found = Vec::new();
            paths(&new.blocks, &mut Vec::new(), &mut found);
            if found.is_empty() {
                continue;
            }
            let path = found[numbers.below(found.len())].clone();
            let (last, parents) = path.split_last().unwrap();
            let siblings = if parents.is_empty() {
                &mut new.blocks
            } else {
                &mut block_at(&mut new.blocks, parents).children
            };
            match numbers.below(5) {
                0 => {
                    siblings.remove(*last);
                }
                1 => siblings.insert(*last, Block::paragraph("inserted *paragraph*")),
                2 => {
                    let copy = siblings[*last].clone();
                    let at = numbers.below(siblings.len() + 1);
                    siblings.insert(at, copy);
                }
                3 => {
                    let other = numbers.below(siblings.len());
                    siblings.swap(*last, other);
                }
                _ => siblings[*last]
                    .children
                    .push(Block::new(BlockKind::BulletedItem {
                        text: RichText::plain("new item"),
                        color: Default::default(),
                    })),
            }
        }
        let patched =
            patch::apply(source, &old, &new).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(read_large(&patched.text).canon_eq(&new), "{name}");
        *scopes.entry(patched.rewritten).or_default() += 1;
        if patched.rewritten >= Scope::Run {
            println!("{name}: {:?}", patched.rewritten);
        }
    }
    println!("{rounds} edits of trees: {scopes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_document_becomes_any_other(
        source in "([ \t]{0,3}([*+>#-]|[0-9][.)]|\\|)? ?[a-z*_`\\[\\]<>&!]{0,8}\r?\n){0,12}",
        change in any_document(),
        block in any_block(),
        at in 0..100_usize,
        whole in any::<bool>(),
    ) {
        let Ok(parsed) = markdown::parse(&source, &Limits::default()) else { return Ok(()) };
        let old = parsed.document;
        let new = if whole {
            change
        } else {
            let mut new = old.clone();
            let at = at % (new.blocks.len() + 1);
            if at < new.blocks.len() && at % 2 == 0 {
                new.blocks[at] = block;
            } else {
                new.blocks.insert(at, block);
            }
            new
        };
        let patched = patch::apply(&source, &old, &new);
        let Ok(patched) = patched else {
            prop_assert!(false, "{patched:?} {source:?}");
            return Ok(());
        };
        prop_assert!(read_large(&patched.text).canon_eq(&new));
    }
}
