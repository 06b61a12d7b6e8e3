//! Items that come into a project and go, against the emulator.

use chrono::Duration;
use notion_sync_core::remote::Remote as _;
use notion_sync_core::snapshot::{Content, Field, Presence};

use crate::effects_project::{PLAN, planned};
use crate::issue_projects::{by_hand, issues, only, shown, with};
use crate::support::*;

/// Taking an item out of a project moves nothing of its issue.
#[tokio::test]
async fn an_item_that_is_not_there_any_more_is_noticed_by_the_walk() {
    let world = planned();
    by_hand(&world, "Status", "Todo");
    let issues = issues(&world);
    let mut cursor = list(&issues, None, true).await.cursor;
    let known = issues.read(&issue(1), true).await.unwrap();
    for _ in 0..2 {
        world.clock.advance(Duration::hours(2));
        let quiet = list(&issues, Some(cursor), false).await;
        cursor = quiet.cursor;
    }
    world
        .hub()
        .remove_from_project(PLAN, (REPO, 1), "ada")
        .unwrap();
    // A walk that fails, or that does not see the project, says nothing.
    let unseen = with(&world, |settings| settings.project = "acme/99".to_owned());
    let blind = list(&unseen, Some(cursor), false).await;
    assert_eq!(blind.items, []);
    let moved = list(&issues, Some(blind.cursor), false).await;
    let item = only(&moved);
    assert_eq!(item.object, issue(1));
    assert_eq!(item.content, Content::NotRead, "it is only named");
    assert_eq!(item.presence, Presence::Present);
    assert_eq!(item.fields, Default::default(), "absence says nothing");
    assert_ne!(item.revision.token, known.revision.token);
    let read = issues.read(&issue(1), true).await.unwrap();
    assert_eq!(shown(&read, "Status"), &Field::Vacant(None));
    // Once.
    let after = list(&issues, Some(moved.cursor), false).await;
    assert_eq!(after.items, []);
    // It comes back, and goes together with an edit of the issue: then it is listed anyway.
    by_hand(&world, "Status", "Todo");
    let back = list(&issues, Some(after.cursor), false).await;
    assert_eq!(shown(only(&back), "Status"), &Field::Value(text("Todo")));
    world
        .hub()
        .remove_from_project(PLAN, (REPO, 1), "ada")
        .unwrap();
    let now = world.now();
    world.hub().close(REPO, 1, "ada", None, now).unwrap();
    let listed = list(&issues, Some(back.cursor), false).await;
    assert_eq!(shown(only(&listed), "Status"), &Field::Vacant(None));
}
