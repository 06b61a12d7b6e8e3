//! What is done about a record as a whole: what registry and marks say of it, and what has no partner.

use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::reconcile::table::Identity;
use notion_sync_core::reconcile::{Decision, Plan, Step, page_hash};
use notion_sync_core::record::{Life, ProposalState};
use notion_sync_core::remote::ProposalKind;

use super::answer::{all, row};
use super::scene::{Scene, proposal};

fn known_as(identity: Identity, scene: Scene) -> Scene {
    scene.with(|scene| scene.identity = identity)
}

fn both_new(identity: Identity) -> Scene {
    known_as(
        identity,
        Scene::task().unknown(Side::Notion).unknown(Side::Github),
    )
}

#[test]
fn what_registry_and_marks_say_decides_first() {
    let unsure = "contradict the registry";
    let foreign = Scene::task().gone(Side::Github).with(|scene| {
        scene.pair.record.notion = Some(RemoteRef::new("notion", "page", "4567"));
    });
    let newer = |scene: Scene| known_as(Identity::Newer, scene);
    all(vec![
        (
            "an object of two records",
            known_as(Identity::DoubleClaim, Scene::task()),
            row(6)
                .waits("claimed twice")
                .drifts("claimed by two records"),
        ),
        (
            "marks that name other objects",
            known_as(Identity::Contradiction, Scene::task()),
            row(44).waits(unsure).drifts("different counterparts"),
        ),
        (
            "another page than the registry knows, and its issue is gone",
            foreign,
            row(44).waits(unsure).drifts("different counterparts"),
        ),
        (
            "a mark of a newer version",
            newer(Scene::task()),
            row(50)
                .waits("newer version wrote the mark")
                .tells("update this one"),
        ),
        (
            "a mark of a newer version, whatever else happened",
            newer(Scene::task().edited(Side::Notion).gone(Side::Github)),
            row(50)
                .waits("newer version wrote the mark")
                .tells("update this one"),
        ),
        (
            "a copy of a file",
            known_as(Identity::Copy, Scene::page().absent(Side::Notion)),
            row(33)
                .waits("copy of a mapped file")
                .tells("remove `notion_page_id`"),
        ),
        (
            "a copy of a page",
            known_as(Identity::Copy, Scene::page().absent(Side::Github)),
            row(34).does(Step::Unmark(Side::Notion)),
        ),
        (
            "both new, and their marks name each other",
            both_new(Identity::MutualMarkers),
            row(3).does(Step::Adopt),
        ),
        (
            "both new, and one of them has a mark",
            both_new(Identity::OneMarker),
            row(5).does(Step::Adopt),
        ),
        (
            "both new, of the same title",
            both_new(Identity::SameKey),
            row(4)
                .waits("notion-sync link")
                .tells("adopt_by_key = true"),
        ),
        (
            "both new, of the same title, where that is enough",
            both_new(Identity::SameKey).with(|scene| scene.pair.mapping.adopt_by_key = true),
            row(4).does(Step::Adopt),
        ),
        (
            "a buried pair that is back, and its marks name each other",
            known_as(Identity::MutualMarkers, Scene::task().life(Life::Tombstone)),
            row(43).does(Step::Adopt),
        ),
    ]);
}

#[test]
fn marks_that_name_each_other_do_not_keep_a_live_pair_from_being_decided() {
    let pair = known_as(Identity::MutualMarkers, Scene::task());
    assert_eq!(pair.plan(), Plan::default());
    let gone = known_as(Identity::MutualMarkers, Scene::task().gone(Side::Notion));
    row(18)
        .does(Step::Remove(Side::Github))
        .of("the page is gone", &gone);
}

#[test]
fn nothing_is_done_while_a_write_has_no_known_outcome() {
    for scene in [
        Scene::task(),
        Scene::task().edited(Side::Notion),
        Scene::task().gone(Side::Notion),
    ] {
        let sent = scene.with(|scene| scene.unresolved = true);
        row(40)
            .waits("unknown outcome")
            .of("a write was sent", &sent);
    }
}

#[test]
fn content_without_a_partner_gets_one() {
    let file = Scene::page().absent(Side::Notion);
    all(vec![
        (
            "a new page of tasks",
            Scene::task().absent(Side::Github),
            row(1).does(Step::Create(Side::Github)),
        ),
        (
            "a new issue",
            Scene::task().absent(Side::Notion),
            row(2).does(Step::Create(Side::Notion)),
        ),
        ("a new file", file, row(2).does(Step::Create(Side::Notion))),
        (
            "a new page of documents",
            Scene::page().absent(Side::Github),
            row(52).does(Step::Propose(ProposalKind::Create, None)),
        ),
    ]);
}

/// A page whose file was proposed as the page reads now.
fn file_proposed(state: ProposalState) -> Scene {
    Scene::page().absent(Side::Github).with(|scene| {
        let mut known = proposal(ProposalKind::Create, state);
        known.value = page_hash(scene.view(Side::Notion));
        scene.pair.record.proposal = Some(known);
    })
}

#[test]
fn the_proposal_of_a_file_follows_its_page() {
    let waits = row(52).waits("proposed in a pull request");
    let again = row(52).does(Step::Propose(ProposalKind::Create, None));
    let open = || file_proposed(ProposalState::Open);
    let edited = |scene: Scene| scene.edited(Side::Notion);
    let planned = file_proposed(ProposalState::Planned);
    all(vec![
        ("nothing moved", open(), waits.clone()),
        ("the page moved on", edited(open()), again),
        (
            "not settled yet",
            edited(open()).unsettled(Side::Notion),
            waits.clone(),
        ),
        ("not open yet", edited(planned), waits),
        (
            "back to what was refused",
            edited(open()).with(|scene| {
                let now = page_hash(scene.view(Side::Notion));
                scene.pair.record.refused.push(now);
            }),
            row(52)
                .does(Step::Withdraw(
                    "what the page says was proposed and refused".to_owned(),
                ))
                .waits("proposed and refused"),
        ),
    ]);
}

#[test]
fn what_was_refused_is_proposed_again_once_the_page_says_something_else() {
    let waits = row(54).waits("a new edit or `retry` proposes again");
    let again = row(54).does(Step::Propose(ProposalKind::Create, None));
    let refused = || {
        file_proposed(ProposalState::Refused).with(|scene| {
            let said = page_hash(scene.view(Side::Notion));
            scene.pair.record.refused.push(said);
        })
    };
    let unremembered = file_proposed(ProposalState::Refused);
    let edited = |scene: Scene| scene.edited(Side::Notion);
    all(vec![
        ("the same", refused(), waits.clone()),
        ("a new edit", edited(refused()), again),
        (
            "not settled yet",
            edited(refused()).unsettled(Side::Notion),
            waits.clone(),
        ),
        (
            "nothing is remembered as refused",
            edited(unremembered),
            waits,
        ),
    ]);
}

#[test]
fn a_decision_is_kept_with_its_doubts_and_without_any_where_there_are_none() {
    let json = |scene: &Scene| {
        let kept = scene.kept();
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), kept);
        text
    };
    let sure = Scene::task().gone(Side::Notion);
    assert!(!json(&sure).contains("\"doubts\""));
    let unsure = sure.with(|scene| scene.doubts.notion = true);
    assert!(json(&unsure).contains("\"doubts\""));
    assert!(unsure.kept().replay().same);
    assert_eq!(unsure.kept().replay().plan.steps, []);
}
