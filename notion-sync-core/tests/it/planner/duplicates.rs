//! Rows 60 and 61: a second object that one creation made.

use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::reconcile::Step;
use notion_sync_core::reconcile::table::Identity;
use notion_sync_core::record::{Duplicate, Life};
use notion_sync_core::snapshot::{Presence, Proof};

use super::answer::{all, row};
use super::scene::Scene;

/// Only this side has an object, and it is a second one.
fn twice(side: Side, identity: Identity) -> Scene {
    Scene::task().absent(side.other()).with(|scene| {
        scene.identity = identity;
        scene.pair.record.duplicate = Some(Duplicate {
            of: RemoteRef::new("notion", "page", "first"),
            url: None,
            record: "r1".into(),
            op: "op1".into(),
            maker: None,
        });
    })
}

#[test]
fn one_that_is_as_it_was_made_goes() {
    let page = || twice(Side::Notion, Identity::Duplicate);
    let issue = || twice(Side::Github, Identity::Duplicate);
    let minute = "no edit of the same minute";
    let buried = Life::Tombstone;
    all(vec![
        ("a page", page(), row(60).does(Step::Remove(Side::Notion))),
        (
            "an issue",
            issue(),
            row(60).does(Step::Remove(Side::Github)),
        ),
        (
            "a page of this minute",
            page().unsettled(Side::Notion),
            row(60).waits(minute),
        ),
        (
            "a page whose removal came to nothing",
            page().life(Life::Deleting),
            row(60).does(Step::Remove(Side::Notion)),
        ),
        (
            "an issue that is closed",
            issue().says(Side::Github, "state", "closed"),
            row(60).becomes(buried),
        ),
        (
            "an issue that we closed",
            (issue().life(Life::Deleting)).says(Side::Github, "state", "closed"),
            row(60).becomes(buried),
        ),
        (
            "a page in the trash",
            (page().life(Life::Deleting)).shows(Side::Notion, Presence::Gone(Proof::InTrash)),
            row(55).becomes(buried),
        ),
        (
            "a page that a person put into the trash",
            page().shows(Side::Notion, Presence::Gone(Proof::InTrash)),
            row(23).becomes(buried),
        ),
        (
            "while its removal has no answer",
            (page().life(Life::Deleting)).with(|scene| scene.unresolved = true),
            row(40).waits("unknown outcome"),
        ),
        (
            "a page that is not found",
            page().missing(Side::Notion),
            row(24).waits("without proof"),
        ),
    ]);
}

#[test]
fn one_that_somebody_uses_stays() {
    let page = || twice(Side::Notion, Identity::DuplicateInUse);
    let issue = || twice(Side::Github, Identity::DuplicateInUse);
    let waits = || {
        row(61)
            .waits("waits for a person")
            .drifts("notion:page:first")
    };
    all(vec![
        ("a page", page(), waits()),
        ("an issue", issue(), waits()),
        (
            "a page that was edited before it was removed",
            page().life(Life::Deleting),
            waits().becomes(Life::Provisioning),
        ),
        (
            "an issue that a person closed",
            issue().says(Side::Github, "state", "closed"),
            row(61).becomes(Life::Tombstone),
        ),
        (
            "a page that came back, as it was made",
            twice(Side::Notion, Identity::Duplicate).life(Life::Tombstone),
            waits(),
        ),
        (
            "one that a person lets go",
            page().life(Life::Detached),
            row(36),
        ),
    ]);
}
