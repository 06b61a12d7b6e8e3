//! Short scenes at the end of a seed, each around one rule that chance alone seldom puts to the test:
//! an edit within the minute of the last one, an object whose making nobody heard of, an edit of what
//! is about to be removed.

use notion_sync_core::id::Side;
use notion_sync_testkit::simulation::{Harm, Stream, Strike};

use super::deed::{Act, Deed, Writer};
use super::script::{Knobs, Step};

/// A scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vignette {
    /// Somebody edits a page, and once more when it was just carried over.
    Haste,
    /// An object is made, nobody hears of it, and it comes late or stays hidden for a while.
    LostCreate,
    /// A comment is written, and nobody hears of it.
    LostComment,
    /// Somebody edits what the engine has just decided to remove.
    Ambush,
    /// Everything is listed while what was just made is still hidden.
    Hidden,
    /// Somebody writes a moment that the other side does not store to the last digit.
    Exact,
}

const ALL: [Vignette; 6] = [
    Vignette::Haste,
    Vignette::LostCreate,
    Vignette::LostComment,
    Vignette::Ambush,
    Vignette::Hidden,
    Vignette::Exact,
];

/// How late Notion commits what nobody waits for, in these scenes, in seconds.
const LATE: u32 = 60;
/// How long queries hide what is new: below the overlap of two listings, so that it is still seen.
const LAG: u32 = 200;

/// The first writes of a tick are applied, and nobody hears of it.
fn unheard() -> Vec<Strike> {
    let strike = |at| Strike {
        at,
        writes: true,
        harm: Harm::DropAfter,
    };
    (0..3).map(strike).collect()
}

/// A stretch of time in which nothing fails.
pub(super) fn step(wait: u32, acts: Vec<Act>, ticks: u32) -> Step {
    Step {
        wait,
        sharp: false,
        acts,
        ticks,
        pause: None,
        full: false,
        strikes: Vec::new(),
        hooks: Vec::new(),
        broken_commit: None,
        crash: None,
        ambush: None,
        squally: false,
        upsets: Vec::new(),
        polls: true,
    }
}

/// Adds a scene to every second seed: somebody renames something, and once more within the same minute,
/// after it was carried over and everything that this moved was looked at again.
pub(super) fn add_minute(seed: u64, knobs: &Knobs, writer: &mut Writer, steps: &mut Vec<Step>) {
    let mut random = Stream::new(seed, "minute");
    if !random.chance(50) {
        return;
    }
    let pick = random.number();
    let wait = u32::try_from(300 + random.below(600)).unwrap_or(300);
    // Nothing is under way any more that would make the engine look.
    steps.push(step(wait, Vec::new(), 4));
    let mut first = step(
        wait,
        vec![writer.act_of(Side::Notion, Deed::RenamePage, pick)],
        3,
    );
    first.sharp = true;
    first.pause = Some(3);
    steps.push(first);
    // A request may take most of a second.
    let again = if knobs.latency > 300 { 1 } else { 5 };
    steps.push(step(
        again,
        vec![writer.act_of(Side::Notion, Deed::RenamePage, pick)],
        0,
    ));
}

/// Objects are made at the beginning, nobody hears of it, and it is looked for while they are hidden; after that
/// everything is listed. Sometimes people go on working meanwhile.
pub(super) fn add_unheard(random: &mut Stream, writer: &mut Writer, steps: &mut Vec<Step>) {
    let pick = random.number();
    let made = [
        (Side::Github, Deed::NewObject),
        (Side::Notion, Deed::NewPage),
    ];
    let made = made.map(|(side, deed)| writer.act_of(side, deed, pick));
    let mut first = step(300, made.to_vec(), 2);
    first.strikes = unheard();
    let edited = [
        (Side::Notion, Deed::EditBlock),
        (Side::Notion, Deed::SetTags),
        (Side::Github, Deed::EditLine),
        (Side::Github, Deed::Comment),
    ];
    let edited = if random.chance(50) {
        let some = (0..4).map(|_| {
            let (side, deed) = *random.of(&edited);
            writer.act_of(side, deed, random.number())
        });
        some.collect()
    } else {
        Vec::new()
    };
    let again = step(1_080, edited, 4);
    let mut listed = step(3_700, Vec::new(), 3);
    listed.full = true;
    steps.splice(0..0, [first, again, listed]);
}

/// Adds the scene of a seed to its script. A third of the seeds have none.
pub(super) fn add(seed: u64, knobs: &mut Knobs, writer: &mut Writer, steps: &mut Vec<Step>) {
    let mut random = Stream::new(seed, "vignette");
    let Some(vignette) = usize::try_from(random.below(9))
        .ok()
        .and_then(|at| ALL.get(at))
    else {
        return;
    };
    let pick = random.number();
    let wait = u32::try_from(300 + random.below(600)).unwrap_or(300);
    let mut act = |side, deed| writer.act_of(side, deed, pick);
    let new = |act: &mut dyn FnMut(Side, Deed) -> Act| act(Side::Github, Deed::NewObject);
    match vignette {
        Vignette::Haste => {
            // A page whose file is only proposed waits for a person, whatever is missed.
            let merged = if knobs.documents.is_some() {
                (0..3).map(|_| act(Side::Github, Deed::MergePull)).collect()
            } else {
                Vec::new()
            };
            steps.push(step(wait, merged, 3));
            // Three ticks: what was carried over is noted on the page, and that is looked at again.
            // A title can always be changed, whatever the page holds.
            steps.push(step(wait, vec![act(Side::Notion, Deed::RenamePage)], 3));
            steps.push(step(1, vec![act(Side::Notion, Deed::RenamePage)], 1));
        }
        Vignette::LostCreate => {
            knobs.late = LATE;
            knobs.lag = *random.of(&[0, LAG]);
            let mut first = step(wait, vec![new(&mut act)], 4);
            first.strikes = unheard();
            steps.push(first);
        }
        Vignette::LostComment => {
            knobs.comments = knobs.tasks.is_some();
            steps.push(step(wait, Vec::new(), 3));
            let acts = vec![
                act(Side::Github, Deed::Comment),
                act(Side::Notion, Deed::CommentPage),
            ];
            let mut first = step(wait, acts, 3);
            first.strikes = unheard();
            steps.push(first);
        }
        Vignette::Ambush => {
            let deed = if knobs.documents.is_some() {
                act(Side::Github, Deed::DeleteFile)
            } else {
                act(Side::Notion, Deed::TrashPage)
            };
            // Everything else comes to rest first: then the removal is all that there is to do.
            steps.push(step(wait, Vec::new(), 3));
            // A page in the trash is seen by a listing of everything alone.
            let mut first = step(wait, vec![deed], 4);
            first.full = true;
            first.ambush = Some(act(Side::Notion, Deed::EditBlock));
            steps.push(first);
        }
        Vignette::Hidden => {
            knobs.lag = LAG;
            steps.push(step(wait, vec![new(&mut act)], 1));
            let mut listed = step(1, Vec::new(), 2);
            listed.full = true;
            steps.push(listed);
        }
        Vignette::Exact => {
            // What was stored is looked at once more, when its minute is over, before the next edit.
            for _ in 0..2 {
                steps.push(step(wait, vec![act(Side::Github, Deed::FrontReviewed)], 2));
                steps.push(step(wait, Vec::new(), 2));
            }
        }
    }
}
