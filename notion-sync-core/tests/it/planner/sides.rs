//! Rows 24, 25, 37 and 38: what is read of one side, and what must not be concluded from it.

use notion_sync_core::id::Side;
use notion_sync_core::mapping::BodyView;
use notion_sync_core::reconcile::{Doubts, Plan, unit_hash};
use notion_sync_core::record::{Life, UnitId};
use notion_sync_core::snapshot::Presence;
use notion_sync_core::value::Value;

use super::answer::row;
use super::scene::{Scene, holds};
use super::world::at;

#[test]
fn a_version_that_is_older_than_the_agreed_one_is_not_looked_at() {
    for side in Side::BOTH {
        let stale = Scene::task().edited(side).with(|scene| {
            scene.view(side).revision.at = at(-1);
        });
        row(37)
            .waits("an older version was read")
            .of("a stale read", &stale);
    }
}

#[test]
fn times_of_what_has_no_minutes_say_nothing() {
    // The time of a commit is what its author says. Its content counts, whichever time it names.
    for minute in [-1, 0] {
        let file = Scene::page().edited(Side::Github).unsettled(Side::Github);
        let file = file.with(|scene| {
            let agreed = scene
                .pair
                .record
                .base
                .as_mut()
                .unwrap()
                .github
                .as_mut()
                .unwrap();
            agreed.grain_seconds = 0;
            let revision = &mut scene.view(Side::Github).revision;
            revision.grain_seconds = 0;
            revision.at = at(minute);
        });
        let rows: Vec<_> = file.plan().rows.iter().map(|(_, row)| row.0).collect();
        assert_eq!(rows, [9], "minute {minute}");
    }
}

#[test]
fn an_unsettled_edit_waits_only_where_it_may_be_our_own_or_an_old_one() {
    let blurred = "waits until it settles";
    let retired = |scene: &mut Scene, side: Side, text: &str| {
        let unit = UnitId::Field("note".into());
        let hash = unit_hash(&unit, &Value::text(text));
        scene.pair.record.retire(side, hash);
    };
    let same_minute = |scene: &mut Scene, side: Side| scene.view(side).revision.at = at(0);
    for side in Side::BOTH {
        let edit = || Scene::task().edited(side).unsettled(side);
        let own_minute = edit().with(|scene| same_minute(scene, side));
        row(38)
            .waits(blurred)
            .of("in the minute of the last write", &own_minute);
        let old = edit().with(|scene| retired(scene, side, "edited"));
        row(38).waits(blurred).of("a value that we replaced", &old);
        let other = edit().with(|scene| retired(scene, side, "something else"));
        for (what, scene) in [
            ("a value that nobody ever saw", other),
            ("a minute later", edit()),
            (
                "settled, though it is a value that we replaced",
                Scene::task()
                    .edited(side)
                    .with(|scene| retired(scene, side, "edited")),
            ),
            (
                "settled, though it is in the minute of the last write",
                Scene::task()
                    .edited(side)
                    .with(|scene| same_minute(scene, side)),
            ),
        ] {
            let plan = scene.plan();
            assert_eq!(holds(&plan), [], "{side}: {what}");
            assert_eq!(plan.steps.len(), 1, "{side}: {what}");
        }
        let still = Scene::task().unsettled(side);
        assert_eq!(still.plan(), Plan::default(), "{side}: as agreed");
    }
}

#[test]
fn nothing_is_concluded_from_an_absence_without_proof() {
    let on = |side: Side| Doubts {
        notion: side == Side::Notion,
        github: side == Side::Github,
    };
    let doubted = |scene: Scene, side: Side| scene.with(|scene| scene.doubts = on(side));
    for side in Side::BOTH {
        let other = side.other();
        let plain = "nothing is done without proof";
        let doubt = "neither is what must be readable there";
        let missing = || Scene::task().missing(side);
        row(24).waits(plain).of("missing", &missing());
        row(24)
            .waits(doubt)
            .of("missing in doubt", &doubted(missing(), side));
        row(24)
            .waits(plain)
            .of("doubt elsewhere", &doubted(missing(), other));
        for gone in [Scene::task().gone(side), Scene::task().moved_out(side)] {
            row(24)
                .waits(doubt)
                .of("gone in doubt", &doubted(gone, side));
        }
        // What is there needs no proof.
        assert_eq!(doubted(Scene::task(), side).plan(), Plan::default());
        let buried = Scene::task().gone(side).gone(other).life(Life::Tombstone);
        row(23).of("buried already", &doubted(buried, side));
    }
}

#[test]
fn a_side_that_was_not_read_holds_the_record_and_says_why() {
    for side in Side::BOTH {
        let why = || "the reason".to_owned();
        let told = row(25).waits("the reason").tells("the reason");
        let denied = Scene::task().shows(side, Presence::Unread(why()));
        told.of("it could not be read", &denied);
        let unusable = Scene::task().with(|scene| {
            scene.view(side).body = BodyView::Unusable(why());
        });
        told.of("its body cannot be used", &unusable);
        let name = side.to_string();
        assert!(denied.plan().holds[0].reason.starts_with(&name));
        let unseen = Scene::task().with(|scene| match side {
            Side::Notion => scene.notion = None,
            Side::Github => scene.github = None,
        });
        row(25)
            .waits("not read")
            .tells("not read")
            .of("nobody looked", &unseen);
    }
}
