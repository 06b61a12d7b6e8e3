//! Single cases of the merge, with what a person expects of them.

use notion_sync_core::document::merge::{BodyBase, Choice, Region, State, regions};
use notion_sync_core::document::{Block, BlockKind, Color, Document, Inline, RichText, Span};
use notion_sync_core::id::{BlockId, Side};

use crate::merge_pool::{bold, child_page, code, doc, item, paragraph, table, todo, with_ids};

fn states(base: &[Block], notion: &[Block], github: &[Block]) -> Vec<&'static str> {
    let b = doc(base.to_vec());
    let base = BodyBase::agree(&b, &b);
    let (n, g) = (doc(notion.to_vec()), doc(github.to_vec()));
    regions(&base, &n, &g)
        .iter()
        .map(|region| match region.state {
            State::Same => "same",
            State::NotionMoved => "notion",
            State::GithubMoved => "github",
            State::Converged => "converged",
            State::Merged(_) => "merged",
            State::Diverged => "diverged",
        })
        .collect()
}

fn p(text: &str) -> Block {
    paragraph(text)
}

/// A body in which somebody wrote one more word behind a block.
fn grown(body: &Document, at: usize) -> Document {
    let mut body = body.clone();
    let text = body.blocks[at].kind.text_mut().unwrap();
    text.0.push(Inline::text(" tree"));
    body
}

pub(crate) fn strong(text: &str) -> Block {
    let text = RichText(vec![bold(text)]);
    let color = Color::default();
    Block::new(BlockKind::Paragraph { text, color })
}

#[test]
fn what_happened_is_named() {
    let base = [p("one apple"), p("two pears"), p("three plums")];
    type Case = (&'static str, Vec<Block>, Vec<Block>, Vec<&'static str>);
    let cases: Vec<Case> = vec![
        ("nothing", base.to_vec(), base.to_vec(), vec!["same"]),
        (
            "neighbours edited by different sides",
            vec![p("one red apple"), p("two pears"), p("three plums")],
            vec![p("one apple"), p("two ripe pears"), p("three plums")],
            vec!["notion", "github", "same"],
        ),
        (
            "different words of one block",
            vec![p("one apple"), p("two big pears"), p("three plums")],
            vec![p("one apple"), p("two pears today"), p("three plums")],
            vec!["same", "merged", "same"],
        ),
        (
            "one deletes what the other edits",
            vec![p("one apple"), p("three plums")],
            vec![p("one apple"), p("two ripe pears"), p("three plums")],
            vec!["same", "diverged", "same"],
        ),
        (
            "both delete",
            vec![p("one apple"), p("three plums")],
            vec![p("one apple"), p("three plums")],
            vec!["same", "converged", "same"],
        ),
        (
            "insertions at one place",
            vec![p("one apple"), p("new"), p("two pears"), p("three plums")],
            vec![p("one apple"), p("fresh"), p("two pears"), p("three plums")],
            vec!["same", "diverged", "same"],
        ),
        (
            "the same insertion",
            vec![p("one apple"), p("new"), p("two pears"), p("three plums")],
            vec![p("one apple"), p("new"), p("two pears"), p("three plums")],
            vec!["same", "converged", "same"],
        ),
        (
            "insertions at different places",
            vec![p("new"), p("one apple"), p("two pears"), p("three plums")],
            vec![p("one apple"), p("two pears"), p("three plums"), p("fresh")],
            vec!["notion", "same", "github"],
        ),
        (
            "an insertion beside an edit",
            vec![p("one apple"), p("new"), p("two pears"), p("three plums")],
            vec![p("one apple"), p("two ripe pears"), p("three plums")],
            vec!["same", "notion", "github", "same"],
        ),
    ];
    for (name, notion, github, expected) in cases {
        assert_eq!(states(&base, &notion, &github), expected, "{name}");
    }
}

fn merged(base: Vec<Block>, notion: Vec<Block>, github: Vec<Block>) -> Option<Document> {
    let b = doc(base);
    let base = BodyBase::agree(&b, &b);
    let (n, g) = (doc(notion), doc(github));
    let regions = regions(&base, &n, &g);
    let out = regions.compose(Region::default_choice);
    regions.is_clean().then(|| {
        assert!(out.notion.canon_eq(&out.github));
        out.notion.canonical()
    })
}

#[test]
fn parts_of_one_block_merge() {
    let rows: [&[&str]; 3] = [&["name", "size"], &["ash", "tall"], &["birch", "slim"]];
    let cases: Vec<(&str, Block, Block, Block, Option<Block>)> = vec![
        (
            "a tick and a text",
            todo("call the mill", false),
            todo("call the mill", true),
            todo("call the old mill", false),
            Some(todo("call the old mill", true)),
        ),
        (
            "words far apart",
            p("the quick brown fox jumps"),
            p("the slow brown fox jumps"),
            p("the quick brown fox sleeps"),
            Some(p("the slow brown fox sleeps")),
        ),
        (
            "neighbouring words",
            p("the quick brown fox jumps"),
            p("the slow brown fox jumps"),
            p("the quick red fox jumps"),
            None,
        ),
        (
            "lines of code",
            code("a\nb\nc\nd"),
            code("a1\nb\nc\nd"),
            code("a\nb\nc\nd1"),
            Some(code("a1\nb\nc\nd1")),
        ),
        (
            "neighbouring lines of code",
            code("a\nb\nc"),
            code("a1\nb\nc"),
            code("a\nb1\nc"),
            None,
        ),
        (
            "children of one item",
            item("list", vec![p("first thing"), p("second thing")]),
            item("list", vec![p("first big thing"), p("second thing")]),
            item(
                "the list",
                vec![p("first thing"), p("second thing"), p("third")],
            ),
            Some(item(
                "the list",
                vec![p("first big thing"), p("second thing"), p("third")],
            )),
        ),
        (
            "one conflict inside",
            item("list", vec![p("first thing"), p("second thing")]),
            item("list", vec![p("first big"), p("second thing")]),
            item("list", vec![p("first small"), p("second thing")]),
            None,
        ),
        (
            "cells of one table",
            table(&rows),
            table(&[&["name", "size"], &["ash", "taller"], &["birch", "slim"]]),
            table(&[
                &["tree", "size"],
                &["ash", "tall"],
                &["birch", "slim"],
                &["elm", "old"],
            ]),
            Some(table(&[
                &["tree", "size"],
                &["ash", "taller"],
                &["birch", "slim"],
                &["elm", "old"],
            ])),
        ),
        (
            "two cells of one row",
            table(&rows),
            table(&[&["name", "size"], &["grey ash", "tall"], &["birch", "slim"]]),
            table(&[&["name", "size"], &["ash", "very tall"], &["birch", "slim"]]),
            Some(table(&[
                &["name", "size"],
                &["grey ash", "very tall"],
                &["birch", "slim"],
            ])),
        ),
        (
            "a new column and a new row",
            table(&rows),
            table(&[
                &["name", "size", "age"],
                &["ash", "tall", "5"],
                &["birch", "slim", "6"],
            ]),
            table(&[
                &["name", "size"],
                &["ash", "tall"],
                &["birch", "slim"],
                &["elm", "old"],
            ]),
            None,
        ),
    ];
    for (name, base, notion, github, expected) in cases {
        let out = merged(
            vec![base.clone()],
            vec![notion.clone()],
            vec![github.clone()],
        );
        let expected = expected.map(|block| doc(vec![block]).canonical());
        assert_eq!(out, expected, "{name}");
        let mirrored = merged(vec![base], vec![github], vec![notion]);
        assert_eq!(mirrored, expected, "{name}, mirrored");
    }
}

#[test]
fn formatting_is_merged_with_the_words() {
    let base = p("the quick brown fox jumps high");
    let mut notion = base.clone();
    let github = p("the quick brown fox jumps low");
    *notion.kind.text_mut().unwrap() = RichText(vec![
        notion_sync_core::document::Inline::text("the "),
        bold("quick"),
        notion_sync_core::document::Inline::text(" brown fox jumps high"),
    ]);
    let out = merged(vec![base], vec![notion], vec![github]).unwrap();
    let text = out.blocks[0].kind.text().unwrap();
    assert_eq!(text.to_plain(), "the quick brown fox jumps low");
    assert_eq!(text.0[1], bold("quick"));
}

#[test]
fn a_move_and_an_edit_lose_nothing() {
    let base = vec![p("alpha one two"), p("beta one two"), p("gamma three four")];
    let notion = vec![p("beta one two"), p("gamma three four"), p("alpha one two")];
    let mut github = base.clone();
    github[0] = p("alpha one two edited");
    let (n, g) = (doc(notion), doc(github));
    let b = doc(base);
    let base = BodyBase::agree(&b, &b);
    let out = regions(&base, &n, &g).compose(Region::default_choice);
    assert!(out.github.blocks.contains(&p("alpha one two edited")));
    // Untouched by the other side, a move is carried over.
    let out = regions(&base, &n, &b).compose(Region::default_choice);
    assert!(out.github.canon_eq(&n));
}

#[test]
fn what_the_file_cannot_say_survives_edits_of_its_neighbours() {
    // Notion: underlined word and a toggle; the file has neither.
    let mut rich = p("keep under line here");
    rich.kind.text_mut().unwrap().0[0].annotations.underline = true;
    let toggle = Block::new(BlockKind::Toggle {
        text: RichText::plain("more"),
        color: Color::default(),
    })
    .with_children(vec![rich.clone(), p("second child")]);
    let flat = item("more", vec![p("keep under line here"), p("second child")]);
    let notion = with_ids(&doc(vec![p("top"), toggle, rich.clone()]));
    let github = doc(vec![p("top"), flat, p("keep under line here")]);
    let base = BodyBase::agree(&notion, &github);
    assert_eq!(base.pairs.len(), 3);

    // The file edits the title of what is a toggle in Notion: it stays one, with its children.
    let mut edited = github.clone();
    edited.blocks[1].kind = item("much more", vec![]).kind;
    let out = regions(&base, &notion, &edited).compose(Region::default_choice);
    let kept = &out.notion.blocks[1];
    assert!(matches!(kept.kind, BlockKind::Toggle { .. }));
    assert_eq!(kept.kind.text().unwrap().to_plain(), "much more");
    assert_eq!(kept.id, notion.blocks[1].id);
    assert_eq!(kept.children, notion.blocks[1].children);

    // The file edits one word of the paragraph: Notion keeps the block, its id and nothing else.
    let mut edited = github.clone();
    edited.blocks[0] = p("the top");
    let out = regions(&base, &notion, &edited).compose(Region::default_choice);
    assert_eq!(out.notion.blocks[1..], notion.blocks[1..]);
    assert_eq!(out.notion.blocks[0].id, notion.blocks[0].id);
    assert!(out.notion_changed && !out.github_changed);
}

#[test]
fn an_edit_inside_a_container_keeps_the_other_form_of_its_siblings() {
    let mut rich = p("keep under line here");
    rich.kind.text_mut().unwrap().0[0].annotations.underline = true;
    let notion = with_ids(&doc(vec![item("list", vec![rich, p("second child")])]));
    let github = doc(vec![item(
        "list",
        vec![p("keep under line here"), p("second child")],
    )]);
    let base = BodyBase::agree(&notion, &github);
    let edited = doc(vec![item(
        "list",
        vec![p("keep under line here"), p("second small child")],
    )]);
    let out = regions(&base, &notion, &edited).compose(Region::default_choice);
    let list = &out.notion.blocks[0];
    assert_eq!(list.children[0], notion.blocks[0].children[0]);
    assert_eq!(list.children[1].id, notion.blocks[0].children[1].id);
    assert_eq!(
        list.children[1].kind.text().unwrap().to_plain(),
        "second small child"
    );
    assert_eq!(out.github, edited);
}

#[test]
fn what_only_the_file_holds_stays_there() {
    let comment = Block::new(BlockKind::Verbatim {
        markdown: "<!-- note to self -->".to_owned(),
    });
    let notion = doc(vec![p("a"), p("b")]);
    let github = doc(vec![p("a"), comment, p("b")]);
    let base = BodyBase::agree(&notion, &github);
    let edited = doc(vec![
        p("a"),
        Block::new(BlockKind::Verbatim {
            markdown: "<!-- note to self, edited -->".to_owned(),
        }),
        p("b"),
    ]);
    let out = regions(&base, &notion, &edited).compose(Region::default_choice);
    assert_eq!(out.notion, notion);
    assert_eq!(out.github, edited);
    assert_eq!(out.base.hash(Side::Github), edited.hash());
    // Notion's own edits do not remove it.
    let moved = doc(vec![p("a"), p("new"), p("b")]);
    let out = regions(&base, &moved, &github).compose(Region::default_choice);
    assert_eq!(out.github.blocks.len(), 4);
    // And the file can delete it.
    let out = regions(&base, &notion, &notion).compose(Region::default_choice);
    assert_eq!(out.base.pairs.len(), 2);
}

/// The file says in one paragraph what Notion says in two with a divider between them: neither of
/// them is a block for which the file has no form, so an edit of either is settled or a conflict.
#[test]
fn a_divider_does_not_hide_what_the_other_side_says_in_one_block() {
    let run = [p("ash"), Block::new(BlockKind::Divider), p("ash")];
    let notion = doc(run.to_vec());
    let github = doc(vec![p("ash and ash")]);
    let base = BodyBase::agree(&notion, &github);
    assert_eq!(base.pairs.len(), 1, "{:?}", base.pairs);
    for at in [0, 2] {
        let mut edited = notion.clone();
        edited.blocks[at] = p("ash tree");
        let regions = regions(&base, &edited, &github);
        let out = regions.compose(Region::default_choice);
        assert!(regions.diverged().count() == 1 || out.github.blocks.contains(&edited.blocks[at]));
    }
    // The run stands before what is alike as well as after it.
    let around = |run: &[Block]| doc([&[p("first plum")], run, &[p("last plum")]].concat());
    let base = BodyBase::agree(&around(&run), &around(&github.blocks));
    assert_eq!(base.pairs.len(), 3, "{:?}", base.pairs);
}

/// A body that repeats itself can be aligned wrongly; what is left over on both sides by that is not
/// taken for something that the other side has no form for.
#[test]
fn what_a_wrong_alignment_leaves_over_is_no_one_sided_block() {
    let divider = || Block::new(BlockKind::Divider);
    let cases = [
        (
            vec![p("oak"), strong("ash"), strong("oak")],
            vec![p("oak and ash"), p("oak")],
        ),
        (
            vec![strong("ash"), p("pine"), strong("pine")],
            vec![p("ash and pine"), p("pine")],
        ),
        (
            vec![strong("pine oak"), p("pine oak"), strong("oak")],
            vec![p("pine oak"), p("pine oak"), p("oak")],
        ),
        (
            vec![
                item("cedar", vec![divider()]),
                item("cedar", vec![p("")]),
                item("ash", vec![strong("ash")]),
            ],
            vec![
                item("cedar", vec![]),
                item("cedar", vec![p("")]),
                item("ash", vec![p("ash")]),
            ],
        ),
    ];
    for (notion, github) in cases {
        let (notion, github) = (doc(notion), doc(github));
        let base = BodyBase::agree(&notion, &github);
        for at in 0..notion.blocks.len() {
            let edited = grown(&notion, at);
            let regions = regions(&base, &edited, &github);
            let out = regions.compose(Region::default_choice);
            let arrived = format!("{:?}", out.github).contains(" tree");
            assert!(
                regions.diverged().count() == 1 || arrived,
                "{at}: {:?}",
                base.pairs
            );
        }
    }
}

/// What only one side holds stays a pair of its own where the other side's does not say the same.
#[test]
fn what_is_left_over_by_chance_is_not_joined() {
    let comment = Block::new(BlockKind::Verbatim {
        markdown: "<!-- a note to self -->".to_owned(),
    });
    let notion = doc(vec![
        p("one plum"),
        child_page("Archive"),
        p("two pears"),
        p("three figs"),
    ]);
    let github = doc(vec![
        p("one plum"),
        p("two pears"),
        comment,
        p("three figs"),
    ]);
    let base = BodyBase::agree(&notion, &github);
    assert_eq!(base.pairs.len(), 5, "{:?}", base.pairs);
}

/// What only the file has a form for stays, wherever it lies between blocks that repeat themselves.
#[test]
fn what_only_the_file_holds_is_no_part_of_what_repeats_itself() {
    let note = || {
        Block::new(BlockKind::Verbatim {
            markdown: "<!-- ash, to be seen to -->".to_owned(),
        })
    };
    for (notion, github) in [
        (
            vec![p("oak"), strong("ash"), strong("oak")],
            vec![p("oak and ash"), note(), p("oak")],
        ),
        (vec![p("ash"), p("fig")], vec![p("ash"), note(), p("fig")]),
        (
            vec![strong("ash"), p("fig")],
            vec![p("ash"), note(), p("fig")],
        ),
    ] {
        let (notion, github) = (doc(notion), doc(github));
        let base = BodyBase::agree(&notion, &github);
        for at in 0..notion.blocks.len() {
            let edited = grown(&notion, at);
            let out = regions(&base, &edited, &github).compose(Region::default_choice);
            assert!(
                out.github.blocks.contains(&note()),
                "{at}: {:?}",
                base.pairs
            );
        }
    }
}

#[test]
fn a_held_conflict_keeps_its_name_and_its_base() {
    let b = doc(vec![p("intro"), p("red apple"), p("outro")]);
    let base = BodyBase::agree(&b, &b);
    let n = doc(vec![p("intro"), p("green apple"), p("outro")]);
    let g = doc(vec![p("intro"), p("yellow apple"), p("outro"), p("more")]);
    let first = regions(&base, &n, &g);
    let anchor = first.diverged().next().unwrap().anchor;
    let out = first.compose(Region::default_choice);
    assert!(out.notion.blocks.contains(&p("more")));
    let second = regions(&out.base, &out.notion, &out.github);
    let open: Vec<_> = second.diverged().map(|region| region.anchor).collect();
    assert_eq!(open, [anchor]);
    // Somebody decides.
    let out = second.compose(|region| match region.state {
        State::Diverged => Choice::TakeBoth(vec![p("blue apple")]),
        _ => region.default_choice(),
    });
    assert!(out.notion.canon_eq(&out.github));
    assert!(out.notion.blocks.contains(&p("blue apple")));
    assert!(regions(&out.base, &out.notion, &out.github).is_clean());
    // One side going back to the base ends it as well.
    assert!(regions(&base, &b, &g).is_clean());
    // A JSON round trip keeps names and bases.
    let json = serde_json::to_string(&anchor).unwrap();
    assert_eq!(
        serde_json::from_str::<notion_sync_core::document::merge::Anchor>(&json).unwrap(),
        anchor
    );
    let json = serde_json::to_string(&base).unwrap();
    assert_eq!(serde_json::from_str::<BodyBase>(&json).unwrap(), base);
}

#[test]
fn ids_and_spans_stay_where_they_belong() {
    let b = doc(vec![p("one"), p("two"), p("three four five")]);
    let base = BodyBase::agree(&b, &b);
    let mut n = with_ids(&b);
    let mut g = b.clone();
    for (index, block) in g.blocks.iter_mut().enumerate() {
        block.span = Some(Span {
            start: index * 10,
            end: index * 10 + 5,
        });
    }
    n.blocks.insert(
        1,
        Block {
            id: Some(BlockId::new("fresh")),
            ..p("from notion")
        },
    );
    *g.blocks[2].kind.text_mut().unwrap() = RichText::plain("three four six");
    let out = regions(&base, &n, &g).compose(Region::default_choice);
    let ids: Vec<_> = out
        .notion
        .blocks
        .iter()
        .map(|b| b.id.as_ref().unwrap().as_str())
        .collect();
    assert_eq!(ids, ["id0", "fresh", "id1", "id2"]);
    assert!(out.notion.blocks.iter().all(|block| block.span.is_none()));
    assert!(out.github.blocks.iter().all(|block| block.id.is_none()));
    let spans: Vec<_> = out
        .github
        .blocks
        .iter()
        .map(|b| b.span.map(|s| s.start))
        .collect();
    assert_eq!(spans, [Some(0), None, Some(10), Some(20)]);
}

#[test]
fn empty_paragraphs_at_the_end_are_nobody_s_edit() {
    let b = doc(vec![p("a"), p("b")]);
    let base = BodyBase::agree(&b, &b);
    let n = doc(vec![p("a"), p("b"), p(""), p("")]);
    let g = doc(vec![p("a"), p("b"), p("c")]);
    let out = regions(&base, &n, &g).compose(Region::default_choice);
    assert_eq!(out.notion, doc(vec![p("a"), p("b"), p("c"), p(""), p("")]));
    assert!(!out.github_changed);
}

#[test]
fn an_empty_paragraph_before_an_open_conflict_stays_agreed() {
    let b = doc(vec![p("a"), p(""), p("b")]);
    let base = BodyBase::agree(&b, &b);
    let n = doc(vec![p("a"), p(""), p("new here")]);
    let g = doc(vec![p("a"), p("")]);
    // One edits the last block, the other deletes it: the empty paragraph is now last in the file.
    let first = regions(&base, &n, &g).compose(Region::default_choice);
    let second = regions(&first.base, &first.notion, &first.github);
    assert_eq!(second.diverged().count(), 1);
    let again = second.compose(Region::default_choice);
    assert!(!again.notion_changed && !again.github_changed);
    // Different insertions after an empty paragraph.
    let n = doc(vec![p("a"), p("b"), p(""), p("new")]);
    let g = doc(vec![p("a"), p("b"), p(""), p("fresh")]);
    let mut with_blank = b.clone();
    with_blank.blocks.swap(1, 2);
    with_blank.blocks.push(p("end"));
    let base = BodyBase::agree(&with_blank, &with_blank);
    let first = regions(&base, &n, &g).compose(Region::default_choice);
    let second = regions(&first.base, &first.notion, &first.github);
    assert_eq!(second.compose(Region::default_choice), first);
}

#[test]
fn a_child_page_is_a_block_like_others() {
    assert_eq!(
        states(
            &[child_page("x"), p("a b c")],
            &[p("a b c")],
            &[child_page("x"), p("a b c d")]
        ),
        ["notion", "github"]
    );
}

#[test]
fn long_bodies_are_compared() {
    let long: Vec<Block> = (0..20_000)
        .map(|n| match n % 5 {
            0 => Block::new(BlockKind::Divider),
            1 => p("the same text everywhere"),
            _ => p(&format!("paragraph number {n} of many")),
        })
        .collect();
    let b = doc(long.clone());
    let base = BodyBase::agree(&b, &b);
    assert_eq!(base.pairs.len(), 20_000);
    let mut n = long.clone();
    let mut g = long;
    for at in (7..20_000).step_by(250) {
        n[at] = p(&format!("paragraph number {at} of many, edited"));
        g[at + 100] = p(&format!("new paragraph number {at} of many"));
    }
    n.insert(10_000, p("middle"));
    g.remove(15_001);
    let (n, g) = (doc(n), doc(g));
    let found = regions(&base, &n, &g);
    assert!(found.is_clean());
    let out = found.compose(Region::default_choice);
    assert_eq!(out.notion.hash(), out.github.hash());
    assert_eq!(out.notion.blocks.len(), 20_000);
}

#[test]
fn bodies_without_anything_unique_are_compared() {
    // A deterministic sequence over four blocks: nothing is an anchor.
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        p(["a", "b", "c", "d"][(state >> 30) as usize])
    };
    let b = doc((0..4_000).map(|_| next()).collect());
    let x = doc((0..4_000).map(|_| next()).collect());
    let base = BodyBase::agree(&b, &b);
    let out = regions(&base, &x, &b).compose(Region::default_choice);
    assert_eq!(out.github.hash(), x.hash());
    // And nothing in common at all.
    let y = doc((0..4_000).map(|n| p(&format!("w{n} v{n} u{n}"))).collect());
    let out = regions(&base, &b, &y).compose(Region::default_choice);
    assert_eq!(out.notion.hash(), y.hash());
}

#[test]
fn nesting_deeper_than_merged_block_by_block_is_compared_as_a_whole() {
    fn nest(depth: usize, text: &str) -> Block {
        (0..depth).fold(p(text), |inner, _| item("level", vec![inner]))
    }
    let b = doc(vec![nest(200, "a b c d e f g")]);
    let base = BodyBase::agree(&b, &b);
    let n = doc(vec![nest(200, "a1 b c d e f g")]);
    let g = doc(vec![nest(200, "a b c d e f g1")]);
    let found = regions(&base, &n, &g);
    assert_eq!(found.diverged().count(), 1);
    let out = regions(&base, &n, &b).compose(Region::default_choice);
    assert!(out.github.canon_eq(&n));
}
