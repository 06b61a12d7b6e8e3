//! Worlds in which everybody works on one page and on its file or issue: the same few blocks and values, seconds
//! after each other and after the engine, which reads the page from a replica that is behind.

use notion_sync_core::id::Side;
use notion_sync_core::mapping::Policy;
use notion_sync_testkit::simulation::Stream;

use super::deed::{Deed, Writer};
use super::script::{Knobs, Step};
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
        step.wait = u32::try_from(random.below(most)).unwrap_or(0);
        step.acts = (0..=random.below(4)).map(|_| writer.act_near()).collect();
        for hook in &mut step.hooks {
            hook.act = writer.act_near();
        }
        if random.chance(50) {
            step.pause = Some(u32::try_from(random.below(40)).unwrap_or(0));
        }
    }
    // First everything gets its counterpart, and one page is chosen among those that have one.
    let mut first = calm(&mut random);
    first.acts = (0..2)
        .map(|pick| writer.act_of(Side::Github, Deed::MergePull, pick))
        .collect();
    steps.splice(0..0, [calm(&mut random), first]);
    if random.chance(25) && steps.len() > 1 {
        let policies = [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins];
        let at = 1 + usize::try_from(random.below(steps.len() as u64 - 1)).unwrap_or(0);
        let policy = *random.of(&policies);
        if let Some(step) = steps.get_mut(at) {
            step.upsets.push(Upset::Policy(policy));
        }
    }
}

/// A stretch of time in which nothing fails.
fn calm(random: &mut Stream) -> Step {
    let wait = u32::try_from(random.below(90)).unwrap_or(0);
    vignette::step(wait, Vec::new(), 2)
}
