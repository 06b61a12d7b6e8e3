//! What else than the services fails in worlds of the kind `surroundings`, as the seed says it: the clock of the
//! process, its disk, the schema of a table, webhooks, tokens and what they may see, the configuration, and the store,
//! which a backup is put back for.

use notion_sync_core::id::Side;
use notion_sync_core::mapping::Policy;
use notion_sync_testkit::simulation::Stream;
use notion_sync_testkit::webhook::Trouble;

use super::script::{Knobs, Step};

/// Furthest that the clock of a process is behind or ahead, and jumps ahead, in seconds: what remains then of the wait
/// for what listings hide is longer than they hide it.
const FURTHEST: i32 = 600;

/// Something that fails, or is changed, at the beginning of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upset {
    /// The clock of the process is off by so many seconds from now on.
    Clock(i32),
    /// The disk is full: this commit of the first tick fails, and each after it.
    FullDisk(u32),
    /// A backup of the store is made.
    BackUp,
    /// The process ends, and the last backup is put back.
    Restore,
    /// Somebody gives a mapped property another name, or its old one again.
    Rename,
    /// Somebody adds a property that is not mapped, or takes it away again.
    Spare,
    /// Somebody who knows the token for events names objects that do not exist.
    Forged(u32),
    /// Until the next step a side takes the token for expired: 401.
    Locked(Side),
    /// Until the next step a side shows the token nothing, as it does one of another account: 404.
    Hidden(Side),
    /// Somebody takes the tables away from the connection, or gives them back.
    Unshare,
    /// Somebody gives a mapped property another type, or its old one again.
    Retype,
    /// Another policy is written down, and the process started anew.
    Policy(Policy),
}

/// What webhooks suffer in a world.
fn trouble(random: &mut Stream) -> Trouble {
    let share = |random: &mut Stream| u32::try_from(*random.of(&[0, 100, 500, 1_000])).unwrap_or(0);
    Trouble {
        lost: share(random).min(500),
        doubled: share(random),
        reordered: random.chance(60),
        late: share(random).min(500),
    }
}

/// Adds to the script of a seed what fails besides the services. Each kind is off in a third of the seeds, and none
/// is about in the last quarter of the steps.
pub(super) fn add(seed: u64, knobs: &mut Knobs, steps: &mut [Step]) {
    // A stream of its own: nothing else depends on it.
    let mut guard = Stream::new(seed, "guard");
    knobs.guard = guard.chance(50).then(|| *guard.of(&[0, 0, 1]));
    let mut random = Stream::new(seed, "surroundings");
    let mask: Vec<bool> = (0..6).map(|_| !random.chance(33)).collect();
    knobs.webhooks = random.chance(75).then(|| trouble(&mut random));
    knobs.github_late = *random.of(&[0, 20, 60]);
    // A clock that jumps ahead shortens every wait, so that what services commit late may come after it.
    let ahead = knobs.late == 0 && knobs.github_late == 0;
    let mut off = 0;
    let stormy = steps.len() - steps.len() / 4;
    let mut backed_up = false;
    for step in &mut steps[..stormy] {
        // Without webhooks an engine that does not look finds nothing.
        step.polls = knobs.webhooks.is_none() || random.chance(50);
        for (kind, about) in mask.iter().enumerate() {
            let happens = random.chance(25);
            let number = random.number();
            let at = random.mostly_small(12);
            if !(happens && *about) {
                continue;
            }
            let range = i64::from(2 * FURTHEST);
            let wanted =
                i32::try_from(number.cast_signed().rem_euclid(range)).unwrap_or(0) - FURTHEST;
            step.upsets.push(match kind {
                0 => {
                    off = wanted.min(if ahead { off + FURTHEST } else { off });
                    Upset::Clock(off)
                }
                1 => Upset::FullDisk(u32::try_from(at).unwrap_or(0)),
                2 if backed_up && number.is_multiple_of(2) => Upset::Restore,
                2 => {
                    backed_up = true;
                    Upset::BackUp
                }
                3 => Upset::Rename,
                4 => Upset::Spare,
                _ => Upset::Forged(u32::try_from(number % 1_000).unwrap_or(0)),
            });
        }
    }
    take_away(seed, &mut steps[..stormy]);
}

/// Adds what takes something away from the process: its access, a type, its configuration.
fn take_away(seed: u64, steps: &mut [Step]) {
    // A stream of its own: nothing else depends on it.
    let mut random = Stream::new(seed, "access");
    let mask: Vec<bool> = (0..5).map(|_| !random.chance(33)).collect();
    for step in steps {
        for (kind, about) in mask.iter().enumerate() {
            let happens = random.chance(15);
            let side = *random.of(&[Side::Notion, Side::Github]);
            let policy =
                *random.of(&[Policy::ManualReview, Policy::NotionWins, Policy::GithubWins]);
            if happens && *about {
                step.upsets.push(match kind {
                    0 => Upset::Locked(side),
                    1 => Upset::Hidden(side),
                    2 => Upset::Unshare,
                    3 => Upset::Retype,
                    _ => Upset::Policy(policy),
                });
            }
        }
    }
}
