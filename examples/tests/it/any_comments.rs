//! Comments of all kinds, both ways.

use notion_sync_examples::emulation::BACKLOG;
use notion_sync_testkit::bodies;
use notion_sync_testkit::simulation::Stream;

use crate::any_values::words;
use crate::shown_comments::talking;
use crate::shown_support::{settle, sweep};

/// Whoever writes, edits and deletes comments, and whatever they say: each has one copy, which says the same.
#[tokio::test]
async fn any_comment_has_one_copy_on_the_other_side() {
    let mut random = Stream::new(3, "comments");
    let (mut stage, page, number) = talking(&[]).await;
    let (mut on_page, mut on_issue) = (Vec::new(), Vec::new());
    for case in 0..60 {
        let now = stage.now();
        let text = format!("{} word{case}", words(&mut random));
        match random.below(8) {
            0 | 1 => on_page.push(
                stage
                    .in_notion("ada", |ada| ada.comment(page, &text))
                    .unwrap(),
            ),
            2 | 3 => {
                let text = format!("{text}\n\n{}", bodies::file(&mut random));
                on_issue.push(
                    stage
                        .github()
                        .comment(BACKLOG, number, "bob", &text, now)
                        .unwrap(),
                );
            }
            4 if !on_page.is_empty() => {
                let one = *random.of(&on_page);
                stage
                    .in_notion("ada", |ada| ada.edit_comment(one, &text))
                    .unwrap();
            }
            5 if !on_issue.is_empty() => {
                let one = *random.of(&on_issue);
                stage
                    .github()
                    .edit_comment(BACKLOG, one, &text, now)
                    .unwrap();
            }
            6 if !on_page.is_empty() => {
                let at = usize::try_from(random.below(on_page.len() as u64)).unwrap();
                let one = on_page.swap_remove(at);
                stage
                    .in_notion("ada", |ada| ada.delete_comment(one))
                    .unwrap();
            }
            7 if !on_issue.is_empty() => {
                let at = usize::try_from(random.below(on_issue.len() as u64)).unwrap();
                let one = on_issue.swap_remove(at);
                stage.github().delete_comment(BACKLOG, one, now).unwrap();
            }
            _ => {}
        }
        stage.pass(30);
        if random.chance(60) {
            sweep(&mut stage).await;
        }
        settle(&mut stage).await;
    }
    sweep(&mut stage).await;
    settle(&mut stage).await;
    let said = stage.github().issue(BACKLOG, number).unwrap().comments;
    let heard = stage.notion().comments(page);
    let all = on_page.len() + on_issue.len();
    assert_eq!(
        (said.len(), heard.len()),
        (all, all),
        "{said:#?}\n{heard:#?}"
    );
    let word = |text: &str| {
        text.split_whitespace()
            .find(|w| w.starts_with("word"))
            .map(str::to_owned)
    };
    let mut one: Vec<_> = said.iter().map(|(_, text)| word(text)).collect();
    let mut other: Vec<_> = heard.iter().map(|text| word(text)).collect();
    one.sort();
    other.sort();
    assert_eq!(one, other, "{said:#?}\n{heard:#?}");
    assert_eq!(sweep(&mut stage).await.applied, []);
}
