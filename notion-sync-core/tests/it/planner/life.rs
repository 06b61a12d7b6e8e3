//! Rows 18 to 28, 35, 36 and 57: what is gone, buried, back, or elsewhere.

use chrono::Duration;
use notion_sync_core::id::Side;
use notion_sync_core::mapping::{MappingKind, Policy};
use notion_sync_core::reconcile::Step;
use notion_sync_core::record::{Life, ProposalState, UnitId};
use notion_sync_core::remote::ProposalKind;
use notion_sync_core::snapshot::{Presence, Proof};

use super::answer::{Answer, all, row};
use super::scene::Scene;

fn wins(policy: Policy) -> Scene {
    Scene::at_rest(MappingKind::Tasks, policy)
}

#[test]
fn what_is_gone_on_one_side_is_removed_on_the_other() {
    let beats = |policy| wins(policy).with(|scene| scene.pair.mapping.delete_beats_edit = true);
    let asks = "deleted on one side and edited on the other";
    let stays = "deleted here, edited there";
    let edited = |scene: Scene, side: Side| scene.edited(side).gone(side.other());
    let proposing = |scene: Scene| scene.with(|scene| scene.pair.mapping.delete_by_proposal = true);
    let by_proposal = proposing(Scene::page().gone(Side::Notion));
    all(vec![
        (
            "the page of an issue",
            Scene::task().gone(Side::Notion),
            row(18).does(Step::Remove(Side::Github)),
        ),
        (
            "the page of a file",
            Scene::page().gone(Side::Notion),
            row(18).does(Step::Remove(Side::Github)),
        ),
        (
            "the page of a file whose deletion is proposed",
            by_proposal,
            row(18).does(Step::Propose(ProposalKind::Delete, None)),
        ),
        (
            "the issue of a page",
            Scene::task().gone(Side::Github),
            row(19).does(Step::Remove(Side::Notion)),
        ),
        (
            "the file of a page, where only deletions of files are proposed",
            proposing(Scene::page().gone(Side::Github)),
            row(19).does(Step::Remove(Side::Notion)),
        ),
        (
            "the issue of a page that may have been edited within its minute",
            Scene::task().gone(Side::Github).unsettled(Side::Notion),
            row(19).waits("no edit of the same minute can hide"),
        ),
        (
            "the page of an edited issue",
            edited(Scene::task(), Side::Github),
            row(20).waits(stays).tells(asks),
        ),
        (
            "the issue of an edited page",
            edited(Scene::task(), Side::Notion),
            row(22).waits(stays).tells(asks),
        ),
        (
            "the page of an edited issue, under a wins policy",
            edited(wins(Policy::NotionWins), Side::Github),
            row(21).does(Step::Restore(Side::Notion)),
        ),
        (
            "the issue of an edited page, under a wins policy",
            edited(wins(Policy::GithubWins), Side::Notion),
            row(22).does(Step::Restore(Side::Github)),
        ),
        (
            "the page of an edited issue, where deletions of the other side win",
            edited(beats(Policy::GithubWins), Side::Github),
            row(21).does(Step::Restore(Side::Notion)),
        ),
        (
            "the issue of an edited page, where deletions of the other side win",
            edited(beats(Policy::NotionWins), Side::Notion),
            row(22).does(Step::Restore(Side::Github)),
        ),
    ]);
}

#[test]
fn a_file_that_was_only_moved_was_edited_and_an_issue_or_page_was_not() {
    let moved = |scene: Scene, side: Side| {
        scene.gone(side.other()).with(|scene| {
            scene.view(side).place = Some("elsewhere".to_owned());
        })
    };
    let file = moved(Scene::page(), Side::Github);
    row(20)
        .waits("deleted here, edited there")
        .tells("deleted on one side and edited")
        .of("a file", &file);
    let issue = moved(Scene::task(), Side::Github);
    row(18)
        .does(Step::Remove(Side::Github))
        .of("an issue", &issue);
    for scene in [Scene::page(), Scene::task()] {
        row(19)
            .does(Step::Remove(Side::Notion))
            .of("a page", &moved(scene, Side::Notion));
    }
}

#[test]
fn an_edit_that_goes_with_its_object_is_kept_as_a_loser() {
    for (side, policy) in [
        (Side::Github, Policy::NotionWins),
        (Side::Notion, Policy::GithubWins),
    ] {
        let scene = wins(policy)
            .edited(side)
            .gone(side.other())
            .with(|scene| scene.pair.mapping.delete_beats_edit = true);
        let plan = scene.plan();
        assert_eq!(plan.steps, [Step::Remove(side)]);
        let lost: Vec<_> = plan
            .losers
            .iter()
            .map(|loser| (loser.side, loser.text.as_str()))
            .collect();
        assert_eq!(lost, [(side, "edited")]);
        // A page that has to wait keeps its edits.
        let waits = scene.unsettled(side).plan();
        assert_eq!(waits.losers.is_empty(), side == Side::Notion, "{waits:?}");
    }
}

#[test]
fn nothing_is_removed_while_a_conflict_is_open() {
    let unit = || UnitId::Field("note".into());
    for policy in [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins] {
        for side in Side::BOTH {
            let scene = wins(policy).parked(unit(), "ours", "theirs").gone(side);
            row(57)
                .waits("deleted with an open conflict")
                .tells("restore it, or delete the other side")
                .of("one side is gone", &scene);
        }
    }
}

#[test]
fn what_is_gone_on_both_sides_is_buried_once() {
    let gone = || Scene::task().gone(Side::Notion).gone(Side::Github);
    let never = Scene::task().absent(Side::Notion).absent(Side::Github);
    let one_sided = Scene::page().absent(Side::Github).gone(Side::Notion);
    let withdrawn = || Step::Withdraw("both sides are gone".to_owned());
    let proposed = |state| gone().proposed(ProposalKind::Edit, state);
    let closed = Scene::task().gone(Side::Notion).life(Life::Tombstone);
    let buried = |row: Answer| row.becomes(Life::Tombstone);
    all(vec![
        ("both were there", gone(), buried(row(23))),
        ("one was never there", one_sided, buried(row(23))),
        ("neither was there", never, buried(row(23))),
        ("buried before", gone().life(Life::Tombstone), row(23)),
        (
            "buried before, and its issue is closed, which is how it is removed",
            closed.says(Side::Github, "state", "closed"),
            row(23),
        ),
        (
            "with an open pull request",
            proposed(ProposalState::Open),
            buried(row(23).does(withdrawn())),
        ),
        (
            "with a pull request that was not opened yet",
            proposed(ProposalState::Planned),
            buried(row(23).does(withdrawn())),
        ),
        (
            "with a pull request that was merged",
            proposed(ProposalState::Merged),
            buried(row(23)),
        ),
        (
            "with a pull request that was refused",
            proposed(ProposalState::Refused),
            buried(row(23)),
        ),
    ]);
}

const GONE: Presence = Presence::Gone(Proof::InTrash);

/// A page that turned out to be gone, or to be there again, under the revision that it has, seconds before it is read.
fn turned(scene: Scene, gone: bool, seconds: i64) -> Scene {
    scene.with(|scene| {
        let view = scene.view(Side::Notion);
        let (revision, at) = (view.revision.clone(), view.observed_at);
        let (at, behind) = (at - Duration::seconds(seconds), Duration::seconds(90));
        let record = &mut scene.pair.record;
        record.see_page(&GONE, &revision, at, behind);
        if !gone {
            record.see_page(&Presence::Present, &revision, at, behind);
        }
    })
}

fn edited_since(scene: Scene) -> Scene {
    scene.with(|scene| scene.view(Side::Notion).revision.at += Duration::minutes(1))
}

#[test]
fn a_read_may_show_a_page_as_it_was_before_it_was_gone_or_there_again() {
    let older = "an older version was read";
    let back = || Scene::task().gone(Side::Github).life(Life::Tombstone);
    let gone = || Scene::task().gone(Side::Notion);
    all(vec![
        (
            "shown though gone",
            turned(back(), true, 89),
            row(37).waits(older),
        ),
        (
            "there longer than reads are behind",
            turned(back(), true, 90),
            row(26).does(Step::Restore(Side::Github)),
        ),
        (
            "edited since it was gone",
            edited_since(turned(back(), true, 1)),
            row(26).does(Step::Restore(Side::Github)),
        ),
        (
            "not shown though there again",
            turned(gone(), false, 89),
            row(37).waits(older),
        ),
        (
            "gone for longer than reads are behind",
            turned(gone(), false, 90),
            row(18).does(Step::Remove(Side::Github)),
        ),
        (
            "removed once more",
            edited_since(turned(gone(), false, 1)),
            row(18).does(Step::Remove(Side::Github)),
        ),
        (
            "gone, and seen so before",
            turned(gone(), true, 1),
            row(18).does(Step::Remove(Side::Github)),
        ),
    ]);
}

#[test]
fn a_page_that_was_always_there_is_taken_for_nothing_else() {
    let mut scene = Scene::task();
    let (revision, at) = {
        let view = scene.view(Side::Notion);
        (view.revision.clone(), view.observed_at)
    };
    let record = &mut scene.pair.record;
    record.see_page(&Presence::Present, &revision, at, Duration::seconds(90));
    assert_eq!(record.turn, None);
    assert_eq!(
        record.doubted_until(Side::Notion, &GONE, &revision, at),
        None
    );
}

#[test]
fn what_was_buried_and_is_back_brings_the_other_side_back() {
    let buried = |scene: Scene| scene.life(Life::Tombstone);
    let closed = |scene: Scene, side: Side| scene.says(side, "state", "closed");
    let done = |scene: Scene| closed(scene, Side::Github).done();
    all(vec![
        (
            "a page",
            buried(Scene::task().gone(Side::Github)),
            row(26).does(Step::Restore(Side::Github)),
        ),
        (
            "an issue",
            buried(Scene::task().gone(Side::Notion)),
            row(26).does(Step::Restore(Side::Notion)),
        ),
        ("both", buried(Scene::task()), row(26).becomes(Life::Live)),
        (
            "a page whose state has the name of a closed issue",
            closed(buried(Scene::task().gone(Side::Github)), Side::Notion),
            row(26).does(Step::Restore(Side::Github)),
        ),
        (
            "a file that has a field of that name",
            closed(buried(Scene::page().gone(Side::Notion)), Side::Github),
            row(26).does(Step::Restore(Side::Notion)),
        ),
        (
            "a page whose issue was closed with it",
            closed(buried(Scene::task()), Side::Github),
            row(26).does(Step::Restore(Side::Github)),
        ),
        (
            "a page whose issue had been closed before",
            done(buried(Scene::task())),
            row(26).becomes(Life::Live),
        ),
        (
            "a page that is elsewhere now",
            buried(Scene::task().moved_out(Side::Notion).gone(Side::Github)),
            row(28).waits("nothing to do"),
        ),
    ]);
}

#[test]
fn what_left_the_mapping_is_let_go_once() {
    let message = "no longer synchronised";
    let let_go = |row: Answer| row.becomes(Life::Detached).tells(message);
    for scene in [Scene::task, Scene::page] {
        all(vec![
            ("the page", scene().moved_out(Side::Notion), let_go(row(36))),
            (
                "the issue",
                scene().moved_out(Side::Github),
                let_go(row(35)),
            ),
            (
                "the page, and its issue is gone",
                scene().moved_out(Side::Notion).gone(Side::Github),
                let_go(row(36)),
            ),
            (
                "the page, again",
                scene().moved_out(Side::Notion).life(Life::Detached),
                row(36),
            ),
            (
                "the issue, again",
                scene().moved_out(Side::Github).life(Life::Detached),
                row(35),
            ),
            (
                "an edit of what was let go",
                scene().edited(Side::Notion).life(Life::Detached),
                row(36),
            ),
        ]);
    }
}
