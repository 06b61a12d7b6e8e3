//! One case for each rule.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use notion_sync_core::comment::{
    CommentSync, Comments, Conversation, MAX_PAIRS, PairState, Pending, Places, RemoteComment,
    Seen, Step, doubts, plan, text_hash,
};
use notion_sync_core::id::{OpId, Side};
use notion_sync_core::mapping::Direction;

use super::{comment, pair, place, reference, seen};

const N: Side = Side::Notion;
const G: Side = Side::Github;

fn talk(change: impl FnOnce(&mut notion_sync_core::comment::CommentPair)) -> Conversation {
    let mut one = pair("Hi", "Ada: Hi");
    change(&mut one);
    Conversation {
        pairs: vec![one],
        overflowed: false,
    }
}

fn steps(talk: &Conversation, seen: &Seen, settings: &CommentSync) -> Vec<String> {
    plan(talk, seen, settings, None)
        .iter()
        .map(|step| match step {
            Step::Post { side, comment } => format!("post {side} {}", comment.text),
            Step::Edit { comment, lost, .. } => format!("edit {} {lost:?}", comment.text),
            Step::Delete { lost, .. } => format!("delete {lost:?}"),
            Step::Mark { state, .. } => format!("{state:?}"),
            Step::Again { .. } => "again".to_owned(),
            Step::TooMany { left } => format!("too many {left}"),
        })
        .collect()
}

fn origin(text: &str) -> Vec<RemoteComment> {
    vec![comment(N, 1, text, false)]
}

fn mirror(text: &str) -> Vec<RemoteComment> {
    vec![comment(G, 1, text, true)]
}

#[test]
fn a_pair_is_decided_by_what_each_side_shows() {
    let both = CommentSync::default();
    let prefix = CommentSync {
        ignore_prefix: Some("//".to_owned()),
        ..CommentSync::default()
    };
    let gone = |mut seen: Seen, side: Side| {
        seen.take_direct(reference(side, 1), None);
        seen
    };
    let there = |mut seen: Seen, side: Side, text: &str| {
        seen.take_direct(reference(side, 1), Some(comment(side, 1, text, side == G)));
        seen
    };
    let live = || talk(|_| {});
    let in_state = |state: PairState| talk(|pair| pair.state = state);
    let cases: Vec<(&str, Conversation, Seen, &CommentSync, Vec<&str>)> = vec![
        (
            "nothing changed",
            live(),
            seen(origin("Hi"), mirror("Ada: Hi")),
            &both,
            vec![],
        ),
        (
            "the origin was edited",
            live(),
            seen(origin("Ho"), mirror("Ada: Hi")),
            &both,
            vec!["edit Ho None"],
        ),
        (
            "a person edited the mirror",
            live(),
            seen(origin("Hi"), mirror("Ada: Hi!")),
            &both,
            vec![],
        ),
        (
            "both were edited",
            live(),
            seen(origin("Ho"), mirror("Ada: Hi!")),
            &both,
            vec!["edit Ho Some(\"Ada: Hi!\")"],
        ),
        (
            "the origin vanished and nobody looked",
            live(),
            seen(vec![], mirror("Ada: Hi")),
            &both,
            vec![],
        ),
        (
            "the origin was deleted",
            live(),
            gone(seen(vec![], mirror("Ada: Hi")), N),
            &both,
            vec!["delete None"],
        ),
        (
            "the origin was deleted, the mirror edited",
            live(),
            gone(seen(vec![], mirror("mine")), N),
            &both,
            vec!["delete Some(\"mine\")"],
        ),
        (
            "the thread was resolved",
            live(),
            there(seen(vec![], mirror("Ada: Hi")), N, "Hi"),
            &both,
            vec!["Resolved"],
        ),
        (
            "it is still resolved",
            in_state(PairState::Resolved),
            seen(vec![], mirror("Ada: Hi")),
            &both,
            vec![],
        ),
        (
            "the thread was opened again",
            in_state(PairState::Resolved),
            seen(origin("Hi"), mirror("Ada: Hi")),
            &both,
            vec!["Live"],
        ),
        (
            "it was resolved and edited",
            live(),
            there(seen(vec![], mirror("Ada: Hi")), N, "Ho"),
            &both,
            vec!["Resolved", "edit Ho None"],
        ),
        (
            "a person removed the mirror",
            live(),
            gone(seen(origin("Hi"), vec![]), G),
            &both,
            vec!["Suppressed"],
        ),
        (
            "it is not made again",
            in_state(PairState::Suppressed),
            seen(origin("Ho"), vec![]),
            &both,
            vec![],
        ),
        (
            "its origin is deleted too",
            in_state(PairState::Suppressed),
            gone(seen(vec![], vec![]), N),
            &both,
            vec!["Deleted"],
        ),
        (
            "both were deleted",
            live(),
            gone(gone(seen(vec![], vec![]), N), G),
            &both,
            vec!["Deleted"],
        ),
        (
            "a stale listing shows it",
            in_state(PairState::Deleted),
            seen(origin("Hi"), mirror("Ada: Hi")),
            &both,
            vec![],
        ),
        (
            "the prefix was added",
            live(),
            seen(origin("// Ho"), mirror("Ada: Hi")),
            &prefix,
            vec![],
        ),
        (
            "and taken away",
            live(),
            seen(origin("Ho"), mirror("Ada: Hi")),
            &prefix,
            vec!["edit Ho None"],
        ),
        (
            "a listing lags behind",
            live(),
            there(seen(origin("Hi"), vec![]), G, "Ada: Hi"),
            &both,
            vec![],
        ),
        (
            "the write was given up",
            talk(|pair| pair.mirror = None),
            seen(origin("Hi"), vec![]),
            &both,
            vec!["post Notion Hi"],
        ),
    ];
    for (name, talk, seen, settings, want) in cases {
        assert_eq!(steps(&talk, &seen, settings), want, "{name}");
    }
}

#[test]
fn one_write_at_a_time() {
    let pending = |text: Option<&str>| {
        talk(|pair| {
            pair.pending = Some(Pending {
                op: OpId::from("op"),
                text: text.map(text_hash),
            });
        })
    };
    let both = CommentSync::default();
    let same = seen(origin("Ho"), mirror("Ada: Hi"));
    assert!(steps(&pending(Some("Ho")), &same, &both).is_empty());
    let other = seen(origin("Hu"), mirror("Ada: Hi"));
    assert_eq!(steps(&pending(Some("Ho")), &other, &both), ["again"]);
    let mut gone = seen(vec![], mirror("Ada: Hi"));
    gone.take_direct(reference(N, 1), None);
    assert_eq!(steps(&pending(Some("Ho")), &gone, &both), ["again"]);
    assert!(steps(&pending(None), &gone, &both).is_empty());
    let mut talk = pending(Some("Ho"));
    let places = Places {
        notion: place(N),
        github: place(G),
    };
    for step in plan(&talk, &other, &both, None) {
        talk.begin(&step, None, &places);
    }
    assert!(steps(&talk, &other, &both).is_empty(), "said once");
    assert_eq!(talk.done(&OpId::from("op"), None, None), Some(true));
    assert_eq!(talk.done(&OpId::from("op"), None, None), None);
}

#[test]
fn new_comments_follow_unless_something_keeps_them() {
    let none = Conversation::default();
    let at = |text: &str| text.parse::<DateTime<Utc>>().ok();
    let dated = |id: u32, time: &str| RemoteComment {
        created_at: at(time),
        ..comment(N, id, &format!("c{id}"), false)
    };
    let items = vec![
        dated(9, "2026-11-21T09:00:00Z"),
        dated(2, "2026-11-21T10:00:00Z"),
        dated(1, "2026-11-21T11:00:00Z"),
        comment(N, 3, "// mine", false),
        comment(N, 4, "ours", true),
    ];
    let github = vec![comment(G, 5, "issue", false)];
    let seen = seen(items, github);
    let text = |settings: &CommentSync, since: &str| -> Vec<String> {
        plan(&none, &seen, settings, at(since))
            .into_iter()
            .filter_map(|step| match step {
                Step::Post { comment, .. } => Some(comment.text),
                _ => None,
            })
            .collect()
    };
    let mut settings = CommentSync {
        ignore_prefix: Some("//".to_owned()),
        ..CommentSync::default()
    };
    // What was written in the minute in which comments began to follow may be new.
    assert_eq!(
        text(&settings, "2026-11-21T10:00:59Z"),
        ["issue", "c2", "c1"]
    );
    assert_eq!(text(&settings, "2026-11-21T10:01:00Z"), ["issue", "c1"]);
    settings.backfill = true;
    assert_eq!(
        text(&settings, "2026-11-21T10:01:00Z"),
        ["issue", "c9", "c2", "c1"]
    );
    settings.direction = Direction::ToGithub;
    assert_eq!(text(&settings, "2026-11-21T10:01:00Z"), ["c9", "c2", "c1"]);
    settings.direction = Direction::ToNotion;
    assert_eq!(text(&settings, "2026-11-21T10:01:00Z"), ["issue"]);
}

#[test]
fn too_many_are_reported_once() {
    let many = u32::try_from(MAX_PAIRS).unwrap() + 3;
    let items = (0..many).map(|id| comment(N, id, "x", false)).collect();
    let seen = seen(items, vec![]);
    let settings = CommentSync::default();
    let mut talk = Conversation::default();
    let places = Places {
        notion: place(N),
        github: place(G),
    };
    let planned = plan(&talk, &seen, &settings, None);
    assert_eq!(planned.len(), MAX_PAIRS + 1);
    assert_eq!(planned[0], Step::TooMany { left: 3 });
    for (number, step) in planned.iter().enumerate() {
        let op = OpId::new(format!("op{number}"));
        talk.begin(step, Some(&op), &places);
        talk.done(
            &op,
            Some(&reference(G, u32::try_from(number).unwrap())),
            None,
        );
    }
    let again: Vec<Step> = plan(&talk, &seen, &settings, None)
        .into_iter()
        .filter(|step| !matches!(step, Step::Mark { .. }))
        .collect();
    assert_eq!(again, []);
    let size = serde_json::to_vec(&talk).unwrap().len();
    assert!(size < 1_500_000, "{size}");
}

#[test]
fn only_doubtful_comments_are_read_by_themselves() {
    let none = BTreeSet::new();
    let live = talk(|_| {});
    let resolved = talk(|pair| pair.state = PairState::Resolved);
    let full = seen(origin("Hi"), mirror("Ada: Hi"));
    assert!(doubts(&live, &full, &none, true).is_empty());
    let hidden = seen(vec![], mirror("Ada: Hi"));
    assert_eq!(doubts(&live, &hidden, &none, false), [(N, reference(N, 1))]);
    assert!(doubts(&resolved, &hidden, &none, false).is_empty());
    assert_eq!(
        doubts(&resolved, &hidden, &none, true),
        [(N, reference(N, 1))]
    );
    let named = BTreeSet::from([reference(N, 1)]);
    assert_eq!(
        doubts(&resolved, &hidden, &named, false),
        [(N, reference(N, 1))]
    );
    // A list that ended early proves no absence.
    let mut cut = Seen::default();
    cut.take(N, &place(N), Comments::default());
    cut.take(G, &place(G), Comments::default());
    assert!(doubts(&live, &cut, &none, true).is_empty());
    // The mirror is in a resolved thread, and its origin changed.
    let turned = talk(|pair| {
        pair.side = G;
        pair.state = PairState::Resolved;
        std::mem::swap(&mut pair.place, &mut pair.target);
        pair.mirror = Some(std::mem::replace(&mut pair.origin, reference(G, 1)));
    });
    let edited = seen(vec![], vec![comment(G, 1, "Ho", false)]);
    assert_eq!(
        doubts(&turned, &edited, &none, false),
        [(N, reference(N, 1))]
    );
    let same = seen(vec![], vec![comment(G, 1, "Hi", false)]);
    assert!(doubts(&turned, &same, &none, false).is_empty());
}

#[test]
fn what_is_out_of_date_again_and_again_is_left_alone() {
    let mut talk = Conversation::default();
    let seen = seen(origin("Hi"), vec![]);
    let settings = CommentSync::default();
    let places = Places {
        notion: place(N),
        github: place(G),
    };
    let op = OpId::from("op");
    let mut writes = 0;
    while let [step] = plan(&talk, &seen, &settings, None).as_slice() {
        writes += 1;
        talk.begin(step, Some(&op), &places);
        talk.given_up(&op);
        assert!(writes < 20);
    }
    assert_eq!(writes, 5);
    assert_eq!(talk.pairs[0].state, PairState::Suppressed);
}
