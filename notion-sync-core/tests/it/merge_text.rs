//! Three-way merge of text.

use notion_sync_core::document::text_merge::{merge_lines, merge_rich};
use notion_sync_core::document::{Inline, InlineKind, Mention, RichText};
use proptest::prelude::*;

use crate::merge_pool::{bold, few};

fn plain(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let merged = merge_rich(
        &RichText::plain(base),
        &RichText::plain(ours),
        &RichText::plain(theirs),
    );
    merged.map(|text| text.to_plain())
}

#[test]
fn words() {
    let cases = [
        // base, ours, theirs, merged
        ("a b c d", "a b c d", "a b c d", Some("a b c d")),
        ("a b c d", "x b c d", "a b c d", Some("x b c d")),
        ("a b c d", "x b c d", "a b c y", Some("x b c y")),
        ("a b c d", "x b c d", "a y c d", None),
        ("a b c d", "x b c d", "x b c d", Some("x b c d")),
        ("a b c d", "a c d", "a b c d e", Some("a c d e")),
        ("a b c d", "a b c", "a b c d e", None),
        ("a b c d", "", "a b c d e", None),
        ("a b c d", "", "a b c d", Some("")),
        ("", "x", "y", None),
        ("", "x", "x", Some("x")),
        ("one, two.", "one, two!", "ONE, two.", Some("ONE, two!")),
        ("a-b", "x-b", "a-y", None),
        ("a\nb\nc", "x\nb\nc", "a\nb\ny", Some("x\nb\ny")),
        ("森中木", "森外木", "林中木", None),
        (
            "森の中の木",
            "森の中の木々",
            "林の中の木",
            Some("林の中の木々"),
        ),
    ];
    for (base, ours, theirs, expected) in cases {
        let case = format!("{base:?} {ours:?} {theirs:?}");
        assert_eq!(plain(base, ours, theirs).as_deref(), expected, "{case}");
        assert_eq!(
            plain(base, theirs, ours).as_deref(),
            expected,
            "{case} mirrored"
        );
    }
}

#[test]
fn formatting_belongs_to_the_word() {
    let base = RichText::plain("make it so now please");
    let ours = RichText(vec![bold("make"), Inline::text(" it so now please")]);
    // Another word: both edits.
    let merged = merge_rich(&base, &ours, &RichText::plain("make it so now")).unwrap();
    assert_eq!(
        merged,
        RichText(vec![bold("make"), Inline::text(" it so now")])
    );
    // The same word: a conflict.
    assert_eq!(
        merge_rich(&base, &ours, &RichText::plain("Make it so now please")),
        None
    );
}

#[test]
fn a_mention_is_a_word() {
    let mention = |id: &str| Inline {
        kind: InlineKind::Mention(Mention::User(id.to_owned())),
        ..Inline::text("")
    };
    let text = |id: &str, rest: &str| {
        RichText(vec![Inline::text("ask "), mention(id), Inline::text(rest)])
    };
    let merged = merge_rich(
        &text("u1", " about the old tree"),
        &text("u2", " about the old tree"),
        &text("u1", " about the big tree"),
    );
    assert_eq!(merged, Some(text("u2", " about the big tree")));
}

fn lines() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(&["a", "b", "c", "d", ""][..]), 0..9)
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn laws_of_lines(b in lines(), x in lines(), y in lines()) {
        let [b, x, y] = [b, x, y].map(|lines| lines.join("\n"));
        prop_assert_eq!(merge_lines(&b, &x, &b), Some(x.clone()));
        prop_assert_eq!(merge_lines(&b, &b, &x), Some(x.clone()));
        prop_assert_eq!(merge_lines(&b, &x, &x), Some(x.clone()));
        let merged = merge_lines(&b, &x, &y);
        prop_assert_eq!(&merged, &merge_lines(&b, &y, &x));
        if let Some(merged) = merged {
            for line in merged.split('\n') {
                prop_assert!(b.split('\n').chain(x.split('\n')).chain(y.split('\n')).any(|l| l == line));
            }
        }
    }

    #[test]
    fn laws_of_words(b in "[ab]{0,2}( [a-d]{1,2}){0,6}", x in "[ab]{0,2}([ ,][a-d]{1,2}){0,6}", y in "[ab]{0,2}( [a-d]{1,2}){0,6}") {
        let texts = [&b, &x, &y].map(|text| RichText::plain(text.clone()).canonical());
        let [b, x, y] = &texts;
        prop_assert_eq!(merge_rich(b, x, b), Some(x.clone()));
        prop_assert_eq!(merge_rich(b, b, x), Some(x.clone()));
        prop_assert_eq!(merge_rich(b, x, x), Some(x.clone()));
        prop_assert_eq!(merge_rich(b, x, y), merge_rich(b, y, x));
    }
}

/// Compares verdict and text with `git merge-file`, where git is installed.
#[test]
fn lines_merge_as_git_merges_them() {
    use std::process::Command;
    if Command::new("git").arg("--version").output().is_err() {
        println!("skipped: git is not installed");
        return;
    }
    let dir = std::env::temp_dir().join(format!("notion-sync-merge-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let mut state = 7_u32;
    let mut next = |limit: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % limit
    };
    let (mut total, mut clean, mut same_verdict, mut same_text) = (0, 0, 0, 0);
    let mut clean_against_git = 0;
    for _ in 0..300 {
        let length = 4 + next(12);
        let base: Vec<String> = (0..length).map(|_| format!("line {}", next(12))).collect();
        let mut side = |tag: &str| {
            let mut lines = base.clone();
            for number in 0..=next(3) {
                let at = next(u32::try_from(lines.len()).unwrap() + 1) as usize;
                match next(3) {
                    0 => lines.insert(at, format!("{tag} {number}")),
                    1 if at < lines.len() => lines[at] = format!("{tag} {number}"),
                    _ if at < lines.len() => {
                        lines.remove(at);
                    }
                    _ => {}
                }
            }
            lines
        };
        let (ours, theirs) = (side("ours"), side("theirs"));
        let text = |lines: &[String]| {
            lines
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>()
        };
        for (name, lines) in [("base", &base), ("ours", &ours), ("theirs", &theirs)] {
            std::fs::write(dir.join(name), text(lines)).unwrap();
        }
        let git = Command::new("git")
            .args(["merge-file", "-p", "ours", "base", "theirs"])
            .current_dir(&dir)
            .output()
            .unwrap();
        let merged = merge_lines(&text(&base), &text(&ours), &text(&theirs));
        total += 1;
        let git_clean = git.status.success();
        same_verdict += u32::from(git_clean == merged.is_some());
        clean_against_git += u32::from(!git_clean && merged.is_some());
        if let (true, Some(merged)) = (git_clean, merged) {
            clean += 1;
            same_text += u32::from(merged.as_bytes() == git.stdout);
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
    println!(
        "{total} merges: same verdict {same_verdict}, clean in both {clean}, same text {same_text}, clean where git conflicts {clean_against_git}"
    );
    assert!(
        same_verdict * 100 >= total * 95,
        "verdicts: {same_verdict} of {total}"
    );
    assert!(
        same_text * 100 >= clean * 98,
        "texts: {same_text} of {clean}"
    );
    assert!(
        clean_against_git * 100 <= total * 2,
        "{clean_against_git} of {total}"
    );
}
