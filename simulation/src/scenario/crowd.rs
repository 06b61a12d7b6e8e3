//! Worlds in which everybody works on one page and on its file or issue: the same few blocks and values, seconds
//! after each other and after the engine, which reads the page from a replica that is behind.

use notion_sync_core::id::Side;
use notion_sync_core::mapping::Policy;
use notion_sync_testkit::simulation::{Crash, Harm, Stream, Strike};

use super::deed::{Deed, Writer};
use super::script::{Hook, Knobs, Step};
use super::upset::Upset;
use super::vignette;

/// Furthest that a direct read is behind, in seconds: the bound for closed minutes leaves 60 of its 90 for that.
const BEHIND: [u32; 4] = [0, 20, 45, 60];

/// Makes the steps of a seed those of a crowd.
pub(super) fn add(seed: u64, knobs: &mut Knobs, writer: &mut Writer, steps: &mut Vec<Step>) {
    // A stream of its own: nothing else depends on it.
    let mut random = Stream::new(seed, "crowd");
    knobs.near = Some(random.below(8));
    knobs.behind = *random.of(&BEHIND);
    let more = usize::try_from(random.below(4)).unwrap_or(0);
    for at in 0..more {
        let again = steps.get(at).cloned();
        steps.extend(again);
    }
    for step in steps.iter_mut() {
        let most = *random.of(&[10, 40, 90, 200]);
        step.wait = seconds(&mut random, most);
        step.acts = (0..=random.below(4)).map(|_| writer.act_near()).collect();
        for hook in &mut step.hooks {
            hook.act = writer.act_near();
        }
        if random.chance(50) {
            step.pause = Some(seconds(&mut random, 40));
        }
    }
    for _ in 0..random.below(3) {
        scene(&mut random, knobs, writer, steps);
    }
    // First everything gets its counterpart, and one page is chosen among those that have one.
    let mut first = calm(&mut random);
    first.acts = (0..2)
        .map(|pick| writer.act_of(Side::Github, Deed::MergePull, pick))
        .collect();
    let mut begun = vec![calm(&mut random), first];
    if random.chance(25) {
        // Somebody edits a file before it was ever compared with its page.
        begun[1].ticks = 1;
        let deed = *random.of(&[Deed::EditLine, Deed::Retitle, Deed::FrontOwner]);
        let act = writer.act_of(Side::Github, deed, random.number());
        begun.push(vignette::step(1 + seconds(&mut random, 10), vec![act], 2));
    }
    if random.chance(30) {
        // Nobody has edited the page yet.
        half(&mut random, writer, &mut begun);
    }
    steps.splice(0..0, begun);
    if random.chance(25) && steps.len() > 1 {
        let policies = [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins];
        let at = 1 + usize::try_from(random.below(steps.len() as u64 - 1)).unwrap_or(0);
        let policy = *random.of(&policies);
        if let Some(step) = steps.get_mut(at) {
            step.upsets.push(Upset::Policy(policy));
        }
    }
}

/// What people do on both sides at a time, to what both sides have.
const PAIRS: [(Deed, Deed); 6] = [
    (Deed::EditBlock, Deed::EditLine),
    (Deed::ExtendBlock, Deed::ExtendLine),
    (Deed::AddTag, Deed::AddLabel),
    (Deed::SetStatus, Deed::CloseIssue),
    (Deed::RenamePage, Deed::Retitle),
    (Deed::SetOwner, Deed::FrontOwner),
];

/// Adds one of the scenes in which a rule is put to the test that chance alone seldom does.
fn scene(random: &mut Stream, knobs: &Knobs, writer: &mut Writer, steps: &mut Vec<Step>) {
    match random.below(6) {
        0 => minute(random, writer, steps),
        1 => halves(random, writer, steps),
        2 => refused(random, writer, steps),
        4 => struck(random, writer, steps),
        3 if knobs.tasks.is_some() => {
            let named = [(Side::Notion, Deed::NewPage), (Side::Github, Deed::NewTwin)];
            let acts = named.map(|(side, deed)| writer.act_of(side, deed, TASK));
            steps.push(vignette::step(seconds(random, 90), acts.to_vec(), 2));
        }
        _ => decided(random, writer, steps),
    }
}

/// A pick that is about tasks where both are mapped.
const TASK: u64 = 0;

fn seconds(random: &mut Stream, below: u64) -> u32 {
    u32::try_from(random.below(below)).unwrap_or(0)
}

/// One side is edited right after the other, and everything is looked at again before that minute is over.
fn minute(random: &mut Stream, writer: &mut Writer, steps: &mut Vec<Step>) {
    for _ in 0..=random.below(2) {
        let (on_page, beside) = *random.of(&PAIRS);
        let mut sides = [(Side::Notion, on_page), (Side::Github, beside)];
        if random.chance(50) {
            sides.reverse();
        }
        let pick = random.number();
        for (side, deed) in sides {
            let act = writer.act_of(side, deed, pick);
            steps.push(vignette::step(1 + seconds(random, 14), vec![act], 1));
        }
        let mut again = vignette::step(1 + seconds(random, 20), Vec::new(), 3);
        again.pause = Some(1 + seconds(random, 15));
        steps.push(again);
    }
}

/// Both sides are edited, of the writes that follow not all are done, and people go on.
fn halves(random: &mut Stream, writer: &mut Writer, steps: &mut Vec<Step>) {
    let (on_page, beside) = *random.of(&PAIRS);
    let (pick, other) = (random.number(), random.number());
    let acts = vec![
        writer.act_of(Side::Notion, on_page, pick),
        writer.act_of(Side::Github, beside, other),
    ];
    let mut first = vignette::step(100 + seconds(random, 100), acts, 1);
    let at = seconds(random, 4);
    match random.below(4) {
        0 => {
            first.crash = Some(Crash {
                at,
                writes: true,
                after: random.chance(50),
            });
        }
        1 => {
            // Somebody is faster.
            let (side, deed) = match random.chance(50) {
                true => (Side::Notion, on_page),
                false => (Side::Github, beside),
            };
            first.hooks.push(Hook {
                at,
                writes: true,
                aimed: true,
                act: writer.act_of(side, deed, pick),
            });
        }
        harm => first.strikes.push(Strike {
            at,
            writes: true,
            harm: match harm {
                2 => Harm::DropBefore,
                _ => Harm::Limit(40),
            },
        }),
    }
    steps.push(first);
    let mut acts = Vec::new();
    if random.chance(50) {
        acts.push(writer.act_of(Side::Notion, on_page, pick));
    }
    if random.chance(50) {
        acts.push(writer.act_of(Side::Github, beside, other));
    }
    let mut again = vignette::step(1 + seconds(random, 90), acts, 2);
    again.pause = Some(1 + seconds(random, 30));
    steps.push(again);
}

/// A file or issue is edited in several places, only some of it gets to the page, and it is edited on.
fn half(random: &mut Stream, writer: &mut Writer, steps: &mut Vec<Step>) {
    // One after another, and more than there are.
    let places: Vec<u64> = (0..4).map(|at| at * 7 + 1).collect();
    let mut edits = || {
        let deed = *random.of(&[Deed::EditLine, Deed::ExtendLine]);
        (places
            .iter()
            .map(|pick| writer.act_of(Side::Github, deed, *pick)))
        .collect()
    };
    let (first, again) = (edits(), edits());
    let mut first = vignette::step(100 + seconds(random, 60), first, 1);
    first.strikes.push(Strike {
        at: seconds(random, 5),
        writes: true,
        harm: *random.of(&[Harm::DropBefore, Harm::DropAfter, Harm::Limit(40)]),
    });
    steps.push(first);
    steps.push(vignette::step(1 + seconds(random, 60), again, 3));
}

/// Calls of services and the store in a run that has one page to deal with.
const CALLS: u64 = 60;

/// Somebody edits, and the process dies anywhere while it deals with that.
fn struck(random: &mut Stream, writer: &mut Writer, steps: &mut Vec<Step>) {
    let pick = random.number();
    let (on_page, beside) = *random.of(&PAIRS);
    let (side, deed) = *random.of(&[
        (Side::Notion, on_page),
        (Side::Github, beside),
        (Side::Notion, Deed::SetStatus),
    ]);
    // What was said before is dealt with, and the minute of the page is over, when the process dies.
    steps.push(vignette::step(100, Vec::new(), 2));
    steps.push(vignette::step(
        60 + seconds(random, 60),
        vec![writer.act_of(side, deed, pick)],
        0,
    ));
    let mut dies = vignette::step(150 + seconds(random, 60), Vec::new(), 1);
    dies.crash = Some(Crash {
        at: seconds(random, CALLS),
        writes: false,
        after: true,
    });
    steps.push(dies);
}

/// What is proposed is refused, and looked at again.
fn refused(random: &mut Stream, writer: &mut Writer, steps: &mut Vec<Step>) {
    let (side, deed) = *random.of(&[
        (Side::Notion, Deed::NewPage),
        (Side::Notion, Deed::TrashPage),
        (Side::Notion, Deed::EditBlock),
    ]);
    let pick = random.number();
    let mut acts = vec![writer.act_of(side, deed, pick)];
    if deed == Deed::EditBlock {
        acts.push(writer.act_of(Side::Github, Deed::EditLine, pick));
    }
    let mut first = vignette::step(100 + seconds(random, 60), acts, 3);
    first.full = true;
    steps.push(first);
    let close = |writer: &mut Writer, pick| writer.act_of(Side::Github, Deed::ClosePull, pick);
    let acts = (0..3).map(|pick| close(writer, pick)).collect();
    steps.push(vignette::step(100 + seconds(random, 60), acts, 3));
}

/// Both sides say something else in one place, somebody merges the answer, and another one edits while it is carried
/// over, or it is not carried over at once.
fn decided(random: &mut Stream, writer: &mut Writer, steps: &mut Vec<Step>) {
    let pick = random.number();
    let acts = vec![
        writer.act_of(Side::Notion, Deed::EditBlock, pick),
        writer.act_of(Side::Github, Deed::EditLine, pick),
    ];
    steps.push(vignette::step(100 + seconds(random, 60), acts, 3));
    if random.chance(50) {
        let act = writer.act_of(Side::Notion, Deed::EditBlock, pick);
        steps.push(vignette::step(seconds(random, 100), vec![act], 0));
    }
    let merges = (0..2).map(|pick| writer.act_of(Side::Github, Deed::MergePull, pick));
    let mut merged = vignette::step(seconds(random, 100), merges.collect(), 1);
    let at = seconds(random, 3);
    match random.below(3) {
        0 => merged.strikes.push(Strike {
            at,
            writes: true,
            harm: Harm::Limit(40),
        }),
        1 => {
            merged.crash = Some(Crash {
                at,
                writes: true,
                after: random.chance(50),
            });
        }
        _ => {}
    }
    steps.push(merged);
    let act = match random.chance(50) {
        true => writer.act_of(Side::Notion, Deed::EditBlock, pick),
        false => writer.act_of(Side::Github, Deed::EditLine, pick),
    };
    steps.push(vignette::step(seconds(random, 60), vec![act], 3));
}

/// A stretch of time in which nothing fails.
fn calm(random: &mut Stream) -> Step {
    let wait = seconds(random, 90);
    vignette::step(wait, Vec::new(), 2)
}
