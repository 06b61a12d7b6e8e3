//! Lost answers about objects that are not there any more.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use notion_sync_core::comment::{Discuss, DiscussStep, Said};
use notion_sync_core::effect::{Effect, Note, NotePlace};
use notion_sync_core::id::Side;
use notion_sync_core::remote::{Action, Remote as _, Trace};
use notion_sync_github::BOOKKEEPING_PAGE;
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};

use crate::effects_support::{effect_write, opened, request};
use crate::support::*;

/// Writes to issue 1 whose trace reads the issue.
async fn writes(world: &World) -> Vec<notion_sync_core::remote::Write> {
    let comment = Action::Comment {
        object: issue(1),
        text: "c".to_owned(),
    };
    let bookkeep = Action::Bookkeep {
        object: issue(1),
        fields: BTreeMap::from([(BOOKKEEPING_PAGE.to_owned(), "p9".to_owned())]),
    };
    let post = Action::Discuss(Box::new(Discuss {
        place: issue(1),
        step: DiscussStep::Post(Said {
            side: Side::Notion,
            author: "Ada".to_owned(),
            text: "Hi".to_owned(),
            url: None,
            about: None,
        }),
    }));
    let issues = world.issues();
    let note = Effect::Comment(Note {
        text: "Done".to_owned(),
        on: NotePlace::Issue,
    });
    let note = opened(&issues, &request("e1", 1, note)).await;
    let labels = Effect::AddLabels(BTreeSet::from(["bug".to_owned()]));
    let labels = opened(&issues, &request("e2", 1, labels)).await;
    vec![
        write("o1", comment),
        write("o2", bookkeep),
        write("o3", post),
        write(
            "o4",
            change(1, &[("title", text("One"), text("Uno"))], None),
        ),
        effect_write(&note),
        effect_write(&labels),
    ]
}

fn world() -> World {
    let world = World::new();
    let now = world.now();
    let mut hub = world.hub();
    hub.open_issue(REPO, "ada", "One", Some("text"), now)
        .unwrap();
    drop(hub);
    world
}

#[tokio::test]
async fn nobody_can_tell_what_became_of_a_write_to_an_issue_that_was_deleted() {
    let world = world();
    let sent = writes(&world).await;
    world.clock.advance(Duration::minutes(5));
    world.hub().delete_issue(REPO, 1).unwrap();
    let issues = world.issues();
    for write in sent {
        let word = write.action.word();
        let found = issues.trace(&[write], world.now()).await;
        assert_eq!(found.unwrap(), [Trace::Unclear], "{word}");
    }
}

/// A side that shows nothing says nothing about one of its objects.
#[tokio::test]
async fn a_repository_that_cannot_be_seen_is_asked_again() {
    let world = world();
    let sent = writes(&world).await;
    let issues = world.issues();
    issues.read(&issue(1), false).await.unwrap();
    world.hub().faults().push(FaultRule {
        method: "GET".to_owned(),
        path_contains: format!("/repositories/{REPO_ID}"),
        skip: 0,
        times: 1_000,
        fault: Fault::Refuse {
            status: 404,
            retry_after: None,
        },
    });
    for write in sent {
        let word = write.action.word();
        let found = issues.trace(&[write], world.now()).await;
        assert!(found.is_err(), "{word}: {found:?}");
    }
}
