//! Effects where answers are spoiled: nothing panics or loops, no gate writes, and what a write
//! claims is there.

use std::sync::Arc;

use notion_sync_core::effect::{
    Close, Dispatch, Effect, EffectWrite, FirstFile, Gate, Merge, Note, NotePlace, OpenPull,
    ProjectField,
};
use notion_sync_core::remote::Remote as _;
use notion_sync_github::reference;
use serde_json::json;

use crate::effects_hands::{pull, rest, world};
use crate::effects_support::*;
use crate::hostile::Spoiler;
use crate::support::{REPO, REPO_ID, World, issue};

fn effects() -> Vec<Effect> {
    let names = |name: &str| [name.to_owned()].into();
    vec![
        Effect::OpenPull(OpenPull {
            reviewers: vec!["bob".to_owned()],
            file: Some(FirstFile {
                path: "docs/deep/x.md".to_owned(),
                text: "{title}".to_owned(),
            }),
            ..OpenPull::default()
        }),
        Effect::ConvertToDraft,
        Effect::Merge(Merge::default()),
        Effect::Merge(Merge {
            method: None,
            ready: true,
        }),
        Effect::Close(Close::default()),
        Effect::Comment(Note {
            text: "{title}".to_owned(),
            on: NotePlace::Pull,
        }),
        Effect::AddLabels(names("new")),
        Effect::SetMilestone("v1".to_owned()),
        Effect::SetAssignees(names("bob")),
        Effect::SetType("Bug".to_owned()),
        Effect::SetProjectField(ProjectField {
            project: "acme/1".to_owned(),
            field: "Status".to_owned(),
            value: "Done".to_owned(),
        }),
        Effect::Dispatch(Dispatch {
            workflow: "ship.yml".to_owned(),
            reference: None,
            inputs: [].into(),
        }),
    ]
}

/// Everything that a write could have changed.
fn state(world: &World) -> String {
    let hub = world.hub();
    let numbers = hub.issue_numbers(REPO).unwrap();
    let issues: Vec<_> = numbers.iter().map(|n| hub.issue(REPO, *n)).collect();
    format!(
        "{issues:?} {:?} {:?}",
        hub.branches(REPO).unwrap(),
        hub.dispatches(REPO).unwrap()
    )
}

#[tokio::test]
async fn spoiled_answers_claim_nothing() {
    let settings = json!({"protected_branches": {"main": {"required_checks": []}}});
    let (mut runs, mut opens, mut done) = (0, 0, 0);
    for seed in 1..=6_u64 {
        for after in [0, 2, 4, 7] {
            for effect in effects() {
                let world = world(&settings);
                rest(&world);
                let clean = world.issues();
                let spoiled = || {
                    let send = Spoiler::new(world.send(), after, seed);
                    world.issues_by(Arc::new(send))
                };
                let mut asked = request("k1", 1, effect.clone());
                if !matches!(effect, Effect::OpenPull(_)) {
                    asked = with_pull(asked, pull());
                }
                let before = state(&world);
                let gate = spoiled().gate(&asked).await;
                let known = [(issue(1), vec![pull()]), (issue(9), Vec::new())];
                let _ = spoiled().linked(&known).await;
                assert_eq!(before, state(&world), "{effect:?}");
                runs += 1;
                opens += u32::from(matches!(gate, Ok(Gate::Open(_))));
                // With what a clean gate decides, the write meets the spoiled answers.
                let write = match clean.gate(&asked).await.unwrap() {
                    Gate::Open(write) => write,
                    _ => EffectWrite {
                        request: asked.clone(),
                        pull: Some(pull()),
                        head: None,
                        decided: [
                            ("branch", "task/1-x"),
                            ("base", "main"),
                            ("action", "merge"),
                        ]
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                        .into(),
                    },
                };
                let outcome = send(&spoiled(), &write).await;
                let sent = world.now();
                let _ = spoiled().trace(&[effect_write(&write)], sent).await;
                let Ok(ack) = outcome else { continue };
                done += 1;
                if let Some(made) = ack.links.get("pull") {
                    let (_, number) = reference::parse_numbered(made).unwrap();
                    let seen = world.hub().issue(REPO, number);
                    assert_eq!(made, &reference::pull(REPO_ID, number));
                    assert!(seen.is_some_and(|seen| seen.pull.is_some()), "{made:?}");
                }
            }
        }
    }
    println!("{runs} gates, {opens} open; {done} writes said that they were done");
    assert!(runs == 288 && opens > 10 && done > 10, "{opens} {done}");
}
